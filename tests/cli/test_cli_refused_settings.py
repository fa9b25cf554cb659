"""Configurations, secrets and command lines that are wrong: said in one paragraph, nothing sent."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.commands import Shell, refused, seen

SEND = ("send", "prima", "--yes")
CONFIG = (78, "config")

WRONG: dict[str, tuple[str, str, list[str]]] = {
    "unknown key": ("[sending]", "[sending]\nconcurency = 4", ["sending.concurency", "sending.concurrency?"]),
    "key of another section": (
        "[sending]",
        "[sending]\ntoken_env = 'X'",
        ["sending.token_env", "api.token_env?"],
    ),
    "unknown section": ("[sending]", "[sendin]", ["sendin", "sending?"]),
    "wrong type": (
        "[sending]",
        '[sending]\nconcurrency = "many"',
        ['sending.concurrency = "many"', "number"],
    ),
    "wrong unit": ('settle_after = "0s"', "settle_after = '3 weeks'", ["sending.settle_after", "3 weeks"]),
    "secret in the file": ("[sending]", "[api]\ntoken = 'abc'\n[sending]", ["config.toml"]),
    "broken TOML": ("[sending]", "[sending\n", ["config.toml", "line"]),
    "not yet": ("[sending]", '[observe]\nmetrics_file = "a"\n[sending]', ["observe.metrics_file"]),
    "ledger of another kind": ("sqlite:///ledger.db", "mysql://host/db", ["ledger.url"]),
    "no ledger": ("sqlite:///ledger.db", "ledger.db", ["ledger.url"]),
    "provider without TLS": ("http://127.0.0.1", "http://192.0.2.1", ["plain HTTP", "https"]),
    "provider with credentials": ("http://", "http://u:p@", ["base_url"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_setting(loaded: Shell, session_provider: str, case: str) -> None:
    """78 `config`: the file, the setting, what is allowed or was probably meant."""
    old, new, words = WRONG[case]
    loaded.edit(old, new)
    posts = seen(session_provider)["posts"]
    refused(loaded, *SEND, ends=CONFIG, words=words)
    assert seen(session_provider)["posts"] == posts


def test_all_that_is_wrong_is_said_at_once(loaded: Shell) -> None:
    """Two wrong settings and a wrong variable are one error of three lines, which says where each is."""
    loaded.edit("[sending]", "[sending]\nconcurency = 4\nlease = 7")
    loaded.environ["BULK_PEC_API__TIMEOUT"] = "soon"
    words = ["3 problems", "sending.concurency", "sending.lease", "api.timeout (environment", '"soon"']
    refused(loaded, *SEND, ends=CONFIG, words=words)


def test_configuration_that_is_not_there(loaded: Shell) -> None:
    """78, with the path that was looked at, wherever the path came from."""
    (loaded.home / "config.toml").rename(loaded.home / "other.toml")
    refused(loaded, *SEND, ends=CONFIG, words=["config.toml", "init"])
    refused(loaded, *SEND, "--config", "no/such.toml", ends=CONFIG, words=["no/such.toml"])
    loaded.environ["BULK_PEC_CONFIG"] = str(loaded.home / "other.toml")
    found = loaded.call("status", "--json")
    assert found.exit == (0, "complete"), found
    loaded.environ["BULK_PEC_CONFIG"] = "elsewhere.toml"
    refused(loaded, "status", ends=CONFIG, words=["elsewhere.toml"])


@pytest.mark.parametrize(
    ("missing", "setting"), [("TOKEN", "api.token"), ("PASSWORD", "mailboxes.0.password")]
)
def test_secret_that_is_missing(loaded: Shell, session_provider: str, missing: str, setting: str) -> None:
    """78, with the variable and the setting; before anything is loaded, asked or sent."""
    del loaded.environ[f"BULK_PEC_{missing}"]
    (loaded.home / "nuova.csv").write_bytes((loaded.home / "prima.csv").read_bytes())
    posts = seen(session_provider)["posts"]
    command = SEND if missing == "TOKEN" else ("run", "nuova.csv", "--yes")
    refused(loaded, *command, ends=CONFIG, words=[f"BULK_PEC_{missing}", setting, f"{setting}_file"])
    assert seen(session_provider)["posts"] == posts
    looked = loaded.call("status", "prima", "--json")
    assert looked.exit == (0, "complete"), "looking needs no secret"


USAGE: dict[str, tuple[Sequence[str], list[str]]] = {
    "no list": (("run",), ["Missing argument", "FILE"]),
    "unknown command": (("sned", "prima"), ["No such command", "sned"]),
    "unknown command of a group": (("ledger", "upgarde"), ["No such command", "upgarde"]),
    "unknown option": (("send", "prima", "--si"), ["No such option", "--si"]),
    "no number": (("send", "prima", "--max-messages", "all"), ["--max-messages", "valid integer"]),
    "too small a number": (("send", "prima", "--max-messages", "0"), ["--max-messages", "equal to 1"]),
    "too many words": (("status", "prima", "seconda"), ["seconda"]),
    "no form of export": (("export", "prima"), ["Missing option", "-o"]),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage(loaded: Shell, case: str) -> None:
    """2 `usage`: one document, and on stderr which word is wrong and where help is."""
    arguments, words = USAGE[case]
    before = loaded.ledger_content()
    answer = loaded.call(*arguments, "--json")
    assert answer.exit == (2, "usage"), answer
    assert [word for word in [*words, "-h' for help"] if word not in answer.stderr] == [], answer
    assert "Traceback" not in answer.stderr
    assert loaded.ledger_content() == before


def test_wrong_usage_without_json(loaded: Shell) -> None:
    """2, and nothing on stdout."""
    told = loaded.call("run")
    assert (told.code, told.stdout) == (2, "")
    assert "Missing argument" in told.stderr


def test_duration_that_is_none(loaded: Shell) -> None:
    """2 `usage`, with what durations look like."""
    words = ["--max-duration", "'tomorrow'", "30m"]
    refused(loaded, *SEND, "--max-duration", "tomorrow", ends=(2, "usage"), words=words)
