"""Growth: what an ACCETTAZIONE and what a CONSEGNA make a mailbox grow by. Pure.

A CONSEGNA holds the whole original message with its attachments, an ACCETTAZIONE and a notice do not (DM 2
November 2005, RFC 6109), and the small ones come first: so they are told apart. What only a mean over all
mails would show is far too little while CONSEGNE are still to come, and the box would overflow with them.

All figures are in the provider's unit, which is uncertain (megabytes by its text, KiB by its numbers), and
learnt from readings in that unit. Only a letter whose CONSEGNE nobody has seen yet has to be put into it: its
unit is then told by what an ACCETTAZIONE takes, which is some KiB anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_MAILS = 20
"""Mails that readings must lie apart before growth is learnt from them: fewer may all be large, or small."""
LEAST_DELIVERED = 10
"""CONSEGNE among them before it is known what one takes."""
_LEAST_SHARE = 20
"""Nor before there is one for so many others: what those take is not known well enough to be taken off."""
RECENT_MAILS = 200
"""The latest so many mails are looked at apart: a letter may be larger than those of earlier runs."""
LEAST_RIPE = 10
"""Receipts that must have had the time to come before what the box grew by says anything of one."""
_LIKE = 0.95
"""Of what an ACCETTAZIONE is seen to take so much is believed: the rest is put down to the CONSEGNE."""
_KIB, _MIB = 1024, 1 << 20
_LARGEST = _MIB // 2
"""Bytes of the largest mail that a reading of an ACCETTAZIONE could be of, the letter left out."""
_PROVES = 32 * _KIB
"""Bytes from which a letter is surely more than an ACCETTAZIONE: what grows by it has had its CONSEGNE."""
_SURELY_KIB = 65_536
"""A capacity from which on the figures are no megabytes: no such box has 64 GiB."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How full a mailbox was.

    Attributes:
        at: Milliseconds since the epoch.
        usage: In the provider's unit.
        capacity: In the same unit.
        seen: Mails that harvests had ever seen in it by then. It changes with a reading that was taken when a
            harvest had just read everything, and stays the same in those between two harvests.
        delivered: CONSEGNE among them, counted from any beginning; None: not known.
    """

    at: int
    usage: float
    capacity: float
    seen: int
    delivered: int | None = None

    @property
    def share(self) -> float:
        """Usage over capacity; 1.0 when the capacity is not positive."""
        return self.usage / self.capacity if self.capacity > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Due:
    """Receipts that are still to come.

    Attributes:
        accepted: ACCETTAZIONI: one a message.
        final: CONSEGNE, or notices in their place: one an address.
    """

    accepted: int = 0
    final: int = 0

    def __add__(self, more: Due) -> Due:
        return Due(self.accepted + more.accepted, self.final + more.final)

    def __sub__(self, less: Due) -> Due:
        return Due(self.accepted - less.accepted, self.final - less.final)

    @property
    def receipts(self) -> int:
        """All of them."""
        return self.accepted + self.final


@dataclass(frozen=True, slots=True)
class Growth:
    """What one receipt makes a mailbox grow by.

    Attributes:
        accepted: An ACCETTAZIONE; or less, down to nothing, where that is counted with the CONSEGNA.
        final: A CONSEGNA. A notice in its place takes less.
        sure: Whether CONSEGNE were seen that show it; else it stands in for what is not known yet.
    """

    accepted: float
    final: float
    sure: bool = True

    @property
    def message(self) -> float:
        """Both receipts of a message to one address."""
        return self.accepted + self.final

    @property
    def mean(self) -> float:
        """One of the two, on an average."""
        return self.message / 2

    def of(self, due: Due) -> float:
        """What all of these will take."""
        return due.accepted * self.accepted + due.final * self.final


class Letters:
    """How large the letters of one start are, as mails: the text and the attachments in base64.

    Attributes:
        largest: Bytes; None: none was met yet.
    """

    def __init__(self) -> None:
        self.largest: int | None = None
        self._bytes = self._letters = 0
        self._lately = 0.0

    def add(self, size: int) -> None:
        """One more, of so many bytes."""
        self.largest = max(self.largest or 0, size)
        self._bytes, self._letters = self._bytes + size, self._letters + 1
        self._lately += (size - self._lately) / min(self._letters, 50)

    @property
    def usual(self) -> float:
        """Bytes, on an average over all of them or over those of late, whichever is more."""
        return max(self._bytes / self._letters, self._lately) if self._letters else 0.0


@dataclass(frozen=True, slots=True)
class _Step:
    """Mails that came from one harvest to the next, and what the box grew by."""

    other: int
    delivered: int
    grown: float

    @property
    def mails(self) -> int:
        return self.other + self.delivered

    @property
    def tells(self) -> bool:
        """Whether there are CONSEGNE enough to say what one takes."""
        return self.delivered >= max(LEAST_DELIVERED, self.other / _LEAST_SHARE)


def learnt(readings: Sequence[Reading]) -> Growth | None:
    """What receipts make the mailbox grow by, from what harvests showed; None: not enough is known yet.

    Only stretches between two harvests count in which the box did not shrink at any reading and kept its
    capacity: then what it grew by is what the mails that came took. All of it is put down to the CONSEGNE
    among them, less what the others take where stretches differ enough to tell. Over all of them, or over the
    latest mails if that is more: too much stops sending early, too little loses receipts.

    Before CONSEGNE were seen it is not `sure`: they are thought to take no more than what did come.

    Args:
        readings: Of one mailbox, oldest first.
    """
    steps = _steps(readings)
    whole, late = _sum(steps), _sum(_latest(steps))
    if whole.mails < LEAST_MAILS:
        return None
    if not whole.tells:
        each = whole.grown / whole.other
        return Growth(each, each, sure=False)
    accepted = _LIKE * _of_others(steps, whole)
    final = max((one.grown - accepted * one.other) / one.delivered for one in (whole, late) if one.tells)
    return Growth(accepted, max(accepted, final))


def _steps(readings: Sequence[Reading]) -> list[_Step]:
    steps: list[_Step] = []
    start = before = None
    whole = True
    for one in readings:
        if before is not None:
            whole = whole and one.capacity == before.capacity and one.usage >= before.usage
        if start is None or one.seen != start.seen:
            if start is not None and whole and one.seen > start.seen:
                steps += _step(start, one)
            start, whole = one, True
        before = one
    return steps


def _step(start: Reading, end: Reading) -> list[_Step]:
    if start.delivered is None or end.delivered is None:
        return []
    delivered = end.delivered - start.delivered
    return [_Step(end.seen - start.seen - delivered, delivered, end.usage - start.usage)]


def _latest(steps: Sequence[_Step]) -> Sequence[_Step]:
    mails = 0
    for number, step in enumerate(reversed(steps), 1):
        mails += step.mails
        if mails >= RECENT_MAILS:
            return steps[-number:]
    return steps


def _sum(steps: Sequence[_Step]) -> _Step:
    return _Step(
        sum(one.other for one in steps), sum(one.delivered for one in steps), sum(one.grown for one in steps)
    )


def _of_others(steps: Sequence[_Step], total: _Step) -> float:
    """What a mail that is no CONSEGNA takes; 0: stretches do not differ enough to tell.

    The stretches in which CONSEGNE are rare are held against the rest: two equations.
    """
    rare = [one for one in steps if 2 * one.delivered * total.mails <= total.delivered * one.mails]
    low = _sum(rare)
    rest = _Step(total.other - low.other, total.delivered - low.delivered, total.grown - low.grown)
    parted = low.other * rest.delivered - rest.other * low.delivered
    if low.mails < LEAST_MAILS or parted <= 0:
        return 0.0
    each = (low.grown * rest.delivered - rest.grown * low.delivered) / parted
    return min(max(0.0, each), total.grown / total.mails)


def stand_in(gained: float, ripe: Due, letter: float) -> Growth | None:
    """What stands in while no harvest has shown anything; None: nothing does.

    All that the box grew by is put down to the messages whose receipts have had the time to come; that those
    were ACCETTAZIONI alone is supposed, unless it grew by as much as their letters are.

    Args:
        gained: What the box grew by, in the provider's unit.
        ripe: Receipts that were due long enough ago.
        letter: Bytes of a letter.
    """
    if ripe.receipts < LEAST_RIPE or gained <= 0:
        return None
    each = gained / (ripe.accepted if ripe.accepted >= LEAST_RIPE // 2 else ripe.final)
    held = letter / _unit(each, letter)
    if letter >= _PROVES and ripe.final and gained / ripe.final >= held:
        return Growth(0.0, gained / ripe.final, sure=False)
    return Growth(each, each + held, sure=False)


def with_letters(growth: Growth, letter: float, capacity: float) -> Growth:
    """No CONSEGNA is smaller than the letter that it holds.

    Args:
        growth: As it was learnt.
        letter: Bytes of a letter of this start.
        capacity: Of the mailbox, in the provider's unit.
    """
    if not growth.sure:
        held = growth.accepted + letter / _unit(growth.accepted, 0)
    else:
        held = letter / _unit(growth.message, letter) if capacity >= _SURELY_KIB else 0.0
    return Growth(growth.accepted, max(growth.final, held), growth.sure)


def _unit(each: float, letter: float) -> int:
    """Bytes of the provider's unit, from what a mail takes that holds no more than a letter of this size.

    Megabytes where these figures could be: then the letter is thought to take least.
    """
    return _MIB if each * _MIB <= _LARGEST + 1.1 * letter else _KIB
