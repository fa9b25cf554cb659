"""What a check-up makes of facts: exit codes, clocks, tokens, mailboxes; no host is asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bulk_pec.checkup import hosts, mailboxes
from bulk_pec.checkup.findings import Finding, Verdict, ending, failed, failure, ok, unknown, warning
from bulk_pec.checkup.hosts import Glimpse
from bulk_pec.domain.errors import (
    BulkPecError,
    ConfigError,
    CredentialsRefused,
    LedgerError,
    NoCredit,
    ProviderUnavailable,
)
from bulk_pec.domain.exits import ExitCode, Reason
from bulk_pec.domain.inbox import Quota
from bulk_pec.domain.registrations import Registration, RegistryState

ADDRESS = "ufficio@pec.example"
NOW = round(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
REFUSED = CredentialsRefused("HTTP 401.", hint="Check the token.")
AWAY = ProviderUnavailable("Nobody answered.", hint="Later.")
ROOMY = Quota(1, 10)


def registered(stato: str, expires_at: int | None = None, *, renews: bool | None = None) -> Registration:
    """A mailbox as the registry tells it."""
    return Registration("6040e4613a716838dc4eee0e", ADDRESS, "PECMASSIVA", stato, expires_at, None, renews)


def failing(*reasons: Reason) -> list[Finding]:
    """A failure for each reason, between findings that are none."""
    return [ok("a", "."), *(failure("b", ".", ".", reason) for reason in reasons), unknown("c", ".")]


@pytest.mark.parametrize(
    ("reasons", "code"),
    [
        ((), ExitCode.OK),
        ((Reason.UNAVAILABLE,), ExitCode.UNAVAILABLE),
        ((Reason.UNAVAILABLE, Reason.IO), ExitCode.IO),
        ((Reason.IO, Reason.CREDENTIALS, Reason.UNAVAILABLE), ExitCode.CREDENTIALS),
        ((Reason.CREDIT, Reason.IO), ExitCode.CREDENTIALS),
        ((Reason.UNAVAILABLE, Reason.CREDENTIALS, Reason.CONFIG, Reason.IO), ExitCode.CONFIG),
    ],
)
def test_the_worst_failure_is_the_end(reasons: tuple[Reason, ...], code: ExitCode) -> None:
    """What a person must mend comes before what may pass; warnings and unknowns end well."""
    assert ending(failing(*reasons)).code is code
    assert ending(reversed(failing(*reasons))).code is code
    assert ending([warning("a", ".", ".")]).code is ExitCode.OK


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.COMPLETE}))
def test_no_reason_is_without_a_place(reason: Reason) -> None:
    """Whatever fails in a check, the check-up ends with a code of its own, never with a bug."""
    assert ending(failing(reason)).reason is reason


def test_an_error_is_a_failure_with_its_own_words() -> None:
    """What, hint and exit code are the error's."""
    found = failed("ledger", LedgerError("It failed.", hint="Mend it."), about="x")
    assert (found.verdict, found.reason) == (Verdict.FAILURE, Reason.IO)
    assert found.document == {
        "name": "ledger",
        "about": "x",
        "verdict": "failure",
        "what": "It failed.",
        "hint": "Mend it.",
    }


@pytest.mark.parametrize(
    ("ahead", "unsure", "verdict"),
    [
        (0.0, 0.5, "ok"),
        (-5.4, 0.5, "ok"),
        (5.6, 0.5, "warning"),
        (9.0, 4.5, "ok"),
        (-300.4, 0.5, "warning"),
        (300.6, 0.5, "failure"),
        (-86_400.0, 1.0, "failure"),
    ],
)
def test_a_clock_is_judged_by_what_is_sure(ahead: float, unsure: float, verdict: str) -> None:
    """A Date header tells whole seconds and the way takes time: only what is beyond both counts."""
    found = hosts.clock(Glimpse(200, ahead, unsure))
    assert found.verdict == verdict
    assert ("behind" in found.what) is (ahead < 0 and verdict != "ok")


@pytest.mark.parametrize("found", [AWAY, Glimpse(200, None, 0.0)], ids=["away", "no date"])
def test_a_clock_nobody_told_of_is_unknown(found: Glimpse | BulkPecError) -> None:
    """No answer, or none with a date: no failure of the clock."""
    assert hosts.clock(found).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "ok"), (301, "ok"), (401, "ok"), (404, "ok"), (500, "warning"), (503, "warning")],
)
def test_whoever_answers_is_there(status: int, verdict: str) -> None:
    """The root of a host may answer anything: what it serves is told by other checks."""
    assert hosts.reached("registry", "https://pec.openapi.it", Glimpse(status, 0.0, 0.5)).verdict == verdict


def tokens(listed: mailboxes.Listed, *answers: Quota | BulkPecError) -> tuple[str, str]:
    """The verdicts on the token: of the sending host, of the registry."""
    quotas = {f"{number}@pec.example": answer for number, answer in enumerate(answers)}
    sending, registry = mailboxes.tokens(listed, quotas)
    assert (sending.about, registry.about) == ("sending host", "registry")
    return sending.verdict.value, registry.verdict.value


@pytest.mark.parametrize(
    ("listed", "answers", "expected"),
    [
        ([], (ROOMY,), ("ok", "ok")),
        ([], (REFUSED, ROOMY), ("ok", "ok")),
        ([], (REFUSED, REFUSED), ("failure", "ok")),
        ([], (AWAY,), ("unknown", "ok")),
        ([], (), ("unknown", "ok")),
        (REFUSED, (ROOMY,), ("ok", "warning")),
        (REFUSED, (REFUSED,), ("failure", "failure")),
        (REFUSED, (AWAY,), ("unknown", "failure")),
        (AWAY, (ROOMY,), ("ok", "unknown")),
        (None, (), ("unknown", "unknown")),
    ],
)
def test_a_token_by_what_both_hosts_answered(
    listed: mailboxes.Listed, answers: tuple[Quota | BulkPecError, ...], expected: tuple[str, str]
) -> None:
    """One mailbox that is taken proves the token; the registry's no is then no fault of sending."""
    assert tokens(listed, *answers) == expected


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ([], False),
        (AWAY, False),
        ([registered("evasa")], False),
        ([registered("in_evasione")], True),
        ([registered("revocata"), registered("evasa")], False),
        ([registered("revocata"), registered("registrata")], True),
    ],
)
def test_a_mailbox_that_is_not_active_may_be_why_all_were_refused(
    listed: mailboxes.Listed, *, said: bool
) -> None:
    """Where the registry says that none is active, nobody is sent to look for a wrong password only."""
    sending, _ = mailboxes.tokens(listed, {ADDRESS: REFUSED})
    assert (sending.verdict, "or no mailbox is active" in sending.what) == (Verdict.FAILURE, said)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (registered("evasa"), "ok"),
        (registered("evasa", NOW + 31 * DAY), "ok"),
        (registered("evasa", NOW + 29 * DAY), "warning"),
        (registered("evasa", NOW + 29 * DAY, renews=True), "ok"),
        (registered("evasa", NOW - 1), "failure"),
        (registered("evasa", NOW - 1, renews=True), "failure"),
        (registered("evasa", 4_102_444_799_000), "ok"),
        (registered("sospesa"), "unknown"),
    ],
)
def test_a_mailbox_by_state_and_expiry(found: Registration, verdict: str) -> None:
    """Active and far from its end, or renewed by itself; a word that is not documented is not judged."""
    assert mailboxes.registration(ADDRESS.upper(), [found], NOW).verdict == verdict


@pytest.mark.parametrize("state", sorted(set(RegistryState) - {RegistryState.ACTIVE}))
def test_only_an_active_mailbox_can_send(state: RegistryState) -> None:
    """In every other state it is a failure of 77 that tells the state."""
    found = mailboxes.registration(ADDRESS, [registered(state)], NOW)
    assert (found.verdict, found.reason) == (Verdict.FAILURE, Reason.CREDENTIALS)
    assert state in found.what


def test_of_two_of_one_address_the_living_one_counts() -> None:
    """An address that was revoked and registered anew is active, in whatever order they are listed."""
    both = [registered("revocata"), registered("evasa")]
    assert mailboxes.registration(ADDRESS, both, NOW).verdict is Verdict.OK
    assert mailboxes.registration(ADDRESS, both[::-1], NOW).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("listed", "verdict"), [([], "ok"), (None, "unknown"), (AWAY, "unknown"), (REFUSED, "unknown")]
)
def test_a_mailbox_the_registry_tells_nothing_of(listed: mailboxes.Listed, verdict: str) -> None:
    """Not known there is no fault; not asked, or not answered, is not known."""
    assert mailboxes.registration(ADDRESS, listed, NOW).verdict == verdict


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (REFUSED, Reason.CREDENTIALS),
        (AWAY, Reason.UNAVAILABLE),
        (NoCredit("Empty.", hint="Top up."), Reason.CREDIT),
        (ConfigError("Elsewhere.", hint="Check base_url."), Reason.CONFIG),
    ],
)
def test_what_goes_wrong_with_a_mailbox_is_told_once(answer: BulkPecError, reason: Reason) -> None:
    """The credentials' check fails with the error's own code; of the room nothing is known."""
    assert mailboxes.credentials(ADDRESS, answer).reason is reason
    assert mailboxes.room(ADDRESS, answer, 0.9).verdict is Verdict.UNKNOWN
    assert mailboxes.credentials(ADDRESS, None).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("usage", "verdict"), [(89.9, "ok"), (90, "warning"), (100, "warning")])
def test_room_by_the_mark(usage: float, verdict: str) -> None:
    """From the mark on nothing would be sent from it."""
    assert mailboxes.room(ADDRESS, Quota(usage, 100), 0.9).verdict == verdict


def test_a_registry_that_answers_nonsense_is_not_serving() -> None:
    """It is there and cannot be understood: that is the registry's failure, unless it is a refusal."""
    there = ok("registry", "It answers.", about="https://pec.openapi.it")
    assert mailboxes.serving(there, AWAY).reason is Reason.UNAVAILABLE
    for answered in _ANSWERS:
        assert mailboxes.serving(there, answered) is there
    away = failed("registry", AWAY)
    assert mailboxes.serving(away, None) is away


_ANSWERS: tuple[mailboxes.Listed, ...] = (REFUSED, None, [])
