"""Caps and budgets: what a mailbox may send in a calendar period, what a run may cost. Pure.

A cap counts addresses: a message to three of them counts three times. Money is counted in millionths of
EUR, a message at a time. What counts is kept in rows, `Account` by `Account`; sent and in-doubt attempts
count, one that is known not to have left gives back what it took.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from bulk_pec.domain.calendar import Calendar, Period
from bulk_pec.domain.outcomes import Verdict

COUNTS_NOT = frozenset({Verdict.NOT_SENT, Verdict.THROTTLED, Verdict.REFUSED, Verdict.REJECTED})
"""Verdicts of attempts that count against nothing: the provider did not take them."""

COST = "cost"
"""The period of a run's account: all its nights."""


class Short(StrEnum):
    """What there is not enough of."""

    CAP = "cap"
    BUDGET = "budget"


class Account(NamedTuple):
    """A row of what was used. A tuple, for it is a key: each attempt looks into four of them.

    Attributes:
        scope: ``mailbox:<id>`` or ``run:<id>``.
        period: ``2026-11-23``, ``2026-11``, ``2026``; of a run `COST`.
    """

    scope: str
    period: str


@dataclass(frozen=True, slots=True)
class Caps:
    """Addresses a mailbox may be sent to in a calendar day, month and year; None: no cap."""

    per_day: int | None = None
    per_month: int | None = None
    per_year: int | None = None

    def of(self, period: Period) -> dict[str, int | None]:
        """The cap of each period a moment lies in; the shortest first."""
        return {period.day: self.per_day, period.month: self.per_month, period.year: self.per_year}


NO_CAPS = Caps()


@dataclass(frozen=True, slots=True)
class Limits:
    """What limits sending beyond its pace.

    Attributes:
        caps: By the mailbox's id; a mailbox that is not here has none.
        period: The calendar periods of a moment in milliseconds.
        price: Of a message, millionths of EUR.
        budget: What a run may cost, millionths of EUR; None: no limit.
    """

    caps: Mapping[int, Caps] = field(default_factory=dict)
    period: Callable[[int], Period] = Calendar("Europe/Rome").period
    price: int = 0
    budget: int | None = None

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return self.budget is not None or any(caps != NO_CAPS for caps in self.caps.values())

    def of_mailbox(self, mailbox: int, at: int) -> dict[Account, int | None]:
        """The accounts of a mailbox at a moment, and their caps."""
        caps = self.caps.get(mailbox, NO_CAPS).of(self.period(at))
        return {Account(f"mailbox:{mailbox}", period): cap for period, cap in caps.items()}

    def of_run(self, run: int) -> dict[Account, int | None]:
        """The account of a run's cost, and its budget."""
        return {Account(f"run:{run}", COST): self.budget}


def millionths(euros: float) -> int:
    """EUR as counted here; exact for what a person writes: 0.002 is 2,000."""
    return round(Fraction(str(euros)) * 1_000_000)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one attempt counts.

    Attributes:
        message: Whose.
        mailbox: The mailbox's id.
        units: Its addresses.
        at: When its intent was made, milliseconds: that decides the periods.
        cost: What it was booked at, millionths of EUR; None: at today's price.
    """

    message: int
    mailbox: int
    units: int
    at: int
    cost: int | None = None


class Sums:
    """What a transaction adds to the accounts, and takes off them again.

    Args:
        limits: Caps, prices and periods.
        run: Whose cost it is.

    Attributes:
        by_account: What is added to each, or taken off it.
        caps: Of each account looked at.
    """

    def __init__(self, limits: Limits, run: int) -> None:
        self.limits = limits
        self._run = run
        self._periods: dict[tuple[int, int], dict[Account, int | None]] = {}
        self.by_account: dict[Account, int] = {}
        self.caps: dict[Account, int | None] = {}

    def _terms(self, charge: Charge) -> dict[Account, int | None]:
        key = (charge.mailbox, charge.at)
        if key not in self._periods:
            self._periods[key] = self.limits.of_mailbox(*key) | self.limits.of_run(self._run)
            self.caps |= self._periods[key]
        return self._periods[key]

    def _of(self, account: Account, charge: Charge) -> int:
        if account.period != COST:
            return charge.units
        return self.limits.price if charge.cost is None else charge.cost

    def add(self, charge: Charge, sign: int = 1) -> None:
        """Count an attempt, or with -1 give back what it counted."""
        for account in self._terms(charge):
            self.by_account[account] = self.by_account.get(account, 0) + sign * self._of(account, charge)

    def accounts(self, charges: Iterable[Charge]) -> set[Account]:
        """Every account these would touch."""
        return {account for charge in charges for account in self._terms(charge)}

    def short(self, charge: Charge, used: Mapping[Account, int]) -> Short | None:
        """What there is too little of for one more attempt, if anything; money comes first.

        Args:
            charge: Of the attempt.
            used: What each account holds without the sums here; one that is missing holds nothing.
        """
        found: Short | None = None
        for account, cap in self._terms(charge).items():
            after = used.get(account, 0) + self.by_account.get(account, 0) + self._of(account, charge)
            if cap is not None and after > cap:
                found = Short.BUDGET if account.period == COST or found is Short.BUDGET else Short.CAP
        return found

    def over(self, used: Mapping[Account, int]) -> list[Account]:
        """The accounts that these sums would take above their caps."""
        return [
            account
            for account, added in self.by_account.items()
            if added > 0 and (cap := self.caps[account]) is not None and used.get(account, 0) + added > cap
        ]


def fitting(
    charges: Sequence[Charge], used: Mapping[Account, int], sums: Sums
) -> tuple[list[Charge], dict[int, Short]]:
    """Which attempts the accounts have room for, in their order; those that fit are added to the sums.

    Returns:
        Those that fit; and by message what there is too little of for the others.
    """
    taken: list[Charge] = []
    short: dict[int, Short] = {}
    limited = sums.limits.any
    for charge in charges:
        lacking = sums.short(charge, used) if limited else None
        if lacking is None:
            sums.add(charge)
            taken.append(charge)
        else:
            short[charge.message] = lacking
    return taken, short


@dataclass(frozen=True, slots=True)
class Standing:
    """How a mailbox stands to its tightest cap.

    Attributes:
        left: Addresses it may still be sent to.
        cap: All that it may be sent to in that period.
        period: Its name.
        ends: When it ends, milliseconds: the first moment outside.
    """

    left: int
    cap: int
    period: str
    ends: int


def standing(limits: Limits, mailbox: int, at: int, used: Mapping[Account, int]) -> Standing | None:
    """How a mailbox stands now; None: it has no cap. Of two that are as tight the longer one counts."""
    caps = limits.of_mailbox(mailbox, at)
    found = [
        (max(0, cap - used.get(account, 0)), len(account.period), cap, account.period)
        for account, cap in caps.items()
        if cap is not None
    ]
    if not found:
        return None
    left, _, cap, period = min(found)
    return Standing(left, cap, period, ends(limits, period, at))


_OVER_A_YEAR = 368 * 86_400_000


def begins(limits: Limits, period: str, at: int) -> int:
    """The first millisecond of the period of this name that `at` lies in."""
    first = at - _OVER_A_YEAR
    return first + bisect_left(range(first, at), True, key=lambda one: _named(limits.period(one), period))


def ends(limits: Limits, period: str, at: int) -> int:
    """The first millisecond after the period of this name that `at` lies in."""
    span = range(at, at + _OVER_A_YEAR)
    return at + bisect_left(span, True, key=lambda one: not _named(limits.period(one), period))


def _named(found: Period, period: str) -> bool:
    return period in {found.day, found.month, found.year}
