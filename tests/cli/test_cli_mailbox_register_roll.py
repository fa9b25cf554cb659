"""`mailbox register` pays for no address that GET /pec lists, however little a row of it tells."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.applications import applied
from support.calls import Desk
from support.commands import SECRETS

ADDRESS, ID = "avvisi@pecmassiva.com", "65f1c0ffee0123456789abcd"
OTHER = {"id": "a" * 24, "casella_pec": "x@pecmassiva.com", "stato": "evasa"}

Opened = Callable[[object], Desk]


class Listing(BaseHTTPRequestHandler):
    """GET answers with the server's list; POST is counted, and refused."""

    listed: object
    posts: list[str]

    def do_GET(self) -> None:
        """The list."""
        self._tell(200, {"data": self.listed, "success": True, "message": "", "error": None})

    def do_POST(self) -> None:
        """A registration that ought not to have come."""
        self.posts.append(self.path)
        self._tell(406, {"data": None, "success": False, "message": "no", "error": 224})

    def log_message(self, *_: object) -> None:
        """Nothing is written."""

    def _tell(self, status: int, reply: object) -> None:
        body = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def posts() -> list[str]:
    """The registrations that were asked for."""
    return []


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posts: list[str]) -> Iterator[Opened]:
    """Makes a registry that lists this, and a folder with an application, configured for it."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.json").write_text(json.dumps(applied()), encoding="utf-8")
    with ExitStack() as closing:

        def make(listed: object) -> Desk:
            handler = type("Told", (Listing,), {"listed": listed, "posts": posts})
            server = HTTPServer(("127.0.0.1", 0), handler)
            closing.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            closing.callback(thread.join)
            closing.callback(server.shutdown)
            return Desk.settled(tmp_path, f"http://127.0.0.1:{server.server_port}")

        yield make


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"id": ID, "casella_pec": ADDRESS}, ID),
        ({"id": ID, "casella_pec": ADDRESS, "stato": ""}, ID),
        ({"id": None, "casella_pec": ADDRESS, "stato": "evasa"}, "website"),
        ({"casella_pec": f"<{ADDRESS.upper()}>"}, "not told"),
        ({"id": ID, "pec": ADDRESS, "stato": "evasa"}, ID),
        ({"id": ID, "casella_pec": ADDRESS, "stato": "boh"}, "boh"),
    ],
)
def test_a_row_that_has_the_address_is_a_mailbox(
    opened: Opened, posts: list[str], row: dict[str, object], word: str
) -> None:
    """Whatever else the row lacks: 65, nothing is posted, and what is known of it is told."""
    desk = opened([OTHER, row])
    answer = desk.ask("mailbox", "register", "new.json", "--yes")
    assert answer.exit == (65, "data"), answer
    error = answer.document["error"]
    assert "is registered already" in error["what"]
    assert word in f"{error['what']} {error['hint']}"
    assert posts == []


@pytest.mark.parametrize("listed", [None, [OTHER, {"id": ID, "stato": "evasa"}]])
def test_a_list_that_cannot_be_read_whole_is_no_reason_to_pay(
    opened: Opened, posts: list[str], listed: object
) -> None:
    """The address may stand in what was not read: 69, nothing is posted."""
    answer = opened(listed).ask("mailbox", "register", "new.json", "--yes")
    assert answer.exit == (69, "unavailable"), answer
    assert posts == []


@pytest.mark.parametrize("listed", [[], [OTHER], [{"casella_pec": ADDRESS, "stato": "revocata"}]])
def test_an_address_that_is_not_listed_or_has_ended_is_asked_for(
    opened: Opened, posts: list[str], listed: object
) -> None:
    """An empty list is none, and a mailbox that is revoked is no longer one."""
    answer = opened(listed).ask("mailbox", "register", "new.json", "--yes")
    assert answer.exit == (65, "data"), answer
    assert posts == ["/pec"]
