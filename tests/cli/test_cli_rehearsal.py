"""``--dry-run`` says what would happen and does nothing of it; ``status --watch`` shows it again."""

from __future__ import annotations

import signal

import pytest
from support.commands import Shell, good, refused, seen

RUN = ("run", "avvisi.csv")
DRY = (*RUN, "--dry-run", "--json")


def test_a_new_list(shell: Shell, provider: str) -> None:
    """0: how many, what binds, when it would end; no ledger comes of it, and the provider hears nothing."""
    shell.write_list("avvisi.csv", good(40))
    before = seen(provider)["statuses"]
    answer = shell.call(*DRY)
    assert answer.exit == (0, "complete"), answer
    told = answer.document
    assert (told["dry_run"], told["would"], told["run"], told["messages"]) == (True, "load", "avvisi", 40)
    assert (told["binding"], told["eta"] is not None, told["start_ends"] is not None) == ("rate", True, True)
    assert not (shell.home / "ledger.db").exists()
    assert seen(provider)["statuses"] == before
    words = shell.call(*RUN, "--dry-run").stdout
    assert words.startswith("Dry run: the list would be loaded as a new run 'avvisi'")
    assert "This start would end by" in words


def test_a_run_that_goes_on(loaded: Shell) -> None:
    """0: it would be resumed; the ledger stays as it is."""
    before = loaded.ledger_content()
    for command in (("run", "prima.csv"), ("send", "prima")):
        answer = loaded.call(*command, "--dry-run", "--json")
        assert answer.exit == (0, "complete"), answer
        told = answer.document
        assert (told["would"], told["run"], told["messages"]) == ("resume", "prima", 3)
        assert "would go on" in loaded.call(*command, "--dry-run").stdout
    assert loaded.ledger_content() == before


def test_it_ends_as_plan_does(shell: Shell) -> None:
    """3 with invalid rows; 65 where loading would refuse the list, or the run holds another one."""
    shell.write_list("avvisi.csv", [*good(30), "senza-arroba"])
    assert shell.call(*DRY).exit == (3, "attention")
    shell.write_list("avvisi.csv", ["senza-arroba"])
    assert shell.call(*DRY).exit == (65, "data")
    shell.write_list("avvisi.csv", good(3))
    assert shell.call("load", "avvisi.csv").code == 0
    shell.write_list("avvisi.csv", good(4))
    assert shell.call(*DRY).exit == (65, "data")


@pytest.mark.parametrize("form", ["fail", "skip", "warn"])
def test_a_list_of_another_run_is_judged_as_loading_judges_it(loaded: Shell, form: str) -> None:
    """Under a name that is no run yet it would be loaded again: what another run has said is a repeat."""
    loaded.environ["BULK_PEC_RECIPIENTS__ON_REPEAT"] = form
    again = ("prima.csv", "--name", "seconda")
    dry = loaded.call("run", *again, "--dry-run", "--json")
    words = loaded.call("run", *again, "--dry-run").stdout
    real = loaded.call("load", *again, "--json")
    assert dry.exit == real.exit == ((0, "complete") if form == "warn" else (65, "data")), (dry, real)
    assert dry.document["messages"] == {"fail": 3, "skip": 0, "warn": 3}[form]
    then = "would be loaded" if form == "warn" else "would be refused, and not be loaded"
    assert words.startswith(f"Dry run: the list {then} as a new run 'seconda'; nothing was loaded or sent.")
    if form == "fail":
        assert "3 messages are in an earlier run" in dry.document["error"]["what"]


def test_a_run_that_is_not_there(shell: Shell) -> None:
    """`send` of an unknown run: 2."""
    assert shell.call("send", "nulla", "--dry-run", "--json").exit == (2, "usage")


def test_a_cap_ends_the_start_and_not_the_run(loaded: Shell) -> None:
    """Of three messages a cap lets one out a day: a start ends with it, one with --wait with the run."""
    loaded.edit("[recipients]\n", "max_per_day = 1\n[recipients]\n")
    told = loaded.call("send", "prima", "--dry-run", "--json").document
    assert told["start_ends"][:10] < told["eta"][:10]
    waiting = loaded.call("send", "prima", "--dry-run", "--wait", "--json").document
    assert waiting["start_ends"] == waiting["eta"]


def test_a_closed_window_is_told(loaded: Shell) -> None:
    """What binds and when this start would end, --until and --max-duration included."""
    answer = loaded.call("send", "prima", "--dry-run", "--until", "05:30", "--max-duration", "1s", "--json")
    assert answer.exit == (0, "complete"), answer
    assert answer.document["start_ends"] <= answer.document["eta"]


def test_watch_ends_with_the_run(shell: Shell) -> None:
    """A finished run is shown once; one that goes on is shown again until Ctrl-C, which is no failure."""
    shell.write_list("avvisi.csv", good(3))
    assert shell.call("load", "avvisi.csv").code == 0
    running = shell.start("status", "--watch")
    running.wait_until(lambda: running.out.read_text(encoding="utf-8").count("Run avvisi: loaded") >= 2)
    running.process.send_signal(signal.SIGINT)
    assert running.ended().code == 0
    assert shell.call(*RUN, "--yes").code == 0
    answer = shell.call("status", "avvisi", "--watch")
    assert (answer.code, answer.stdout.count("Run avvisi: finished")) == (0, 1)


def test_watch_is_no_json(loaded: Shell) -> None:
    """One document is all that --json prints: 2."""
    refused(loaded, "status", "--watch", ends=(2, "usage"), words=["--watch", "--json"])


@pytest.mark.parametrize("command", ["run", "send"])
def test_the_options_are_in_the_help(shell: Shell, command: str) -> None:
    """Both commands take all of them."""
    shell.environ["COLUMNS"] = "200"
    said = shell.call(command, "--help").stdout
    for option in ("--until", "--wait", "--dry-run", "--max-messages", "--max-duration", "--yes"):
        assert option in said
