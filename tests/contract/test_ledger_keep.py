"""`on_duplicate = "keep"`: a key that comes again gets a number, and every row is a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledgers import NOW, Desk, a_row, new_run, query, recount

from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run


def _load(ledger: Ledger, batches: Sequence[Sequence[str]], name: str = "giugno") -> Run:
    """A run of rows with these keys, each with an address of its own, loaded in these batches."""
    row = 0
    with ledger.load(replace(new_run(name), keep_duplicates=True), NOW) as loading:
        for keys in batches:
            numbered = [
                a_row(row + place, key, f"p{row + place}@example.org") for place, key in enumerate(keys, 1)
            ]
            row += len(keys)
            assert loading.add(numbered) == []
    run = ledger.runs.get(name)
    recount(ledger, run)
    return run


def _keys(ledger: Ledger, run: Run) -> list[str | None]:
    """Keys as the export tells them: in the order of the list."""
    views = list(ledger.views.rows(run))
    assert [view.row for view in views] == list(range(1, run.input_rows + 1))
    assert [view.recipient for view in views] == [f"p{view.row}@example.org" for view in views]
    return [view.key for view in views]


CASES: list[tuple[list[list[str]], list[str]]] = [
    ([["A", "B", "A", "A", "B", "C"]], ["A", "B", "A#2", "A#3", "B#2", "C"]),
    ([["A"], ["A"], ["A"], ["B", "B"]], ["A", "A#2", "A#3", "B", "B#2"]),
    ([["A", "A"], ["B", "A"]], ["A", "A#2", "B", "A#3"]),
    ([["A#2", "A", "A"]], ["A#2", "A", "A#3"]),
    ([["A#2"], ["A"], ["A"]], ["A#2", "A", "A#3"]),
    ([["A", "A", "A#2"]], ["A", "A#2", "A#2#2"]),
    ([["A"], ["A"], ["A#2"]], ["A", "A#2", "A#2#2"]),
    ([["A", "A#2", "A#3"], ["A", "A#2"]], ["A", "A#2", "A#3", "A#4", "A#2#2"]),
    ([["", "", ""]], ["", "#2", "#3"]),
]


@pytest.mark.parametrize(("batches", "keys"), CASES)
def test_repeated_keys_are_numbered(ledger: Ledger, batches: list[list[str]], keys: list[str]) -> None:
    """From 2 on, over all batches of a list; a number that the list itself held before is passed over."""
    assert _keys(ledger, _load(ledger, batches)) == keys


def test_ids_are_in_the_order_of_the_list(ledger: Ledger) -> None:
    """Claims and the export go by ids: a row that was renamed is handed out in its own place."""
    run = _load(ledger, [["A", "A", "B", "A", "C"], ["A", "D"]])
    rows = query(ledger, 'SELECT id, "row" FROM messages ORDER BY id')
    assert [row["row"] for row in rows] == list(range(1, 8))
    assert [one.row for one in Desk.of(ledger, run).pending()] == list(range(1, 8))


def test_every_run_counts_for_itself(ledger: Ledger) -> None:
    """What another run named so takes no name here."""
    _load(ledger, [["A", "A"]])
    assert _keys(ledger, _load(ledger, [["A", "A"]], "luglio")) == ["A", "A#2"]


def test_suppressed_rows_use_up_no_number(ledger: Ledger) -> None:
    """Only messages have keys to tell apart."""
    ledger.suppressions.add(["p2@example.org"], "opted out", NOW)
    with ledger.load(replace(new_run(), keep_duplicates=True), NOW) as loading:
        refused = loading.add([a_row(number, "A", f"p{number}@example.org") for number in (1, 2, 3)])
    assert [one.row for one in refused] == [2]
    run = ledger.runs.get("giugno")
    recount(ledger, run)
    assert [(view.row, view.key, view.state) for view in ledger.views.rows(run)] == [
        (1, "A", "pending"),
        (2, "A", "suppressed"),
        (3, "A#2", "pending"),
    ]


HARD = st.lists(st.sampled_from(["A", "B", "A#2", "A#3", "A#2#2", "B#02"]), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=HARD, cuts=st.sets(st.integers(1, 7)))
def test_numbers_do_not_depend_on_where_a_batch_ends(ledger: Ledger, keys: list[str], cuts: set[int]) -> None:
    """As if the rows came one by one: how a list is cut is nothing that its owner could know."""
    ends = [0, *sorted(cut for cut in cuts if cut < len(keys)), len(keys)]
    batches = [keys[start:end] for start, end in pairwise(ends)]
    names = [f"run {len(ledger.runs.names()) + more}" for more in (0, 1)]
    one_by_one = _load(ledger, [[key] for key in keys], names[0])
    assert _keys(ledger, _load(ledger, batches, names[1])) == _keys(ledger, one_by_one)


def test_the_list_s_own_key_is_kept(ledger: Ledger) -> None:
    """Of what was renamed, and of nothing else; an own key that looks like a number is one."""
    _load(ledger, [["A", "A#2", "A", ""], ["", "A"]])
    rows = query(ledger, "SELECT key, list_key FROM messages ORDER BY id")
    assert [(row["key"], row["list_key"]) for row in rows] == [
        *(("A", None), ("A#2", None), ("A#3", "A"), ("", None), ("#2", ""), ("A#4", "A"))
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(st.sampled_from(["A", "B", "A#2", "A#3", "A#2#2"]), max_size=6), min_size=1, max_size=4
    ).filter(any)
)
def test_whatever_the_keys_nothing_is_lost(ledger: Ledger, batches: list[list[str]]) -> None:
    """Every row is a message, all keys differ, and each is the list's own or that with a number."""
    run = _load(ledger, batches, f"run {len(ledger.runs.names())}")
    keys = _keys(ledger, run)
    given_keys = [key for batch in batches for key in batch]
    assert len(set(keys)) == len(keys) == len(given_keys)
    for was, became in zip(given_keys, keys, strict=True):
        assert became is not None
        rest = became.removeprefix(was)
        assert rest == "" or (rest.startswith("#") and int(rest[1:]) >= 2)
    assert set(given_keys) <= set(keys)
