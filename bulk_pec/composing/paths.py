"""Paths of attachments, as a template gives them: what they may say, and the name a recipient will see."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from bulk_pec.composing.press import has_control_characters
from bulk_pec.composing.problems import shown
from bulk_pec.domain.problems import Problem

PLACE = "attachments"
"""What a problem with an attachment gives as its column."""

NAME_LONGEST = 255
"""Bytes in a file's name, in UTF-8: what common file systems take, so that a recipient can save it."""

_WILDCARDS = "*?"
# They turn the direction of what follows, so that "fdp.exe" is shown as "exe.pdf" (Unicode TR 36 §2.2).
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def problem(path: str, what: str, todo: str) -> Problem:
    """A problem with the attachment at this path."""
    return Problem(PLACE, shown(path), what, todo)


def fault(path: str) -> Problem | None:
    """What is wrong with a path before any file is looked at; None when nothing is."""
    told, parts = repr(shown(path)), path.split("/")
    if has_control_characters(path):
        return problem(path, f"the path {told} holds a control character", "Remove it from the cell.")
    if "\\" in path:
        return problem(path, f"the path {told} holds a backslash", "Write / between folder and file.")
    if any(char in path for char in _WILDCARDS):
        what = f"the path {told} holds a wildcard, and none is ever expanded"
        return problem(path, what, "Name one file; give each further file a template of its own.")
    if ".." in parts or path.startswith(("/", "~")):
        what = f"the path {told} leads outside attachments_dir"
        return problem(path, what, "Write a path inside [message] attachments_dir, relative to it.")
    if "" in parts or "." in parts:
        what = f"the path {told} is no path to a file"
        return problem(path, what, "A cell that the path is made of may be empty: fill it.")
    return _fault_of_name(path, parts[-1])


def _fault_of_name(path: str, name: str) -> Problem | None:
    if len(name.encode("utf-8", "surrogatepass")) > NAME_LONGEST:
        what = f"the file name {shown(name)!r} is longer than {NAME_LONGEST} bytes"
        return problem(path, what, "Give the file a shorter name.")
    if any(char in _TURNING for char in name):
        what = f"the file name {shown(name)!r} holds a character that turns the writing direction"
        return problem(path, what, "Rename the file: such a name can hide what the file is.")
    return None


def name_of(path: str) -> str:
    """The file name the recipient sees."""
    return path.rpartition("/")[2]


def twins(paths: Iterable[str]) -> Iterator[Problem]:
    """Attachments of one letter that a recipient could not save side by side."""
    seen: dict[str, str] = {}
    for path in paths:
        folded = unicodedata.normalize("NFC", name_of(path)).casefold()
        if folded in seen:
            what = f"two attachments are called {shown(name_of(path))!r}"
            yield problem(path, what, "Give each attachment of a letter a name of its own.")
        seen[folded] = path
