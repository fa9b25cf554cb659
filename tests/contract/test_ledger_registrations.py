"""What the ledger remembers of our own mailboxes, as the registry told it."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledgers import HOUR, NOW, open_ledger, query

from bulk_pec.domain.registrations import Registration
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.registry.registrations import AHEAD, News, Registrations, Remembered, Sighting

LIVE, REHEARSAL = "https://pec.openapi.it", "http://127.0.0.1:8025"
ID, OTHER = "6040e4613a716838dc4eee0e", "6040c9df3a716838dc4eede4"
ADDRESS = "ufficio@pecmassiva.com"
NEW = Registration(ID, ADDRESS, "PECMASSIVA", "registrata", None, NOW - 1000, auto_renew=False)


def _as(stato: str, later: int = 1, *, base: Registration = NEW) -> Registration:
    """The same mailbox in another state, which the registry dates so many seconds later."""
    return replace(base, stato=stato, changed_at=NOW + later * 1000)


def _words(ledger: Ledger, identity: str = ID) -> list[str]:
    return [one.stato for one in ledger.registrations(LIVE).history(identity)]


def test_a_mailbox_is_remembered_as_it_was_told(ledger: Ledger) -> None:
    """Found by its id and by its address, in whatever case; with when it was seen, and by what."""
    told = replace(NEW, address="Ufficio@PecMassiva.com", expires_at=NOW + HOUR, auto_renew=True)
    assert ledger.registrations(LIVE).remember(told, NOW, "register") is News.NEW
    kept = Remembered(replace(told, address=ADDRESS), NOW, NOW)
    assert ledger.registrations(LIVE).of_id(ID) == kept
    assert ledger.registrations(LIVE).of_address("UFFICIO@pecmassiva.com") == kept
    assert ledger.registrations(LIVE).all() == [kept]
    assert ledger.registrations(LIVE).history(ID) == [Sighting("registrata", NOW, "register")]


def test_nothing_is_known_of_others(ledger: Ledger) -> None:
    """An id, an address and a history nobody told of."""
    assert ledger.registrations(LIVE).of_id(ID) is None
    assert ledger.registrations(LIVE).of_address(ADDRESS) is None
    assert ledger.registrations(LIVE).history(ID) == []
    assert ledger.registrations(LIVE).all() == []


def test_a_change_of_state_is_news_and_history(ledger: Ledger) -> None:
    """Seen again in the same state it is no news; each state it is found in stands once in the history."""
    memory = ledger.registrations(LIVE)
    asked = ("registrata", "registrata", "in_evasione", "in_evasione", "evasa")
    news = [memory.remember(_as(word, at), NOW + at, "wait") for at, word in enumerate(asked)]
    assert news == [News.NEW, News.SAME, News.NEW, News.SAME, News.NEW]
    assert ledger.registrations(LIVE).history(ID) == [
        Sighting("registrata", NOW, "wait"),
        Sighting("in_evasione", NOW + 2, "wait"),
        Sighting("evasa", NOW + 4, "wait"),
    ]
    found = ledger.registrations(LIVE).of_id(ID)
    assert found is not None
    assert (found.registration.stato, found.first_seen_at, found.last_seen_at) == ("evasa", NOW, NOW + 4)


def test_a_state_that_comes_back_stands_twice_in_the_history(ledger: Ledger) -> None:
    """Documents refused, sent again, refused again."""
    for at, word in enumerate(("in_evasione", "documenti_errati", "in_evasione", "documenti_errati")):
        assert ledger.registrations(LIVE).remember(_as(word, at), NOW + at, "wait") is News.NEW
    assert _words(ledger) == ["in_evasione", "documenti_errati", "in_evasione", "documenti_errati"]


def test_what_is_not_told_again_stays_as_it_was(ledger: Ledger) -> None:
    """The registry may leave keys out: the expiry, the address, the kind and the renewal are kept."""
    whole = replace(NEW, expires_at=NOW + HOUR, auto_renew=True)
    ledger.registrations(LIVE).remember(whole, NOW, "register")
    assert ledger.registrations(LIVE).remember(Registration(ID, "", "", "evasa"), NOW + 1, "wait") is News.NEW
    found = ledger.registrations(LIVE).of_id(ID)
    assert found is not None
    assert found.registration == replace(whole, stato="evasa")


def test_a_renewal_is_kept_without_being_news(ledger: Ledger) -> None:
    """A later expiry takes the earlier one's place; the state has not changed."""
    ledger.registrations(LIVE).remember(replace(_as("evasa"), expires_at=NOW), NOW, "show")
    renewed = replace(_as("evasa", 2), expires_at=NOW + HOUR)
    assert ledger.registrations(LIVE).remember(renewed, NOW + 1, "renew") is not News.NEW
    found = ledger.registrations(LIVE).of_address(ADDRESS)
    assert found is not None
    assert found.registration.expires_at == NOW + HOUR
    assert _words(ledger) == ["evasa"]


def test_an_answer_that_was_overtaken_changes_nothing(ledger: Ledger) -> None:
    """Two processes ask, and the earlier answer is recorded last: the registry's own date of it tells."""
    ledger.registrations(LIVE).remember(_as("evasa", 9), NOW, "wait")
    assert ledger.registrations(LIVE).remember(_as("in_evasione", 3), NOW + 5, "callback") is News.OVERTAKEN
    found = ledger.registrations(LIVE).of_id(ID)
    assert found is not None
    assert (found.registration.stato, found.last_seen_at) == ("evasa", NOW)
    assert _words(ledger) == ["evasa"]


def test_a_date_that_lies_ahead_is_not_believed(ledger: Ledger) -> None:
    """A registry whose clock was wrong once would else have the last word for years."""
    memory = ledger.registrations(LIVE)
    odd = replace(NEW, changed_at=NOW + AHEAD + 3_001)
    assert memory.remember(odd, NOW, "wait") is News.NEW
    assert memory.knows(odd, NOW)
    assert memory.remember(_as("in_evasione", 1), NOW + 2_000, "wait") is News.NEW
    assert memory.remember(replace(odd, stato="evasa"), NOW + 3_000, "wait") is News.NEW
    found = memory.of_id(ID)
    assert found is not None
    assert (found.registration.stato, found.registration.changed_at) == ("evasa", NOW + 1_000)


def test_a_registry_s_clock_may_be_a_little_ahead(ledger: Ledger) -> None:
    """Its dates still tell which of two answers is the later one."""
    memory = ledger.registrations(LIVE)
    memory.remember(replace(NEW, stato="evasa", changed_at=NOW + AHEAD), NOW, "wait")
    assert memory.remember(_as("in_evasione"), NOW + 2_000, "callback") is News.OVERTAKEN


def test_what_another_registry_said_is_another_matter(ledger: Ledger) -> None:
    """A rehearsal, then the real thing in the same folder: same address, and by chance even the same id."""
    live, rehearsal = ledger.registrations(LIVE), ledger.registrations(REHEARSAL)
    told = replace(_as("revocata", 9), expires_at=NOW)
    assert rehearsal.remember(told, NOW, "wait") is News.NEW
    _knows_nothing(live, told)
    assert live.remember(NEW, NOW + 1, "register") is News.NEW
    assert [rehearsal.of_address(ADDRESS), *rehearsal.all()] == [Remembered(told, NOW, NOW)] * 2
    assert [live.of_id(ID), *live.all()] == [Remembered(NEW, NOW + 1, NOW + 1)] * 2
    assert [one.stato for one in rehearsal.history(ID)] == ["revocata"]
    assert [one.stato for one in live.history(ID)] == ["registrata"]


def _knows_nothing(memory: Registrations, told: Registration) -> None:
    assert (memory.of_id(told.id), memory.of_address(told.address), memory.all()) == (None, None, [])
    assert memory.history(told.id) == []
    assert not memory.knows(told, NOW)


def test_a_clock_that_was_set_back_hides_no_change(ledger: Ledger) -> None:
    """The state is taken; that it was last seen is not said to be earlier than before."""
    ledger.registrations(LIVE).remember(replace(NEW, changed_at=None), NOW, "wait")
    assert (
        ledger.registrations(LIVE).remember(replace(NEW, stato="evasa", changed_at=None), NOW - HOUR, "wait")
        is News.NEW
    )
    found = ledger.registrations(LIVE).of_id(ID)
    assert found is not None
    assert (found.registration.stato, found.last_seen_at) == ("evasa", NOW)


@pytest.mark.parametrize("over", ["revocata", "chiusa", "registrazione_annullata"])
def test_of_an_address_that_was_registered_twice_the_living_one_counts(ledger: Ledger, over: str) -> None:
    """An address may be given again after a mailbox's end, which may be seen after the new one's begin."""
    ledger.registrations(LIVE).remember(replace(NEW, id=OTHER), NOW, "register")
    ledger.registrations(LIVE).remember(replace(NEW, stato=over), NOW + 1, "list")
    found = ledger.registrations(LIVE).of_address(ADDRESS)
    assert found is not None
    assert found.registration.id == OTHER
    ledger.registrations(LIVE).remember(replace(NEW, id=OTHER, stato=over), NOW + 2, "list")
    found = ledger.registrations(LIVE).of_address(ADDRESS)
    assert found is not None
    assert found.registration.id == ID
    assert [one.registration.id for one in ledger.registrations(LIVE).all()] == [OTHER, ID]


def test_a_state_that_is_not_documented_is_kept_in_its_own_word(ledger: Ledger) -> None:
    """Whatever the registry invents, it is told as it stands."""
    ledger.registrations(LIVE).remember(replace(NEW, stato="sospesa"), NOW, "wait")
    found = ledger.registrations(LIVE).of_id(ID)
    assert found is not None
    assert found.registration.stato == "sospesa"
    assert found.registration.state is None


def test_two_hosts_that_see_the_same_change_write_it_once(postgres_url: str) -> None:
    """Each with its own connection: the second finds that the row is no longer as it had read it."""
    with open_ledger(postgres_url) as one, open_ledger(postgres_url) as other:
        one.registrations(LIVE).remember(NEW, NOW, "register")
        _overtaken_between(other, one)
        assert _words(one) == ["registrata", "evasa"]
        found = one.registrations(LIVE).of_id(ID)
        assert found is not None
        assert found.registration.stato == "evasa"


def _overtaken_between(other: Ledger, one: Ledger) -> None:
    """`other` remembers a change that `one` writes right after `other` has read what was known."""
    memory = other.registrations(LIVE)
    read = memory._read
    first: list[Remembered] = []

    def slowly(*wanted: object) -> Remembered:
        known = read(*wanted)  # type: ignore[arg-type]  # handed through as it came
        if not first:
            first.append(known)
            assert one.registrations(LIVE).remember(_as("evasa"), NOW + 1, "wait") is News.NEW
        return known

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(memory, "_read", slowly)
        assert memory.remember(_as("evasa"), NOW + 2, "callback") is News.SAME


def test_a_reader_sees_what_was_committed(ledger: Ledger, ledger_url: str) -> None:
    """`status` and `doctor` look beside a process that writes."""
    ledger.registrations(LIVE).remember(NEW, NOW, "register")
    with open_ledger(ledger_url, "read") as reader:
        assert reader.registrations(LIVE).of_id(ID) == Remembered(NEW, NOW, NOW)


def test_what_would_change_nothing_is_known(ledger: Ledger, ledger_url: str) -> None:
    """A reader can tell, so that nobody need hold the ledger to learn that there is nothing new."""
    whole = replace(_as("evasa", 5), expires_at=NOW + HOUR)
    with open_ledger(ledger_url, "read") as reader:
        assert not reader.registrations(LIVE).knows(whole, NOW)
        ledger.registrations(LIVE).remember(whole, NOW, "list")
        for same in (whole, replace(whole, address=ADDRESS.upper()), Registration(ID, "", "", "evasa")):
            assert reader.registrations(LIVE).knows(same, NOW)
            assert ledger.registrations(LIVE).remember(same, NOW + 1, "list") is not News.NEW
        assert reader.registrations(LIVE).knows(_as("in_evasione", 4), NOW)
        others: dict[str, Any] = {
            "stato": "revocata",
            "expires_at": NOW,
            "auto_renew": True,
            "changed_at": NOW + 6_000,
        }
        for name, other in others.items():
            assert not reader.registrations(LIVE).knows(replace(whole, **{name: other}), NOW), name


def test_the_tables_have_no_room_for_an_applicant(ledger: Ledger) -> None:
    """Names, tax codes and documents have no column; what is kept is what the doctor needs."""
    ledger.registrations(LIVE).remember(NEW, NOW, "register")
    (row,) = query(ledger, "SELECT * FROM registrations")
    seen = {"first_seen_at", "last_seen_at"}
    told = {"service", "id", "address", "kind", "stato", "expires_at", "changed_at", "auto_renew"}
    assert set(row) == told | seen
    (row,) = query(ledger, "SELECT * FROM registration_states")
    assert set(row) == {"id", "service", "registration_id", "stato", "at", "source"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.sampled_from(["registrata", "in_evasione", "evasa", "revocata"]), max_size=6))
def test_the_history_is_the_states_without_repeats(ledger: Ledger, words: list[str]) -> None:
    """Whatever is seen in whatever order: a state stands in it when the one before was another."""
    identity = f"{ID}-{len(ledger.registrations(LIVE).all())}"
    for at, word in enumerate(words):
        seen = replace(NEW, id=identity, stato=word, changed_at=NOW + at)
        expected = News.SAME if at and words[at - 1] == word else News.NEW
        assert ledger.registrations(LIVE).remember(seen, NOW + at, "wait") is expected
    seen_once = [word for at, word in enumerate(words) if not at or word != words[at - 1]]
    assert _words(ledger, identity) == seen_once


def test_answers_in_any_order_end_in_the_latest_state(ledger: Ledger) -> None:
    """Of three dated answers, whichever comes last to be recorded, the registry's latest stays."""
    dated = [_as("registrata", 1), _as("in_evasione", 2), _as("evasa", 3)]
    for number, order in enumerate(permutations(dated)):
        identity = f"{ID}-{number}"
        for at, one in enumerate(order):
            ledger.registrations(LIVE).remember(replace(one, id=identity), NOW + at, "wait")
        found = ledger.registrations(LIVE).of_id(identity)
        assert found is not None
        assert found.registration.stato == "evasa"
