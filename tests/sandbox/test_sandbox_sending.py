"""POST /send: what is taken, what is refused and how it is said."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from sandbox.talking import MAILBOX, OTHER, headers, talking

from bulk_pec.sandbox.options import Credential

pytestmark = pytest.mark.anyio

SUMMER = datetime(2020, 8, 26, 8, 0, 34, tzinfo=UTC)
PDF = base64.b64encode(b"%PDF-1.7 prova").decode()
RIGHT, WRONG = "giusta", "errata"
FILE = f"data:application/pdf;base64,{PDF}"


async def test_a_message_is_taken_with_201_and_the_documented_envelope() -> None:
    """The id begins with the second in Italian local time."""
    async with talking(start=SUMMER) as talk:
        answer = await talk.post()
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"success": True, "sent": 1, "message": "", "message_id": "202008261000341"}


async def test_ids_of_one_second_are_unique_and_have_15_or_16_digits() -> None:
    """The counter is not padded, so an id may be a prefix of another; 99 a second, then the next second's."""
    async with talking(start=SUMMER) as talk:
        ids = [await talk.send() for _ in range(120)]
    assert len(set(ids)) == 120
    assert {len(each) for each in ids} == {15, 16}
    assert ids[10].startswith(ids[0])
    assert ids[99] == "202008261000351"


async def test_ids_repeat_between_mailboxes() -> None:
    """Each mailbox counts for itself, as an id is promised to be unique nowhere."""
    async with talking(start=SUMMER) as talk:
        first = await talk.send()
        second = await talk.send(sender=OTHER, username=OTHER)
    assert first == second


async def test_several_recipients_are_one_message() -> None:
    """`sent` says to how many it goes."""
    async with talking() as talk:
        answer = await talk.post(["a@example.org", "b@example.org"])
    assert (answer.status_code, answer.json()["sent"]) == (201, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"attachments": []},
        {"attachments": {"name": "a.pdf", "file": FILE}},
        {"attachments": [{"name": "a.pdf"}]},
        {"attachments": [{"name": "", "file": FILE}]},
        {"attachments": [{"name": "a.pdf", "file": "data:application/pdf;base64,%%%"}]},
        {"attachments": ["a.pdf"]},
        {"sender": None},
        {"sender": "ufficio"},
        {"recipient": []},
        {"recipient": "mario"},
        {"recipient": ["mario@example.org", 7]},
        {"recipient": "a b@example.org"},
        {"subject": None},
        {"subject": "due\nrighe"},
        {"body": None},
        {"body": 7},
        {"username": None},
        {"password": ""},
    ],
)
async def test_what_the_schema_does_not_take_is_refused_with_400(change: dict[str, Any]) -> None:
    """Nothing is taken, and the words are the documented ones."""
    async with talking() as talk:
        message = {**talk.message(), **change}
        answer = await talk.http.post("/send", json={k: v for k, v in message.items() if v is not None})
        state = await talk.state()
    assert answer.status_code == 400
    assert answer.json() == {"success": False, "message": "Post parameter is not valid"}
    assert (state["posts"], state["taken"]) == (1, 0)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"testo"'])
async def test_what_is_no_json_object_is_refused_with_400(raw: bytes) -> None:
    """An unreadable body is a bad parameter too."""
    async with talking() as talk:
        answer = await talk.http.post("/send", content=raw)
    assert answer.status_code == 400


@pytest.mark.parametrize("file", [FILE, PDF])
async def test_an_attachment_is_a_data_uri_or_bare_base64(file: str) -> None:
    """Both forms were seen in clients; the witness knows the bytes by their hash."""
    async with talking() as talk:
        await talk.send(attachments=[{"name": "a.pdf", "file": file}])
        (sent,) = (await talk.http.get("/_sandbox/sends")).json()["sends"]
    (attached,) = sent["attachments"]
    assert (attached["name"], attached["size"]) == ("a.pdf", 14)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic abc", "gettone"])
async def test_without_a_bearer_token_every_call_answers_401(authorization: str) -> None:
    """The words are the documented ones."""
    async with talking() as talk:
        wrong = {**headers(), "Authorization": authorization}
        answers = [
            await talk.http.post("/send", json=talk.message(), headers=wrong),
            *[await talk.http.get(path, headers=wrong) for path in ("/inbox", "/send/1", "/quota/INBOX")],
        ]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].json() == {"success": False, "message": "Authorization is not valid or empty"}


async def test_a_token_can_be_asked_for() -> None:
    """With tokens named, others are refused."""
    async with talking(tokens=("vero",)) as talk:
        refused = await talk.post()
        talk.http.headers["Authorization"] = "Bearer vero"
        taken = await talk.post()
    assert (refused.status_code, taken.status_code) == (401, 201)


async def test_the_sender_must_be_the_authenticated_mailbox() -> None:
    """Another sender than the credentials' own is a bad parameter."""
    async with talking() as talk:
        answer = await talk.post(sender=OTHER)
    assert answer.status_code == 400


async def test_known_mailboxes_need_their_password_and_user_name() -> None:
    """The user name need not be the address; a wrong password is 401 on every call."""
    known = (Credential.parse(f"utente-7={MAILBOX}:{RIGHT}"),)
    async with talking(credentials=known) as talk:
        wrong = await talk.post(username="utente-7", password=WRONG)
        stranger = await talk.post(sender=OTHER, username=OTHER)
        right = await talk.post(username="utente-7", password=RIGHT)
        blind = await talk.http.get("/inbox")
        seeing = await talk.http.get("/inbox", headers={"x-username": "utente-7", "x-password": RIGHT})
    statuses = [each.status_code for each in (wrong, stranger, right, blind, seeing)]
    assert statuses == [401, 401, 201, 401, 200]


async def test_a_user_name_that_is_no_address_belongs_to_its_first_sender() -> None:
    """So the receipts are found again under that user name, when any credentials are taken."""
    async with talking() as talk:
        await talk.send(username="utente-7")
        talk.sandbox.advance(60)
        found = await talk.http.get("/inbox", headers={"x-username": "utente-7"})
        other = await talk.post(sender=OTHER, username="utente-7")
    assert found.json()["total"] == 2
    assert other.status_code == 400


async def test_beyond_the_rate_429_names_whole_seconds_to_wait() -> None:
    """The rate counts real seconds, whatever the speed; a refused request does not count."""
    async with talking(rate=2, speed=3600) as talk:
        first = [(await talk.post()).status_code for _ in range(3)]
        talk.clock.seconds += 0.5
        refused = await talk.post()
        talk.clock.seconds += 0.46
        later = await talk.post()
        state = await talk.state()
    assert first == [201, 201, 429]
    assert refused.headers["Retry-After"] == "1"
    assert later.status_code == 201
    assert state["taken"] == 3


async def test_a_rate_below_one_spaces_requests() -> None:
    """One message in 1.9 s at half a message a second."""
    async with talking(rate=0.5) as talk:
        statuses = []
        for _ in range(3):
            statuses.append((await talk.post()).status_code)
            talk.clock.seconds += 1.0
    assert statuses == [201, 429, 201]


async def test_an_empty_wallet_answers_402() -> None:
    """Credit is counted in recipients, and only for what is taken."""
    async with talking(credit=2) as talk:
        statuses = [
            (await talk.post(["a@example.org", "b@example.org", "c@example.org"])).status_code,
            (await talk.post("rifiutata@example.org")).status_code,
            (await talk.post(["a@example.org", "b@example.org"])).status_code,
        ]
        refused = await talk.post()
    assert statuses == [402, 400, 201]
    assert refused.status_code == 402
    assert refused.json()["message"].startswith("Insufficient Credit in Wallet")


async def test_a_message_too_large_answers_413() -> None:
    """The limit is on the whole request body."""
    async with talking(max_message_bytes=2_000) as talk:
        answer = await talk.post(body="x" * 3_000)
    assert answer.status_code == 413
    assert answer.json()["success"] is False


async def test_unknown_paths_and_methods_answer_in_the_envelope() -> None:
    """JSON, as everything else."""
    async with talking() as talk:
        answers = [await talk.http.get("/altro"), await talk.http.put("/send")]
    assert [answer.status_code for answer in answers] == [404, 405]
    assert all(answer.json()["success"] is False for answer in answers)
