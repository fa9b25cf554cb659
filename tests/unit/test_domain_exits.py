"""Exits: the codes and words that schedulers and scripts rely on."""

from __future__ import annotations

import pytest

from bulk_pec.domain import errors
from bulk_pec.domain.exits import Exit, ExitCode, Reason

CODES = {
    0: {"complete"},
    1: {"bug"},
    2: {"usage"},
    3: {"attention", "cancelled"},
    65: {"data"},
    69: {"unavailable", "breaker"},
    74: {"io"},
    75: {
        "window",
        "cap",
        "budget",
        "mailbox_full",
        "max_messages",
        "max_duration",
        "until",
        "signal",
        "paused",
        "busy",
        "canary",
        "in_doubt",
    },
    77: {"credentials", "credit"},
    78: {"config"},
}
"""The table of the exit codes, as it is promised."""


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_code(reason: Reason) -> None:
    """Each fixed word stands with one code, and with the right one."""
    ended = Exit.of(reason)
    assert ended.reason is reason
    assert reason.value in CODES[ended.code]


def test_every_promised_word_exists() -> None:
    """No word of the table is missing, and none is there that is not promised."""
    assert {reason.value for reason in Reason} == set().union(*CODES.values())
    assert {code.value for code in ExitCode} == set(CODES)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError, 2),
        (errors.ListRefused, 65),
        (errors.DossierRefused, 65),
        (errors.RegistryRefused, 65),
        (errors.ProviderUnavailable, 69),
        (errors.LedgerError, 74),
        (errors.LedgerBusy, 75),
        (errors.RunPaused, 75),
        (errors.CredentialsRefused, 77),
        (errors.NoCredit, 77),
        (errors.ConfigError, 78),
        (errors.BrokenPromise, 1),
    ],
)
def test_every_error_ends_a_command_with_its_code(error: type[errors.BulkPecError], code: int) -> None:
    """An error knows how the command ends, and says what went wrong and what to do."""
    raised = error("It went wrong.", hint="Mend it.")
    assert raised.exit.code == code
    assert str(raised) == "It went wrong. Mend it."


def test_no_error_is_left_out() -> None:
    """Every error of this module has a reason of its own, or inherits one on purpose."""
    kinds = errors.BulkPecError.__subclasses__()
    assert {error.__name__ for error in kinds if error.__module__ == errors.__name__} == {
        "UsageError",
        "ListRefused",
        "DossierRefused",
        "RegistryRefused",
        "ProviderUnavailable",
        "LedgerError",
        "LedgerBusy",
        "RunPaused",
        "CredentialsRefused",
        "NoCredit",
        "ConfigError",
        "BrokenPromise",
    }
