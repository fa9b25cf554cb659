"""`load`, `send`, `reconcile` and `status`: the parts of the nightly job, one after the other."""

from __future__ import annotations

from support.commands import Shell, check_status, good, seen


def test_the_parts_make_the_whole(shell: Shell, provider: str) -> None:
    """Load sends nothing, send awaits no receipts, reconcile reads them: together they finish a run."""
    shell.write_list("avvisi.csv", [*good(3), "mancata@x.example"])
    loaded = shell.call("load", "avvisi.csv", "--name", "a", "--json")
    assert loaded.exit == (0, "complete"), loaded
    check_status(loaded.document)
    assert (loaded.document["run"], loaded.document["state"], seen(provider)["posts"]) == ("a", "loaded", 0)
    content = shell.ledger_content()
    again = shell.call("load", "avvisi.csv", "--name", "a", "--json")
    assert (again.exit, again.document["rows"]) == ((0, "complete"), loaded.document["rows"])
    assert "The run 'a' is loaded already: nothing was loaded." in again.stderr
    assert "nothing was loaded" not in loaded.stderr
    assert shell.ledger_content() == content, "loading the same again must change nothing"

    unasked = shell.call("send", "a", "--json")
    assert unasked.exit == (2, "usage"), unasked
    assert (seen(provider)["posts"], "--yes" in unasked.stderr) == (0, True)

    sent = shell.call("send", "a", "--yes", "--json")
    assert sent.exit == (0, "complete"), sent
    check_status(sent.document)
    assert (sent.document["messages"]["sent"], sent.document["delivery"]["none"]) == (4, 4)
    assert sent.document["state"] == "finished"

    reconciled = shell.call("reconcile", "a", "--json")
    assert reconciled.exit == (3, "attention"), reconciled
    check_status(reconciled.document)
    delivery = reconciled.document["delivery"]
    assert (delivery["delivered"], delivery["undelivered"], delivery["none"]) == (3, 1, 0)
    assert seen(provider)["posts"] == 4


def test_doubts_of_send_wait_for_reconcile(shell: Shell, provider: str) -> None:
    """A message answered by an error is in doubt after `send` (75), and sent once its receipt is read."""
    shell.write_list("avvisi.csv", ["errore-500@x.example", *good(3)])
    shell.call("load", "avvisi.csv")
    sent = shell.call("send", "last", "--yes", "--json")
    assert sent.exit == (75, "in_doubt"), sent
    check_status(sent.document)
    assert (sent.document["messages"]["in_doubt"], sent.document["state"]) == (1, "sending")
    reconciled = shell.call("reconcile", "--json")
    assert reconciled.exit == (0, "complete"), reconciled
    check_status(reconciled.document)
    assert (reconciled.document["run"], reconciled.document["state"]) == ("avvisi", "finished")
    assert reconciled.document["messages"]["sent"] == reconciled.document["delivery"]["delivered"] == 4
    assert (seen(provider)["posts"], seen(provider)["taken_twice"]) == (4, [])


def test_status_finds_a_run(shell: Shell, provider: str) -> None:
    """By name, as `last` or without a name; an unknown RUN is 2 and says which there are.

    A status changes nothing and calls nobody.
    """
    shell.write_list("uno.csv", good(2))
    shell.write_list("due.csv", [*good(30), "senza-arroba"])
    assert shell.call("load", "uno.csv").code == 0
    shell.environ["BULK_PEC_RECIPIENTS__ON_REPEAT"] = "warn"  # both lists begin alike
    invalid = shell.call("load", "due.csv", "--json")
    assert invalid.exit == (3, "attention"), invalid
    assert "row 31" in invalid.stderr
    content = shell.ledger_content()
    shell.edit(provider, "http://127.0.0.1:9")
    for arguments, run, rows in ((("uno",), "uno", 2), (("last",), "due", 31), ((), "due", 31)):
        answer = shell.call("status", *arguments, "--json")
        assert answer.exit == (0, "complete"), answer
        check_status(answer.document)
        assert (answer.document["run"], answer.document["rows"]["input"]) == (run, rows)
    told = shell.call("status", "uno")
    assert (told.code, told.stderr) == (0, "")
    assert told.stdout.startswith("Run uno: loaded\n")
    assert shell.ledger_content() == content
    for command in (("status", "tre"), ("export", "tre", "-o", "x.csv")):
        unknown = shell.call(*command, "--json")
        assert unknown.exit == (2, "usage"), unknown
        assert "'tre'" in unknown.stderr
        assert "due, uno" in unknown.stderr
    assert not (shell.home / "x.csv").exists()


def test_looking_before_anything_was_loaded(shell: Shell) -> None:
    """Where no ledger is yet, `status` and `export` say so (2) and make none; `ledger upgrade` makes one."""
    for command in (("status",), ("export", "last", "-o", "x.csv")):
        answer = shell.call(*command, "--json")
        assert answer.exit == (2, "usage"), answer
        assert "There is no ledger" in answer.stderr
    assert not (shell.home / "ledger.db").exists()
    made = shell.call("ledger", "upgrade", "--json")
    assert made.exit == (0, "complete"), made
    assert made.document["ledger"].endswith("/ledger.db")
    assert (shell.home / "ledger.db").exists()
    again = shell.call("ledger", "upgrade")
    assert (again.code, again.stderr) == (0, "")
    assert made.document["version"] in again.stdout
    empty = shell.call("status", "--json")
    assert empty.exit == (2, "usage"), empty
    assert "none yet" in empty.stderr
