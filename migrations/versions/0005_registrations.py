"""What the registry said of our own mailboxes, the history of their states, and the changes asked of it.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "registrations",
        sa.Column("service", sa.Text(), nullable=False, comment="the base URL of the registry that said it"),
        sa.Column("id", sa.Text(), nullable=False, comment="the registry's own"),
        sa.Column("address", sa.Text(), nullable=False, comment="lower case; empty: it was not told"),
        sa.Column("kind", sa.Text(), nullable=False, comment="tipo_casella; empty: it was not told"),
        sa.Column("stato", sa.Text(), nullable=False, comment="in the registry's own word"),
        sa.Column("expires_at", _BIG, nullable=True),
        sa.Column(
            "changed_at",
            _BIG,
            nullable=True,
            comment="as the registry says; what it dates earlier was overtaken",
        ),
        sa.Column("auto_renew", sa.Boolean(), nullable=True),
        sa.Column("first_seen_at", _BIG, nullable=False),
        sa.Column("last_seen_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("service", "id", name=op.f("pk_registrations")),
        comment="what the registry said of our own mailboxes; nothing of the applicant",
    )
    op.create_index(
        op.f("ix_registrations_service_address"), "registrations", ["service", "address"], unique=False
    )
    op.create_table(
        "registration_states",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("stato", sa.Text(), nullable=False),
        sa.Column("at", _BIG, nullable=False, comment="when it was read"),
        sa.Column("source", sa.Text(), nullable=False, comment="what read it: a command, or callback"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_states")),
        comment="the states they were found in, one after the other",
    )
    op.create_index(
        op.f("ix_registration_states_service_registration_id_id"),
        "registration_states",
        ["service", "registration_id", "id"],
        unique=False,
    )
    _changes()


def _changes() -> None:
    op.create_table(
        "registry_changes",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False, comment="register or renew"),
        sa.Column(
            "mailbox", sa.Text(), nullable=False, comment="lower case: the address if it is new, else the id"
        ),
        sa.Column(
            "expires_at", _BIG, nullable=True, comment="before; what comes later shows that it was renewed"
        ),
        sa.Column("opened_at", _BIG, nullable=False, comment="right before its one request"),
        sa.Column("opened_by", sa.Text(), nullable=False, comment="user, host and process"),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=True,
            comment="done, refused, not_sent, in_doubt, seen or again; NULL: none is known",
        ),
        sa.Column("settled_at", _BIG, nullable=True, comment="NULL: open, or in doubt"),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_changes")),
        comment="changes that are paid for: kept before they are asked for, settled by what came of them",
    )
    op.create_index(
        op.f("ix_registry_changes_service_mailbox_id"),
        "registry_changes",
        ["service", "mailbox", "id"],
        unique=False,
    )
    op.create_index(
        "uq_registry_changes_unsettled",
        "registry_changes",
        ["service", "mailbox"],
        unique=True,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
