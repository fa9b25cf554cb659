"""What `explain` and `dossier` answer where nothing fits, and where they have looked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.intake import Home

from bulk_pec.cli.asking import found
from bulk_pec.domain.errors import UsageError
from bulk_pec.ledger.ledger import Ledger

HEAD = "numero;pec;nome\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A run `prima` of three rows and, loaded last, a run `ultima` of one."""
    home = Home(tmp_path)
    rows = [f"k{number};a@ditta-{number}.example;N\n" for number in (1, 2, 3)]
    with home.ledger() as ledger:
        home.load(ledger, home.write(HEAD + "".join(rows), "prima.csv"), "prima")
        home.load(ledger, home.write(f"{HEAD}z1;z@altra.example;N\n", "ultima.csv"), "ultima")
        yield ledger


def refusal(ledger: Ledger, word: str, run: str | None = None) -> UsageError:
    """The error for a word that nothing fits."""
    with pytest.raises(UsageError) as caught:
        found(ledger, word, run)
    return caught.value


def test_a_row_that_is_not_there_names_the_run_it_was_looked_for_in(ledger: Ledger) -> None:
    """The one loaded last, or that of --run: a row's number says nothing about any other run."""
    last = refusal(ledger, "row:2")
    assert last.what == "The run loaded last, 'ultima', has no row 2: its list has 1 row."
    assert "--run RUN" in last.hint
    assert refusal(ledger, "row:4", "prima").what == "The run 'prima' has no row 4: its list has 3 rows."
    assert [match.row for match in found(ledger, "row:2", "prima")] == [2]


def test_a_bare_number_may_be_a_key_of_any_run_and_a_row_of_the_last(ledger: Ledger) -> None:
    """Both are said, each with where it was looked for; with --run there is one place only."""
    anywhere = refusal(ledger, "2")
    assert anywhere.what == (
        "Nothing in any run of this ledger has the key, address, reference or message_id '2', and the run "
        "loaded last, 'ultima', has no such row."
    )
    assert "1 key and 1 address hold this text" in anywhere.hint
    assert "--run RUN" in anywhere.hint
    there = refusal(ledger, "4", "prima")
    assert there.what == (
        "Nothing in the run 'prima' has the key, address, reference, message_id or row '4'."
    )
    assert "--run" not in there.hint


@pytest.mark.parametrize("number", ["abc", "0", "00", "-1", "1.5", "²", "", " "])
def test_what_is_no_row_number_is_said_to_be_none(ledger: Ledger, number: str) -> None:
    """Rows are counted from 1; nothing was looked for."""
    assert refusal(ledger, f"row:{number}").what == f"{number!r} is no row number."


def test_a_number_of_any_length_is_only_a_row_that_is_not_there(ledger: Ledger) -> None:
    """However many digits a slip of the hand makes of it."""
    assert "has no row 999" in refusal(ledger, f"row:{'9' * 5000}").what


def test_a_ledger_without_a_run_says_so(tmp_path: Path) -> None:
    """There is no run loaded last to look in."""
    with Home(tmp_path).ledger() as empty:
        assert refusal(empty, "row:1").what == "The ledger holds no run yet."
