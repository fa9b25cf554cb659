"""Status: the JSON document that scripts rely on, and the same in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from bulk_pec.domain.causes import Cause
from bulk_pec.domain.states import Delivery, MessageState, RunState
from bulk_pec.ledger.outbox.canaries import Canary, CanaryState
from bulk_pec.ledger.proof.views import Figures
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.reporting.status import Filling, Terms, document, iso, text

NOW = 1_800_000_000_000
TERMS = Terms(price=0.05, eta=NOW + 37_000, binding="rate")
RUN = Run(1, "giugno", RunState.SENDING, NOW, NOW, None, "l.csv", "a", "b", ("pec",), 1, 100, 110, None)
KEYS = {
    "rows": ["input", "messages", "invalid", "duplicate", "suppressed"],
    "messages": ["pending", "sending", "sent", "rejected", "in_doubt", "cancelled", "abandoned"],
    "delivery": ["none", "accepted", "not_accepted", "delivered", "undelivered", "overdue"],
    "receipts": ["seen", "matched", "foreign", "unknown"],
}
TOP = ["schema", "run", "state", "rows", "messages", "delivery", "balanced", "attempts", "receipts", "cost"]
TOP += ["mailboxes", "eta", "binding", "updated_at", "twins", "restored_at", "retry_of", "canary"]
TOP += ["balance", "older_copy", "causes", "sent_to_fewer"]


def _values(**changed: int) -> dict[str, int]:
    """The counters of 110 rows, 100 of them messages; `changed` puts others in their place."""
    values: dict[str, int] = {state.value: 0 for state in MessageState}
    values |= {f"delivery_{state}": 0 for state in Delivery}
    values |= {"invalid": 4, "duplicate": 5, "suppressed": 1, "attempts": 63, "receipts_matched": 70}
    values |= {"twins": 0}
    values |= {"pending": 37, "sent": 60, "in_doubt": 2, "rejected": 1}
    values |= {"delivery_none": 5, "delivery_accepted": 15, "delivery_delivered": 40}
    return values | changed


def _document(run: Run = RUN, terms: Terms = TERMS, seen: int = 80, **changed: int) -> dict[str, Any]:
    return document(run, Figures(_values(**changed), seen, 3, NOW - 5_000), terms)


def test_its_names_are_those_promised() -> None:
    """Every key of the document, no more and no less, in the promised places; it is JSON."""
    shown = orjson.loads(orjson.dumps(_document()))
    assert sorted(shown) == sorted(TOP)
    for name, keys in KEYS.items():
        assert sorted(shown[name]) == sorted(keys)


def test_its_figures() -> None:
    """Everything is where it belongs, and the sums hold."""
    shown = _document()
    assert (shown["schema"], shown["run"], shown["state"]) == (1, "giugno", "sending")
    assert shown["rows"] == {"input": 110, "messages": 100, "invalid": 4, "duplicate": 5, "suppressed": 1}
    assert sum(shown["delivery"].values()) == shown["messages"]["sent"] == 60
    assert shown["balanced"] is True
    assert shown["attempts"] == 63
    assert shown["updated_at"] == "2027-01-15T07:59:55Z"


def test_mails_seen_are_matched_foreign_or_unknown() -> None:
    """Seen = matched + foreign + unknown."""
    assert _document()["receipts"] == {"seen": 80, "matched": 70, "foreign": 7, "unknown": 3}


def test_cost_counts_what_may_have_left() -> None:
    """What was sent and what is in doubt, each at its price."""
    assert _document()["cost"] == pytest.approx(3.10)
    assert _document(terms=Terms(0.002), sent=1, in_doubt=0)["cost"] == pytest.approx(0.0)


def test_the_end_and_what_binds() -> None:
    """They are those of the forecast; where not everything can be sent there is no end."""
    assert (_document()["eta"], _document()["binding"]) == ("2027-01-15T08:00:37Z", "rate")
    short = _document(terms=Terms(0.05, None, "cost"))
    assert (short["eta"], short["binding"]) == (None, "cost")


@pytest.mark.parametrize(
    "run", [RUN, replace(RUN, state=RunState.CANCELLED)], ids=["nothing left", "cancelled"]
)
def test_no_end_where_nothing_waits(run: Run) -> None:
    """Nothing pending, or nothing that will ever be sent: no end and nothing that binds."""
    shown = _document(run, pending=37 if run.state is RunState.CANCELLED else 0)
    assert (shown["eta"], shown["binding"]) == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"pending": 36},
        {"invalid": 3},
        {"delivery_none": 4},
        {"pending": 38, "in_doubt": 3, "rejected": -1},
        {"delivery_none": -1, "delivery_accepted": 21},
        {"duplicate": -1, "invalid": 10},
    ],
)
def test_figures_that_do_not_balance_are_told(wrong: dict[str, int]) -> None:
    """A row lost or counted twice, a delivery of nothing, a count below nought (invariant 6)."""
    shown = _document(RUN, TERMS, 80, **wrong)
    assert shown["balanced"] is False
    assert "DO NOT BALANCE" in text(shown)


def test_in_words() -> None:
    """People read the same figures; what is nought is left out."""
    said = text(_document())
    for part in (
        "Run giugno: sending",
        "110 rows",
        "100 messages",
        "in doubt",
        "delivered (proved",
        "EUR 3.10",
    ):
        assert part in said
    assert "cancelled" not in said
    assert "Every row is accounted for." in said
    assert "The rest would be sent by 2027-01-15 08:00 (UTC); the rate binds." in said


def test_how_full_the_mailboxes_are() -> None:
    """Each that was read, a line; when it comes to the mark only where that is foretold."""
    fills = Filling("a@example.com", 0.43, NOW, 0.9, NOW + 86_400_000)
    stands = Filling("b@example.com", 0.1, NOW, 0.9)
    shown = _document(terms=replace(TERMS, mailboxes=(fills, stands)))
    assert [one["full_at"] for one in shown["mailboxes"]] == ["2027-01-16T08:00:00Z", None]
    said = text(shown)
    assert (
        "a@example.com: 43% full when read, 2027-01-15 08:00 (UTC); "
        "at this pace it comes to 90% on 2027-01-16 08:00 (UTC)."
    ) in said
    assert "b@example.com: 10% full when read, 2027-01-15 08:00 (UTC)." in said


def _canaried(state: CanaryState | None) -> Terms:
    return replace(TERMS, canary=Canary(state, NOW, 10, 0, 3, 5))


@pytest.mark.parametrize(
    ("run", "terms", "said"),
    [
        (
            replace(RUN, state=RunState.PAUSED, name="a b"),
            TERMS,
            "Paused: nothing is sent before `bulk-pec resume 'a b'`.",
        ),
        (
            replace(RUN, restored_at=NOW),
            TERMS,
            "OLDER COPY: it sends nothing. `bulk-pec settle giugno` shows",
        ),
        (RUN, replace(TERMS, copy="a b"), "OLDER COPY: it sends nothing. `bulk-pec settle 'a b'` shows"),
        (
            RUN,
            _canaried(CanaryState.FAILED),
            "THE CANARY IS BAD and nothing more is sent; the next start judges it again: "
            "of 10 messages 3 delivered, 5 lost, 2 not known yet.",
        ),
    ],
    ids=["paused", "older copy", "older copy by another run", "bad canary"],
)
def test_what_is_held_has_no_end(run: Run, terms: Terms, said: str) -> None:
    """A run that nothing leaves of before a person acts has no end date: what holds it is said instead."""
    shown = _document(run, terms)
    assert (shown["eta"], shown["binding"]) == (None, None)
    assert said in text(shown)
    assert "would be sent by" not in text(shown)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (CanaryState.SENDING, "The canary goes first: of 10 messages"),
        (CanaryState.WAITING, "The canary's receipts are awaited: of 10 messages"),
        (CanaryState.PASSED, None),
        (None, None),
    ],
)
def test_a_canary_under_way_is_told(state: CanaryState | None, said: str | None) -> None:
    """Its state and figures; the forecast stands. One that has passed is only in the document."""
    shown = _document(terms=_canaried(state))
    known = None if state is None else state.value
    assert (shown["canary"] or {"state": None})["state"] == known
    assert ("canary" in text(shown)) is (said is not None)
    assert said is None or said in text(shown)
    assert "would be sent by" in text(shown)


def test_one_is_one() -> None:
    """A single row, message and mail are named in the singular."""
    shown = _document(replace(RUN, input_rows=1), seen=1)
    shown["rows"]["messages"] = 1
    assert "1 row in the list" in text(shown)
    assert "1 message\n" in text(shown)
    assert "1 mail read in the inbox" in text(shown)


@pytest.mark.parametrize(("zone", "shown"), [("Europe/Rome", "09:00"), ("America/New_York", "03:00")])
def test_the_end_is_told_by_the_readers_clock(zone: str, shown: str) -> None:
    """In words the end date is local, and says where; the document's stays UTC."""
    assert f"by 2027-01-15 {shown} ({zone});" in text(_document(), ZoneInfo(zone))


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_999, "1970-01-01T00:00:01Z"),
        (253_402_300_799_000, "9999-12-31T23:59:59Z"),
    ],
)
def test_times_are_utc_to_the_second(milliseconds: int, shown: str) -> None:
    """ISO 8601 with a Z."""
    assert iso(milliseconds) == shown


def test_the_last_three_way_balance_stands_in_it() -> None:
    """With the time at which it was drawn, and without what only the ledger needs; its findings in words."""
    case = {"row": 3, "key": "k3", "what": "it has left twice"}
    finding = {"kind": "sent_twice", "concern": "person", "count": 2, "cases": [case]}
    kept = {"at": NOW, "stamp": [1], "adds_up": False, "broken": False, "findings": [finding]}
    shown = _document(terms=replace(TERMS, balance=kept))
    assert shown["balance"] == {
        "at": "2027-01-15T08:00:00Z",
        "adds_up": False,
        "broken": False,
        "findings": [finding],
    }
    assert "Messages that left twice: 2.\n  row 3 (k3): it has left twice\n  and 1 more\n" in text(shown)
    assert _document()["balance"] is None


def test_causes_come_with_advice() -> None:
    """Why messages were not delivered, how many for each cause, what to do; nothing where none is known."""
    terms = replace(TERMS, causes={Cause.UNKNOWN_USER: 12, Cause.VIRUS: 1})
    shown = _document(terms=terms)
    assert shown["causes"] == [
        {"cause": "unknown_user", "messages": 12, "advice": "correct the address"},
        {"cause": "virus", "messages": 1, "advice": "check the attachment"},
    ]
    said = text(shown)
    assert "12       unknown user: correct the address\n" in said
    assert "a virus was found: check the attachment" in said
    assert "correct the address" not in text(_document())


def test_what_was_sent_to_fewer_addresses_is_counted() -> None:
    """The provider's own count, where it is less than was asked; in words only where there is one."""
    figures = replace(Figures(_values(), 80, 3, NOW), fewer=2)
    shown = document(RUN, figures, TERMS)
    assert shown["sent_to_fewer"] == 2
    assert "2     of these sent to fewer addresses than they have" in text(shown)
    assert "fewer" not in text(_document())
