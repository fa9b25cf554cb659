"""The ledger: is it there, is its schema this version's, and does the database keep what it is told."""

from __future__ import annotations

from bulk_pec import shipped
from bulk_pec.checkup import disk
from bulk_pec.checkup.findings import Finding, failed, failure, ok, warning
from bulk_pec.config import Config
from bulk_pec.domain.errors import BulkPecError, UsageError
from bulk_pec.domain.exits import Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.store import facts
from bulk_pec.ledger.store.database import Database, file_of
from bulk_pec.ledger.store.schema import SCHEMA_VERSION

_SKEW = 5_000
"""Milliseconds by which the ledger's clock may differ from this machine's before somebody should look."""
_ELSEWHERE = "Set another ledger.url, or see what lies there."


def ledger(config: Config, now: int) -> list[Finding]:
    """All there is to say of the ledger; nothing is written, and none is created.

    Args:
        config: Names it.
        now: Milliseconds since the epoch.
    """
    try:
        file = file_of(config.ledger_url())
        beneath = [] if file is None else disk.beneath(file)
        if file is not None and file.exists() and not file.is_file():
            return [*beneath, failure("ledger", f"{file} is no plain file.", _ELSEWHERE, Reason.IO)]
    except BulkPecError as error:
        return [failed("ledger", error)]
    except OSError as error:
        what = f"The ledger {config.ledger_url_shown()} cannot be looked at: {error.strerror}."
        return [failure("ledger", what, _ELSEWHERE, Reason.IO)]
    return [*beneath, *_opened(config, now)]


def _opened(config: Config, now: int) -> list[Finding]:
    shown = config.ledger_url_shown()
    try:
        with Ledger(config.ledger_url(), "read", scripts=shipped.path("migrations")) as opened:
            told = ok("ledger", f"The ledger {shown} has schema {SCHEMA_VERSION}, this version's.")
            return [told, *_facts(opened.database, now)]
    except UsageError:
        return [ok("ledger", f"There is no ledger at {shown} yet; the first `load` or `run` makes it.")]
    except BulkPecError as error:
        return [failed("ledger", error)]


def _facts(database: Database, now: int) -> list[Finding]:
    if database.is_postgres:
        return postgres(facts.server(database), now)
    return _sqlite(facts.file(database))


def _sqlite(file: facts.File) -> list[Finding]:
    version, mode = file.version, file.journal
    if mode != "wal":
        # Reading is all right; the first command that writes turns it on.
        hint = "The next command that writes turns it on; on a network file system it cannot."
        return [warning("ledger", f"SQLite {version}: the ledger's journal is {mode}, not WAL.", hint)]
    return [ok("ledger", f"SQLite {version}, journal WAL, each commit synced to the disk.")]


def postgres(server: facts.Server, now: int) -> list[Finding]:
    """What a server's facts mean for the promise that an intent outlives a crash.

    Args:
        server: As it was asked.
        now: This machine's clock, milliseconds since the epoch.
    """
    name = f"Postgres {server.version}"
    found = []
    if server.read_only:
        what = f"{name} takes no writes: it is a standby, or its sessions are read-only."
        found.append(failure("ledger", what, "Set ledger.url to the primary server.", Reason.IO))
    if server.fsync != "on":
        what = f"{name} runs with fsync = {server.fsync}: a crash of its machine may forget what was sent."
        hint = "Turn fsync on; without it a message may be sent twice after a crash."
        found.append(failure("ledger", what, hint, Reason.CONFIG))
    if server.synchronous_commit in {"off", "local"}:
        what = (
            f"{name} answers commits before they are safe (synchronous_commit = {server.synchronous_commit})."
        )
        found.append(warning("ledger", what, "bulk-pec asks for `on`; see what overrides it on the server."))
    if server.full_page_writes != "on":
        what = f"{name} runs with full_page_writes = {server.full_page_writes}: a crash may damage pages."
        found.append(warning("ledger", what, "Turn it on, unless the disk writes 8 KiB whole."))
    if abs(server.clock - now) > _SKEW:
        what = f"{name}'s clock differs from this machine's by {abs(server.clock - now) / 1000:,.0f} s."
        found.append(warning("clock", what, "Let both keep time by NTP.", about="ledger"))
    said = f"synchronous_commit {server.synchronous_commit}, fsync {server.fsync}"
    return found or [ok("ledger", f"{name}, {said}.")]
