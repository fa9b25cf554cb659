"""Secrets: where they are read from, and that nothing ever shows one."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from bulk_pec.config import Config, load
from bulk_pec.config.catalogue import catalogue
from bulk_pec.domain.errors import ConfigError

HIDDEN = "hunter2"
OTHERS = {"BULK_PEC_TOKEN": "another", "BULK_PEC_PASSWORD": "the-password", "WHO": "from-env"}
BOX = "[[mailboxes]]\naddress = 'ufficio@pec.example.com'\n"


def _load(folder: Path, text: str, **environ: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load(path, environ=environ)


def _secret(folder: Path, content: bytes = b"hunter2\n", mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_token_comes_from_its_variable(tmp_path: Path) -> None:
    """BULK_PEC_TOKEN unless token_env names another."""
    assert _load(tmp_path, "", BULK_PEC_TOKEN=HIDDEN).token().reveal() == HIDDEN
    assert _load(tmp_path, "[api]\ntoken_env = 'MINE'", MINE=HIDDEN).token().reveal() == HIDDEN


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"hunter2\n", HIDDEN), (b"hunter2", HIDDEN), (b"hunter2\r\n", HIDDEN), (b" a b ", " a b ")],
)
def test_the_token_comes_from_its_file(tmp_path: Path, content: bytes, value: str) -> None:
    """The path is relative to the configuration; one newline at the end is not part of the secret."""
    _secret(tmp_path, content)
    config = _load(tmp_path, "[api]\ntoken_file = 'secret'", **OTHERS)
    assert config.token().reveal() == value
    assert config.warnings == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"a\nb\n", "line breaks"),
        (b"a\n\n", "line breaks"),
        (b"\xff", "UTF-8"),
        (b"  ", "blank"),
    ],
)
def test_an_unusable_secret_file_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    """Empty, several lines, not text: the error names the path and says which."""
    path = _secret(tmp_path, content)
    with pytest.raises(ConfigError, match=told) as caught:
        _load(tmp_path, "[api]\ntoken_file = 'secret'").token()
    assert str(path) in str(caught.value)


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    """Loading does not need the secret; asking for it says which file is not there."""
    config = _load(tmp_path, "[api]\ntoken_file = 'nowhere'")
    with pytest.raises(ConfigError, match=r"nowhere.*cannot be read"):
        config.token()


@pytest.mark.parametrize("environ", [{}, {"BULK_PEC_TOKEN": ""}])
def test_a_missing_variable_is_named(tmp_path: Path, environ: dict[str, str]) -> None:
    """Not set and empty are the same, and the error says which variable to set."""
    with pytest.raises(ConfigError, match=r"api\.token_env names the environment variable BULK_PEC_TOKEN"):
        _load(tmp_path, "", **environ).token()


def test_the_stronger_place_of_the_token_wins(tmp_path: Path) -> None:
    """A token_file in the environment overrides a token_env in the file, and the other way round."""
    path = _secret(tmp_path)
    stronger = {"BULK_PEC_API__TOKEN_FILE": str(path), "MINE": "another"}
    assert _load(tmp_path, "[api]\ntoken_env = 'MINE'", **stronger).token().reveal() == HIDDEN
    stronger = {"BULK_PEC_API__TOKEN_ENV": "MINE", "MINE": "another"}
    assert _load(tmp_path, "[api]\ntoken_file = 'secret'", **stronger).token().reveal() == "another"


def test_two_places_for_one_secret_are_refused(tmp_path: Path) -> None:
    """In one and the same place nothing says which was meant."""
    with pytest.raises(ConfigError, match=r"api\.token_file and api\.token_env are both set"):
        _load(tmp_path, "[api]\ntoken_file = 'x'\ntoken_env = 'X'")
    with pytest.raises(ConfigError, match="sets password_env and password_file"):
        _load(tmp_path, BOX + "password_file = 'x'\npassword_env = 'X'")
    with pytest.raises(ConfigError, match="sets username and username_env"):
        _load(tmp_path, BOX + "username = 'x'\nusername_env = 'X'")


@pytest.mark.parametrize(
    ("lines", "username"),
    [
        ("", "ufficio@pec.example.com"),
        ("username = 'plain'", "plain"),
        ("username_env = 'WHO'", "from-env"),
        ("username_file = 'secret'", HIDDEN),
    ],
)
def test_a_mailbox_gets_its_user_name_and_password(tmp_path: Path, lines: str, username: str) -> None:
    """The user name is the address unless given, from a variable or a file; the password likewise."""
    _secret(tmp_path)
    (box,) = _load(tmp_path, BOX + lines, **OTHERS).mailbox_list()
    assert (box.address, box.username.reveal(), box.password.reveal()) == (
        "ufficio@pec.example.com",
        username,
        OTHERS["BULK_PEC_PASSWORD"],
    )


def test_a_mailbox_s_password_comes_from_its_file(tmp_path: Path) -> None:
    """A file wins over the variable that is only the default."""
    _secret(tmp_path)
    (box,) = _load(tmp_path, BOX + "password_file = 'secret'", **OTHERS).mailbox_list()
    assert box.password.reveal() == HIDDEN


def test_no_mailbox_is_an_error_only_for_those_who_need_one(tmp_path: Path) -> None:
    """A configuration without a mailbox loads; asking for the mailboxes says what to add."""
    config = _load(tmp_path, "")
    with pytest.raises(ConfigError, match="at least one mailbox under"):
        config.mailbox_list()


def test_a_missing_password_is_named(tmp_path: Path) -> None:
    """The error names the setting and the variable."""
    with pytest.raises(ConfigError, match=r"mailboxes\.0\.password_env names .* BULK_PEC_PASSWORD"):
        _load(tmp_path, BOX).mailbox_list()


@pytest.mark.parametrize(
    "text",
    [
        "[api]\ntoken = 'hunter2'",
        BOX + "password = 'hunter2'",
        "token = 'hunter2'",
        "password = ['hunter2']",
        "[api]\ntoken_env = 'hunter2'",
        BOX + "password_env = 'hunter2'",
        BOX + "pasword = 'hunter2'",
        BOX + "username = 'hunter2'\nusername_env = 'X'",
        "[ledger]\nurl = 'mysql://me:hunter2@db/x'",
        "[api]\nbase_url = 'https://me:hunter2@example.com'",
        "[observe]\nnotify = ['tgram://hunter2']",
        "[observe]\nhealthcheck_url = 'hunter2'",
        "api = 'hunter2'",
        "mailboxes = ['hunter2']",
        "[api]\ntoken = hunter2",
    ],
)
def test_no_error_shows_a_secret(tmp_path: Path, text: str) -> None:
    """Wherever a secret was put by mistake, neither message nor traceback repeats it."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    shown = str(caught.value) + repr(caught.value) + "".join(traceback.format_exception(caught.value))
    assert HIDDEN not in shown


@pytest.mark.parametrize("key", catalogue())
def test_a_table_in_the_place_of_a_value_is_refused_without_its_content(tmp_path: Path, key: str) -> None:
    """A nested table may hold anything, also a secret: no setting shows what was in it."""
    section, _, name = key.partition(".")
    header = BOX.replace("address", "x_address") if section == "mailboxes" else f"[{section}]\n"
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, header + f"{name} = {{ inner = 'hunter2' }}")
    assert f".{name} must be" in str(caught.value)
    assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize("key", [key for key, entry in catalogue().items() if entry.secret])
def test_a_wrong_value_of_a_secret_setting_is_not_shown(tmp_path: Path, key: str) -> None:
    """What is wrong with it is said, but not what it was."""
    section, _, name = key.partition(".")
    header = BOX if section == "mailboxes" else f"[{section}]\n"
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, header + f"{name} = 271828182845")
    assert "271828" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[api]\ntoken = 'x'", "token_env or token_file"),
        (BOX + "password = 'x'", "password_env or password_file"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_told_its_place(tmp_path: Path, text: str, place: str) -> None:
    """The error says where the secret belongs instead."""
    with pytest.raises(ConfigError, match=f"a secret is never a setting. Use {place}"):
        _load(tmp_path, text)


@pytest.mark.parametrize("name", ["BULK_PEC_API__TOKEN", "BULK_PEC_MAILBOXES__PASSWORD"])
def test_a_secret_under_a_setting_s_name_is_refused_in_the_environment(tmp_path: Path, name: str) -> None:
    """A secret has its own variable; the value under a wrong one is not shown."""
    with pytest.raises(ConfigError, match=f"{name} .* a secret is never a setting") as caught:
        _load(tmp_path, "", **{name: HIDDEN})
    assert HIDDEN not in str(caught.value)


def test_nothing_that_prints_settings_shows_a_secret(tmp_path: Path) -> None:
    """repr, str and dumps of settings and configuration mask URLs, user names and secrets."""
    text = f"[ledger]\nurl = 'postgresql://me:{HIDDEN}@db/x'\n{BOX}username = '{HIDDEN}'"
    config = _load(tmp_path, text, BULK_PEC_TOKEN=HIDDEN, BULK_PEC_PASSWORD=HIDDEN)
    settings = config.settings
    for shown in [
        repr(config),
        str(settings),
        repr(settings),
        str(settings.model_dump()),
        settings.model_dump_json(),
        repr(config.token()),
        str(config.mailbox_list()),
        config.ledger_url_shown(),
    ]:
        assert HIDDEN not in shown
    assert HIDDEN in config.ledger_url()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@db:5432/x", "postgresql+psycopg://me:***@db:5432/x"),
        ("postgresql://me:hun/ter2@hunter2@db/x", "postgresql+psycopg://me:***@db/x"),
        (
            "postgresql://me@db/x?password=hunter2&sslmode=require",
            "postgresql+psycopg://me@db/x?password=***&sslmode=require",
        ),
        ("postgresql://me@db/x", "postgresql+psycopg://me@db/x"),
        ("postgresql://db/x", "postgresql+psycopg://db/x"),
    ],
)
def test_the_ledger_s_password_is_masked(tmp_path: Path, url: str, shown: str) -> None:
    """Also a password with signs that should have been escaped, and one among the options."""
    assert _load(tmp_path, f"[ledger]\nurl = '{url}'").ledger_url_shown() == shown


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("api.token_file", "[api]\ntoken_file = 'secret'"),
        ("mailboxes.0.password_file", BOX + "password_file = 'secret'"),
        ("mailboxes.0.username_file", BOX + "username_file = 'secret'"),
    ],
)
def test_a_secret_file_that_everybody_can_read_is_warned_of(tmp_path: Path, key: str, text: str) -> None:
    """It is used all the same; the warning says what to do."""
    path = _secret(tmp_path, mode=0o644)
    assert _load(tmp_path, text).warnings == [f"{key}: {path} can be read by every user; chmod 600 it."]


def test_a_configuration_with_a_password_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    """A password inside the ledger's URL makes the whole file a secret."""
    path = tmp_path / "config.toml"
    path.write_text("[ledger]\nurl = 'postgresql://me:hunter2@db/x'", encoding="utf-8")
    path.chmod(0o644)
    assert len(load(path, environ={}).warnings) == 1
    path.chmod(0o600)
    assert load(path, environ={}).warnings == []


def test_credentials_over_plain_http_are_warned_of(tmp_path: Path) -> None:
    """Except on this machine, where the sandbox is."""
    assert _load(tmp_path, "[api]\nbase_url = 'http://127.0.0.1:9000'").warnings == []
    (warning,) = _load(tmp_path, "[api]\nbase_url = 'http://pec.example.com'").warnings
    assert "api.base_url is plain http" in warning


def test_private_files_are_the_configuration_the_secrets_the_ledger_and_the_template(tmp_path: Path) -> None:
    """None of them may leave with a letter, wherever attachments come from."""
    text = """
    ledger.url = "sqlite:///l.db"
    api.token_file = "token"
    mailboxes = [{address = "ufficio@pec.example", username_file = "user", password_file = "password"}]
    message = {subject = "s", body_file = "b.html.j2"}
    """
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    names = {file.relative_to(tmp_path).as_posix() for file in load(path, environ={}).private_files()}
    secrets = {"token", "user", "password"}
    ledger = {"l.db", "l.db-wal", "l.db-shm", "l.db-journal", "l.db.lock"}
    assert names == {"config.toml", "b.html.j2"} | secrets | ledger
