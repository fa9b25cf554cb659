"""What a plan names, row by row, and that nothing it found can only be counted."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from support.intake import Home
from support.ledgers import NOW

from bulk_pec.cli.commands.plan import planned
from bulk_pec.cli.examining import Examined, examine
from bulk_pec.cli.findings import HEADER, KEPT
from bulk_pec.cli.loading import load
from bulk_pec.domain.errors import ListRefused, UsageError
from bulk_pec.planning import document, text

HEAD = "numero;pec;nome\n"
LIST = HEAD + (
    "001;a@uno.example;Uno\n"
    "001;b@due.example;Due\n"
    "003;no@tre.example;Tre\n"
    "004;rotto;Quattro\n"
    "005;e@gmail.com;Cinque\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new folder."""
    return Home(tmp_path)


def written(path: Path) -> list[list[str]]:
    """The lines of a file of problems, without its header."""
    header, *lines = csv.reader(path.read_text(encoding="utf-8").splitlines())
    assert tuple(header) == HEADER
    return lines


def examined(home: Home, path: Path, into: str = "problemi.csv") -> Examined:
    """Examine a list, with a file of all that is found."""
    return examine(home.session(), path, rejects_path=None, ask=False, problems_path=home.folder / into)


def test_duplicates_and_suppressed_rows_are_named(home: Home) -> None:
    """Each with its row and why, as loading says it; they are no problems, and need no person."""
    with home.ledger() as ledger:
        ledger.suppressions.add(["No@Tre.example"], "asked", NOW)
    found = home.planned(home.write(LIST))
    assert document(found)["set_aside"] == [
        {"row": 2, "kind": "duplicate", "what": "same key as row 1"},
        {"row": 3, "kind": "suppressed", "what": "suppressed: asked"},
    ]
    lines = text(found).splitlines()
    assert lines[lines.index("Not sent: 2") :][1:3] == [
        "  row 2: same key as row 1.",
        "  row 3: suppressed: asked.",
    ]


@pytest.mark.parametrize("wanted", ["fail", "skip", "warn"])
def test_what_an_earlier_run_said_is_named_by_run_and_row(home: Home, wanted: str) -> None:
    """With `warn` it is sent again, and a warning; else it is set aside, with `fail` the reason for 65."""
    home.recipients += f'\non_repeat = "{wanted}"'
    rows = "9;x@nove.example;Nove\n" + LIST.removeprefix(HEAD)
    with home.ledger() as ledger:
        home.load(ledger, home.write(HEAD + rows, "prima.csv"), "prima")
    found = examined(home, home.write(LIST + "007;g@sette.example;Sette\n"))
    listed = found.listed
    said = {1: "said already, as row 2 of run 'prima'", 5: "said already, as row 6 of run 'prima'"}
    said[3] = "said already, as row 4 of run 'prima'"
    kind, several = ("warning", listed.warnings) if wanted == "warn" else ("repeated", listed.set_aside)
    told = {one.row: one.what for one in several if one.what.startswith("said already")}
    assert told == said
    lines = written(home.folder / "problemi.csv")
    assert {int(line[0]): line[3] for line in lines if line[3].startswith("said already")} == said
    assert {line[5] for line in lines if line[3].startswith("said already")} == {kind}
    assert (found.refusal is None) is (wanted != "fail")
    if found.refusal is not None:
        assert "3 messages are in an earlier run" in str(found.refusal)
        assert "the first is row 1, as row 2 of run 'prima'" in str(found.refusal)
    assert listed.messages == {"fail": 4, "skip": 1, "warn": 4}[wanted]


def test_everything_is_in_the_file_of_problems(home: Home) -> None:
    """One CSV, a line a finding, by row, whatever its kind."""
    with home.ledger() as ledger:
        ledger.suppressions.add(["no@tre.example"], "", NOW)
    examined(home, home.write(LIST))
    lines = written(home.folder / "problemi.csv")
    assert [(line[0], line[1], line[2], line[5]) for line in lines] == [
        ("2", "", "", "duplicate"),
        ("3", "", "", "suppressed"),
        ("4", "pec", "rotto", "problem"),
        ("5", "pec", "e@gmail.com", "warning"),
    ]
    assert all(line[3] for line in lines)
    assert all(line[4] for line in lines[2:])


def test_more_than_is_kept_is_counted_and_is_in_the_file(home: Home) -> None:
    """Over batches and kinds: the document has the first thousand of each, the file every one."""
    count = KEPT + 200
    rows = [f"{n};rotto{n};N\n{n}x;u{n}@gmail.com;N\n{n}x;v{n}@due.example;N\n" for n in range(count)]
    found = examined(home, home.write(HEAD + "".join(rows))).listed
    assert (found.problems_total, found.warnings_total, found.set_aside_total) == (count,) * 3
    for first, start in ((found.problems, 1), (found.warnings, 2), (found.set_aside, 3)):
        assert [one.row for one in first] == list(range(start, 3 * KEPT + start, 3))
    lines = written(home.folder / "problemi.csv")
    assert [int(line[0]) for line in lines] == list(range(1, 3 * count + 1))


def test_a_file_of_problems_replaces_only_its_like(home: Home) -> None:
    """A slip of the hand costs no list and no ledger; the same file is written anew."""
    path = home.write(LIST)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="is no file of problems"):
        examined(home, path, into=path.name)
    assert path.read_bytes() == before
    for _ in range(2):
        examined(home, path)
    assert sorted(one.name for one in home.folder.iterdir() if one.suffix == ".csv") == [
        path.name,
        "problemi.csv",
    ]
    home.write(HEAD)
    with pytest.raises(ListRefused):
        examined(home, home.folder / "senza.csv", into="mai.csv")
    assert not (home.folder / "mai.csv").exists()


def test_a_list_that_is_loaded_is_no_repeat_of_itself(home: Home) -> None:
    """`run` would go on with it, so nothing is refused; the plan says which run it is, and how to go on."""
    path = home.write(LIST)
    with home.ledger() as ledger:
        home.load(ledger, path, "uno")
    found = examined(home, path)
    assert (found.refusal, found.listed.loaded_as, found.listed.messages) == (None, "uno", 3)
    (told,) = (one for one in found.listed.warnings if one.row is None)
    assert "loaded already, with these templates, as run 'uno' (loaded)" in told.what
    assert f"`bulk-pec run {path} --name uno` goes on with it" in told.todo
    home.body = '"<p>Altro {{ nome }}</p>"'
    assert examined(home, path).listed.loaded_as is None


def test_a_test_sent_to_oneself_is_not_the_list_loaded(home: Home) -> None:
    """`test-send` records a run of the same list and templates, of one message."""
    path = home.write(HEAD + "001;a@uno.example;Uno\n")
    with home.ledger() as ledger:
        home.load(ledger, path, f"{path.stem}.test-1")
        assert examined(home, path).listed.loaded_as is None
        home.recipients += '\non_repeat = "warn"'
        home.load(ledger, path, path.stem)
        home.load(ledger, path, "altra")
    assert examined(home, path).listed.loaded_as == path.stem


DATED = "numero;pec;nome;scadenza\n"


def test_what_has_expired_is_warned_of_and_not_reckoned_with(home: Home) -> None:
    """It would be loaded and cancelled unsent: no night, no money, and a warning by row."""
    home.recipients += '\nexpires_at_column = "scadenza"'
    rows = "1;a@uno.example;A;01/01/2020\n2;b@due.example;B;\n1;c@tre.example;C;01/01/2020\n"
    found = home.planned(home.write(DATED + rows))
    assert (found.listed.messages, found.listed.expired, found.forecast.messages) == (2, 1, 1)
    told = [(one.row, one.column, one.value) for one in found.listed.warnings if one.row is not None]
    assert (1, "scadenza", "01/01/2020") in told
    assert "Messages that have expired already: " in text(found)
    assert document(found)["forecast"]["expired"] == 1


def test_what_expires_before_its_turn_is_counted(home: Home) -> None:
    """Two a day, five that must leave within two days: the last of them would come too late."""
    home.recipients += '\nexpires_at_column = "scadenza"'
    path = home.write(DATED + "".join(f"{n};p{n}@uno.example;A;31/12/2999\n" for n in range(1, 6)))
    found = home.examined(path)
    assert planned(home.session(), found).expiring == 0
    soon = replace(found, expiries=found.expiries)
    soon.expiries.moments[4] = 1_000
    late = planned(home.session(), soon)
    assert late.expiring == 1
    assert late.listed.warnings[0].what.startswith("Messages that expire before their turn")
    assert document(late)["forecast"]["expiring"] == 1


def test_places_leave_out_what_becomes_no_message(home: Home) -> None:
    """Duplicates and what has expired have no turn, so that those behind them are earlier."""
    home.recipients += '\nexpires_at_column = "scadenza"'
    dates = {1: "31/12/2999", 2: "01/01/2020", 3: "31/12/2999", 4: "", 5: "30/12/2999"}
    rows = [f"{1 if n == 3 else n};p{n}@uno.example;A;{date}\n" for n, date in dates.items()]
    found = home.examined(home.write(DATED + "".join(rows)))
    assert [place for place, _ in found.expiries] == [0, 2]
    assert (found.messages, found.addresses) == (3, 3)


def test_loading_says_how_many_have_expired(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Messages only: a duplicate is none."""
    home.recipients += '\nexpires_at_column = "scadenza"'
    rows = "1;a@uno.example;A;01/01/2020\n1;b@due.example;B;01/01/2020\n2;c@tre.example;C;\n"
    session = home.session()
    session.quiet = False
    with home.ledger() as ledger:
        load(session, ledger, home.write(DATED + rows), "uno")[1].tell(session)
    assert "Messages that have expired already, and will be cancelled unsent: 1." in capsys.readouterr().err
