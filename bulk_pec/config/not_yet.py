"""What this version does not do yet. Asking for it is refused, so that nothing is silently ignored.

What only limits sending is refused by what sends (`Config.sendable`), so that `plan` can forecast with it;
the rest at once. To build a feature is to delete its lines here; the tests read the tables.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel

from bulk_pec.config.catalogue import catalogue
from bulk_pec.config.models import Settings
from bulk_pec.config.problems import Problem

NOT_YET: dict[str, str] = {
    "mailboxes": "this version sends from one mailbox only",
    "mailboxes.max_per_day": "this version does not count a mailbox's messages a day",
    "mailboxes.max_per_month": "this version does not count a mailbox's messages a month",
    "mailboxes.max_per_year": "this version does not count a mailbox's messages a year",
    "message.reference": "this version settles doubts by the reference only: keep {ref} in it",
    "sending.window": "this version has no windows: start and stop it with a timer",
    "sending.days": "this version sends on every day it is started: start it with a timer",
    "sending.skip_holidays": "this version knows no holidays",
    "sending.on_in_doubt=resend": "this version sends nothing twice by itself: use reconcile or hold",
    "sending.canary": "this version has no canary: send a short list first",
    "budget.max_cost": "this version does not stop at a cost: use --max-messages",
    "receipts.archive": "this version does not archive receipts",
    "receipts.delete_after_archive": "this version deletes nothing from a mailbox",
    "observe.log_format=json": "this version talks in plain lines",
    "observe.metrics_file": "this version writes no metrics",
    "observe.healthcheck_url": "this version calls no health check",
    "observe.notify": "this version notifies nobody",
    "observe.report": "this version writes no HTML report",
}
"""What to say of each setting that is refused: ``section.key`` refuses anything but the default,
``section.key=value`` only that value. `_ASKED` holds those that neither form can say."""

SENDING_ONLY = frozenset(
    {
        "mailboxes",
        "mailboxes.max_per_day",
        "mailboxes.max_per_month",
        "mailboxes.max_per_year",
        "sending.window",
        "sending.days",
        "sending.skip_holidays",
        "budget.max_cost",
    }
)
"""Lines of the table that nothing but sending would ignore."""

_ASKED: dict[str, Callable[[Settings], bool]] = {
    "mailboxes": lambda settings: len(settings.mailboxes) > 1,
    "message.reference": lambda settings: "{ref}" not in settings.message.reference,
}

_DEFAULTS = Settings()


def not_yet(settings: Settings, *, sending: bool) -> list[Problem]:
    """Every setting that asks for something of the table: of `SENDING_ONLY`, or else of the rest."""
    return [
        Problem(rule.partition("=")[0], f"cannot be used yet: {sentence}")
        for rule, sentence in NOT_YET.items()
        if (rule in SENDING_ONLY) is sending and _asks(settings, rule)
    ]


def _asks(settings: Settings, rule: str) -> bool:
    if rule in _ASKED:
        return _ASKED[rule](settings)
    key, _, value = rule.partition("=")
    entry = catalogue()[key]
    if entry.section == "mailboxes":
        return any(_differs(mailbox, entry.name, entry.default, value) for mailbox in settings.mailboxes)
    section: BaseModel = getattr(settings, entry.section)
    default = getattr(getattr(_DEFAULTS, entry.section), entry.name)
    return _differs(section, entry.name, default, value)


def _differs(section: BaseModel, name: str, default: object, value: str) -> bool:
    chosen: object = getattr(section, name)
    return chosen == value if value else chosen != default
