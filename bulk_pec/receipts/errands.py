"""Errands: what is done in the mailboxes once their inboxes were read, and before they are read again.

In this order: why messages were not delivered, from the notices' texts; what is late, asked one by one; the
archive; then, only if it is wanted, what is archived and final is deleted. The first two are bounded a
start, so that they never hold up a night; the last two go on until they are done or told to end. Each step
is taken for all mailboxes before the next, and what goes wrong with one mailbox stops that one alone.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from bulk_pec.clock import Clock
from bulk_pec.domain.errors import BulkPecError, LedgerError
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.words import counted
from bulk_pec.ledger.inbox.kept import MOST_MISSES
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.receipts.archive import Archivist
from bulk_pec.receipts.calls import Call
from bulk_pec.receipts.chain import ArchiveBusy, ArchiveFailed
from bulk_pec.receipts.clearing import Clearer
from bulk_pec.receipts.notices import Notices
from bulk_pec.receipts.stragglers import StragglerDesk
from bulk_pec.receipts.texts import Box, Texts

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class ErrandOptions:
    """What is to be done.

    Attributes:
        archive: The archive's folder; None: nothing is archived.
        delete: Whether what is archived and final is deleted from its mailbox.
        notices: Texts of notices that are read a mailbox and start at most.
        stragglers: Messages that are asked for a mailbox and start at most.
        late_after_sending: Seconds after which a message without any receipt is asked for.
        late_after_acceptance: Seconds after which an accepted message without a delivery is asked for.
    """

    archive: Path | None = None
    delete: bool = False
    notices: int = 1_000
    stragglers: int = 200
    late_after_sending: float = 6 * _HOUR
    late_after_acceptance: float = 26 * _HOUR


@dataclass(slots=True)
class ErrandsDone:
    """What came of it.

    Attributes:
        causes: Notices whose cause is known now.
        asked: Messages that were asked for.
        found: Receipts matched by that.
        archived: Receipts.
        deleted: Receipts.
        problems: What went wrong, a mailbox's address and why.
    """

    causes: int = 0
    asked: int = 0
    found: int = 0
    archived: int = 0
    deleted: int = 0
    problems: list[tuple[str, BulkPecError]] = field(default_factory=list)

    @property
    def error(self) -> BulkPecError | None:
        """What a person must know of most: that the archive cannot be written; else the first problem."""
        failed = [error for _, error in self.problems]
        return next((one for one in failed if isinstance(one, LedgerError)), failed[0] if failed else None)


def _never() -> bool:
    return False


def _try_writing(folder: Path) -> None:
    """See whether the archive's folder can be written; it is made if it is not there.

    Raises:
        ArchiveFailed: It cannot (74).
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\n")
    except OSError as error:
        raise ArchiveFailed(
            f"The archive {folder} cannot be written: {error.strerror or type(error).__name__}.",
            hint="Check the folder, its permissions and its disk; the next start goes on.",
        ) from None


def _missing(address: str, texts: int, *, archives: bool) -> str:
    """What a person is told of texts that could not be had, and what follows."""
    what = counted(texts, "receipt")
    kept = " They are not archived, and so not deleted." if archives else ""
    return (
        f"{address}: the provider did not give the texts of {what}. Where these are notices, why a message "
        f"was not delivered stays unknown.{kept} Each is asked for in {MOST_MISSES} starts at most."
    )


class Errands:
    """Runs them; one object for a start, which knows what it has tried.

    Args:
        box: The provider's inboxes, at the rate we may ask.
        ledger: Open for writing.
        call: How the ledger is called.
        clock: For the times written.
        options: See `ErrandOptions`.
        say: Talk for people, a line at a time.
    """

    def __init__(
        self,
        box: Box,
        ledger: Ledger,
        call: Call,
        clock: Clock,
        *,
        options: ErrandOptions,
        say: Callable[[str], None],
    ) -> None:
        self._options = options
        self._say = say
        self._texts = Texts(box, ledger.keeping, call, clock)
        self._notices = Notices(self._texts, ledger.causes, call)
        self._desk = StragglerDesk(
            box,
            ledger.stragglers,
            ledger.inbox,
            call,
            clock,
            after_sending=options.late_after_sending,
            after_acceptance=options.late_after_acceptance,
        )
        self._clearer = Clearer(box, self._texts, ledger, call, clock)
        self._archivist = (
            None if options.archive is None else Archivist(options.archive, self._texts, ledger, call, clock)
        )
        self._read: Counter[int] = Counter()
        self._asked: Counter[int] = Counter()
        self._told: set[str] = set()

    async def run(
        self, run: Run, mailboxes: Mapping[int, Mailbox], until: Callable[[], bool] = _never
    ) -> ErrandsDone:
        """Do what there is to do, for these mailboxes, whose inboxes were just read.

        It may be cancelled at any moment. No walk over one of these mailboxes may be under way meanwhile.

        Args:
            run: Whose stragglers are asked for; all else is done for the mailboxes' receipts of any run.
            mailboxes: By the ledger's id.
            until: Asked between two receipts; true ends it.

        Raises:
            LedgerError: The ledger itself failed.
        """
        done, left = ErrandsDone(), dict(mailboxes)
        await self._each(done, left, lambda box, mailbox: self._causes(done, box, mailbox, until))
        await self._each(done, left, lambda box, mailbox: self._late(done, run, box, mailbox, until))
        if self._archivist is not None:
            await self._each(done, left, lambda box, mailbox: self._archive(done, box, mailbox, until))
            if self._options.delete:
                await self._each(done, left, lambda box, mailbox: self._clear(done, box, mailbox, until))
        self._tell(done)
        return done

    async def look_anew(self, mailboxes: Mapping[int, Mailbox]) -> ErrandsDone:
        """Before inboxes are read: let the ledger follow the archive, and see what became of open deletes.

        That the archive cannot be written is told at once; other problems can wait until `run` meets them,
        and are not in what comes back.

        Raises:
            LedgerError: The ledger itself failed.
        """
        done = ErrandsDone()
        if self._archivist is not None:
            await self._each(done, dict(mailboxes), self._catch_up)
        done.problems = [
            (address, error)
            for address, error in done.problems
            if isinstance(error, ArchiveFailed) and not isinstance(error, ArchiveBusy)
        ]
        for address, error in done.problems:
            self._tell_once(f"Warning: {address}: {error.what} Sending goes on all the same.")
        if self._options.delete:
            await self._each(ErrandsDone(), dict(mailboxes), self._clearer.look_anew)
        return done

    async def _catch_up(self, box: int, mailbox: Mailbox) -> None:
        if self._archivist is None or self._options.archive is None:
            return
        await anyio.to_thread.run_sync(_try_writing, self._options.archive)
        strange = await self._archivist.catch_up(box, mailbox)
        if strange:
            self._tell_once(
                f"Warning: the archive of {mailbox.address} holds {counted(strange, 'receipt')} of messages "
                "that this ledger does not know: it is another ledger's, or this is not the ledger you think."
            )

    async def _each(
        self,
        done: ErrandsDone,
        left: dict[int, Mailbox],
        step: Callable[[int, Mailbox], Awaitable[None]],
    ) -> None:
        """Take a step for each mailbox; one with which it goes wrong is left out from then on."""
        for box, mailbox in list(left.items()):
            self._texts.begin()
            try:
                await step(box, mailbox)
            except BulkPecError as error:
                if isinstance(error, LedgerError) and not isinstance(error, ArchiveFailed):
                    raise
                del left[box]
                done.problems.append((mailbox.address, error))

    async def _causes(self, done: ErrandsDone, box: int, mailbox: Mailbox, until: Callable[[], bool]) -> None:
        most = self._options.notices - self._read[box]
        if most > 0:
            known = await self._notices.read(box, mailbox, most, until)
            self._read[box] += known
            done.causes += known

    async def _late(
        self, done: ErrandsDone, run: Run, box: int, mailbox: Mailbox, until: Callable[[], bool]
    ) -> None:
        most = self._options.stragglers - self._asked[box]
        if most > 0:
            asked, found = await self._desk.ask(run, box, mailbox, most, until)
            self._asked[box] += asked
            done.asked += asked
            done.found += found

    async def _archive(
        self, done: ErrandsDone, box: int, mailbox: Mailbox, until: Callable[[], bool]
    ) -> None:
        if self._archivist is not None:
            done.archived += await self._archivist.archive(box, mailbox, until)

    async def _clear(self, done: ErrandsDone, box: int, mailbox: Mailbox, until: Callable[[], bool]) -> None:
        if self._archivist is None:
            return
        async with self._archivist.holding(box, mailbox) as holds:
            cleared = await self._clearer.clear(box, mailbox, holds, until)
        done.deleted += cleared.deleted
        if cleared.why:
            self._tell_once(
                f"Nothing more is deleted from {mailbox.address} {cleared.how_long}: {cleared.why}."
            )

    def _tell(self, done: ErrandsDone) -> None:
        if done.causes:
            their = "its cause" if done.causes == 1 else "their causes"
            self._say(f"{counted(done.causes, 'notice')} of non-delivery read for {their}.")
        if done.asked:
            self._say(
                f"{counted(done.asked, 'late message')} asked for one by one: "
                f"{counted(done.found, 'receipt')} found."
            )
        if done.archived:
            self._say(f"{counted(done.archived, 'receipt')} archived in {self._options.archive}.")
        if done.deleted:
            self._say(f"{counted(done.deleted, 'archived receipt')} deleted from the mailbox.")
        for address, texts in self._texts.missing.items():
            self._tell_once(_missing(address, texts, archives=self._options.archive is not None))
        for address, error in done.problems:
            self._tell_once(f"{address}: {error.what}")

    def _tell_once(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._say(what)
