"""Suppressions, kept answers of paid look-ups, messages that expire, and what tells repeats.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "domains",
        sa.Column("domain", sa.Text(), nullable=False, comment="lower-case"),
        sa.Column("certified", sa.Boolean(), nullable=False, comment="whether it uses certified mail"),
        sa.Column("asked_at", _BIG, nullable=False),
        sa.Column(
            "service",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="the base URL that was asked",
        ),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_domains")),
        comment="the registry's answers, which cost money",
    )
    op.create_table(
        "lookups",
        sa.Column("tax_code", sa.Text(), nullable=False, comment="upper-case"),
        sa.Column(
            "address",
            sa.Text(),
            nullable=True,
            comment="what the company service answered; NULL: it knows none",
        ),
        sa.Column("asked_at", _BIG, nullable=False),
        sa.Column(
            "service",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="the base URL that was asked",
        ),
        sa.PrimaryKeyConstraint("tax_code", name=op.f("pk_lookups")),
        comment="the company service's answers, which cost money",
    )
    op.create_table(
        "suppressions",
        sa.Column("address", sa.Text(), nullable=False, comment="canonical form"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("added_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_suppressions")),
        comment="addresses never to be written to; checked at load and again at claim",
    )
    op.add_column("messages", sa.Column("expires_at", _BIG, nullable=True, comment="never sent after it"))
    op.add_column(
        "messages",
        sa.Column(
            "looked_up",
            sa.Boolean(),
            nullable=True,
            comment="true: the address is the company service's, not the list's",
        ),
    )
    op.add_column(
        "messages",
        sa.Column(
            "list_key",
            sa.Text(),
            nullable=True,
            comment="the list's own key where `key` has a number added; NULL: `key` is it",
        ),
    )
    op.create_index(
        op.f("ix_messages_run_id_list_key"),
        "messages",
        ["run_id", "list_key"],
        unique=False,
        sqlite_where=sa.text("list_key IS NOT NULL"),
        postgresql_where=sa.text("list_key IS NOT NULL"),
    )
    op.add_column(
        "runs",
        sa.Column(
            "words_digest",
            sa.Text(),
            nullable=True,
            comment="the same but for the reference; NULL: from before it was kept",
        ),
    )
