"""Settings, secrets, and where each value came from.

`load` is the door: it merges flags, environment, file and defaults, checks everything at once and
returns a `Config`. `NOT_YET` lists what this version refuses because it does not do it yet.
"""

from bulk_pec.config.loader import Config, load
from bulk_pec.config.models import (
    ApiSettings,
    BudgetSettings,
    LedgerSettings,
    MailboxSettings,
    MessageSettings,
    ObserveSettings,
    ReceiptsSettings,
    RecipientsSettings,
    SendingSettings,
    Settings,
)
from bulk_pec.config.not_yet import NOT_YET
from bulk_pec.config.values import Window, parse_duration

__all__ = [
    "NOT_YET",
    "ApiSettings",
    "BudgetSettings",
    "Config",
    "LedgerSettings",
    "MailboxSettings",
    "MessageSettings",
    "ObserveSettings",
    "ReceiptsSettings",
    "RecipientsSettings",
    "SendingSettings",
    "Settings",
    "Window",
    "load",
    "parse_duration",
]
