"""Whatever happens in a mailbox, nothing is deleted from it by us that is not ours, archived and final."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.inboxes import BOX, NOW, HandClock
from support.ledgers import SENT, Desk, load, open_ledger, query

from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.domain.inbox import InboxItem, InboxPage, Quota
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.parsing import MailText
from bulk_pec.receipts.errands import ErrandOptions, Errands
from bulk_pec.receipts.harvest import Harvester
from bulk_pec.receipts.papers import folder_of
from bulk_pec.receipts.verifying import verify
from bulk_pec.sending.committer import LedgerThread

MESSAGES = 6
SIZE = 25


@dataclass(eq=False)
class Letter:
    """One mail of the box."""

    serial: int
    subject: str
    body: str
    at: int
    ours: bool

    @property
    def date(self) -> str:
        """As listed."""
        return datetime.fromtimestamp(self.at / 1000, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")


@dataclass
class Letterbox:
    """A provider's inbox in memory, oldest first; ids are places, or serial numbers that never change.

    Attributes:
        shifting: Whether ids are places.
        deleted: What was deleted through the API.
        fail: How the next delete goes wrong: "" not at all, or before or after it was done.
        meanwhile: Texts until somebody else deletes a mail, and which; none while it is empty. Never between
            a last look and the delete that follows it: that instant nobody can guard.
    """

    shifting: bool
    mails: list[Letter] = field(default_factory=list)
    deleted: list[Letter] = field(default_factory=list)
    fail: str = ""
    meanwhile: list[int] = field(default_factory=list)
    serial: int = 0

    def put(self, subject: str, body: str, at: int, *, ours: bool) -> None:
        """A mail arrives."""
        self.serial += 1
        self.mails.append(Letter(self.serial, subject, body, at, ours))

    def _id(self, mail: Letter) -> str:
        return str(self.mails.index(mail) + 1 if self.shifting else mail.serial)

    def _of(self, item_id: str) -> Letter | None:
        return next((mail for mail in self.mails if self._id(mail) == item_id), None)

    async def page(self, mailbox: Mailbox, number: int, query: str | None = None) -> InboxPage:
        """Newest first; page 0 is page 1."""
        found = [one for one in self.mails[::-1] if query is None or query in one.subject]
        start = (max(number, 1) - 1) * SIZE
        sender = "posta-certificata@example.net"
        items = [
            InboxItem(self._id(one), sender, one.subject, one.date, one.at)
            for one in found[start : start + SIZE]
        ]
        return InboxPage(tuple(items), len(found) if items else None, number, None)

    async def text(self, mailbox: Mailbox, item_id: str) -> MailText | None:
        """One mail."""
        if self.meanwhile:
            self.meanwhile[0] -= 1
            if self.meanwhile[0] < 0 and self.mails:
                del self.mails[self.meanwhile[1] % len(self.mails)]
                self.meanwhile.clear()
        one = self._of(item_id)
        if one is None:
            return None
        return MailText(
            "posta-certificata@example.net", mailbox.address, one.subject, one.date, one.at, one.body
        )

    async def sending(self, mailbox: Mailbox, message_id: str) -> tuple[InboxItem, ...]:
        """Nothing."""
        return ()

    async def quota(self, mailbox: Mailbox) -> Quota:
        """Room enough."""
        return Quota(1, 100)

    async def delete(self, mailbox: Mailbox, item_id: str) -> bool:
        """One mail goes; or something goes wrong."""
        fail, self.fail = self.fail, ""
        one = self._of(item_id)
        if one is not None and fail != "before":
            self.mails.remove(one)
            self.deleted.append(one)
        if fail:
            raise ProviderUnavailable("no answer", hint="try again")
        return one is not None


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose messages were all sent."""
    path = tmp_path_factory.mktemp("clearing") / "ledger.db"
    with open_ledger(f"sqlite:///{path}") as ledger:
        desk = Desk.of(ledger, load(ledger, MESSAGES))
        desk.mailbox = ledger.inbox.mailbox_id(BOX.address)
        for pending in desk.pending():
            desk.sent(pending, SENT)
        desk.leave()
    return path


@dataclass
class World:
    """The box, the ledger, and what a start does."""

    box: Letterbox
    ledger: Ledger
    archive: Path
    clock: HandClock = field(default_factory=lambda: HandClock(NOW + 60_000))
    ours: int = 0

    def receipt(self, number: int, word: str) -> None:
        """A receipt of a message comes."""
        self.clock.wait(1_000)
        self.ours += 1
        (row,) = query(
            self.ledger, "SELECT reference FROM messages ORDER BY id LIMIT 1 OFFSET :n", n=number % MESSAGES
        )
        subject = f"{word}: Avviso [rif. {row['reference']}] 20270115{number:08d}"
        self.box.put(subject, f"testo {self.ours}", self.clock.now(), ours=True)

    def foreign(self, number: int) -> None:
        """Somebody's mail comes; it may look like anything but a receipt of ours."""
        self.clock.wait(1_000)
        self.box.put(f"POSTA CERTIFICATA: CONSEGNA: {number}", "notizie", self.clock.now(), ours=False)

    def somebody_deletes(self, number: int) -> None:
        """A person deletes a mail with another program."""
        if self.box.mails:
            del self.box.mails[number % len(self.box.mails)]

    async def start(self) -> None:
        """A start: look at open deletes, walk, run the errands."""
        call = LedgerThread().call
        options = ErrandOptions(archive=self.archive, delete=True)
        errands = Errands(self.box, self.ledger, call, self.clock, options=options, say=lambda _: None)
        boxes = {self.ledger.inbox.mailbox_id(BOX.address): BOX}
        await errands.look_anew(boxes)
        await Harvester(self.box, self.ledger.inbox, self.clock, call).harvest(BOX)
        self.clock.wait(1_000)
        await errands.run(self.ledger.runs.get("giugno"), boxes)
        self.clock.wait(1_000)

    def check(self) -> None:
        """Nothing that went through the API was anybody else's, or not in the archive with its text."""
        heads = {
            folder_of(address): (head.number, head.link)
            for address, head in self.ledger.archiving.heads().items()
        }
        kept = "".join(path.read_text(encoding="utf-8") for path in self.archive.rglob("*.txt"))
        assert all(one.ours and f"\n\n{one.body}\n" in kept for one in self.box.deleted)
        if any(number for number, _ in heads.values()):
            assert [one.broken for one in verify(self.archive, heads)] == [""]


_OPS: dict[str, Callable[[World, int], object]] = {
    "acceptance": lambda world, number: world.receipt(number, "ACCETTAZIONE"),
    "delivery": lambda world, number: world.receipt(number, "CONSEGNA"),
    "notice": lambda world, number: world.receipt(number, "AVVISO DI MANCATA CONSEGNA"),
    "foreign": lambda world, number: world.foreign(number),
    "somebody deletes": lambda world, number: world.somebody_deletes(number),
    "somebody deletes meanwhile": lambda world, number: setattr(
        world.box, "meanwhile", [number // 3, number % 3]
    ),
    "the next delete fails": lambda world, number: setattr(
        world.box, "fail", ("before", "after")[number % 2]
    ),
    "start": lambda world, number: anyio.run(world.start),
}


_BOTH = [("foreign", 0), *((word, n) for n in (1, 2) for word in ("acceptance", "delivery")), ("foreign", 1)]
"""Somebody's mail below and above two messages' receipts: four texts to archive, then the deletes."""


@example(shifting=True, happens=[*_BOTH, ("somebody deletes meanwhile", 12), ("start", 0)])
@example(shifting=True, happens=[*_BOTH, ("somebody deletes meanwhile", 15), ("start", 0)])
@example(shifting=True, happens=[*_BOTH, ("somebody deletes meanwhile", 18), ("start", 0)])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shifting=st.booleans(),
    happens=st.lists(st.tuples(st.sampled_from(list(_OPS)), st.integers(0, 30)), min_size=3, max_size=25),
)
def test_nothing_of_anybody_else_is_ever_deleted(
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    shifting: bool,
    happens: list[tuple[str, int]],
) -> None:
    """Mail comes and goes, ids shift, deletes fail: each mail we delete is ours, and its text is kept."""
    folder = tmp_path_factory.mktemp("world")
    shutil.copyfile(template, folder / "ledger.db")
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        world = World(Letterbox(shifting), ledger, folder / "archive")
        for name, number in [*happens, ("start", 0), ("start", 0)]:
            partial(_OPS[name], world, number)()
            world.check()
