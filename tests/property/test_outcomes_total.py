"""The outcome table as a whole: every status from 100 to 599 with any body is in exactly one row.

The rows are written a second time here, from docs/semantics.md and not from the code, as questions that each
row answers yes or no; what no row takes is in doubt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from bulk_pec.domain.letters import Secret
from bulk_pec.domain.outcomes import MAY_TRY_AGAIN, Outcome, Stop, Verdict, state_after
from bulk_pec.domain.states import MessageState
from bulk_pec.provider.outcomes import Answer, Asked, of_answer
from bulk_pec.provider.veil import Veil

VEIL = Veil(Secret("hidden-word"))
ROWS: dict[Verdict, Callable[[int], bool]] = {
    Verdict.THROTTLED: lambda status: status == 429,
    Verdict.REJECTED: lambda status: status in {400, 406, 413, 417, 422, 428},
    Verdict.REFUSED: lambda status: status in {401, 402, 403},
    Verdict.NOT_SENT: lambda status: 300 <= status < 400 or status in {404, 405, 415},
}

_texts = st.text(max_size=12) | st.sampled_from(
    ["", " ", "no", "MySQL Error 1205", "Internal", "timeout", "false", "0", "1", "2020082610003492", "a b"]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_envelopes = st.fixed_dictionaries(
    {}, optional={"success": _json, "sent": _json, "message": _json, "message_id": _json, "data": _json}
)
_bodies = (
    st.none()
    | st.binary(max_size=40)
    | _envelopes.map(lambda body: json.dumps(body).encode())
    | _envelopes.map(lambda body: json.dumps(json.dumps(body)).encode())
    | _json.map(lambda body: json.dumps(body).encode())
)
_headers = st.none() | st.text(max_size=8) | st.sampled_from(["7", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"])


def judge(status: int, body: bytes | None, header: str | None = None) -> Outcome:
    """The outcome of one answer."""
    answer = Answer(status, body, header, "it broke off")
    return of_answer(answer, Asked("https://pec.example/send"), now=1_790_000_000.0, veil=VEIL)


@given(status=st.integers(100, 599), body=_bodies, header=_headers)
def test_every_answer_is_in_one_row(status: int, body: bytes | None, header: str | None) -> None:
    """Outside of 2xx the status decides alone; every outcome is whole and has a state to go to."""
    outcome = judge(status, body, header)
    if not 200 <= status < 300:
        rows = [verdict for verdict, takes in ROWS.items() if takes(status)]
        assert [outcome.verdict] == (rows or [Verdict.IN_DOUBT])
    assert outcome.status == status
    assert state_after(outcome.verdict) in MessageState
    assert (outcome.message_id is not None) == (outcome.verdict is Verdict.SENT)
    assert outcome.stop is None or outcome.verdict in {Verdict.REFUSED, Verdict.NOT_SENT}
    assert (outcome.stop is Stop.ADDRESS) == (outcome.verdict is Verdict.NOT_SENT)
    assert outcome.retry_after is None or status in {429, 503}
    assert outcome.detail.strip()
    assert len(outcome.detail) <= 500


@given(status=st.integers(200, 299), envelope=_envelopes, twice=st.booleans())
@example(status=200, envelope={"success": False, "message": {"error": "no"}}, twice=False)
@example(status=200, envelope={"success": False, "message": ["MySQL Error 1205"]}, twice=True)
@example(status=201, envelope={"success": True, "sent": 0, "message_id": "1"}, twice=False)
@example(status=200, envelope={"success": None, "message_id": 0}, twice=False)
def test_a_2xx_is_what_the_table_says_of_its_body(
    status: int, envelope: dict[str, object], twice: bool
) -> None:
    """Sent only with a token and nothing against it, rejected only with a stated reason; else in doubt."""
    text = json.dumps(envelope)
    outcome = judge(status, (json.dumps(text) if twice else text).encode())
    assert outcome.verdict in {Verdict.SENT, Verdict.REJECTED, Verdict.IN_DOUBT}
    assert outcome.verdict not in MAY_TRY_AGAIN
    if outcome.verdict is Verdict.SENT:
        assert may_be_sent(envelope)
    if outcome.verdict is Verdict.REJECTED:
        assert may_be_rejected(envelope)
    if surely_sent(envelope):
        assert outcome.verdict is Verdict.SENT
    if surely_rejected(envelope):
        assert outcome.verdict is Verdict.REJECTED


def may_be_sent(body: dict[str, object]) -> bool:
    """`success` not false, `sent` absent or at least 1, one token."""
    token, count = body.get("message_id"), body.get("sent")
    try:
        enough = count is None or float(str(count)) >= 1
    except ValueError:
        enough = False
    return body.get("success") is not False and enough and len(str(token or "").split()) == 1


def surely_sent(body: dict[str, object]) -> bool:
    """The vendor's documented success."""
    token, count = body.get("message_id"), body.get("sent")
    plain = isinstance(token, str) and re.fullmatch(r"[1-9][0-9]{0,19}", token) is not None
    return body.get("success") is True and plain and type(count) is int and count >= 1


def may_be_rejected(body: dict[str, object]) -> bool:
    """`success: false`, a message that names no failure of the server's own, and none sent."""
    said = json.dumps(body.get("message"), ensure_ascii=False).lower()
    named = any(word in said for word in ("mysql", "internal", "timeout"))
    some_sent = type(body.get("sent")) is int and body["sent"] != 0
    return body.get("success") is False and bool(body.get("message")) and not named and not some_sent


def surely_rejected(body: dict[str, object]) -> bool:
    """`success: false` with a text that says something else than a failure of the server's, and none sent."""
    message = body.get("message")
    told = isinstance(message, str) and message.strip() != "" and message.isascii()
    silent = body.get("sent") is None or (type(body["sent"]) is int and body["sent"] == 0)
    return body.get("success") is False and told and silent and not _server(str(message).lower())


def _server(said: str) -> bool:
    return any(word in said for word in ("sql", "intern", "time"))
