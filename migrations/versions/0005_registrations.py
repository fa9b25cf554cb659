"""What the registry said of our own mailboxes, and the history of their states.

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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
        comment="what the registry said of our own mailboxes; nothing of the applicant",
    )
    op.create_index(op.f("ix_registrations_address"), "registrations", ["address"], unique=False)
    op.create_table(
        "registration_states",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("stato", sa.Text(), nullable=False),
        sa.Column("at", _BIG, nullable=False, comment="when it was read"),
        sa.Column("source", sa.Text(), nullable=False, comment="what read it: a command, or callback"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_states")),
        comment="the states they were found in, one after the other",
    )
    op.create_index(
        op.f("ix_registration_states_registration_id_id"),
        "registration_states",
        ["registration_id", "id"],
        unique=False,
    )
