"""`test-send`: one row's message to oneself, as a run of its own."""

from __future__ import annotations

from typing import Any

from support.commands import Shell, asked, check_status, good, refused, seen
from support.papers import put

ME = "io.stesso@pec.example"


def sends(provider: str) -> list[dict[str, Any]]:
    """Every POST that the sandbox saw, in order."""
    found = asked(provider, "GET", "/_sandbox/sends")
    posts: list[dict[str, Any]] = found["sends"]
    return posts


def test_one_message_to_oneself_is_a_run_of_its_own(shell: Shell, provider: str) -> None:
    """Exactly one POST, to `--to` alone, with the row's own content; the next one gets the next name.

    The list's run is none of its concern: it is loaded afterwards as if nothing had been.
    """
    shell.edit("[message]", '[message]\nattachments = ["{{ numero }}.pdf"]')
    put(shell.home, "002.pdf")
    put(shell.home, "001.pdf")
    shell.write_list("avvisi.csv", good(2))
    call = ("test-send", "avvisi.csv", "--row", "2", "--to", f" {ME} ", "--yes", "--json")
    first = shell.call(*call)
    assert first.exit == (0, "complete"), first
    check_status(first.document)
    assert (first.document["run"], first.document["messages"]["sent"]) == ("avvisi.test-1", 1)
    assert first.document["rows"]["input"] == 1
    (post,) = sends(provider)
    assert post["recipients"] == [ME]
    assert post["subject"].startswith("Avviso n. 002 [rif. ")
    assert len(post["attachments"]) == 1

    second = shell.call(*call)
    assert (second.code, second.document["run"]) == (0, "avvisi.test-2")
    references = {post["reference"] for post in sends(provider)}
    assert len(references) == 2
    listed = shell.call("run", "avvisi.csv", "--yes", "--json")
    assert listed.exit == (0, "complete"), listed
    assert (listed.document["run"], listed.document["messages"]["sent"]) == ("avvisi", 2)
    assert (seen(provider)["posts"], seen(provider)["taken_twice"]) == (4, [])


def test_what_is_not_sent(shell: Shell, provider: str) -> None:
    """Without a yes or an address: 2. A row or an address not to be used: 65. No POST, no run."""
    shell.write_list("avvisi.csv", [*good(1), "senza-arroba"])
    assert shell.call("suppress", "add", ME).code == 0
    call = ("test-send", "avvisi.csv", "--row")
    usage, data = (2, "usage"), (65, "data")
    refused(shell, *call, "1", "--to", "x@pec.example", ends=usage, words=["Nothing was loaded", "--yes"])
    refused(shell, *call, "1", "--to", "nessuno", "--yes", ends=usage, words=["--to 'nessuno'", "address"])
    refused(shell, *call, "2", "--to", "x@pec.example", "--yes", ends=data, words=["Row 2", "invalid"])
    refused(shell, *call, "1", "--to", ME.upper(), "--yes", ends=data, words=["suppressed", "remove"])
    (shell.home / "avviso.html.j2").write_text("{{ 1 // 0 }}{{ numero }}", encoding="utf-8")
    refused(shell, *call, "1", "--to", "x@pec.example", "--yes", ends=data, words=["row 1", "template"])
    assert seen(provider)["posts"] == 0
    assert not any("avvisi.test" in line for line in shell.ledger_content())
