"""The first schema.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("message", _BIG, nullable=False, comment="messages.id"),
        sa.Column("number", sa.SmallInteger(), nullable=False, comment="from 1"),
        sa.Column("run_id", _BIG, nullable=False),
        sa.Column("mailbox_id", _BIG, nullable=False),
        sa.Column("worker_id", _BIG, nullable=False),
        sa.Column(
            "digest", sa.Text(), nullable=False, comment="SHA-256 of recipient, subject, body, attachments"
        ),
        sa.Column(
            "quota_share",
            sa.Float(),
            nullable=True,
            comment="how full the mailbox was when last read before it",
        ),
        sa.Column("opened_at", _BIG, nullable=False),
        sa.Column("closed_at", _BIG, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="HTTP status, if one was read"),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column(
            "settlement",
            sa.Text(),
            nullable=True,
            comment="how a doubt ended: receipt, absence, late_answer, operator",
        ),
        sa.Column("settled_at", _BIG, nullable=True),
        sa.Column("settled_facts", sa.Text(), nullable=True, comment="JSON: what the settlement rests on"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("message", "number", name=op.f("uq_attempts_message_number")),
    )
    op.create_index(
        "ix_attempts_doubt",
        "attempts",
        ["run_id"],
        unique=False,
        sqlite_where=sa.text("outcome = 'in_doubt' AND settlement IS NULL"),
        postgresql_where=sa.text("outcome = 'in_doubt' AND settlement IS NULL"),
    )
    op.create_index(
        "uq_attempts_open",
        "attempts",
        ["message"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "blocks",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("run_id", _BIG, nullable=False),
        sa.Column("first_id", _BIG, nullable=False),
        sa.Column("last_id", _BIG, nullable=False),
        sa.Column(
            "worker_id", _BIG, nullable=True, comment="who holds it; the fencing token of every intent in it"
        ),
        sa.Column("done", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocks")),
        comment="key ranges of pending messages: what a worker claims",
    )
    op.create_index(op.f("ix_blocks_run_id_first_id"), "blocks", ["run_id", "first_id"], unique=False)
    op.create_table(
        "harvests",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("mailbox_id", _BIG, nullable=False),
        sa.Column("begun_at", _BIG, nullable=False),
        sa.Column("ended_at", _BIG, nullable=True),
        sa.Column("complete", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column(
            "both_ends",
            sa.Boolean(),
            server_default=sa.text("(false)"),
            nullable=False,
            comment="walked whole, or met known mail at both",
        ),
        sa.Column(
            "steady",
            sa.Boolean(),
            server_default=sa.text("(false)"),
            nullable=False,
            comment="nothing had gone, for sure",
        ),
        sa.Column(
            "lost",
            sa.Boolean(),
            server_default=sa.text("(false)"),
            nullable=False,
            comment="something known had gone",
        ),
        sa.Column("pages", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True, comment="what the provider said the box holds"),
        sa.Column(
            "total_right",
            sa.Boolean(),
            server_default=sa.text("(false)"),
            nullable=False,
            comment="as far as known",
        ),
        sa.Column(
            "ends",
            sa.Text(),
            nullable=True,
            comment="fingerprints of the mails at both ends, parted by blanks",
        ),
        sa.Column("quota_share", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_harvests")),
    )
    op.create_index(
        op.f("ix_harvests_mailbox_id_ended_at"), "harvests", ["mailbox_id", "ended_at"], unique=False
    )
    op.create_table(
        "mailboxes",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="lower case"),
        sa.Column("seen", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unknown", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("harvested_at", _BIG, nullable=True, comment="end of the last complete harvest"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailboxes")),
        sa.UniqueConstraint("address", name=op.f("uq_mailboxes_address")),
        comment="sending mailboxes, and how many mails were seen in each",
    )
    op.create_table(
        "messages",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("run_id", _BIG, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False, comment="data row of the input, from 1"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column(
            "fields", sa.Text(), nullable=False, comment="JSON array: the row's values, in runs.columns order"
        ),
        sa.Column(
            "content_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="what it will say, the reference left out",
        ),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("mailbox_id", _BIG, nullable=True, comment="bound by the first intent"),
        sa.Column("not_before", _BIG, nullable=True, comment="after a throttle"),
        sa.Column(
            "harvest_after",
            _BIG,
            nullable=True,
            comment="absence accepted then: claimed only after a later harvest's end",
        ),
        sa.Column("message_id", sa.Text(), nullable=True, comment="the provider's token"),
        sa.Column("sent_at", _BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("delivery", sa.Text(), server_default=sa.text("'none'"), nullable=False),
        sa.Column("accepted_at", _BIG, nullable=True),
        sa.Column("not_accepted_at", _BIG, nullable=True),
        sa.Column("delivered_at", _BIG, nullable=True),
        sa.Column("undelivered_at", _BIG, nullable=True),
        sa.Column("late_at", _BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("reference", name=op.f("uq_messages_reference")),
        sa.UniqueConstraint("run_id", "key", name=op.f("uq_messages_run_id_key")),
        postgresql_with={"fillfactor": "75"},
    )
    op.create_table(
        "receipts",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("mailbox_id", _BIG, nullable=False),
        sa.Column(
            "fingerprint", sa.Text(), nullable=False, comment="of sender, subject and date: never of the id"
        ),
        sa.Column("harvest_id", _BIG, nullable=False, comment="the walk that first saw it"),
        sa.Column(
            "item_id", sa.Text(), nullable=False, comment="the provider's id when first seen; may shift"
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("date", sa.Text(), nullable=False),
        sa.Column("at", _BIG, nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("message", _BIG, nullable=True, comment="messages.id, once matched"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("fingerprint", "mailbox_id", name=op.f("uq_receipts_fingerprint_mailbox_id")),
    )
    op.create_index(op.f("ix_receipts_message"), "receipts", ["message"], unique=False)
    op.create_table(
        "run_counts",
        sa.Column("run_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("pending", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sending", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("in_doubt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("abandoned", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivery_none", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivery_accepted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivery_not_accepted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivery_delivered", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivery_undelivered", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivery_overdue", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("invalid", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duplicate", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("suppressed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("receipts_matched", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_counts")),
        comment="kept in the same transaction as what they count, so that status is one row at any size",
    )
    op.create_table(
        "run_mailboxes",
        sa.Column("run_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("mailbox_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("seen_before", sa.Integer(), nullable=False),
        sa.Column("unknown_before", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "mailbox_id", name=op.f("pk_run_mailboxes")),
        comment="what a mailbox had seen when the run was loaded",
    )
    op.create_table(
        "runs",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("started_at", _BIG, nullable=True, comment="when it was first allowed to send"),
        sa.Column("finished_at", _BIG, nullable=True),
        sa.Column("list_name", sa.Text(), nullable=False, comment="the file's name, without its folder"),
        sa.Column("list_digest", sa.Text(), nullable=False, comment="SHA-256 of the file's bytes"),
        sa.Column("template_digest", sa.Text(), nullable=False, comment="SHA-256 over the templates' bytes"),
        sa.Column("columns", sa.Text(), nullable=False, comment="JSON array: the input's own columns"),
        sa.Column("first_id", _BIG, nullable=False, comment="its messages' ids lie between these two"),
        sa.Column("last_id", _BIG, nullable=False),
        sa.Column("input_rows", sa.Integer(), nullable=False),
        sa.Column(
            "service",
            sa.Text(),
            nullable=True,
            comment="the base URL it is sent through, from its first sending on",
        ),
        sa.Column("retry_of", _BIG, nullable=True, comment="the run whose failures this one takes up again"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("name", name=op.f("uq_runs_name")),
    )
    op.create_table(
        "set_aside",
        sa.Column("run_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="invalid, duplicate or suppressed"),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "row", name=op.f("pk_set_aside")),
        comment="input rows that never became messages",
    )
    op.create_table(
        "workers",
        sa.Column("id", _BIG, autoincrement=True, nullable=False, comment="grows: the fencing token"),
        sa.Column("run_id", _BIG, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", _BIG, nullable=False),
        sa.Column("expires_at", _BIG, nullable=False, comment="the lease's end, by the database's clock"),
        sa.Column("ended_at", _BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_index(
        "ix_workers_living",
        "workers",
        ["id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
