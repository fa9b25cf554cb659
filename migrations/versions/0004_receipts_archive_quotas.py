"""What receipts say beyond their kind, the archive, quotas as they were read, walks that are carried on.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CAUSED = sa.text("cause IS NOT NULL")
_FEWER = sa.text("sent_to < units")
_NAMED = sa.text("subject_digest IS NOT NULL AND message_id IS NOT NULL")
_DELETED = sa.text("deleted_at IS NOT NULL")
_LEAVING = sa.text("deleted_at IS NOT NULL AND NOT gone")
_WAITS = sa.text("message IS NULL AND token IS NOT NULL")
_CAUSELESS = sa.text(
    "cause IS NULL AND message IS NOT NULL AND kind IN ('not_accepted', 'undelivered', 'late')"
)


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("mailbox_id", _BIG, nullable=False),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("usage", sa.Float(), nullable=False, comment="in the provider's unit, which is uncertain"),
        sa.Column("capacity", sa.Float(), nullable=False, comment="in the same unit"),
        sa.Column("seen", sa.Integer(), nullable=False, comment="mails ever seen in it by then"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotas")),
        comment="how full mailboxes were: what growth a mail and the day they are full are learnt from",
    )
    op.create_index(op.f("ix_quotas_mailbox_id_at"), "quotas", ["mailbox_id", "at"], unique=False)

    op.add_column(
        "runs",
        sa.Column(
            "balance",
            sa.Text(),
            nullable=True,
            comment="JSON: its three-way balance at the end of the last harvest",
        ),
    )
    op.add_column(
        "attempts",
        sa.Column(
            "sent_to", sa.SmallInteger(), nullable=True, comment="to how many addresses, as the provider says"
        ),
    )
    op.add_column(
        "attempts",
        sa.Column(
            "subject_digest",
            sa.Text(),
            nullable=True,
            comment="of a subject without a reference: see domain.subjects",
        ),
    )
    for name, columns, where in (
        ("ix_attempts_fewer", ["run_id"], _FEWER),
        ("ix_attempts_named", ["mailbox_id", "message_id"], _NAMED),
    ):
        op.create_index(name, "attempts", columns, unique=False, sqlite_where=where, postgresql_where=where)

    op.add_column(
        "harvests",
        sa.Column(
            "carried_on",
            _BIG,
            nullable=True,
            comment="harvests.id: the dead walk whose pages it did not read again",
        ),
    )
    op.add_column(
        "harvests",
        sa.Column(
            "position", sa.Integer(), nullable=True, comment="pages up to this one are recorded without a gap"
        ),
    )
    op.add_column(
        "harvests",
        sa.Column(
            "mails",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="rows that are this walk's",
        ),
    )
    op.add_column(
        "harvests",
        sa.Column(
            "fell_at", _BIG, nullable=True, comment="when the total was last seen to fall during this walk"
        ),
    )
    op.add_column(
        "harvests",
        sa.Column(
            "whole",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="read all after a fall",
        ),
    )

    op.add_column(
        "mailboxes",
        sa.Column(
            "first_page", sa.SmallInteger(), nullable=True, comment="where its pages begin, as seen: 0 or 1"
        ),
    )
    op.add_column(
        "mailboxes",
        sa.Column(
            "ids_moved_at", _BIG, nullable=True, comment="when a known mail was first seen under another id"
        ),
    )
    op.add_column(
        "mailboxes",
        sa.Column(
            "archived_to",
            _BIG,
            server_default=sa.text("0"),
            nullable=False,
            comment="receipts.id: all up to it done",
        ),
    )
    op.add_column(
        "mailboxes", sa.Column("archived", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "mailboxes",
        sa.Column(
            "archive_head",
            sa.Text(),
            nullable=True,
            comment="SHA-256 of the archive's last entry; NULL: it has none",
        ),
    )

    op.add_column(
        "messages",
        sa.Column(
            "cause",
            sa.Text(),
            nullable=True,
            comment="why it was not delivered, as a notice's text says; a fixed word",
        ),
    )
    op.add_column(
        "messages",
        sa.Column(
            "asked_at", _BIG, nullable=True, comment="when its receipts were last asked for by its message_id"
        ),
    )

    op.add_column(
        "receipts",
        sa.Column(
            "counted_by",
            _BIG,
            nullable=True,
            comment="the walk that last counted it, where another had recorded it",
        ),
    )
    op.add_column(
        "receipts",
        sa.Column(
            "token",
            sa.Text(),
            nullable=True,
            comment="of a receipt: the provider's message_id at its subject's end",
        ),
    )
    op.add_column(
        "receipts",
        sa.Column(
            "cause",
            sa.Text(),
            nullable=True,
            comment="of a notice, once its text was read: why it was not delivered; a fixed word",
        ),
    )
    op.add_column(
        "receipts",
        sa.Column("text_digest", sa.Text(), nullable=True, comment="SHA-256 of its text as archived"),
    )
    op.add_column("receipts", sa.Column("archived_at", _BIG, nullable=True))
    op.add_column(
        "receipts",
        sa.Column(
            "archive_number",
            sa.Integer(),
            nullable=True,
            comment="its place in its mailbox's archive, from 1",
        ),
    )
    op.add_column(
        "receipts",
        sa.Column(
            "deleted_at",
            _BIG,
            nullable=True,
            comment="when we asked the provider to delete it; written before we asked",
        ),
    )
    op.add_column(
        "receipts",
        sa.Column(
            "gone",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="it said that it has",
        ),
    )
    op.add_column(
        "receipts",
        sa.Column(
            "misses",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="vain looks for its text",
        ),
    )
    for name, columns, where in (
        ("ix_receipts_deleted", ["mailbox_id", "deleted_at"], _DELETED),
        ("ix_receipts_leaving", ["mailbox_id"], _LEAVING),
    ):
        op.create_index(name, "receipts", columns, unique=False, sqlite_where=where, postgresql_where=where)
    op.create_index(
        "ix_messages_caused",
        "messages",
        ["run_id", "cause"],
        unique=False,
        sqlite_where=_CAUSED,
        postgresql_where=_CAUSED,
    )
    op.create_index(
        "ix_receipts_causeless",
        "receipts",
        ["mailbox_id"],
        unique=False,
        sqlite_where=_CAUSELESS,
        postgresql_where=_CAUSELESS,
    )
    op.create_index(
        "ix_receipts_waiting",
        "receipts",
        ["mailbox_id", "token"],
        unique=False,
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    )
    _put_the_hour_first(op.get_bind())


def _put_the_hour_first(bind: sa.Connection) -> None:
    """Fingerprints begin with a digest of the mail's hour from now on; what follows is the old one's."""
    ends = {row.id: row.ends.split() for row in bind.execute(sa.text(_ENDS))}
    dates = {}
    for fingerprint in {one for words in ends.values() for one in words}:
        dates[fingerprint] = bind.execute(sa.text(_DATE), {"fingerprint": fingerprint}).scalar()
    for harvest, words in ends.items():
        new = " ".join(_with_hour(one, dates[one] or "") for one in words)
        bind.execute(sa.text("UPDATE harvests SET ends = :new WHERE id = :id"), {"new": new, "id": harvest})
    after = 0
    while rows := bind.execute(sa.text(_MAILS), {"after": after}).all():
        after = rows[-1].id
        bind.execute(
            sa.text("UPDATE receipts SET fingerprint = :new WHERE id = :id"),
            [{"new": _with_hour(row.fingerprint, row.date), "id": row.id} for row in rows],
        )


_ENDS = "SELECT id, ends FROM harvests WHERE ends <> ''"
_DATE = "SELECT date FROM receipts WHERE fingerprint = :fingerprint LIMIT 1"
_MAILS = "SELECT id, fingerprint, date FROM receipts WHERE id > :after ORDER BY id LIMIT 10000"


def _with_hour(fingerprint: str, date: str) -> str:
    hour = hashlib.sha256(date.partition(":")[0].encode("utf-8", "surrogatepass")).hexdigest()
    return hour[:8] + fingerprint[:24]
