"""Loading: layers and their order, where a value came from, and every problem told at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bulk_pec.config import load
from bulk_pec.config.catalogue import catalogue
from bulk_pec.domain.errors import ConfigError
from bulk_pec.domain.exits import ExitCode


def _write(folder: Path, text: str = "") -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _refused(path: Path, environ: dict[str, str] | None = None, **flags: object) -> str:
    """What the refusal of a configuration says; it always ends the command with 78."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ=environ or {}, overrides=flags)
    assert caught.value.exit.code == ExitCode.CONFIG
    return str(caught.value)


def test_the_stronger_layer_wins_key_by_key(tmp_path: Path) -> None:
    """Flags over environment over file over defaults, and each value tells where it came from."""
    path = _write(tmp_path, "[sending]\nconcurrency = 2\ncanary_wait = '3h'\nlease = '9s'")
    environ = {"BULK_PEC_SENDING__CONCURRENCY": "3", "BULK_PEC_SENDING__CANARY_WAIT": "4h"}
    config = load(path, environ=environ, overrides={"sending.concurrency": 4, "sending.timezone": None})
    sending = config.settings.sending
    assert (sending.concurrency, sending.canary_wait, sending.lease) == (4, 14400.0, 9.0)
    assert config.origin("sending.concurrency") == "flag"
    assert config.origin("sending.canary_wait") == "environment BULK_PEC_SENDING__CANARY_WAIT"
    assert config.origin("sending.lease") == f"file {path}"
    assert config.origin("sending.timezone") == "default"


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("in_environment", [False, True])
@pytest.mark.parametrize("as_flag", [False, True])
@pytest.mark.parametrize("key", ["sending.concurrency", "api.timeout", "message.attachments_dir"])
def test_the_strongest_layer_that_says_something_wins(
    tmp_path: Path, key: str, in_file: bool, in_environment: bool, as_flag: bool
) -> None:
    """In every combination of layers, value and origin are those of the strongest one."""
    section, _, name = key.partition(".")
    variable = f"BULK_PEC_{section}__{name}".upper()
    quote = "'" if name == "attachments_dir" else ""
    path = _write(tmp_path, f"[{section}]\n{name} = {quote}21{quote}" if in_file else "")
    config = load(
        path,
        environ={variable: "22"} if in_environment else {},
        overrides={key: "23"} if as_flag else {},
    )
    layers = [
        ("23", "flag", as_flag),
        ("22", f"environment {variable}", in_environment),
        ("21", f"file {path}", in_file),
    ]
    default = str(catalogue()[key].default)
    value, origin = next(((value, origin) for value, origin, given in layers if given), (default, "default"))
    chosen = getattr(getattr(config.settings, section), name)
    assert chosen == type(chosen)(value)
    assert config.origin(key) == origin


def test_the_origin_of_what_is_no_setting_is_an_error(tmp_path: Path) -> None:
    """A misspelled key in our own code does not pass for a default."""
    with pytest.raises(KeyError):
        load(_write(tmp_path), environ={}).origin("sending.concurency")


def test_mailboxes_come_whole_from_the_environment_as_json(tmp_path: Path) -> None:
    """The list in the environment replaces the file's, down to where each key came from."""
    path = _write(tmp_path, "[[mailboxes]]\naddress = 'a@example.com'\nmax_per_second = 2")
    environ = {"BULK_PEC_MAILBOXES": '[{"address": "b@example.com"}]'}
    config = load(path, environ=environ)
    assert [box.address for box in config.settings.mailboxes] == ["b@example.com"]
    assert config.origin("mailboxes.0.address") == "environment BULK_PEC_MAILBOXES"
    assert config.origin("mailboxes.0.max_per_second") == "default"
    assert load(path, environ={}).origin("mailboxes.0.max_per_second") == f"file {path}"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    """Compose files and unit files leave variables empty: the file's value stands."""
    path = _write(tmp_path, "[sending]\nconcurrency = 2")
    config = load(path, environ={"BULK_PEC_SENDING__CONCURRENCY": ""})
    assert config.settings.sending.concurrency == 2


def test_the_file_is_found_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument, else BULK_PEC_CONFIG, else config.toml in the current directory."""
    monkeypatch.chdir(tmp_path)
    here = _write(tmp_path)
    there = tmp_path / "other.toml"
    there.touch()
    environ = {"BULK_PEC_CONFIG": str(there)}
    assert load(None, environ={}).path == here
    assert load(None, environ=environ).path == there
    assert load(Path("config.toml"), environ=environ).path == here


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory does not matter; an absolute path and a home stay what they are."""
    (tmp_path / "conf").mkdir()
    _write(tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    config = load(Path("conf/config.toml"), environ={})
    assert config.base_dir == tmp_path / "conf"
    assert config.resolve("a/b.j2") == tmp_path / "conf" / "a" / "b.j2"
    assert config.resolve("/x/b.j2") == Path("/x/b.j2")
    assert config.resolve("~/b.j2") == Path("/home/somebody/b.j2")


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    """The first thing a new user meets says what to type."""
    told = _refused(tmp_path / "config.toml")
    assert "bulk-pec init" in told
    assert str(tmp_path / "config.toml") in told


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory in the place of the file is told as such, not as a crash."""
    assert "cannot be read" in _refused(tmp_path)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"[sending]\nlease 15\n", "line 2, column 7"),
        (b"[sending]\ndays = ['mon',\n", "line 3, column 1"),
        (b"[sending]\nlease = 15s", "line 2, column 11"),
        (b"[message]\nsubject = 'citt\xe0'\n", "line 2, column 16"),
    ],
)
def test_a_syntax_error_names_file_line_and_column(tmp_path: Path, data: bytes, place: str) -> None:
    """Also when the fault is at the end of the file, or the file is not UTF-8."""
    path = tmp_path / "config.toml"
    path.write_bytes(data)
    assert f"{path}, {place}: not " in _refused(path)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    """A file saved by an editor on Windows is as good as another."""
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[sending]\r\nconcurrency = 2\r\n")
    assert load(path, environ={}).settings.sending.concurrency == 2


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Wrong values, unknown keys, broken rules, from file, environment and flags: one message lists all."""
    path = _write(
        tmp_path,
        """
        [sending]
        timezone = "Roma"
        days = ["mon", "lun"]
        concurency = 3
        on_in_doubt = "resend"
        [api]
        max_per_second = 0
        [message]
        subject = "x"
        body = "x"
        body_file = "x"
        [[mailboxes]]
        address = "nobody"
        """,
    )
    environ = {
        "BULK_PEC_SENDING__LEASE": "15",
        "BULK_PEC_SENDNG__LEASE": "15s",
        "BULK_PEC_SENDING__WINDOW": "x",
    }
    told = _refused(path, environ, **{"budget.price_per_message": -1})
    for expected in [
        '  sending.timezone = "Roma" must be a time zone',
        "  sending.days.1 = \"lun\" must be 'mon', 'tue'",
        "  sending.concurency is not a setting: did you mean sending.concurrency?",
        '  sending.on_in_doubt = "resend" may send a message twice',
        "  api.max_per_second = 0 must be greater than 0",
        "  message.body and message.body_file are both set: keep one",
        '  mailboxes.0.address = "nobody" must be one mail address',
        '  sending.lease (environment BULK_PEC_SENDING__LEASE) = "15" must be a duration',
        '  sending.window (environment BULK_PEC_SENDING__WINDOW) = "x" must be two times of day',
        "  BULK_PEC_SENDNG__LEASE in the environment is not a setting: did you mean BULK_PEC_SENDING__LEASE?",
        "  budget.price_per_message (flag) = -1 must be greater than or equal to 0",
    ]:
        assert expected in told
    assert f"{path} has 11 problems:" in told


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[sendin]\nlease = '1s'", "sendin is not a setting: did you mean sending?"),
        ("concurrency = 3", "concurrency is not a setting: did you mean sending.concurrency?"),
        ("[api]\nconcurrency = 3", "api.concurrency is not a setting: did you mean sending.concurrency?"),
        ("[[mailboxes]]\naddress='a@example.com'\nmax_per_dy = 3", "did you mean mailboxes.max_per_day?"),
        ("[sending.window]\nfrom = '1'", "sending.window must be two times of day"),
        ("[api]\nzzzzzz = 3", "api.zzzzzz is not a setting. Mend"),
        ("api = 3", "api must be a table of settings: [api]"),
        ("[mailboxes]\naddress = 'a@example.com'", "mailboxes must be a list of tables: [[mailboxes]]"),
        ("mailboxes = ['a@example.com']", "mailboxes.0 must be a table of settings"),
        ("[sending]\nconcurrency = 'x'", 'sending.concurrency = "x" must be a whole number'),
        ("[recipients]\nlookup = 'x'", 'recipients.lookup = "x" must be true or false'),
        ("[recipients]\nkey_column = ''", 'recipients.key_column = "" must not be empty'),
        ("[sending]\ndays = 'mon'", 'sending.days = "mon" must be a list, such as ["mon", "tue"]'),
    ],
)
def test_a_mistake_is_told_with_what_was_probably_meant(tmp_path: Path, text: str, hint: str) -> None:
    """A misspelled or misplaced key names the right one; a wrong shape names the right one."""
    assert hint in _refused(_write(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BULK_PEC_SENDING__CONCURENCY", "did you mean BULK_PEC_SENDING__CONCURRENCY?"),
        ("BULK_PEC_SENDING_CONCURRENCY", "did you mean BULK_PEC_SENDING__CONCURRENCY?"),
        ("BULK_PEC_TOKN", "did you mean BULK_PEC_TOKEN?"),
        ("BULK_PEC_QQQQ", "BULK_PEC_QQQQ in the environment is not a setting."),
    ],
)
def test_an_unknown_variable_is_an_error(tmp_path: Path, name: str, hint: str) -> None:
    """A misspelled variable would otherwise be silently ignored; its value is not shown."""
    told = _refused(_write(tmp_path), {name: "hunter2"})
    assert hint in told
    assert "hunter2" not in told


def test_variables_that_are_no_settings_but_known_are_left_alone(tmp_path: Path) -> None:
    """The file's place, the secrets, those of the tests, and the names that token_env and the like give."""
    text = """
    [api]
    token_env = "BULK_PEC_OTHER"
    [[mailboxes]]
    address = "a@example.com"
    username_env = "BULK_PEC_WHO"
    password_env = "BULK_PEC_KEY"
    """
    names = ["CONFIG", "TOKEN", "PASSWORD", "TEST_PG", "OTHER", "WHO", "KEY"]
    environ = {f"BULK_PEC_{name}": "x" for name in names} | {"HOME": "/root", "bulk_pec_x": "y"}
    assert load(_write(tmp_path, text), environ=environ).token().reveal() == "x"


def test_a_list_that_is_no_json_is_told_with_its_variable(tmp_path: Path) -> None:
    """The environment's lists are JSON; what is not is told beside all other problems."""
    told = _refused(_write(tmp_path, "[api]\ntimeout = 0"), {"BULK_PEC_SENDING__DAYS": "mon,tue"})
    assert "sending.days (environment BULK_PEC_SENDING__DAYS) must be a list as JSON" in told
    assert "api.timeout = 0 must be greater than 0" in told


def test_a_section_that_is_no_table_is_told_although_the_environment_has_keys_of_it(tmp_path: Path) -> None:
    """A variable does not paper over a mistake in the file."""
    told = _refused(_write(tmp_path, "sending = 3"), {"BULK_PEC_SENDING__LEASE": "5s"})
    assert "sending must be a table of settings" in told


def test_settings_do_not_change(tmp_path: Path) -> None:
    """What was checked stays as it was checked."""
    config = load(_write(tmp_path), environ={})
    with pytest.raises(ValueError, match="frozen"):
        config.settings.sending.concurrency = 0


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("sqlite:///x.db", "sqlite:///{base}/x.db"),
        ("sqlite:///data/x.db", "sqlite:///{base}/data/x.db"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
        ("sqlite+pysqlite:///x.db", "sqlite:///{base}/x.db"),
        ("postgresql://u@h:5432/d", "postgresql+psycopg://u@h:5432/d"),
        ("postgresql+psycopg://u@h/d?sslmode=require", "postgresql+psycopg://u@h/d?sslmode=require"),
    ],
)
def test_the_ledger_s_url_is_made_absolute(tmp_path: Path, url: str, absolute: str) -> None:
    """A relative file is beside the configuration, wherever the command is started."""
    config = load(_write(tmp_path, f"[ledger]\nurl = '{url}'"), environ={})
    assert config.ledger_url() == absolute.format(base=tmp_path)
    assert config.ledger_url_shown() == config.ledger_url()


def test_a_directory_that_a_url_cannot_hold_is_refused(tmp_path: Path) -> None:
    """A question mark would begin the URL's options and cut the path: another file would be written."""
    folder = tmp_path / "a?b"
    folder.mkdir()
    with pytest.raises(ConfigError, match="question mark"):
        load(_write(folder), environ={}).ledger_url()


def test_reading_the_configuration_imports_nothing_heavy() -> None:
    """Commands that only read settings start fast: no polars, SQLAlchemy or HTTP client is loaded."""
    heavy = ("polars", "sqlalchemy", "httpx", "aiohttp", "jinja2", "pydantic_settings")
    code = f"import sys, bulk_pec.config; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
