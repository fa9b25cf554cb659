"""Findings: what a check-up says, one value a check, and the exit code they come to together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bulk_pec.domain.errors import BulkPecError
from bulk_pec.domain.exits import Exit, ExitCode, Reason


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        name: A fixed word: configuration, secrets, token, scopes, message, ledger, disk, archive,
            sending_host, registry, clock, mailbox, credentials, quota. Several findings may have one name.
        verdict: How it came out.
        what: One sentence; never a secret.
        hint: What to do; "" where nothing is to be done.
        about: What of several was checked, such as a mailbox's address; "" where there is one only.
        reason: Of a failure: the word that its exit code goes by.
    """

    name: str
    verdict: Verdict
    what: str
    hint: str = ""
    about: str = ""
    reason: Reason | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The finding in ``--json``."""
        return {
            "name": self.name,
            "about": self.about or None,
            "verdict": self.verdict.value,
            "what": self.what,
            "hint": self.hint or None,
        }


def ok(name: str, what: str, *, about: str = "") -> Finding:
    """All is well."""
    return Finding(name, Verdict.OK, what, about=about)


def warning(name: str, what: str, hint: str, *, about: str = "") -> Finding:
    """It works, and somebody should look."""
    return Finding(name, Verdict.WARNING, what, hint, about)


def unknown(name: str, what: str, hint: str = "", *, about: str = "") -> Finding:
    """It could not be found out, which is no failure by itself."""
    return Finding(name, Verdict.UNKNOWN, what, hint, about)


def failure(name: str, what: str, hint: str, reason: Reason, *, about: str = "") -> Finding:
    """A run would not work."""
    return Finding(name, Verdict.FAILURE, what, hint, about, reason)


def failed(name: str, error: BulkPecError, *, about: str = "") -> Finding:
    """The failure that an error tells of."""
    return failure(name, error.what, error.hint, error.exit.reason, about=about)


_WORST_FIRST = (
    ExitCode.BUG,
    ExitCode.CONFIG,
    ExitCode.CREDENTIALS,
    ExitCode.IO,
    ExitCode.USAGE,
    ExitCode.DATA,
    ExitCode.UNAVAILABLE,
    ExitCode.ATTENTION,
    ExitCode.RETRY,
)
"""What a person must mend comes before what may pass by itself."""


def ending(findings: Iterable[Finding]) -> Exit:
    """How a check-up with these findings ends: by its worst failure, or well."""
    exits = [Exit.of(one.reason) for one in findings if one.reason is not None]
    return min(exits, key=lambda one: _WORST_FIRST.index(one.code), default=Exit.of(Reason.COMPLETE))
