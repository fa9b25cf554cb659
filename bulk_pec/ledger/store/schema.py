"""The tables. `migrations/` builds the same ones step by step; a test holds the two together.

Conventions:

* Times are milliseconds since the epoch, UTC, as integers.
* Hot tables (messages, attempts, receipts) carry no foreign keys: on Postgres each would lock and check
  a row per insert. the contract suite recounts what they would have held.
* No index covers a column that changes while sending, so Postgres updates messages in place (HOT).
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bulk_pec.ledger.store import registry_tables, tables
from bulk_pec.ledger.store.tables import BIG, ZERO, count

SCHEMA_VERSION = "0005"
"""The alembic revision this code works with; a test holds it equal to the one head of `migrations/`."""

metadata = tables.metadata
registrations, registration_states = registry_tables.registrations, registry_tables.registration_states
registry_changes = registry_tables.registry_changes

runs = Table(
    "runs",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("started_at", BIG, comment="when it was first allowed to send"),
    Column("finished_at", BIG),
    Column("list_name", Text, nullable=False, comment="the file's name, without its folder"),
    Column("list_digest", Text, nullable=False, comment="SHA-256 of the file's bytes"),
    Column("template_digest", Text, nullable=False, comment="SHA-256 over the templates' bytes"),
    Column("words_digest", Text, comment="the same but for the reference; NULL: from before it was kept"),
    Column("columns", Text, nullable=False, comment="JSON array: the input's own columns"),
    Column("first_id", BIG, nullable=False, comment="its messages' ids lie between these two"),
    Column("last_id", BIG, nullable=False),
    Column("input_rows", Integer, nullable=False),
    Column("service", Text, comment="the base URL it is sent through, from its first sending on"),
    Column("retry_of", BIG, comment="the run whose failures this one takes up again"),
    Column("restored_at", BIG, comment="a receipt named a message without an attempt: settle comes first"),
    Column("canary", Text, comment="sending, waiting, passed or failed; NULL: it has none"),
    Column("canary_at", BIG, comment="when its canary had been sent whole"),
    Column("balance", Text, comment="JSON: its three-way balance at the end of the last harvest"),
)

run_counts = Table(
    "run_counts",
    metadata,
    Column("run_id", BIG, primary_key=True, autoincrement=False),
    *map(count, ("pending", "sending", "sent", "rejected", "in_doubt", "cancelled", "abandoned")),
    *map(
        count,
        (
            "delivery_none",
            "delivery_accepted",
            "delivery_not_accepted",
            "delivery_delivered",
            "delivery_undelivered",
            "delivery_overdue",
        ),
    ),
    *map(count, ("invalid", "duplicate", "suppressed", "attempts", "receipts_matched", "twins")),
    Column("updated_at", BIG, nullable=False),
    comment="kept in the same transaction as what they count, so that status is one row at any size",
)

_RENAMED = text("list_key IS NOT NULL")
_CAUSED = text("cause IS NOT NULL")

messages = Table(
    "messages",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("run_id", BIG, nullable=False),
    Column("row", Integer, nullable=False, comment="data row of the input, from 1"),
    Column("key", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("reference", Text, nullable=False, unique=True),
    Column("fields", Text, nullable=False, comment="JSON array: the row's values, in runs.columns order"),
    Column("content_digest", LargeBinary, nullable=False, comment="what it will say, the reference left out"),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", SmallInteger, nullable=False, server_default=ZERO),
    Column("mailbox_id", BIG, comment="bound by the first intent"),
    Column("not_before", BIG, comment="after a throttle"),
    Column("harvest_after", BIG, comment="absence accepted then: claimed only after a later harvest's end"),
    Column("message_id", Text, comment="the provider's token"),
    Column("sent_at", BIG),
    Column("reason", Text),
    Column("delivery", Text, nullable=False, server_default=text("'none'")),
    Column("accepted_at", BIG),
    Column("not_accepted_at", BIG),
    Column("delivered_at", BIG),
    Column("undelivered_at", BIG),
    Column("late_at", BIG),
    Column("expires_at", BIG, comment="never sent after it"),
    Column("looked_up", Boolean, comment="true: the address is the company service's, not the list's"),
    Column("list_key", Text, comment="the list's own key where `key` has a number added; NULL: `key` is it"),
    Column("twin_at", BIG, comment="when receipts showed that it had left twice"),
    Column("cause", Text, comment="why it was not delivered, as a notice's text says; a fixed word"),
    Column("asked_at", BIG, comment="when its receipts were last asked for by its message_id"),
    UniqueConstraint("run_id", "key"),
    Index(None, "run_id", "list_key", sqlite_where=_RENAMED, postgresql_where=_RENAMED),
    Index("ix_messages_caused", "run_id", "cause", sqlite_where=_CAUSED, postgresql_where=_CAUSED),
    postgresql_with={"fillfactor": "75"},
)

set_aside = Table(
    "set_aside",
    metadata,
    Column("run_id", BIG, primary_key=True, autoincrement=False),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False, comment="invalid, duplicate or suppressed"),
    Column("key", Text),
    Column("recipient", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fields", Text, nullable=False),
    comment="input rows that never became messages",
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address", Text, primary_key=True, comment="canonical form"),
    Column("reason", Text, nullable=False),
    Column("added_at", BIG, nullable=False),
    comment="addresses never to be written to; checked at load and again at claim",
)

lookups = Table(
    "lookups",
    metadata,
    Column("tax_code", Text, primary_key=True, comment="upper-case"),
    Column("address", Text, comment="what the company service answered; NULL: it knows none"),
    Column("asked_at", BIG, nullable=False),
    Column("service", Text, nullable=False, server_default=text("''"), comment="the base URL that was asked"),
    comment="the company service's answers, which cost money",
)

domains = Table(
    "domains",
    metadata,
    Column("domain", Text, primary_key=True, comment="lower-case"),
    Column("certified", Boolean, nullable=False, comment="whether it uses certified mail"),
    Column("asked_at", BIG, nullable=False),
    Column("service", Text, nullable=False, server_default=text("''"), comment="the base URL that was asked"),
    comment="the registry's answers, which cost money",
)

blocks = Table(
    "blocks",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("run_id", BIG, nullable=False),
    Column("first_id", BIG, nullable=False),
    Column("last_id", BIG, nullable=False),
    Column("worker_id", BIG, comment="who holds it; the fencing token of every intent in it"),
    Column("done", Boolean, nullable=False, server_default=text("false")),
    Index(None, "run_id", "first_id"),
    comment="key ranges of pending messages: what a worker claims",
)

workers = Table(
    "workers",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True, comment="grows: the fencing token"),
    Column("run_id", BIG, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", BIG, nullable=False),
    Column("expires_at", BIG, nullable=False, comment="the lease's end, by the database's clock"),
    Column("ended_at", BIG),
    Index(
        "ix_workers_living",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False, unique=True, comment="lower case"),
    count("seen"),
    count("unknown"),
    Column("harvested_at", BIG, comment="end of the last complete harvest"),
    Column("first_page", SmallInteger, comment="where its pages begin, as seen: 0 or 1"),
    Column("ids_moved_at", BIG, comment="when a known mail was first seen under another id"),
    Column("archived_to", BIG, nullable=False, server_default=ZERO, comment="receipts.id: all up to it done"),
    count("archived"),
    Column("archive_head", Text, comment="SHA-256 of the archive's last entry; NULL: it has none"),
    comment="sending mailboxes, and how many mails were seen in each",
)

quotas = Table(
    "quotas",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("mailbox_id", BIG, nullable=False),
    Column("at", BIG, nullable=False),
    Column("usage", Float, nullable=False, comment="in the provider's unit, which is uncertain"),
    Column("capacity", Float, nullable=False, comment="in the same unit"),
    Column("seen", Integer, nullable=False, comment="mails ever seen in it by then"),
    Index(None, "mailbox_id", "at"),
    comment="how full mailboxes were: what growth a mail and the day they are full are learnt from",
)

paces = Table(
    "paces",
    metadata,
    Column("scope", Text, primary_key=True, comment="api, or mailbox:<id>"),
    Column("next_at", BIG, nullable=False, server_default=ZERO, comment="the next free slot, microseconds"),
    Column("paused_until", BIG, nullable=False, server_default=ZERO, comment="microseconds"),
    Column("throttled_at", BIG, comment="end of the last pause a 429 made, microseconds"),
    Column("pauses", Integer, nullable=False, server_default=ZERO, comment="in a row"),
    Column("share", Float, nullable=False, server_default=text("1"), comment="of the rate, after a 429"),
    comment="the pace of POSTs over all processes; times by the ledger's clock",
)

usage = Table(
    "usage",
    metadata,
    Column("scope", Text, primary_key=True, comment="mailbox:<id>, or run:<id>"),
    Column("period", Text, primary_key=True, comment="2026-11-23, 2026-11, 2026; of a run: cost"),
    Column("used", BIG, nullable=False, server_default=ZERO, comment="addresses; a cost: EUR/1,000,000"),
    comment="what counts against caps and budgets: updated with the intent, never counted",
)

canaries = Table(
    "canaries",
    metadata,
    Column("run_id", BIG, primary_key=True, autoincrement=False),
    Column("message", BIG, primary_key=True, autoincrement=False),
    comment="the messages a run sends first, to see whether they arrive",
)

orders = Table(
    "orders",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("run_id", BIG, nullable=False),
    Column("kind", Text, nullable=False, comment="pause, resume, cancel or settle"),
    Column("given_at", BIG, nullable=False),
    Column("given_by", Text, nullable=False, comment="host and process"),
    Column("facts", Text, comment="JSON: what it found and did"),
    Index(None, "run_id"),
    comment="what operators ordered, for the record",
)

run_mailboxes = Table(
    "run_mailboxes",
    metadata,
    Column("run_id", BIG, primary_key=True, autoincrement=False),
    Column("mailbox_id", BIG, primary_key=True, autoincrement=False),
    Column("seen_before", Integer, nullable=False),
    Column("unknown_before", Integer, nullable=False),
    comment="what a mailbox had seen when the run was loaded",
)

_OPEN = text("closed_at IS NULL")
_DOUBT = text("outcome = 'in_doubt' AND settlement IS NULL")
_FEWER = text("sent_to < units")
_NAMED = text("subject_digest IS NOT NULL AND message_id IS NOT NULL")

attempts = Table(
    "attempts",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("message", BIG, nullable=False, comment="messages.id"),
    Column("number", SmallInteger, nullable=False, comment="from 1"),
    Column("run_id", BIG, nullable=False),
    Column("mailbox_id", BIG, nullable=False),
    Column("worker_id", BIG, nullable=False),
    Column("digest", Text, nullable=False, comment="SHA-256 of recipient, subject, body, attachments"),
    Column("quota_share", Float, comment="how full the mailbox was when last read before it"),
    Column("units", SmallInteger, nullable=False, server_default=text("1"), comment="its addresses"),
    Column("cost", BIG, comment="EUR/1,000,000; NULL: tried before costs were kept"),
    Column("opened_at", BIG, nullable=False),
    Column("closed_at", BIG),
    Column("outcome", Text),
    Column("status", SmallInteger, comment="HTTP status, if one was read"),
    Column("message_id", Text),
    Column("sent_to", SmallInteger, comment="to how many addresses, as the provider says"),
    Column("subject_digest", Text, comment="of a subject without a reference: see domain.subjects"),
    Column("detail", Text),
    Column("settlement", Text, comment="how a doubt ended: receipt, absence, late_answer, operator"),
    Column("settled_at", BIG),
    Column("settled_facts", Text, comment="JSON: what the settlement rests on"),
    UniqueConstraint("message", "number"),
    Index("uq_attempts_open", "message", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_attempts_doubt", "run_id", sqlite_where=_DOUBT, postgresql_where=_DOUBT),
    Index("ix_attempts_fewer", "run_id", sqlite_where=_FEWER, postgresql_where=_FEWER),
    Index("ix_attempts_named", "mailbox_id", "message_id", sqlite_where=_NAMED, postgresql_where=_NAMED),
)

harvests = Table(
    "harvests",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("mailbox_id", BIG, nullable=False),
    Column("begun_at", BIG, nullable=False),
    Column("carried_on", BIG, comment="harvests.id: the dead walk whose pages it did not read again"),
    Column("position", Integer, comment="pages up to this one are recorded without a gap"),
    Column("mails", Integer, nullable=False, server_default=ZERO, comment="rows that are this walk's"),
    Column("ended_at", BIG),
    Column("complete", Boolean, nullable=False, server_default=text("false")),
    Column(
        "both_ends",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="walked whole, or met known mail at both",
    ),
    Column(
        "steady", Boolean, nullable=False, server_default=text("false"), comment="nothing had gone, for sure"
    ),
    Column("lost", Boolean, nullable=False, server_default=text("false"), comment="something known had gone"),
    Column("pages", Integer, nullable=False, server_default=ZERO),
    Column("total", Integer, comment="what the provider said the box holds"),
    Column("total_right", Boolean, nullable=False, server_default=text("false"), comment="as far as known"),
    Column("fell_at", BIG, comment="when the total was last seen to fall during this walk"),
    Column("whole", Boolean, nullable=False, server_default=text("false"), comment="read all after a fall"),
    Column("ends", Text, comment="fingerprints of the mails at both ends, parted by blanks"),
    Column("quota_share", Float),
    Index(None, "mailbox_id", "ended_at"),
)

_WAITS = text("message IS NULL AND token IS NOT NULL")
_CAUSELESS = text("cause IS NULL AND message IS NOT NULL AND kind IN ('not_accepted', 'undelivered', 'late')")
_DELETED = text("deleted_at IS NOT NULL")
_LEAVING = text("deleted_at IS NOT NULL AND NOT gone")

receipts = Table(
    "receipts",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("mailbox_id", BIG, nullable=False),
    Column("fingerprint", Text, nullable=False, comment="of sender, subject and date: never of the id"),
    Column("harvest_id", BIG, nullable=False, comment="the walk that first saw it"),
    Column("counted_by", BIG, comment="the walk that last counted it, where another had recorded it"),
    Column("item_id", Text, nullable=False, comment="the provider's id when first seen; may shift"),
    Column("kind", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("date", Text, nullable=False),
    Column("at", BIG),
    Column("reference", Text),
    Column("message", BIG, comment="messages.id, once matched"),
    Column("token", Text, comment="of a receipt: the provider's message_id at its subject's end"),
    Column(
        "cause", Text, comment="of a notice, once its text was read: why it was not delivered; a fixed word"
    ),
    Column("text_digest", Text, comment="SHA-256 of its text as archived"),
    Column("archived_at", BIG),
    Column("archive_number", Integer, comment="its place in its mailbox's archive, from 1"),
    Column("deleted_at", BIG, comment="when we asked the provider to delete it; written before we asked"),
    Column("gone", Boolean, nullable=False, server_default=text("false"), comment="it said that it has"),
    Column("misses", SmallInteger, nullable=False, server_default=ZERO, comment="vain looks for its text"),
    # Fingerprint first: SQLite would take the mailbox alone for a good way in, and scan all of its mail.
    UniqueConstraint("fingerprint", "mailbox_id"),
    Index(None, "message"),
    Index("ix_receipts_waiting", "mailbox_id", "token", sqlite_where=_WAITS, postgresql_where=_WAITS),
    Index("ix_receipts_causeless", "mailbox_id", sqlite_where=_CAUSELESS, postgresql_where=_CAUSELESS),
    Index(
        "ix_receipts_deleted", "mailbox_id", "deleted_at", sqlite_where=_DELETED, postgresql_where=_DELETED
    ),
    Index("ix_receipts_leaving", "mailbox_id", sqlite_where=_LEAVING, postgresql_where=_LEAVING),
)
