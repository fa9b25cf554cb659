"""CSV: where the header is, what it says, and which character separates fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bulk_pec.domain.errors import ConfigError, ListRefused
from bulk_pec.recipients.headers import USUAL_NAMES, squashed
from bulk_pec.recipients.options import AUTO, ListOptions
from bulk_pec.recipients.records import Grammar, Record
from bulk_pec.recipients.rows import BLANKS

HEAD = 1 << 20
"""Bytes at the beginning of a file within which its header must end."""

SEPARATORS = (";", "\t", "|", ",")
"""The separators that are looked for, the preferred first.

Preferred is first the one that shows an address column in the header, then the one by which most of the
first rows have as many fields as the header, then the one with most fields, then this order: a comma is
last because it is part of names and amounts.
"""

_SAMPLED = 200
_EXCEL_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
SEPARATOR_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
_USUAL = frozenset(squashed(name) for name in USUAL_NAMES)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written.

    Attributes:
        separator: One character.
        header: The column names as they stand.
        skip: Characters of text up to the end of the header.
        guesses: What was guessed, in sentences.
        excel_line: The line with which Excel is told the separator, as it stands; "" without one.
        header_line: The header as it stands, with its line end, if it has one.
    """

    separator: str
    header: tuple[str, ...]
    skip: int
    guesses: tuple[str, ...]
    excel_line: str = ""
    header_line: str = ""


def dialect_of(head: str, options: ListOptions, path: Path, *, whole: bool) -> Dialect:
    r"""Read a file's beginning.

    Args:
        head: The first `HEAD` bytes or so, decoded, with ``\n`` or ``\r\n`` at each line's end.
        options: May name the separator, and the address column by which to know it.
        path: For errors.
        whole: Nothing follows `head`.

    Raises:
        ListRefused: There is no header that can be read.
        ConfigError: The separator asked for is none.
    """
    excel = _EXCEL_LINE.match(head)
    start = _after_blank_lines(head, excel.end() if excel else 0)
    text = head[start:] + ("\n" if whole and not head.endswith("\n") else "")
    if not text.strip(BLANKS):
        raise ListRefused(f"The list {path} is empty.", hint="Export it again; nothing was read.")
    asked = None if options.separator == AUTO else _asked(options.separator)
    said = excel.group(1) if excel and _usable(excel.group(1)) else None
    separator = asked or said or _guessed(text, options, last=whole)
    records, end = Grammar(separator, 1).parse(text, last=whole, most=1)
    if not records or isinstance(records[0], str):
        raise ListRefused(
            f"The header of the list {path} does not end within its first MiB, or its quotes do not pair up.",
            hint="Save the list as CSV (UTF-8) or Parquet, with the columns' names in the first line.",
        )
    guess = () if asked else (_said(separator, of_excel=said is not None, fields=len(records[0])),)
    line = text[:end]
    return Dialect(separator, tuple(records[0]), start + end, guess, excel.group() if excel else "", line)


def _after_blank_lines(text: str, place: int) -> int:
    while (end := text.find("\n", place)) >= 0 and not text[place:end].strip(BLANKS):
        place = end + 1
    return place


def _asked(separator: str) -> str:
    char = "\t" if separator.casefold() in ("tab", "\\t") else separator
    if not _usable(char):
        raise ConfigError(
            f"[recipients] separator = {separator!r} is not one character that can separate fields.",
            hint='Write "auto", ",", ";", "|" or "tab".',
        )
    return char


def _usable(char: str) -> bool:
    return len(char) == 1 and char.isascii() and not char.isalnum() and char not in '"@\r\n\0 '


def _said(separator: str, *, of_excel: bool, fields: int) -> str:
    name = SEPARATOR_NAMES.get(separator, repr(separator))
    if of_excel:
        return f"The separator is {name}: the first line says so."
    return (
        f"The separator is taken for {name}." if fields > 1 else "The list is taken to have a single column."
    )


def _guessed(text: str, options: ListOptions, *, last: bool) -> str:
    ranked = [
        (*_score(records, options), -place, separator)
        for place, separator in enumerate(SEPARATORS)
        if (records := Grammar(separator, 1).parse(text, last=last, most=_SAMPLED)[0])
        and len(records[0]) > 1
        and not isinstance(records[0], str)
    ]
    if ranked:
        return max(ranked)[-1]
    # A single column: with a separator that is not in it, two addresses in a cell are seen for what they are.
    return next((char for char in (",", ";", "\t", "|") if char not in text), ",")


def _score(records: Sequence[Record], options: ListOptions) -> tuple[bool, float, int]:
    """How well a separator explains the first records; the best has the greatest score."""
    header, *rows = records
    full = [row for row in rows if len(row) > 1 or "".join(row).strip(BLANKS)]
    agreeing = sum(len(row) == len(header) and not isinstance(row, str) for row in full)
    names = {name.strip(BLANKS) for name in header}
    usual = _USUAL if options.address_column is None else {squashed(options.address_column)}
    address = any(squashed(name) in usual for name in names)
    return address, agreeing / len(full) if full else 1.0, len(header)
