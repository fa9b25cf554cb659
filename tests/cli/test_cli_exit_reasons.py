"""Every word a command may end with is tested with the real command: where, and that none is forgotten."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.commands import Shell, check_status, good, seen

from bulk_pec.domain.exits import Reason

HERE = Path(__file__).parent
RUN = ("run", "avvisi.csv", "--yes", "--json")

WHERE: dict[Reason, tuple[int, str, str]] = {
    Reason.COMPLETE: (0, "test_cli_run.py", "test_a_good_list_is_complete_and_again_posts_nothing"),
    Reason.ATTENTION: (3, "test_cli_exit_calendar.py", "test_a_good_canary"),
    Reason.USAGE: (2, "test_cli_refused_settings.py", "test_wrong_usage"),
    Reason.DATA: (65, "test_cli_run.py", "test_other_content_under_the_same_name_is_refused"),
    Reason.UNAVAILABLE: (69, "test_cli_refused_services.py", "test_provider_that_nobody_answers_for"),
    Reason.BREAKER: (69, "test_cli_exit_calendar.py", "test_the_breaker"),
    Reason.IO: (74, "test_cli_refused_services.py", "test_ledger_that_is_no_database"),
    Reason.WINDOW: (75, "test_cli_exit_calendar.py", "test_a_closed_window"),
    Reason.CAP: (75, "test_cli_exit_reasons.py", "test_a_cap"),
    Reason.BUDGET: (75, "test_cli_exit_reasons.py", "test_a_budget"),
    Reason.MAILBOX_FULL: (75, "test_cli_exit_calendar.py", "test_a_full_mailbox"),
    Reason.MAX_MESSAGES: (75, "test_cli_stops.py", "test_max_messages_is_reached_and_not_passed"),
    Reason.MAX_DURATION: (75, "test_cli_stops.py", "test_max_duration"),
    Reason.UNTIL: (75, "test_cli_exit_calendar.py", "test_until"),
    Reason.SIGNAL: (75, "test_cli_stops.py", "test_signal_while_sending"),
    Reason.PAUSED: (75, "test_cli_exit_reasons.py", "test_a_paused_and_a_cancelled_run"),
    Reason.CANCELLED: (3, "test_cli_exit_reasons.py", "test_a_paused_and_a_cancelled_run"),
    Reason.BUSY: (75, "test_cli_stops.py", "test_second_writer_finds_the_ledger_busy"),
    Reason.CANARY: (75, "test_cli_exit_calendar.py", "test_an_undecided_and_a_bad_canary"),
    Reason.IN_DOUBT: (75, "test_cli_parts.py", "test_doubts_of_send_wait_for_reconcile"),
    Reason.CREDENTIALS: (77, "test_cli_refused_services.py", "test_credentials_refused"),
    Reason.CREDIT: (77, "test_cli_refused_services.py", "test_credit_that_is_used_up"),
    Reason.CONFIG: (78, "test_cli_refused_services.py", "test_older_schema"),
}
"""For each word: the code it usually has, and a test that starts the real command and ends with both."""


def test_every_word_has_its_test() -> None:
    """No reason is missing, but the one for bugs, which nothing can bring about."""
    assert set(Reason) - set(WHERE) == {Reason.BUG}


@pytest.mark.parametrize("reason", WHERE)
def test_the_test_is_there(reason: Reason) -> None:
    """It exists, and it names both the code and the word."""
    code, file, name = WHERE[reason]
    text = (HERE / file).read_text(encoding="utf-8")
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    body = ast.get_source_segment(text, functions[name])
    assert body is not None
    assert f'({code}, "{reason.value}")' in body


def test_a_cap(shell: Shell, provider: str) -> None:
    """75 `cap`: the mailbox has sent what it may today; another start today sends nothing more."""
    shell.edit("[recipients]\n", "max_per_day = 4\n[recipients]\n")
    shell.write_list("avvisi.csv", good(9))
    answer = shell.call(*RUN)
    assert answer.exit == (75, "cap"), answer
    check_status(answer.document)
    assert (answer.document["messages"]["sent"], answer.document["binding"]) == (4, "day_cap")
    said = (
        r"left: 5 to send; start the same command again after [-0-9]+ 00:00 \(Europe/Rome\), or with --wait"
    )
    assert re.search(said, answer.document["closing"])
    assert shell.call(*RUN).exit == (75, "cap")
    assert seen(provider)["posts"] == 4


def test_a_budget(shell: Shell, provider: str) -> None:
    """75 `budget`: what the run may cost is spent; not all of it can be sent, so there is no end date."""
    shell.edit("[receipts]\n", "[budget]\nprice_per_message = 0.1\nmax_cost = 0.3\n[receipts]\n")
    shell.write_list("avvisi.csv", good(9))
    answer = shell.call(*RUN)
    assert answer.exit == (75, "budget"), answer
    assert (answer.document["messages"]["sent"], answer.document["cost"]) == (3, 0.3)
    assert (answer.document["binding"], answer.document["eta"]) == ("cost", None)
    assert seen(provider)["posts"] == 3


def test_a_paused_and_a_cancelled_run(shell: Shell, provider: str) -> None:
    """75 `paused` until it is resumed; 3 `cancelled` for good. Neither posts anything."""
    shell.write_list("avvisi.csv", good(3))
    assert shell.call("load", "avvisi.csv").code == 0
    assert shell.call("pause", "avvisi").code == 0
    paused = shell.call(*RUN)
    assert paused.exit == (75, "paused"), paused
    assert shell.call("resume", "avvisi").code == 0
    assert shell.call("cancel", "avvisi", "--yes").code == 0
    cancelled = shell.call(*RUN)
    assert cancelled.exit == (3, "cancelled"), cancelled
    assert seen(provider)["posts"] == 0
