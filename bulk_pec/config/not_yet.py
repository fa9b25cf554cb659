"""What this version does not do yet. Asking for it is refused, so that nothing is silently ignored.

To build a feature is to delete its line here; the tests read the table.
"""

from __future__ import annotations

from pydantic import BaseModel

from bulk_pec.config.catalogue import catalogue
from bulk_pec.config.models import Settings
from bulk_pec.config.problems import Problem

NOT_YET: dict[str, str] = {
    "observe.log_format=json": "this version talks in plain lines",
    "observe.metrics_file": "this version writes no metrics",
    "observe.healthcheck_url": "this version calls no health check",
    "observe.notify": "this version notifies nobody",
    "observe.report": "this version writes no HTML report",
}
"""What to say of each setting that is refused: ``section.key`` refuses anything but the default,
``section.key=value`` only that value."""

_DEFAULTS = Settings()


def not_yet(settings: Settings) -> list[Problem]:
    """Every setting that asks for something of the table."""
    return [
        Problem(rule.partition("=")[0], f"cannot be used yet: {sentence}")
        for rule, sentence in NOT_YET.items()
        if _asks(settings, rule)
    ]


def _asks(settings: Settings, rule: str) -> bool:
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
