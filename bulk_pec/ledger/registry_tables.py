"""The tables of `registrations`: what the registry said of our own mailboxes. See `schema`."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text

from bulk_pec.ledger.tables import BIG, metadata

registrations = Table(
    "registrations",
    metadata,
    Column("id", Text, primary_key=True, comment="the registry's own"),
    Column("address", Text, nullable=False, comment="lower case; empty: it was not told"),
    Column("kind", Text, nullable=False, comment="tipo_casella; empty: it was not told"),
    Column("stato", Text, nullable=False, comment="in the registry's own word"),
    Column("expires_at", BIG),
    Column("changed_at", BIG, comment="as the registry says; what it dates earlier was overtaken"),
    Column("auto_renew", Boolean),
    Column("first_seen_at", BIG, nullable=False),
    Column("last_seen_at", BIG, nullable=False),
    Index(None, "address"),
    comment="what the registry said of our own mailboxes; nothing of the applicant",
)

registration_states = Table(
    "registration_states",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("registration_id", Text, nullable=False),
    Column("stato", Text, nullable=False),
    Column("at", BIG, nullable=False, comment="when it was read"),
    Column("source", Text, nullable=False, comment="what read it: a command, or callback"),
    Index(None, "registration_id", "id"),
    comment="the states they were found in, one after the other",
)
