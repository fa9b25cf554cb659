"""What the registry's tests say to a sandbox: a registration as the vendor's sample has it, and documents."""

from __future__ import annotations

import base64
from typing import Any

from sandbox.talking import Talk

ADDRESS = "ufficio@pecmassiva.com"
PDF = b"%PDF-1.4\nmodulo firmato e documento\n%%EOF\n"
SAMPLE = {
    "casella_pec": ADDRESS,
    "tipo_casella": "PECMASSIVA",
    "tipo_cliente": "PV",
    "sottotipo_cliente": "",
    "sottotipo_cliente_altro": "",
    "nome_richiedente": "mario",
    "cognome_richiedente": "rossi",
    "email": "mario@example.org",
    "telefono": "0500000000",
    "codice_fiscale_richiedente": "RSSXXXXXXXX56E",
    "data_nascita_richiedente": "11/04/1982",
    "sesso_richiedente": "M",
    "nazione_nascita_richiedente": "it",
    "provincia_nascita_richiedente": "RM",
    "denominazione_titolare": "",
    "cf_piva_titolare": "",
    "indirizzo_titolare": "via verdi 20",
    "comune_titolare": "roma",
    "cap_titolare": "00042",
    "nazione_titolare": "IT",
    "provincia_titolare": "rm",
}
"""The request of the vendor's product page, its fields in their order."""


def registration(address: str = ADDRESS, **changes: Any) -> dict[str, Any]:
    """The body of a POST /pec; a value of None leaves the key out."""
    body = {**SAMPLE, "casella_pec": address, **changes}
    return {key: value for key, value in body.items() if value is not None}


def documents(*papers: bytes) -> dict[str, Any]:
    """The body of a PATCH attivazione: one good PDF unless others are given."""
    return {"documenti": [base64.b64encode(paper).decode() for paper in papers or (PDF,)]}


async def registered(talk: Talk, address: str = ADDRESS, **changes: Any) -> str:
    """Register a mailbox that must be taken, and return its id."""
    answer = await talk.http.post("/pec", json=registration(address, **changes))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["id"])


async def activated(talk: Talk, address: str = ADDRESS, *papers: bytes, **changes: Any) -> str:
    """Register a mailbox and send its documents, and wait until somebody has looked at them."""
    id_ = await registered(talk, address, **changes)
    answer = await talk.http.patch(f"/pec/{id_}/attivazione", json=documents(*papers))
    assert answer.status_code == 200, answer.text
    talk.sandbox.advance(5)
    return id_


async def state(talk: Talk, id_: str) -> str:
    """`stato`."""
    return str((await shown(talk, id_))["stato"])


async def shown(talk: Talk, id_: str) -> dict[str, Any]:
    """`data` of GET /pec/{id}."""
    answer = await talk.http.get(f"/pec/{id_}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


async def witnessed(talk: Talk) -> dict[str, Any]:
    """What the control path shows."""
    return dict((await talk.http.get("/_sandbox/registry")).json())


async def steered(talk: Talk, **wanted: Any) -> dict[str, Any]:
    """Bring a mailbox where the test needs it."""
    answer = await talk.http.post("/_sandbox/registry", json=wanted)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())
