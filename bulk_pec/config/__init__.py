"""Settings, secrets, and where each value came from.

| file | responsibility |
|---|---|
| models.py, values.py, catalogue.py | every setting; the kinds of values; the list of them all |
| sources.py, loader.py | flags, environment and file as layers; merged, checked, one `Config` |
| rules.py, not_yet.py | what settings demand of each other; what this version refuses |
| problems.py | everything that is wrong, said at once |
| credentials.py, ledger_url.py | secrets, read when they are asked for; the ledger's URL, masked for people |

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
