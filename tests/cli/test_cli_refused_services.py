"""A provider that cannot be used, and a ledger that cannot: said in one paragraph, nothing sent."""

from __future__ import annotations

import http.server
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from support.commands import PASSWORD, TOKEN, Shell, refused, seen

from bulk_pec.sandbox.options import Credential, SandboxOptions
from bulk_pec.sandbox.server import background

SEND = ("send", "prima", "--yes")
COMMANDS = (SEND, ("run", "prima.csv", "--yes"))


@contextmanager
def web_server(status: int, body: bytes) -> Iterator[str]:
    """Some other site: it answers every request with this page."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_provider_that_nobody_answers_for(loaded: Shell, session_provider: str) -> None:
    """69 `unavailable`, with the address and why; the run can be started again as if nothing had been."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        loaded.edit(session_provider, address)
        refused(loaded, *SEND, ends=(69, "unavailable"), words=[address, "could not be reached", "base_url"])


@pytest.mark.parametrize(
    ("status", "words"), [(404, ["HTTP 404", "base_url"]), (301, ["HTTP 301", "base_url"])]
)
def test_base_url_of_another_site(
    loaded: Shell, session_provider: str, status: int, words: list[str]
) -> None:
    """78 `config`, naming the URL that was asked."""
    with web_server(status, b"<html><body>Benvenuti</body></html>") as address:
        loaded.edit(session_provider, address)
        command = COMMANDS[status == 404]
        refused(loaded, *command, ends=(78, "config"), words=[f"{address}/", *words])


@pytest.mark.parametrize("wrong", ["token", "password", "mailbox"])
def test_credentials_refused(loaded: Shell, session_provider: str, wrong: str) -> None:
    """77 `credentials`, before anything is posted; no secret is shown, right or wrong."""
    known = Credential("ufficio@pec.example" if wrong != "mailbox" else "altro@pec.example", PASSWORD)
    with background(SandboxOptions(tokens=(TOKEN,), credentials=(known,))) as provider:
        loaded.edit(session_provider, provider.url)
        if wrong != "mailbox":
            loaded.environ[f"BULK_PEC_{wrong.upper()}"] = "mistaken-secret"
        command = COMMANDS[wrong == "token"]
        answer = refused(loaded, *command, ends=(77, "credentials"), words=["HTTP 401", "credentials"])
        assert not [secret for secret in (TOKEN, PASSWORD, "mistaken-secret") if secret in str(answer)]
        assert seen(provider.url)["posts"] == 0


def test_credit_that_is_used_up(shell: Shell, provider: str) -> None:
    """77 `credit`: what was paid for is sent, the rest stays pending, and a new start goes on."""
    with background(SandboxOptions(credit=3, accepted_after=0, delivered_after=0)) as poor:
        shell.edit(provider, poor.url)
        shell.write_list("avvisi.csv", [f"info@ditta-{n}.example" for n in range(6)])
        answer = shell.call("run", "avvisi.csv", "--yes", "--json")
        assert answer.exit == (77, "credit"), answer
        messages = answer.document["messages"]
        assert (messages["sent"], messages["pending"], messages["in_doubt"]) == (3, 3, 0)
        assert seen(poor.url)["taken"] == 3


def test_older_schema(loaded: Shell) -> None:
    """78 `config` for whatever would open the ledger; it names `ledger upgrade` and changes nothing."""
    with closing(sqlite3.connect(loaded.home / "ledger.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
        connection.commit()
    for command in (SEND, ("export", "prima", "-o", "x.csv")):
        refused(loaded, *command, ends=(78, "config"), words=["ledger.db", "0000", "bulk-pec ledger upgrade"])
    assert not (loaded.home / "x.csv").exists()


def test_newer_schema(loaded: Shell) -> None:
    """78 as well, but then it is this program that is too old: `ledger upgrade` must not touch it."""
    with closing(sqlite3.connect(loaded.home / "ledger.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for command in (("status",), ("ledger", "upgrade")):
        refused(loaded, *command, ends=(78, "config"), words=["9999", "newer bulk-pec"])


def test_ledger_in_a_folder_that_is_not_there(loaded: Shell) -> None:
    """74 `io`, with the path; the folder is not made, as it may be a disk that is not mounted."""
    loaded.edit("sqlite:///ledger.db", "sqlite:///nowhere/ledger.db")
    refused(loaded, "load", "prima.csv", ends=(74, "io"), words=["nowhere/ledger.db", "folder"])
    assert not (loaded.home / "nowhere").exists()


def test_ledger_that_is_no_database(loaded: Shell) -> None:
    """74 `io`, for reading and for writing; whatever the file is, it is left as it was."""
    (loaded.home / "prima.db").write_bytes(b"not a database, but somebody's only copy of something\n" * 40)
    content = (loaded.home / "prima.db").read_bytes()
    loaded.edit("sqlite:///ledger.db", "sqlite:///prima.db")
    for command in (("load", "prima.csv"), ("status",)):
        refused(loaded, *command, ends=(74, "io"), words=["prima.db", "not a database"])
    assert (loaded.home / "prima.db").read_bytes() == content
