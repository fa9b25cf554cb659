"""Views: a run's figures and its rows, as they stand, whatever another process writes meanwhile."""

from __future__ import annotations

import orjson
import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    MAILBOX,
    MESSAGE_ID,
    NOT_SENT,
    NOW,
    REJECTED,
    Desk,
    a_row,
    harvest,
    load,
    mail,
    new_run,
    opened,
    recount,
)

from bulk_pec.domain.errors import ConfigError, UsageError
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import RunState, SetAside
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.loading import RefusedRow

SERVICE = "https://ws.example.com"


def _mixed(ledger: Ledger, rows: int) -> None:
    """A run in which every fourth row is set aside, each for another reason."""
    with ledger.load(new_run(), NOW) as loading:
        for number in range(1, rows + 1):
            if number % 4:
                loading.add([a_row(number)])
            else:
                state = list(SetAside)[number // 4 % 3]
                loading.set_aside([RefusedRow(number, None, "?", state.value, f"[{number}]", state)])


def test_figures_are_what_the_tables_hold(ledger: Ledger) -> None:
    """Every figure of a run that has something of everything."""
    desk = Desk.of(ledger, load(ledger, 6))
    one, two, three, four, five, _ = desk.pending()
    for pending, outcome in ((two, REJECTED), (three, IN_DOUBT), (four, NOT_SENT)):
        desk.sent(pending, outcome)
    desk.sent(one)
    desk.opened(five)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, one.reference)])
    values = ledger.views.figures(desk.run).values
    assert {name: value for name, value in values.items() if value} == {
        "pending": 2,
        "sending": 1,
        "sent": 1,
        "rejected": 1,
        "in_doubt": 1,
        "delivery_delivered": 1,
        "attempts": 5,
        "receipts_matched": 1,
    }
    recount(ledger, desk.run)


def test_figures_say_when_they_last_changed(ledger: Ledger) -> None:
    """The moment of the last write that counted."""
    desk = Desk.of(ledger, load(ledger, 1))
    assert ledger.views.figures(desk.run).updated_at == NOW
    desk.sent(desk.pending()[0], at=NOW + HOUR)
    assert ledger.views.figures(desk.run).updated_at == NOW + HOUR


def test_rows_come_in_input_order_those_set_aside_among_them(ledger: Ledger) -> None:
    """One view for every input row, in the list's order, whatever became of it."""
    _mixed(ledger, 24)
    views = list(ledger.views.rows(ledger.runs.get("giugno")))
    assert [view.row for view in views] == list(range(1, 25))
    assert {view.state for view in views} == {"pending", "invalid", "duplicate", "suppressed"}
    fourth = views[3]
    assert (fourth.state, fourth.reason, fourth.key, fourth.reference) == (
        "duplicate",
        "duplicate",
        None,
        None,
    )
    assert (fourth.attempts, fourth.delivery, fourth.fields) == (0, None, "[4]")


def test_rows_of_other_runs_are_not_among_them(ledger: Ledger) -> None:
    """Each run shows its own rows only."""
    for name in ("uno", "due"):
        load(ledger, 3, name)
    assert [view.row for view in ledger.views.rows(ledger.runs.get("due"))] == [1, 2, 3]


def test_a_row_tells_the_whole_story_of_its_message(ledger: Ledger) -> None:
    """Mailbox, token, times and delivery of one that was sent; the reason of one that was not."""
    desk = Desk.of(ledger, load(ledger, 3))
    first, second, _ = desk.pending()
    desk.sent(first, at=NOW + 5)
    desk.sent(second, REJECTED)
    mails = [
        mail(ReceiptKind.ACCEPTED, first.reference, at=NOW + 6),
        mail(ReceiptKind.DELIVERED, first.reference, at=NOW + 7),
    ]
    harvest(ledger, desk.mailbox, mails)
    sent, rejected, pending = ledger.views.rows(desk.run)
    assert (sent.state, sent.mailbox, sent.message_id, sent.attempts) == ("sent", MAILBOX, MESSAGE_ID, 1)
    assert (sent.sent_at, sent.accepted_at, sent.delivered_at) == (NOW + 5, NOW + 6, NOW + 7)
    assert (sent.delivery, sent.reference, sent.reason) == ("delivered", first.reference, None)
    assert (rejected.state, rejected.reason, rejected.delivery) == ("rejected", REJECTED.detail, None)
    assert (pending.state, pending.mailbox, pending.delivery) == ("pending", None, None)


def test_a_large_run_is_read_a_page_at_a_time(ledger: Ledger) -> None:
    """More rows than two pages hold, messages and set-aside ones: none is lost, none comes twice."""
    with ledger.load(new_run(), NOW) as loading:
        loading.add([a_row(number, f"k{number % 4_500}") for number in range(1, 9_001)])
    run = ledger.runs.get("giugno")
    views = list(ledger.views.rows(run))
    assert [view.row for view in views] == list(range(1, 9_001))
    assert sum(view.state == "duplicate" for view in views) == 4_500
    assert orjson.loads(views[8_999].fields) == ["persona9000@example.org"]
    recount(ledger, run)


def test_reading_goes_on_while_another_process_writes(ledger: Ledger, ledger_url: str) -> None:
    """A reader neither waits for the writer nor stops it, and sees each commit once it is there."""
    desk = Desk.of(ledger, load(ledger, 2_500))
    with opened(ledger_url, "read") as reader:
        views = reader.views.rows(reader.runs.get("giugno"))
        assert next(views).state == "pending"
        for pending in desk.pending()[-3:]:
            desk.sent(pending)
        rest = list(views)
        assert [view.row for view in rest] == list(range(2, 2_501))
        assert [view.state for view in rest[-3:]] == ["sent"] * 3
        assert reader.views.figures(desk.run).values["sent"] == 3


def test_what_is_not_committed_is_not_seen(ledger: Ledger, ledger_url: str) -> None:
    """A reader beside an open transaction sees the figures from before it."""
    run = load(ledger, 1)
    with opened(ledger_url, "read") as reader:
        with ledger.database.transaction() as connection:
            ledger.database.execute(connection, "UPDATE run_counts SET pending = 77")
            assert reader.views.figures(run).values["pending"] == 1
        assert reader.views.figures(run).values["pending"] == 77


def test_an_unknown_run_is_a_usage_error_that_names_those_there_are(ledger: Ledger) -> None:
    """2, and the names one could have meant."""
    with pytest.raises(UsageError, match="none yet"):
        ledger.runs.get("agosto")
    load(ledger, 1)
    with pytest.raises(UsageError, match="giugno"):
        ledger.runs.get("agosto")
    assert ledger.runs.find("agosto") is None
    assert ledger.runs.get("last").name == "giugno"


def test_a_run_is_finished_when_nothing_is_left_to_settle(ledger: Ledger) -> None:
    """Invariant 10: not while anything is pending, sending or in doubt; then, and it stays so."""
    run = load(ledger, 2)
    ledger.runs.begin(run, NOW + 1, SERVICE)
    ledger.runs.begin(run, NOW + 2, SERVICE)
    assert (ledger.runs.get("giugno").state, ledger.runs.get("giugno").started_at) == (
        RunState.SENDING,
        NOW + 1,
    )
    desk = Desk.of(ledger, run)
    first, second = desk.pending()

    def state() -> tuple[RunState, int | None]:
        ledger.runs.close_if_done(run, NOW + 3)
        found = ledger.runs.get("giugno")
        return found.state, found.finished_at

    assert state() == (RunState.SENDING, None)
    desk.sent(first, REJECTED)
    attempt = desk.opened(second)
    assert state() == (RunState.SENDING, None)
    desk.close(attempt, second.id, IN_DOUBT)
    assert state() == (RunState.SENDING, None)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, second.reference)])
    assert ledger.runs.get("giugno").state is RunState.FINISHED
    assert state() == (RunState.FINISHED, NOW + 3)
    ledger.runs.close_if_done(run, NOW + 4)
    ledger.runs.begin(run, NOW + 5, SERVICE)
    assert state() == (RunState.FINISHED, NOW + 3)


def test_a_run_goes_on_through_the_service_it_was_begun_with(ledger: Ledger) -> None:
    """What a rehearsal sent through one address was never sent through another: that is refused (78)."""
    run = load(ledger, 1)
    ledger.runs.check_service(run, "https://other.example.com")
    ledger.runs.begin(run, NOW, SERVICE + "/")
    ledger.runs.begin(run, NOW, "https://other.example.com")
    begun = ledger.runs.get("giugno")
    assert begun.service == SERVICE
    ledger.runs.check_service(begun, SERVICE + "/")
    with pytest.raises(ConfigError, match=r"begun through https://ws\.example\.com"):
        ledger.runs.check_service(begun, "https://other.example.com")


def test_last_is_the_run_loaded_last_unless_one_is_named_so(ledger: Ledger) -> None:
    """A list called last.csv can still be asked for by its name."""
    for name in ("uno", "due"):
        load(ledger, 1, name)
    assert ledger.runs.get("last").name == "due"
    load(ledger, 1, "last")
    load(ledger, 1, "tre")
    assert ledger.runs.get("last").name == "last"


def test_last_is_never_a_message_to_oneself_unless_there_is_nothing_else(ledger: Ledger) -> None:
    """`test-send` makes a run `LIST.test-N` of one message: who tries one out still means the mailing."""
    load(ledger, 1, "elenco.test-1")
    assert ledger.runs.get("last").name == "elenco.test-1"
    load(ledger, 2, "giugno")
    load(ledger, 1, "elenco.test-2")
    load(ledger, 1, "elenco.test-10")
    assert ledger.runs.get("last").name == "giugno"
    assert ledger.runs.names()[0] == "elenco.test-10"


@pytest.mark.parametrize(
    ("name", "rows"), [("elenco.test-1", 2), ("elenco.test-x", 1), ("altro.test-1", 1), ("test-1", 1)]
)
def test_any_other_run_may_be_the_last_whatever_it_is_called(ledger: Ledger, name: str, rows: int) -> None:
    """Only a run of one row, named as `test-send` names those of its list, is passed over."""
    load(ledger, 2, "giugno")
    load(ledger, rows, name)
    assert ledger.runs.get("last").name == name
