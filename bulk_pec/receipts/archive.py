"""The archive: every receipt's text in a file of its own, and a chain of hashes that shows what is missing.

For each receipt, in this order: its text is asked for and held against what the ledger has of it; the file
is written; a line is added to the mailbox's chain; the ledger says that it is archived. Each step is durable
before the next begins. A death in between leaves a file without a line, or a line that the ledger does not
know: both are recognised by what they say and taken over. So no receipt has two lines, and no number is left
out.

A chain that is ahead by receipts the ledger has never seen shows that the ledger is an older copy: they are
folded as if an inbox had shown them, before anything is sent. So a copy learns of what has left since, also
where the receipts were deleted from the mailbox. A ledger that has archived nothing, and of whose messages
no receipt in the chain is, has another ledger's archive before it: nothing is added.

What is kept is the text, not the signed original: the provider's API never hands that out.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio.to_thread

from bulk_pec.clock import Clock
from bulk_pec.domain.causes import cause_of
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.words import counted
from bulk_pec.ledger.inbox.archiving import STRIDE, Entry
from bulk_pec.ledger.inbox.harvests import WalkEntry
from bulk_pec.ledger.inbox.kept import NOTICES, Kept
from bulk_pec.ledger.inbox.sightings import Page
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.calls import Call
from bulk_pec.receipts.chain import FILE, ArchiveFailed, Chain, Link
from bulk_pec.receipts.papers import Paper, folder_of, holds, keep, make_folder, paper, read_back
from bulk_pec.receipts.reading import read
from bulk_pec.receipts.texts import Texts

T = TypeVar("T")
Holds = Callable[[Kept], Awaitable[bool]]
"""Whether the archive has a receipt's file, with the text that was archived."""
_AT_ONCE = 100
"""Receipts of an older copy that are folded in one transaction."""


class Archivist:
    """Archives receipts, a mailbox at a time.

    Args:
        folder: The archive's; made if it is not there.
        texts: Gets the texts.
        ledger: Open for writing. A notice's cause is recorded here too, if it was not known yet.
        call: How the ledger is called.
        clock: For the times written.
    """

    def __init__(self, folder: Path, texts: Texts, ledger: Ledger, call: Call, clock: Clock) -> None:
        self._folder = folder
        self._texts = texts
        self._archiving = ledger.archiving
        self._causes = ledger.causes
        self._inbox = ledger.inbox
        self._call = call
        self._clock = clock
        self._swept: set[int] = set()

    async def archive(self, mailbox_id: int, mailbox: Mailbox, until: Callable[[], bool]) -> int:
        """Archive what is not archived yet, until told to end; how many receipts were.

        It may be cancelled at any moment: what has begun on the disk is ended first.

        Raises:
            BulkPecError: The provider refuses or fails; or (74) the archive cannot be written, or is not the
                one that the ledger knows. What was archived before stands.
        """
        shelf = await self._on_disk(partial(self._open, mailbox_id, mailbox))
        try:
            mark = await self._take_over(shelf)
            last = await self._call(self._archiving.last)
            await self._between(shelf, mark, last, until)
            if mailbox_id not in self._swept and not until():
                # What was matched late, or could not be had when its turn came, lies before the mark.
                self._swept.add(mailbox_id)
                await self._between(shelf, 0, mark, until)
        finally:
            shelf.chain.close()
        return shelf.added

    async def catch_up(self, mailbox_id: int, mailbox: Mailbox) -> int:
        """Let the ledger follow the archive, where there is one; how many receipts of it are not ours.

        That is: they carry references of which this ledger knows none.

        Raises:
            BulkPecError: See `archive`.
        """
        if not await self._on_disk((self._folder / folder_of(mailbox.address) / FILE).is_file):
            return 0
        shelf = await self._on_disk(partial(self._open, mailbox_id, mailbox))
        try:
            await self._take_over(shelf)
        finally:
            shelf.chain.close()
        return shelf.strange

    @asynccontextmanager
    async def holding(self, mailbox_id: int, mailbox: Mailbox) -> AsyncIterator[Holds]:
        """While nobody else adds to a mailbox's archive, which is the one the ledger knows: what it holds.

        Raises:
            BulkPecError: See `archive`.
        """
        shelf = await self._on_disk(partial(self._open, mailbox_id, mailbox))
        try:
            await self._take_over(shelf)

            async def holds(receipt: Kept) -> bool:
                return await self._on_disk(partial(shelf.holds, receipt))

            yield holds
        finally:
            shelf.chain.close()

    async def _between(self, shelf: _Shelf, after: int, last: int, until: Callable[[], bool]) -> None:
        """Archive what is missing among the ledger's receipts between two ids, and move the mark there."""
        while after < last:
            for receipt in await self._call(self._archiving.missing, shelf.mailbox_id, after):
                if until():
                    await self._call(self._archiving.move_to, shelf.mailbox_id, receipt.id - 1)
                    return
                if receipt.id <= last and receipt.id not in self._texts.left:
                    await self._one(shelf, receipt)
            after = min(after + STRIDE, last)
            await self._call(self._archiving.move_to, shelf.mailbox_id, after)

    async def _one(self, shelf: _Shelf, receipt: Kept) -> None:
        text = await self._texts.of(shelf.mailbox, receipt)
        if text is None:
            return
        page = paper(receipt, text, shelf.mailbox.address, self._clock.now())
        link = await self._on_disk(partial(shelf.put, page, receipt))
        await self._record(shelf, link)
        shelf.added += 1
        if receipt.kind in NOTICES and receipt.cause is None and receipt.message is not None:
            await self._call(self._causes.record, receipt, cause_of(text.body, receipt.subject))

    def _open(self, mailbox_id: int, mailbox: Mailbox) -> _Shelf:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = make_folder(self._folder, folder_of(mailbox.address))
        return _Shelf(mailbox_id, mailbox, folder, Chain(folder))

    async def _take_over(self, shelf: _Shelf) -> int:
        """Let the ledger follow the chain where that is ahead of it; the receipt up to which all is done."""
        head = await self._call(self._archiving.head, shelf.mailbox_id)
        shelf.number, shelf.head = head.number, head.link
        links = await self._on_disk(partial(shelf.chain.beyond, head.number, head.link))
        known = await self._call(self._archiving.known, shelf.mailbox_id, [link.receipt for link in links])
        unseen = [link for link in links if link.receipt not in known]
        for start in range(0, len(unseen), _AT_ONCE):
            await self._fold(shelf, unseen[start : start + _AT_ONCE])
        await self._refuse_another(shelf, links)
        for link in links:
            await self._record(shelf, link)
            shelf.number, shelf.head = link.number, link.hash
        return head.archived_to

    async def _refuse_another(self, shelf: _Shelf, links: list[Link]) -> None:
        """A ledger that has archived nothing yet follows a chain only if a receipt of it is its own.

        Raises:
            ArchiveFailed: None is: it is another ledger's archive.
        """
        if shelf.number or not links:
            return
        receipts = [link.receipt for link in links]
        for start in range(0, len(receipts), STRIDE):
            if await self._call(self._archiving.ours, shelf.mailbox_id, receipts[start : start + STRIDE]):
                return
        raise ArchiveFailed(
            f"The archive of {shelf.mailbox.address} is another ledger's: "
            f"it has {counted(len(links), 'receipt')}, and none is of a message that this ledger knows.",
            hint="Nothing was added. Name a new folder (receipts.archive in the configuration), "
            "or put the ledger back that the archive belongs to.",
        )

    async def _fold(self, shelf: _Shelf, links: list[Link]) -> None:
        """Record receipts that only the archive has, and fold them into their messages.

        As after a search: under a walk that never becomes complete, for nothing is said of the inbox.
        """
        items = await self._on_disk(lambda: [shelf.read(link) for link in links])
        page = Page(0, tuple(read(item) for item in items if item is not None))
        harvest = await self._call(self._inbox.begin, shelf.mailbox_id, self._clock.now())
        walk, now = WalkEntry(harvest, shelf.mailbox_id, (harvest,)), self._clock.now()
        found = await self._call(self._inbox.record, walk, [page], now, past_known=True, searched=True)
        shelf.strange += found.added.strange

    async def _record(self, shelf: _Shelf, link: Link) -> None:
        entry = Entry(link.number, link.hash, link.previous, link.receipt, link.text)
        if not await self._call(self._archiving.record, shelf.mailbox_id, entry, self._clock.now()):
            raise ArchiveFailed(
                f"The archive of {shelf.mailbox.address} was continued by another process.",
                hint="Let one host archive: set receipts.archive on one of them only.",
            )

    async def _on_disk(self, work: Callable[[], T]) -> T:
        """Work on files, in a thread; not cut short by cancellation.

        Raises:
            ArchiveFailed: It failed (74).
        """
        try:
            return await anyio.to_thread.run_sync(work)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise ArchiveFailed(
                f"The archive {self._folder} cannot be written: {error.strerror or type(error).__name__}.",
                hint="Make room on its disk; nothing half-written counts, and the next start goes on."
                if full
                else "Check the folder and its permissions; the next start goes on.",
            ) from None


class _Shelf:
    """A mailbox's part of the archive, open for adding to."""

    def __init__(self, mailbox_id: int, mailbox: Mailbox, folder: Path, chain: Chain) -> None:
        self.mailbox_id = mailbox_id
        self.mailbox = mailbox
        self.chain = chain
        self.number = 0
        self.head = ""
        self.added = 0
        self.strange = 0
        self._folder = folder

    def read(self, link: Link) -> InboxItem | None:
        """The mail of an entry, if its file is there and says which it is.

        Raises:
            OSError: It cannot be read.
        """
        try:
            return read_back(self._folder / link.file)
        except FileNotFoundError:
            return None

    def holds(self, receipt: Kept) -> bool:
        """Whether the receipt's file is there, with its text.

        Raises:
            OSError: It cannot be read.
        """
        return holds(self._folder, receipt)

    def put(self, page: Paper, receipt: Kept) -> Link:
        """Write the file, then its line; both are durable when this returns.

        Raises:
            OSError: There is no room, or no permission.
        """
        file, sha256 = keep(self._folder, page)
        link = Link(self.number + 1, file, sha256, receipt.fingerprint, page.text_digest, self.head)
        self.chain.add(link)
        self.number, self.head = link.number, link.hash
        return link
