"""`run`: the nightly job, as a scheduler starts it and reads its answer."""

from __future__ import annotations

import polars as pl
import pytest
from support.commands import Shell, check_status, good, seen

RUN = ("run", "avvisi.csv", "--yes", "--json")


def test_a_good_list_is_complete_and_again_posts_nothing(shell: Shell, provider: str) -> None:
    """All delivered.

    0 `complete`, one document, the run named by the file's stem; again, and again without the list,
    ends alike with no POST and no question.
    """
    shell.write_list("avvisi.csv", good(6))
    first = shell.call(*RUN)
    assert first.exit == (0, "complete"), first
    document = first.document
    check_status(document)
    assert (document["run"], document["state"], document["rows"]["input"]) == ("avvisi", "finished", 6)
    assert (document["messages"]["sent"], document["delivery"]["delivered"]) == (6, 6)
    assert document["attempts"] == 6
    assert (document["cost"], document["eta"], document["binding"]) == (0.3, None, None)
    assert document["receipts"] == {"seen": 12, "matched": 12, "foreign": 0, "unknown": 0}
    assert seen(provider)["posts"] == 6

    again = shell.call("run", "avvisi.csv", "--json")
    assert again.exit == (0, "complete"), again
    (shell.home / "avvisi.csv").unlink()
    absent = shell.call("run", "avvisi.csv", "--json")
    assert absent.exit == (0, "complete"), absent
    for later in (again.document, absent.document):
        assert {name: later[name] for name in ("state", "rows", "messages", "delivery", "attempts")} == {
            name: document[name] for name in ("state", "rows", "messages", "delivery", "attempts")
        }
    assert seen(provider)["posts"] == 6


def test_troubles_of_a_parquet_list_need_a_person(shell: Shell, provider: str) -> None:
    """Whatever may become of a row, of a Parquet list.

    3 `attention`, every figure in its place, and the run's name is the one given.
    """
    rows = {
        "info@uno.example": "delivered",
        "mancata@due.example": "undelivered",
        "rifiutata@tre.example": "rejected",
        "non-accettata@quattro.example": "not_accepted",
        "non-pec@cinque.example": "accepted",
        "muta@sei.example": "none",
        "errore-500@sette.example": "delivered",  # in doubt until its receipt is read
        "senza-arroba": "invalid",
        **dict.fromkeys((f"info@ditta-{number}.example" for number in range(20)), "delivered"),
    }
    count = len(rows) + 1
    table = {
        "numero": ["001", *(f"{number:03d}" for number in range(1, count))],  # the first one comes twice
        "pec": ["info@uno.example", *rows],
        "denominazione": ["Ditta"] * count,
    }
    pl.DataFrame(table).write_parquet(shell.home / "lista.parquet")
    answer = shell.call("run", "lista.parquet", "--name", "novembre", "--yes", "--json")
    assert answer.exit == (3, "attention"), answer
    document = answer.document
    check_status(document)
    assert document["run"] == "novembre"
    expected = {"input": count, "messages": count - 2, "invalid": 1, "duplicate": 1, "suppressed": 0}
    assert document["rows"] == expected
    states = {name: figure for name, figure in document["messages"].items() if figure}
    assert states == {"sent": count - 3, "rejected": 1}
    wanted = {state: list(rows.values()).count(state) for state in document["delivery"]}
    assert document["delivery"] == wanted
    assert (document["attempts"], seen(provider)["taken_twice"]) == (count - 2, [])
    assert "row 1" in answer.stderr
    assert "key" in answer.stderr


def test_nobody_says_yes(shell: Shell, provider: str) -> None:
    """Without --yes and without a terminal.

    2, nothing sent, the run stays loaded; with --yes it goes on, and what is then left needs no second
    yes.
    """
    shell.write_list("avvisi.csv", good(4))
    unasked = shell.call("run", "avvisi.csv", "--json")
    assert unasked.exit == (2, "usage"), unasked
    assert "--yes" in unasked.stderr
    assert "4 messages" in unasked.stderr
    status = shell.call("status", "avvisi", "--json").document
    check_status(status)
    assert (status["state"], status["messages"]["pending"], seen(provider)["posts"]) == ("loaded", 4, 0)
    assert (status["cost"], status["binding"]) == (0.0, "rate")
    assert status["eta"] is not None

    part = shell.call("run", "avvisi.csv", "--yes", "--json", "--max-messages", "3")
    assert part.exit == (75, "max_messages"), part
    check_status(part.document)
    assert (part.document["state"], part.document["messages"]["pending"]) == ("sending", 1)
    assert seen(provider)["posts"] == 3
    rest = shell.call("run", "avvisi.csv", "--json")
    assert rest.exit == (0, "complete"), rest
    assert (seen(provider)["posts"], seen(provider)["taken_twice"]) == (4, [])


@pytest.mark.parametrize("changed", ["avvisi.csv", "avviso.html.j2", "config.toml"])
def test_other_content_under_the_same_name_is_refused(shell: Shell, provider: str, changed: str) -> None:
    """A list, a body or a subject that is not the one that was loaded.

    65, nothing sent, nothing changed; what was, restored, goes on.
    """
    shell.write_list("avvisi.csv", good(3))
    assert shell.call("load", "avvisi.csv", "--json").exit == (0, "complete")
    before = shell.ledger_content()
    old, new = {
        "avvisi.csv": ("Ditta 2", "Ditta 22"),
        "avviso.html.j2": ("Avviso", "AVVISO"),
        "config.toml": ("Avviso n.", "Sollecito n."),
    }[changed]
    shell.edit(old, new, changed)
    answer = shell.call(*RUN)
    assert answer.exit == (65, "data"), answer
    assert "'avvisi'" in answer.stderr
    assert ("avvisi.csv" if changed == "avvisi.csv" else "template") in answer.stderr
    assert "Restore" in answer.stderr
    assert (shell.ledger_content(), seen(provider)["posts"]) == (before, 0)
    shell.edit(new, old, changed)
    if changed == "avvisi.csv":
        assert shell.call(*RUN).exit == (0, "complete")
        assert seen(provider)["posts"] == 3


def test_a_run_without_json_is_told_in_words(shell: Shell) -> None:
    """The summary for people is stdout, the talk stderr; -q leaves only the summary."""
    shell.write_list("avvisi.csv", good(2))
    answer = shell.call("run", "avvisi.csv", "--yes")
    assert answer.code == 0, answer
    assert answer.stdout.startswith("Run avvisi: finished\n")
    assert "Every row is accounted for." in answer.stdout
    assert "Sending: 2 messages to go." in answer.stderr
    assert "Traceback" not in answer.stderr
    quiet = shell.call("run", "avvisi.csv", "-q")
    assert (quiet.code, quiet.stderr) == (0, "")
    assert quiet.stdout.startswith("Run avvisi: finished\n")
