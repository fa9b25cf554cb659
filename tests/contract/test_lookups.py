"""Look-ups on real sockets: every form of answer, and what each refusal becomes."""

from __future__ import annotations

import pytest
from support.fault_server import Act, FaultServer, answer, close
from support.pec import NO_WAITING, TOKEN
from support.registries import refused, told

from bulk_pec.domain.errors import (
    BulkPecError,
    ConfigError,
    CredentialsRefused,
    NoCredit,
    ProviderUnavailable,
    RegistryRefused,
)
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


async def ask_domain(act: Act) -> bool:
    """Whether a domain uses certified mail, as a server that always does this answers it."""
    async with FaultServer(act, act, act) as server, open_http(timeout=5.0, connections=2) as http:
        lookups = LookUps(
            http, company_url=server.url, registry_url=server.url, token=Secret(TOKEN), patience=NO_WAITING
        )
        return await lookups.is_certified("pec.example")


@pytest.mark.parametrize(
    ("act", "certified"),
    [
        (told([], message="pec.example found!"), True),
        (told([], success="true"), True),
        (answer(204), False),
        (refused(404, None, "not found"), False),
        (refused(200, None, "Result empty"), False),
        (refused(200, None, "pec.example not found"), False),
    ],
)
async def test_a_domain_uses_certified_mail_or_does_not(act: Act, certified: bool) -> None:
    """A success means yes; no, where the registry says that there is none, in whatever form."""
    assert await ask_domain(act) is certified


UNAVAILABLE = "service temporarily unavailable"


@pytest.mark.parametrize(
    ("status", "code", "words", "error"),
    [
        (428, 400, "domain required", RegistryRefused),
        (406, 401, "domain not valid", RegistryRefused),
        (200, 401, "domain not valid", RegistryRefused),
        (200, 401, "domain not found", RegistryRefused),
        (503, 402, UNAVAILABLE, ProviderUnavailable),
        (428, 402, UNAVAILABLE, ProviderUnavailable),
        (200, 402, UNAVAILABLE, ProviderUnavailable),
        (200, None, UNAVAILABLE, ProviderUnavailable),
        (402, 403, "Insufficient Credit in Wallet: 182.03", NoCredit),
        (428, 403, "Insufficient Credit in Wallet: 182.03", NoCredit),
        (200, 403, "Insufficient Credit in Wallet: 182.03", NoCredit),
        (404, 403, "Insufficient Credit in Wallet: 182.03", NoCredit),
        (200, None, "", ProviderUnavailable),
    ],
)
async def test_a_question_that_was_refused_says_nothing_of_the_domain(
    status: int, code: int | None, words: str, error: type[BulkPecError]
) -> None:
    """Codes 400 to 403, under whatever status: never "no", which would set recipients aside for ever."""
    with pytest.raises(error):
        await ask_domain(refused(status, code, words))


@pytest.mark.parametrize(
    "body",
    [{}, {"data": []}, {"message": "Unauthorized"}, {"success": None}, {"success": True, "error": 403}, []],
)
async def test_an_answer_that_does_not_say_is_no_answer(body: object) -> None:
    """Neither yes nor no."""
    with pytest.raises(ProviderUnavailable):
        await ask_domain(answer(200, body))


async def test_a_refused_domain_is_named() -> None:
    """Of all the domains of a list, the one to be mended."""
    with pytest.raises(RegistryRefused) as told_of:
        await ask_domain(refused(406, 401, "domain not valid"))
    assert "pec.example" in told_of.value.what
    assert (told_of.value.code, told_of.value.status) == (401, 406)


NOWHERE = "http://127.0.0.1:9"
CODES = ["01234567897", "RSSMRA85T10A562S"]


def _refusals(code: str) -> list[Act]:
    """Every kind of failure, the tax code in the provider's own words where it has any."""
    return [
        close,
        answer(401, {"success": False, "message": f"no right to ask for {code}"}),
        answer(402, {"success": False, "message": f"{code} costs 1"}),
        answer(302),
        answer(404, f"<html>/IT-pec/{code} not found</html>".encode()),
        answer(500, {"success": False, "message": f"MySQL Error: '{code}'"}),
        answer(200, {"success": False, "message": f"bad code {code.lower()}"}),
        answer(200, b"<html></html>"),
    ]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("number", range(8))
async def test_an_error_never_shows_the_tax_code_it_was_asked_for(number: int, code: str) -> None:
    """A person's codice fiscale must not stand in a log, be it in the URL or in the provider's own words."""
    with pytest.raises(BulkPecError) as ended:
        await ask_company(_refusals(code)[number], tax_code=code)
    said = f"{ended.value} {ended.value.hint}"
    assert code.casefold() not in said.casefold(), said
    assert "/IT-pec/…" in said


@pytest.mark.parametrize("act", [close, answer(302), answer(200, b"<html></html>")])
@pytest.mark.parametrize("setting", ["company_url", "registry_url"])
async def test_an_error_names_the_setting_of_the_service_that_failed(act: Act, setting: str) -> None:
    """Whoever mends it looks at the right line: base_url is another service's."""
    async with FaultServer(act) as server, open_http(timeout=5.0, connections=2) as http:
        urls = {"company_url": NOWHERE, "registry_url": NOWHERE, setting: server.url}
        lookups = LookUps(
            http,
            company_url=urls["company_url"],
            registry_url=urls["registry_url"],
            token=Secret(TOKEN),
            patience=NO_WAITING,
        )
        asked = lookups.address_of if setting == "company_url" else lookups.is_certified
        with pytest.raises(BulkPecError) as ended:
            await asked(CODES[0])
    assert setting in ended.value.hint
    assert "base_url" not in ended.value.hint


@pytest.mark.parametrize("setting", ["company_url", "registry_url"])
async def test_an_address_that_is_none_is_refused_under_its_own_name(setting: str) -> None:
    """Before anything is asked."""
    urls = {"company_url": NOWHERE, "registry_url": NOWHERE, setting: "ftp://x.example"}
    async with open_http(timeout=5.0, connections=2) as http:
        with pytest.raises(ConfigError) as ended:
            LookUps(
                http,
                company_url=urls["company_url"],
                registry_url=urls["registry_url"],
                token=Secret(TOKEN),
            )
    assert setting in ended.value.hint


async def test_refused_credentials_of_a_look_up_are_the_token() -> None:
    """No mailbox goes along, so its password is not what to look at."""
    with pytest.raises(CredentialsRefused) as ended:
        await ask_company(_refusals(CODES[0])[1])
    assert "password" not in ended.value.hint


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
