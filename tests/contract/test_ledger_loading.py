"""Loading: a checked list becomes a run, whole or not at all, and comes back as it was."""

from __future__ import annotations

from itertools import pairwise

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledgers import (
    MAILBOX,
    NOW,
    a_row,
    harvest,
    load,
    mail,
    message,
    new_run,
    opened,
    query,
    recount,
)

from bulk_pec.domain import references
from bulk_pec.domain.errors import LedgerError, ListRefused
from bulk_pec.domain.exits import ExitCode
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import RunState, SetAside
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.loading import BLOCK, NewRow, RefusedRow
from bulk_pec.ledger.runs.runs import Run

ODD = (
    'O\'Brien "Mario"',
    "via dell'Università 1; DROP TABLE messages; --",
    "\\N",
    "\\.",
    "\\",
    "C:\\new\\table",
    "tab\there",
    "two\nlines",
    "carriage\r\nreturn",
    "città è già però",
    "emoji 📬👩‍👩‍👧",
    "\ufffd\u200b\u202e",
    "NULL",
    "",
    " blanks about ",
    "%s %(x)s :name {ref} $1 ?",
    '["json", {"a": null}]',
    "0012345",
    "1,23E+11",
    "\x01\x1f\x7f",
)


def _tables_are_empty(ledger: Ledger) -> bool:
    names = ("runs", "messages", "set_aside", "blocks", "run_counts", "run_mailboxes")
    return all(query(ledger, f"SELECT COUNT(*) AS n FROM {name}") == [{"n": 0}] for name in names)  # noqa: S608 - names of our tables


def _keys(ledger: Ledger, run: Run) -> dict[int, str]:
    rows = query(ledger, 'SELECT "row", key FROM messages WHERE run_id = :run ORDER BY id', run=run.id)
    return {row["row"]: row["key"] for row in rows}


def _refused(number: int, state: SetAside = SetAside.INVALID) -> RefusedRow:
    return RefusedRow(number, None, "non un indirizzo", "pec: no address", "[]", state)


def test_a_loaded_run_says_what_it_was_made_from(ledger: Ledger) -> None:
    """Name, list, digests and columns are kept; nothing of it has begun."""
    run = load(ledger, 3)
    assert (run.name, run.list_name, run.columns, run.state) == (
        "giugno",
        "elenco.csv",
        ("pec",),
        RunState.LOADED,
    )
    assert (run.list_digest, run.template_digest, run.input_rows) == ("a" * 64, "b" * 64, 3)
    assert (run.created_at, run.started_at, run.finished_at) == (NOW, None, None)
    recount(ledger, run)


def test_ids_and_references_are_unique_over_runs(ledger: Ledger) -> None:
    """Every message has an id and a well-formed reference of its own, in whichever run."""
    runs = [load(ledger, 700, "uno"), load(ledger, 700, "due")]
    rows = query(ledger, "SELECT id, reference FROM messages")
    assert len({row["id"] for row in rows}) == len({row["reference"] for row in rows}) == 1400
    assert all(references.is_reference(row["reference"]) for row in rows)
    assert runs[0].last_id < runs[1].first_id
    for run in runs:
        recount(ledger, run)


def test_the_same_key_may_be_in_two_runs(ledger: Ledger) -> None:
    """A key is unique in its run, not in the ledger."""
    load(ledger, [a_row(1, "k")], "uno")
    assert _keys(ledger, load(ledger, [a_row(1, "k")], "due")) == {1: "k"}


def test_a_key_repeated_inside_one_batch_is_set_aside(ledger: Ledger) -> None:
    """The first row with a key is a message; the others are duplicates that name it."""
    with ledger.load(new_run(), NOW) as loading:
        found = loading.add([a_row(1, "k"), a_row(2), a_row(3, "k"), a_row(4, "k")])
        counts = loading.counts
    assert [(row.row, row.reason, row.state) for row in found] == [
        (3, "same key as row 1", SetAside.DUPLICATE),
        (4, "same key as row 1", SetAside.DUPLICATE),
    ]
    assert (counts.rows, counts.messages, counts.duplicate) == (4, 2, 2)
    recount(ledger, ledger.runs.get("giugno"))


def test_a_key_repeated_across_batches_is_set_aside(ledger: Ledger) -> None:
    """Rows far apart are compared too, and a batch without repeats between them changes nothing."""
    with ledger.load(new_run(), NOW) as loading:
        assert loading.add([a_row(1, "k"), a_row(2)]) == []
        assert loading.add([a_row(3), a_row(4)]) == []
        found = loading.add([a_row(5), a_row(6, "k")])
        again = loading.add([a_row(7, "k"), a_row(8)])
    assert [(row.row, row.reason) for row in found + again] == [
        (6, "same key as row 1"),
        (7, "same key as row 1"),
    ]
    run = ledger.runs.get("giugno")
    assert list(_keys(ledger, run)) == [1, 2, 3, 4, 5, 8]
    recount(ledger, run)


def test_a_batch_of_nothing_but_duplicates_adds_no_message(ledger: Ledger) -> None:
    """Even a whole batch of repeats is only set aside."""
    with ledger.load(new_run(), NOW) as loading:
        loading.add([a_row(1, "k")])
        assert len(loading.add([a_row(2, "k"), a_row(3, "k")])) == 2
        assert loading.add([]) == []
    recount(ledger, ledger.runs.get("giugno"))


def test_keys_differ_by_every_character(ledger: Ledger) -> None:
    """Case, blanks and accents make another key: what is the same is decided before loading, not here."""
    keys = ["a", "A", "a ", "à", "a\u0300", "á", "\\N", "N", ""]
    run = load(ledger, [(n, key, "x@example.org", "[]", b"d", None, None) for n, key in enumerate(keys, 1)])
    assert list(_keys(ledger, run).values()) == keys
    recount(ledger, run)


def test_every_input_row_is_counted_once(ledger: Ledger) -> None:
    """Input rows = messages + invalid + duplicate + suppressed (invariant 6)."""
    with ledger.load(new_run(), NOW) as loading:
        loading.add([a_row(1), a_row(2), a_row(4, "persona1@example.org")])
        loading.set_aside([_refused(3), _refused(5, SetAside.SUPPRESSED), _refused(6)])
    run = ledger.runs.get("giugno")
    values = ledger.views.figures(run).values
    assert run.input_rows == 6
    assert (values["pending"], values["invalid"], values["duplicate"], values["suppressed"]) == (2, 2, 1, 1)
    recount(ledger, run)


def test_a_list_without_a_valid_row_is_refused_and_nothing_is_kept(ledger: Ledger) -> None:
    """65, no run of that name, and the ledger goes on working."""
    with pytest.raises(ListRefused, match="no valid row") as caught, ledger.load(new_run(), NOW) as loading:
        loading.set_aside([_refused(1), _refused(2)])
    assert caught.value.exit.code is ExitCode.DATA
    assert _tables_are_empty(ledger)
    recount(ledger, load(ledger, 1))


def test_an_exception_while_loading_keeps_nothing(ledger: Ledger) -> None:
    """Whatever goes wrong half way, there is no half a run."""

    def broken() -> None:
        with ledger.load(new_run(), NOW) as loading:
            loading.add([a_row(1), a_row(2, "persona1@example.org")])
            loading.set_aside([_refused(3)])
            raise KeyError("the list ended oddly")

    with pytest.raises(KeyError):
        broken()
    assert _tables_are_empty(ledger)
    recount(ledger, load(ledger, 1))


def test_a_row_the_database_refuses_keeps_nothing(ledger: Ledger) -> None:
    """A failure of the database inside the load is a ledger error (74), and the next load works."""
    with ledger.load(new_run(), NOW) as loading:
        loading.add([a_row(1)])
    with pytest.raises(LedgerError), ledger.load(new_run("due"), NOW) as loading:
        loading.set_aside([_refused(2), _refused(2)])
    assert ledger.runs.names() == ["giugno"]
    assert query(ledger, "SELECT * FROM set_aside") == []
    recount(ledger, load(ledger, 1, "due"))


def test_a_refused_row_with_a_character_no_database_takes_is_kept(ledger: Ledger) -> None:
    """NUL in an address, a key or a reason is replaced; the row's fields keep it, escaped in their JSON."""
    fields = orjson.dumps(["a\x00b@example.org"]).decode()
    with ledger.load(new_run(), NOW) as loading:
        loading.add([a_row(1)])
        loading.set_aside([RefusedRow(2, "k\x00", "a\x00b@example.org", "bad \x00", fields)])
    kept = list(ledger.views.rows(ledger.runs.get("giugno")))[1]
    assert (kept.key, kept.recipient, kept.reason) == ("k\ufffd", "a\ufffdb@example.org", "bad \ufffd")
    assert kept.fields == fields


def test_a_name_that_is_taken_is_refused_and_the_first_run_stays(ledger: Ledger) -> None:
    """A second load under the same name keeps nothing of itself and harms nothing."""
    run = load(ledger, 2)
    with pytest.raises(ListRefused):
        load(ledger, 5)
    assert len(_keys(ledger, run)) == 2
    recount(ledger, run)


def test_nothing_is_seen_of_a_load_that_is_under_way(ledger: Ledger, ledger_url: str) -> None:
    """Another process sees the run only when all of it is there."""
    with opened(ledger_url, "read") as reader:
        with ledger.load(new_run(), NOW) as loading:
            loading.add([a_row(1)])
            assert reader.runs.names() == []
        assert reader.runs.names() == ["giugno"]


def test_a_second_run_lies_beside_the_first(ledger: Ledger) -> None:
    """A run loaded after another was sent and harvested leaves the first one's figures as they were."""
    first = load(ledger, 3, "uno")
    mailbox = ledger.inbox.mailbox_id(MAILBOX)
    harvest(ledger, mailbox, [mail(ReceiptKind.ACCEPTED, message(ledger, first.first_id)["reference"])])
    second = load(ledger, 2, "due")
    for run in (first, second):
        recount(ledger, run)
    assert ledger.views.figures(first).seen == 1
    assert ledger.views.figures(second).seen == 0
    assert ledger.runs.get("last") == second
    assert ledger.runs.names() == ["due", "uno"]


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_the_blocks_cover_exactly_the_ids(ledger: Ledger, size: int) -> None:
    """Every message lies in one block; blocks neither overlap nor reach into another run."""
    load(ledger, 7, "prima")
    run = load(ledger, size)
    blocks = query(ledger, "SELECT * FROM blocks WHERE run_id = :run ORDER BY first_id", run=run.id)
    assert blocks[0]["first_id"] == run.first_id
    assert blocks[-1]["last_id"] == run.last_id
    assert all(before["last_id"] + 1 == after["first_id"] for before, after in pairwise(blocks))
    assert all(0 <= block["last_id"] - block["first_id"] < BLOCK for block in blocks)
    assert len(blocks) == -(-size // BLOCK)


def test_the_blocks_cover_the_gaps_that_duplicates_leave(ledger: Ledger) -> None:
    """A duplicate uses up an id; the blocks count ids, so no message falls between two of them."""
    rows = [a_row(n, f"k{n % 900}") for n in range(1, 1801)]
    run = load(ledger, rows)
    outside = query(
        ledger,
        "SELECT m.id FROM messages m WHERE 1 <> (SELECT COUNT(*) FROM blocks b WHERE b.run_id = m.run_id "
        "AND m.id BETWEEN b.first_id AND b.last_id)",
    )
    assert outside == []
    recount(ledger, run)


def test_odd_values_come_back_as_they_were(ledger: Ledger) -> None:
    """Quotes, backslashes, COPY's own marks, line ends and every script survive the driver's fast path."""
    rows: list[NewRow] = [
        (n, text, text, orjson.dumps([text]).decode(), text.encode(), None, None)
        for n, text in enumerate(ODD, 1)
    ]
    run = load(ledger, rows)
    kept = query(ledger, "SELECT key, recipient, fields, content_digest FROM messages ORDER BY id")
    assert [(row["key"], row["recipient"], orjson.loads(row["fields"])) for row in kept] == [
        (text, text, [text]) for text in ODD
    ]
    assert [bytes(row["content_digest"]) for row in kept] == [text.encode() for text in ODD]
    recount(ledger, run)


def test_odd_values_of_duplicates_come_back_as_they_were(ledger: Ledger) -> None:
    """The slower way that repeats take keeps every character too."""
    rows: list[NewRow] = [
        (n, text, text, orjson.dumps([text]).decode(), b"d", None, None) for n, text in enumerate(ODD, 1)
    ]
    again: list[NewRow] = [(row[0] + len(ODD), *row[1:]) for row in rows]
    with ledger.load(new_run(), NOW) as loading:
        found = loading.add([*rows, *again])
    assert [(row.key, row.recipient) for row in found] == [(text, text) for text in ODD]
    views = list(ledger.views.rows(ledger.runs.get("giugno")))
    assert [orjson.loads(view.fields)[0] for view in views] == [*ODD, *ODD]
    recount(ledger, ledger.runs.get("giugno"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=3)),
        min_size=1,
        max_size=4,
    ).filter(any)
)
def test_whatever_the_keys_the_first_of_each_is_a_message(ledger: Ledger, batches: list[list[str]]) -> None:
    """However rows are batched, each key's first row is kept and every other is a duplicate of it."""
    name = f"run {len(ledger.runs.names())}"
    firsts: dict[str, int] = {}
    number, duplicates = 0, []
    with ledger.load(new_run(name), NOW) as loading:
        for batch in batches:
            rows = [a_row(number + place, key) for place, key in enumerate(batch, 1)]
            number += len(batch)
            for row, key, *_ in rows:
                firsts.setdefault(key, row)
            duplicates += loading.add(rows)
    run = ledger.runs.get(name)
    assert _keys(ledger, run) == {row: key for key, row in firsts.items()}
    assert all(dup.reason == f"same key as row {firsts[dup.key or '']}" for dup in duplicates)
    assert len(duplicates) == number - len(firsts)
    recount(ledger, run)
