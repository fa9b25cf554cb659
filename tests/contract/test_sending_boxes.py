"""Several mailboxes, caps and a budget: who stops, who goes on, and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest
from support.fault_server import Act, FaultServer, Wire, answer
from support.ledgers import query
from support.sending import REJECTED, SENT, Room, room

from bulk_pec.domain.caps import Caps, Limits
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Refusal
from bulk_pec.sending.boxes import Boxes
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.health import Health
from bulk_pec.sending.options import Stopped
from bulk_pec.sending.room import Room as Space
from bulk_pec.sending.stops import Stops

pytestmark = pytest.mark.anyio
ONE, OTHER = "uno@example.com", "altro@example.com"
REFUSED = answer(401, {"success": False, "message": "Unauthorized"})
FORBIDDEN = answer(403, {"success": False, "message": "Forbidden"})
THROTTLED = answer(429, b"", {"Retry-After": "3600"})


def _by_sender(**acts: Act) -> Act:
    """Answer by the part of the sender's address before the "@"."""

    async def act(wire: Wire) -> None:
        assert wire.request is not None
        await acts.get(wire.request.json()["sender"].partition("@")[0], SENT)(wire)

    return act


def _of_recipient(recipient: str, then: Act) -> Act:
    """Answer so to one recipient; the others' messages are taken."""

    async def act(wire: Wire) -> None:
        assert wire.request is not None
        await (then if wire.request.json()["recipient"] == recipient else SENT)(wire)

    return act


def _senders(server: FaultServer) -> Counter[str]:
    return Counter(request.json()["sender"] for request in server.posts)


def _two(ledger: Ledger, rows: int, caps: Callable[[str], Caps] = lambda _: Caps()) -> Room:
    ours = room(ledger, rows)
    ours.boxes = [ours.box(address, caps=caps(address)) for address in (ONE, OTHER)]
    return ours


def _again(ours: Room) -> Room:
    """The same run in a new start."""
    ours.stops = Stops()
    return ours


async def test_a_run_is_spread_over_its_mailboxes(ledger: Ledger) -> None:
    """Without caps each sends about as many as the other."""
    ours = _two(ledger, 20)
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, rate=200.0)
    assert (done.reason, ours.states()) == (None, {"sent": 20})
    assert min(_senders(server)[box] for box in (ONE, OTHER)) >= 7


@pytest.mark.parametrize("rate", [200.0, float("inf")])
async def test_who_may_still_send_more_sends_more(ledger: Ledger, rate: float) -> None:
    """What is left of their caps is brought to the same level, then used up evenly."""
    ours = _two(ledger, 20, lambda address: Caps(per_day=25 if address == ONE else 10))
    async with FaultServer(SENT) as server:
        await ours.send(server.url, rate=rate, concurrency=1)
    senders = _senders(server)
    assert abs((25 - senders[ONE]) - (10 - senders[OTHER])) <= 3


async def test_a_refused_mailbox_stops_itself_alone(ledger: Ledger) -> None:
    """401 for one: the other sends the rest; what the first had tried stays pending, and is told."""
    ours = _two(ledger, 12)
    async with FaultServer(_by_sender(uno=REFUSED)) as server:
        done = await ours.send(server.url, rate=200.0, concurrency=1)
    assert _senders(server) == {ONE: 1, OTHER: 11}
    assert ours.states() == {"sent": 11, "pending": 1}
    assert (done.stranded, done.awaited) == ({ONE: 1}, (ONE,))
    assert "Unauthorized" in done.stopped[ONE].note
    assert done.reason is Reason.CREDENTIALS
    assert ONE in done.note
    assert OTHER not in done.note


async def test_with_every_mailbox_refused_the_run_stops(ledger: Ledger) -> None:
    """Each is tried once; then it is the credentials, and both are named."""
    ours = _two(ledger, 12)
    async with FaultServer(_by_sender(uno=REFUSED, altro=FORBIDDEN)) as server:
        done = await ours.send(server.url, rate=200.0, concurrency=1)
    assert (done.reason, len(server.posts)) == (Reason.CREDENTIALS, 2)
    assert ONE in done.note
    assert OTHER in done.note
    assert ours.states() == {"pending": 12}


async def test_a_throttled_mailbox_pauses_alone(ledger: Ledger) -> None:
    """429 for one, for an hour: the other sends all the rest meanwhile, and the pause is in the ledger."""
    ours = _two(ledger, 20)

    async def stop_at_the_end(wire: Wire) -> None:
        await _by_sender(uno=THROTTLED)(wire)
        if _senders(server)[OTHER] >= 12:
            ours.stops.claims(Reason.UNTIL)

    async with FaultServer(stop_at_the_end) as server:
        done = await ours.send(server.url, rate=200.0, concurrency=4)
    assert 1 <= _senders(server)[ONE] <= 4
    assert _senders(server)[OTHER] == done.outcomes[Verdict.SENT] >= 12
    paused = query(ledger, "SELECT scope FROM paces WHERE paused_until > 0")
    assert [row["scope"] for row in paused] == [f"mailbox:{ours.boxes[0].id}"]


async def test_a_full_mailbox_sends_nothing(ledger: Ledger) -> None:
    """One at the mark is left alone; with all of them full the run stops before its first intent."""
    ours = room(ledger, 6)
    ours.boxes = [ours.box(ONE, share=0.91), ours.box(OTHER, share=0.5)]
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, mailbox_full_at=0.9, max_messages=4)
        assert (_senders(server), done.reason) == ({OTHER: 4}, Reason.MAX_MESSAGES)
        ours.boxes = [ours.box(ONE, share=0.91), ours.box(OTHER, share=0.9)]
        done = await _again(ours).send(server.url, mailbox_full_at=0.9)
    assert (len(server.posts), done.reason) == (4, Reason.MAILBOX_FULL)
    assert "91% full" in done.note
    assert "90% full" in done.note


async def test_a_mailbox_that_is_known_to_be_stopped_is_not_tried(ledger: Ledger) -> None:
    """What the start has seen of it counts from the first message on; with none left nothing is posted."""
    ours = _two(ledger, 6)
    unread = Stopped(Reason.UNAVAILABLE, "its inbox was not read")
    ours.boxes = [replace(ours.boxes[0], stopped=unread), ours.boxes[1]]
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, rate=200.0, max_messages=4)
        assert (_senders(server), done.reason) == ({OTHER: 4}, Reason.MAX_MESSAGES)
        assert done.stopped == {ONE: unread}
        refused = Stopped(Reason.CREDENTIALS, "wrong password")
        ours.boxes = [ours.boxes[0], replace(ours.boxes[1], stopped=refused)]
        done = await _again(ours).send(server.url, rate=200.0)
    assert (len(server.posts), done.reason) == (4, Reason.UNAVAILABLE)
    assert done.awaited == (ONE, OTHER)


async def test_health_is_judged_over_all_that_one_start_sends(ledger: Ledger) -> None:
    """Rejections that one engine saw count in the next one of the same start: 30 and 20 are enough."""
    ours, health = room(ledger, 60), Health(0.2)
    async with FaultServer(REJECTED) as server:
        first = await ours.send(server.url, health=health, concurrency=1, max_messages=30)
        assert first.reason is Reason.MAX_MESSAGES
        second = await _again(ours).send(server.url, health=health, concurrency=1)
    assert (second.reason, len(server.posts)) == (Reason.BREAKER, 50)


async def test_when_mailboxes_stop_for_several_reasons_the_one_that_passes_is_named(ledger: Ledger) -> None:
    """One is refused, the other has come to its cap: tomorrow the run goes on, so it ends with the cap."""
    ours = _two(ledger, 12, lambda address: Caps(per_day=None if address == ONE else 3))
    async with FaultServer(_by_sender(uno=REFUSED)) as server:
        done = await ours.send(server.url, rate=200.0, concurrency=1)
    assert _senders(server) == {ONE: 1, OTHER: 3}
    assert done.reason is Reason.CAP
    assert "Unauthorized" in done.note
    assert "3 of 3 addresses" in done.note


@pytest.mark.parametrize("concurrency", [1, 4, 16])
@pytest.mark.parametrize("caps", [Caps(per_day=7), Caps(per_month=7), Caps(per_year=7)])
async def test_a_cap_is_never_overrun_and_used_whole(ledger: Ledger, caps: Caps, concurrency: int) -> None:
    """Exactly so many are sent however many tasks there are, and none in another start of the same day."""
    ours = room(ledger, 20)
    ours.boxes = [ours.box(caps=caps)]
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, concurrency=concurrency)
        assert (done.reason, ours.states()) == (Reason.CAP, {"sent": 7, "pending": 13})
        assert done.again_at is not None
        assert done.again_at > ours.clock.now()
        again = await _again(ours).send(server.url)
    assert (again.reason, len(server.posts)) == (Reason.CAP, 7)


@pytest.mark.parametrize(
    ("why", "units", "reason"),
    [
        (Refusal.CAP, 2, None),
        (Refusal.CAP, 3, Reason.CAP),
        (Refusal.BUDGET, 1, None),
        (Refusal.BUDGET, 2, Reason.BUDGET),
    ],
)
async def test_a_refusal_stops_nothing_where_there_is_room_by_now(
    ledger: Ledger, why: Refusal, units: int, reason: Reason | None
) -> None:
    """An intent was refused while another held the room, and that one did not leave: the mailbox goes on."""
    ours = room(ledger, 1)
    box = ours.box(caps=Caps(per_day=2))
    budget = 50_000 if units == 1 else 49_999
    limits = Limits({box.id: box.limits.caps}, price=50_000, budget=budget if why is Refusal.BUDGET else None)
    boxes = Boxes([box], ours.stops, ours.clock)
    space = Space(LedgerThread(), ledger.usage, boxes, limits, run=ours.run, clock=ours.clock)
    await space.look()
    await space.short(why, box.id, units)
    assert ours.stops.reason is reason
    assert boxes.live() == ([] if reason else [box.id])


async def test_what_did_not_leave_is_given_back_to_the_cap(ledger: Ledger) -> None:
    """Rejected and throttled attempts count against nothing, so that as many are sent as the cap allows."""
    ours = room(ledger, 20)
    ours.boxes = [ours.box(caps=Caps(per_day=6))]
    throttled = answer(429, b"", {"Retry-After": "0"})
    async with FaultServer(REJECTED, SENT, throttled, REJECTED, SENT, SENT, REJECTED, SENT) as server:
        done = await ours.send(server.url, concurrency=4, max_failure_share=1.0)
    assert done.reason is Reason.CAP
    assert done.outcomes[Verdict.SENT] == 6
    used = {row["used"] for row in query(ledger, "SELECT used FROM usage WHERE scope LIKE 'mailbox:%'")}
    assert used == {6}


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_the_budget_ends_the_run(ledger: Ledger, concurrency: int) -> None:
    """EUR 0.35 buy seven messages of EUR 0.05, over all starts, from whichever mailbox."""
    ours = _two(ledger, 20)
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, concurrency=concurrency, price=0.05, max_cost=0.35, max_messages=4)
        assert done.reason is Reason.MAX_MESSAGES
        done = await _again(ours).send(server.url, concurrency=concurrency, price=0.05, max_cost=0.35)
        assert done.reason is Reason.BUDGET
        again = await _again(ours).send(server.url, price=0.05, max_cost=0.35)
    assert (again.reason, len(server.posts)) == (Reason.BUDGET, 7)
    assert "EUR 0.35" in done.note


async def test_a_second_403_after_others_were_sent_rejects_the_message(ledger: Ledger) -> None:
    """The first stops the mailbox; the next start sends others before it tries that message again."""
    ours = room(ledger, 6)
    async with FaultServer(_of_recipient("persona2@example.org", FORBIDDEN)) as server:
        first = await ours.send(server.url, concurrency=1)
        assert (first.reason, ours.states()) == (Reason.CREDENTIALS, {"sent": 1, "pending": 5})
        second = await _again(ours).send(server.url, concurrency=1)
    assert second.reason is None
    assert ours.states() == {"sent": 5, "rejected": 1}
    rejected = [attempt for attempt in ours.attempts() if attempt["outcome"] == "rejected"]
    assert [(attempt["number"], attempt["status"]) for attempt in rejected] == [(2, 403)]


async def test_a_second_403_alone_is_the_accounts(ledger: Ledger) -> None:
    """With nothing sent between the mailbox stops again, and the message stays pending."""
    ours = room(ledger, 3)
    async with FaultServer(FORBIDDEN) as server:
        for _start in range(2):
            done = await _again(ours).send(server.url, concurrency=1)
            assert (done.reason, ours.states()) == (Reason.CREDENTIALS, {"pending": 3})
    assert set(ours.outcomes()) == {"refused"}


async def test_a_mailbox_that_is_held_waits_and_goes_on(ledger: Ledger) -> None:
    """Nothing leaves from it until it is freed; it has not stopped, and whoever listens is told of both."""
    ours = _two(ledger, 1)
    stops, told, begun = Stops(), [0], []
    boxes = Boxes(ours.boxes, stops, ours.clock)
    boxes.on_change(lambda: told.append(len(told)))
    boxes.on_begun(lambda box, units: begun.append((box, units)))
    one, other = (boxes.id_of(address) for address in (ONE, OTHER))
    boxes.hold(one)
    boxes.hold(one)
    assert (boxes.live(), boxes.may_wait(one), boxes.stopped(one), len(told)) == ([other], True, False, 2)
    boxes.hold(other)
    assert (boxes.live(), stops.asked) == ([], False)
    boxes.free(one)
    boxes.free(one)
    assert (boxes.live(), len(told)) == ([one], 4)
    boxes.begun(one, 3)
    assert begun == [(one, 3)]


async def test_a_pause_of_one_mailbox_holds_up_no_message_that_another_may_send(ledger: Ledger) -> None:
    """Another process was told to pause: the intent is refused, the message leaves from the free mailbox."""
    ours = _two(ledger, 6)
    ledger.paces.throttle(ours.boxes[0].id, 3600.0, ours.clock.now() * 1000, 0)
    async with FaultServer(SENT) as server:
        with anyio.fail_after(120):
            done = await ours.send(server.url, concurrency=1)
    assert (done.reason, ours.states()) == (None, {"sent": 6})
    assert {attempt["mailbox_id"] for attempt in ours.attempts()} == {ours.boxes[1].id}
