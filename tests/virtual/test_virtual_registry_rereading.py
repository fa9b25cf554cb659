"""Hints read again at the registry, and recorded: over hours that take no time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from itertools import pairwise

import anyio
import pytest
from support import virtual_time

from bulk_pec.domain.errors import (
    BulkPecError,
    ConfigError,
    CredentialsRefused,
    LedgerBusy,
    LedgerError,
    NoCredit,
    ProviderUnavailable,
    RegistryRefused,
    first_cause,
)
from bulk_pec.domain.registrations import Registration
from bulk_pec.registry.rereading import APART, LONGEST_WAIT, LOOKED_UP, MOST, PAUSE, Rereading

ID, OTHER = "6040e4613a716838dc4eee0e", "6040c9df3a716838dc4eede4"
BUSY = LedgerBusy("Another process holds the ledger.", hint="Wait.")
OUT = ProviderUnavailable("Nobody answers.", hint="Later.")
Act = Callable[["_Desk"], Awaitable[None]]


class _Desk:
    """A registry and a ledger that answer as they are told, and what came of it, with the second of each.

    Attributes:
        states: What the registry says of each id; another id it does not know.
        fails: What the registry's next answers are instead, one after the other.
        bars: The same of what the registry answers about the account itself.
        refuses: The same of the ledger.
        ours: The ids that the ledger knows; looked up now and then.
    """

    def __init__(self, known: Collection[str] = ()) -> None:
        self.states: dict[str, str] = {ID: "evasa", OTHER: "evasa"}
        self.fails: list[Exception] = []
        self.refuses: list[Exception] = []
        self.asked: list[tuple[float, str]] = []
        self.recorded: list[tuple[str, str]] = []
        self.told: list[tuple[float, str]] = []
        self.failed: list[tuple[float, str]] = []
        self.at_once, self.under_way = 0, 0
        self.slow = 0.0
        self.bars: list[Exception] = []
        self.probed: list[float] = []
        self.ours: list[str] = []
        self.rereading = Rereading(
            self._show,
            self._record,
            probe=self._probe,
            known=lambda: list(self.ours),
            told=self._told,
            failed=self._failed,
        )
        self.rereading.know(known)

    def run(self, act: Act) -> None:
        """Work while this acts; what ends the work is raised."""

        async def main() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.rereading.work)
                await act(self)
                tasks.cancel_scope.cancel()

        try:
            virtual_time.run(main)
        except BaseExceptionGroup as group:
            raise first_cause(group) from None

    async def _show(self, identity: str) -> Registration | None:
        self.asked.append((_second(), identity))
        self.under_way += 1
        self.at_once = max(self.at_once, self.under_way)
        state = self.states.get(identity)
        try:
            await anyio.sleep(self.slow)
        finally:
            self.under_way -= 1
        if self.fails:
            raise self.fails.pop(0)
        return None if state is None else Registration(identity, "ufficio@example.com", "PECMASSIVA", state)

    async def _probe(self) -> None:
        self.probed.append(_second())
        if self.bars:
            raise self.bars.pop(0)

    def _record(self, found: Registration, at: int) -> bool:
        assert at > 0
        if self.refuses:
            raise self.refuses.pop(0)
        new = (found.id, found.stato) not in self.recorded
        self.recorded.append((found.id, found.stato))
        return new

    def _told(self, found: Registration, new: bool) -> None:
        self.told.append((_second(), found.stato if new else "as before"))

    def _failed(self, identity: str, error: BulkPecError) -> None:
        self.failed.append((_second(), f"{identity}: {error.what}"))


def _second() -> float:
    return round(anyio.current_time() - virtual_time.START, 3)


async def _hinted(desk: _Desk) -> None:
    """One hint, and time for whatever comes of it."""
    assert desk.rereading.hint(ID)
    await anyio.sleep(3_600)


def test_a_hint_is_asked_about_at_once_and_recorded() -> None:
    """What is recorded is what the registry says; nobody reads what the hint said."""
    desk = _Desk()
    desk.run(_hinted)
    assert desk.asked == [(0, ID)]
    assert desk.recorded == [(ID, "evasa")]
    assert desk.told == [(0, "evasa")]
    assert desk.rereading.waiting == []


def test_an_id_that_the_registry_does_not_know_is_forgotten() -> None:
    """Asked about once; nothing is recorded. So is one that the registry does not take for an id."""
    desk = _Desk()
    desk.states.clear()
    desk.run(_hinted)
    assert desk.asked == [(0, ID)]
    refused = _Desk()
    refused.fails = [RegistryRefused("Not an id.", hint="Look at it.")]
    refused.run(_hinted)
    assert refused.asked == [(0, ID)]
    for each in (desk, refused):
        assert (each.recorded, each.failed, each.rereading.waiting) == ([], [], [])


def test_a_flood_of_the_same_hint_costs_one_question_in_five_seconds() -> None:
    """10,000 hints in 100 seconds: twenty questions, and the last hint is answered by a later question."""
    desk = _Desk()

    async def flood(desk: _Desk) -> None:
        for _ in range(10_000):
            assert desk.rereading.hint(ID)
            await anyio.sleep(0.01)
        desk.states[ID] = "revocata"
        desk.rereading.hint(ID)
        await anyio.sleep(60)

    desk.run(flood)
    gaps = [later[0] - sooner[0] for sooner, later in pairwise(desk.asked)]
    assert min(gaps) >= APART
    assert len(desk.asked) <= 100 / APART + 2
    assert desk.recorded[-1] == (ID, "revocata")


def test_a_flood_of_ids_costs_one_question_at_a_time() -> None:
    """So many at once, a second apart; beyond what is kept a hint is turned away, and nothing breaks."""
    desk = _Desk()
    desk.slow = 0.5

    async def flood(desk: _Desk) -> None:
        taken = [desk.rereading.hint(f"made-up-{number}") for number in range(3 * MOST)]
        assert taken == [True] * MOST + [False] * 2 * MOST
        await anyio.sleep(600)

    desk.run(flood)
    assert desk.at_once == 1
    assert 300 <= len(desk.asked) <= 600 / (PAUSE + 0.5) + 1


def test_mailboxes_that_are_known_go_before_a_flood_and_are_never_turned_away() -> None:
    """Whoever sends rubbish does not keep the registry's own callback waiting."""
    desk = _Desk(known=[ID])

    async def flood(desk: _Desk) -> None:
        for number in range(2 * MOST):
            desk.rereading.hint(f"made-up-{number}")
        await anyio.sleep(10)
        assert desk.recorded == []
        assert desk.rereading.hint(ID)
        await anyio.sleep(2 * PAUSE)
        assert desk.recorded == [(ID, "evasa")]

    desk.run(flood)


def test_a_mailbox_that_was_recorded_is_known_from_then_on() -> None:
    """Registered on another machine, say: its second callback goes before the flood."""
    desk = _Desk()

    async def flood(desk: _Desk) -> None:
        desk.rereading.hint(ID)
        await anyio.sleep(APART)
        for number in range(2 * MOST):
            desk.rereading.hint(f"made-up-{number}")
        assert desk.rereading.hint(ID)
        await anyio.sleep(3 * PAUSE)
        assert [state for state, _ in desk.recorded] == [ID, ID]

    desk.run(flood)


def test_a_busy_ledger_is_tried_again_and_nobody_is_asked_again() -> None:
    """A run holds it for eight hours: what was read waits, is told once, and is recorded in the end."""
    desk = _Desk()

    async def busy(desk: _Desk) -> None:
        desk.refuses = [BUSY] * 200
        desk.rereading.hint(ID)
        await anyio.sleep(8 * 3_600)
        assert desk.rereading.waiting == [ID]
        desk.refuses.clear()
        await anyio.sleep(LONGEST_WAIT + PAUSE)

    desk.run(busy)
    assert desk.asked == [(0, ID)]
    assert desk.recorded == [(ID, "evasa")]
    assert desk.failed == [(0, f"{ID}: {BUSY.what}")]
    assert desk.rereading.waiting == []


def test_what_waited_for_the_ledger_is_read_again_if_it_was_hinted_at_meanwhile() -> None:
    """What was read before the second hint is not recorded as if it were the state now."""
    desk = _Desk()

    async def busy(desk: _Desk) -> None:
        desk.states[ID] = "in_evasione"
        desk.refuses = [BUSY]
        desk.rereading.hint(ID)
        await anyio.sleep(1)
        desk.states[ID] = "evasa"
        desk.rereading.hint(ID)
        await anyio.sleep(3_600)

    desk.run(busy)
    assert desk.recorded == [(ID, "evasa")]
    assert len(desk.asked) == 2


def test_a_hint_that_comes_while_the_registry_answers_is_not_lost() -> None:
    """The state may have changed after the answer was made: it is asked once more."""
    desk = _Desk()
    desk.slow = 2.0

    async def twice(desk: _Desk) -> None:
        desk.states[ID] = "in_evasione"
        desk.rereading.hint(ID)
        await anyio.sleep(1)
        desk.states[ID] = "evasa"
        desk.rereading.hint(ID)
        await anyio.sleep(60)

    desk.run(twice)
    assert desk.recorded == [(ID, "in_evasione"), (ID, "evasa")]
    assert [second for second, _ in desk.asked] == [0, APART]


@pytest.mark.parametrize("error", [OUT, LedgerError("The disk is full.", hint="Make room.")])
def test_what_may_pass_is_tried_again_ever_more_seldom(error: Exception) -> None:
    """No registry, or a ledger that fails: 5 s, 10, 20 … 300; told once, and again when it recurs."""
    desk = _Desk()
    failing = desk.fails if error is OUT else desk.refuses

    async def hours(desk: _Desk) -> None:
        failing.extend([error] * 10)
        desk.rereading.hint(ID)
        await anyio.sleep(3_600)
        assert desk.recorded == [(ID, "evasa")]
        failing.append(error)
        desk.rereading.hint(ID)
        await anyio.sleep(3_600)

    desk.run(hours)
    assert [second for second, _ in desk.failed] == [0, 3_600]
    assert desk.recorded == [(ID, "evasa")] * 2
    if error is OUT:
        seconds = [second for second, _ in desk.asked][:11]
        gaps = [later - sooner for sooner, later in pairwise(seconds)]
        assert gaps == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_a_mailbox_in_trouble_keeps_no_other_waiting() -> None:
    """While one id is put off, another's turn comes."""
    desk = _Desk()

    async def both(desk: _Desk) -> None:
        desk.fails = [OUT]
        desk.rereading.hint(ID)
        await anyio.sleep(0.1)
        desk.rereading.hint(OTHER)
        await anyio.sleep(60)

    desk.run(both)
    assert [identity for identity, _ in desk.recorded] == [OTHER, ID]


def test_mailboxes_registered_meanwhile_are_known_within_a_minute() -> None:
    """`mailbox register` ran after the receiver had started: a flood does not keep that callback out."""
    desk = _Desk()

    async def flood(desk: _Desk) -> None:
        await _filled(desk, "first")
        assert not desk.rereading.hint(ID)
        desk.ours.append(ID)
        await anyio.sleep(LOOKED_UP + PAUSE)
        await _filled(desk, "second")
        assert desk.rereading.hint(ID)
        await anyio.sleep(2 * PAUSE)
        assert desk.recorded == [(ID, "evasa")]

    async def _filled(desk: _Desk, name: str) -> None:
        await anyio.sleep(PAUSE / 2)
        for number in range(2 * MOST):
            desk.rereading.hint(f"{name}-{number}")

    desk.run(flood)


_REFUSALS = [
    CredentialsRefused("No.", hint="Check the token."),
    NoCredit("Nothing left.", hint="Top it up."),
    ConfigError("Not the service.", hint="Check registry_url."),
]


@pytest.mark.parametrize("error", _REFUSALS, ids=lambda error: type(error).__name__)
def test_a_refusal_of_a_known_mailbox_ends_the_work(error: BulkPecError) -> None:
    """77 or 78: only a person can mend it, and the hint is still there to be told of."""
    desk = _Desk(known=[ID])
    desk.fails = [error]
    with pytest.raises(type(error)):
        desk.run(_hinted)
    assert desk.rereading.waiting == [ID]
    assert desk.probed == []


@pytest.mark.parametrize("error", _REFUSALS, ids=lambda error: type(error).__name__)
def test_a_refusal_of_a_mailbox_that_is_nobody_s_ends_nothing(error: BulkPecError) -> None:
    """Anybody can make up an id, or name another account's: it is dropped, and the next hint is read."""
    desk = _Desk()
    desk.fails = [error]

    async def both(desk: _Desk) -> None:
        desk.rereading.hint(OTHER)
        desk.rereading.hint(ID)
        await anyio.sleep(3_600)

    desk.run(both)
    assert desk.asked == [(0, OTHER), (2 * PAUSE, ID)]
    assert desk.probed == [PAUSE]
    assert desk.recorded == [(ID, "evasa")]
    assert (desk.failed, desk.rereading.waiting) == ([], [])


@pytest.mark.parametrize("error", _REFUSALS, ids=lambda error: type(error).__name__)
def test_a_refusal_of_the_account_itself_ends_the_work(error: BulkPecError) -> None:
    """What is said of an id that is not known is said of GET /pec too: so it is no stranger's doing."""
    desk = _Desk()
    desk.fails, desk.bars = [error], [error]
    with pytest.raises(type(error)):
        desk.run(_hinted)
    assert desk.rereading.waiting == [ID]


def test_a_refusal_that_cannot_be_looked_into_now_is_put_off() -> None:
    """The registry went away between the two questions: both are asked again."""
    desk = _Desk()
    desk.fails, desk.bars = [_REFUSALS[0]], [OUT]
    desk.run(_hinted)
    assert desk.recorded == [(ID, "evasa")]
    assert len(desk.failed) == 1


def test_a_registry_that_refuses_the_list_as_such_is_the_one_we_mean() -> None:
    """It looked at the question, so the token and the address are right."""
    desk = _Desk()
    desk.fails, desk.bars = [_REFUSALS[0]], [RegistryRefused("Not now.", hint="Later.")]
    desk.run(_hinted)
    assert (desk.recorded, desk.rereading.waiting) == ([], [])
