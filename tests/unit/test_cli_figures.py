"""Figures and their words agree, of one as of many, in what loading and its plan say."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.intake import Home

from bulk_pec.cli import forecasting, wiring
from bulk_pec.cli.commands.run import confirm
from bulk_pec.cli.loading import LoadReport, keys_repeat, load, said_already, too_many_invalid
from bulk_pec.cli.session import Session
from bulk_pec.config.models import RecipientsSettings
from bulk_pec.domain.errors import ListRefused, UsageError
from bulk_pec.planning import text
from bulk_pec.reporting import status

HEAD = "numero;pec;nome\n"
ROWS = "1;a@uno.example;A\n1;b@due.example;B\n"


@pytest.mark.parametrize("many", [1, 2000])
def test_why_a_list_is_refused(many: int) -> None:
    """One row is invalid, one repeats a key, one message is in an earlier run."""
    strict = RecipientsSettings(on_invalid="fail", on_duplicate="fail")
    lax = RecipientsSettings(max_invalid_share=0.1)
    one = many == 1
    told = [
        too_many_invalid(strict, many, many),
        too_many_invalid(lax, many, many),
        keys_repeat(strict, many),
        said_already(many),
    ]
    assert told == [
        "1 of 1 row is invalid and on_invalid is fail"
        if one
        else "2,000 of 2,000 rows are invalid and on_invalid is fail",
        "1 of 1 row is invalid, more than max_invalid_share allows"
        if one
        else "2,000 of 2,000 rows are invalid, more than max_invalid_share allows",
        "1 row repeats a key and on_duplicate is fail"
        if one
        else "2,000 rows repeat a key and on_duplicate is fail",
        "1 message is in an earlier run, to the same recipient in the same words"
        if one
        else "2,000 messages are in an earlier run, to the same recipients in the same words",
    ]


def test_a_list_without_a_valid_row_is_told_in_figures(tmp_path: Path) -> None:
    """Of one row one is invalid."""
    home = Home(tmp_path)
    with home.ledger() as ledger, pytest.raises(ListRefused) as caught:
        home.load(ledger, home.write(f"{HEAD}1;rotta;A\n"))
    assert caught.value.what.endswith("of 1 row 1 invalid, 0 duplicate, 0 suppressed.")


def test_rows_set_aside_beyond_the_first_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten are named; how many more there are is said, and who lists them; of ten and fewer nothing is."""
    session = Session(config_path=tmp_path / "config.toml")
    for number, more in ((10, None), (11, "1 more row;"), (1012, "1,002 more rows;")):
        report = LoadReport()
        for row in range(number):
            report.problem(row, "rotta")
        report.tell(session)
        lines = capsys.readouterr().err.splitlines()
        assert sum("Set aside, row " in line for line in lines) == 10
        assert [line.partition("Set aside, and ")[2].partition(" `")[0] for line in lines[10:]] == (
            [] if more is None else [more]
        )
        assert more is None or "`bulk-pec plan LIST --problems FILE`" in lines[-1]


@pytest.mark.parametrize(("messages", "words"), [(1, "1 message waits."), (3000, "3,000 messages wait.")])
def test_what_waits_for_a_yes(messages: int, words: str) -> None:
    """Without a terminal nothing is asked, and it is said how many messages wait."""
    with pytest.raises(UsageError) as caught:
        confirm(Session(as_json=True), "uno", messages, yes=False)
    assert caught.value.what == f"The run 'uno' is loaded and was not sent: {words}"


def test_one_duplicate_and_one_message_are_told_so(tmp_path: Path) -> None:
    """In the status of a run, and in a plan's calendar."""
    home = Home(tmp_path)
    path = home.write(HEAD + ROWS)
    (night,) = (line for line in text(home.planned(path)).splitlines() if "the last of them" in line)
    assert " 1 message; " in night
    with home.ledger() as ledger:
        session = home.session()
        run, _ = load(session, ledger, path, "uno")
        figures = ledger.views.figures(run)
        terms = forecasting.terms(session.config(), ledger, run, figures, wiring.clock().now())
        document = status.document(run, figures, terms)
    words = status.text(document)
    assert "  1   duplicate\n" in words
    document["rows"]["duplicate"] = 2
    assert "  2   duplicates\n" in status.text(document)
