"""The registry's JSON as registrations: expiry, words, booleans, in every form they may have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bulk_pec.domain.registrations import Registration, RegistryState
from bulk_pec.provider.registrations import registration_of, registrations_of


def _of(**fields: Any) -> Registration:
    found = registration_of({"data": {"id": "a", "stato": "evasa"} | fields})
    assert found is not None
    return found


def _ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type,misc]  # six integers


@pytest.mark.parametrize("scadenza", [1_800_000_000, "1800000000", " 1800000000 ", 1_800_000_000.0])
def test_an_expiry_is_the_timestamp(scadenza: object) -> None:
    """Unix seconds, a number or a text; it goes before the date."""
    found = _of(timestamp={"scadenza": scadenza}, data_scadenza="31/12/2030")
    assert found.expires_at == 1_800_000_000_000


@pytest.mark.parametrize(
    "scadenza", [None, "", 0, "0", -1, 1, 1_800_000_000_000, True, "soon", [], {}, 10**400, "9" * 99]
)
@pytest.mark.parametrize(
    ("date", "end"),
    [
        ("31/12/2030", _ms(2030, 12, 31, 22, 59, 59)),
        (" 1/7/2030 ", _ms(2030, 7, 1, 21, 59, 59)),
        ("31/03/2030", _ms(2030, 3, 31, 21, 59, 59)),
        ("27/10/2030", _ms(2030, 10, 27, 22, 59, 59)),
    ],
)
def test_without_a_sensible_timestamp_it_is_the_end_of_the_day(scadenza: object, date: str, end: int) -> None:
    """As Rome's clocks show it, summer time and the days it changes on included."""
    assert _of(timestamp={"scadenza": scadenza}, data_scadenza=date).expires_at == end


@pytest.mark.parametrize(
    "date", [None, "", "31/02/2030", "2030-12-31", "12/31/2030", 20301231, "31/12/1999", [], "x"]
)
@pytest.mark.parametrize("timestamp", [None, "", [], {}, "1800000000"])
def test_an_expiry_that_is_not_told_is_not_guessed(date: object, timestamp: object) -> None:
    """No date, no day, another notation: unknown."""
    assert _of(timestamp=timestamp, data_scadenza=date).expires_at is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("FALSE", False),
        (1, True),
        ("0", False),
        (None, None),
        ("", None),
    ],
)
def test_auto_renew_is_told_or_not(value: object, read: bool | None) -> None:
    """Words and numbers for booleans; what says nothing is neither."""
    assert _of(autorinnovo=value).auto_renew is read


@pytest.mark.parametrize("stato", ["evasa", "EVASA", " evasa "])
def test_a_state_is_known_in_any_case(stato: str) -> None:
    """The provider's own word is kept."""
    found = _of(stato=stato)
    assert found.state is RegistryState.ACTIVE
    assert found.stato == stato.strip()


def test_a_state_nobody_documented_is_kept_as_it_is() -> None:
    """It is no error, and no state."""
    found = _of(stato="in  verifica")
    assert (found.stato, found.state) == ("in verifica", None)


@pytest.mark.parametrize("address", [None, "", 5.5, [], "a b@c.example", "x" * 400, "a\u0007b@c.example"])
def test_an_address_that_cannot_be_shown_is_not_told(address: object) -> None:
    """Control characters, blanks inside, endless ones."""
    assert _of(casella_pec=address).address == ""


def test_an_id_written_as_a_number_is_its_digits() -> None:
    """The registry's ids are opaque."""
    assert _of(id=77).id == "77"


@pytest.mark.parametrize(
    "reply",
    [
        None,
        7,
        "x",
        [],
        {},
        {"data": []},
        {"data": {}},
        {"data": [1]},
        {"data": {"id": "a"}},
        {"data": {"stato": "evasa"}},
    ],
)
def test_what_holds_no_mailbox_is_none(reply: object) -> None:
    """Without an id or without a state nothing can be said of it."""
    assert registration_of(reply) is None


@pytest.mark.parametrize(
    "reply", [None, 7, {}, {"data": 7}, {"data": [7]}, {"data": [{"x": 1}]}, {"success": True}]
)
def test_what_is_no_list_of_mailboxes_is_none(reply: object) -> None:
    """An answer of another kind is not an empty list."""
    assert registrations_of(reply) is None


@pytest.mark.parametrize("success", [False, "false", 0, "0"])
def test_a_failure_holds_no_mailbox(success: object) -> None:
    """Whatever stands beside it."""
    reply = {"success": success, "data": {"id": "a", "stato": "evasa"}}
    assert registration_of(reply) is None
    assert registrations_of(reply) is None


def test_a_bare_list_is_a_list() -> None:
    """An answer without its envelope."""
    found = registrations_of([{"id": "a", "stato": "evasa"}])
    assert found is not None
    assert [one.id for one in found] == ["a"]
