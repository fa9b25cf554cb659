"""The front door: open a list, learn what it is, read it in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from zoneinfo import ZoneInfo

import orjson
import polars as pl

from bulk_pec.domain.addresses import canonical
from bulk_pec.recipients import taxcodes
from bulk_pec.recipients.ahead import ahead
from bulk_pec.recipients.checking import Sieve, Sifted
from bulk_pec.recipients.encodings import Survey, survey
from bulk_pec.recipients.headers import address_column, adopt, checked_names, chosen_column
from bulk_pec.recipients.judging import Rules, trimmed
from bulk_pec.recipients.options import ListOptions
from bulk_pec.recipients.readers import Frame, Reader, reader_of
from bulk_pec.recipients.rows import Batch, SetAsideRow
from bulk_pec.recipients.sources import Source
from bulk_pec.recipients.warning import codes

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
    names, named = checked_names(reader.header, path)
    columns, adopted = adopt(names, options.needed_columns, path)
    address, guess = address_column(columns, options, path)
    guesses = (found.guess, *reader.guesses, *named, *adopted, guess)
    rules = _rules(columns, address, options, path)
    return RecipientList(
        path=path,
        names=names,
        columns=columns,
        address_column=address,
        key_column=None if rules.key is None else columns[rules.key],
        guesses=tuple(sentence for sentence in guesses if sentence),
        _survey=found,
        _reader=reader.with_addresses(rules.address),
        _rules=rules,
    )


@dataclass(frozen=True)
class RecipientList:
    """An open list. Reading it again gives the same rows, or refuses when the file was changed meanwhile.

    Attributes:
        path: As given.
        names: The file's column names, trimmed.
        columns: The same, but one that the templates spell otherwise as they spell it (`headers.adopt`).
        address_column: Which of them holds the address.
        key_column: Which of them is the key; None: the address is.
        guesses: What was guessed, in sentences for people.
    """

    path: Path
    names: tuple[str, ...]
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

    @property
    def reader(self) -> Reader:
        """The file, as it is read."""
        return self._reader

    def is_used(self, column: str) -> bool:
        """Whether the templates or the settings ask for a column."""
        rules, place = self._rules, self.columns.index(column)
        return place in {rules.address, rules.key, rules.tax_code, rules.expires, *rules.needed}

    def lacks_address(self, row: SetAsideRow) -> str | None:
        """The tax code by which the address that a row lacks may be looked up, upper-case and without blanks.

        None: it has an address, or no good tax code, or something else is wrong with it, for which no answer
        would help and none is paid; or the list is not read for one.
        """
        place = self._rules.tax_code
        if place is None or row.recipient_text or len(row.problems) > 1:
            return None
        values = orjson.loads(row.values_json)
        if len(values) != len(self.columns) or None in values:
            return None
        code = trimmed(values[place])
        return taxcodes.compact(code) if code and taxcodes.fault(code) is None else None

    def with_address(self, row: SetAsideRow, address: str) -> Batch:
        """A row that lacked its address, judged again with the one found: a batch of that row alone."""
        values = orjson.loads(row.values_json)
        values[self._rules.address] = address
        sieve = Sieve(self._rules)
        schema = {str(place): pl.String for place in range(len(self.columns) + 1)}
        return sieve.batch(sieve.sift(pl.DataFrame([[*values, None]], schema, orient="row")), row.row)

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
            rows_per_batch: No batch has more rows than this, empty ones included; it may have fewer.

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


def _rules(columns: tuple[str, ...], address: str, options: ListOptions, path: Path) -> Rules:
    place = {name: number for number, name in enumerate(columns)}

    def named(setting: Literal["key_column", "tax_code_column", "expires_at_column"]) -> int | None:
        name = chosen_column(columns, getattr(options, setting), path, setting)
        return None if name is None else place[name]

    def places(names: frozenset[str]) -> tuple[int, ...]:
        return tuple(sorted(place[name] for name in names))

    tax_code, key = named("tax_code_column"), named("key_column")
    return Rules(
        columns=columns,
        address=place[address],
        key=None if key == place[address] else key,  # an address is a key in its canonical form
        required=places(options.required_columns),
        subject=places(options.subject_columns),
        own=frozenset(map(canonical, options.own_addresses)),
        needed=places(options.needed_columns),
        tax_code=tax_code,
        expires=named("expires_at_column"),
        zone=ZoneInfo(options.timezone),
        multiple=options.allow_multiple,
        codes=tuple((number, digits) for number, digits in codes(columns) if number != tax_code),
    )
