"""The ledger as the other rooms see it: one object, its parts named by noun."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import inspect

from bulk_pec.domain.errors import ConfigError
from bulk_pec.ledger.inbox.ambiguities import Ambiguities
from bulk_pec.ledger.inbox.archiving import Archiving
from bulk_pec.ledger.inbox.causes import Causes
from bulk_pec.ledger.inbox.clearing import Clearing
from bulk_pec.ledger.inbox.inbox import Inbox
from bulk_pec.ledger.inbox.kept import Keeping
from bulk_pec.ledger.inbox.quotas import Quotas
from bulk_pec.ledger.inbox.stragglers import Stragglers
from bulk_pec.ledger.outbox.attempts import Attempts
from bulk_pec.ledger.outbox.canaries import Canaries
from bulk_pec.ledger.outbox.claims import Claims
from bulk_pec.ledger.outbox.doubts import Doubts
from bulk_pec.ledger.outbox.paces import Paces
from bulk_pec.ledger.outbox.usage import Usage
from bulk_pec.ledger.outbox.workers import Workers
from bulk_pec.ledger.proof.balances import Balances
from bulk_pec.ledger.proof.stories import Stories
from bulk_pec.ledger.proof.tracing import Tracing
from bulk_pec.ledger.proof.views import Views
from bulk_pec.ledger.registry.changes import Changes
from bulk_pec.ledger.registry.registrations import Registrations
from bulk_pec.ledger.runs.answers import Answers
from bulk_pec.ledger.runs.control import Control
from bulk_pec.ledger.runs.loading import Loading, NewRun
from bulk_pec.ledger.runs.orders import Orders
from bulk_pec.ledger.runs.retries import Retries
from bulk_pec.ledger.runs.runs import Runs
from bulk_pec.ledger.runs.suppressions import Suppressions
from bulk_pec.ledger.store.database import Database, Mode
from bulk_pec.ledger.store.schema import SCHEMA_VERSION


class Ledger:
    """One open ledger, on SQLite or Postgres by its URL alone.

    Use it from one thread at a time. It is a context manager that closes itself.

    Args:
        url: See `bulk_pec.ledger.store.database.Database`.
        mode: ``"write"`` or ``"read"``.
        scripts: The ``migrations`` folder; a new ledger is created from it at first use.
        upgrade: Whether an older schema is brought to this version's rather than refused; only for writing.

    Raises:
        ConfigError: The schema is not this version's (78).
        UsageError: Reading where no ledger has been created yet (2).
    """

    def __init__(self, url: str, mode: Mode, *, scripts: Path, upgrade: bool = False) -> None:
        self.database = Database(url, mode)
        try:
            self._prepare(scripts, upgrade=upgrade)
        except BaseException:
            self.database.close()
            raise
        self.runs = Runs(self.database)
        self.workers = Workers(self.database)
        self.claims = Claims(self.database)
        self.canaries = Canaries(self.database)
        self.usage = Usage(self.database)
        self.attempts = Attempts(self.database, self.usage)
        self.paces = Paces(self.database)
        self.inbox = Inbox(self.database)
        self.quotas = Quotas(self.database)
        self.registrations = partial(Registrations, self.database)
        self.changes = partial(Changes, self.database)
        self.ambiguities = Ambiguities(self.database)
        self.doubts = Doubts(self.database)
        self.keeping = Keeping(self.database)
        self.causes = Causes(self.database)
        self.stragglers = Stragglers(self.database)
        self.archiving = Archiving(self.database)
        self.clearing = Clearing(self.database)
        self.views = Views(self.database)
        self.balances = Balances(self.database)
        self.suppressions = Suppressions(self.database)
        self.answers = Answers(self.database)
        self.orders = Orders(self.database)
        self.retries = Retries(self.database)
        self.stories = Stories(self.database)
        self.tracing = Tracing(self.database)
        file = self.database.file
        self.control = Control(file) if file is not None else None

    def _prepare(self, scripts: Path, *, upgrade: bool) -> None:
        found = self._schema_version()
        if found == SCHEMA_VERSION:
            return
        older = found is not None and found < SCHEMA_VERSION
        if self.database.mode == "write" and (found is None or (upgrade and older)):
            from bulk_pec.ledger.store import migrate  # noqa: PLC0415 - a fifth of a second, rarely needed

            migrate.upgrade(self.database, scripts)
            return
        if found is None:
            # An empty database, or one whose creation was killed: the next command that writes makes it.
            raise self.database.missing()
        raise ConfigError(
            f"The ledger {self.database.shown} has schema {found}; this version works with {SCHEMA_VERSION}.",
            hint="Back it up, then run `bulk-pec ledger upgrade`."
            if older
            else "It was written by a newer bulk-pec: upgrade this one.",
        )

    def _schema_version(self) -> str | None:
        with self.database.transaction() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            version = self.database.execute(connection, "SELECT version_num FROM alembic_version").scalar()
        return None if version is None else str(version)

    def load(self, new: NewRun, now: int) -> Loading:
        """Begin loading a run; see `Loading`."""
        return Loading(self.database, new, now)

    def close(self) -> None:
        """Close the connection and give the lock up."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
