r"""CSV text in pieces -> blocks of whole records, and a named row for everything that is not well-formed.

The grammar is RFC 4180's, with any of the four separators and with ``\n`` or ``\r\n`` at the end, and one
liberty that Excel and Python's csv module take too: a field that does not begin with a quote may hold
quotes, which stand for themselves. A field that begins with a quote must end with one, right before a
separator or a line end. Where that fails, the *physical line* on which the record began is one broken row
and reading goes on with the next line: a quote that is never closed costs its own line, not the file.

Polars reads the blocks that are surely clean. It counts quotes in its own way, fills short rows and cuts
long ones in silence, so every block with anything else in it is read record by record here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import polars as pl

from bulk_pec.recipients.judging import BROKEN_QUOTES
from bulk_pec.recipients.rows import BLANKS

LONGEST_RECORD = 32 << 20
"""Characters in a record; one that is longer is taken for broken quotes."""

WIDEST_CLEAN = 100
"""Columns up to which a text is tried for cleanness; the expression for it grows with the width."""

FEW = 500
"""With fewer than one quote in so many characters it is not worth asking whether a text is clean."""

Fields: TypeAlias = list[str | None]
"""A field for each column, None where there is none, and one more for what is beyond the last column."""

Record: TypeAlias = list[str] | str
"""A record's own fields, or the line of a broken one."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records, in the order of the file.

    Attributes:
        text: Records as they stand in the file, each with its line end. Without quotes, a record is a line
            of any width, and some may be blank.
        clean: `text` has quotes, and is well-formed records of the right width and nothing else.
        parsed: Records that had to be parsed here, blank lines left out. Only in a block that is not clean.
        before: For each of `parsed`, how many of the lines of `text` come before it.
    """

    text: str = field(default="", repr=False)
    clean: bool = False
    parsed: tuple[Fields, ...] = field(default=(), repr=False)
    before: tuple[int, ...] = ()


class TooLong(Exception):
    """A line without a quote is longer than any record may be: this is no list."""


@dataclass(frozen=True)
class Grammar:
    """How records are told apart.

    Attributes:
        separator: One character between fields.
        width: How many fields a record is to have.
    """

    separator: str
    width: int

    @property
    def _sep(self) -> str:
        """The separator in the common syntax of Python's and Rust's regular expressions."""
        return rf"\x{ord(self.separator):02x}"

    @cached_property
    def _clean(self) -> str:
        # A single empty field would be a blank line, which is no record. A bare \r polars may drop.
        bare = rf'[^{self._sep}"\r\n]' + ("*" if self.width > 1 else "+")
        one = rf'(?:"(?:[^"]|"")*"|{bare})'
        return rf"\A(?:{one}(?:{self._sep}{one}){{{self.width - 1}}}\r?\n)*\z"

    @cached_property
    def _field(self) -> re.Pattern[str]:
        bare = rf'[^"{self._sep}\n][^{self._sep}\n]*+'
        return re.compile(rf'(?:"([^"]*+(?:""[^"]*+)*+)"|({bare})?)({self._sep}|\r?\n)')

    @cached_property
    def _open_ended(self) -> re.Pattern[str]:
        bare = rf'[^"{self._sep}\n][^{self._sep}\n]*+'
        return re.compile(rf'(?:"[^"]*+(?:""[^"]*+)*+(?:"\r?)?|(?:{bare})?)\Z')

    def is_clean(self, text: str) -> bool:
        """Whether `text` is well-formed records of the right width and no more, which polars reads right."""
        if self.width > WIDEST_CLEAN or text.startswith("\ufeff"):  # which polars drops as a byte order mark
            return False
        return bool(pl.Series([text]).str.contains(self._clean)[0])

    def parse(self, text: str, *, last: bool, most: int = sys.maxsize) -> tuple[list[Record], int]:
        """Every whole record of `text`, and where the first unfinished one begins.

        Args:
            text: From the beginning of a record on.
            last: Nothing follows, so a quote that is still open stays open.
            most: Stop after so many records.
        """
        records: list[Record] = []
        place = 0
        while len(records) < most and (end := text.find("\n", place)) >= 0:
            if text.find('"', place, end) < 0:
                records.append(text[place:end].removesuffix("\r").split(self.separator))
                place = end + 1
                continue
            record, after = self._record(text, place, last=last)
            if record is None:
                break
            records.append(record)
            place = after
        return records, place

    def sift(self, text: str, *, last: bool) -> tuple[Block | None, int]:
        """A block in which only records with quotes are parsed, and where the first unfinished one begins."""
        plain: list[str] = []
        parsed: list[Fields] = []
        before: list[int] = []
        place = lines = 0
        while (quote := text.find('"', place)) >= 0:
            start = max(text.rfind("\n", place, quote) + 1, place)
            plain.append(text[place:start])
            lines += text.count("\n", place, start)
            record, place = self._record(text, start, last=last)
            if record is None:
                break
            if (fields := self._fitted(record)) is not None:
                parsed.append(fields)
                before.append(lines)
        else:
            end = max(text.rfind("\n") + 1, place)
            plain.append(text[place:end])
            place = end
        block = Block("".join(plain), parsed=tuple(parsed), before=tuple(before))
        return block if block.text or parsed else None, place

    def _record(self, text: str, start: int, *, last: bool) -> tuple[Record | None, int]:
        """The record at `start` and where the next one begins; None if more must be read to tell."""
        fields, after = self._quoted(text, start)
        if fields is not None:
            return fields, after
        end = text.find("\n", start)
        if end < 0 or self._may_go_on(text, start, after, last=last):
            return None, start
        return text[start:end].removesuffix("\r"), end + 1

    def _may_go_on(self, text: str, start: int, field: int, *, last: bool) -> bool:
        """Whether the record at `start` failed, at `field`, only because the text ends there."""
        return not last and len(text) - start <= LONGEST_RECORD and bool(self._open_ended.match(text, field))

    def _quoted(self, text: str, place: int) -> tuple[list[str] | None, int]:
        """A record's fields and its end, or None and the place of the first field that is not one."""
        fields: list[str] = []
        while (match := self._field.match(text, place)) is not None:
            quoted, bare, end = match.groups()
            place = match.end()
            if end == self.separator:
                fields.append(bare or "" if quoted is None else quoted.replace('""', '"'))
                continue
            # The bare pattern has taken the \r of the line's end, if there is one.
            fields.append((bare or "").removesuffix("\r") if quoted is None else quoted.replace('""', '"'))
            return fields, place
        return None, place

    def _fitted(self, record: Record) -> Fields | None:
        """A record in the list's width; None for a blank line."""
        if isinstance(record, str):
            return [record, *[None] * (self.width - 1), BROKEN_QUOTES]
        if len(record) == 1 and not record[0].strip(BLANKS):
            return None
        if len(record) > self.width:
            return [*record[: self.width], self.separator.join(record[self.width :])]
        return [*record, *[None] * (self.width + 1 - len(record))]


def blocks(pieces: Iterable[str], grammar: Grammar) -> Iterator[Block]:
    """Cut text into blocks of whole records, whatever the pieces it comes in.

    Raises:
        TooLong: A line that can be no record.
    """
    rest = ""
    for piece in pieces:
        block, rest = _cut(rest + piece, grammar, last=False)
        if block is not None:
            yield block
    if rest:
        block, _ = _cut(rest if rest.endswith("\n") else rest + "\n", grammar, last=True)
        if block is not None:
            yield block


def _cut(text: str, grammar: Grammar, *, last: bool) -> tuple[Block | None, str]:
    """One block from the beginning of `text`, if a whole record is there, and what is left over."""
    if '"' not in text:
        end = text.rfind("\n") + 1
        block = Block(text[:end]) if end else None
    elif (end := _worth_asking(text)) and grammar.is_clean(text[:end]):
        block = Block(text[:end], clean=True)
    else:
        block, end = grammar.sift(text, last=last)
    if not end and len(text) > 2 * LONGEST_RECORD:
        raise TooLong
    return block, text[end:]


def _worth_asking(text: str) -> int:
    """The end of the last line before which quotes are even in number: a record's end, if all is well.

    0 if there is none, or if quotes are so few that parsing their records costs less than asking.
    """
    quotes = text.count('"')
    even = quotes % 2 == 0
    upper = len(text) if quotes > len(text) // FEW else 0
    while (end := text.rfind("\n", 0, upper)) >= 0:
        even ^= text.count('"', end, upper) % 2 == 1
        if even:
            return end + 1
        upper = end
    return 0
