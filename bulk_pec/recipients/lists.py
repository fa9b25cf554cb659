"""The front door: open a list, learn what it is, read it in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from bulk_pec.recipients.ahead import ahead
from bulk_pec.recipients.checking import Sieve, Sifted
from bulk_pec.recipients.encodings import Survey, survey
from bulk_pec.recipients.headers import address_column, checked_names, key_column, require
from bulk_pec.recipients.judging import Rules
from bulk_pec.recipients.options import ListOptions
from bulk_pec.recipients.readers import Frame, Reader, reader_of
from bulk_pec.recipients.rows import Batch
from bulk_pec.recipients.sources import Source

_SAMPLE_PIECE = 64 << 10


def open_list(path: Path, options: ListOptions) -> RecipientList:
    """Open a list: every byte is read once, for the digest and the encoding, and the header is checked.

    Args:
        path: A CSV or Parquet file, told apart by its first bytes.
        options: What is asked of it.

    Raises:
        ListRefused: It cannot be used; the error says what is wrong, where, and what to do.
        ConfigError: An encoding or separator is asked for that is none.
    """
    source = Source.of(path)
    found = survey(source, options.encoding)
    reader = reader_of(source, found.encoding, options)
    columns, named = checked_names(reader.header, path)
    address, guess = address_column(columns, options, path)
    key = key_column(columns, options, path)
    require(columns, options.needed_columns, path, "The templates need")
    guesses = (found.guess, *reader.guesses, *named, guess)
    return RecipientList(
        path=path,
        columns=columns,
        address_column=address,
        key_column=key,
        guesses=tuple(sentence for sentence in guesses if sentence),
        _survey=found,
        _reader=reader,
        _rules=_rules(columns, address, key, options),
    )


@dataclass(frozen=True)
class RecipientList:
    """An open list. Reading it again gives the same rows, or refuses when the file was changed meanwhile.

    Attributes:
        path: As given.
        columns: The file's column names, trimmed.
        address_column: Which of them holds the address.
        key_column: Which of them is the key; None: the address is.
        guesses: What was guessed, in sentences for people.
    """

    path: Path
    columns: tuple[str, ...]
    address_column: str
    key_column: str | None
    guesses: tuple[str, ...]
    _survey: Survey = field(repr=False)
    _reader: Reader = field(repr=False)
    _rules: Rules = field(repr=False)

    @property
    def kind(self) -> Literal["csv", "parquet"]:
        """What the file is."""
        return self._reader.kind

    @property
    def encoding(self) -> str:
        """The text's encoding, by Python's name; "" for Parquet."""
        return self._survey.encoding

    @property
    def separator(self) -> str:
        """The character between fields; "" for Parquet."""
        return self._reader.separator

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes, hex."""
        return self._survey.digest

    def sample(self, n: int = 3) -> list[tuple[str, ...]]:
        """The first `n` rows as they stand, good or bad, a text for each column."""
        rows: list[tuple[str, ...]] = []
        for frame in self._reader.frames(n, _SAMPLE_PIECE):
            wanted = frame().head(n - len(rows)).rows()
            rows += [tuple(value or "" for value in values[:-1]) for values in wanted]
            if len(rows) >= n:
                break
        return rows

    def batches(self, rows_per_batch: int = 50_000) -> Iterator[Batch]:
        """Every row of the list, checked, in the order of the file.

        Args:
            rows_per_batch: No batch has more rows than this; it may have fewer, but none is empty.

        Raises:
            ListRefused: The file can no longer be read, or was changed since it was opened.
        """
        if rows_per_batch < 1:
            raise ValueError("a batch has at least one row")
        sieve, row = Sieve(self._rules), 1

        def sifted(frame: Frame) -> list[Sifted]:
            return [sieve.sift(part) for part in frame().iter_slices(rows_per_batch) if part.height]

        for parts in ahead(sifted, self._reader.frames(rows_per_batch)):
            for part in parts:
                yield sieve.batch(part, row)
                row += part.frame.height
        self._reader.source.check_unchanged()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open between batches; the form leaves room for a reader that must clean up."""


def _rules(columns: tuple[str, ...], address: str, key: str | None, options: ListOptions) -> Rules:
    place = {name: number for number, name in enumerate(columns)}
    return Rules(
        columns=columns,
        address=place[address],
        key=None if key is None else place[key],
        required=tuple(sorted(place[name] for name in options.required_columns)),
        subject=tuple(sorted(place[name] for name in options.subject_columns)),
        own=frozenset(own.strip().lower() for own in options.own_addresses),
    )
