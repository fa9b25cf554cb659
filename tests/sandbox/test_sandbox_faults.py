"""Faults on the wire: asked for by a recipient's local part, or at the control endpoint."""

from __future__ import annotations

import httpx
import pytest
from sandbox.talking import OTHER, Talk, headers, talking

pytestmark = pytest.mark.anyio


async def _taken(talk: Talk) -> int:
    return int((await talk.state())["taken"])


@pytest.mark.parametrize(
    ("local", "status", "taken"),
    [
        ("errore-500", 500, 1),
        ("errore-500.rossi", 500, 1),
        ("errore-500-prima", 500, 0),
        ("lento", 201, 1),
        ("in-ritardo", 201, 1),
        ("senza-id", 201, 1),
        ("html", 200, 1),
        ("html-prima", 200, 0),
        ("json-doppio", 201, 1),
        ("esito-falso", 200, 0),
        ("errore-smtp", 201, 0),
    ],
)
async def test_a_local_part_asks_for_a_wrong_answer(local: str, status: int, taken: int) -> None:
    """At the first POST of the message only; the same message is taken at its second."""
    async with talking(slow_seconds=0) as talk:
        answer = await talk.post(f"{local}@example.org")
        assert await _taken(talk) == taken
        again = await talk.post(f"{local}@example.org")
        assert await _taken(talk) == taken + 1
    assert answer.status_code == status
    assert (again.status_code, again.json()["success"]) == (201, True)


@pytest.mark.parametrize(
    ("local", "error", "taken"),
    [
        ("taglio-prima", httpx.RemoteProtocolError, 0),
        ("taglio-dopo", httpx.RemoteProtocolError, 1),
        ("strappo-prima", httpx.ReadError, 0),
        ("strappo-dopo", httpx.ReadError, 1),
        ("mezza-risposta", httpx.RemoteProtocolError, 1),
    ],
)
async def test_a_local_part_asks_for_a_broken_connection(
    local: str, error: type[Exception], taken: int
) -> None:
    """There is no answer to read, so the status noted is none."""
    async with talking() as talk:
        with pytest.raises(error):
            await talk.post(f"{local}@example.org")
        assert await _taken(talk) == taken
        (sent,) = (await talk.http.get("/_sandbox/sends")).json()["sends"]
    assert (sent["status"], sent["taken"]) == (None, bool(taken))


async def test_what_was_taken_has_receipts_whatever_was_answered() -> None:
    """A 500 after taking is a message sent."""
    async with talking() as talk:
        await talk.post("errore-500@example.org", subject="Preso")
        await talk.post("errore-500-prima@example.org", subject="Non preso")
        talk.sandbox.advance(60)
        assert len(await talk.subjects(q="Preso")) == 2
        assert await talk.subjects(q="Non preso") == []


async def test_sempre_strikes_every_time() -> None:
    """A local part with -sempre never lets the message through undisturbed."""
    async with talking() as talk:
        statuses = [(await talk.post("errore-500-prima-sempre@example.org")).status_code for _ in range(3)]
    assert statuses == [500, 500, 500]


async def test_another_message_to_the_same_recipient_is_struck_anew() -> None:
    """The first POST is counted by recipient and subject."""
    async with talking() as talk:
        statuses = [
            (await talk.post("errore-500@example.org", subject=subject)).status_code for subject in "AABB"
        ]
    assert statuses == [500, 201, 500, 201]


@pytest.mark.parametrize(
    ("kind", "status", "taken"),
    [
        ("402", 402, 0),
        ("403", 403, 0),
        ("404", 404, 0),
        ("422", 422, 0),
        ("429", 429, 0),
        ("500-before", 500, 0),
        ("500-after", 500, 1),
        ("502", 502, 0),
        ("503", 503, 0),
        ("503-after", 503, 1),
        ("302", 302, 0),
        ("empty", 201, 1),
        ("success-false", 200, 0),
        ("success-false-object", 200, 0),
        ("success-false-mysql", 200, 1),
    ],
)
async def test_a_status_can_be_asked_for_any_message(kind: str, status: int, taken: int) -> None:
    """Once, if no count is given."""
    async with talking() as talk:
        await talk.break_next(kind)
        answer = await talk.post()
        assert await _taken(talk) == taken
        again = await talk.post()
    assert (answer.status_code, again.status_code) == (status, 201)


@pytest.mark.parametrize("kind", ["close-before", "close-after", "reset-early", "reset-before", "half"])
async def test_a_broken_connection_can_be_asked_for_any_message(kind: str) -> None:
    """The client sees a transport error, and the next request is served."""
    async with talking() as talk:
        await talk.break_next(kind)
        with pytest.raises(httpx.TransportError):
            await talk.post()
        assert await _taken(talk) == (kind in {"close-after", "half"})
        assert (await talk.post()).status_code == 201


async def test_the_odd_answers_are_what_they_say() -> None:
    """No id; JSON within JSON; HTML; an SMTP error for an id; an object for a message; a gateway's page."""
    async with talking() as talk:
        answers = []
        kinds = ("no-id", "json-string", "html", "smtp-id", "success-false-object", "502")
        for kind in kinds:
            await talk.break_next(kind)
            answers.append(await talk.post())
    no_id, inner, page, smtp, objected, gateway = answers
    assert no_id.json() == {"success": True, "message": "", "sent": 1}
    assert isinstance(inner.json(), str)
    assert page.headers["content-type"].startswith("text/html")
    assert smtp.json()["message_id"].startswith("SMTP error")
    assert objected.json()["message"] == {"recipient": ["not valid"]}
    assert gateway.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (7, "7"), (0.5, "0.5")])
async def test_retry_after_is_sent_only_if_given(retry_after: float | None, header: str | None) -> None:
    """With 429 as with 503."""
    async with talking() as talk:
        await talk.break_next("429", retry_after=retry_after)
        answer = await talk.post()
    assert answer.headers.get("Retry-After") == header


async def test_a_slow_answer_comes_after_the_message_was_taken() -> None:
    """A client that gives up has sent it all the same."""
    async with talking() as talk:
        await talk.break_next("slow", seconds=3600)
        with pytest.raises(httpx.ReadTimeout):
            await talk.http.post("/send", json=talk.message(), timeout=0.1)
        assert await _taken(talk) == 1


async def test_a_late_message_is_taken_after_its_client_has_given_up() -> None:
    """A message posted after it is taken before it: a late twin, if the client sent it again."""
    async with talking() as talk:
        await talk.break_next("late", seconds=1)
        with pytest.raises(httpx.ReadTimeout):
            await talk.http.post("/send", json=talk.message(), timeout=0.1)
        await talk.send()
        await talk.break_next("late", seconds=1)
        await talk.send()  # begun later than the first and as late, so the first is taken once this is
        sends = (await talk.http.get("/_sandbox/sends")).json()["sends"]
    first, second, third = (int(send["message_id"][14:]) for send in sends)
    assert (second, first, third) == (1, 2, 3)


async def test_count_every_and_skip_choose_the_requests() -> None:
    """Skip the first, then every second, twice."""
    async with talking() as talk:
        await talk.break_next("503", skip=1, every=2, count=2)
        statuses = [(await talk.post()).status_code for _ in range(8)]
    assert statuses == [201, 201, 503, 201, 503, 201, 201, 201]


async def test_count_null_strikes_until_the_rules_are_cleared() -> None:
    """DELETE /_sandbox/faults ends it."""
    async with talking() as talk:
        await talk.break_next("503", count=None)
        struck = [(await talk.post()).status_code for _ in range(4)]
        await talk.http.delete("/_sandbox/faults")
        after = await talk.post()
    assert (set(struck), after.status_code) == ({503}, 201)


async def test_probability_strikes_some_and_the_same_ones_for_the_same_seed() -> None:
    """A seeded source decides."""
    runs = []
    for _ in range(2):
        async with talking(seed=7) as talk:
            await talk.break_next("503", count=None, probability=0.5)
            runs.append([(await talk.post()).status_code for _ in range(30)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {201, 503}


async def test_a_rule_can_be_for_some_messages_only() -> None:
    """By a text in the recipients or the subject; others do not use it up."""
    async with talking() as talk:
        await talk.break_next("500-after", containing="n. 7")
        statuses = [(await talk.post(subject=f"Avviso n. {number}")).status_code for number in (6, 7, 7)]
    assert statuses == [201, 500, 201]


@pytest.mark.parametrize(
    ("place", "path"),
    [("inbox", "/inbox"), ("item", "/inbox/1"), ("receipts", "/send/1"), ("quota", "/quota/INBOX")],
)
async def test_reading_can_fail_too(place: str, path: str) -> None:
    """A rule names the place; "any" is everywhere."""
    async with talking() as talk:
        await talk.break_next("503", on=place)
        assert (await talk.post()).status_code == 201
        assert (await talk.http.get(path)).status_code == 503
        assert (await talk.http.get(path)).status_code in {200, 404}
        await talk.break_next("html", on="any")
        assert (await talk.http.get(path)).headers["content-type"].startswith("text/html")
        await talk.break_next("reset-early", on=place)
        with pytest.raises(httpx.ReadError):
            await talk.http.get(path)


async def test_refused_requests_use_no_fault_up() -> None:
    """A request that is not well-formed never reaches the fault that waits for the next good one."""
    async with talking() as talk:
        await talk.break_next("500-after")
        malformed = await talk.post(body=None)
        wrong = await talk.http.get("/inbox", headers={**headers(OTHER), "x-password": ""})
        struck = await talk.post()
    assert [each.status_code for each in (malformed, wrong, struck)] == [400, 401, 500]
