"""`settle`: doubts listed and decided; copied ledgers acknowledged; late twins told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Answer, Shell, asked, check_status, good, refused, seen

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

RUN = ("run", "avvisi.csv", "--yes", "--json")
HOLD = 'on_in_doubt = "hold"\nsettle_after'


@pytest.fixture
def doubtful(shell: Shell, provider: str) -> Shell:
    """A run with two doubts that only the operator may settle: neither has left."""
    shell.edit("settle_after", HOLD)
    shell.write_list("avvisi.csv", ["errore-500-prima@x.example", "taglio-prima@y.example", *good(1)])
    answer = shell.call(*RUN)
    assert answer.exit == (3, "attention"), answer
    assert answer.document["messages"]["in_doubt"] == 2
    return shell


def _keys(answer: Answer) -> list[str]:
    return [one["key"] for one in answer.document["doubts"]]


def test_the_list(doubtful: Shell) -> None:
    """Each doubt with its row, key, reference, mailbox, and why it is still there; nothing is changed."""
    before = doubtful.ledger_content()
    answer = doubtful.call("settle", "avvisi", "--json")
    assert answer.exit == (3, "attention"), answer
    first, second = answer.document["doubts"]
    assert (first["key"], first["row"], second["key"], second["row"]) == ("001", 1, "002", 2)
    assert {one["why"] for one in (first, second)} == {'on_in_doubt is "hold"'}
    assert {one["mailbox"] for one in (first, second)} == {"ufficio@pec.example"}
    assert len(first["reference"]) == 13
    assert (answer.document["decision"], answer.document["settled"], answer.document["left"]) == (None, 0, 2)
    assert _keys(doubtful.call("settle", "avvisi", "002", "--json")) == ["002"]
    words = doubtful.call("settle", "last").stdout
    assert first["reference"] in words
    assert "--sent|--resend|--abandon" in words
    assert doubtful.ledger_content() == before


def test_each_decision(doubtful: Shell, provider: str) -> None:
    """One by key, one by reference; what is resent is posted once more, what is given up is not."""
    reference = doubtful.call("settle", "avvisi", "--json").document["doubts"][1]["reference"]
    one = doubtful.call("settle", "avvisi", "--resend", "001", "--reason", "not in webmail", "--json")
    assert one.exit == (3, "attention"), one
    assert (one.document["settled"], one.document["left"], _keys(one)) == (1, 1, ["002"])
    two = doubtful.call("settle", "avvisi", "--abandon", reference, "--json")
    assert two.exit == (0, "complete"), two
    posts = seen(provider)["posts"]
    answer = doubtful.call(*RUN)
    assert answer.exit == (0, "complete"), answer
    check_status(answer.document)
    messages = answer.document["messages"]
    assert (messages["sent"], messages["abandoned"], answer.document["twins"]) == (2, 1, 0)
    assert seen(provider)["posts"] == posts + 1
    assert "not in webmail" in "".join(doubtful.ledger_content())


def test_all_of_them(doubtful: Shell, provider: str) -> None:
    """Without a key every doubt is decided; then there is none left to list."""
    answer = doubtful.call("settle", "avvisi", "--sent")
    assert answer.code == 0, answer
    assert answer.stdout == "2 doubts settled: recorded as sent.\nRun avvisi has no message in doubt.\n"
    assert doubtful.call("settle", "avvisi", "--json").exit == (0, "complete")
    posts = seen(provider)["posts"]
    assert doubtful.call(*RUN).document["state"] == "finished"
    assert seen(provider)["posts"] == posts


def test_what_is_refused(doubtful: Shell) -> None:
    """Two decisions, an unknown key, a message that is not in doubt, an unknown run: 2, nothing changed."""
    refused(
        doubtful, "settle", "avvisi", "--sent", "--resend", ends=(2, "usage"), words=["--sent", "--resend"]
    )
    refused(doubtful, "settle", "avvisi", "--sent", "001", "x", ends=(2, "usage"), words=["'x'", "Nothing"])
    refused(doubtful, "settle", "avvisi", "--sent", "003", ends=(2, "usage"), words=["'003'", "it is sent"])
    refused(doubtful, "settle", "altro", "--sent", ends=(2, "usage"), words=["'altro'"])


def test_resend_in_a_cancelled_run(doubtful: Shell, provider: str) -> None:
    """It is cancelled, and said to be so."""
    assert doubtful.call("cancel", "avvisi", "--yes").code == 0
    answer = doubtful.call("settle", "avvisi", "--resend")
    assert "2 doubts settled: cancelled, as their run is." in answer.stdout
    assert doubtful.call("status", "avvisi", "--json").document["messages"]["cancelled"] == 2


def test_ambiguous_deliveries_are_acknowledged(shell: Shell, provider: str) -> None:
    """Two CONSEGNA nobody can tell apart: 3 until a person has looked at that message; then told, and 0."""
    shell.edit("[recipients]", "[recipients]\nallow_multiple = true")
    shell.write_list("avvisi.csv", ['"doppia@x.example, muta@y.example"', *good(1)])
    first = shell.call(*RUN)
    assert first.exit == (3, "attention"), first
    listed = shell.call("settle", "avvisi")
    assert (listed.code, "2 CONSEGNA for 2 addresses" in listed.stdout) == (3, True), listed
    refused(
        shell, "settle", "avvisi", "--acknowledge", "002", ends=(2, "usage"), words=["'002'", "ambiguous"]
    )
    seen_ = shell.call("settle", "avvisi", "--acknowledge", "001", "--reason", "seen in webmail", "--json")
    assert (seen_.exit, seen_.document["looked_at"]) == ((0, "complete"), 1), seen_
    assert shell.call("reconcile", "avvisi", "--json").exit == (0, "complete")
    told = shell.call("explain", "001").stdout
    assert "acknowledged: ambiguous deliveries" in told
    assert "seen in webmail" in told
    assert "Nothing to acknowledge" in shell.call("settle", "avvisi", "--acknowledge").stdout


def test_on_in_doubt_resend(shell: Shell, provider: str) -> None:
    """With `accept_duplicates` a doubt is sent again in the same start: at least once, each in the end."""
    shell.edit("settle_after", 'on_in_doubt = "resend"\naccept_duplicates = true\nsettle_after')
    shell.write_list("avvisi.csv", ["errore-500-prima@x.example", "taglio-dopo@y.example", *good(1)])
    answer = shell.call(*RUN)
    assert answer.exit == (0, "complete"), answer
    assert answer.document["messages"]["sent"] == 3
    counted = seen(provider)
    assert (counted["taken"], counted["posts"], counted["taken_twice"]) == (3, 4, [])


def test_on_in_doubt_resend_gives_up(shell: Shell, provider: str) -> None:
    """A provider that never says whether it takes a message is not sent it for ever."""
    shell.edit("settle_after", 'on_in_doubt = "resend"\naccept_duplicates = true\nsettle_after')
    shell.write_list("avvisi.csv", ["errore-500-prima-sempre@x.example"])
    answer = shell.call(*RUN)
    assert answer.exit == (3, "attention"), answer
    assert (seen(provider)["posts"], answer.document["messages"]["in_doubt"]) == (5, 1)


@pytest.fixture
def slow_mail() -> Iterator[str]:
    """The address of a provider whose receipts take an hour."""
    with background(SandboxOptions(accepted_after=3600, delivered_after=3600)) as running:
        yield running.url


def test_a_late_twin_is_told(tmp_path: Path, slow_mail: str) -> None:
    """Resent by the operator though it had left: both receipts come, and it is 3 with the twin named."""
    shell = Shell.settled(tmp_path / "home", slow_mail)
    shell.edit("settle_after", HOLD)
    shell.write_list("avvisi.csv", ["taglio-dopo@x.example", *good(1)])
    assert shell.call(*RUN).document["messages"]["in_doubt"] == 1
    assert shell.call("settle", "avvisi", "--resend").code == 0
    again = shell.call(*RUN)
    assert (again.exit, again.document["twins"]) == ((0, "complete"), 0), again
    asked(slow_mail, "POST", "/_sandbox/clock", '{"advance": 7300}')
    answer = shell.call("reconcile", "avvisi", "--json")
    assert answer.exit == (3, "attention"), answer
    assert (answer.document["twins"], answer.document["receipts"]["matched"]) == (1, 6)
    status = shell.call("status", "avvisi").stdout
    assert "1     of these sent twice" in status
    shell.call("export", "avvisi", "-o", "out.csv")
    assert "sent twice" in (shell.home / "out.csv").read_text(encoding="utf-8")
    assert "1 sent twice" in shell.call("reconcile", "avvisi").stdout


def test_a_copied_ledger(shell: Shell, provider: str, tmp_path: Path) -> None:
    """A ledger copied in the midst of a run, while the original goes on: the copy posts nothing.

    3, with the rows and `settle` named; so it stays, whoever only looks, until the operator acknowledges
    with the flag; then the copy goes on, and when the original sends more, it is stopped once more.
    """
    shell.write_list("avvisi.csv", good(8))
    assert shell.call(*RUN, "--max-messages", "2").exit == (75, "max_messages")
    shutil.copytree(shell.home, tmp_path / "copy")
    copy = Shell(tmp_path / "copy", shell.environ)
    assert shell.call(*RUN, "--max-messages", "2").code == 75
    posts = seen(provider)["posts"]
    for command in (RUN, ("send", "avvisi", "--json")):
        stopped = copy.call(*command)
        assert stopped.exit == (3, "attention"), stopped
        check_status(stopped.document)
        assert stopped.document["restored_at"] is not None
    told = copy.call("run", "avvisi.csv").stdout
    assert "(rows 3, 4)" in told
    assert "`bulk-pec settle avvisi`" in told
    assert seen(provider)["posts"] == posts == 4
    before = copy.ledger_content()
    looked = copy.call("settle", "avvisi", "--json")
    assert (looked.exit, looked.document["acknowledged"]) == ((3, "attention"), False), looked
    assert looked.document["restored"] == {"messages": 2, "rows": [3, 4], "pending": 4}
    words = copy.call("settle", "avvisi").stdout
    assert words.startswith("Not acknowledged: this ledger is an older copy. Receipts name 2 messages")
    assert "4 messages of the run would leave" in words
    assert "`bulk-pec settle avvisi --acknowledge`" in words
    refused(copy, "settle", "avvisi", "--acknowledge", "--sent", ends=(2, "usage"), words=["--sent"])
    refused(copy, "settle", "avvisi", "--acknowledge", "001", ends=(2, "usage"), words=["ambiguous"])
    assert copy.ledger_content() == before
    assert copy.call(*RUN).exit == (3, "attention")
    assert copy.call("reconcile", "avvisi", "--json").exit == (3, "attention")
    assert seen(provider)["posts"] == posts
    acknowledged = copy.call("settle", "avvisi", "--acknowledge")
    assert acknowledged.code == 0, acknowledged
    assert acknowledged.stdout.startswith("Acknowledged: this ledger is an older copy.")
    assert "Nothing to acknowledge" in copy.call("settle", "avvisi", "--acknowledge").stdout
    assert copy.call(*RUN, "--max-messages", "1").exit == (75, "max_messages")
    assert shell.call("send", "avvisi", "--json").exit == (3, "attention"), (
        "the original is the older one now"
    )
    assert shell.call("settle", "avvisi", "--sent").code == 0, (
        "a decision on the whole run is a word on it too"
    )
    last = shell.call(*RUN)
    assert last.exit == (0, "complete"), last
    assert copy.call(*RUN).exit == (3, "attention")
    assert (seen(provider)["taken"], seen(provider)["taken_twice"]) == (8, [])
