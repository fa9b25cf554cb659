"""Where settings come from: flags, the environment, the file. Each becomes a layer; layers are merged.

A layer is a tree of sections as config.toml would hold it. Merging keeps, for every key, which layer it
came from. pydantic-settings is not used for this: it reads only the process's own environment, stops at
the first value that is not JSON, cannot say where a value came from, and can log values.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from bulk_pec.config.catalogue import MAILBOXES, PREFIX, catalogue, variable_for
from bulk_pec.config.problems import SECRET_KEYS, Problem, meant, near_miss
from bulk_pec.domain.errors import ConfigError

CONFIG_VARIABLE = "BULK_PEC_CONFIG"
_OTHERS = frozenset({CONFIG_VARIABLE, "BULK_PEC_TOKEN", "BULK_PEC_PASSWORD"})
_TESTS = "BULK_PEC_TEST_"
_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")

Tree = dict[str, object]
"""Sections by name; a section is a dict of its keys, `mailboxes` a list of dicts."""


class Rank(IntEnum):
    """Which layer wins: the greatest."""

    DEFAULT = 0
    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: its layer, and the words for people."""

    rank: Rank
    text: str


@dataclass(slots=True)
class Layer:
    """One source of settings: the tree, where each of its keys came from, and what was wrong in it."""

    tree: Tree = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, key: str, value: object, origin: Origin) -> None:
        """Set ``section.key``, or a whole section when there is no dot."""
        section, _, name = key.partition(".")
        self.origins[key] = origin
        if not name:
            self.tree[section] = value
            self._mark_items(section, value, origin)
            return
        table = self.tree.setdefault(section, {})
        if isinstance(table, dict):
            table[name] = value

    def _mark_items(self, section: str, value: object, origin: Origin) -> None:
        """Note where the keys inside a list of tables came from: ``mailboxes.0.address``."""
        for index, item in enumerate(value if isinstance(value, list) else []):
            for name in item if isinstance(item, dict) else ():
                self.origins[f"{section}.{index}.{name}"] = origin


def file_layer(path: Path) -> Layer:
    """Read config.toml.

    Raises:
        ConfigError: There is no such file, it cannot be read, or it is not TOML in UTF-8.
    """
    origin = Origin(Rank.FILE, f"file {path}")
    layer = Layer()
    for section, value in _parse(path).items():
        if isinstance(value, dict):
            layer.tree.setdefault(section, {})
            for name, inner in value.items():
                layer.put(f"{section}.{name}", inner, origin)
        else:
            layer.put(section, value, origin)
    return layer


def _parse(path: Path) -> Tree:
    text = _read(path)
    # Each from None: the parser's frames hold the whole text, which may name secrets.
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, column = _position(str(error), text)
        what = _POSITION.sub("", str(error))
        hint = "Mend this line; text and durations stand in quotes."
        raise ConfigError(f"{path}, line {line}, column {column}: not TOML: {what}.", hint=hint) from None
    except (ValueError, RecursionError):  # ValueError: a whole number of more digits than Python reads
        raise ConfigError(
            f"{path} holds values nested too deeply, or a number of too many digits. No setting is so.",
            hint="Mend the configuration; config.example.toml shows every setting.",
        ) from None


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"There is no configuration at {path}.",
            hint="`bulk-pec init` writes one; --config or BULK_PEC_CONFIG name another place.",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", hint="Name a readable file with --config."
        ) from None
    try:
        return data.decode("utf-8-sig")  # editors on Windows begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise ConfigError(
            f"{path}, line {line}, column {column}: not UTF-8.", hint="Save the file as UTF-8."
        ) from None


def _position(message: str, text: str) -> tuple[int, int]:
    """Line and column, from 1, that the parser names; "end of document" is the place after the last one."""
    found = _POSITION.search(message)
    if found and found[1]:
        return int(found[1]), int(found[2])
    lines = text.split("\n")
    return len(lines), len(lines[-1]) + 1


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Read ``BULK_PEC_SECTION__KEY``, lists as JSON. An empty variable counts as not set."""
    layer = Layer()
    variables = {entry.variable: entry.key for entry in catalogue().values() if entry.variable}
    variables[variable_for(MAILBOXES)] = MAILBOXES
    for variable, key in variables.items():
        text = environ.get(variable, "")
        if text:
            _put_variable(layer, key, text, Origin(Rank.ENVIRONMENT, f"environment {variable}"))
    return layer


def _put_variable(layer: Layer, key: str, text: str, origin: Origin) -> None:
    entry = catalogue().get(key)
    if entry is not None and not entry.is_list:
        layer.put(key, text, origin)
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: nested too deeply
        layer.origins[key] = origin
        layer.problems.append(Problem(key, 'must be a list as JSON, such as ["mon", "tue"]'))
        return
    layer.put(key, value, origin)


def flag_layer(overrides: Mapping[str, object]) -> Layer:
    """Flags by ``section.key``; None means the flag was not given."""
    layer = Layer()
    for key, value in overrides.items():
        if value is not None:
            layer.put(key, value, Origin(Rank.FLAG, "flag"))
    return layer


def unknown_variables(environ: Mapping[str, str], secret_names: set[str]) -> list[Problem]:
    """``BULK_PEC_…`` variables that mean nothing here. Their values are never shown.

    Args:
        environ: The environment.
        secret_names: Names that `token_env` and the like point at.
    """
    settings = {entry.variable for entry in catalogue().values() if entry.variable}
    known = settings | {variable_for(MAILBOXES)} | _OTHERS | secret_names
    return [
        Problem(name, "in the environment " + _not_known(name, known))
        for name in sorted(environ)
        if name.startswith(PREFIX) and not name.startswith(_TESTS) and name not in known
    ]


def _not_known(name: str, known: set[str]) -> str:
    key = name.removeprefix(PREFIX).lower().replace("__", ".")
    secret = SECRET_KEYS.get(key.rpartition(".")[2])
    if secret and "." in key:
        return f"is refused: a secret is never a setting. Use {secret}"
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return "is not a setting" + (meant(close) or near_miss(key))


def merge(layers: list[Layer]) -> Layer:
    """One layer of several, weakest first: sections are merged key by key, anything else is replaced."""
    merged = Layer()
    for layer in layers:
        merged.problems += layer.problems
        for section, value in layer.tree.items():
            below = merged.tree.get(section, {})
            if not isinstance(value, dict):
                merged.tree[section] = value
                _forget(merged.origins, section)
            elif isinstance(below, dict):  # else it is wrong below, and stays to be told
                merged.tree[section] = {**below, **value}
        merged.origins |= layer.origins
    return merged


def _forget(origins: dict[str, Origin], section: str) -> None:
    for key in [key for key in origins if key == section or key.startswith(f"{section}.")]:
        del origins[key]
