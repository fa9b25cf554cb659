"""Waiting for a mailbox, over hours that take no time."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
from support import virtual_time

from bulk_pec.domain.errors import CredentialsRefused, ProviderUnavailable
from bulk_pec.domain.registrations import Registration
from bulk_pec.registry.waiting import Waiting

Answer = str | Exception
OUT = ProviderUnavailable("Nobody answers.", hint="Later.")


class _Registry:
    """Answers in states, one after the other; when it was asked, what was seen and what was missed.

    The last answer is repeated for ever.
    """

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[float] = []
        self.seen: list[tuple[float, str]] = []
        self.missed: list[tuple[float, float]] = []

    async def show(self) -> Registration:
        self.asked.append(anyio.current_time() - virtual_time.START)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Registration("6040e4613a716838dc4eee0e", "ufficio@example.com", "PECMASSIVA", answer)

    async def note(self, found: Registration) -> None:
        self.seen.append((round(anyio.current_time() - virtual_time.START, 3), found.stato))

    def miss(self, _: ProviderUnavailable, again: float) -> None:
        self.missed.append((round(anyio.current_time() - virtual_time.START, 3), again))

    def wait(self, every: float = 5.0) -> Registration:
        """Wait on it, on a clock that takes no time."""
        waiting = Waiting(self.show, every=every, seen=self.note, missed=self.miss)
        return virtual_time.run(waiting.settled)

    @property
    def pauses(self) -> list[float]:
        """Seconds between one question and the next."""
        return [round(later - sooner, 3) for sooner, later in pairwise(self.asked)]


def test_a_mailbox_that_is_active_is_asked_about_once() -> None:
    """The first question is asked at once, and its answer said."""
    registry = _Registry("evasa")
    assert registry.wait().stato == "evasa"
    assert registry.asked == [pytest.approx(0, abs=1e-6)]
    assert registry.seen == [(0, "evasa")]


def test_questions_come_ever_more_seldom_up_to_five_minutes() -> None:
    """Doubled each time: 5 s, 10, 20 … 300, 300."""
    registry = _Registry(*["in_evasione"] * 11, "evasa")
    registry.wait()
    assert registry.pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]


def test_an_interval_of_more_than_five_minutes_stays_as_it_is() -> None:
    """`--every 10m` is never hurried."""
    registry = _Registry(*["in_evasione"] * 3, "evasa")
    registry.wait(600.0)
    assert registry.pauses == [600, 600, 600]


def test_each_change_is_said_once() -> None:
    """However often the same state is read in between."""
    states = ["registrata", "registrata", "in_evasione", "in_evasione", "documenti_errati"]
    registry = _Registry(*states)
    assert registry.wait().stato == "documenti_errati"
    assert registry.seen == [(0, "registrata"), (15, "in_evasione"), (75, "documenti_errati")]


@pytest.mark.parametrize(
    "ended", ["evasa", "documenti_errati", "revocata", "chiusa", "registrazione_annullata"]
)
def test_it_ends_where_waiting_changes_nothing(ended: str) -> None:
    """Active, documents refused, or gone: somebody has to do something, or nothing is left to do."""
    registry = _Registry("in_evasione", ended)
    assert registry.wait().stato == ended
    assert len(registry.asked) == 2


def test_a_state_that_is_not_documented_is_waited_in() -> None:
    """Nobody knows what follows it."""
    registry = _Registry("sospesa", "evasa")
    assert registry.wait().stato == "evasa"
    assert [stato for _, stato in registry.seen] == ["sospesa", "evasa"]


def test_an_outage_is_waited_for_and_told_once() -> None:
    """The registry had answered before; when it answers again, a second outage is told too."""
    registry = _Registry("in_evasione", OUT, OUT, "in_evasione", OUT, "evasa")
    assert registry.wait().stato == "evasa"
    assert registry.missed == [(5, 10), (75, 80)]
    assert [stato for _, stato in registry.seen] == ["in_evasione", "evasa"]


def test_a_registry_that_never_answered_is_not_waited_for() -> None:
    """A wrong address would be waited on for ever."""
    registry = _Registry(OUT, "evasa")
    with pytest.raises(ProviderUnavailable):
        registry.wait()
    assert registry.missed == []


def test_an_outage_of_an_hour_ends_the_waiting() -> None:
    """69: whoever started it may start it again."""
    registry = _Registry("in_evasione", OUT)
    with pytest.raises(ProviderUnavailable):
        registry.wait()
    assert 3600 <= registry.asked[-1] < 3600 + 300


def test_what_no_waiting_mends_ends_it() -> None:
    """A token that is refused."""
    registry = _Registry("in_evasione", CredentialsRefused("No.", hint="Check the token."))
    with pytest.raises(CredentialsRefused):
        registry.wait()
