"""CSV or Parquet in one shape: frames of texts, from the first data row to the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol, TypeAlias

import polars as pl

from bulk_pec.domain.errors import ListRefused
from bulk_pec.recipients import parquet
from bulk_pec.recipients.blocks import frame_of
from bulk_pec.recipients.dialects import HEAD, Dialect, dialect_of
from bulk_pec.recipients.options import ListOptions
from bulk_pec.recipients.records import LONGEST_RECORD, Grammar, TooLong, blocks
from bulk_pec.recipients.sources import PIECE, Source

Frame: TypeAlias = Callable[[], pl.DataFrame]
"""Makes a frame of the form that `blocks.frame_of` gives, in any thread."""


class Reader(Protocol):
    """A list file that can be read from its first row any number of times."""

    @property
    def source(self) -> Source:
        """The file."""

    @property
    def kind(self) -> Literal["csv", "parquet"]:
        """What it is."""

    @property
    def header(self) -> tuple[str, ...]:
        """Its column names, as they stand."""

    @property
    def separator(self) -> str:
        """The character between fields; "" for Parquet."""

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was guessed, in sentences."""

    def with_addresses(self, place: int) -> Reader:
        """The same, once it is known which column holds the addresses."""

    def frames(self, rows: int, piece: int = PIECE) -> Iterator[Frame]:
        """Every row, in order; `rows` and `piece` (bytes) are hints of how many at a time."""


@dataclass(frozen=True, slots=True)
class ParquetReader:
    """A Parquet file.

    Attributes:
        source: The file.
        schema: Its columns.
        address: Place of the addresses, where a list is not JSON but the addresses of a cell.
    """

    source: Source
    schema: pl.Schema
    address: int | None = None

    kind: Literal["csv", "parquet"] = "parquet"
    separator: str = ""
    guesses: tuple[str, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """Its column names, as they stand."""
        return tuple(self.schema)

    def with_addresses(self, place: int) -> Reader:
        """See `Reader.with_addresses`."""
        return replace(self, address=place)

    def frames(self, rows: int, piece: int = PIECE) -> Iterator[Frame]:
        """See `Reader.frames`; `rows` bounds the memory, not `piece`."""
        self.source.check_unchanged()
        yield from parquet.frames(self.source.path, self.schema, rows, self.address)


@dataclass(frozen=True, slots=True)
class CsvReader:
    r"""A CSV file.

    Attributes:
        source: The file.
        codec: By which it is decoded.
        dialect: How it is written.
        bare_returns: Its lines end in ``\r`` alone, as on an old Macintosh.
    """

    source: Source
    codec: str
    dialect: Dialect
    bare_returns: bool

    kind: Literal["csv", "parquet"] = "csv"

    @property
    def header(self) -> tuple[str, ...]:
        """Its column names, as they stand."""
        return self.dialect.header

    @property
    def separator(self) -> str:
        """The character between fields."""
        return self.dialect.separator

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was guessed, in sentences."""
        return self.dialect.guesses

    def with_addresses(self, place: int) -> Reader:
        """See `Reader.with_addresses`; in a CSV every cell is text."""
        return self

    def frames(self, rows: int, piece: int = PIECE) -> Iterator[Frame]:
        """See `Reader.frames`; `piece` bounds the memory, not `rows`."""
        grammar = Grammar(self.separator, len(self.header))
        try:
            for block in blocks(self._body(piece), grammar):
                yield partial(frame_of, block, grammar)
        except TooLong:
            raise ListRefused(
                f"The list {self.source.path} has a line of more than {LONGEST_RECORD} characters.",
                hint="Is it a CSV file? Save it as CSV (UTF-8) or Parquet.",
            ) from None

    def _body(self, piece: int) -> Iterator[str]:
        """The text after the header."""
        skip = self.dialect.skip
        for text in self.source.text(self.codec, piece):
            body = text[skip:]
            skip = max(skip - len(text), 0)
            yield body.replace("\r", "\n") if self.bare_returns else body


def reader_of(source: Source, codec: str, options: ListOptions) -> Reader:
    """The reader of a file: Parquet if it begins as every Parquet file does, else CSV.

    Raises:
        ListRefused: It has no header that can be read, or columns that are no text.
        ConfigError: The separator asked for is none.
    """
    if source.is_parquet:
        return ParquetReader(source, parquet.schema_of(source.path))
    head = next(source.text(codec, HEAD))
    bare_returns = "\r" in head and "\n" not in head
    head = head.replace("\r", "\n") if bare_returns else head
    dialect = dialect_of(head, options, source.path, whole=source.size <= HEAD)
    return CsvReader(source, codec, dialect, bare_returns)
