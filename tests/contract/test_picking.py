"""One row of a list, as loading would take it: with the address that was looked up for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.intake import NOWHERE, Home
from support.ledgers import NOW

from bulk_pec.cli import wiring
from bulk_pec.cli.picking import Picked, as_known, pick
from bulk_pec.domain.errors import ListRefused

LISTED = "numero;pec;nome;cf\n1;;Uno;00000010157\n2;;Due;00000070151\n3;c@tre.example;Tre;\n"
FOUND = "info@ditta.pec.example"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A folder whose lists have tax codes, by which missing addresses are looked up."""
    return Home(tmp_path, 'key_column = "numero"\ntax_code_column = "cf"\nlookup = true')


def picked(home: Home, row: int) -> Picked:
    """That row of the list, as `preview` and `test-send` take it."""
    session = home.session()
    letters = wiring.composer(session.config())
    with wiring.recipient_list(session.config(), home.write(LISTED), letters) as rows:
        return pick(as_known(session, rows), row)


def test_a_row_has_the_address_that_was_looked_up(home: Home) -> None:
    """As after `plan --lookups`; the others are what they were."""
    with home.ledger() as ledger:
        ledger.answers.keep_address("00000010157", FOUND, NOW, NOWHERE)
        ledger.answers.keep_address("00000070151", None, NOW, NOWHERE)
    assert (picked(home, 1).recipient, picked(home, 1).values["pec"]) == (FOUND, FOUND)
    assert picked(home, 3).recipient == "c@tre.example"
    with pytest.raises(ListRefused, match="the company service knows none for this tax code"):
        picked(home, 2)


@pytest.mark.parametrize("ledger_there", [False, True])
def test_a_row_whose_address_nobody_has_asked_for_is_said_to_be_that(home: Home, ledger_there: bool) -> None:
    """It is no bad row: loading looks it up, and so does `plan --lookups`; also where no ledger is yet."""
    if ledger_there:
        with home.ledger():
            pass
    with pytest.raises(
        ListRefused, match="has no address yet: it is looked up when the list is loaded"
    ) as told:
        picked(home, 1)
    assert "--lookups" in told.value.hint
