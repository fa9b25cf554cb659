"""Repeats: what an earlier run has said already is found before anything is sent again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from support.ledgers import NOW, REJECTED, Desk, a_row, load, new_run, query, recount

from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.states import MessageState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.loading import Loading, NewRow
from bulk_pec.ledger.runs.repeats import Repeats
from bulk_pec.ledger.runs.runs import Run

OTHER = "c" * 64
NOT_SAID = {MessageState.REJECTED, MessageState.CANCELLED, MessageState.ABANDONED}


class _GivenUp(Exception):
    """Ends a load that must not be kept."""


def _loading(ledger: Ledger, name: str, words: str | None = None) -> Loading:
    new = new_run(name)
    return ledger.load(new if words is None else replace(new, words_digest=words), NOW)


def _repeats(ledger: Ledger, rows: Sequence[NewRow], words: str | None = None) -> Repeats:
    """What loading these rows would find; nothing of it is kept."""
    found = []
    with suppress(_GivenUp), _loading(ledger, "prova", words) as loading:
        loading.add(rows)
        found.append(loading.repeats())
        raise _GivenUp
    assert "prova" not in ledger.runs.names()
    return found[0]


def _skip(loading: Loading, rows: Sequence[NewRow]) -> None:
    """Load these rows but for what was said before."""
    with loading:
        loading.add(rows)
        loading.set_repeats_aside()


def _put(ledger: Ledger, run: Run, row: int, state: MessageState) -> None:
    """Put a message straight into a state; how it gets there is for other tests."""
    with ledger.database.transaction() as connection:
        ledger.database.execute(
            connection,
            'UPDATE messages SET state = :state WHERE run_id = :run AND "row" = :row',
            state=state.value,
            run=run.id,
            row=row,
        )


class TestFinding:
    """Same key, recipient and content, in an earlier run of the same templates."""

    def test_the_same_list_again(self, ledger: Ledger) -> None:
        """Every message is found; the first are named with the run and the row they were in."""
        load(ledger, 12)
        again = [a_row(number) for number in range(3, 15)]
        rows: list[NewRow] = [(place, *row[1:]) for place, row in enumerate(again, 1)]
        found = _repeats(ledger, rows)
        assert found.count == 10
        assert found.first == tuple((place, "giugno", place + 2) for place in range(1, 11))

    def test_at_most_ten_are_named(self, ledger: Ledger) -> None:
        """The count tells of all."""
        load(ledger, 25)
        found = _repeats(ledger, [a_row(number) for number in range(1, 26)])
        assert (found.count, len(found.first)) == (25, 10)

    def test_nothing_earlier_is_no_repeat(self, ledger: Ledger) -> None:
        """A first run, and a list of others, have none; nor does a run repeat itself."""
        assert _repeats(ledger, [a_row(1), a_row(2)]) == Repeats(0)
        load(ledger, 2)
        assert _repeats(ledger, [a_row(3)]) == Repeats(0)

    @pytest.mark.parametrize("changed", ["key", "recipient", "values"])
    def test_what_differs_is_no_repeat(self, ledger: Ledger, changed: str) -> None:
        """Another key is another case; another recipient or other words are another message."""
        number, key, recipient, fields, digest, *_ = a_row(1)
        load(ledger, [a_row(1)])
        others: dict[str, NewRow] = {
            "key": (number, "altra", recipient, fields, digest, None, None),
            "recipient": a_row(number, key, "altri@example.org"),
            "values": (number, key, recipient, fields, b"other words", None, None),
        }
        other = others[changed]
        assert _repeats(ledger, [other]).count == 0
        assert _repeats(ledger, [a_row(1)]).count == 1

    def test_another_template_is_another_message(self, ledger: Ledger) -> None:
        """Only runs of the same words are looked at."""
        load(ledger, 2)
        assert _repeats(ledger, [a_row(1)], OTHER).count == 0

    def test_several_earlier_runs_count_a_message_once(self, ledger: Ledger) -> None:
        """However often it was said before, it is one repeat."""
        load(ledger, 2)
        load(ledger, 2, name="luglio")
        found = _repeats(ledger, [a_row(1), a_row(9)])
        assert found.count == 1
        assert {run for _, run, _ in found.first} <= {"giugno", "luglio"}

    def test_its_own_expiry_or_place_makes_no_difference(self, ledger: Ledger) -> None:
        """When it expires is no part of what it says."""
        load(ledger, [a_row(1)])
        assert _repeats(ledger, [a_row(1, expires_at=NOW + 1)]).count == 1


class TestStates:
    """Whether the earlier message counts as said."""

    @pytest.mark.parametrize("state", list(MessageState))
    def test_what_never_left_is_no_repeat(self, ledger: Ledger, state: MessageState) -> None:
        """Refused, cancelled and given up may be said again; pending, in doubt and sent are repeats."""
        run = load(ledger, 2)
        _put(ledger, run, 1, state)
        assert _repeats(ledger, [a_row(1)]).count == int(state not in NOT_SAID)
        digest = a_row(1)[4]
        asked = [("persona1@example.org", digest)]
        said = ledger.views.said_where(new_run().words_digest, asked)
        assert said == ({} if state in NOT_SAID else dict.fromkeys(asked, ("giugno", 1)))

    def test_refused_in_one_run_and_sent_in_another(self, ledger: Ledger) -> None:
        """One that said it is enough."""
        desk = Desk.of(ledger, load(ledger, 1))
        desk.sent(desk.pending()[0], REJECTED)
        load(ledger, 1, name="luglio")
        assert _repeats(ledger, [a_row(1)]).first == ((1, "luglio", 1),)


class TestActing:
    """What `on_repeat` does with them, through the load."""

    def test_fail_keeps_nothing(self, ledger: Ledger) -> None:
        """The whole load is rolled back: no run, no message, no mailbox count."""
        load(ledger, 2)
        assert _repeats(ledger, [a_row(1), a_row(3)]).count == 1
        assert ledger.runs.names() == ["giugno"]
        assert query(ledger, "SELECT COUNT(*) AS n FROM messages") == [{"n": 2}]

    def test_skip_makes_duplicates_of_them(self, ledger: Ledger) -> None:
        """They say which run has said it; the others are messages, and the sums balance."""
        load(ledger, 600)
        with _loading(ledger, "luglio") as loading:
            loading.add([a_row(number) for number in range(501, 1301)])
            loading.add([a_row(1301), a_row(1302, "persona1301@example.org")])
            assert loading.set_repeats_aside() == 100
            counts = loading.counts
        assert (counts.rows, counts.messages, counts.duplicate) == (802, 701, 101)
        run = ledger.runs.get("luglio")
        recount(ledger, run)
        aside = query(ledger, 'SELECT "row", state, reason FROM set_aside WHERE run_id = :run', run=run.id)
        said = [row["row"] for row in aside if row["reason"] == "said already in run giugno"]
        assert sorted(said) == list(range(501, 601))
        assert {row["state"] for row in aside} == {"duplicate"}
        views = list(ledger.views.rows(run))
        assert [view.row for view in views] == list(range(501, 1303))
        assert [view.state for view in views[:100]] == ["duplicate"] * 100

    def test_what_is_left_can_be_claimed_whole(self, ledger: Ledger) -> None:
        """The gaps that skipped repeats leave in the blocks hide no message."""
        load(ledger, [a_row(number) for number in range(1, 1201, 2)])
        with _loading(ledger, "luglio") as loading:
            loading.add([a_row(number) for number in range(1, 1201)])
            loading.set_repeats_aside()
        desk = Desk.of(ledger, ledger.runs.get("luglio"))
        assert [one.row for one in desk.pending()] == list(range(2, 1201, 2))

    def test_skip_leaves_those_of_other_templates(self, ledger: Ledger) -> None:
        """Only what was found is set aside."""
        load(ledger, 2)
        with _loading(ledger, "luglio", OTHER) as loading:
            loading.add([a_row(1), a_row(2)])
            assert loading.set_repeats_aside() == 0
        recount(ledger, ledger.runs.get("luglio"))

    def test_skip_of_what_two_runs_have_said(self, ledger: Ledger) -> None:
        """It is one duplicate, not two."""
        load(ledger, 2)
        load(ledger, 2, name="aprile")
        with _loading(ledger, "luglio") as loading:
            loading.add([a_row(1), a_row(3)])
            assert loading.set_repeats_aside() == 1
        run = ledger.runs.get("luglio")
        recount(ledger, run)
        (aside,) = query(ledger, "SELECT reason FROM set_aside WHERE run_id = :run", run=run.id)
        assert aside["reason"] == "said already in run aprile"

    def test_skip_of_everything_is_no_run(self, ledger: Ledger) -> None:
        """A list that says nothing new is refused as one without a message."""
        load(ledger, 2)
        loading = _loading(ledger, "luglio")
        with pytest.raises(ListRefused, match="2 duplicate, 0 suppressed"):
            _skip(loading, [a_row(1), a_row(2)])
        assert ledger.runs.names() == ["giugno"]

    def test_warn_sends_them_again(self, ledger: Ledger) -> None:
        """Found and told, and loaded all the same, under references of their own."""
        load(ledger, 2)
        with _loading(ledger, "luglio") as loading:
            loading.add([a_row(1), a_row(2)])
            assert loading.repeats().count == 2
        run = ledger.runs.get("luglio")
        recount(ledger, run)
        assert [one.row for one in Desk.of(ledger, run).pending()] == [1, 2]


class TestSaidBefore:
    """The same question for a list that is not being loaded, as a plan asks it."""

    def test_it_agrees_with_the_load(self, ledger: Ledger) -> None:
        """Over keys and digests that are known, half known and unknown."""
        load(ledger, 30)
        rows = [a_row(number) for number in range(20, 40)]
        rows[0] = (*rows[0][:4], b"other words", None, None)
        rows[1] = (rows[1][0], "altra", *rows[1][2:])
        said = ledger.views.said_where(new_run().words_digest, [(row[1], row[4]) for row in rows])
        assert said == {(a_row(row)[1], a_row(row)[4]): ("giugno", row) for row in range(22, 31)}
        assert _repeats(ledger, rows).count == len(said)

    def test_another_template_and_nothing(self, ledger: Ledger) -> None:
        """Other templates have said nothing of it; asking for nothing is no error."""
        load(ledger, 2)
        assert ledger.views.said_where(OTHER, [(a_row(1)[1], a_row(1)[4])]) == {}
        assert ledger.views.said_where(new_run().words_digest, []) == {}
