"""Every documented code of the registry has a plain sentence, a hint and an exit code."""

from __future__ import annotations

import pytest

from bulk_pec.domain.errors import NoCredit, ProviderUnavailable, RegistryRefused
from bulk_pec.domain.exits import Exit, ExitCode, Reason
from bulk_pec.domain.registry_codes import CODES, meaning_of
from bulk_pec.provider.refusals import Said

DOCUMENTED = {
    *(200, 201, 202, 203, 207, 208, 212, 213, 217, 220, 224, 242, 262, 265, 266, 267, 272, 276, 279, 282),
    *(290, 293, 294, 296, 297, 301, 302, 303, 304, 325, 326, 332, 333, 334, 336, 344, 351, 353, 354, 355),
    *(356, 390, 400, 401, 402, 403),
}


def test_every_documented_code_is_known() -> None:
    """And none that is not documented."""
    assert CODES.keys() == DOCUMENTED


@pytest.mark.parametrize("code", sorted(DOCUMENTED))
def test_a_code_has_a_sentence_and_a_hint(code: int) -> None:
    """Both end as sentences do, and neither quotes the provider's field names as an explanation."""
    meaning = CODES[code]
    assert meaning.sentence.endswith(".")
    assert meaning.sentence[0].isupper()
    assert meaning.hint.endswith(".")


@pytest.mark.parametrize("code", sorted(DOCUMENTED))
def test_a_code_ends_a_command_as_its_meaning_says(code: int) -> None:
    """65 for a refusal, 77 for an empty wallet, 69 for "later"."""
    error = Said(406, own=True, failed=True, code=code, words="").as_error()
    kind = {220, 262, 279, 290, 297, 351, 403}
    expected = NoCredit if code in kind else ProviderUnavailable if code == 402 else RegistryRefused
    assert type(error) is expected
    if CODES[code].reason is not Reason.COMPLETE:
        assert error.exit == Exit.of(CODES[code].reason)


def test_a_list_without_mailboxes_is_no_failure() -> None:
    """200 and 332 say that there is none: a command that only asks has its answer."""
    assert {code for code, meaning in CODES.items() if meaning.reason is Reason.COMPLETE} == {200, 332}


def test_the_codes_for_an_unknown_id_are_told_apart() -> None:
    """From those for a text that is no id at all."""
    assert {code for code, meaning in CODES.items() if meaning.unknown} == {202, 213, 266, 302, 334, 354}


@pytest.mark.parametrize("code", [None, 0, -1, 205, 999, 10**9])
def test_another_code_means_nothing(code: int | None) -> None:
    """It keeps the provider's own words, and is a refusal of what was asked."""
    assert meaning_of(code) is None
    error = Said(406, own=True, failed=True, code=code, words="the words").as_error()
    assert error.exit.code is ExitCode.DATA
    assert "“the words”" in error.what
