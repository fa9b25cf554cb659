"""``quota``: how full the mailboxes are, and when they will be full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import COMPLETE, Result, Session
from bulk_pec.domain.errors import BulkPecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from bulk_pec.config import Config
    from bulk_pec.domain.growth import Reading
    from bulk_pec.domain.inbox import Quota
    from bulk_pec.domain.letters import Mailbox
    from bulk_pec.ledger.ledger import Ledger

WIDE = 40
"""Characters of a bar."""


@dataclass(frozen=True, slots=True)
class Fullness:
    """One mailbox, as it was just read.

    Attributes:
        address: Which.
        quota: Usage and limit, in the provider's unit, which is uncertain.
        read_at: Milliseconds since the epoch.
        mark: The share from which nothing is sent from it.
        full_at: When it comes to that at the pace it has filled at, in milliseconds; None: not foretold.
    """

    address: str
    quota: Quota
    read_at: int
    mark: float
    full_at: int | None


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "quota")
    def quota(session: Session) -> Result:
        """Show how full each mailbox is, the mark at which sending stops, and when it comes to that mark.

        In --json `full_at` is when it comes to `mark`, not when it is wholly full.
        """
        from bulk_pec.clock import SystemClock

        config = session.config()
        mailboxes, token = config.mailbox_list(), config.token()
        answers = _asked(config, mailboxes, token)
        now = SystemClock().now()
        read = {address: one for address, one in answers.items() if not isinstance(one, BulkPecError)}
        before = _kept(session, read, now)
        found = [
            _fullness(config, address, one, before.get(address, []), now) for address, one in read.items()
        ]
        return _told(config, answers, found)


def _asked(config: Config, mailboxes: Sequence[Mailbox], token: Any) -> dict[str, Quota | BulkPecError]:
    """What GET /quota comes to for each; one that fails hides no other."""
    import anyio

    from bulk_pec.cli.space import quotas
    from bulk_pec.provider.reading import Patience

    patience = Patience(attempts=2, timeout=config.settings.api.timeout)
    return anyio.run(quotas, config, mailboxes, token, patience)


def _kept(session: Session, read: Mapping[str, Quota], now: int) -> dict[str, list[Reading]]:
    """The earlier readings of these mailboxes, after the new ones were kept where there is a ledger.

    A ledger that cannot be read or written is no reason not to show what was asked; it is said.
    """
    before: dict[str, list[Reading]] = {}
    try:
        with session.ledger("read") as ledger:
            before = _before(ledger, read)
        with session.ledger("write") as ledger:
            for address, quota in read.items():
                ledger.inbox.mailbox_id(address)  # known from now on, if it was not yet
                ledger.quotas.note(address, quota, now, harvested=False)
    except UsageError:
        session.more("There is no ledger to keep the reading in.")
    except BulkPecError as error:
        session.say(f"The reading is not kept in the ledger: {error.what}")
    return before


def _before(ledger: Ledger, read: Mapping[str, Quota]) -> dict[str, list[Reading]]:
    boxes = ledger.quotas.boxes()
    known = {address: boxes[address.lower()] for address in read if address.lower() in boxes}
    return {address: ledger.quotas.readings(box) for address, box in known.items()}


def _fullness(config: Config, address: str, quota: Quota, before: Sequence[Reading], now: int) -> Fullness:
    from bulk_pec.cli.space import foretold_full
    from bulk_pec.domain.growth import Reading

    mark = config.settings.receipts.mailbox_full_at
    readings = [*before, Reading(now, quota.usage, quota.limit, before[-1].seen if before else 0)]
    return Fullness(address, quota, now, mark, foretold_full(readings, mark, now))


def _told(config: Config, answers: Mapping[str, Quota | BulkPecError], found: Sequence[Fullness]) -> Result:
    from bulk_pec.cli.forecasting import zone

    place, read = zone(config), {one.address: one for one in found}
    entries, lines, first = [], [], None
    for address, answer in answers.items():
        if isinstance(answer, BulkPecError):
            first = first or answer
            entries.append({"address": address, "error": {"what": answer.what, "hint": answer.hint}})
            lines.append(f"{address}\n  It could not be asked: {answer.what}")
        else:
            entries.append(_entry(read[address]))
            lines.append(paragraph(read[address], place))
    ended = COMPLETE if first is None else first.exit
    return Result({"schema": 1, "mailboxes": entries}, "\n".join(lines), ended, error=first)


def _entry(one: Fullness) -> dict[str, Any]:
    from bulk_pec.reporting.status import iso

    return {
        "address": one.address,
        "usage": one.quota.usage,
        "limit": one.quota.limit,
        "share": round(one.quota.share, 6),
        "mark": one.mark,
        "read_at": iso(one.read_at),
        "full_at": None if one.full_at is None else iso(one.full_at),
    }


def paragraph(one: Fullness, place: tzinfo) -> str:
    """A mailbox for people: its bar, its figures, and what they lead to."""
    figures = f"{one.quota.usage:,.0f} of {one.quota.limit:,.0f} in the provider's unit"
    drawn = f"{bar(one.quota.share, one.mark)} {_percent(one.quota.share)}"
    return f"{one.address}\n  {drawn} ({figures})\n  {_outlook(one, place)}"


def _percent(share: float) -> str:
    """A share for people; of a limit that is none the figure would be absurd."""
    return f"{share:.1%}" if share < 10 else "far beyond its limit"


def bar(share: float, mark: float) -> str:
    """A bar of plain characters: ``[#####......|...]``, where ``|`` is the mark.

    Something is a stroke at least, and only what is full is a full bar.
    """
    filled = min(WIDE, max(1 if share > 0 else 0, int(share * WIDE)))
    cells = ["#"] * filled + ["."] * (WIDE - filled)
    cells[min(WIDE - 1, int(mark * WIDE))] = "|"
    return f"[{''.join(cells)}]"


def _outlook(one: Fullness, place: tzinfo) -> str:
    from bulk_pec.reporting.moments import moment

    if one.quota.share >= one.mark:
        return f"It is past {one.mark:.0%}: nothing is sent from it until there is room."
    stops = f"Sending from it stops at {one.mark:.0%}"
    if one.full_at is None:
        return f"{stops}; when it comes to that cannot be foretold yet."
    return f"{stops}; at this pace on {moment(one.full_at).astimezone(place):%Y-%m-%d %H:%M} ({place})."
