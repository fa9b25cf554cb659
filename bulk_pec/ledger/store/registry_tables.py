"""The tables of `registrations` and `changes`: what the registry said, and was asked. See `schema`."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text, text

from bulk_pec.ledger.store.tables import BIG, metadata

_UNSETTLED = text("settled_at IS NULL")

registrations = Table(
    "registrations",
    metadata,
    Column("service", Text, primary_key=True, comment="the base URL of the registry that said it"),
    Column("id", Text, primary_key=True, comment="the registry's own"),
    Column("address", Text, nullable=False, comment="lower case; empty: it was not told"),
    Column("kind", Text, nullable=False, comment="tipo_casella; empty: it was not told"),
    Column("stato", Text, nullable=False, comment="in the registry's own word"),
    Column("expires_at", BIG),
    Column("changed_at", BIG, comment="as the registry says; what it dates earlier was overtaken"),
    Column("auto_renew", Boolean),
    Column("first_seen_at", BIG, nullable=False),
    Column("last_seen_at", BIG, nullable=False),
    Index(None, "service", "address"),
    comment="what the registry said of our own mailboxes; nothing of the applicant",
)

registration_states = Table(
    "registration_states",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("service", Text, nullable=False),
    Column("registration_id", Text, nullable=False),
    Column("stato", Text, nullable=False),
    Column("at", BIG, nullable=False, comment="when it was read"),
    Column("source", Text, nullable=False, comment="what read it: a command, or callback"),
    Index(None, "service", "registration_id", "id"),
    comment="the states they were found in, one after the other",
)

registry_changes = Table(
    "registry_changes",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("service", Text, nullable=False),
    Column("what", Text, nullable=False, comment="register or renew"),
    Column("mailbox", Text, nullable=False, comment="lower case: the address if it is new, else the id"),
    Column("expires_at", BIG, comment="before; what comes later shows that it was renewed"),
    Column("opened_at", BIG, nullable=False, comment="right before its one request"),
    Column("opened_by", Text, nullable=False, comment="user, host and process"),
    Column("outcome", Text, comment="done, refused, not_sent, in_doubt, seen or again; NULL: none is known"),
    Column("settled_at", BIG, comment="NULL: open, or in doubt"),
    Column("settled_by", Text),
    Index(None, "service", "mailbox", "id"),
    Index(
        "uq_registry_changes_unsettled",
        "service",
        "mailbox",
        unique=True,
        sqlite_where=_UNSETTLED,
        postgresql_where=_UNSETTLED,
    ),
    comment="changes that are paid for: kept before they are asked for, settled by what came of them",
)
