"""Registrations: what the registry said of our own mailboxes, and the history of their states.

Of the applicant nothing is kept, and no credentials.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sqlalchemy import Connection, CursorResult

from bulk_pec.domain.registrations import OVER, Registration
from bulk_pec.ledger.store.database import Database

AHEAD = 300_000
"""Milliseconds by which the registry's clock may be ahead of ours. What it dates later is no date: it would
make every true answer look overtaken, until that day."""

_COLUMNS = (
    "service, id, address, kind, stato, expires_at, changed_at, auto_renew, first_seen_at, last_seen_at"
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A registration as it was last told.

    Attributes:
        registration: As the registry told it; what its last answer left out is as it was told before.
        first_seen_at: Milliseconds since the epoch, UTC.
        last_seen_at: When the registry was last read; the same unit.
    """

    registration: Registration
    first_seen_at: int
    last_seen_at: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A state that a registration was found in, and had not been found in right before.

    Attributes:
        stato: In the registry's own word.
        at: When it was read; milliseconds since the epoch, UTC.
        source: What read it: a command's name, or ``callback``.
    """

    stato: str
    at: int
    source: str


class News(Enum):
    """What came of remembering an answer."""

    NEW = "it is new, or its state is another than before"
    SAME = "its state is as before"
    OVERTAKEN = "it was not taken: the registry itself dates it before what is known already"


class Registrations:
    """Remembering what one registry says, and looking it up.

    What another one said of the same address is nothing to it: a rehearsal's mailboxes are not the live ones.

    Args:
        database: The ledger's.
        service: The registry's base URL.
    """

    def __init__(self, database: Database, service: str) -> None:
        self._db = database
        self._service = service

    def remember(self, registration: Registration, at: int, source: str) -> News:
        """Keep what the registry says of a mailbox.

        What it does not tell this time (no expiry, say) stays as it was told. An answer that the registry
        itself dates earlier than the one that is kept was overtaken on its way: it changes nothing.

        Args:
            registration: As it was read.
            at: When, in milliseconds since the epoch. A `changed_at` that lies later is not believed.
            source: What read it: a command's name, or ``callback``.
        """
        registration = _believed(registration, at)
        with self._db.transaction() as connection:
            if self._insert(connection, registration, at):
                self._note(connection, registration, at, source)
                return News.NEW
            while True:
                known = self._read(connection, registration.id)
                if _overtaken(registration, known.registration):
                    return News.OVERTAKEN
                if self._update(connection, known, registration, at):
                    break
            if registration.stato == known.registration.stato:
                return News.SAME
            self._note(connection, registration, at, source)
            return News.NEW

    def knows(self, registration: Registration, at: int) -> bool:
        """Whether remembering this would change nothing but when it was last seen.

        It asks without writing, so a reader of the ledger may ask while another process writes.

        Args:
            registration: As it was read.
            at: When, in milliseconds since the epoch.
        """
        registration = _believed(registration, at)
        found = self.of_id(registration.id)
        if found is None:
            return False
        known, said = found.registration, replace(registration, address=registration.address.lower())
        return _overtaken(said, known) or known == _completed(said, known)

    def all(self) -> list[Remembered]:
        """Every registration, by address; of one address the oldest first."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"SELECT {_COLUMNS} FROM registrations WHERE service = :service "
                "ORDER BY address, first_seen_at, id",
                service=self._service,
            ).all()
        return [_remembered(row) for row in rows]

    def of_id(self, id: str) -> Remembered | None:  # noqa: A002 - the registry's own word for it
        """The registration of that id; None if none is remembered."""
        with self._db.transaction() as connection:
            row = self._row(connection, id).first()
        return None if row is None else _remembered(row)

    def of_address(self, address: str) -> Remembered | None:
        """The registration of an address, in any case; None if none is remembered.

        Of several, one that is not over (revoked, closed, cancelled); of those, the latest.
        """
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"SELECT {_COLUMNS} FROM registrations WHERE service = :service AND address = :address "
                "ORDER BY first_seen_at, id",
                service=self._service,
                address=address.lower(),
            ).all()
        found = [_remembered(row) for row in rows]
        living = [one for one in found if one.registration.state not in OVER]
        return next(reversed(living or found), None)

    def history(self, id: str) -> list[Sighting]:  # noqa: A002 - the registry's own word for it
        """The states a registration was found in, oldest first."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                "SELECT stato, at, source FROM registration_states "
                "WHERE service = :service AND registration_id = :id ORDER BY id",
                service=self._service,
                id=id,
            ).all()
        return [Sighting(row.stato, row.at, row.source) for row in rows]

    def _insert(self, connection: Connection, registration: Registration, at: int) -> bool:
        """Whether it was not there."""
        row = self._db.execute(
            connection,
            f"INSERT INTO registrations ({_COLUMNS}) VALUES (:service, :id, :address, :kind, :stato, "
            ":expires_at, :changed_at, :auto_renew, :now, :now) ON CONFLICT (service, id) DO NOTHING "
            "RETURNING id",
            service=self._service,
            **_values(registration),
            now=at,
        ).first()
        return row is not None

    def _row(self, connection: Connection, identity: str) -> CursorResult[Any]:
        found: CursorResult[Any] = self._db.execute(
            connection,
            f"SELECT {_COLUMNS} FROM registrations WHERE service = :service AND id = :id",
            service=self._service,
            id=identity,
        )
        return found

    def _read(self, connection: Connection, identity: str) -> Remembered:
        return _remembered(self._row(connection, identity).one())

    def _update(self, connection: Connection, known: Remembered, registration: Registration, at: int) -> bool:
        """Whether it still was as it had been read: else another process was faster."""
        row = self._db.execute(
            connection,
            "UPDATE registrations SET stato = :stato, address = :address, kind = :kind, "
            "expires_at = :expires_at, changed_at = :changed_at, auto_renew = :auto_renew, "
            "last_seen_at = :at WHERE service = :service AND id = :id AND stato = :was "
            "AND last_seen_at = :seen RETURNING id",
            service=self._service,
            **_values(_completed(registration, known.registration)),
            at=max(at, known.last_seen_at),
            was=known.registration.stato,
            seen=known.last_seen_at,
        ).first()
        return row is not None

    def _note(self, connection: Connection, registration: Registration, at: int, source: str) -> None:
        self._db.execute(
            connection,
            "INSERT INTO registration_states (service, registration_id, stato, at, source) "
            "VALUES (:service, :id, :stato, :at, :source)",
            service=self._service,
            id=registration.id,
            stato=registration.stato,
            at=at,
            source=source,
        )


def _believed(said: Registration, at: int) -> Registration:
    """An answer without a date that cannot be: see `AHEAD`."""
    return replace(said, changed_at=None) if (said.changed_at or 0) > at + AHEAD else said


def _overtaken(read: Registration, known: Registration) -> bool:
    """Whether the registry had changed it once more by the time of what is known."""
    return None not in {read.changed_at, known.changed_at} and (read.changed_at or 0) < (
        known.changed_at or 0
    )


def _completed(said: Registration, known: Registration) -> Registration:
    """What is said, and of what is not said what is known."""
    return Registration(
        said.id,
        said.address or known.address,
        said.kind or known.kind,
        said.stato,
        known.expires_at if said.expires_at is None else said.expires_at,
        known.changed_at if said.changed_at is None else said.changed_at,
        known.auto_renew if said.auto_renew is None else said.auto_renew,
    )


def _values(registration: Registration) -> dict[str, Any]:
    return {
        "id": registration.id,
        "address": registration.address.lower(),
        "kind": registration.kind,
        "stato": registration.stato,
        "expires_at": registration.expires_at,
        "changed_at": registration.changed_at,
        "auto_renew": registration.auto_renew,
    }


def _remembered(row: Any) -> Remembered:
    renews = None if row.auto_renew is None else bool(row.auto_renew)
    registration = Registration(
        row.id, row.address, row.kind, row.stato, row.expires_at, row.changed_at, renews
    )
    return Remembered(registration, row.first_seen_at, row.last_seen_at)
