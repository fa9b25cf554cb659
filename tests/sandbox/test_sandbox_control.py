"""The control paths: the witness, the clock, foreign mail, and what they refuse."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sandbox.talking import MAILBOX, OTHER, headers, talking

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
HIDDEN = "CORPO-E-CREDENZIALI"
REFERENCE = "0123456789ABC"


async def test_the_state_counts_posts_and_what_was_taken_by_reference() -> None:
    """A message taken twice is named; one without a reference counts under its subject."""
    async with talking() as talk:
        await talk.post(subject=f"Avviso [rif. {REFERENCE}]")
        await talk.post(subject=f"Avviso [rif. {REFERENCE}]")
        await talk.post("rifiutata@example.org", subject="Senza")
        state = await talk.state()
        short = (await talk.http.get("/_sandbox/state?references=0")).json()
    assert (state["posts"], state["taken"]) == (3, 2)
    assert state["statuses"] == {"201": 2, "400": 1}
    assert state["taken_twice"] == [REFERENCE]
    assert state["references"] == {
        REFERENCE: {"posts": 2, "taken": 2},
        "Senza": {"posts": 1, "taken": 0},
    }
    assert "references" not in short


async def test_the_state_counts_faults_and_receipts() -> None:
    """Receipts that wait, have arrived, are still there."""
    async with talking() as talk:
        await talk.post("errore-500@example.org")
        await talk.send()
        talk.sandbox.advance(5)
        state = await talk.state()
    assert state["faults"] == {"500-after": 1}
    assert state["receipts"] == {"arrived": 2, "present": 2, "waiting": 2, "lost": 0}


async def test_sends_list_every_post_in_order_without_credentials_or_body() -> None:
    """What was not taken is there too."""
    async with talking(start=START) as talk:
        message_id = await talk.send(subject=f"Avviso [rif. {REFERENCE}]", body=HIDDEN)
        talk.sandbox.advance(30)
        await talk.post("rifiutata@example.org", password=HIDDEN)
        answer = await talk.http.get("/_sandbox/sends")
    first, second = answer.json()["sends"]
    assert first["at"] == "2026-01-01T12:00:00.000+00:00"
    assert first["mailbox"] == MAILBOX
    assert first["recipients"] == ["mario@example.org"]
    assert first["reference"] == REFERENCE
    assert (first["taken"], first["status"], first["message_id"]) == (True, 201, message_id)
    assert (second["taken"], second["status"], second["message_id"]) == (False, 400, None)
    assert second["at"] == "2026-01-01T12:00:30.000+00:00"
    assert second["real_at"] >= first["real_at"]
    assert HIDDEN not in answer.text


async def test_nothing_of_a_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """There is no access log, at any level."""
    with caplog.at_level(logging.DEBUG):
        async with talking() as talk:
            await talk.post(password=HIDDEN)
            await talk.post(body=None, password=HIDDEN)
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]
    assert HIDDEN not in caplog.text


async def test_equal_messages_have_equal_digests() -> None:
    """Over recipient, subject, body and attachments; not over credentials."""
    async with talking() as talk:
        await talk.post()
        await talk.post(password=HIDDEN)
        await talk.post(body="<p>Altro</p>")
        sends = (await talk.http.get("/_sandbox/sends")).json()["sends"]
    digests = [send["digest"] for send in sends]
    assert digests[0] == digests[1] != digests[2]


async def test_sends_can_be_read_in_parts() -> None:
    """From a number on, so many."""
    async with talking() as talk:
        for number in range(5):
            await talk.post(subject=f"Avviso n. {number}")
        part = (await talk.http.get("/_sandbox/sends", params={"from": 2, "limit": 2})).json()
    assert part["total"] == 5
    assert [(send["n"], send["subject"]) for send in part["sends"]] == [
        (2, "Avviso n. 2"),
        (3, "Avviso n. 3"),
    ]


async def test_the_clock_runs_speed_times_as_fast_and_can_jump() -> None:
    """Receipts that are due by then have come."""
    async with talking(start=START, speed=3600) as talk:
        talk.clock.seconds += 2
        before = (await talk.http.get("/_sandbox/clock")).json()["now"]
        await talk.send("ritardo@example.org")
        after = (await talk.http.post("/_sandbox/clock", json={"advance": 86_400})).json()["now"]
        kinds = await talk.kinds()
    assert datetime.fromisoformat(before) == START + timedelta(hours=2)
    assert datetime.fromisoformat(after) == START + timedelta(hours=26)
    assert kinds == ["ACCETTAZIONE", "CONSEGNA"]


@pytest.mark.parametrize("wrong", [{"advance": -1}, {"advance": "1h"}, {}, []])
async def test_the_clock_goes_only_forward(wrong: Any) -> None:
    """Anything else is 400."""
    async with talking() as talk:
        assert (await talk.http.post("/_sandbox/clock", json=wrong)).status_code == 400


async def test_foreign_mail_comes_in_on_request() -> None:
    """Also one whose own subject looks like a receipt; it fills the mailbox as any mail does."""
    async with talking() as talk:
        for mail in (
            {"mailbox": MAILBOX, "subject": "Offerta", "count": 2},
            {"mailbox": MAILBOX, "subject": "CONSEGNA: falsa", "kind": "plain", "sender": "x@example.net"},
        ):
            assert (await talk.http.post("/_sandbox/mail", json=mail)).status_code == 201
        items = (await talk.inbox())["data"]
        usage = await talk.usage()
        others = (await talk.http.get("/inbox", headers=headers(OTHER))).json()["total"]
    assert [item["object"] for item in items] == [
        "CONSEGNA: falsa",
        "POSTA CERTIFICATA: Offerta",
        "POSTA CERTIFICATA: Offerta",
    ]
    assert items[0]["sender"] == '"Per conto di: x@example.net" '
    assert (usage, others) == (30, 0)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("mail", {"mailbox": MAILBOX}),
        ("mail", {"mailbox": MAILBOX, "subject": "x", "kind": "altro"}),
        ("mail", {"mailbox": MAILBOX, "subject": "x", "size": "x"}),
        ("faults", {}),
        ("faults", {"kind": "altro"}),
        ("faults", {"kind": "200"}),
        ("faults", {"kind": "503", "count": 0}),
        ("faults", {"kind": "503", "every": 0}),
        ("faults", {"kind": "503", "probability": 2}),
        ("faults", {"kind": "503", "on": "altrove"}),
        ("faults", {"kind": "503", "altro": 1}),
        ("faults", {"kind": "503", "retry_after": "presto"}),
        ("faults", {"kind": "slow", "seconds": -1}),
        ("faults", {"kind": "503", "containing": 7}),
        ("faults", "503"),
    ],
)
async def test_what_means_nothing_is_refused(path: str, wrong: Any) -> None:
    """400, with words that say what; and no rule is left behind."""
    async with talking() as talk:
        answer = await talk.http.post(f"/_sandbox/{path}", json=wrong)
        unreadable = await talk.http.post(f"/_sandbox/{path}", content=b"{")
        rules = (await talk.http.get("/_sandbox/faults")).json()["faults"]
    assert (answer.status_code, unreadable.status_code) == (400, 400)
    assert answer.json()["message"]
    assert rules == []


async def test_the_rules_in_force_are_listed() -> None:
    """Several can be asked for at once; the first that strikes counts, and a used up one is gone."""
    async with talking() as talk:
        await talk.http.post("/_sandbox/faults", json=[{"kind": "503"}, {"kind": "429", "count": 2}])
        await talk.post()
        rules = (await talk.http.get("/_sandbox/faults")).json()["faults"]
    assert [(rule["fault"]["kind"], rule["count"]) for rule in rules] == [("429", 2)]
    assert json.dumps(rules)
