"""Enriching a list: addresses by tax code and judged domains, each asked for once and kept in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from support.commands import PASSWORD, TOKEN, asked
from support.ledgers import NOW, query, recount

from bulk_pec.cli import wiring
from bulk_pec.cli.enquiring import Enriched, enriched
from bulk_pec.cli.loading import load
from bulk_pec.cli.session import Session
from bulk_pec.domain.errors import CredentialsRefused
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.recipients import Batch, RecipientList
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

CONFIG = """\
[api]
base_url = "{url}"
company_url = "{url}"
registry_url = "{url}"
[[mailboxes]]
address = "ufficio@pec.example"
[recipients]
key_column = "numero"
tax_code_column = "cf"
on_repeat = "warn"
max_invalid_share = 1.0
{recipients}
[message]
subject = "Avviso n. {{{{ numero }}}}"
body = "<p>Gentile {{{{ nome }}}}</p>"
[receipts]
max_per_second = 1000.0
"""
BOTH = "lookup = true\ncheck_domains = true"
FOUND, LISTED, NONE, PERSON = "00000010157", "00000070151", "00000080150", "RSSMRA85T10A562S"
ROWS = [
    ("a", "info@uno.example", ""),
    ("b", "", LISTED),
    ("c", "", NONE),
    ("d", "", ""),
    ("e", "", "01234567890"),
    ("f", "info@senza-pec.example", ""),
    ("g", " ", "rssmra85t10a562s "),
    ("h", "qualcuno@gmail.com", ""),
    ("i", "", LISTED),
    ("l", "Info@UNO.example", ""),
]
PERSONS, LISTEDS = f"info@ditta-{PERSON.lower()}.pec.example", f"info@ditta-{LISTED}.pec.example"
"""What the sandbox answers."""


@dataclass
class Office:
    """A folder with a configuration and a list, a sandbox to ask, and a ledger to keep answers in.

    Attributes:
        home: The folder.
        url: Of the sandbox.
        ledger: Open for writing.
    """

    home: Path
    url: str
    ledger: Ledger

    def session(self, recipients: str = BOTH) -> Session:
        """A call with these settings of the list."""
        path = self.home / "config.toml"
        path.write_text(CONFIG.format(url=self.url, recipients=recipients), encoding="utf-8")
        return Session(config_path=path, quiet=True)

    def write(self, rows: list[tuple[str, str, str]], name: str = "elenco.csv") -> Path:
        """A list on disk; everybody is called by the row's key."""
        path = self.home / name
        lines = [f"{key};{address};{code};Ditta {key}" for key, address, code in rows]
        path.write_text("\n".join(["numero;pec;cf;nome", *lines, ""]), encoding="utf-8")
        return path

    def opened(self, session: Session, rows: list[tuple[str, str, str]] = ROWS) -> RecipientList:
        """The list as the commands open it."""
        return wiring.recipient_list(session.config(), self.write(rows), wiring.composer(session.config()))

    def enriched(
        self, recipients: str = BOTH, rows: list[tuple[str, str, str]] = ROWS, *, ask: bool = True
    ) -> Enriched:
        """The list, enriched."""
        session = self.session(recipients)
        return enriched(session, self.ledger, self.opened(session, rows), ask=ask)

    def questions(self) -> dict[str, int]:
        """How often the sandbox was asked each question."""
        counted: dict[str, int] = asked(self.url, "GET", "/_sandbox/enquiries")["asked"]
        return counted


@pytest.fixture
def office(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """On either database."""
    monkeypatch.setenv("BULK_PEC_TOKEN", TOKEN)
    monkeypatch.setenv("BULK_PEC_PASSWORD", PASSWORD)
    with background(SandboxOptions(tokens=(TOKEN,))) as sandbox:
        yield Office(tmp_path, sandbox.url, ledger)


def _together(batches: list[Batch]) -> tuple[list[tuple[int, str, str]], list[int]]:
    """Rows with key and recipient, and the numbers of those set aside, over all batches."""
    rows = [row[:3] for batch in batches for row in batch.rows]
    return rows, [row.row for batch in batches for row in batch.set_aside]


ONCE = {
    f"company {LISTED}": 1,
    f"company {NONE}": 1,
    f"company {PERSON}": 1,
    "domain uno.example": 1,
    "domain senza-pec.example": 1,
    "domain gmail.com": 1,
    f"domain ditta-{LISTED}.pec.example": 1,
    f"domain ditta-{PERSON.lower()}.pec.example": 1,
}


@pytest.mark.parametrize("size", [1, 3, 100])
def test_missing_addresses_are_filled_and_bad_domains_set_aside(office: Office, size: int) -> None:
    """In the order of the file, whatever the batches; what was looked up is marked, the rest is as it was."""
    known = office.enriched()
    batches = list(known.batches(size))
    rows, aside = _together(batches)
    assert rows == [
        (1, "a", "info@uno.example"),
        (2, "b", LISTEDS),
        (7, "g", PERSONS),
        (9, "i", LISTEDS),
        (10, "l", "Info@UNO.example"),
    ]
    assert aside == [3, 4, 5, 6, 8]
    assert known.looked_up == {2: "", 7: " ", 9: ""}
    assert (known.unasked, known.unjudged) == (0, set())
    for batch in batches:
        assert len(batch.expires) == len(batch.rows)
        assert [row[0] for row in batch.rows] == sorted(row[0] for row in batch.rows)
    values = {row[0]: orjson.loads(row[3]) for batch in batches for row in batch.rows}
    assert values[2] == ["b", LISTEDS, LISTED, "Ditta b"]
    assert values[7] == ["g", PERSONS, "rssmra85t10a562s ", "Ditta g"]
    assert office.questions() == ONCE


def test_a_refused_domain_is_named(office: Office) -> None:
    """The row keeps its key and values; the problem says which domain, and what to do."""
    (batch,) = office.enriched().batches(100)
    refused = {row.row: row for row in batch.set_aside}
    (problem,) = refused[6].problems
    assert (problem.column, problem.value) == ("pec", "info@senza-pec.example")
    assert "senza-pec.example uses no certified mail" in problem.what
    assert (refused[6].key, orjson.loads(refused[6].values_json)[3]) == ("f", "Ditta f")


def test_one_bad_domain_of_several_addresses_is_enough(office: Office) -> None:
    """A message goes to all of its addresses or to none."""
    rows = [("a", "info@uno.example info@senza-pec.example", ""), ("b", "info@uno.example", "")]
    known = office.enriched(BOTH + "\nallow_multiple = true", rows)
    good, aside = _together(list(known.batches(100)))
    assert ([row[0] for row in good], aside) == ([2], [1])


def test_each_is_asked_once_over_two_loads(office: Office) -> None:
    """The second load pays for nothing, and makes of the list what the first did."""
    path = office.write(ROWS)
    first, _ = load(office.session(), office.ledger, path, "uno")
    assert office.questions() == ONCE
    second, _ = load(office.session(), office.ledger, path, "due")
    assert office.questions() == ONCE
    marked = 'SELECT "row", recipient, looked_up FROM messages WHERE run_id = :run ORDER BY "row"'
    for run in (first, second):
        recount(office.ledger, run)
        loaded = [tuple(row.values()) for row in query(office.ledger, marked, run=run.id)]
        assert [(row, bool(found)) for row, _, found in loaded] == [
            (1, False),
            (2, True),
            (7, True),
            (9, True),
            (10, False),
        ]
        assert loaded[1][1] == LISTEDS


def test_a_row_that_no_address_would_mend_is_not_asked_for(office: Office) -> None:
    """Each question costs: a row without a key stays invalid whatever the answer."""
    known = office.enriched("lookup = true", [("", "", LISTED), ("b", "", NONE)])
    _, aside = _together(list(known.batches(100)))
    assert aside == [1, 2]
    assert office.questions() == {f"company {NONE}": 1}


def test_only_what_is_new_in_a_list_is_asked(office: Office) -> None:
    """Another list with one code more costs one question more, and one for its domain."""
    list(office.enriched().batches(100))
    before = office.questions()
    list(office.enriched(rows=[*ROWS, ("m", "", FOUND)]).batches(100))
    more = {f"company {FOUND}": 1, f"domain ditta-{FOUND}.pec.example": 1}
    assert office.questions() == before | more


def test_without_asking_what_is_unknown_is_counted(office: Office) -> None:
    """A plan pays for nothing: it tells how many rows and domains are left to be asked about."""
    known = office.enriched(ask=False)
    rows, aside = _together(list(known.batches(3)))
    assert [row[0] for row in rows] == [1, 6, 8, 10]
    assert aside == [2, 3, 4, 5, 7, 9]
    assert known.unasked == 4
    assert known.unjudged == {"uno.example", "senza-pec.example", "gmail.com"}
    assert known.looked_up == {}
    assert office.questions() == {}


def test_kept_answers_serve_without_asking(office: Office) -> None:
    """What a load has paid for, a plan knows."""
    paid = _together(list(office.enriched().batches(100)))
    known = office.enriched(ask=False)
    assert _together(list(known.batches(100))) == paid
    assert (known.unasked, known.unjudged) == (0, set())
    assert office.questions() == ONCE


def test_without_a_ledger_nothing_is_known_or_asked(office: Office) -> None:
    """The first plan of all: everything is counted as unasked."""
    session = office.session()
    known = enriched(session, None, office.opened(session), ask=False)
    list(known.batches(100))
    assert known.unasked == 4
    assert len(known.unjudged) == 3


@pytest.mark.parametrize(
    ("recipients", "filled", "refused", "kinds"),
    [
        ("lookup = true", {2, 7, 9}, set(), {"company"}),
        ("check_domains = true", set(), {6, 8}, {"domain"}),
        ("", set(), set(), set()),
    ],
)
def test_only_what_is_wanted_is_asked(
    office: Office, recipients: str, filled: set[int], refused: set[int], kinds: set[str]
) -> None:
    """Each setting works alone; what is not wanted is neither asked nor counted as unasked."""
    known = office.enriched(recipients)
    rows, aside = _together(list(known.batches(100)))
    assert known.looked_up.keys() == filled
    assert {row[0] for row in rows} == {1, 6, 8, 10} - refused | filled
    assert set(aside) == {2, 3, 4, 5, 7, 9} - filled | refused
    assert {question.split()[0] for question in office.questions()} == kinds
    assert (known.unasked, known.unjudged) == (0, set())


def test_an_answer_that_is_no_address_is_the_row_s_problem(office: Office) -> None:
    """What the service says is judged like what a list says."""
    office.ledger.answers.keep_address(LISTED, "not an address", NOW, office.url)
    known = office.enriched("lookup = true")
    (batch,) = known.batches(100)
    refused = {row.row: row for row in batch.set_aside}
    assert {2, 9} <= refused.keys()
    assert refused[2].problems[0].column == "pec"
    assert known.looked_up == {7: " "}


def test_warnings_are_in_order_and_complete(office: Office) -> None:
    """Those of filled rows stand among the others."""
    office.ledger.answers.keep_address(LISTED, "qualcuno@libero.it", NOW, office.url)
    rows = [(f"k{number}", f"p{number}@gmail.com", "") for number in range(1, 120)]
    rows[4] = ("k5", "", LISTED)
    known = office.enriched("lookup = true", rows, ask=False)
    (batch,) = known.batches(1_000)
    assert len(batch.rows) == batch.warned == len(rows)
    assert [warning.row for warning in batch.warnings] == list(range(1, 120))
    assert "libero.it" in batch.warnings[4].what


def test_what_was_answered_before_a_failure_is_kept(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused token ends the load with its own error; answers that were paid for stay."""
    list(office.enriched(rows=ROWS[:2]).batches(100))
    monkeypatch.setenv("BULK_PEC_TOKEN", "another")
    with pytest.raises(CredentialsRefused):
        load(office.session(), office.ledger, office.write(ROWS), "uno")
    assert office.ledger.runs.names() == []
    assert office.ledger.answers.addresses([LISTED], office.url) == {LISTED: LISTEDS}


def test_what_a_wrong_address_answered_is_asked_again(office: Office) -> None:
    """A service that knows nothing of the question says "not found" too: mended, the URL is asked anew."""
    wrong = "https://example.org"
    office.ledger.answers.keep_address(LISTED, None, NOW, wrong)
    office.ledger.answers.keep_domain("uno.example", NOW, wrong, certified=False)
    list(office.enriched().batches(100))
    assert office.ledger.answers.addresses([LISTED], office.url) == {LISTED: LISTEDS}
    assert office.ledger.answers.domains(["uno.example"], office.url) == {"uno.example": True}
