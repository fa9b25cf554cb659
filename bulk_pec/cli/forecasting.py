"""What is still to come of a run: the planning forecast, with what the ledger says is used already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from bulk_pec.cli.space import fillings, known_room
from bulk_pec.config import Config
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.states import RunState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.proof.views import Figures
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.planning import Forecast, MailboxLimits, Speed, Work, forecast
from bulk_pec.planning.holidays import italian_holidays
from bulk_pec.reporting.status import Terms


def terms(config: Config, ledger: Ledger, run: Run, figures: Figures, now: int) -> Terms:
    """Price, canary, end date, what binds and how full the mailboxes are, for a run's status."""
    copy = next(iter(ledger.runs.copies()), "")
    terms = Terms(
        config.settings.budget.price_per_message,
        canary=ledger.canaries.of(run),
        copy=copy,
        balance=ledger.balances.last(run),
        causes=ledger.causes.of(run),
        mailboxes=fillings(config, ledger, now),
    )
    pending = figures.values["pending"]
    if run.state in {RunState.CANCELLED, RunState.FINISHED} or not pending:
        return terms
    room = known_room(config, ledger, now)
    found = foretold(config, ledger, run, Work(pending, grown_bytes=room.grown), now, room.sure)
    return replace(terms, eta=None if found.left else found.end_ms, binding=found.binding)


def foretold(
    config: Config,
    ledger: Ledger | None,
    run: Run | None,
    work: Work,
    now: int,
    free: Mapping[str, int] | None = None,
) -> Forecast:
    """The forecast of what is still to be sent.

    Args:
        config: Its limits.
        ledger: For what is used of them; None: nothing is.
        run: Whose budget is spent; None: a new one.
        work: What is to be sent; price and budget are filled in.
        now: Milliseconds since the epoch.
        free: Bytes that the inboxes can take, by address, where known.
    """
    budget = config.settings.budget
    spent = ledger.views.spent(run) if ledger is not None and run is not None else 0.0
    work = replace(work, price=budget.price_per_message, max_cost=budget.max_cost, spent=spent)
    return forecast(work, speed(config), calendar(config), _mailboxes(config, ledger, now, free), now)


def _mailboxes(
    config: Config, ledger: Ledger | None, now: int, free: Mapping[str, int] | None
) -> list[MailboxLimits]:
    """The mailboxes' limits, with what this day, month and year have used of them."""
    limits = mailbox_limits(config, free)
    if ledger is None:
        return limits
    used = ledger.views.used([mailbox.address for mailbox in limits], calendar(config).period(now))
    return [
        replace(mailbox, used_day=day, used_month=month, used_year=year)
        for mailbox, (day, month, year) in zip(limits, used, strict=True)
    ]


def zone(config: Config) -> ZoneInfo:
    """Where the operator's clock stands."""
    return ZoneInfo(config.settings.sending.timezone)


def calendar(config: Config) -> Calendar:
    """When the configuration allows sending."""
    sending = config.settings.sending
    holidays = italian_holidays() if sending.skip_holidays else None
    return Calendar(sending.timezone, sending.window, sending.days, holidays)


def speed(config: Config) -> Speed:
    """How fast POSTs may follow each other, over all mailboxes."""
    return Speed(config.settings.api.max_per_second, config.settings.sending.concurrency)


def mailbox_limits(config: Config, free: Mapping[str, int] | None = None) -> list[MailboxLimits]:
    """What each mailbox may send; `free`: what their inboxes can take, in bytes by address, where known."""
    return [
        MailboxLimits(
            mailbox.address,
            rate=mailbox.max_per_second,
            per_day=mailbox.max_per_day,
            per_month=mailbox.max_per_month,
            per_year=mailbox.max_per_year,
            free_bytes=(free or {}).get(mailbox.address),
        )
        for mailbox in config.settings.mailboxes
    ] or [MailboxLimits("")]
