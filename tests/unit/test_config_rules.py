"""What settings demand of each other, and what this version refuses because it does not do it yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulk_pec.config import NOT_YET, Config, load
from bulk_pec.config.catalogue import catalogue
from bulk_pec.domain.errors import ConfigError

BOX = "[[mailboxes]]\naddress = 'ufficio@pec.example.com'\n"

ASKING = {
    "observe.log_format=json": "[observe]\nlog_format = 'json'",
    "observe.metrics_file": "[observe]\nmetrics_file = 'x.prom'",
    "observe.healthcheck_url": "[observe]\nhealthcheck_url = 'https://example.com/x'",
    "observe.notify": "[observe]\nnotify = ['json://example.com']",
    "observe.report": "[observe]\nreport = 'report.html'",
}
"""A configuration that asks for each line of NOT_YET, and breaks no rule of its own."""


def _refused(folder: Path, text: str) -> str:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    return str(caught.value)


def _loads(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ={"BULK_PEC_TOKEN": "x", "BULK_PEC_PASSWORD": "x"})


def _said(rule: str) -> str:
    return f"  {rule.partition('=')[0]} cannot be used yet: {NOT_YET[rule]}."


@pytest.mark.parametrize("rule", NOT_YET)
def test_what_is_not_built_yet_is_refused(tmp_path: Path, rule: str) -> None:
    """A setting that would be silently ignored is an error that says so."""
    assert _said(rule) in _refused(tmp_path, ASKING[rule])


def test_a_configuration_that_can_send_needs_its_secrets(tmp_path: Path) -> None:
    """What sends asks for the token and a mailbox."""
    _loads(tmp_path, BOX).sendable()
    with pytest.raises(ConfigError, match="name at least one mailbox"):
        _loads(tmp_path, "").sendable()
    with pytest.raises(ConfigError, match="BULK_PEC_TOKEN"):
        load(tmp_path / "config.toml", environ={}).sendable()


@pytest.mark.parametrize("rule", NOT_YET)
def test_without_its_line_in_the_table_a_setting_is_taken(
    tmp_path: Path, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To build a feature is to delete its line: nothing else refuses it."""
    monkeypatch.delitem(NOT_YET, rule)
    box = "" if BOX in ASKING[rule] else f"\n{BOX}"
    _loads(tmp_path, ASKING[rule] + box).sendable()


def test_every_default_is_taken_when_it_is_written_out(tmp_path: Path) -> None:
    """Writing a default into the file is not asking for anything."""
    _loads(
        tmp_path,
        """
        [recipients]
        lookup = false
        on_repeat = "fail"
        on_duplicate = "fail"
        [message]
        attachments = []
        [sending]
        canary = 0
        skip_holidays = false
        on_in_doubt = "hold"
        [observe]
        notify = []
        healthcheck_url = ""
        """,
    )


def test_the_table_names_settings_that_exist() -> None:
    """A line of the table whose setting was renamed would refuse nothing."""
    keys = {rule.partition("=")[0] for rule in NOT_YET}
    assert keys <= set(catalogue())
    assert set(ASKING) == set(NOT_YET)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[message]\nreference = 'x'",
            'message.reference needs {ref}; without it only sending.on_in_doubt = "hold"',
        ),
        (
            "[message]\nreference = 'n{ref}'",
            "message.reference must hold {ref} once, with no letter or digit beside",
        ),
        ("[message]\nreference = '{ref} {ref}'", "message.reference must hold {ref} once"),
        ("[sending]\non_in_doubt = 'resend'", "it needs sending.accept_duplicates = true"),
        (
            "[receipts]\ndelete_after_archive = true",
            "receipts.delete_after_archive needs receipts.archive.\n",
        ),
        (
            "[receipts]\narchive = 'a'\ndelete_after_archive = true",
            "needs receipts.signed_originals_kept_elsewhere = true",
        ),
        ("[message]\nsubject = 'x'", "message.body is missing: set message.body or message.body_file"),
        ("[message]\nbody = 'x'", "message.subject is missing"),
        ("[message]\nsubject = ' '\nbody = 'x'", "message.subject is missing"),
        ("[message]\nsubject = 'x'\nbody = ''", "message.body is missing"),
        ("[message]\nsubject = 'x'\nbody = 'x'\nbody_file = 'x'", "are both set: keep one"),
        (BOX + "[[mailboxes]]\naddress = 'UFFICIO@pec.example.com'", 'mailboxes.1.address = "UFFICIO@'),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path: Path, text: str, told: str) -> None:
    """Each rule says what is missing or too much."""
    assert told in _refused(tmp_path, text)


def test_a_rule_is_not_told_about_a_setting_that_is_wrong_already(tmp_path: Path) -> None:
    """One mistake is one problem: a misspelled consent is not also told as a missing one."""
    told = _refused(tmp_path, "[sending]\non_in_doubt = 'resend'\naccept_duplicates = 'perhaps'")
    assert 'sending.accept_duplicates = "perhaps" must be true or false' in told
    assert "may send a message twice" not in told


def test_a_message_is_missing_only_for_those_who_compose(tmp_path: Path) -> None:
    """A configuration without a message loads; asking for it says what to add."""
    path = tmp_path / "config.toml"
    path.touch()
    config = load(path, environ={})
    with pytest.raises(ConfigError, match=r"set message.subject, and body_file or body"):
        config.message()
