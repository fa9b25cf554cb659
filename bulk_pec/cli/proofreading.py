"""Proof-reading a list batch by batch, in one way for `plan` and for loading: what is good, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Generic, TypeAlias, TypeVar

import orjson

from bulk_pec.cli.enquiring import Enriched
from bulk_pec.domain.problems import Problem
from bulk_pec.recipients import Batch, SetAsideRow

BATCH = 20_000
"""Rows in a batch."""

Found = TypeVar("Found")
"""What a proof-reader finds of a good row: its content digest, or its whole proof."""

GoodRow: TypeAlias = tuple[int, str, str, str, Found, int | None, bool | None]
"""Row number, key, recipient, fields (JSON array), what was found, when it expires, whether looked up.

With a digest as what was found it is what the ledger loads: made once, because a list has millions of them.
"""


@dataclass(frozen=True, slots=True)
class Sorted(Generic[Found]):
    """One batch, proof-read.

    Attributes:
        batch: As it was read.
        good: Rows of which a letter can be made.
        aside: Rows that can be no message, by the list or by the letter, in the order of the file.
    """

    batch: Batch
    good: list[GoodRow[Found]] = field(repr=False)
    aside: list[SetAsideRow] = field(repr=False)


def proofread(
    known: Enriched,
    read: Callable[[str, Sequence[str | None]], Found | tuple[Problem, ...]],
    read_all: Callable[[list[str], list[str]], list[Found] | None] | None = None,
) -> Iterator[Sorted[Found]]:
    """Every batch of a list, each of its rows proof-read.

    Args:
        known: The list, as far as its addresses are known.
        read: `Proofreader.read`, or `Proofreader.proof` where sizes are wanted too.
        read_all: `Proofreader.digests`, which is tried first.
    """
    for batch in known.batches(BATCH):
        found = None
        if read_all is not None:
            found = read_all([row[2] for row in batch.rows], [row[3] for row in batch.rows])
        if found is None:
            yield _sorted(batch, read, known)
        else:
            yield Sorted(batch, _joined(batch, found, known), batch.set_aside)


def _joined(batch: Batch, found: list[Found], known: Enriched) -> list[GoodRow[Found]]:
    """The batch's rows with what is beside them."""
    rows, marks = batch.rows, repeat(None)
    if known.looked_up:
        return [
            (*row[:3], known.kept(row), one, expires_at, row[0] in known.looked_up or None)
            for row, one, expires_at in zip(rows, found, batch.expires, strict=True)
        ]
    beside = zip(found, batch.expires, marks, strict=False)  # the marks are endless
    return [(*row, *more) for row, more in zip(rows, beside, strict=True)]


def _sorted(
    batch: Batch,
    read: Callable[[str, Sequence[str | None]], Found | tuple[Problem, ...]],
    known: Enriched,
) -> Sorted[Found]:
    parse = orjson.loads
    good: list[Found] = []
    kept: list[int] = []
    failed: list[SetAsideRow] = []
    for place, row in enumerate(batch.rows):
        found = read(row[2], parse(row[3]))
        if isinstance(found, tuple):
            failed.append(SetAsideRow(*row[:3], found, known.listed(row)))
        else:
            kept.append(place)
            good.append(found)
    if not failed:
        return Sorted(batch, _joined(batch, good, known), batch.set_aside)
    rows, expires = [batch.rows[place] for place in kept], [batch.expires[place] for place in kept]
    aside = sorted([*batch.set_aside, *failed], key=lambda one: one.row)
    return Sorted(batch, _joined(replace(batch, rows=rows, expires=expires), good, known), aside)
