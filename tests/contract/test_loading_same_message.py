"""Which message is the same as which: over two lists, in one list, and against the suppressions.

Everything through the command's own loading, on both databases; each load is agreed with by a plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.commands import PASSWORD, TOKEN
from support.ledgers import NOW, query, recount

from bulk_pec.cli import examining, loading
from bulk_pec.cli.session import Session
from bulk_pec.domain.errors import ListRefused
from bulk_pec.ledger.ledger import Ledger

CONFIG = """\
[ledger]
url = "{url}"
[api]
base_url = "http://127.0.0.1:9"
[[mailboxes]]
address = "ufficio@pec.example"
[recipients]
address_column = "pec"
key_column = "{key}"
on_duplicate = "{duplicate}"
on_repeat = "skip"
allow_multiple = true
[message]
subject = "Avviso n. {{{{ numero }}}}"
body = "<p>Gentile {{{{ nome }}}}</p>"
reference = "{reference}"
"""
CITTA = ("info@città.example", "INFO@CITTA\u0300.example", "info@xn--citt-3na.example")


@dataclass
class Office:
    """A folder and a ledger."""

    home: Path
    url: str
    ledger: Ledger

    def session(
        self, *, key: str = "numero", duplicate: str = "skip", reference: str = "[rif. {ref}]"
    ) -> Session:
        """A call with these settings."""
        path = self.home / "config.toml"
        text = CONFIG.format(url=self.url, key=key, duplicate=duplicate, reference=reference)
        path.write_text(text, encoding="utf-8")
        return Session(config_path=path, quiet=True)

    def load(self, name: str, rows: Iterable[str], **settings: str) -> list[tuple[str | None, str, str]]:
        """Load a list of rows `pec,numero,nome`: key, recipient and state of each.

        What a plan said of the list just before must be what came of it.
        """
        path = self.home / f"{name}.csv"
        path.write_text("\n".join(["pec,numero,nome", *rows, ""]), encoding="utf-8")
        session = self.session(**settings)
        planned = examining.examine(session, path, rejects_path=None, ask=False).listed
        run, _ = loading.load(session, self.ledger, path, name)
        recount(self.ledger, run)
        views = list(self.ledger.views.rows(run))
        states = [view.state for view in views]
        assert planned.rows == len(states)
        assert (planned.duplicate, planned.suppressed) == (
            states.count("duplicate"),
            states.count("suppressed"),
        )
        return [(view.key, view.recipient, view.state) for view in views]

    def states(self, name: str, rows: Iterable[str], **settings: str) -> list[str]:
        """Only the states."""
        return [state for _, _, state in self.load(name, rows, **settings)]


@pytest.fixture
def office(tmp_path: Path, ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Office:
    """On either database."""
    monkeypatch.setenv("BULK_PEC_TOKEN", TOKEN)
    monkeypatch.setenv("BULK_PEC_PASSWORD", PASSWORD)
    return Office(tmp_path, ledger_url, ledger)


NEW = "nuovo@pec.example,99,Nuovo"
"""A row that is in no other list: a list without a message is refused."""


class TestOverTwoLists:
    """`on_repeat`: the same key, recipient and content."""

    @pytest.mark.parametrize(
        ("first", "again"),
        [
            ("mario@pec.example", "MARIO@pec.example"),
            ("mario@pec.example", " Mario@PEC.example "),
            *((CITTA[0], again) for again in CITTA),
            ('"a@x.example, B@x.example"', '"b@x.example; A@X.example"'),
        ],
    )
    def test_another_spelling_of_the_recipient(self, office: Office, first: str, again: str) -> None:
        """Upper case, another form of the domain, another order of the same people: said already."""
        assert office.states("a", [f"{first},1,M"]) == ["pending"]
        assert office.states("b", [f"{again},1,M", NEW]) == ["duplicate", "pending"]

    def test_another_recipient_key_or_content(self, office: Office) -> None:
        """One of the three differs: another message."""
        office.load("a", ["a@pec.example,1,Uno"])
        others = ["a@pec.example,2,Uno", "b@pec.example,1,Uno"]
        assert office.states("b", others) == ["pending", "pending"]
        assert office.states("c", ["a@pec.example,1,Due"]) == ["pending"]

    def test_another_reference(self, office: Office) -> None:
        """How the subject carries it is no part of what is said."""
        office.load("a", ["a@pec.example,1,Uno"])
        again = ["a@pec.example,1,Uno", NEW]
        assert office.states("b", again, reference="(rif. {ref})") == ["duplicate", "pending"]

    def test_what_was_sent_under_a_number(self, office: Office) -> None:
        """A number that `keep` added is no part of a key, whichever of the two lists it was added in."""
        office.load("a", ["a@pec.example,1,Uno", "a@pec.example,1,Due"], duplicate="keep")
        assert office.states("b", ["a@pec.example,1,Due", NEW]) == ["duplicate", "pending"]
        again = ["a@pec.example,1,Tre", "a@pec.example,1,Due", "a@pec.example,1,Uno"]
        kept = office.load("c", again, duplicate="keep")
        assert [state for _, _, state in kept] == ["pending", "duplicate", "duplicate"]

    def test_a_key_that_only_looks_like_a_number(self, office: Office) -> None:
        """The list's own `1#2` is not the second of `1`, nor the other way round."""
        office.load("a", ["a@pec.example,1,Uno", "a@pec.example,1,Due"], duplicate="keep")
        assert office.states("b", ["a@pec.example,1#2,Due"]) == ["pending"]
        assert office.states("c", ["a@pec.example,1#2,Due", NEW]) == ["duplicate", "pending"]

    def test_a_repeat_names_the_message_that_said_it(self, office: Office) -> None:
        """One under a number, too: with its run and its row there."""
        office.load("a", ["a@pec.example,1,Uno", "a@pec.example,1,Due"], duplicate="keep")
        config = office.session().config_path
        path = office.home / "b.csv"
        path.write_text("pec,numero,nome\nA@pec.example,1,Due\n", encoding="utf-8")
        assert config is not None
        config.write_text(config.read_text(encoding="utf-8").replace('"skip"\nallow', '"fail"\nallow'))
        with pytest.raises(ListRefused, match="row 1, as row 2 of run 'a'"):
            loading.load(Session(config_path=config, quiet=True), office.ledger, path, "b")


class TestInOneList:
    """Duplicates: the same key."""

    def test_the_address_column_as_key(self, office: Office) -> None:
        """Named or not, an address as key is compared in its one form."""
        rows = ["mario@pec.example,1,M", "MARIO@pec.example,2,M", *(f"{one},3,C" for one in CITTA)]
        wanted = ["pending", "duplicate", "pending", "duplicate", "duplicate"]
        assert office.states("a", rows, key="pec") == wanted

    def test_the_same_people_in_another_order(self, office: Office) -> None:
        """One message to all of them."""
        rows = ['"a@x.example, b@x.example",1,M', '"b@x.example; A@x.example",2,M']
        assert office.states("a", rows, key="pec") == ["pending", "duplicate"]

    def test_what_is_kept_is_what_the_list_wrote(self, office: Office) -> None:
        """The one form is for comparing: the recipient stays as it was, trimmed."""
        rows = [" Mario@PEC.example ,1,M", f"{CITTA[1]},2,C"]
        wanted = ["Mario@PEC.example", CITTA[1]]
        assert [recipient for _, recipient, _ in office.load("a", rows, key="pec")] == wanted


@pytest.mark.parametrize("suppressed", CITTA)
@pytest.mark.parametrize("written", CITTA)
def test_a_suppressed_domain_in_any_form(office: Office, suppressed: str, written: str) -> None:
    """Composed, decomposed or as it goes over the wire: the address is one."""
    office.ledger.suppressions.add([suppressed], "opposizione", NOW)
    assert office.states("a", [f"{written},1,C", NEW]) == ["suppressed", "pending"]
    assert len(query(office.ledger, "SELECT address FROM suppressions")) == 1
