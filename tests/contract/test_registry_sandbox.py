"""The registry's client and the sandbox's registry, written apart from each other: a mailbox's whole life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from support.pec import NO_WAITING, TOKEN
from support.registries import ADDRESS, PDF

from bulk_pec.domain.errors import NoCredit, RegistryRefused
from bulk_pec.domain.letters import Secret
from bulk_pec.domain.registrations import Done, InDoubt, Refused, Registration, RegistryState
from bulk_pec.provider.registry import Registry
from bulk_pec.provider.transport import open_http
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox

pytestmark = pytest.mark.anyio

YEAR = 365 * 86_400_000
ODDITIES = {
    "as documented": SandboxOptions(),
    "slips": SandboxOptions(json_slips=True),
    "odd envelopes": SandboxOptions(odd_envelopes=True),
    "plain refusals": SandboxOptions(text_errors=True),
    "all at once": SandboxOptions(json_slips=True, odd_envelopes=True, text_errors=True),
}
FIELDS: dict[str, object] = {
    "casella_pec": ADDRESS,
    "tipo_casella": "PECMASSIVA",
    "tipo_cliente": "PV",
    "nome_richiedente": "Annamaria",
    "cognome_richiedente": "Rossini",
    "email": "annamaria@example.org",
    "telefono": "0500000000",
    "codice_fiscale_richiedente": "RSSMRA85T10A562S",
    "data_nascita_richiedente": "10/12/1985",
    "sesso_richiedente": "F",
    "nazione_nascita_richiedente": "IT",
    "provincia_nascita_richiedente": "RM",
    "indirizzo_titolare": "via Verdi 20",
    "comune_titolare": "Roma",
    "cap_titolare": "00042",
    "nazione_titolare": "IT",
    "provincia_titolare": "RM",
}


@dataclass
class Desk:
    """A sandbox, a client of its registry, and a client of its control paths."""

    sandbox: Sandbox
    registry: Registry
    http: httpx.AsyncClient

    async def asked(self) -> dict[str, int]:
        """How often each call was made."""
        answer = await self.http.get(f"{self.sandbox.url}/_sandbox/registry")
        return dict(answer.json()["asked"])

    async def steer(self, path: str, wish: dict[str, Any]) -> None:
        """Ask the sandbox for something."""
        answer = await self.http.post(f"{self.sandbox.url}/_sandbox/{path}", json=wish)
        assert answer.status_code < 300, answer.text

    async def active(self) -> Registration:
        """A mailbox that works."""
        await self.steer("registry", {"mailbox": ADDRESS, "stato": "evasa", "scadenza": 2_000_000_000})
        (found,) = await self.registry.all()
        return found


@asynccontextmanager
async def desk(options: SandboxOptions) -> AsyncIterator[Desk]:
    """A sandbox with these options."""
    opened = open_http(timeout=5.0, connections=2, verify=False)
    async with Sandbox(options) as sandbox, opened as http:
        yield Desk(
            sandbox, Registry(http, registry_url=sandbox.url, token=Secret(TOKEN), patience=NO_WAITING), http
        )


def done(answer: object) -> Registration:
    """The mailbox of a change that was made."""
    assert isinstance(answer, Done), answer
    return answer.registration


@pytest.mark.parametrize("oddity", ODDITIES)
async def test_a_mailbox_lives_from_its_check_to_its_end(oddity: str) -> None:
    """Check, register, form, activate, active, renewed, revoked, however the registry words its answers."""
    async with desk(ODDITIES[oddity]) as it:
        registry = it.registry
        assert await registry.all() == ()
        assert await registry.available(ADDRESS)
        new = done(await registry.register(FIELDS))
        assert (new.address, new.kind, new.state) == (ADDRESS, "PECMASSIVA", RegistryState.REGISTERED)
        assert not await registry.available(ADDRESS)
        assert (await registry.form(new.id)).startswith(b"%PDF")
        assert done(await registry.activate(new.id, PDF)).state is RegistryState.IN_PROGRESS
        it.sandbox.advance(5)
        active = await registry.show(new.id)
        assert active is not None
        assert active.state is RegistryState.ACTIVE
        assert active.expires_at is not None
        renewed = done(await registry.renew(new.id, 2, active))
        assert renewed.expires_at is not None
        assert renewed.expires_at - active.expires_at >= 2 * YEAR
        assert done(await registry.revoke(new.id)).state is RegistryState.REVOKED
        assert [one.state for one in await registry.all()] == [RegistryState.REVOKED]


@pytest.mark.parametrize("oddity", ODDITIES)
async def test_what_the_sandbox_refuses_is_a_refusal(oddity: str) -> None:
    """In each of its forms; the code only where the form has one."""
    plain = ODDITIES[oddity].text_errors
    async with desk(ODDITIES[oddity]) as it:
        registry = it.registry
        new = done(await registry.register(FIELDS))
        results = {
            242: await registry.register(FIELDS | {"data_nascita_richiedente": "1985"}),
            224: await registry.register({k: v for k, v in FIELDS.items() if k != "tipo_casella"}),
            326: await registry.register(FIELDS | {"casella_pec": "a@somebody.test"}),
            203: await registry.renew(new.id, 1),
            304: await registry.revoke(new.id),
            296: await registry.activate(new.id, b"no pdf"),
            302: await registry.revoke("0" * 24),
            265: await registry.activate("7", PDF),
        }
        for code, result in results.items():
            assert isinstance(result, Refused), (code, result)
            assert result.code == (None if plain else code)
        assert await registry.show("0" * 24) is None
        for refusing in (registry.available("no address"), registry.show("7"), registry.form("0" * 24)):
            with pytest.raises(RegistryRefused):
                await refusing


async def test_an_empty_wallet_ends_the_command() -> None:
    """77, for a registration and for a renewal."""
    async with desk(SandboxOptions(registry_credit=0)) as it:
        with pytest.raises(NoCredit):
            await it.registry.register(FIELDS)
        active = await it.active()
        with pytest.raises(NoCredit):
            await it.registry.renew(active.id, 1)


CARRIED_OUT = {
    "503-after": True,
    "503-before": False,
    "reset-after": True,
    "reset-before": False,
    "close-after": True,
    "close-before": False,
    "half": True,
    "html": True,
    "html-before": False,
}


@pytest.mark.parametrize("fault", CARRIED_OUT)
async def test_a_renewal_in_doubt_was_asked_for_once(fault: str) -> None:
    """Whether or not it was carried out, nobody asks again; the mailbox shows what came of it."""
    async with desk(SandboxOptions()) as it:
        active = await it.active()
        await it.steer("faults", {"kind": fault, "on": "renew"})
        assert isinstance(await it.registry.renew(active.id, 1, active), InDoubt)
        assert (await it.asked())["renew"] == 1
        now = await it.registry.show(active.id)
        assert now is not None
        assert (now.expires_at != active.expires_at) is CARRIED_OUT[fault]
