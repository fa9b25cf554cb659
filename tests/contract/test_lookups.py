"""Look-ups on real sockets: every form of answer, and what each refusal becomes."""

from __future__ import annotations

import pytest
from support.fault_server import Act, FaultServer, answer, close
from support.pec import NO_WAITING, TOKEN

from bulk_pec.domain.errors import BulkPecError, CredentialsRefused, NoCredit, ProviderUnavailable
from bulk_pec.domain.letters import Secret
from bulk_pec.provider.lookups import LookUps
from bulk_pec.provider.transport import open_http
from bulk_pec.sandbox.server import Sandbox

pytestmark = pytest.mark.anyio


async def ask_company(*acts: Act, tax_code: str = "01234567897") -> tuple[str | None, FaultServer]:
    """The address of a company, as a server that does this answers it."""
    async with FaultServer(*acts) as server, open_http(timeout=5.0, connections=2) as http:
        lookups = LookUps(
            http, company_url=server.url, registry_url=server.url, token=Secret(TOKEN), patience=NO_WAITING
        )
        return await lookups.address_of(tax_code), server


@pytest.mark.parametrize(
    "data",
    [
        {"pec": "info@ditta.pec.example"},
        {"pec": " info@ditta.pec.example ", "denominazione": "Ditta"},
        [{"pec": "info@ditta.pec.example"}],
        [{"pec": None}, {"pec": "info@ditta.pec.example"}],
        "info@ditta.pec.example",
    ],
)
async def test_an_address_is_found_in_every_form_of_answer(data: object) -> None:
    """An object, a list, or a text under `data`: the undocumented answer is read in each."""
    found, server = await ask_company(answer(200, {"data": data, "success": True}))
    assert found == "info@ditta.pec.example"
    assert server.seen[0].target == "/IT-pec/01234567897"
    assert server.seen[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "act",
    [
        answer(204),
        answer(404, {"success": False, "message": "Result empty"}),
        answer(200, {"data": {}, "success": True}),
        answer(200, {"data": [], "success": True}),
        answer(200, {"data": {"pec": ""}, "success": True}),
    ],
)
async def test_no_address_is_an_answer(act: Act) -> None:
    """A company without a certified address is not an error."""
    found, _ = await ask_company(act)
    assert found is None


async def test_no_mailbox_credentials_go_along() -> None:
    """A look-up carries the token alone: the mailbox's credentials stay with the mailbox's service."""
    _, server = await ask_company(answer(204))
    assert not {"x-username", "x-password"} & server.seen[0].headers.keys()


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (answer(401, {"success": False}), CredentialsRefused),
        (answer(402, {"success": False, "message": "Insufficient Credit"}), NoCredit),
        (answer(503, b""), ProviderUnavailable),
        (close, ProviderUnavailable),
        (answer(200, b"<html></html>"), ProviderUnavailable),
    ],
)
async def test_a_refusal_is_an_error_with_its_exit_code(act: Act, error: type[BulkPecError]) -> None:
    """A refused or failed look-up ends in the error that names it, never in "no address"."""
    with pytest.raises(error):
        await ask_company(act)


async def test_the_sandbox_knows_companies_and_domains() -> None:
    """The sandbox answers both questions, chosen by what is asked, and counts them."""
    async with Sandbox() as sandbox, open_http(timeout=5.0, connections=2) as http:
        url = sandbox.url
        lookups = LookUps(http, company_url=url, registry_url=url, token=Secret(TOKEN), patience=NO_WAITING)
        assert await lookups.address_of("01234567897") == "info@ditta-01234567897.pec.example"
        assert await lookups.address_of("01234567891") == "info@ditta-01234567891.pec.example"
        assert await lookups.address_of("01234567890") is None
        assert await lookups.is_certified("pec.example") is True
        assert await lookups.is_certified("gmail.com") is False
        counted = (await http.get(f"{url}/_sandbox/enquiries")).json()["asked"]
    assert counted["domain gmail.com"] == 1
    assert len(counted) == 5
