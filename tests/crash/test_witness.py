"""The witness and its verdicts: a judge that cannot condemn proves nothing."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from crash.harness import Witness, running_witness
from support.verdicts import Verdicts, read_log, verdicts

HEADERS = {"Authorization": "Bearer x", "x-username": "u@pec.example", "x-password": "p"}
REFERENCES = ["0123456789ABC", "0123456789ABD", "0123456789ABE"]


def ask(witness: Witness, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
    """One request on a connection of its own: the status and the document."""
    connection = http.client.HTTPConnection(urlsplit(witness.url).netloc, timeout=20)
    try:
        connection.request(method, path, json.dumps(body) if body else None, HEADERS)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def letter(reference: str, *, text: str = "<p>x</p>", credential: str = "p") -> dict[str, str]:
    """The body of a POST /send."""
    content = {"sender": "u@pec.example", "recipient": "a@b.example", "subject": f"Avviso [rif. {reference}]"}
    return {**content, "body": text, "username": "u@pec.example", "password": credential}


def exported(key: str, reference: str, state: str, attempts: int = 1) -> dict[str, Any]:
    """One exported row."""
    return {"key": key, "reference": reference, "state": state, "attempts": attempts}


def logged(log: Path, reference: str | None, *, taken: bool = True, digest: str = "d") -> None:
    """Append one POST to a log, as the witness would."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"reference": reference, "taken": taken, "digest": digest}) + "\n")


def test_post_is_logged_then_answered_then_found_in_the_inbox(tmp_path: Path) -> None:
    """A taken message has its line, an id, and two receipts that carry its reference and end in that id."""
    with running_witness(tmp_path / "log") as witness:
        status, answer = ask(witness, "POST", "/send", letter(REFERENCES[0]))
        assert (status, answer["sent"], len(answer["message_id"])) == (201, 1, 16)
        [line] = read_log(witness.log)
        assert (line["reference"], line["taken"], line["recipient"]) == (REFERENCES[0], True, "a@b.example")
        _, page = ask(witness, "GET", f"/inbox?q={REFERENCES[0]}")
        subject = f"Avviso [rif. {REFERENCES[0]}] {answer['message_id']}"
        assert [item["object"] for item in page["data"]] == [
            f"CONSEGNA: {subject}",
            f"ACCETTAZIONE: {subject}",
        ]
        assert ask(witness, "GET", "/inbox?q=nothing")[1]["data"] == []


def test_digest_is_of_the_content_and_not_of_the_credentials(tmp_path: Path) -> None:
    """The same letter with another password has the same digest; with another text it has not."""
    with running_witness(tmp_path / "log") as witness:
        for body in (
            letter(REFERENCES[0]),
            letter(REFERENCES[0], credential="q"),
            letter(REFERENCES[0], text="y"),
        ):
            ask(witness, "POST", "/send", body)
        first, second, third = (line["digest"] for line in read_log(witness.log))
        assert first == second != third


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_inbox_has_25_a_page_in_either_order(tmp_path: Path, order: str) -> None:
    """Thirty receipts are two pages, whichever end comes first; the page after the last is empty."""
    with running_witness(tmp_path / "log", "--order", order) as witness:
        for _ in range(15):
            ask(witness, "POST", "/send", letter(REFERENCES[0]))
        pages = [ask(witness, "GET", f"/inbox?page={page}")[1] for page in (1, 2, 3)]
        assert [len(page["data"]) for page in pages] == [25, 5, 0]
        ids = [item["id"] for page in pages for item in page["data"]]
        assert ids == sorted(ids, reverse=order == "newest")
        assert (pages[0]["total"], pages[0]["n_of_pages"]) == (30, 2)


def test_faults_tell_taken_from_not_taken(tmp_path: Path) -> None:
    """A lost answer and a 500 after it leave a taken message; a 500 before it leaves none, but a line."""
    for fault, taken in (("--lose", True), ("--error-after", True), ("--error-before", False)):
        with running_witness(tmp_path / fault, fault, "1.0") as witness:
            if fault == "--lose":
                with pytest.raises(http.client.RemoteDisconnected):
                    ask(witness, "POST", "/send", letter(REFERENCES[0]))
            else:
                assert ask(witness, "POST", "/send", letter(REFERENCES[0]))[0] == 500
            assert [line["taken"] for line in read_log(witness.log)] == [taken]
            assert bool(ask(witness, "GET", "/inbox")[1]["data"]) is taken


def test_half_a_request_is_not_taken(tmp_path: Path) -> None:
    """A request cut off before its body is whole was never taken, and the witness goes on."""
    with running_witness(tmp_path / "log") as witness:
        connection = http.client.HTTPConnection(urlsplit(witness.url).netloc, timeout=20)
        connection.putrequest("POST", "/send")
        connection.putheader("Authorization", "Bearer x")
        connection.putheader("Content-Length", "500")
        connection.endheaders(b'{"sender":')
        connection.close()
        assert ask(witness, "GET", "/quota/INBOX")[1]["data"]["limit"] == 1048576
        assert read_log(witness.log) == []


def test_a_faithful_run_has_empty_verdicts(tmp_path: Path) -> None:
    """Every row sent once and taken once: nothing to say."""
    for reference in REFERENCES:
        logged(tmp_path / "log", reference)
    rows = [exported(f"k{n}", reference, "sent") for n, reference in enumerate(REFERENCES)]
    assert verdicts(tmp_path / "log", rows, ["k0", "k1", "k2"]) == Verdicts()


def test_every_lie_is_found(tmp_path: Path) -> None:
    """Each verdict names what does not fit, and only that."""
    log, (one, two, three) = tmp_path / "log", REFERENCES
    for reference, digest in ((one, "d"), (one, "e"), (three, "d")):
        logged(log, reference, digest=digest)
    logged(log, "0000000000000")
    logged(log, None, taken=False)
    rows = [exported("k0", one, "sent"), exported("k1", two, "sent"), exported("k2", three, "rejected")]
    rows.append(exported("k3", "0123456789ABF", "in_doubt"))
    found = verdicts(log, rows, ["k0", "k1", "k2", "k3", "k4"])
    assert asdict(found) == {
        "lost": (two, "k4"),
        "denied": (three,),
        "duplicated": (one,),
        "unrecorded": ("0000000000000", one, "None"),
        "unexpected": ("0000000000000", "None"),
        "altered": (one,),
        "in_doubt": ("0123456789ABF",),
    }


def test_posting_again_what_was_not_taken_is_no_duplicate(tmp_path: Path) -> None:
    """An attempt whose absence was accepted may be followed by another, if both were recorded."""
    logged(tmp_path / "log", REFERENCES[0], taken=False)
    logged(tmp_path / "log", REFERENCES[0])
    rows = [exported("k0", REFERENCES[0], "sent", attempts=2)]
    assert verdicts(tmp_path / "log", rows, ["k0"]) == Verdicts()
