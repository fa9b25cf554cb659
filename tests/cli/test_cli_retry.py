"""`retry`: what failed is loaded again as a run of its own, under new references, and sent by `send`."""

from __future__ import annotations

import pytest
from support.commands import Shell, check_status, good, refused, seen

RUN = ("run", "avvisi.csv", "--yes", "--json")
LIST = ["rifiutata@x.example", "mancata@y.example", "non-accettata@z.example", *good(1)]


@pytest.fixture
def failed(shell: Shell) -> Shell:
    """A run of four messages: one rejected, one undelivered, one not accepted, one delivered."""
    shell.write_list("avvisi.csv", LIST)
    answer = shell.call(*RUN)
    assert answer.exit == (3, "attention"), answer
    return shell


def test_from_failure_to_a_second_sending(failed: Shell, provider: str) -> None:
    """The new run holds the chosen rows, says whose retry it is, is not caught as a repeat, and is sent."""
    before = failed.call("status", "avvisi", "--json").document
    posts = seen(provider)["posts"]
    answer = failed.call(
        "retry", "avvisi", "--class", "rejected", "--class", "undelivered", "--yes", "--json"
    )
    assert answer.exit == (0, "complete"), answer
    document = answer.document
    assert (document["run"], document["retry_of"], document["messages"]) == ("avvisi.retry-1", "avvisi", 2)
    assert seen(provider)["posts"] == posts, "it loads only"
    assert failed.call("status", "avvisi", "--json").document == before
    sent = failed.call("send", "avvisi.retry-1", "--yes", "--json")
    assert sent.code == 3, sent
    check_status(sent.document)
    assert (sent.document["retry_of"], sent.document["messages"]["sent"]) == ("avvisi", 1)
    assert seen(provider)["taken_twice"] == [], "each has a reference of its own"
    again = failed.call(
        "retry", "avvisi", "--class", "rejected", "--class", "not_accepted", "--yes", "--json"
    )
    assert (again.document["run"], again.document["messages"], again.document["taken_up"]) == (
        "avvisi.retry-2",
        1,
        1,
    )


def test_with_the_template_mended(failed: Shell) -> None:
    """A retry takes the templates as they are now, and checks every letter with them."""
    (failed.home / "avviso.html.j2").write_text("<p>Gentile {{ denominazione }}</p>", encoding="utf-8")
    words = failed.call("retry", "avvisi", "--class", "undelivered", "--yes")
    assert words.code == 0, words
    assert words.stdout == (
        "1 message of avvisi loaded as avvisi.retry-1, and not sent.\n"
        "`bulk-pec send avvisi.retry-1` sends them.\n"
    )
    assert failed.call("send", "avvisi.retry-1", "--yes", "--json").document["messages"]["sent"] == 1
    (failed.home / "avviso.html.j2").write_text("<p>{{ altro }}</p>", encoding="utf-8")
    refused(
        failed,
        *("retry", "avvisi", "--class", "not_accepted", "--yes"),
        ends=(65, "data"),
        words=["'altro'", "Nothing was loaded"],
    )


def test_nothing_to_retry(failed: Shell) -> None:
    """It says so and ends well, asks nobody, and loads nothing."""
    answer = failed.call("retry", "avvisi", "--class", "overdue", "--json")
    assert (answer.exit, answer.document["run"]) == ((0, "complete"), None), answer
    assert failed.call("status", "last", "--json").document["run"] == "avvisi"


def test_what_is_refused(failed: Shell) -> None:
    """No yes, no such class, no class at all, no such run: 2, and nothing is loaded."""
    refused(failed, "retry", "avvisi", "--class", "rejected", ends=(2, "usage"), words=["--yes"])
    refused(
        failed, "retry", "avvisi", "--class", "sent", "--yes", ends=(2, "usage"), words=["'sent'", "overdue"]
    )
    refused(failed, "retry", "altro", "--class", "rejected", "--yes", ends=(2, "usage"), words=["'altro'"])
    assert failed.call("retry", "avvisi", "--yes", "--json").exit == (2, "usage")


def test_the_list_may_be_given_with_the_new_runs_name(failed: Shell) -> None:
    """`run LIST --name RUN.retry-1` is the same run: its list is the one that was loaded."""
    assert failed.call("retry", "avvisi", "--class", "undelivered", "--yes").code == 0
    answer = failed.call("run", "avvisi.csv", "--name", "avvisi.retry-1", "--yes", "--json")
    assert (answer.code, answer.document["messages"]["sent"]) == (3, 1), answer
