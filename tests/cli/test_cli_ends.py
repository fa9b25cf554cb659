"""What a start says of itself at its end, whatever came in between."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.commands import Shell, check_status, good, refused, seen, strike, struck

RUN = ("run", "avvisi.csv", "--yes")


@pytest.mark.parametrize("json", [True, False])
def test_a_failure_after_sending_still_gives_the_report(shell: Shell, provider: str, *, json: bool) -> None:
    """The inbox that cannot be read after the last message hides neither figures nor the error.

    The exit is the error's; with --json the document has both; that the run is done is recorded; and the
    next start goes on without a POST.
    """
    shell.write_list("avvisi.csv", good(3))
    strike(provider, {"kind": "401", "on": "inbox", "skip": 2})  # an empty inbox is two pages long
    answer = shell.call(*RUN, *(["--json"] if json else []))
    assert (answer.code, seen(provider)["posts"]) == (77, 3), answer
    paragraph = answer.stderr.rpartition("bulk-pec: ")[2]
    assert "Traceback" not in answer.stderr
    if json:
        assert answer.exit == (77, "credentials")
        check_status(answer.document)
        assert (answer.document["state"], answer.document["messages"]["sent"]) == ("finished", 3)
        said = answer.document["error"]
        assert paragraph == f"{said['what']} {said['hint']}\n"
    else:
        assert answer.stdout.startswith("Run avvisi: finished\n")
        assert "401" in paragraph
    with closing(sqlite3.connect(shell.home / "ledger.db")) as ledger:
        assert ledger.execute("SELECT finished_at IS NOT NULL FROM runs").fetchall() == [(1,)]
    again = shell.call(*RUN, "--json")
    assert (again.exit, seen(provider)["posts"]) == ((0, "complete"), 3)


def test_a_failure_before_sending_is_only_an_error(shell: Shell, provider: str) -> None:
    """Where nothing was attempted there is nothing to report: one paragraph, and no figures."""
    shell.write_list("avvisi.csv", good(3))
    shell.call("load", "avvisi.csv")
    strike(provider, {"kind": "401", "on": "inbox"})
    answer = refused(shell, *RUN, ends=(77, "credentials"), words=["401"])
    assert ("messages" in answer.document, seen(provider)["posts"]) == (False, 0)


def test_what_is_pending_is_no_reason_for_reconcile(loaded: Shell) -> None:
    """`load`, then `reconcile`: nothing is in doubt, and sending was not its task: 0 `complete`."""
    answer = loaded.call("reconcile", "--json")
    assert answer.exit == (0, "complete"), answer
    assert answer.document["messages"]["pending"] == 3


def test_the_inbox_is_walked_once_where_nothing_was_posted(shell: Shell, provider: str) -> None:
    """A finished run started again reads what `reconcile` reads, and not twice that."""
    shell.write_list("avvisi.csv", good(3))
    assert shell.call(*RUN).code == 0
    assert shell.call("reconcile").code == 0
    strike(provider, {"kind": "500", "on": "inbox", "skip": 1_000_000})  # it only counts
    assert shell.call("reconcile").code == 0
    once = struck(provider)
    assert shell.call(*RUN).code == 0
    assert struck(provider) == 2 * once > 0


def test_exits_explain_themselves_in_words(shell: Shell, provider: str) -> None:
    """3 counts what needs a person and says where the rows are; 75 says what to do; 0 is silent."""
    shell.write_list("avvisi.csv", ["mancata@x.example", *good(30), "senza-arroba"])
    part = shell.call(*RUN, "--max-messages", "1")
    assert part.code == 75, part
    last = "Exit 75 (max_messages): left: 30 to send; start the same command again.\n"
    assert part.stdout.endswith(last)
    whole = shell.call(*RUN)
    assert whole.code == 3, whole
    assert whole.stdout.endswith(
        "Needs a person (exit 3): 1 invalid, 1 undelivered. `bulk-pec export avvisi -o results.csv` names "
        "them, column reason.\n"
    )
    shell.write_list("altro.csv", [*good(30), "senza-arroba"])
    loaded = shell.call("load", "altro.csv")
    assert loaded.code == 3, loaded
    assert "Needs a person (exit 3): 1 invalid. " in loaded.stdout
    shell.write_list("terzo.csv", good(1))
    assert "xit 0" not in shell.call("run", "terzo.csv", "--yes").stdout


def test_verbose_says_each_attempt_that_was_not_sent(shell: Shell, provider: str) -> None:
    """With -v verdict and detail of each, and no recipient; without it, nothing of them."""
    shell.write_list("avvisi.csv", ["errore-500@x.example", "rifiutata@y.example", *good(2)])
    shell.write_list("altro.csv", ["rifiutata@y.example"])
    answer = shell.call(*RUN, "-v")
    attempts = [line for line in answer.stderr.splitlines() if "An attempt was " in line]
    assert sorted(line.partition("An attempt was ")[2].partition(":")[0] for line in attempts) == [
        "in_doubt",
        "rejected",
    ]
    assert all(len(line.rpartition(": ")[2]) > 3 for line in attempts)
    assert ".example" not in "".join(attempts)
    assert "An attempt was" not in shell.call("run", "altro.csv", "--yes").stderr


def test_receipts_of_another_ledger_are_told(shell: Shell, provider: str, tmp_path: Path) -> None:
    """Before a run's first message references nobody here knows are a warning; later a remark."""
    shell.write_list("avvisi.csv", good(3))
    first = shell.call(*RUN)
    assert first.code == 0, first
    assert "this ledger does not know" not in first.stderr
    other = Shell.settled(tmp_path / "other", provider)
    other.write_list("avvisi.csv", good(2))
    warned = other.call(*RUN)
    assert warned.code == 0, warned
    words = "6 receipts carry references this ledger does not know: another ledger sends from this mailbox"
    warning, _, talk = warned.stderr.partition("Sending: 2 messages to go.")
    assert f"Warning: ufficio@pec.example: {words}" in warning
    assert "this ledger does not know" not in talk
    remark = shell.call("reconcile")
    assert "4 receipts carry references" in remark.stderr
    assert "Warning" not in remark.stderr
