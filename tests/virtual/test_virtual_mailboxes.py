"""Several mailboxes over whole starts: one that cannot send stops itself, and what waits for it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ledgers import open_ledger
from support.nights import Nights, play, rome, rules
from support.pec import PASSWORD

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.caps import Caps
from bulk_pec.domain.errors import BulkPecError, CredentialsRefused, ProviderUnavailable
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.sending.options import MailboxLimits

ANY_TIME = Calendar("Europe/Rome")
ONE, OTHER, THIRD = "uno@example.com", "altro@example.com", "terzo@example.com"
WRONG = 401


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _mailboxes(*addresses: str) -> list[Mailbox]:
    """Each with its address as user name, by which the provider knows it."""
    return [Mailbox(address, Secret(address), Secret(PASSWORD)) for address in addresses]


def _two(nights: Nights) -> None:
    nights.mailboxes = _mailboxes(ONE, OTHER)


def _senders(nights: Nights) -> Counter[str]:
    return Counter(post.sender for post in nights.provider.posts)


def _told(nights: Nights, *words: str) -> bool:
    """Whether one line for people holds all of these words."""
    return any(all(word in said for word in words) for said in nights.said)


async def _strand_one(nights: Nights) -> None:
    """A start in which the first mailbox is refused once it has sent: one message stays bound to it."""
    _two(nights)
    nights.provider.wrong = lambda user: WRONG if user == ONE and ONE in _senders(nights) else None
    ended = await nights.start()
    assert ended.exit == Exit.of(Reason.CREDENTIALS)
    assert ended.document["messages"]["pending"] == 1
    nights.provider.wrong = lambda _: None


def test_a_wrong_password_stops_its_mailbox_alone(ledger: Ledger) -> None:
    """Its inbox refuses before anything was sent: the other sends it all; it is named, and asked once."""

    async def once(nights: Nights) -> None:
        _two(nights)
        nights.provider.wrong = lambda user: WRONG if user == ONE else None
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.COMPLETE)
        told = ended.rounds.done.stopped_mailboxes()
        assert len(told) == 1
        assert told[0].startswith(f"{ONE} stopped: its inbox was not read: ")

    nights = play(ledger, 12, "2026-11-23 21:00", once, rules(ANY_TIME))
    assert _senders(nights) == {OTHER: 12}
    assert nights.provider.asked.count(("GET", ONE)) == 1
    assert ("POST", ONE) not in nights.provider.asked
    assert _told(nights, ONE, "refused", "Nothing is sent from it")


def test_with_every_password_wrong_the_start_ends(ledger: Ledger) -> None:
    """77 before anything is posted, and the error names a mailbox."""

    async def once(nights: Nights) -> None:
        _two(nights)
        nights.provider.wrong = lambda _: WRONG
        with pytest.raises(CredentialsRefused, match=ONE):
            await nights.start()

    nights = play(ledger, 5, "2026-11-23 21:00", once, rules(ANY_TIME))
    assert not nights.provider.posts


def test_what_a_refused_mailbox_had_tried_waits_for_it(ledger: Ledger) -> None:
    """77 while messages are bound to it, however often it is started; how many and why is known."""

    async def starts(nights: Nights) -> None:
        await _strand_one(nights)
        nights.provider.wrong = lambda user: WRONG if user == ONE else None
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.CREDENTIALS)
        sent = ended.rounds.done.sent
        assert sent.stranded == {ONE: 1}
        assert sent.stopped[ONE].reason is Reason.CREDENTIALS
        assert ONE in sent.note
        assert "its inbox was not read" in sent.note
        told = ended.rounds.done.stopped_mailboxes()
        assert told == [f"1 message can only leave from {ONE}, which stopped."]
        assert ("POST", ONE) not in nights.provider.asked[-5:]
        nights.provider.wrong = lambda _: None
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 12, "2026-11-23 21:00", starts, rules(ANY_TIME))
    assert len(nights.provider.posts) == len({post.recipient for post in nights.provider.posts}) == 12


@pytest.mark.parametrize("status", [500, 503])
def test_an_inbox_that_fails_stops_its_mailbox_for_the_time(ledger: Ledger, status: int) -> None:
    """A server error for one inbox: the other sends; 69 only while messages are bound to the first."""

    async def starts(nights: Nights) -> None:
        await _strand_one(nights)
        nights.provider.wrong = lambda user: status if user == ONE else None
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.UNAVAILABLE)
        assert ended.rounds.done.sent.stranded == {ONE: 1}
        nights.provider.wrong = lambda _: None
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    play(ledger, 6, "2026-11-23 21:00", starts, rules(ANY_TIME))


def test_a_provider_that_fails_for_all_is_not_asked_for_each(ledger: Ledger) -> None:
    """Two inboxes that fail and none that was read: 69, and the third mailbox's is left alone."""

    async def once(nights: Nights) -> None:
        nights.mailboxes = _mailboxes(ONE, OTHER, THIRD)
        nights.provider.wrong = lambda _: 503
        with pytest.raises(ProviderUnavailable, match=ONE):
            await nights.start()

    nights = play(ledger, 5, "2026-11-23 21:00", once, rules(ANY_TIME))
    assert not nights.provider.posts
    assert ("GET", THIRD) not in nights.provider.asked


def test_doubts_of_a_refused_mailbox_need_a_person(ledger: Ledger) -> None:
    """Nothing is left to send, but an answer of it never came and its inbox refuses: 77, not 75.

    Its messages are not called overdue either, whatever time passes: the receipts may lie there.
    """

    async def starts(nights: Nights) -> None:
        _two(nights)
        asked = nights.provider.asked
        nights.provider.refused = lambda _: (
            500 if asked[-1] == ("POST", ONE) and asked.count(("POST", ONE)) == 1 else None
        )
        nights.provider.receipts = lambda _: None
        first = await nights.start()
        assert first.document["messages"]["in_doubt"] == 1
        assert min(_senders(nights).values()) > 0
        nights.provider.wrong = lambda user: WRONG if user == ONE else None
        nights.clock.skip(48 * 3600)
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.CREDENTIALS)
        assert ended.document["delivery"]["overdue"] == _senders(nights)[OTHER] > 0
        reconciled = await nights.reconcile()
        assert reconciled is not None
        assert (reconciled.exit, ONE in reconciled.what) == (Exit.of(Reason.CREDENTIALS), True)

    play(ledger, 8, "2026-11-23 21:00", starts, rules(ANY_TIME))


def test_room_in_the_mailbox_that_is_full_is_waited_for(ledger: Ledger) -> None:
    """With --wait and a message bound to a full mailbox: the room in the other one is no reason to go on.

    The full one is asked every few minutes, the inboxes are read once it has room.
    """
    room_at = rome("2026-11-23 22:30")
    reads: list[int] = []

    async def full(nights: Nights) -> None:
        await _strand_one(nights)
        nights.provider.shares[ONE] = lambda at: 0.95 if at < room_at else 0.2
        reads.append(len(nights.provider.reads))
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.COMPLETE)
        reads.append(len(nights.provider.reads))

    nights = play(ledger, 6, "2026-11-23 21:00", full, rules(ANY_TIME))
    last = nights.provider.posts[-1]
    assert last.sender == ONE
    assert room_at <= last.at < room_at + 10 * 60_000
    assert reads[1] - reads[0] < 20
    assert sum("Waiting for room" in said for said in nights.said) == 1


def test_a_refused_mailbox_does_not_end_the_waiting_of_another(ledger: Ledger) -> None:
    """With --wait one has a message bound to it and is refused, the other has come to its cap.

    The cap is waited for, the rest is sent, and then it is the credentials.
    """

    async def capped(nights: Nights) -> None:
        _two(nights)
        nights.provider.wrong = lambda user: WRONG if user == ONE and ONE in _senders(nights) else None
        without = await nights.start()
        assert without.exit == Exit.of(Reason.CAP)
        told = "".join(without.rounds.done.stopped_mailboxes())
        assert f"1 message can only leave from {ONE}" in told
        ended = await nights.start(wait=True)
        assert ended.exit == Exit.of(Reason.CREDENTIALS)
        assert ended.document["messages"]["pending"] == 1

    given = rules(ANY_TIME, limits={OTHER: MailboxLimits(None, Caps(per_day=4))})
    nights = play(ledger, 12, "2026-11-23 21:00", capped, given)
    assert _senders(nights)[OTHER] == 12 - 1 - _senders(nights)[ONE]
    assert nights.provider.asked.count(("POST", ONE)) <= _senders(nights)[ONE] + 1
    assert _told(nights, "the cap's next period begins")


def test_room_is_waited_for_beside_a_refused_mailbox(ledger: Ledger) -> None:
    """With --wait one is full and the other refused: only the full one's quota is asked, and it goes on."""
    room_at = rome("2026-11-23 22:30")

    async def full(nights: Nights) -> None:
        _two(nights)
        nights.provider.wrong = lambda user: WRONG if user == OTHER else None
        nights.provider.shares[ONE] = lambda at: 0.95 if at < room_at else 0.2
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 6, "2026-11-23 21:00", full, rules(ANY_TIME))
    assert _senders(nights) == {ONE: 6}
    assert nights.provider.asked.count(("GET", OTHER)) == 1
    assert room_at <= nights.provider.posts[0].at < room_at + 10 * 60_000


def test_a_mailbox_refused_while_its_room_is_awaited(ledger: Ledger) -> None:
    """Its password is changed meanwhile: that ends the waiting for it with 77, and a report."""
    changed = rome("2026-11-23 22:00")

    async def full(nights: Nights) -> None:
        await _strand_one(nights)
        nights.provider.shares[ONE] = lambda _: 0.95
        nights.provider.wrong = lambda user: WRONG if user == ONE and nights.clock.true() >= changed else None
        try:
            ended = await nights.start(wait=True)
        except BulkPecError as error:
            pytest.fail(f"ended with an error: {error}")
        assert ended.exit == Exit.of(Reason.CREDENTIALS)
        assert nights.clock.true() < changed + 10 * 60_000

    play(ledger, 6, "2026-11-23 21:00", full, rules(ANY_TIME))
