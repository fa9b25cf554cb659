"""What the mailbox commands say of a mailbox, and of what came of a request."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulk_pec.cli import registrar
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.exits import ExitCode, Reason
from bulk_pec.domain.registrations import Done, InDoubt, Refused, Registration, RegistryState
from bulk_pec.registry.days import day

ID = "6040e4613a716838dc4eee0e"
NEW_YEARS_EVE = round(datetime(2029, 12, 31, 23, 30, tzinfo=UTC).timestamp() * 1000)
"""Half past midnight of the first of January, in Italy."""
SUMMER = round(datetime(2029, 7, 1, 21, 59, 59, tzinfo=UTC).timestamp() * 1000)


def found(stato: str = "evasa", address: str = "a@pec.example", **more: object) -> Registration:
    """A mailbox as the registry tells it."""
    return Registration(ID, address, "PECMASSIVA", stato, **more)  # type: ignore[arg-type]  # by name


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A call whose configuration names a ledger that is not there."""
    path = tmp_path / "config.toml"
    path.write_text("", encoding="utf-8")
    return Session(config_path=path, quiet=True)


def ended(session: Session, answer: Done | Refused | InDoubt) -> tuple[Result, str]:
    """What a command answers to this, and all its words."""
    result = registrar.ended(session, answer, done="Renewed.", doing="renewing a@pec.example", look="look X")
    return result, f"{result.text} {result.closing} {result.error or ''}".strip()


def test_a_day_is_italys() -> None:
    """An hour before midnight UTC is the next day there, in winter; a second before their midnight is not."""
    assert day(NEW_YEARS_EVE) == "2030-01-01"
    assert day(SUMMER) == "2029-07-01"


@pytest.mark.parametrize("state", sorted(RegistryState))
def test_every_state_has_plain_words(state: RegistryState) -> None:
    """The registry's own word stays, with what it means beside it; the command that follows has the id."""
    told = registrar.text(found(state.value))
    assert f"{state.value} ({registrar.STATES[state]})" in told
    assert "bulk-pec" not in told or ID in told.splitlines()[-1]


def test_a_mailbox_of_which_little_is_told() -> None:
    """Nothing is made up: what was not told is said not to be, and is null in the document."""
    bare = Registration(ID, "", "", "sospesa")
    told = registrar.text(bare)
    assert told.count("not told") == 4
    assert "sospesa (a state that is not documented)" in told
    assert registrar.document(bare) == {
        "schema": 1,
        "mailbox": {
            "id": ID,
            "address": None,
            "kind": None,
            "state": "sospesa",
            "expires_at": None,
            "changed_at": None,
            "auto_renew": None,
        },
    }
    assert registrar.name(bare) == ID
    assert registrar.expiry(bare) == "its expiry is not told"


def test_a_mailbox_cannot_command_the_terminal() -> None:
    """Whatever the registry writes stays in its line: no line of its own, no escape."""
    told = registrar.text(found("evasa\nid  x\x1b[2J", address="a@b.example\r"))
    assert "\x1b" not in told
    assert "\r" not in told
    assert len(told.splitlines()) == 6


def test_done_tells_the_mailbox(session: Session, tmp_path: Path) -> None:
    """0, the sentence, and the mailbox as it stands now; no ledger is made for it unless it is asked for."""
    result, words = ended(session, Done(found(expires_at=NEW_YEARS_EVE, auto_renew=True)))
    assert (result.exit.code, result.exit.reason) == (ExitCode.OK, Reason.COMPLETE)
    assert result.document["mailbox"]["expires_at"] == "2029-12-31T23:30:00Z"
    assert words.startswith("Renewed.")
    assert "2030-01-01" in words
    assert not (tmp_path / "bulk-pec.db").exists()
    registrar.ended(session, Done(found()), done="Registered.", doing="registering", look="look", create=True)
    with session.ledger("read") as ledger:
        assert [one.registration.id for one in ledger.registrations.all()] == [ID]


@pytest.mark.parametrize("code", [None, 203])
def test_refused_tells_why_and_what_to_do(session: Session, code: int | None) -> None:
    """65, the sentence, that nothing changed, the hint, and the registry's number if it gave one."""
    result, words = ended(session, Refused(code, "Only an active mailbox can be renewed.", "Look at it."))
    assert (result.exit.code, result.exit.reason) == (ExitCode.DATA, Reason.DATA)
    assert result.document["code"] == code
    told = "Refused, renewing a@pec.example: Only an active mailbox can be renewed"
    assert words == f"{told}{' (code 203)' if code else ''}. Nothing changed. Look at it."


def test_in_doubt_says_so_and_what_to_look_with(session: Session) -> None:
    """3 and in doubt; never "run it again"."""
    result, words = ended(session, InDoubt("no answer came."))
    assert (result.exit.code, result.exit.reason) == (ExitCode.ATTENTION, Reason.IN_DOUBT)
    assert "in doubt" in words
    assert "(no answer came)." in words
    assert "`look X`" in words
    assert result.error is None


@pytest.mark.parametrize("damage", [b"", b"no database" * 1000], ids=["new", "damaged"])
def test_a_ledger_that_cannot_be_used_does_not_undo_what_was_done(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: bytes
) -> None:
    """The mailbox was renewed, and that is what is told; that it is not remembered is said on stderr."""
    if damage:
        (tmp_path / "bulk-pec.db").write_bytes(damage)
    session.quiet = False
    result, _ = ended(session, Done(found()))
    assert result.exit.code is ExitCode.OK
    assert ("Not remembered in the ledger" in capsys.readouterr().err) is bool(damage)


@pytest.mark.parametrize("as_json", [True, False])
def test_where_nobody_can_be_asked_nothing_is_looked_at(session: Session, *, as_json: bool) -> None:
    """No terminal, or --json: the question is not even made, and the refusal names --yes."""
    session.as_json = as_json
    made = []

    def look() -> str:
        made.append(1)
        return "?"

    with pytest.raises(UsageError, match=r"nothing was sent.*--yes"):
        registrar.agreed(session, yes=False, what="Renewing a mailbox", look=look)
    assert made == []
    registrar.agreed(session, yes=True, what="Renewing a mailbox", look=look)
    assert made == [1], "what would be refused is refused with a yes too"
