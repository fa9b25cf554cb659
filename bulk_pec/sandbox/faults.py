"""Faults on request: which requests go wrong, and how. The table of kinds is docs/sandbox.md's."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

_TAKES = {
    "close-before": False,
    "close-after": True,
    "reset-early": False,
    "reset-before": False,
    "reset-after": True,
    "half": True,
    "slow": True,
    "late": True,
    "no-id": True,
    "empty": True,
    "html": True,
    "html-before": False,
    "json-string": True,
    "success-false": False,
    "success-false-object": False,
    "success-false-mysql": True,
    "smtp-id": False,
}
_STATUS = re.compile(r"([345]\d\d)(?:-(before|after))?")

EARLY = "reset-early"
"""The one kind that strikes before the request's body is read."""

_SENDING = ("send", "receipts", "inbox", "item", "quota")
_REGISTRY = ("check", "register", "mailboxes", "mailbox", "form", "activate", "renew", "revoke")
PLACES = (*_SENDING, *_REGISTRY, "any")
"""Where a rule applies.

POST /send; GET and DELETE /send/{id}; /inbox; /inbox/{id}; /quota. /verifica_pec; POST /pec; GET /pec; GET
/pec/{id}; its modulo_attivazione, attivazione and rinnovo; DELETE /pec/{id}. All of them.
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong.

    Attributes:
        kind: Its name.
        takes: Whether the request is carried out all the same.
        status: The HTTP status it answers with, for the kinds that are one.
        seconds: Real seconds it waits, for the kinds that do; None means the usual.
        retry_after: Sent as Retry-After, if given.
    """

    kind: str
    takes: bool
    status: int | None = None
    seconds: float | None = None
    retry_after: float | None = None

    @classmethod
    def named(cls, kind: str, seconds: float | None = None, retry_after: float | None = None) -> Fault:
        """The fault of this name: one of the table, or a status, alone or with ``-before`` or ``-after``.

        Raises:
            ValueError: There is none, or a time is below 0.
            TypeError: A time is no number.
        """
        if min(seconds or 0, retry_after or 0) < 0:
            raise ValueError("seconds and retry_after must not be below 0")
        if kind in _TAKES:
            return cls(kind, _TAKES[kind], None, seconds, retry_after)
        status = _STATUS.fullmatch(kind)
        if status is None:
            raise ValueError(f"unknown kind of fault: {kind}")
        return cls(kind, status[2] == "after", int(status[1]), seconds, retry_after)


@dataclass(slots=True)
class Rule:
    """When a fault strikes. A request must pass all the conditions.

    Attributes:
        fault: What happens.
        count: How many times it strikes; None means until the rules are cleared.
        every: Only every so manieth request.
        skip: Not the first so many requests.
        probability: Between 0 and 1.
        on: One of `PLACES`.
        containing: Only POSTs whose recipients or subject hold this text.
        seen: Requests that came under it so far.
    """

    fault: Fault
    count: int | None = 1
    every: int = 1
    skip: int = 0
    probability: float = 1.0
    on: str = "send"
    containing: str = ""
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.on not in PLACES:
            raise ValueError(f"on must be one of {', '.join(PLACES)}")
        if self.every < 1 or self.skip < 0 or not 0 <= self.probability <= 1:
            raise ValueError("every must be 1 or more, skip 0 or more, probability between 0 and 1")
        if self.count is not None and self.count < 1:
            raise ValueError("count must be 1 or more, or null")
        if not isinstance(self.containing, str):
            raise TypeError("containing must be a text")

    def strikes(self, place: str, text: str, chance: random.Random) -> bool:
        """Whether this request goes wrong; counts it."""
        if self.count == 0 or self.on not in (place, "any") or self.containing not in text:
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip) % self.every:
            return False
        if self.probability < 1 and chance.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True


class FaultDesk:
    """The rules in force.

    Args:
        seed: Of the random source behind `Rule.probability`.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - chooses faults, keeps no secret
        self.rules: list[Rule] = []

    def pick(self, place: str, text: str = "", *, early: bool = False) -> Fault | None:
        """The fault that strikes this request, or None. Of several rules the first that strikes counts."""
        for rule in self.rules:
            if (rule.fault.kind == EARLY) is early and rule.strikes(place, text, self._chance):
                if rule.count == 0:
                    self.rules.remove(rule)
                return rule.fault
        return None
