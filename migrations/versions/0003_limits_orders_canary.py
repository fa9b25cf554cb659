"""The pace and the caps over all processes, what operators ordered, canaries and late twins.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bulk_pec.domain.letters import recipients_of

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PAGE = 10_000
_TO_SEVERAL = sa.text(
    "SELECT id, recipient FROM messages WHERE id > :after AND recipient LIKE '%@%@%' "
    "AND attempts > 0 ORDER BY id LIMIT :page"
)
_COUNT = sa.text("UPDATE attempts SET units = :units WHERE message = :message")


def _count_addresses() -> None:
    """Earlier attempts count against caps as later ones do: each address once."""
    connection, after = op.get_bind(), 0
    while rows := connection.execute(_TO_SEVERAL, {"after": after, "page": _PAGE}).all():
        after = rows[-1].id
        found = [{"units": len(recipients_of(row.recipient)), "message": row.id} for row in rows]
        connection.execute(_COUNT, found)


def upgrade() -> None:
    op.create_table(
        "canaries",
        sa.Column("run_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("message", _BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "message", name=op.f("pk_canaries")),
        comment="the messages a run sends first, to see whether they arrive",
    )
    op.create_table(
        "orders",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("run_id", _BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="pause, resume, cancel or settle"),
        sa.Column("given_at", _BIG, nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False, comment="host and process"),
        sa.Column("facts", sa.Text(), nullable=True, comment="JSON: what it found and did"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        comment="what operators ordered, for the record",
    )
    op.create_index(op.f("ix_orders_run_id"), "orders", ["run_id"], unique=False)

    op.create_table(
        "paces",
        sa.Column("scope", sa.Text(), nullable=False, comment="api, or mailbox:<id>"),
        sa.Column(
            "next_at",
            _BIG,
            server_default=sa.text("0"),
            nullable=False,
            comment="the next free slot, microseconds",
        ),
        sa.Column("paused_until", _BIG, server_default=sa.text("0"), nullable=False, comment="microseconds"),
        sa.Column(
            "throttled_at", _BIG, nullable=True, comment="end of the last pause a 429 made, microseconds"
        ),
        sa.Column("pauses", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="in a row"),
        sa.Column(
            "share",
            sa.Float(),
            server_default=sa.text("1"),
            nullable=False,
            comment="of the rate, after a 429",
        ),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_paces")),
        comment="the pace of POSTs over all processes; times by the ledger's clock",
    )
    op.create_table(
        "usage",
        sa.Column("scope", sa.Text(), nullable=False, comment="mailbox:<id>, or run:<id>"),
        sa.Column("period", sa.Text(), nullable=False, comment="2026-11-23, 2026-11, 2026; of a run: cost"),
        sa.Column(
            "used",
            _BIG,
            server_default=sa.text("0"),
            nullable=False,
            comment="addresses; a cost: EUR/1,000,000",
        ),
        sa.PrimaryKeyConstraint("scope", "period", name=op.f("pk_usage")),
        comment="what counts against caps and budgets: updated with the intent, never counted",
    )
    op.add_column(
        "attempts",
        sa.Column(
            "units", sa.SmallInteger(), server_default=sa.text("1"), nullable=False, comment="its addresses"
        ),
    )
    _count_addresses()
    op.add_column(
        "attempts",
        sa.Column("cost", _BIG, nullable=True, comment="EUR/1,000,000; NULL: tried before costs were kept"),
    )

    op.add_column(
        "messages",
        sa.Column("twin_at", _BIG, nullable=True, comment="when receipts showed that it had left twice"),
    )

    op.add_column("run_counts", sa.Column("twins", sa.Integer(), server_default=sa.text("0"), nullable=False))

    op.add_column(
        "runs",
        sa.Column(
            "restored_at",
            _BIG,
            nullable=True,
            comment="a receipt named a message without an attempt: settle comes first",
        ),
    )
    op.add_column(
        "runs",
        sa.Column(
            "canary",
            sa.Text(),
            nullable=True,
            comment="sending, waiting, passed or failed; NULL: it has none",
        ),
    )
    op.add_column(
        "runs", sa.Column("canary_at", _BIG, nullable=True, comment="when its canary had been sent whole")
    )
    # It was a time, by the clock of whichever host; now it is the number of the last harvest begun by then.
    op.execute(
        "UPDATE messages SET harvest_after = (SELECT COALESCE(MAX(id), 0) FROM harvests) "
        "WHERE harvest_after IS NOT NULL"
    )
