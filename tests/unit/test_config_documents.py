"""config.example.toml and docs/configuration.md say what the models say."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from bulk_pec.config import NOT_YET, Settings, load
from bulk_pec.config.catalogue import Entry, catalogue

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config.example.toml"
EXAMPLES = {
    "message.subject": "Avviso n. {{ numero }}",
}
SECRETS = {"BULK_PEC_TOKEN": "a-token", "BULK_PEC_PASSWORD": "a-password"}
_SETTING_OFF = re.compile(r"^#(?=[a-z_]+ = )", re.MULTILINE)


def _literal(entry: Entry) -> str:
    """A default as the documents write it."""
    if entry.default is None:
        return "required" if entry.required else "–"
    return f"`{json.dumps(entry.default)}`"


def _row(entry: Entry) -> str:
    """A setting's line in the tables of docs/configuration.md."""
    refused = [rule.partition("=")[2] for rule in NOT_YET if rule.partition("=")[0] == entry.key]
    note = "".join(f" *Not yet: {value}.*" if value else " *Not yet.*" for value in refused)
    return f"| `{entry.key}` | {_literal(entry)} | {entry.summary}{note} |"


def _flattened(tree: dict[str, object]) -> dict[str, object]:
    """Values by ``section.key``; the mailbox's as ``mailboxes.key``."""
    flat: dict[str, object] = {}
    for section, value in tree.items():
        table = value[0] if isinstance(value, list) else value
        assert isinstance(table, dict)
        flat |= {f"{section}.{name}": inner for name, inner in table.items()}
    return flat


@pytest.fixture(scope="module")
def everything() -> dict[str, object]:
    """The example with every setting in use that is commented out."""
    return _flattened(tomllib.loads(_SETTING_OFF.sub("", EXAMPLE.read_text(encoding="utf-8"))))


def test_the_example_is_a_configuration_that_works() -> None:
    """With the secrets in the environment, the example loads as it stands and can reach its secrets."""
    config = load(EXAMPLE, environ=SECRETS)
    assert config.token().reveal() == "a-token"
    assert [box.address for box in config.mailbox_list()] == ["ufficio@pec.example.com"]
    assert config.message().body_file == "avviso.html.j2"
    assert config.warnings == []


def test_the_example_holds_every_setting_and_no_other(everything: dict[str, object]) -> None:
    """Each setting of the models appears in the example, in its section and in the models' order."""
    assert list(everything) == list(catalogue())


@pytest.mark.parametrize("key", [key for key, entry in catalogue().items() if entry.default is not None])
def test_the_example_shows_the_default(key: str, everything: dict[str, object]) -> None:
    """Where a setting has a default, the example shows it, unless it is named as an example."""
    expected = EXAMPLES.get(key, catalogue()[key].default)
    assert everything[key] == expected
    assert type(everything[key]) is type(expected)


@pytest.mark.parametrize("key", catalogue())
def test_every_value_of_the_example_is_valid(key: str, everything: dict[str, object]) -> None:
    """Also what is commented out is of the right type: taking the "#" away is not an error of its own."""
    section, _, name = key.partition(".")
    if section == "mailboxes":
        box = {"address": "ufficio@pec.example.com", name: everything[key]}
        Settings.model_validate({"mailboxes": [box]})
    else:
        Settings.model_validate({section: {name: everything[key]}})


def test_the_example_comments_out_what_is_optional_or_not_yet(everything: dict[str, object]) -> None:
    """In use are the settings with a default that this version knows, and what a first run needs."""
    used = set(_flattened(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))))
    consents = {"sending.accept_duplicates", "receipts.signed_originals_kept_elsewhere"}
    refused = set(NOT_YET)
    known = {key for key, entry in catalogue().items() if entry.default is not None} - refused - consents
    first = {"mailboxes.address", "message.subject", "message.body_file", "recipients.key_column"}
    assert used == known | first


def test_the_example_says_not_yet_above_what_is_refused() -> None:
    """Whoever reads the example learns of every setting that it would be refused."""
    paragraph: list[str] = []
    silent = []
    section = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        setting = re.match(r"#?([a-z_]+) = ", line)
        if setting is None:
            paragraph = (
                [*paragraph, line] if line.startswith("#") and not _after_setting(paragraph) else [line]
            )
            continue
        key = f"{section}.{setting[1]}"
        if any(rule.partition("=")[0] == key for rule in NOT_YET) and "ot yet" not in " ".join(paragraph):
            silent.append(key)
        paragraph.append(line)
    assert silent == []


def _after_setting(paragraph: list[str]) -> bool:
    """Whether the last line seen is a setting, so that a comment begins a new paragraph."""
    return bool(paragraph) and re.match(r"#?[a-z_]+ = ", paragraph[-1]) is not None


def test_the_documentation_lists_every_setting_as_the_models_have_it() -> None:
    """Each row of docs/configuration.md is exactly what the models say: key, default, summary, not yet."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| `[a-z]+\.", line)]
    assert rows == [_row(entry) for entry in catalogue().values()]


def test_every_setting_has_a_summary() -> None:
    """No setting is left without its line of explanation."""
    assert [key for key, entry in catalogue().items() if not entry.summary] == []
