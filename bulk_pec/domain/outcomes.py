"""The outcome of one POST /send: a value, never an exception.

What decides is whether the provider can have taken the message. Everything that cannot be told apart
from "taken" is `IN_DOUBT`, and only evidence or an operator moves it from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from bulk_pec.domain.states import MessageState


class Verdict(StrEnum):
    """What one attempt came to."""

    SENT = "sent"
    """The provider took the message and named it (`message_id`)."""
    REJECTED = "rejected"
    """The provider refused this message for good."""
    NOT_SENT = "not_sent"
    """Known not to have left: no byte of the request was written, or a wrong address answered."""
    THROTTLED = "throttled"
    """429: too many requests; not taken."""
    REFUSED = "refused"
    """401, 402, 403: the account was refused, not the message; not taken."""
    IN_DOUBT = "in_doubt"
    """It may or may not have left."""


class Stop(StrEnum):
    """What an outcome stops, beyond its own message."""

    MAILBOX = "mailbox"
    """401, 403: this mailbox sends nothing more in this start; with none left, the run stops (77)."""
    CREDIT = "credit"
    """402: the run stops (77, credit)."""
    ADDRESS = "address"
    """3xx, 404, 405, 415: the configured URL is not the service; the run stops (78)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one attempt.

    Attributes:
        verdict: What it came to.
        detail: A short sentence for people, at most 500 characters; no secret, no request body.
        status: The HTTP status, if a response was read.
        message_id: The provider's token; set if, and only if, the verdict is SENT.
        retry_after: Seconds the provider asked us to wait (429, 503), if it did.
        stop: What else stops, if anything does.
        sent_to: To how many addresses, where the provider says it of a message that it took.
        fewer: Whether that is fewer than the message has.
    """

    verdict: Verdict
    detail: str
    status: int | None = None
    message_id: str | None = None
    retry_after: float | None = None
    stop: Stop | None = None
    sent_to: int | None = None
    fewer: bool = False

    @property
    def pauses(self) -> bool:
        """Whether the mailbox must pause: 429 always, 503 when it names a time."""
        return self.verdict is Verdict.THROTTLED or self.retry_after is not None


MAY_TRY_AGAIN = frozenset({Verdict.NOT_SENT, Verdict.THROTTLED, Verdict.REFUSED})
"""Verdicts after which another attempt may exist (invariant 3)."""


def state_after(verdict: Verdict) -> MessageState:
    """The message's state once this verdict of its open attempt is recorded (transitions b to e)."""
    match verdict:
        case Verdict.SENT:
            return MessageState.SENT
        case Verdict.REJECTED:
            return MessageState.REJECTED
        case Verdict.NOT_SENT | Verdict.THROTTLED | Verdict.REFUSED:
            return MessageState.PENDING
        case Verdict.IN_DOUBT:
            return MessageState.IN_DOUBT
        case _:
            assert_never(verdict)
