"""The registry's desk: whether an address is free, the registration, the look at it, the form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sandbox.registering import ADDRESS, SAMPLE, registered, registration, shown, steered, witnessed
from sandbox.talking import talking

from bulk_pec.sandbox.arguments import parse
from bulk_pec.sandbox.options import SandboxOptions

pytestmark = pytest.mark.anyio

START = datetime(2026, 3, 4, 12, tzinfo=UTC)
UNKNOWN = "6040e4613a716838dc4eee0e"


def said(answer: httpx.Response) -> tuple[int, int | None]:
    """Status and `error`; a refusal holds no data and is no success."""
    document = answer.json()
    assert document.keys() == {"data", "success", "message", "error"}
    assert document["success"] is (document["error"] is None)
    if document["error"] is not None:
        assert document["data"] is None
        assert document["message"]
    return answer.status_code, document["error"]


async def test_an_address_is_free_until_it_is_registered() -> None:
    """In any case of letters; and again once its registration is cancelled."""
    async with talking() as talk:

        async def free(address: str) -> bool:
            answer = await talk.http.get(f"/verifica_pec/{address}")
            assert said(answer) == (200, None)
            assert answer.json()["data"].keys() == {"available"}
            return bool(answer.json()["data"]["available"])

        before = await free(ADDRESS)
        await registered(talk)
        after = await free(ADDRESS.upper())
        await steered(talk, mailbox=ADDRESS, stato="registrazione_annullata")
        at_last = await free(ADDRESS)
    assert (before, after, at_last) == (True, False, True)


async def test_an_address_can_be_somebody_elses() -> None:
    """By its local part, or by the option; and it cannot be registered."""
    async with talking(taken_names=("Sede@pecmassiva.com",)) as talk:
        for address, free in (
            ("occupata-1@pecmassiva.com", False),
            ("occupatissima@pecmassiva.com", True),
            ("sede@pecmassiva.com", False),
        ):
            answer = await talk.http.get(f"/verifica_pec/{address}")
            assert answer.json()["data"] == {"available": free}
            refused = await talk.http.post("/pec", json=registration(address))
            assert said(refused) == ((200, None) if free else (406, 999))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/verifica_pec/", (428, 207)),
        ("/verifica_pec", (428, 207)),
        ("/verifica_pec/ufficio", (406, 208)),
        ("/verifica_pec/a@b@pecmassiva.com", (406, 208)),
        ("/verifica_pec/uf%20ficio@pecmassiva.com", (406, 208)),
        ("/pec", (404, 200)),
        ("/pec/1", (400, 201)),
        (f"/pec/{UNKNOWN}", (404, 202)),
        (f"/pec/{UNKNOWN}/rinnovo", (404, 202)),
        ("/pec/1/rinnovo", (400, 201)),
    ],
)
async def test_questions_are_refused_with_the_documented_numbers(
    path: str, expected: tuple[int, int]
) -> None:
    """Status and `error` of the vendor's OpenAPI document."""
    async with talking() as talk:
        assert said(await talk.http.get(path)) == expected


async def test_a_registration_is_answered_as_the_vendors_sample() -> None:
    """The same keys in the same order, empty ones too; what was sent is repeated, countries in capitals."""
    async with talking(start=START) as talk:
        callback = {"url": "https://www.example.com/callback", "field": "data"}
        answer = await talk.http.post("/pec", json={**SAMPLE, "callback": callback})
    assert said(answer) == (200, None)
    data = answer.json()["data"]
    assert list(data) == [
        *SAMPLE,
        "callback",
        "dominio",
        "owner",
        "timestamp",
        "cellulare",
        "comune_nascita_richiedente",
        "cod_attivazione",
        "uid",
        "conservazione",
        "data_scadenza",
        "descrizione",
        "sms",
        "spazio_conservazione",
        "spazio_disco",
        "spazio_storico",
        "stato",
        "storico",
        "id",
        "autorinnovo",
    ]
    assert {key: data[key] for key in SAMPLE} == {**SAMPLE, "nazione_nascita_richiedente": "IT"}
    assert data["callback"] == {**callback, "method": "POST", "data": {}}
    now = int(START.timestamp())
    assert data["timestamp"] == {"registrazione": now, "ultima_modifica": now}
    assert (data["stato"], data["data_scadenza"], data["autorinnovo"]) == ("registrata", "", False)
    assert (data["dominio"], data["descrizione"]) == ("pecmassiva.com", ADDRESS)
    assert re.fullmatch(r"[0-9a-f]{24}", data["id"])


async def test_optional_fields_are_kept() -> None:
    """`autorinnovo` as a boolean or in quotation marks; the kind of mailbox in any case of letters."""
    async with talking() as talk:
        one = await shown(talk, await registered(talk, autorinnovo="true", tipo_casella="pecmassiva"))
        other = await shown(
            talk,
            await registered(talk, "due@pecmassiva.com", autorinnovo=True, tipo_documento="PATENTE"),
        )
    assert (one["autorinnovo"], one["tipo_casella"]) == (True, "PECMASSIVA")
    assert (other["autorinnovo"], other["tipo_documento"]) == (True, "PATENTE")
    assert "callback" not in one
    assert "tipo_documento" not in one


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tipo_casella": None}, (428, 224)),
        ({"casella_pec": ""}, (428, 207)),
        ({"cap_titolare": None}, (428, 999)),
        ({"casella_pec": "ufficio"}, (406, 208)),
        ({"data_nascita_richiedente": "1982-04-11"}, (406, 242)),
        ({"data_nascita_richiedente": "31/02/1982"}, (406, 242)),
        ({"data_rilascio_documento": "ieri"}, (406, 999)),
        ({"tipo_casella": "ORO"}, (406, 999)),
        ({"tipo_cliente": "ZZ"}, (406, 999)),
        ({"sottotipo_cliente": "SI"}, (406, 999)),
        ({"tipo_cliente": "IM", "sottotipo_cliente": "PA"}, (406, 999)),
        ({"sesso_richiedente": "X"}, (406, 999)),
        ({"email": "mario"}, (406, 999)),
        ({"telefono": 500}, (406, 999)),
        ({"tipo_documento": "TESSERA"}, (406, 999)),
        ({"autorinnovo": "forse"}, (406, 999)),
        ({"callback": "https://www.example.com"}, (406, 999)),
        ({"callback": {"url": "https://www.example.com", "method": "GET"}}, (406, 999)),
        ({"casella_pec": "ufficio@altrui.it"}, (404, 326)),
        ({"casella_pec": "ufficio@legalmail.it"}, (404, 326)),
    ],
)
async def test_a_registration_is_refused(changes: dict[str, Any], expected: tuple[int, int]) -> None:
    """Required fields, formats, the domain; nothing is registered."""
    async with talking() as talk:
        answer = await talk.http.post("/pec", json=registration(**{"address": ADDRESS, **_renamed(changes)}))
        left = (await witnessed(talk))["mailboxes"]
    assert said(answer) == expected
    assert left == []


def _renamed(changes: dict[str, Any]) -> dict[str, Any]:
    return {"address" if key == "casella_pec" else key: value for key, value in changes.items()}


async def test_the_refusal_names_the_field() -> None:
    """In the words of the vendor's examples."""
    async with talking() as talk:
        missing = await talk.http.post("/pec", json=registration(tipo_casella=None))
        wrong = await talk.http.post("/pec", json=registration(data_nascita_richiedente="11-04-1982"))
        neither = [await talk.http.post("/pec", content=raw) for raw in (b"{", b"[]")]
    assert missing.json()["message"] == "tipo_casella required"
    assert wrong.json()["message"] == "data_nascita_richiedente not valid, accepted format: dd/mm/yyyy"
    assert [said(answer) for answer in neither] == [(400, 999), (400, 999)]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("a@testcert.legalmail.it", "PECMASSIVA"),
        ("a@legalmail.it", "BRONZE"),
        ("a@pec.example", "PECMASSIVA"),
        ("a@example.com", "PECMASSIVA"),
        ("a@pec.ditta.it", "PECMASSIVA"),
    ],
)
async def test_domains_of_the_house_own_and_example_domains_are_taken(address: str, kind: str) -> None:
    """The vendor's for their kinds, its test domains for all."""
    async with talking(own_domains=("Pec.ditta.it",)) as talk:
        assert await registered(talk, address, tipo_casella=kind)


async def test_a_registration_costs_a_year() -> None:
    """402 with error 262 once the wallet is empty, and nothing is registered then."""
    async with talking(registry_credit=1) as talk:
        await registered(talk)
        answer = await talk.http.post("/pec", json=registration("due@pecmassiva.com"))
        left = (await witnessed(talk))["mailboxes"]
    assert said(answer) == (402, 262)
    assert answer.json()["message"].startswith("Insufficient Credit in Wallet")
    assert [entry["mailbox"] for entry in left] == [ADDRESS]


async def test_the_list_shows_seven_keys_a_mailbox() -> None:
    """In the order of registration."""
    async with talking(start=START) as talk:
        ids = [await registered(talk), await registered(talk, "due@pecmassiva.com")]
        entries = (await talk.http.get("/pec")).json()["data"]
    assert [entry["id"] for entry in entries] == ids
    now = int(START.timestamp())
    assert entries[0] == {
        "id": ids[0],
        "casella_pec": ADDRESS,
        "tipo_casella": "PECMASSIVA",
        "stato": "registrata",
        "data_scadenza": "",
        "timestamp": {"registrazione": now, "ultima_modifica": now},
        "owner": "titolare@example.com",
    }


async def test_the_form_is_a_pdf_whose_table_finds_every_object() -> None:
    """ISO 32000-1, 7.5.4: each line of the table is where an object begins; brackets in a name are no end."""
    async with talking() as talk:
        id_ = await registered(talk, cognome_richiedente="Rossi (Ç\\")
        answer = await talk.http.get(f"/pec/{id_}/modulo_attivazione")
    content = answer.content
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert content.startswith(b"%PDF-1.4\n")
    assert content.endswith(b"%%EOF\n")
    assert id_.encode() in content
    assert b"Rossi \\(\xc7\\\\" in content
    table = int(content.rpartition(b"startxref\n")[2].split()[0])
    assert content[table:].startswith(b"xref\n0 6\n")
    places = [int(line[:10]) for line in content[table:].split(b"\n")[3:8]]
    for number, place in enumerate(places, 1):
        assert content[place:].startswith(b"%d 0 obj\n" % number)


async def test_the_form_is_refused_in_plain_text() -> None:
    """400, 404, 406: lines, not JSON."""
    async with talking() as talk:
        id_ = (await steered(talk, mailbox=ADDRESS, stato="chiusa"))["id"]
        answers = [await talk.http.get(f"/pec/{asked}/modulo_attivazione") for asked in ("1", UNKNOWN, id_)]
    assert [answer.status_code for answer in answers] == [400, 404, 406]
    assert {answer.headers["content-type"].partition(";")[0] for answer in answers} == {"text/plain"}
    assert [answer.text for answer in answers][:2] == ["Invalid id", f"no request matches this id: {UNKNOWN}"]


@pytest.mark.parametrize(("token", "status"), [("intero", 200), ("invio", 403), ("altro", 401), ("", 401)])
async def test_the_registry_may_take_other_tokens_than_the_sending_host(token: str, status: int) -> None:
    """A token of the other host is 403, an unknown one 401; the domain look-up is of this host."""
    async with talking(tokens=("invio", "intero"), registry_tokens=("intero",)) as talk:
        bearer = {"Authorization": f"Bearer {token}".strip()}
        paths = (f"/verifica_pec/{ADDRESS}", "/domini_pec/example.com")
        for path in paths:
            assert (await talk.http.get(path, headers=bearer)).status_code == status


def test_arguments_reach_the_registrys_settings() -> None:
    """Numbers, switches and what may be repeated; secrets do not show in the settings."""
    line = "--activation-after 60 --registry-credit 2 --json-slips --odd-envelopes --text-errors"
    lists = "--taken a@b.it --taken c@d.it --own-domain b.it --registry-token SEGRETO"
    options = parse([*line.split(), *lists.split(), "--mailbox-password", "SEGRETA"])
    assert (options.activation_after, options.registry_credit) == (60, 2)
    assert (options.json_slips, options.odd_envelopes, options.text_errors) == (True, True, True)
    assert (options.taken_names, options.own_domains) == (("a@b.it", "c@d.it"), ("b.it",))
    assert (options.registry_tokens, options.mailbox_password) == (("SEGRETO",), "SEGRETA")
    assert "SEGRET" not in repr(options)


@pytest.mark.parametrize("settings", [{"activation_after": -1}, {"registry_credit": -1}])
def test_settings_of_the_registry_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    """The error names the setting."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        SandboxOptions(**settings)
