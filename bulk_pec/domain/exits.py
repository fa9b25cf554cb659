"""How a command ends: the exit codes and the fixed words that schedulers and scripts rely on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """Exit codes; those from 65 up keep the meaning BSD's sysexits.h gives them."""

    OK = 0
    BUG = 1
    USAGE = 2
    ATTENTION = 3
    DATA = 65
    UNAVAILABLE = 69
    IO = 74
    RETRY = 75
    CREDENTIALS = 77
    CONFIG = 78


class Reason(StrEnum):
    """The one word beside the exit code in ``--json``."""

    COMPLETE = "complete"
    ATTENTION = "attention"
    USAGE = "usage"
    DATA = "data"
    UNAVAILABLE = "unavailable"
    BREAKER = "breaker"
    IO = "io"
    WINDOW = "window"
    CAP = "cap"
    BUDGET = "budget"
    MAILBOX_FULL = "mailbox_full"
    MAX_MESSAGES = "max_messages"
    MAX_DURATION = "max_duration"
    UNTIL = "until"
    SIGNAL = "signal"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    BUSY = "busy"
    CANARY = "canary"
    IN_DOUBT = "in_doubt"
    CREDENTIALS = "credentials"
    CREDIT = "credit"
    CONFIG = "config"
    BUG = "bug"


_CODES: dict[Reason, ExitCode] = {
    Reason.COMPLETE: ExitCode.OK,
    Reason.ATTENTION: ExitCode.ATTENTION,
    Reason.CANCELLED: ExitCode.ATTENTION,
    Reason.USAGE: ExitCode.USAGE,
    Reason.DATA: ExitCode.DATA,
    Reason.UNAVAILABLE: ExitCode.UNAVAILABLE,
    Reason.BREAKER: ExitCode.UNAVAILABLE,
    Reason.IO: ExitCode.IO,
    Reason.CREDENTIALS: ExitCode.CREDENTIALS,
    Reason.CREDIT: ExitCode.CREDENTIALS,
    Reason.CONFIG: ExitCode.CONFIG,
    Reason.BUG: ExitCode.BUG,
}


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended: its exit code and the fixed word for why."""

    code: ExitCode
    reason: Reason

    @classmethod
    def of(cls, reason: Reason) -> Exit:
        """The exit a reason normally has; every reason not in the table above means "run again" (75)."""
        return cls(_CODES.get(reason, ExitCode.RETRY), reason)
