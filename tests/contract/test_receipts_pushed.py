"""Mail that new mail pushes over a border between pages while a walk reads them the other way."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from itertools import combinations
from pathlib import Path

import pytest
from support.inboxes import BOX, MINUTE, SIZE, HandClock, MemoryInbox, Shape
from support.ledgers import open_ledger, query

from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.sending.committer import LedgerThread

pytestmark = pytest.mark.anyio

READS = range(1, 10)
"""Of one walk: before which of them mail comes."""
SHAPES = {
    "base 1, newest first": Shape(),
    "base 1, oldest first": Shape(newest_first=False),
    "base 0, newest first": Shape(base=0),
    "base 0, oldest first": Shape(base=0, newest_first=False),
    "an empty page 0": Shape(empty_zero=True),
}


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new ledger on SQLite, to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    open_ledger(f"sqlite:///{path}").close()
    return path


class _Box:
    """An inbox that holds a full page, read; and a ledger."""

    def __init__(self, ledger: Ledger, shape: Shape) -> None:
        self.ledger = ledger
        self.inbox = MemoryInbox(shape)
        self.clock = HandClock()

    def fill(self, mails: int) -> None:
        for _ in range(mails):
            self.clock.wait(1000)
            self.inbox.put(f"POSTA CERTIFICATA: fattura {len(self.inbox.mails)}", self.clock.now())

    async def harvest(self) -> Harvest:
        self.clock.wait(MINUTE)
        return await Harvester(self.inbox, self.ledger.inbox, self.clock, LedgerThread().call).harvest(BOX)

    def unread(self) -> set[str]:
        recorded = {row["subject"] for row in query(self.ledger, "SELECT subject FROM receipts")}
        return {mail.subject for mail in self.inbox.mails} - recorded


@pytest.mark.parametrize(
    ("shape", "mails", "when"),
    [
        (Shape(base=0), (0, 24), {1: 2, 3: 26, 4: 25}),
        (Shape(empty_zero=True), (24, 2), {4: 26, 5: 25}),
        (Shape(base=0), (0, 0), {2: 50, 3: 50}),
    ],
    ids=["a page that was not full", "the same in a box read before", "page 0 after page 1"],
)
async def test_a_page_read_again_that_was_pushed_on_leaves_no_hole(
    empty_ledger: Path, tmp_path: Path, shape: Shape, mails: tuple[int, int], when: dict[int, int]
) -> None:
    """Newest first, two pages of mail within three reads: the calm walk after it has read all that stands."""
    with open_ledger(f"sqlite:///{shutil.copy(empty_ledger, tmp_path / 'ledger.db')}") as ledger:
        box = _Box(ledger, shape)
        known, unknown = mails
        box.fill(known)
        for _ in range(2 * (known > 0)):
            await box.harvest()
        box.fill(unknown)
        start = box.inbox.reads
        box.inbox.on_read = partial(_arrive, box, {start + read: count for read, count in when.items()})
        await box.harvest()
        box.inbox.on_read = lambda _: None
        await box.harvest()
        assert box.unread() == set()


async def test_a_walk_that_was_outrun_and_died_is_not_carried_on(empty_ledger: Path, tmp_path: Path) -> None:
    """Its last page showed only mail that had come since the one before: what stands between nobody read."""
    path = shutil.copy(empty_ledger, tmp_path / "ledger.db")
    with open_ledger(f"sqlite:///{path}") as ledger:
        box = _Box(ledger, Shape(base=0))
        box.fill(1)
        await box.harvest()
        start = box.inbox.reads
        box.inbox.on_read = partial(_arrive, box, {start + 1: 75, start + 3: 24, start + 5: 51})
        await box.harvest()
        start = box.inbox.reads

        def arrive_and_die(read: int) -> None:
            _arrive(box, {start + 2: 51, start + 3: 75}, read)
            if read - start == 4:
                raise ProviderUnavailable("The provider does not answer.", hint="Later.")

        box.inbox.on_read = arrive_and_die
        with pytest.raises(ProviderUnavailable):
            await box.harvest()
        box.inbox.on_read = lambda _: None
        await box.harvest()
        assert box.unread() == set()


def _arrive(box: _Box, when: Mapping[int, int], read: int) -> None:
    """Mail comes before this read."""
    box.fill(when.get(read, 0))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("many", [SIZE, SIZE + 5])
async def test_no_mail_is_pushed_past_the_walk(
    empty_ledger: Path, tmp_path: Path, name: str, many: int
) -> None:
    """A page and more comes before one read, one mail before another: the next calm walk has read all."""
    missed = []
    for burst, single in combinations(READS, 2):
        path = Path(shutil.copy(empty_ledger, tmp_path / f"{burst}-{single}.db"))
        with open_ledger(f"sqlite:///{path}") as ledger:
            box = _Box(ledger, SHAPES[name])
            box.fill(SIZE)
            await box.harvest()
            box.fill(SIZE + 1)
            start = box.inbox.reads

            box.inbox.on_read = partial(_arrive, box, {start + burst: many, start + single: 1})
            await box.harvest()
            box.inbox.on_read = lambda _: None
            await box.harvest()
            if box.unread():
                missed.append((burst, single))
    assert not missed
