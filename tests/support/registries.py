"""The registry's client as the tests use it: a faulty server, and how mailboxes look in its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from support.fault_server import Act, FaultServer, Seen, answer
from support.pec import NO_WAITING, TOKEN

from bulk_pec.domain.letters import Secret
from bulk_pec.domain.registrations import Registration
from bulk_pec.provider.reading import Patience
from bulk_pec.provider.registry import Registry
from bulk_pec.provider.transport import open_http

T = TypeVar("T")

ID = "65f1c0ffee0123456789abcd"
ADDRESS = "avvisi@pecmassiva.com"
PDF = b"%PDF-1.4 a signed form and an identity document"


def mailbox(**fields: Any) -> dict[str, Any]:
    """A mailbox as the registry shows it, some fields replaced."""
    return {
        "id": ID,
        "casella_pec": ADDRESS,
        "tipo_casella": "PECMASSIVA",
        "stato": "registrata",
        "nome_richiedente": "Anna",
        "codice_fiscale_richiedente": "RSSMRA85T10A562S",
        "timestamp": {"registrazione": 1_700_000_000, "ultima_modifica": 1_700_000_100},
        "data_scadenza": "",
        "autorinnovo": False,
    } | fields


def told(data: object, **envelope: Any) -> Act:
    """A success with this as its data."""
    return answer(200, {"data": data, "success": True, "message": "", "error": None} | envelope)


def refused(status: int, code: int | None, message: str = "no") -> Act:
    """A refusal in the registry's envelope."""
    return answer(status, {"data": None, "success": False, "message": message, "error": code})


@asynccontextmanager
async def registry(
    *acts: Act, patience: Patience = NO_WAITING, connections: int = 1
) -> AsyncIterator[tuple[Registry, FaultServer]]:
    """A client, and the server that does this to it."""
    # Reading the machine's certificates takes longer than the exchange, and none is asked for here.
    opened = open_http(timeout=5.0, connections=connections, verify=False)
    async with FaultServer(*acts) as server, opened as http:
        yield Registry(http, registry_url=server.url, token=Secret(TOKEN), patience=patience), server


@dataclass
class Asked:
    """How a call ended, and what the server saw of it."""

    result: Any
    seen: list[Seen]


async def ask(call: Callable[[Registry], Awaitable[object]], *acts: Act) -> Asked:
    """One call against a server that does this; what it raises comes out."""
    async with registry(*acts) as (client, server):
        return Asked(await call(client), server.seen)


FIELDS: dict[str, object] = {
    "casella_pec": ADDRESS,
    "tipo_casella": "PECMASSIVA",
    "tipo_cliente": "PV",
    "nome_richiedente": "Annamaria",
    "codice_fiscale_richiedente": "RSSMRA85T10A562S",
    "data_nascita_richiedente": "10/12/1985",
    "callback": {"url": "https://example.org/hook", "field": "data"},
    "autorinnovo": False,
}
"""A registration, as far as the client looks at it."""

EXPIRY = 1_800_000_000
"""When the mailbox expires before it is changed, in seconds since the epoch."""

BEFORE = Registration(ID, ADDRESS, "PECMASSIVA", "evasa", EXPIRY * 1000)
"""The mailbox as it was looked at before a change."""

AS_ASKED: dict[str, dict[str, Any]] = {
    "register": {"stato": "registrata"},
    "activate": {"stato": "in_evasione"},
    "renew": {"stato": "evasa", "timestamp": {"scadenza": EXPIRY + 2 * 365 * 86_400}},
    "revoke": {"stato": "revocata"},
}
"""By change, how a mailbox stands after it: as the vendor's document shows it."""


def changed(change: str, **fields: Any) -> dict[str, Any]:
    """The mailbox as this change was to leave it, some fields replaced."""
    return mailbox(**AS_ASKED[change] | fields)


CHANGES: dict[str, Callable[[Registry], Awaitable[object]]] = {
    "register": lambda client: client.register(FIELDS),
    "activate": lambda client: client.activate(ID, PDF, BEFORE),
    "renew": lambda client: client.renew(ID, 2, BEFORE),
    "revoke": lambda client: client.revoke(ID, BEFORE),
}
"""The calls that change a mailbox."""

READS: dict[str, Callable[[Registry], Awaitable[object]]] = {
    "available": lambda client: client.available(ADDRESS),
    "all": lambda client: client.all(),
    "show": lambda client: client.show(ID),
    "form": lambda client: client.form(ID),
}
"""The calls that only ask."""
