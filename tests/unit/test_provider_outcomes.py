"""The outcome table: every status, every body, row by row. No network."""

from __future__ import annotations

import datetime as dt
import json
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.domain.letters import Secret
from bulk_pec.domain.outcomes import MAY_TRY_AGAIN, Outcome, Stop, Verdict
from bulk_pec.provider.outcomes import (
    LONGEST_WAIT,
    MOST_ADDRESSES,
    Answer,
    Asked,
    of_answer,
    retry_after,
    without_answer,
)
from bulk_pec.provider.veil import LONGEST, Veil

NOW = 1_790_000_000.0
URL = "https://pec.example/send"
SURE = {"success": True, "sent": 1, "message": "", "message_id": "2020082610003492"}
VEIL = Veil(Secret("hidden-word"))

REJECTED = {400, 406, 413, 417, 422, 428}
ADDRESS = {*range(300, 400), 404, 405, 415}
STOPS = {401: Stop.MAILBOX, 403: Stop.MAILBOX, 402: Stop.CREDIT, **dict.fromkeys(ADDRESS, Stop.ADDRESS)}


def judge(status: int, body: object = SURE, header: str | None = None, recipients: int = 1) -> Outcome:
    """The outcome of an answer whose body is bytes as they stand, None (broke off) or a JSON value."""
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return of_answer(Answer(status, raw, header, "it broke off"), Asked(URL, recipients), now=NOW, veil=VEIL)


def expected(status: int) -> Verdict:
    """The row of the table a status belongs to, written out a second time."""
    if 200 <= status < 300:
        return Verdict.SENT
    if status in REJECTED:
        return Verdict.REJECTED
    if status in {401, 402, 403}:
        return Verdict.REFUSED
    if status in ADDRESS:
        return Verdict.NOT_SENT
    return Verdict.THROTTLED if status == 429 else Verdict.IN_DOUBT


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_its_row(status: int) -> None:
    """With the clearest of bodies, the status alone decides; only a 2xx believes it."""
    outcome = judge(status)
    assert outcome.verdict is expected(status)
    assert outcome.stop is STOPS.get(status)
    assert outcome.status == status
    assert (outcome.message_id is not None) == (outcome.verdict is Verdict.SENT)


@pytest.mark.parametrize("status", range(100, 600))
def test_a_body_that_broke_off_matters_only_to_a_success(status: int) -> None:
    """The status came whole; without its body a 2xx is in doubt, any other status keeps its row."""
    row = Verdict.IN_DOUBT if 200 <= status < 300 else expected(status)
    assert judge(status, None).verdict is row


@pytest.mark.parametrize("status", range(100, 600))
def test_only_429_and_503_pass_on_a_retry_after(status: int) -> None:
    """The header means nothing to us elsewhere; 429 pauses without it, too."""
    assert judge(status, header="7").retry_after == (7.0 if status in {429, 503} else None)
    assert judge(status).pauses == (status == 429)
    assert judge(status, header="7").pauses == (status in {429, 503})


@pytest.mark.parametrize("status", sorted(ADDRESS))
def test_a_wrong_address_is_named(status: int) -> None:
    """The run stops there, so the detail must say which URL answered so."""
    assert URL in judge(status, b"").detail


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"sent": 3},
        {"sent": "1"},
        {"sent": " 2 "},
        {"sent": 1.0},
        {"sent": None},
        {"success": None},
        {"success": "true"},
        {"success": 1},
        {"message": None},
        {"message": {"any": ["thing"]}},
        {"message": "MySQL Error 1205"},
        {"message_id": 2020082610003492},
        {"message_id": " 2020082610003492 "},
        {"extra": [1, 2]},
    ],
    ids=str,
)
def test_a_clear_yes_is_sent(change: dict[str, object]) -> None:
    """`success` not false, `sent` absent or at least 1, one token: sent, whatever else is said."""
    outcome = judge(201, SURE | change)
    assert (outcome.verdict, outcome.message_id) == (Verdict.SENT, "2020082610003492")


@pytest.mark.parametrize("absent", ["success", "sent", "message"])
def test_only_the_token_is_needed(absent: str) -> None:
    """A key that is absent says nothing against it."""
    body = {key: value for key, value in SURE.items() if key != absent}
    assert judge(200, body).verdict is Verdict.SENT


@pytest.mark.parametrize(
    "change",
    [
        {"sent": 0},
        {"sent": "0"},
        {"sent": -1},
        {"sent": 0.5},
        {"sent": True},
        {"sent": "one"},
        {"sent": [1]},
        {"success": "false"},
        {"success": 0},
        {"success": "KO"},
        {"success": "failed"},
        {"success": "falso"},
        {"success": -1},
        {"success": ["true"]},
        {"success": False, "message": "One address is wrong"},
        {"message_id": None},
        {"message_id": 0},
        {"message_id": "0"},
        {"message_id": "00000"},
        {"message_id": -1},
        {"message_id": "-1"},
        {"message_id": "null"},
        {"message_id": "undefined"},
        {"message_id": "error"},
        {"message_id": ""},
        {"message_id": "  "},
        {"message_id": "550 5.1.1 User unknown"},
        {"message_id": "2020 0826"},
        {"message_id": "a\u0000b"},
        {"message_id": "x" * 256},
        {"message_id": ["2020082610003492"]},
        {"message_id": {"id": "2020082610003492"}},
        {"message_id": True},
        {"message_id": 1.5},
    ],
    ids=str,
)
def test_an_unclear_yes_is_in_doubt(change: dict[str, object]) -> None:
    """Whatever is not clearly sent and not clearly refused may have left."""
    outcome = judge(200, SURE | change)
    assert (outcome.verdict, outcome.message_id, outcome.stop) == (Verdict.IN_DOUBT, None, None)


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"<html>", b"[]", b'["2020"]', b"null", b"true", b"12", b'"ok"', b'{"success":', b"\xff\xfe"],
    ids=repr,
)
def test_a_success_that_is_no_object_is_in_doubt(body: bytes) -> None:
    """HTML, an empty body, half an object, JSON of another type: nothing to believe."""
    assert judge(200, body).verdict is Verdict.IN_DOUBT


@pytest.mark.parametrize("depth", [60, 100, 3000, 200_000])
def test_an_answer_nested_without_end_is_judged_all_the_same(depth: int) -> None:
    """No answer makes the judging fail: not one that is deeper than any stack."""
    nested = b'{"success": false, "message": ' + b"[" * depth + b'"no"' + b"]" * depth + b"}"
    assert judge(200, nested).verdict is (Verdict.REJECTED if depth == 60 else Verdict.IN_DOUBT)
    assert judge(429, nested).verdict is Verdict.THROTTLED


def test_json_in_a_json_text_is_read_once_more() -> None:
    """Some answers are a JSON text that holds the envelope; twice wrapped is nobody's."""
    once, twice = json.dumps(SURE), json.dumps(json.dumps(SURE))
    assert judge(200, once).verdict is Verdict.SENT
    assert judge(200, twice).verdict is Verdict.IN_DOUBT


@pytest.mark.parametrize(
    "message",
    [
        "Invalid recipient",
        "Destinatario internazionale non valido",
        "Mailbox unavailable",
        "Casella scaduta",
        {"recipient": ["is not an address"]},
        ["no", "no"],
        12,
        True,
        [[], {"a": "no"}],
    ],
    ids=str,
)
def test_a_stated_refusal_rejects(message: object) -> None:
    """`success: false` with a reason, of any JSON type, is for good."""
    outcome = judge(200, {"success": False, "message": message})
    assert (outcome.verdict, outcome.stop) == (Verdict.REJECTED, None)
    assert outcome.detail


@pytest.mark.parametrize(
    "message",
    [
        *("MySQL Error 1205", "mysql gone", "SQLSTATE[HY000]", "Internal error", "INTERNAL SERVER ERROR"),
        *("timeout", "Timed out", "gateway time-out", "Errore interno del server", "PostgreSQL: deadlock"),
        *("Errore del server", "Server error", "Tempo scaduto", "Database error", "Deadlock found"),
        *("502 Bad Gateway", "Service unavailable", "Service temporarily unavailable"),
        *("Connection reset by peer", "connessione interrotta"),
        *({"error": {"sql": 12}}, ["a", "internal"]),
    ],
    ids=str,
)
def test_a_failure_of_the_servers_own_is_in_doubt(message: object) -> None:
    """The server failed on the way; the message may have been taken before."""
    assert judge(200, {"success": False, "message": message}).verdict is Verdict.IN_DOUBT


@pytest.mark.parametrize("message", [None, "", " \n", [], {}, [""], {"a": [None, " "]}, 0, False], ids=repr)
def test_a_failure_without_a_reason_is_in_doubt(message: object) -> None:
    """`success: false` alone does not say that the message was refused."""
    assert judge(200, {"success": False, "message": message}).verdict is Verdict.IN_DOUBT
    assert judge(200, {"success": False}).verdict is Verdict.IN_DOUBT


def test_fewer_addresses_than_asked_is_said() -> None:
    """Sent to one of two is sent, and the detail says how many."""
    outcome = judge(201, SURE | {"sent": 1}, recipients=2)
    assert (outcome.verdict, outcome.detail) == (Verdict.SENT, "Sent to 1 of 2 addresses")
    assert (outcome.sent_to, outcome.fewer) == (1, True)


@pytest.mark.parametrize(
    ("sent", "counted"), [(2, 2), ("2", 2), (3, 3), (10**9, MOST_ADDRESSES), (2.7, 2), (None, None)]
)
def test_as_many_as_asked_is_counted_if_it_is_said(sent: object, counted: int | None) -> None:
    """All of them, or no word of how many: nothing to report. No figure is more than the ledger holds."""
    outcome = judge(201, SURE | {"sent": sent}, recipients=2)
    assert (outcome.detail, outcome.sent_to, outcome.fewer) == ("Sent", counted, False)


def test_what_never_began_is_not_sent_and_what_began_is_in_doubt() -> None:
    """Without an answer only one thing counts: whether a byte may have left."""
    before = without_answer("refused", began=False, veil=VEIL)
    after = without_answer("reset", began=True, veil=VEIL)
    assert (before.verdict, before.detail, before.status) == (Verdict.NOT_SENT, "refused", None)
    assert (after.verdict, after.status) == (Verdict.IN_DOUBT, None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("999999999999999999999", LONGEST_WAIT),
        ("9" * 400, LONGEST_WAIT),
        ("-5", None),
        ("", None),
        (None, None),
        ("soon", None),
        ("inf", None),
        ("١٢", None),
        ("Mon, 32 Foo 2026 99:99:99 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """RFC 9110, 10.2.3; never negative, never more than a day, None when it cannot be read."""
    assert retry_after(header, NOW) == seconds


def test_retry_after_as_a_date_counts_from_now() -> None:
    """A date 90 s ahead is 90 s."""
    ahead = dt.datetime.fromtimestamp(NOW + 90, dt.UTC)
    assert retry_after(format_datetime(ahead, usegmt=True), NOW) == 90.0


def test_a_detail_is_short_clean_and_holds_no_secret() -> None:
    """500 characters at most, no control characters, secrets masked though the text is cut just there."""
    words = "x" * (LONGEST - 20) + " hidden-word \u202e\x07\n" + "y" * 1000
    outcome = judge(400, {"message": words})
    assert len(outcome.detail) <= LONGEST
    assert outcome.detail.isprintable()
    assert "hidden" not in outcome.detail


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
ENVELOPES = st.fixed_dictionaries(
    {}, optional={"success": JSON, "sent": JSON, "message": JSON, "message_id": JSON}
)


@given(status=st.integers(0, 999), body=st.none() | st.binary(), header=st.none() | st.text())
def test_any_bytes_have_an_outcome(status: int, body: bytes | None, header: str | None) -> None:
    """Total: no status, body or header makes it fail."""
    outcome = judge(status, body, header)
    assert len(outcome.detail) <= LONGEST


@given(status=st.integers(200, 299), envelope=ENVELOPES)
def test_a_success_is_never_taken_for_unsent(status: int, envelope: dict[str, object]) -> None:
    """No 2xx leads to a second attempt; and a token comes with `sent` alone."""
    outcome = judge(status, envelope)
    assert outcome.verdict not in MAY_TRY_AGAIN
    assert (outcome.verdict is Verdict.SENT) == (outcome.message_id is not None)
    if outcome.message_id is not None:
        assert len(outcome.message_id.split()) == 1
    if outcome.verdict is Verdict.REJECTED:
        assert envelope["success"] is False
        assert envelope["message"]
