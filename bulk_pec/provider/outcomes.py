"""What one POST /send is evidence of: the outcome table of docs/semantics.md, row by row.

Pure and total: every status and every body has an outcome, and whatever the table does not list is
`IN_DOUBT`. A message that left and is taken for unsent harms more than a doubt, which the inbox settles.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from bulk_pec.domain.outcomes import Outcome, Stop, Verdict
from bulk_pec.provider.parsing import as_count, decode
from bulk_pec.provider.veil import Veil

LONGEST_WAIT = 86_400.0
"""Seconds: a Retry-After of more than a day is read as a day."""

LONGEST_ID = 255
"""Characters: a longer `message_id` is not taken for one."""

MOST_ADDRESSES = 32_767
"""More than the ledger has room for; no message goes to so many."""

_STATUS: dict[int, tuple[Verdict, Stop | None]] = {
    **dict.fromkeys(range(300, 400), (Verdict.NOT_SENT, Stop.ADDRESS)),
    **dict.fromkeys((404, 405, 415), (Verdict.NOT_SENT, Stop.ADDRESS)),
    **dict.fromkeys((400, 406, 413, 417, 422, 428), (Verdict.REJECTED, None)),
    **dict.fromkeys((401, 403), (Verdict.REFUSED, Stop.MAILBOX)),
    402: (Verdict.REFUSED, Stop.CREDIT),
    429: (Verdict.THROTTLED, None),
}

# "SQLSTATE", "PostgreSQL" and "errore interno" are meant as well; each only moves a message from
# rejected to in doubt. "Mailbox unavailable" and "casella scaduta" are of the recipient's, and not meant.
_SERVER_ERROR = re.compile(
    r"sql|internal|\bintern[oai]\b|time[\s_-]*(?:d[\s_-]*)?out|tempo scaduto|server error|errore del server"
    r"|database|deadlock|bad gateway|service (?:\w+ )?unavailable|conne(?:ction|ssione)",
    re.IGNORECASE,
)
_TRUE = frozenset({"true", "1", "ok", "yes", "success", "si", "sì"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response to a POST, as far as it was read.

    Attributes:
        status: The HTTP status; its head was read whole.
        body: The body, or None if it could not be read to its end.
        retry_after: The Retry-After header, as it came.
        flaw: Why `body` is None.
    """

    status: int
    body: bytes | None
    retry_after: str | None = None
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was posted, as far as judging the answer needs it.

    Attributes:
        url: Where to, without query and credentials.
        recipients: How many addresses.
    """

    url: str
    recipients: int = 1


def without_answer(why: str, *, began: bool, veil: Veil) -> Outcome:
    """The outcome when no response was read: in doubt, unless no byte of the request had left."""
    if began:
        return Outcome(Verdict.IN_DOUBT, veil(f"No answer after the request had begun: {why}"))
    return Outcome(Verdict.NOT_SENT, veil(why))


def of_answer(answer: Answer, asked: Asked, *, now: float, veil: Veil) -> Outcome:
    """The outcome when a response was read.

    Where the table goes by the status alone, a body that broke off changes nothing: the status came
    whole. A 2xx is worth only what its body says.

    Args:
        answer: The response.
        asked: What it answers.
        now: Seconds since the epoch, for a Retry-After that is a date.
        veil: Masks secrets in the provider's words.
    """
    if 200 <= answer.status < 300:
        return _of_success(answer, asked, veil)
    verdict, stop = _STATUS.get(answer.status, (Verdict.IN_DOUBT, None))
    words = _words(answer)
    detail = f"HTTP {answer.status} from {asked.url}" if stop is Stop.ADDRESS else f"HTTP {answer.status}"
    return Outcome(
        verdict,
        veil(f"{detail}: {words}" if words else detail),
        status=answer.status,
        retry_after=retry_after(answer.retry_after, now) if answer.status in {429, 503} else None,
        stop=stop,
    )


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3: seconds or a date); None if unreadable.

    Never below 0 and never above `LONGEST_WAIT`.
    """
    text = (header or "").strip()
    if re.fullmatch(r"\d+(\.\d*)?", text, re.ASCII):
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _of_success(answer: Answer, asked: Asked, veil: Veil) -> Outcome:
    """The outcome of a 2xx."""

    def so(verdict: Verdict, detail: str) -> Outcome:
        return Outcome(verdict, veil(detail), status=answer.status)

    if answer.body is None:
        return so(Verdict.IN_DOUBT, f"HTTP {answer.status}, but its body broke off: {answer.flaw}")
    reply = _envelope(answer.body)
    if reply is None:
        return so(Verdict.IN_DOUBT, f"HTTP {answer.status} with a body that is no JSON object")
    count = _sent(reply.get("sent"))
    if reply.get("success") is False:
        return so(*_of_failure(reply, count))
    token = _message_id(reply.get("message_id"))
    if not _is_yes(reply.get("success")) or token is None or count is None or count < 1:
        why = "names no message_id" if token is None else "does not say clearly that it was sent"
        return so(Verdict.IN_DOUBT, f"HTTP {answer.status}, but the answer {why}: {_said(reply)}")
    fewer = reply.get("sent") is not None and count < asked.recipients
    detail = f"Sent to {count:.0f} of {asked.recipients} addresses" if fewer else "Sent"
    sent_to = None if math.isinf(count) else min(int(count), MOST_ADDRESSES)
    return Outcome(Verdict.SENT, detail, status=answer.status, message_id=token, sent_to=sent_to, fewer=fewer)


def _of_failure(reply: dict[str, object], sent: float | None) -> tuple[Verdict, str]:
    """The outcome of a 2xx with ``success: false``; `sent` as `_sent` reads it."""
    said = _said(reply)
    if sent is not None and 1 <= sent < math.inf:
        return Verdict.IN_DOUBT, f"The provider reports a failure, and yet that {sent:.0f} were sent: {said}"
    if not _says_something(reply.get("message")):
        return Verdict.IN_DOUBT, "The provider reports a failure and gives no reason"
    if _SERVER_ERROR.search(said):
        return Verdict.IN_DOUBT, f"The provider reports a failure of its own: {said}"
    return Verdict.REJECTED, said


def _says_something(message: object) -> bool:
    """Whether a message of any JSON type says anything: not null, false, 0, blank, or made of such only."""
    if isinstance(message, str):
        return bool(message.strip())
    if isinstance(message, dict):
        return any(map(_says_something, message.values()))
    if isinstance(message, list):
        return any(map(_says_something, message))
    return bool(message)


def _said(reply: dict[str, object]) -> str:
    """The reply's message as text, whatever its type."""
    message = reply.get("message")
    if isinstance(message, str):
        return message
    return "" if message is None else json.dumps(message, ensure_ascii=False)


def _words(answer: Answer) -> str:
    """What a response that is no 2xx says: its message, if it is an envelope; an HTML page says nothing."""
    reply = _envelope(answer.body)
    return "" if reply is None else _said(reply)


def _envelope(body: bytes | None) -> dict[str, object] | None:
    """The JSON object in a body; None if there is none."""
    reply = decode(body) if body else None
    return reply if isinstance(reply, dict) else None


def _message_id(value: object) -> str | None:
    """The provider's token: one word, or a number's digits. Failures put SMTP errors here.

    One without a digit above 0, or below nought, is none: "0", "null", "error", "-1". All that are
    documented are digits.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    words = value.split()
    fit = len(words) == 1 and len(words[0]) <= LONGEST_ID and words[0].isprintable()
    return words[0] if fit and re.match("(?!-).*[1-9]", words[0]) else None


def _sent(value: object) -> float | None:
    """How many were sent; unbounded when the answer does not say; None when it cannot be read."""
    return math.inf if value is None else as_count(value)


def _is_yes(value: object) -> bool:
    """Whether `success` says yes, or nothing; what is neither that nor the JSON false leaves it unclear."""
    if isinstance(value, str):
        return value.strip().casefold() in _TRUE
    return value is None or value is True or (isinstance(value, int | float) and value > 0)
