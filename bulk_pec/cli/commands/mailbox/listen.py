"""``mailbox listen``: a small receiver for the registry's callbacks."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli import registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import COMPLETE, Result, Session
from bulk_pec.cli.streams import line, put, talk
from bulk_pec.domain.errors import BulkPecError, LedgerBusy, UsageError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.registrations import Registration
from bulk_pec.domain.words import counted

if TYPE_CHECKING:
    from bulk_pec.ledger.store.database import Mode
    from bulk_pec.registry.listener import Door

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 = a free one.", metavar="N")]
Host = Annotated[
    str, typer.Option("--host", help="The address to listen on; this machine only, unless given.")
]
Path = Annotated[str, typer.Option("--path", help="The URL's path, as the registration's callback has it.")]
Field = Annotated[str, typer.Option("--field", help="The field, as the registration's callback has it.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "listen")
    def listen(
        session: Session,
        port: Port = 0,
        host: Host = "127.0.0.1",
        path: Path = "/callback",
        field: Field = "data",
    ) -> Result:
        """Take callbacks as hints, ask the registry itself, and record what it says, until stopped.

        Prints its address first. The ledger is opened only to record, so that runs can use it meanwhile.
        """
        from bulk_pec.registry.listener import Door

        if not path.startswith("/"):
            raise UsageError(f"--path {path!r} does not begin with a slash.", hint="Write /callback.")
        if not _is_host(host):
            raise UsageError(
                f"--host {host!r} is no host.", hint="Leave it out to listen on this machine only."
            )
        return _Receiver(session, Door(host, port, path, field)).run()


class _Receiver:
    """The listener, the registry and the ledger together."""

    def __init__(self, session: Session, door: Door) -> None:
        self._session = session
        self._door = door
        self._service = session.config().settings.api.registry_url
        self._left: list[str] = []

    def run(self) -> Result:
        """Listen until a signal comes; 75 if hints are left that could not be recorded.

        Raises:
            UsageError: It cannot listen there.
            BulkPecError: The registry refuses the token, or the ledger is not one that can be recorded in.
        """
        from bulk_pec.cli.vigil import until_signal

        self._session.config().token()
        try:
            until_signal(self._listen)
        except BulkPecError:
            if self._left:
                self._session.say(self._lost())
            raise
        document = {"schema": 1, "left": self._left}
        if not self._left:
            return Result(document, "", COMPLETE)
        return Result(document, "", Exit.of(Reason.SIGNAL), self._lost())

    def _lost(self) -> str:
        """Which hints end with this process."""
        shown = ", ".join(map(line, self._left[:5]))
        left = counted(len(self._left), "hint")
        return f"Not recorded: {left} ({shown}). `bulk-pec mailbox show ID` asks again."

    def _first_look(self) -> list[str]:
        """The ids the ledger knows. It is made if there is none; that it is busy now does not matter."""
        try:
            return self._ids("write")
        except LedgerBusy:
            return self._ids("read")

    def _look(self) -> list[str]:
        """Those it knows now; none where it cannot be read: that is told when something is to be recorded."""
        with suppress(BulkPecError):
            return self._ids("read")
        return []

    def _ids(self, mode: Mode) -> list[str]:
        with self._session.ledger(mode) as ledger:
            return [one.registration.id for one in ledger.registrations(self._service).all()]

    async def _listen(self) -> None:
        import anyio.to_thread

        from bulk_pec.registry.listener import listening
        from bulk_pec.registry.rereading import Rereading

        async with registrar.registry(self._session.config()) as registry:
            rereading = Rereading(
                registry.show,
                self._record,
                probe=registry.all,
                known=self._look,
                told=self._told,
                failed=self._failed,
            )
            try:
                async with listening(self._door, rereading.hint) as url:
                    rereading.know(await anyio.to_thread.run_sync(self._first_look))
                    self._announce(url)
                    await rereading.work()
            except OSError as error:
                where = f"Port {self._door.port} of {self._door.host!r}"
                raise UsageError(
                    f"{where} cannot be used: {error.strerror or error}.",
                    hint="Try --port 0, or another --host.",
                ) from error
            finally:
                self._left = rereading.waiting

    def _announce(self, url: str) -> None:
        # Bare, and also when quiet: of a free port nothing else tells the number.
        (talk if self._session.as_json else put)(url)
        if not _is_loopback(self._door.host):
            self._session.say("Whoever reaches this address may send hints; nothing they say is believed.")

    def _record(self, found: Registration, at: int) -> bool:
        """Keep it, if there is anything new in it: a run that starts finds the ledger taken only for that."""
        from bulk_pec.ledger.registry.registrations import News

        with suppress(UsageError), self._session.ledger("read") as ledger:  # somebody may have moved it
            if ledger.registrations(self._service).knows(found, at):
                return False
        with self._session.ledger("write") as ledger:
            return ledger.registrations(self._service).remember(found, at, "callback") is News.NEW

    def _told(self, found: Registration, new: bool) -> None:
        words = f"{registrar.name(found)} is {line(registrar.state_words(found.stato))}"
        if new:
            self._session.say(f"{words}; recorded.")
        else:
            self._session.more(f"{words}, as before.")

    def _failed(self, id_: str, error: BulkPecError) -> None:
        self._session.say(f"{line(id_)} is not recorded yet, and will be tried again: {error.what}")


def _is_host(host: str) -> bool:
    """Whether it may name one; an empty text would mean every address of this machine."""
    try:
        return bool(host.strip().encode("idna"))
    except UnicodeError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
