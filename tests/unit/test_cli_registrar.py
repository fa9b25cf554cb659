"""What the mailbox commands say of a mailbox, and of what came of a request."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulk_pec.cli import changing, registrar
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.signals import hear
from bulk_pec.domain.errors import ConfigError, UsageError
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
def session(tmp_path: Path) -> Iterator[Session]:
    """A call whose configuration names a ledger that is not there."""
    path = tmp_path / "config.toml"
    path.write_text("", encoding="utf-8")
    yield Session(config_path=path, quiet=True)
    hear()


def ended(session: Session, answer: Done | Refused | InDoubt) -> tuple[Result, str]:
    """What a command answers to this, and all its words."""
    result = changing.ended(session, answer, done="Renewed.", doing="renewing a@pec.example", look="look X")
    return result, f"{result.text} {result.closing} {result.error or ''}".strip()


def test_a_day_is_italys() -> None:
    """An hour before midnight UTC is the next day there, in winter; a second before their midnight is not."""
    assert day(NEW_YEARS_EVE) == "2030-01-01"
    assert day(SUMMER) == "2029-07-01"


@pytest.mark.parametrize("state", sorted(RegistryState))
def test_every_state_has_plain_words(state: RegistryState) -> None:
    """The registry's own word stays, with what it means beside it, and what is to be done, if anything."""
    told = registrar.text(found(state.value))
    assert f"{state.value} ({registrar.STATES[state]})" in told
    last = told.splitlines()[-1]
    if state in {RegistryState.CLOSED, RegistryState.CANCELLED}:
        assert "bulk-pec" not in told
    elif state is RegistryState.ACTIVE:
        assert last.startswith("Next: set its address")
        assert last.endswith("in config.toml, then `bulk-pec doctor`.")
    else:
        assert "`bulk-pec mailbox" in last
        assert ID in last


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
    changing.ended(session, Done(found()), done="Registered.", doing="registering", look="look", create=True)
    with session.ledger("read") as ledger:
        assert [
            one.registration.id
            for one in ledger.registrations(session.config().settings.api.registry_url).all()
        ] == [ID]


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
    assert result.document["in_doubt"].keys() == {"what", "hint", "look"}
    assert "`look X`" in words
    assert result.error is None


@pytest.mark.parametrize(
    ("expires_at", "words", "told"),
    [
        (NEW_YEARS_EVE, "before, its expiry was 2030-01-01.", "2029-12-31T23:30:00Z"),
        (None, "before, its expiry was not told.", None),
    ],
)
def test_a_doubt_tells_the_expiry_before(
    session: Session, expires_at: int | None, words: str, told: str | None
) -> None:
    """Only against the expiry before can anybody see what became of a renewal."""
    answer = InDoubt("no answer came")
    result = changing.ended(
        session, answer, done="", doing="renewing", look="look X", before=found(expires_at=expires_at)
    )
    assert result.closing.endswith(f"Look first: `look X`; {words}")
    assert result.document["in_doubt"]["hint"] in result.closing
    assert result.document["in_doubt"]["expires_at_before"] == told


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


@pytest.mark.parametrize(
    "failure", [RuntimeError("a row"), OSError(36, "File name too long"), KeyboardInterrupt()]
)
def test_nothing_that_fails_afterwards_undoes_what_was_done(
    session: Session, capsys: pytest.CaptureFixture[str], failure: BaseException
) -> None:
    """Neither a bug nor a signal: the result stands, and nobody is told to start the same again."""
    session.quiet = False

    def fails(_: object) -> None:
        raise failure

    done = Done(found())
    result = changing.ended(session, done, done="Renewed.", doing="", look="", create=True, also=fails)
    assert result.exit.code is ExitCode.OK
    assert result.document["mailbox"]["id"] == ID
    told = capsys.readouterr().err
    assert "Not remembered in the ledger: " in told
    assert told.endswith("do not repeat it.\n")
    assert "a row" not in told


def test_a_signal_between_the_answer_and_its_end_is_not_heard(session: Session) -> None:
    """It would drop the id of what was paid for; when the command has ended they are heard again."""
    changing.ended(session, Done(found()), done="Renewed.", doing="", look="")
    signal.raise_signal(signal.SIGINT)
    hear()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("url", ["circle", "x" * 300])
def test_a_ledger_that_can_never_be_there_is_a_setting_to_mend(
    session: Session, tmp_path: Path, url: str
) -> None:
    """Links in a circle, a name that is too long: 78, before anything is sent, and no bug."""
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "config.toml").write_text(f'[ledger]\nurl = "sqlite:///{url}"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="ledger"):
        session.ledger("read")
    with pytest.raises(ConfigError, match="ledger"):
        session.ledger("write")
