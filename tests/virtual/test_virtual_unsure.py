"""What a start ends with when all was sent and something about the receipts is amiss: it is said, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ledgers import open_ledger
from support.nights import Nights, play, rome, rules
from support.pec import MAILBOX

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.errands import ErrandOptions

ANY_TIME = Calendar("Europe/Rome")
EVENING = "2026-11-23 21:00"
COMPLETE, IO = Exit.of(Reason.COMPLETE), Exit.of(Reason.IO)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _tidied(nights: Nights, reads: int) -> None:
    """Other people's mail lies in the inbox; somebody deletes some of it again and again while it is read."""
    mail = nights.provider.mail
    user = nights.mailboxes[0].username.reveal()
    mail += [(rome(EVENING) - 86_400_000 + n, f"POSTA CERTIFICATA: {n}", user) for n in range(400)]

    def tidy(path: str, _: str) -> int | None:
        if path == "/inbox" and len(nights.provider.reads) < reads and len(nights.provider.reads) % 5 == 4:
            del mail[:5]
        return None

    nights.provider.ails = tidy


@pytest.mark.parametrize("how", ["run", "send", "reconcile"])
def test_an_inbox_that_is_to_be_read_again_is_said(ledger: Ledger, how: str) -> None:
    """Mail went while it was read twice: 0, since outstanding receipts are no reason, but it is told which.

    A start some time later reads all of it, and has nothing to say; nor has one with nothing outstanding.
    """

    async def twice(nights: Nights) -> None:
        nights.provider.receipts = lambda _: (0, 120)
        _tidied(nights, 36)
        ended = await nights.start(reconcile=how != "send")
        assert ended.exit == COMPLETE
        assert ended.rounds.done.to_read_again == [MAILBOX.address]
        (told,) = ended.rounds.done.unsure_inboxes()
        assert told.startswith(f"{MAILBOX.address}: mail was deleted or moved while its inbox was read")
        nights.clock.skip(3600)
        if how == "reconcile":
            assert await nights.reconcile() is None
        else:
            again = await nights.start(reconcile=how != "send")
            assert (again.exit, again.rounds.done.to_read_again) == (COMPLETE, [])
        box = ledger.inbox.mailbox_id(MAILBOX.address)
        assert ledger.inbox.whole_owed(box) is None

    play(ledger, 5, EVENING, twice, rules(ANY_TIME))


def test_with_nothing_outstanding_it_is_not_said(ledger: Ledger) -> None:
    """Every message has its CONSEGNA: nothing that was not seen could say more of any."""

    async def once(nights: Nights) -> None:
        nights.provider.receipts = lambda _: (0, 0)
        _tidied(nights, 36)
        ended = await nights.start()
        assert ended.document["delivery"]["delivered"] == 5
        assert (ended.exit, ended.rounds.done.to_read_again) == (COMPLETE, [])
        assert ledger.inbox.whole_owed(ledger.inbox.mailbox_id(MAILBOX.address)) is not None

    play(ledger, 5, EVENING, once, rules(ANY_TIME))


@pytest.mark.parametrize("reconcile", [True, False], ids=["run", "send"])
def test_an_archive_that_cannot_be_written_stops_nothing(
    ledger: Ledger, tmp_path: Path, reconcile: bool
) -> None:
    """It is told before anything is sent; all is sent; and the start ends with 74."""
    blocked = tmp_path / "archive"
    blocked.write_text("not a folder", encoding="utf-8")
    told: list[int] = []

    async def once(nights: Nights) -> None:
        nights.provider.on_post = lambda _: told.append(
            sum("cannot be written" in one for one in nights.said)
        )
        ended = await nights.start(reconcile=reconcile)
        assert ended.exit == IO
        assert ended.document["messages"]["sent"] == 10

    play(ledger, 10, EVENING, once, rules(ANY_TIME, errands=ErrandOptions(archive=blocked)))
    assert told == [1] * 10


def test_an_archive_that_is_mended_meanwhile_is_none_to_tell(ledger: Ledger, tmp_path: Path) -> None:
    """Before sending it could not be written, then it can: what is to be archived is, and the end is 0."""
    blocked = tmp_path / "archive"
    blocked.write_text("not a folder", encoding="utf-8")

    async def once(nights: Nights) -> None:
        nights.provider.on_post = lambda _: blocked.unlink(missing_ok=True)
        assert (await nights.start()).exit == COMPLETE
        assert blocked.is_dir()

    play(ledger, 10, EVENING, once, rules(ANY_TIME, errands=ErrandOptions(archive=blocked)))
