"""Open intents: none stays open for long, none leaves after its message expired or in an uncounted day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest
from support.ledgers import open_ledger, query
from support.nights import Nights, play, rules, shown
from support.pec import MAILBOX

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.caps import Caps
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.nightly import Limits, Parts
from bulk_pec.sending.options import MailboxLimits

ANY_TIME = Calendar("Europe/Rome")
OTHER = "altro@example.com"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _change(ledger: Ledger, statement: str, **values: object) -> None:
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, statement, **values)


def _caps(first: int, other: int) -> dict[str, MailboxLimits]:
    return {
        MAILBOX.address: MailboxLimits(None, Caps(per_day=first)),
        OTHER: MailboxLimits(None, Caps(per_day=other)),
    }


class _Two(Nights):
    """The same with a second mailbox."""

    def _parts(self, limits: Limits) -> Parts:
        mailboxes = [MAILBOX, replace(MAILBOX, address=OTHER)]
        return replace(super()._parts(limits), mailboxes=mailboxes)


def _two(nights: Nights) -> _Two:
    return _Two(nights.ledger, nights.run, nights.clock, nights.provider, nights.rules)


def test_an_intent_that_missed_its_slot_does_not_starve(ledger: Ledger) -> None:
    """A mailbox with less left than the other: its late message has the next slots, not the last ones.

    The other one comes back from a pause of 20 s; just then a connection takes 3.5 s. Every message expires
    within the minute, and whatever is posted is posted before that.
    """
    slow: list[int] = []

    async def go(nights: Nights) -> None:
        two = _two(nights)
        send = two.rules.send
        two.rules = replace(two.rules, send=lambda most: replace(send(most), concurrency=16))
        began, answer = two.clock.now(), two.provider.handle_async_request
        ledger.paces.throttle(ledger.inbox.mailbox_id(OTHER), 20.0, began * 1000, 0)
        _change(ledger, "UPDATE messages SET expires_at = :at", at=began + 60_000)

        async def slowly(request: httpx.Request) -> httpx.Response:
            late = 27_500 < two.clock.true() - began < 29_500
            if late and request.method == "POST" and b"ufficio" in request.content and not slow:
                slow.append(two.clock.true())
                await anyio.sleep(3.5)
            return await answer(request)

        two.provider.handle_async_request = slowly  # type: ignore[method-assign]  # one slow connection
        assert (await two.start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 300, "2026-11-23 12:00:00", go, rules(ANY_TIME, limits=_caps(500, 1000)))
    assert len(slow) == 1
    (latest,) = query(ledger, "SELECT MAX(expires_at) AS at FROM messages")
    assert nights.provider.posts
    assert max(post.at for post in nights.provider.posts) < latest["at"]
    (longest,) = query(ledger, "SELECT MAX(closed_at - opened_at) AS ms FROM attempts")
    assert longest["ms"] < 12_000


def test_a_message_bound_to_the_smaller_mailbox_does_not_wait_for_all_others(ledger: Ledger) -> None:
    """The other mailbox has more left at every moment; still the bound one leaves in its turn."""

    async def go(nights: Nights) -> None:
        bound = ledger.inbox.mailbox_id(MAILBOX.address)
        _change(ledger, 'UPDATE messages SET mailbox_id = :box WHERE "row" = 5', box=bound)
        assert (await _two(nights).start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 60, "2026-11-23 12:00:00", go, rules(ANY_TIME, limits=_caps(500, 1000)))
    order = [post.recipient for post in nights.provider.posts]
    assert order.index("persona5@example.org") < 12


@pytest.mark.parametrize("first", [-600, 0, 400])
def test_no_first_byte_leaves_after_the_expiry(ledger: Ledger, first: int) -> None:
    """Wherever between intent and first byte the moment falls: the message is cancelled, not posted."""

    async def go(nights: Nights) -> None:
        began = nights.clock.now()
        _change(ledger, 'UPDATE messages SET expires_at = :at + 1000 * "row"', at=began + first)
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 30, "2026-11-23 12:00:00", go, rules(ANY_TIME))
    until = {row["recipient"]: row["expires_at"] for row in query(ledger, "SELECT * FROM messages")}
    assert all(post.at < until[post.recipient] for post in nights.provider.posts)
    kept = {row["recipient"] for row in query(ledger, "SELECT * FROM messages WHERE state = 'cancelled'")}
    assert kept == set(until) - {post.recipient for post in nights.provider.posts}


@pytest.mark.parametrize("ms", range(500, 800, 50))
def test_no_day_has_one_too_many_over_midnight(ledger: Ledger, ms: int) -> None:
    """What was counted in a day does not leave in the next one: caps hold at the receiver too."""

    async def go(nights: Nights) -> None:
        assert (await nights.start()).exit == Exit.of(Reason.CAP)

    given = rules(ANY_TIME, limits={MAILBOX.address: MailboxLimits(None, Caps(per_day=8))})
    nights = play(ledger, 20, f"2026-11-23 23:59:55.{ms:03d}", go, given)
    days = Counter(shown(post.at).date().isoformat() for post in nights.provider.posts)
    assert days["2026-11-24"] == 8
    assert 3 <= days["2026-11-23"] <= 6


def test_what_waits_for_a_capped_mailbox_goes_on_in_its_next_day(ledger: Ledger) -> None:
    """A start that outlasts midnight takes up what only the capped mailbox may send, and completes."""

    async def go(nights: Nights) -> None:
        capped = ledger.inbox.mailbox_id(MAILBOX.address)
        _change(ledger, 'UPDATE messages SET mailbox_id = :box WHERE "row" = 20', box=capped)
        for period in ("2026-11-23", "2026-11", "2026"):
            used = "INSERT INTO usage VALUES (:box, :period, 3)"
            _change(ledger, used, box=f"mailbox:{capped}", period=period)
        assert (await _two(nights).start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 80, "2026-11-23 23:59:00", go, rules(ANY_TIME, limits=_caps(3, 1000)))
    (bound,) = [post for post in nights.provider.posts if post.recipient == "persona20@example.org"]
    assert (bound.sender, shown(bound.at).day) == (MAILBOX.address, 24)
    assert Counter(post.sender for post in nights.provider.posts)[MAILBOX.address] <= 3
