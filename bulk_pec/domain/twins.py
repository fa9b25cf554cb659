"""Twins: whether what is known of one message shows that it left twice. Pure.

The provider's sender-side receipt (ACCETTAZIONE) is made once a sending (DPR 68/2005 art. 6; RFC 6109 section
2.1.1), whatever the number of addresses; so two different ones with one reference are two sendings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Said:
    """What one receipt says of its sending.

    Attributes:
        accepted: Whether it is an ACCETTAZIONE.
        message_id: The provider's token at its subject's end, if it could be told.
        at: Its date in milliseconds since the epoch, if it could be read.
        refused: Whether it is an AVVISO DI NON ACCETTAZIONE: that sending never left the sender's provider.
    """

    accepted: bool
    message_id: str | None
    at: int | None
    refused: bool = False


def left_twice(receipts: Sequence[Said], answers: Sequence[str | None], *, given_up: bool) -> bool:
    """Whether a message left twice.

    Args:
        receipts: That carry its reference, each once.
        answers: The provider's token of each attempt that it answered as taken.
        given_up: Whether an attempt in doubt was followed by another.
    """
    refused = {one.message_id for one in receipts if one.refused and one.message_id}
    answers = [answer for answer in answers if answer not in refused]
    if len(answers) > 1:
        return True
    acceptances = [one for one in receipts if one.accepted]
    if any(_differ(one, other) for one, other in combinations(acceptances, 2)):
        return True
    tokens = [one.message_id for one in receipts if one.message_id and not one.refused]
    return given_up and any(_apart(token, answer) for token in tokens for answer in answers if answer)


def _differ(one: Said, other: Said) -> bool:
    """Two of one sending may be listed differently: its token decides, or else its time."""
    if one.message_id and other.message_id:
        return one.message_id != other.message_id
    return one.at is not None and other.at is not None and one.at != other.at


def _apart(token: str, answer: str) -> bool:
    """Whether these are surely two tokens: a recipient's provider may have cut a subject short."""
    return not token.startswith(answer) and not answer.startswith(token)
