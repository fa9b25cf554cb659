"""Everything that is wrong with a configuration, said at once, in words an operator can act on."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bulk_pec.config.catalogue import MAILBOXES, catalogue, section_models
from bulk_pec.domain.errors import ConfigError

_LONGEST = 60  # characters of a value that are shown

SECRET_KEYS = {
    "token": "token_env or token_file in [api]",
    "password": "password_env or password_file in [[mailboxes]]",
}
"""Keys that would put a secret into the file, and where the secret belongs instead."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong.

    Attributes:
        key: The setting it is about: ``section.key``, ``mailboxes`` or a bare section.
        text: A clause that follows the key, with the value where it may be shown and what is allowed.
    """

    key: str
    text: str


def refusal(where: str, problems: Iterable[Problem], origins: Mapping[str, str]) -> ConfigError:
    """One error that lists all problems, each with where its value came from unless that is the file."""
    lines = [
        _sentence(f"  {problem.key}{_from(problem.key, origins)} {problem.text}") for problem in problems
    ]
    count = "a problem" if len(lines) == 1 else f"{len(lines)} problems"
    return ConfigError(
        "\n".join([f"{where} has {count}:", *lines]),
        hint="Mend the configuration and try again; docs/configuration.md lists every setting.",
    )


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _from(key: str, origins: Mapping[str, str]) -> str:
    """The origin of the key or, for a value inside a list, of the list."""
    origin = origins.get(key, "")
    if not origin and "." in key:
        return _from(key.rpartition(".")[0], origins)
    return f" ({origin})" if origin.startswith(("environment", "flag")) else ""


def from_pydantic(error: Mapping[str, Any]) -> Problem:
    """The problem that one entry of `ValidationError.errors()` reports."""
    loc: tuple[int | str, ...] = error["loc"]
    key = ".".join(str(part) for part in loc)
    if error["type"] == "extra_forbidden":
        return unknown_key(key)
    if error["type"] == "missing":
        return Problem(key, "is missing")
    if error["type"] == "model_type":
        return Problem(key, f"must be a table of settings: [{key}]")
    if error["type"] == "list_type" and key == MAILBOXES:
        return Problem(key, "must be a list of tables: [[mailboxes]]")
    return Problem(key, shown(key, error["input"]) + allowed(error["type"], error["msg"]))


_KINDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "string": "must be text in quotes",
    "list": 'must be a list, such as ["mon", "tue"]',
}
_KIND_ERRORS = ("_type", "_parsing", "_from_float", "_parsing_size")


def allowed(kind: str, message: str) -> str:
    """What is allowed, in our words for a value of the wrong type, else from pydantic's sentence or ours."""
    if kind.endswith(_KIND_ERRORS) and (told := _KINDS.get(kind.partition("_")[0])):
        return told
    if kind == "string_too_short":
        return "must not be empty"
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def unknown_key(key: str) -> Problem:
    """An unknown key, with what was probably meant; its value is never shown, as it may be a secret."""
    name = key.rpartition(".")[2]
    if name in SECRET_KEYS:
        return Problem(key, f"is refused: a secret is never a setting. Use {SECRET_KEYS[name]}")
    return Problem(key, "is not a setting" + near_miss(_without_index(key)))


def near_miss(key: str) -> str:
    """``: did you mean …?`` when a known key is close, or has this name in another section; else nothing."""
    section, _, name = key.partition(".")
    known = catalogue()
    if not name:
        names = list(section_models())
        elsewhere = [other for other, entry in known.items() if entry.name == section]
        return meant([*difflib.get_close_matches(section, names, n=1), *elsewhere])
    siblings = [entry.name for entry in known.values() if entry.section == section]
    close = [f"{section}.{match}" for match in difflib.get_close_matches(name, siblings, n=1)]
    elsewhere = [other for other, entry in known.items() if entry.name == name]
    return meant([*close, *elsewhere])


def meant(candidates: list[str]) -> str:
    """The question a near miss ends in; nothing without a candidate."""
    return f": did you mean {candidates[0]}?" if candidates else ""


def shown(key: str, value: object) -> str:
    """``= value`` and a blank for a value that may be shown; nothing for a secret, a table or a list."""
    entry = catalogue().get(_without_index(key))
    if entry is None or entry.secret or entry.name.endswith(("_env", "_file")):
        return ""
    if not isinstance(value, str | int | float) or ("@" in str(value) and "://" in str(value)):
        return ""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return f"= {text} "


def _without_index(key: str) -> str:
    """``mailboxes.address`` for ``mailboxes.0.address``, ``sending.days`` for ``sending.days.2``."""
    return ".".join(part for part in key.split(".") if not part.isdigit())
