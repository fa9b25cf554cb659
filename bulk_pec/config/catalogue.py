"""The list of all settings, read from the models: what a key is called, holds and defaults to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bulk_pec.config.models import MailboxSettings, Settings

MAILBOXES = "mailboxes"
PREFIX = "BULK_PEC_"


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting.

    Attributes:
        key: ``section.key``; a mailbox's settings are ``mailboxes.key``.
        default: As config.toml would say it; None when the setting is optional or required.
        required: Whether its section is wrong without it.
        is_list: Whether it holds several values.
        secret: Whether its value is never shown.
        summary: One line on what it does.
    """

    key: str
    default: object
    required: bool
    is_list: bool
    secret: bool
    summary: str

    @property
    def section(self) -> str:
        """The part before the dot."""
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        """The part after the dot."""
        return self.key.partition(".")[2]

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it; None for a mailbox's: the list is set as a whole."""
        return None if self.section == MAILBOXES else variable_for(self.key)


def variable_for(key: str) -> str:
    """The environment variable of ``section.key``, or of a whole list section."""
    return PREFIX + key.upper().replace(".", "__")


def section_models() -> dict[str, type[BaseModel]]:
    """Each section's model, in the order of the file; that of `mailboxes` is one mailbox's."""
    models: dict[str, type[BaseModel]] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        models[name] = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else MailboxSettings
    return models


@cache
def catalogue() -> dict[str, Entry]:
    """Every setting by its key, in the order of the file."""
    entries = [
        _entry(f"{section}.{name}", field)
        for section, model in section_models().items()
        for name, field in model.model_fields.items()
    ]
    return {entry.key: entry for entry in entries}


def _entry(key: str, field: FieldInfo) -> Entry:
    kinds = _kinds(field.annotation)
    return Entry(
        key=key,
        default=None if field.is_required() else field.default,
        required=field.is_required(),
        is_list=list in kinds,
        secret=SecretStr in kinds,
        summary=field.description or "",
    )


def _kinds(annotation: object) -> set[object]:
    """The plain types an annotation is made of: ``list[SecretStr] | None`` holds list, SecretStr, None."""
    origin = get_origin(annotation)
    if origin is None:
        return {annotation}
    inner = {kind for part in get_args(annotation) for kind in _kinds(part)}
    return inner if origin in {Union, UnionType} else inner | {origin}
