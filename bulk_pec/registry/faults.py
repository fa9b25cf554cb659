"""What is wrong with one field of a registration, as a value: all of it is shown at once."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST = 60  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a registration from being sent; or, among warnings, from being trusted.

    Attributes:
        field: The vendor's name of the field; ``callback.url`` inside the callback.
        what: What is wrong, as a clause that follows the field and its value.
        hint: What to do, as a sentence.
        value: The one value to be mended, as it is shown to people; "" where there is none or it is a secret.
    """

    field: str
    what: str
    hint: str
    value: str = dataclasses.field(default="", repr=False)

    def __str__(self) -> str:
        """One line for people, the value included."""
        value = f" = {self.value}" if self.value else ""
        return f"{self.field}{value} {self.what}. {self.hint}"

    def said(self) -> str:
        """The same without the value: for stderr, which may be a log."""
        return f"{self.field} {self.what}. {self.hint}"


def shown(value: object) -> str:
    """A value as one short piece of one line; of a table or a list only that it is one."""
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list | tuple):
        return "[…]"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = (
        json.dumps(value, ensure_ascii=not value.isprintable()) if isinstance(value, str) else _plain(value)
    )
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _plain(value: object) -> str:
    """A number, a date or whatever a file may hold."""
    try:
        text = str(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "a very long number"
    return text if text.isprintable() else ascii(text)


def unknown(key: str, known: Sequence[str], where: str = "") -> Fault:
    """A key that is none of the known ones, with the one that was probably meant; its value is not shown.

    Args:
        key: As it stands in the file.
        known: The keys that may stand there.
        where: The table it stands in, with a dot: ``callback.``.
    """
    close = difflib.get_close_matches(key.strip().lower(), known, n=1)
    hint = f"Did you mean {where}{close[0]}?" if close else "Leave it out; the vendor knows no such field."
    name = key if key.isprintable() else ascii(key)
    return Fault(f"{where}{name[:_LONGEST]}", "is no field of a registration", hint)
