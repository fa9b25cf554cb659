"""Errors that end a command. Each carries its exit code, a fixed reason word and a hint: what to do.

The outcome of a POST is never one of these: outcomes are values (see `bulk_pec.domain.outcomes`).
An error's text is printed as it stands and may be logged: it never holds a secret, a message body or
more of the list than the one value the person must mend.
"""

from __future__ import annotations

from typing import ClassVar

from bulk_pec.domain.exits import Exit, Reason


class BulkPecError(Exception):
    """Something the caller must know about.

    Args:
        what: One or two sentences: what went wrong, and where.
        hint: What the reader can do about it; a command to type where there is one.
    """

    reason: ClassVar[Reason] = Reason.BUG

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    @property
    def exit(self) -> Exit:
        """The exit code and reason this error ends a command with."""
        return Exit.of(self.reason)

    def __str__(self) -> str:
        return f"{self.what} {self.hint}"


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first real cause in a task group's bundle: that is what a command ends with."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class UsageError(BulkPecError):
    """The command was called wrongly, names an unknown run, or was not given the yes it needs."""

    reason = Reason.USAGE


class ListRefused(BulkPecError):
    """The list, a template or an attachment cannot be used; or the run's name holds other content."""

    reason = Reason.DATA


class DossierRefused(BulkPecError):
    """The file is no dossier, or not as it was made."""

    reason = Reason.DATA


class RegistryRefused(BulkPecError):
    """The registry of mailboxes refused what was asked of it: nothing changed and nothing was paid.

    Args:
        what: See `BulkPecError`.
        hint: See `BulkPecError`.
        code: `error` of its answer; None if it gave none.
        status: The HTTP status of its answer; None if it was not asked.
    """

    reason = Reason.DATA

    def __init__(self, what: str, *, hint: str, code: int | None = None, status: int | None = None) -> None:
        super().__init__(what, hint=hint)
        self.code = code
        self.status = status


class ProviderUnavailable(BulkPecError):
    """The provider cannot be reached, or does not answer in a way that can be understood."""

    reason = Reason.UNAVAILABLE


class LedgerError(BulkPecError):
    """Reading or writing the ledger, or a file, failed."""

    reason = Reason.IO


class LedgerBusy(BulkPecError):
    """Another process holds the ledger and this command must write to it.

    Args:
        what: See `BulkPecError`.
        hint: See `BulkPecError`.
        holder: Which process, if it is known.
    """

    reason = Reason.BUSY

    def __init__(self, what: str, *, hint: str, holder: str = "") -> None:
        super().__init__(what, hint=hint)
        self.holder = holder


class RunPaused(BulkPecError):
    """The run is paused, and this command has no yes to its first sending."""

    reason = Reason.PAUSED


class CredentialsRefused(BulkPecError):
    """The provider refused the token or a mailbox's credentials."""

    reason = Reason.CREDENTIALS


class NoCredit(BulkPecError):
    """The provider's wallet is empty (402)."""

    reason = Reason.CREDIT


class ConfigError(BulkPecError):
    """A setting or a secret is missing or wrong, or the ledger's schema is not this version's."""

    reason = Reason.CONFIG


class BrokenPromise(BulkPecError):
    """An invariant of the ledger does not hold: a bug in bulk-pec, never the operator's fault."""

    reason = Reason.BUG
