"""A mailbox's life in the registry: documents, activation, expiry, renewal, revocation, what it may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sandbox.registering import (
    ADDRESS,
    PDF,
    activated,
    documents,
    registered,
    shown,
    state,
    steered,
    witnessed,
)
from sandbox.talking import headers, talking

from bulk_pec.sandbox.options import Credential

pytestmark = pytest.mark.anyio

START = datetime(2026, 3, 4, 12, tzinfo=UTC)
NOW = int(START.timestamp())
YEAR = 365 * 86_400
UNKNOWN = "6040e4613a716838dc4eee0e"


async def test_documents_are_looked_at_for_a_while_and_the_mailbox_is_active() -> None:
    """registrata, in_evasione, evasa; the keys of each state come with it."""
    async with talking(start=START) as talk:
        id_ = await registered(talk)
        talk.sandbox.advance(60)
        answer = await talk.http.patch(f"/pec/{id_}/attivazione", json=documents())
        taken = answer.json()["data"]
        talk.sandbox.advance(4)
        waiting = await state(talk, id_)
        talk.sandbox.advance(1)
        active = await shown(talk, id_)
    assert (taken["stato"], waiting, active["stato"]) == ("in_evasione", "in_evasione", "evasa")
    assert taken["documenti_attivazione"] == [f"{id_}_0_attivazione.pdf"]
    assert taken["timestamp"] == {"registrazione": NOW, "ultima_modifica": NOW + 60}
    assert taken["data_scadenza"] == ""
    assert "data_attivazione" not in taken
    assert active["timestamp"] == {
        "registrazione": NOW,
        "ultima_modifica": NOW + 65,
        "evasione": NOW + 65,
        "scadenza": NOW + 65 + YEAR,
    }
    assert (active["data_attivazione"], active["data_scadenza"]) == ("04/03/2026", "04/03/2027")
    assert active["spazio_disco"] == 1024


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"documenti": []}, 428, 999),
        ({}, 428, 999),
        ([], 428, 999),
        (documents(b"GIF89a"), 406, 296),
        ({"documenti": ["%PDF-1.4"]}, 406, 296),
        ({"documenti": [7]}, 406, 296),
        (documents(PDF, PDF), 406, 999),
    ],
)
async def test_documents_must_be_one_pdf_in_base64(body: Any, status: int, code: int) -> None:
    """The vendor wants form and identity document in a single file; the state does not change."""
    async with talking() as talk:
        id_ = await registered(talk)
        answer = await talk.http.patch(f"/pec/{id_}/attivazione", json=body)
        assert (answer.status_code, answer.json()["error"]) == (status, code)
        assert await state(talk, id_) == "registrata"


async def test_other_kinds_of_mailbox_take_several_documents_and_one_may_be_a_bare_text() -> None:
    """As the schema of `documenti` says."""
    async with talking() as talk:
        one = await registered(talk, "a@legalmail.it", tipo_casella="GOLD")
        two = await registered(talk)
        several = await talk.http.patch(f"/pec/{one}/attivazione", json=documents(PDF, PDF))
        bare = await talk.http.patch(
            f"/pec/{two}/attivazione", json={"documenti": documents()["documenti"][0]}
        )
    assert len(several.json()["data"]["documenti_attivazione"]) == 2
    assert bare.json()["data"]["stato"] == "in_evasione"


@pytest.mark.parametrize("stato", ["in_evasione", "evasa", "revocata", "chiusa", "registrazione_annullata"])
async def test_documents_are_taken_in_two_states_only(stato: str) -> None:
    """428 with error 267 in the others, whatever the documents are."""
    async with talking() as talk:
        id_ = (await steered(talk, mailbox=ADDRESS, stato=stato))["id"]
        answer = await talk.http.patch(f"/pec/{id_}/attivazione", json=documents(b"GIF89a"))
    assert (answer.status_code, answer.json()["error"]) == (428, 267)


@pytest.mark.parametrize(
    ("method", "path", "numbers"),
    [("PATCH", "/attivazione", (265, 266)), ("DELETE", "", (301, 302))],
)
async def test_ids_are_refused_with_the_numbers_of_the_call(
    method: str, path: str, numbers: tuple[int, int]
) -> None:
    """400 for what is no id, 404 for one that is not known."""
    async with talking() as talk:
        answers = [
            await talk.http.request(method, f"/pec/{id_}{path}", json=documents()) for id_ in ("x", UNKNOWN)
        ]
    assert [(a.status_code, a.json()["error"]) for a in answers] == list(
        zip((400, 404), numbers, strict=True)
    )


@pytest.mark.parametrize(
    ("address", "papers", "states"),
    [
        ("documenti-errati1@pecmassiva.com", (PDF, PDF), ["documenti_errati", "evasa"]),
        ("documenti-errati-sempre@pecmassiva.com", (PDF, PDF), ["documenti_errati", "documenti_errati"]),
        ("documentierrati@pecmassiva.com", (PDF,), ["evasa"]),
        ("annullata@pecmassiva.com", (PDF,), ["registrazione_annullata"]),
        ("ufficio@pecmassiva.com", (PDF + b"DOCUMENTI-ERRATI", PDF), ["documenti_errati", "evasa"]),
        ("ritardo-1h@pecmassiva.com", (PDF,), ["in_evasione"]),
        ("ritardo-1hotel@pecmassiva.com", (PDF,), ["evasa"]),
    ],
)
async def test_what_comes_of_documents_is_asked_for(
    address: str, papers: tuple[bytes, ...], states: list[str]
) -> None:
    """By the mailbox's local part or by the document; wrong ones can be sent again."""
    async with talking() as talk:
        id_ = await registered(talk, address)
        found = []
        for paper in papers:
            answer = await talk.http.patch(f"/pec/{id_}/attivazione", json=documents(paper))
            assert answer.status_code == 200, answer.text
            talk.sandbox.advance(5)
            found.append(await state(talk, id_))
    assert found == states


async def test_a_late_activation_comes_in_its_time() -> None:
    """The local part names the time; the history says when it was."""
    async with talking(start=START) as talk:
        id_ = await activated(talk, "ritardo-2d@pecmassiva.com")
        talk.sandbox.advance(2 * 86_400)
        assert await state(talk, id_) == "evasa"
        history = (await witnessed(talk))["mailboxes"][0]["history"]
    assert history == [
        {"stato": "registrata", "at": "2026-03-04T12:00:00.000+00:00"},
        {"stato": "in_evasione", "at": "2026-03-04T12:00:00.000+00:00"},
        {"stato": "evasa", "at": "2026-03-06T12:00:00.000+00:00"},
    ]


async def test_a_renewal_prolongs_an_active_mailbox() -> None:
    """From its expiry on, by one year unless told; a leap day becomes a 28 February."""
    async with talking(start=datetime(2028, 2, 29, 12, tzinfo=UTC), activation_after=0) as talk:
        id_ = await activated(talk)
        days = [(await shown(talk, id_))["data_scadenza"]]
        for query in ({"anni": "2"}, {}):
            answer = await talk.http.get(f"/pec/{id_}/rinnovo", params=query)
            assert answer.status_code == 200, answer.text
            days.append(answer.json()["data"]["data_scadenza"])
    assert days == ["28/02/2029", "28/02/2031", "28/02/2032"]


async def test_a_renewal_brings_a_revoked_mailbox_back() -> None:
    """It is active again, and was never revoked as far as its timestamps say."""
    async with talking(start=START) as talk:
        id_ = await activated(talk)
        revoked = (await talk.http.delete(f"/pec/{id_}")).json()["data"]
        again = (await talk.http.get(f"/pec/{id_}/rinnovo", params={"anni": "2"})).json()["data"]
    assert (revoked["stato"], revoked["timestamp"]["revoca"]) == ("revocata", NOW + 5)
    assert (again["stato"], again["data_scadenza"]) == ("evasa", "04/03/2029")
    assert "revoca" not in again["timestamp"]


@pytest.mark.parametrize("stato", ["registrata", "in_evasione", "documenti_errati", "chiusa"])
async def test_what_is_not_active_is_neither_renewed_nor_revoked(stato: str) -> None:
    """428 with errors 203 and 304."""
    async with talking() as talk:
        id_ = (await steered(talk, mailbox=ADDRESS, stato=stato))["id"]
        renewed = await talk.http.get(f"/pec/{id_}/rinnovo")
        revoked = await talk.http.delete(f"/pec/{id_}")
    assert (renewed.status_code, renewed.json()["error"]) == (428, 203)
    assert (revoked.status_code, revoked.json()["error"]) == (428, 304)


@pytest.mark.parametrize("years", ["0", "-1", "uno", "11", ""])
async def test_years_that_are_none_are_refused(years: str) -> None:
    """406, and the expiry stands."""
    async with talking(start=START) as talk:
        id_ = await activated(talk)
        answer = await talk.http.get(f"/pec/{id_}/rinnovo", params={"anni": years})
        assert (answer.status_code, answer.json()["error"]) == (406, 999)
        assert (await shown(talk, id_))["data_scadenza"] == "04/03/2027"


async def test_a_mailbox_is_revoked_once() -> None:
    """The second time 406 with error 303."""
    async with talking() as talk:
        id_ = await activated(talk)
        await talk.http.delete(f"/pec/{id_}")
        answer = await talk.http.delete(f"/pec/{id_}")
    assert (answer.status_code, answer.json()["error"]) == (406, 303)


async def test_a_renewal_is_paid_or_refused() -> None:
    """402, and nothing changes."""
    async with talking(start=START, registry_credit=2) as talk:
        id_ = await activated(talk)
        answers = [await talk.http.get(f"/pec/{id_}/rinnovo", params={"anni": n}) for n in ("2", "1", "1")]
        assert (await shown(talk, id_))["data_scadenza"] == "04/03/2028"
    assert [answer.status_code for answer in answers] == [402, 200, 402]


async def test_a_mailbox_expires_unless_it_renews_itself() -> None:
    """`autorinnovo` prolongs it while there is credit; then, as any other, it is revoked at its expiry."""
    async with talking(start=START, registry_credit=3, activation_after=0) as talk:
        plain = await activated(talk)
        renewing = await activated(talk, "due@pecmassiva.com", autorinnovo=True)
        talk.sandbox.advance(YEAR)
        first = [(await shown(talk, id_))["stato"] for id_ in (plain, renewing)]
        expiry = (await shown(talk, renewing))["data_scadenza"]
        talk.sandbox.advance(YEAR + 86_400)  # 2028 has a leap day
        last = await shown(talk, renewing)
    assert first == ["revocata", "evasa"]
    assert expiry == "04/03/2028"
    assert (last["stato"], last["timestamp"]["revoca"]) == ("revocata", last["timestamp"]["scadenza"])


async def test_a_registered_mailbox_sends_only_while_it_is_active() -> None:
    """Any password is taken, as everywhere; its inbox is shut with it. One that is not known sends."""
    async with talking() as talk:

        async def statuses() -> list[int]:
            sent = await talk.post(sender=ADDRESS, username=ADDRESS)
            read = await talk.http.get("/inbox", headers=headers(ADDRESS))
            return [sent.status_code, read.status_code]

        unknown = await statuses()
        id_ = await registered(talk)
        early = await statuses()
        await talk.http.patch(f"/pec/{id_}/attivazione", json=documents())
        talk.sandbox.advance(5)
        active = await statuses()
        await talk.http.delete(f"/pec/{id_}")
        revoked = await statuses()
    assert (unknown, early, active, revoked) == ([201, 200], [401, 401], [201, 200], [401, 401])


@pytest.mark.parametrize(("given", "taken"), [("", 201), ("segreta", 201), ("altra", 401)])
async def test_where_mailboxes_are_named_an_active_one_is_taken_as_well(given: str, taken: int) -> None:
    """With the password of the option, if it names one; a mailbox nobody knows is refused."""
    known = Credential("noto@example.com", "segreta")
    async with talking(credentials=(known,), mailbox_password=given) as talk:
        await activated(talk)
        active = await talk.post(sender=ADDRESS, username=ADDRESS)
        bought = await talk.post(sender=known.address, username=known.address)
        unknown = await talk.post(sender="x@example.com", username="x@example.com")
    assert [active.status_code, bought.status_code, unknown.status_code] == [taken, 201, 401]
