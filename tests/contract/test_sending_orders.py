"""Orders while messages leave: noticed by whoever sends, on either database, and obeyed like a signal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from support.fault_server import FaultServer, Wire
from support.ledgers import MAILBOX, mail, opened, query, recount
from support.sending import SENT, Room, room
from support.walks import add_page

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.control import Control
from bulk_pec.ledger.runs.orders import Order, Word
from bulk_pec.sending.options import Sent
from bulk_pec.sending.orders import Orders
from bulk_pec.sending.stops import Stops

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000_000


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once, so that no test waits for a second to pass."""
    monkeypatch.setattr("bulk_pec.sending.orders.EVERY", 0.005)


def _give(url: str, word: Word, run: str = "avvisi") -> None:
    """Give an order as another process would: on Postgres into the ledger, on SQLite beside it."""
    order = Order(word, run, "mario@host, pid 7", NOW)
    if url.startswith("sqlite"):
        Control(Path(url.removeprefix("sqlite:///")).resolve()).leave(order)
        return
    with opened(url) as other:
        other.orders.obey(order, NOW)


def _orders(ours: Room, say: Callable[[str], None] | None = None) -> Orders:
    return Orders(ours.ledger, ours.run, ours.clock, say or _unheard)


def _unheard(_: str) -> None:
    """Nobody listens to the talk."""


async def _send(ours: Room, server: FaultServer, say: Callable[[str], None] = _unheard) -> Sent:
    async with anyio.create_task_group() as background:
        background.start_soon(_orders(ours, say).watch, ours.stops)
        done = await ours.send(server.url, concurrency=3, drain_timeout=60.0)
        background.cancel_scope.cancel()
    return done


@pytest.mark.parametrize(
    ("word", "reason", "rest"),
    [(Word.PAUSE, Reason.PAUSED, "pending"), (Word.CANCEL, Reason.CANCELLED, "cancelled")],
)
async def test_a_running_process_obeys(
    ledger: Ledger, ledger_url: str, word: Word, reason: Reason, rest: str
) -> None:
    """What is in flight ends and is recorded; nothing more leaves; the order is in the ledger."""
    ours, answered = room(ledger, 20), 0

    async def act(wire: Wire) -> None:
        nonlocal answered
        answered += 1
        if answered == 3:
            await anyio.to_thread.run_sync(_give, ledger_url, word)
        await ours.stops.held()  # no answer before the order is heard
        await SENT(wire)

    async with FaultServer(act) as server:
        done = await _send(ours, server)
    assert done.reason is reason
    assert ours.states() == {"sent": 3, rest: 17}
    (order,) = ledger.orders.of(ours.run)
    assert (order["kind"], order["given_by"]) == (word.value, "mario@host, pid 7")
    control = ledger.control
    assert control is None or control.waiting() == []


async def test_an_order_for_another_run_stops_nothing_here(ledger: Ledger, ledger_url: str) -> None:
    """The holder of a SQLite ledger writes it down for the other run, and goes on with its own."""
    other, ours = room(ledger, 2, name="altro"), room(ledger, 6)
    given, heard = False, anyio.Event()
    if ledger.control is None:
        heard.set()  # on Postgres it is done when it is given

    async def act(wire: Wire) -> None:
        nonlocal given
        if not given:
            given = True
            await anyio.to_thread.run_sync(_give, ledger_url, Word.CANCEL, "altro")
            await heard.wait()
        await SENT(wire)

    async with FaultServer(act) as server:
        done = await _send(ours, server, lambda _: anyio.from_thread.run_sync(heard.set))
    assert (done.reason, ours.states(), other.states()) == (None, {"sent": 6}, {"cancelled": 2})


async def test_before_anything_is_sent(ledger: Ledger, ledger_url: str) -> None:
    """One look finds what was ordered while nobody listened."""
    ours = room(ledger, 2)
    said: list[str] = []
    _give(ledger_url, Word.PAUSE)
    _orders(ours, said.append).look(ours.stops)
    assert (ours.stops.reason, ours.stops.held_back) == (Reason.PAUSED, True)
    assert "bulk-pec resume avvisi" in ours.stops.note
    assert bool(said) == (ledger.control is not None)
    _give(ledger_url, Word.RESUME)
    fresh = Stops()
    _orders(ours).look(fresh)
    assert not fresh.asked


async def test_an_order_that_cannot_be_is_told_and_taken_away(ledger: Ledger, ledger_url: str) -> None:
    """A run that is not there, or is cancelled: the sending goes on."""
    ours, said = room(ledger, 2), list[str]()
    if ledger.control is None:
        return  # on Postgres whoever gives the order is told
    _give(ledger_url, Word.PAUSE, "maggio")
    _orders(ours, said.append).look(ours.stops)
    assert not ours.stops.asked
    assert "maggio" in "".join(said)
    assert ledger.control.waiting() == []


async def test_a_ledger_that_is_an_older_copy(ledger: Ledger) -> None:
    """What a harvest finds stops the start, with the rows and the command; nothing of it leaves."""
    ours = room(ledger, 14)
    references = [row["reference"] for row in query(ledger, "SELECT reference FROM messages ORDER BY id")]
    box = ledger.inbox.mailbox_id(MAILBOX)
    mails = [mail(ReceiptKind.ACCEPTED, reference) for reference in references[:12]]
    add_page(ledger, ledger.inbox.begin(box, NOW), box, mails, NOW)
    recount(ledger, ours.run)
    _orders(ours).look(ours.stops)
    assert (ours.stops.reason, ours.stops.held_back) == (Reason.ATTENTION, True)
    assert "(rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …)" in ours.stops.note
    assert "`bulk-pec settle avvisi`" in ours.stops.note
    async with FaultServer(SENT) as server:
        fresh = Room(ledger, ours.run)
        await fresh.send(server.url)
    assert server.posts == [], "the ledger refuses by itself"


async def test_another_run_of_an_older_copy(ledger: Ledger) -> None:
    """What one run's receipts show holds back every start, and the run to settle is named."""
    shown, ours = room(ledger, 2, name="altro elenco"), room(ledger, 3)
    ids = query(ledger, "SELECT reference FROM messages WHERE run_id = :run ORDER BY id", run=shown.run.id)
    box = ledger.inbox.mailbox_id(MAILBOX)
    mails = [mail(ReceiptKind.ACCEPTED, ids[1]["reference"])]
    add_page(ledger, ledger.inbox.begin(box, NOW), box, mails, NOW)
    _orders(ours).look(ours.stops)
    assert (ours.stops.reason, ours.stops.held_back) == (Reason.ATTENTION, True)
    assert "'altro elenco' (rows 2)" in ours.stops.note
    assert "`bulk-pec settle 'altro elenco'`" in ours.stops.note
    async with FaultServer(SENT) as server:
        fresh = Room(ledger, ours.run)
        await fresh.send(server.url)
    assert server.posts == []
    assert ours.states() == {"pending": 3}
