"""Invariant 6 at its beginning: whatever a list holds, loading it loses no row and makes none."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.intake import Home
from support.ledgers import NOW, query, recount

from bulk_pec.cli import proofreading
from bulk_pec.domain.errors import ListRefused
from bulk_pec.ledger.ledger import Ledger

NEVER = "no@tre.example"


class Line(NamedTuple):
    """A row as the list writes it; a name that is blank makes it invalid."""

    key: str
    address: str
    name: str


GOOD = st.builds(
    Line,
    st.sampled_from(["a", "b", " a ", "A", "a#2", "a#3", "c", "d"]),
    st.sampled_from(["u@uno.example", "U@UNO.example ", "d@due.example", NEVER, NEVER.upper()]),
    st.sampled_from(["Uno", "Due"]),
)
BAD = st.builds(
    Line,
    st.sampled_from(["a", "", "z"]),
    st.sampled_from(["", "rotto", NEVER, "ufficio@pec.example", "#N/D"]),
    st.just(""),
)
RAGGED = st.just(Line("a;;", "u@uno.example", "Uno"))
EMPTY = st.builds(Line, st.just(""), st.sampled_from(["", " "]), st.just(""))
LISTS = st.lists(st.one_of(GOOD, GOOD, GOOD, BAD, RAGGED, EMPTY), min_size=1, max_size=12)


def _expected(lines: list[Line], mode: str) -> dict[int, str]:
    """What becomes of each row that is one, by its number, reckoned without any of our rooms."""
    states: dict[int, str] = {}
    seen: set[str] = set()
    for number, (key, address, name) in enumerate(lines, 1):
        if not (key + address + name).strip():
            continue
        if not name or ";" in key:
            states[number] = "invalid"
        elif address.strip().lower() == NEVER:
            states[number] = "suppressed"
        elif key.strip() in seen and mode != "keep":
            states[number] = "duplicate"
        else:
            seen.add(key.strip())
            states[number] = "message"
    return states


def _found(ledger: Ledger, run: int) -> list[tuple[int, str]]:
    """Every row of both tables: one that stands in both, or twice, is here twice."""
    rows = query(
        ledger,
        "SELECT \"row\", 'message' AS state FROM messages WHERE run_id = :run "
        'UNION ALL SELECT "row", state FROM set_aside WHERE run_id = :run',
        run=run,
    )
    return sorted((row["row"], row["state"]) for row in rows)


def _tables(ledger: Ledger) -> list[int]:
    """How many rows each table of a load has."""
    names = ("runs", "messages", "set_aside", "blocks", "run_counts", "run_mailboxes")
    return [query(ledger, f"SELECT COUNT(*) AS n FROM {name}")[0]["n"] for name in names]  # noqa: S608 - names


@pytest.mark.parametrize("batch", [1, 3, 20_000])
@pytest.mark.parametrize("mode", ["skip", "keep", "fail"])
def test_every_row_of_a_list_ends_in_exactly_one_place(
    tmp_path: Path, mode: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in = messages + invalid + duplicate + suppressed, row by row, or nothing at all is loaded.

    Through a real load into a real ledger, wherever a batch ends.
    """
    monkeypatch.setattr(proofreading, "BATCH", batch)
    home = Home(tmp_path, f'key_column = "numero"\non_duplicate = "{mode}"\non_repeat = "warn"')
    numbers = count(1)

    @settings(max_examples=25, deadline=None, database=None)
    @given(lines=LISTS)
    @example(lines=[Line("a", "u@uno.example", "Uno")] * 3 + [Line("a#2", "u@uno.example", "Uno")])
    @example(lines=[Line("a#2", "u@uno.example", "Uno"), *[Line("a", "u@uno.example", "Uno")] * 3])
    def holds(lines: list[Line]) -> None:
        path = home.write("\n".join(["numero;pec;nome", *map(";".join, lines), ""]))
        states, before = _expected(lines, mode), _tables(ledger)
        name = f"run-{next(numbers)}"
        if "message" not in states.values() or (mode == "fail" and "duplicate" in states.values()):
            with pytest.raises(ListRefused):
                home.load(ledger, path, name)
            assert _tables(ledger) == before
            return
        run = home.load(ledger, path, name)
        assert _found(ledger, run.id) == sorted(states.items())
        assert run.input_rows == len(states)
        recount(ledger, run)
        assert [(view.row, view.state) for view in ledger.views.rows(run)] == [
            (row, {"message": "pending"}.get(state, state)) for row, state in states.items()
        ]
        keys = [row["key"] for row in query(ledger, "SELECT key FROM messages WHERE run_id = :r", r=run.id)]
        assert len(set(keys)) == len(keys)

    with home.ledger() as ledger:
        ledger.suppressions.add([NEVER], "asked", NOW)
        holds()
