"""Suppressions: nobody on the list is written to, whether they were there at load or came later."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledgers import (
    IN_DOUBT,
    MAILBOX,
    NOW,
    REJECTED,
    THROTTLED,
    Desk,
    a_row,
    load,
    message,
    new_run,
    opened,
    query,
    recount,
)

from bulk_pec.domain.addresses import canonical
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.states import RunState, SetAside
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.suppressions import Suppression

WHY = "opted out"


def _suppress(ledger: Ledger, *addresses: str) -> None:
    ledger.suppressions.add(addresses, WHY, NOW)


def _set_aside(ledger: Ledger) -> list[tuple[int, str, str]]:
    rows = query(ledger, 'SELECT "row", state, reason FROM set_aside ORDER BY "row"')
    return [(row["row"], row["state"], row["reason"]) for row in rows]


class TestKeeping:
    """The list itself."""

    def test_what_is_added_is_there(self, ledger: Ledger) -> None:
        """Trimmed, in lower case, once, in order, with reason and day; also for another process."""
        assert not ledger.suppressions.any()
        assert ledger.suppressions.add(["B@Example.org ", "a@example.org", "b@example.org"], WHY, NOW) == 2
        assert ledger.suppressions.any()
        assert list(ledger.suppressions.all()) == [
            Suppression("a@example.org", WHY, NOW),
            Suppression("b@example.org", WHY, NOW),
        ]

    def test_what_is_there_keeps_its_reason_and_day(self, ledger: Ledger) -> None:
        """Adding again, for another reason, changes nothing: who asked first is who asked."""
        _suppress(ledger, "a@example.org")
        assert ledger.suppressions.add(["A@example.org", "c@example.org"], "other", NOW + 5) == 1
        assert list(ledger.suppressions.all()) == [
            Suppression("a@example.org", WHY, NOW),
            Suppression("c@example.org", "other", NOW + 5),
        ]

    def test_removing_says_what_was_there(self, ledger: Ledger) -> None:
        """However it is written; what is not there is not said to be removed."""
        _suppress(ledger, "a@example.org", "b@example.org")
        assert ledger.suppressions.remove([" A@Example.org", "x@example.org"]) == ["a@example.org"]
        assert [one.address for one in ledger.suppressions.all()] == ["b@example.org"]
        assert ledger.suppressions.remove([]) == []

    def test_every_form_of_an_address_is_one(self, ledger: Ledger) -> None:
        """A domain beyond ASCII is kept as it goes over the wire, and found by any form of it."""
        composed, decomposed, wired = "Info@Città.it", "info@citta\u0300.it", "info@xn--citt-3na.it"
        assert ledger.suppressions.add([composed, decomposed, wired], WHY, NOW) == 1
        assert [one.address for one in ledger.suppressions.all()] == [wired]
        assert ledger.suppressions.remove([decomposed]) == [wired]
        assert not ledger.suppressions.any()

    def test_asking_for_some(self, ledger: Ledger) -> None:
        """Of those asked about, the suppressed ones with their reasons; nothing is never an error."""
        _suppress(ledger, "a@example.org", "b@example.org")
        assert ledger.suppressions.among(["a@example.org", "c@example.org"]) == {"a@example.org": WHY}
        assert ledger.suppressions.among([]) == {}
        assert ledger.suppressions.add([], WHY, NOW) == 0

    def test_more_than_a_page(self, ledger: Ledger) -> None:
        """A list of many thousands is added, listed and removed whole."""
        many = [f"persona{number:05}@example.org" for number in range(12_001)]
        assert ledger.suppressions.add(many, WHY, NOW) == len(many)
        assert [one.address for one in ledger.suppressions.all()] == many
        assert ledger.suppressions.remove(many) == many
        assert not ledger.suppressions.any()

    def test_a_reader_sees_what_was_committed(self, ledger: Ledger, ledger_url: str) -> None:
        """`suppress list` and `plan` read beside a process that writes."""
        _suppress(ledger, "a@example.org")
        with opened(ledger_url, "read") as reader:
            assert reader.suppressions.among(["a@example.org"]) == {"a@example.org": WHY}

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(addresses=st.lists(st.text(st.sampled_from("aAbB@.'\"\\%_è"), min_size=1, max_size=4), max_size=6))
    def test_whatever_is_added_can_be_found_and_removed(self, ledger: Ledger, addresses: list[str]) -> None:
        """Quotes, wildcards and accents are letters like any other."""
        wanted = sorted({canonical(address) for address in addresses})
        ledger.suppressions.add(addresses, WHY, NOW)
        assert sorted(one.address for one in ledger.suppressions.all()) == wanted
        assert ledger.suppressions.among(wanted) == dict.fromkeys(wanted, WHY)
        assert ledger.suppressions.remove(addresses) == wanted


class TestLoading:
    """Rows whose address is suppressed never become messages."""

    def test_suppressed_rows_are_set_aside_and_counted(self, ledger: Ledger) -> None:
        """Whatever their case; the reason goes with them, and the sums balance."""
        _suppress(ledger, "persona2@example.org", "persona4@example.org")
        with ledger.load(new_run(), NOW) as loading:
            refused = loading.add([a_row(1), a_row(2), a_row(3), a_row(4, "k", "Persona4@EXAMPLE.org")])
            counts = loading.counts
        assert [(one.row, one.state) for one in refused] == [
            (2, SetAside.SUPPRESSED),
            (4, SetAside.SUPPRESSED),
        ]
        assert (counts.rows, counts.messages, counts.suppressed) == (4, 2, 2)
        assert _set_aside(ledger) == [
            (2, "suppressed", f"suppressed: {WHY}"),
            (4, "suppressed", f"suppressed: {WHY}"),
        ]
        run = ledger.runs.get("giugno")
        assert [(view.row, view.state) for view in ledger.views.rows(run)] == [
            (1, "pending"),
            (2, "suppressed"),
            (3, "pending"),
            (4, "suppressed"),
        ]
        recount(ledger, run)

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_one_of_several_addresses_is_enough(self, ledger: Ledger, place: int) -> None:
        """A message goes to all of its addresses or to none of them."""
        several = ["uno@example.org", "due@example.org", "Tre@example.org"]
        _suppress(ledger, several[place])
        run = load(ledger, [a_row(1, "k", ", ".join(several)), a_row(2)])
        assert [row for row, *_ in _set_aside(ledger)] == [1]
        recount(ledger, run)

    def test_a_suppressed_row_takes_nobody_s_key(self, ledger: Ledger) -> None:
        """The next row with the same key, to another address, is the first to have it."""
        _suppress(ledger, "persona1@example.org")
        run = load(ledger, [a_row(1, "k"), a_row(2, "k")])
        assert _set_aside(ledger) == [(1, "suppressed", f"suppressed: {WHY}")]
        recount(ledger, run)

    def test_nothing_but_suppressed_rows_is_no_run(self, ledger: Ledger) -> None:
        """Nothing is loaded, and the words say why."""
        _suppress(ledger, "persona1@example.org", "persona2@example.org")
        with pytest.raises(ListRefused, match="2 suppressed"):
            load(ledger, 2)
        assert ledger.runs.names() == []

    def test_one_that_was_removed_is_written_to(self, ledger: Ledger) -> None:
        """A suppression holds until it is removed, no longer."""
        _suppress(ledger, "persona1@example.org")
        ledger.suppressions.remove(["persona1@example.org"])
        run = load(ledger, 1)
        assert _set_aside(ledger) == []
        recount(ledger, run)


class TestClaiming:
    """Whoever is suppressed between load and sending is not written to either (transition i)."""

    def test_pending_messages_are_cancelled_with_the_reason(self, ledger: Ledger) -> None:
        """They are not handed out, and count as cancelled from that moment."""
        run = load(ledger, [a_row(1), a_row(2, "k", "altri@example.org, Persona2@example.org"), a_row(3)])
        _suppress(ledger, "persona1@example.org", "persona2@example.org")
        desk = Desk.of(ledger, run)
        assert [one.row for one in desk.pending()] == [3]
        first = message(ledger, run.first_id)
        assert (first["state"], first["reason"], first["attempts"]) == ("cancelled", "address suppressed", 0)
        assert message(ledger, run.first_id + 1)["state"] == "cancelled"
        recount(ledger, run)
        assert ledger.views.figures(run).values["cancelled"] == 2

    @pytest.mark.parametrize("written", ["info@xn--citt-3na.it", "info@citta\u0300.it", "INFO@CITTÀ.it"])
    def test_every_form_of_a_suppressed_address_is_held_back(self, ledger: Ledger, written: str) -> None:
        """At load and at claim, also as one of several; what is kept of the row is what the list wrote."""
        before = load(
            ledger, [a_row(1, "a", written), a_row(2, "b", f"altri@x.example, {written}"), a_row(3)]
        )
        _suppress(ledger, "info@città.it")
        assert [one.row for one in Desk.of(ledger, before).pending()] == [3]
        after = load(ledger, [a_row(1, "a", written), a_row(2)], name="luglio")
        assert _set_aside(ledger) == [(1, "suppressed", f"suppressed: {WHY}")]
        assert next(view.recipient for view in ledger.views.rows(after)) == written
        recount(ledger, after)

    def test_what_left_or_may_have_left_is_let_alone(self, ledger: Ledger) -> None:
        """Sent, refused, on its way or in doubt: only what is pending can still be held back."""
        run = load(ledger, 6)
        desk = Desk.of(ledger, run)
        sent, refused, doubted, underway, waiting, _ = desk.pending()
        desk.sent(sent)
        desk.sent(refused, REJECTED)
        desk.sent(doubted, IN_DOUBT)
        desk.opened(underway)
        desk.sent(waiting, THROTTLED)
        _suppress(ledger, *(f"persona{number}@example.org" for number in range(1, 7)))
        assert desk.pending() == []
        states = [message(ledger, run.first_id + place)["state"] for place in range(6)]
        assert states == ["sent", "rejected", "in_doubt", "sending", "cancelled", "cancelled"]
        recount(ledger, run)

    def test_a_message_that_was_tried_and_did_not_leave_is_cancelled(self, ledger: Ledger) -> None:
        """Its attempts stay on record."""
        run = load(ledger, 1)
        desk = Desk.of(ledger, run)
        desk.sent(desk.pending()[0], THROTTLED)
        _suppress(ledger, "persona1@example.org")
        assert desk.pending() == []
        kept = message(ledger, run.first_id)
        assert (kept["state"], kept["attempts"]) == ("cancelled", 1)
        recount(ledger, run)

    def test_a_run_of_which_all_else_is_done_is_finished(self, ledger: Ledger) -> None:
        """Nothing pending, sending or in doubt (invariant 10): there is no block left to claim."""
        run = load(ledger, 2)
        desk = Desk.of(ledger, run)
        desk.sent(desk.pending()[0])
        _suppress(ledger, "persona2@example.org")
        assert ledger.runs.get("giugno").state is not RunState.FINISHED
        assert desk.pending() == []
        assert ledger.runs.get("giugno").state is RunState.FINISHED
        desk.leave()
        assert Desk.of(ledger, run).blocks == []

    def test_only_the_claimed_run_s_messages_are_touched(self, ledger: Ledger) -> None:
        """Another run learns of it when its own block is claimed, and its counters change then."""
        run, other = load(ledger, 1), load(ledger, 1, name="luglio")
        _suppress(ledger, "persona1@example.org")
        assert Desk.of(ledger, run).pending() == []
        assert message(ledger, other.first_id)["state"] == "pending"
        recount(ledger, other)
        assert Desk.of(ledger, other).pending() == []
        recount(ledger, other)

    def test_a_suppressed_message_gets_no_intent(self, ledger: Ledger) -> None:
        """One that was handed out before and cancelled by another claim is refused at its intent."""
        run = load(ledger, 1)
        desk = Desk.of(ledger, run)
        (first,) = desk.pending()
        _suppress(ledger, "persona1@example.org")
        assert desk.pending() == []
        assert desk.open(first) is None
        assert query(ledger, "SELECT id FROM attempts") == []

    def test_the_sender_s_own_suppression_concerns_recipients_only(self, ledger: Ledger) -> None:
        """A mailbox that is suppressed as a recipient may still send."""
        _suppress(ledger, MAILBOX)
        run = load(ledger, 1)
        assert len(Desk.of(ledger, run).pending()) == 1
