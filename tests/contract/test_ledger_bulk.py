"""Bulk: rows set aside, and keys that repeat, cost a few statements a batch, however many they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import orjson
import pytest
from sqlalchemy import event
from support.ledgers import NOW, a_row, new_run, query, recount

from bulk_pec.domain.states import SetAside
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.loading import Loading, RefusedRow

ODD = ('O\'Brien "Mario"', "\\N", "a\tb\r\nc", "città 📬", "", "NULL", "%s :name ?", "\x01\x7f", "a\x00b")


@contextmanager
def _statements(ledger: Ledger) -> Iterator[list[str]]:
    """What is executed meanwhile; a batch that the driver takes whole (executemany, COPY) is none of it."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(ledger.database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(ledger.database.engine, "before_cursor_execute", note)


def _refused(row: int, text: str, state: SetAside) -> RefusedRow:
    return RefusedRow(
        row, text if row % 2 else None, text, f"why {text}", orjson.dumps([text]).decode(), state
    )


def test_rows_set_aside_come_back_as_they_were(ledger: Ledger) -> None:
    """Every character, every state and a missing key survive the way they are written; NUL is replaced."""
    states = list(SetAside)
    aside = [_refused(n, text, states[n % len(states)]) for n, text in enumerate(ODD, 2)]
    with ledger.load(new_run(), NOW) as loading:
        loading.add([a_row(1)])
        loading.set_aside(iter(aside))
        loading.set_aside([])
    run = ledger.runs.get("giugno")
    kept = query(ledger, 'SELECT "row", state, key, recipient, reason, fields FROM set_aside ORDER BY "row"')
    for row, one in zip(kept, aside, strict=True):
        text = one.recipient.replace("\x00", "\ufffd")
        assert (row["row"], row["state"], row["fields"]) == (one.row, one.state.value, one.fields)
        assert (row["key"], row["recipient"], row["reason"]) == (one.key and text, text, f"why {text}")
    assert run.input_rows == 1 + len(ODD)
    recount(ledger, run)


def _duplicates(loading: Loading, count: int) -> None:
    found = loading.add([a_row(n, f"k{n % count}") for n in range(2 * count)])
    assert [(one.row, one.reason) for one in found] == [
        (n, f"same key as row {n - count}") for n in range(count, 2 * count)
    ]


def _kept(loading: Loading, count: int) -> None:
    assert loading.add([a_row(n, f"k{n % count}") for n in range(3 * count)]) == []


def _set_aside(loading: Loading, count: int) -> None:
    loading.add([a_row(0)])
    loading.set_aside([_refused(n, "x", SetAside.INVALID) for n in range(1, count)])


@pytest.mark.parametrize(
    ("fill", "keep"),
    [(_duplicates, False), (_kept, True), (_set_aside, False)],
    ids=["skip", "keep", "invalid"],
)
def test_a_batch_costs_the_same_statements_however_many_rows_it_refuses(
    ledger: Ledger, fill: Callable[[Loading, int], None], *, keep: bool
) -> None:
    """A list of which half is invalid or repeats is loaded about as fast as a clean one."""
    said: list[int] = []
    for count in (2, 300):
        new = replace(new_run(f"run {count}"), keep_duplicates=keep)
        with _statements(ledger) as statements:
            with ledger.load(new, NOW) as loading:
                fill(loading, count)
            said.append(len(statements))
        recount(ledger, ledger.runs.get(new.name))
    assert said[0] == said[1]
