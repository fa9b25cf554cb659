"""What each answer to a request that changes a mailbox comes to: done, refused, in doubt, or an error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from support.fault_server import HTML, Act, answer
from support.pec import TOKEN
from support.registries import (
    ADDRESS,
    AS_ASKED,
    CHANGES,
    EXPIRY,
    FIELDS,
    ID,
    PDF,
    ask,
    changed,
    mailbox,
    refused,
    registry,
    told,
)

from bulk_pec.domain.errors import (
    BulkPecError,
    ConfigError,
    CredentialsRefused,
    NoCredit,
    ProviderUnavailable,
    UsageError,
)
from bulk_pec.domain.registrations import Done, InDoubt, Refused, RegistryState

pytestmark = pytest.mark.anyio

REQUESTS = {
    "register": ("POST", "/pec"),
    "activate": ("PATCH", f"/pec/{ID}/attivazione"),
    "renew": ("GET", f"/pec/{ID}/rinnovo?anni=2"),
    "revoke": ("DELETE", f"/pec/{ID}"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_each_change_is_the_documented_request(change: str) -> None:
    """Method, path and query as the vendor's document has them; the token goes along, and no password."""
    asked = await ask(CHANGES[change], told(changed(change)))
    seen = asked.seen[0]
    assert (seen.method, seen.target) == REQUESTS[change]
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert not {"x-username", "x-password"} & seen.headers.keys()
    assert isinstance(asked.result, Done)
    assert asked.result.registration.state is RegistryState(AS_ASKED[change]["stato"])


async def test_a_registration_is_posted_field_by_field() -> None:
    """The vendor's names and what was given under them, nothing added."""
    asked = await ask(CHANGES["register"], told(mailbox()))
    assert asked.seen[0].json() == FIELDS
    assert asked.seen[0].headers["content-type"] == "application/json"


async def test_an_activation_holds_one_pdf_in_base64() -> None:
    """`documenti` is a list of one."""
    asked = await ask(CHANGES["activate"], told(mailbox()))
    (document,) = asked.seen[0].json()["documenti"]
    assert base64.b64decode(document, validate=True) == PDF


@pytest.mark.parametrize("change", ["renew", "revoke"])
async def test_a_change_without_a_body_sends_none(change: str) -> None:
    """Neither bytes nor a media type."""
    asked = await ask(CHANGES[change], told(mailbox()))
    assert asked.seen[0].body == b""
    assert "content-type" not in asked.seen[0].headers


@pytest.mark.parametrize("years", [-1, 0, 11, 500])
async def test_years_that_cannot_be_meant_are_refused_before_anything_is_sent(years: int) -> None:
    """A renewal for no year is a mistake in the command, and so is one for a lifetime: it would be paid."""
    async with registry(told(mailbox())) as (client, server):
        with pytest.raises(UsageError, match="from 1 to 10"):
            await client.renew(ID, years)
        assert server.wires == []


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("act", "code"),
    [
        (refused(400, 201, "Wrong id"), 201),
        (refused(404, 202, "no pec found"), 202),
        (refused(406, 242, "data_nascita_richiedente not valid"), 242),
        (refused(428, 203, "you can renew only evaded or revoked pec"), 203),
        (refused(404, 326, "the domain x.example is non-existent"), 326),
        (refused(406, 999, "a number nobody documented"), 999),
        (refused(406, None, "a refusal without a number"), None),
        (refused(200, 303, "your pec has already been revoked"), 303),
        (refused(409, 303), 303),
        (refused(423, 303), 303),
        (refused(404, None, "no pec found"), None),
        (refused(404, 999, "nothing of the kind"), 999),
        (answer(428, {"success": "false", "error": "267", "message": "not now"}), 267),
        (answer(400, b"Invalid id"), None),
        (answer(404, b"no request matches this id:"), None),
        (answer(404, b"the domain x.example is non-existent in the system"), None),
        (answer(400, HTML), None),
        (answer(413, HTML), None),
        (answer(413, b""), None),
        (answer(406, b'{"success": false, "message": "no", "error": 296,\n}'), 296),
    ],
)
async def test_a_refusal_is_a_value_with_its_code(change: str, act: Act, code: int | None) -> None:
    """The registry looked at it and said no: a sentence and a hint, and nothing changed."""
    result = (await ask(CHANGES[change], act)).result
    assert isinstance(result, Refused)
    assert result.code == code
    assert result.sentence.endswith(".")
    assert result.hint


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "act",
    [
        answer(200, b""),
        answer(204),
        answer(200, HTML),
        answer(200, b'{"success": true, "data": {"id": "'),
        answer(200, {"success": True, "data": None}),
        answer(200, {"success": True, "data": []}),
        answer(200, {"success": True, "data": {"id": ID}}),
        told(mailbox(), error=262),
        told([mailbox(), mailbox()]),
        answer(200, {"success": False, "data": mailbox()}),
        refused(200, None, ""),
        refused(200, None, "cap_titolare not valid"),
        refused(200, 999, "a number nobody documented"),
        refused(200, 101, "Errore generico"),
        refused(200, None, "MySQL Error 1205"),
        refused(200, 402, "service temporarily unavailable"),
        refused(500, 208, "Internal error"),
        refused(408, 208, "too slow"),
        answer(418, b""),
        answer(500, HTML),
    ],
)
async def test_whatever_is_not_clear_is_in_doubt(change: str, act: Act) -> None:
    """A success that does not say how the mailbox stands, a failure of the service's own, a broken answer."""
    assert isinstance((await ask(CHANGES[change], act)).result, InDoubt)


@pytest.mark.parametrize("change", ["activate", "renew", "revoke"])
async def test_an_answer_about_another_id_is_in_doubt(change: str) -> None:
    """Then it is not the answer to what was asked."""
    assert isinstance((await ask(CHANGES[change], told(mailbox(id="65f1c0ffee")))).result, InDoubt)


@pytest.mark.parametrize("change", CHANGES)
async def test_an_answer_with_another_address_is_in_doubt(change: str) -> None:
    """The mailbox would be somebody else's; case and blanks do not make another address."""
    another, same = (changed(change, casella_pec=each) for each in ("x@b.example", f" {ADDRESS.upper()} "))
    assert isinstance((await ask(CHANGES[change], told(another))).result, InDoubt)
    assert isinstance((await ask(CHANGES[change], told(same))).result, Done)


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        ("register", {"stato": "registrazione_annullata"}),
        ("activate", {"stato": "documenti_errati"}),
        ("renew", {"timestamp": {"scadenza": EXPIRY}}),
        ("renew", {"stato": "revocata"}),
        ("revoke", {"stato": "evasa"}),
    ],
)
async def test_a_success_that_is_not_what_was_asked_is_in_doubt(change: str, stands: dict[str, Any]) -> None:
    """The tables are in test_registry_fulfilment; here each call is shown to judge by its own."""
    assert isinstance((await ask(CHANGES[change], told(changed(change, **stands)))).result, InDoubt)


async def test_a_registration_without_an_id_is_in_doubt() -> None:
    """It was made, it seems, but nothing more can be done with it from here."""
    assert isinstance((await ask(CHANGES["register"], told(mailbox(id=None)))).result, InDoubt)


@pytest.mark.parametrize("change", ["activate", "renew", "revoke"])
async def test_an_answer_that_does_not_repeat_the_id_is_about_the_one_asked_for(change: str) -> None:
    """Keys may be absent or empty."""
    result = (await ask(CHANGES[change], told(changed(change, id="")))).result
    assert isinstance(result, Done)
    assert result.registration.id == ID


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "odd",
    [
        lambda it: it,
        lambda it: {"data": [it], "success": True},
        lambda it: {"data": {"0": it}, "success": 1},
        lambda it: {"data": it},
        lambda it: {"data": it, "success": "true", "error": 0},
        lambda it: {"data": it, "success": "1", "error": ""},
        lambda it: json.dumps({"data": it}),
    ],
)
async def test_odd_envelopes_are_read(change: str, odd: Callable[[object], object]) -> None:
    """None at all, a list of one, an object of one, words for booleans, JSON in a text."""
    assert isinstance((await ask(CHANGES[change], answer(201, odd(changed(change))))).result, Done)


async def test_slips_are_read() -> None:
    """A comma too many and a key without a value do not hide what was done."""
    body = b'{"data": {"id": "%s", "stato": "revocata", "data_scadenza": ,}, }' % ID.encode()
    assert isinstance((await ask(CHANGES["revoke"], answer(200, body))).result, Done)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("act", "error"),
    [
        (answer(401, {"success": False, "message": "bad token"}), CredentialsRefused),
        (answer(403, HTML), CredentialsRefused),
        (answer(402, {"success": False, "message": "no"}), NoCredit),
        (answer(402, b""), NoCredit),
        (refused(406, 262, "Insufficient Credit in Wallet: 182.03"), NoCredit),
        (refused(428, None, "Insufficient Credit in Wallet: 182.03"), NoCredit),
        (refused(200, 290, "no"), NoCredit),
        (refused(429, None, "slower"), ProviderUnavailable),
        (refused(406, 402, "service temporarily unavailable"), ProviderUnavailable),
        (answer(404, HTML), ConfigError),
        (answer(404, b"404 page not found"), ConfigError),
        (answer(404, {"message": "no route"}), ConfigError),
        (answer(404, b""), ConfigError),
        (answer(405), ConfigError),
        (answer(415), ConfigError),
    ],
)
async def test_what_ends_the_command_is_raised(change: str, act: Act, error: type[BulkPecError]) -> None:
    """Token, wallet, a registry that asks for patience, an address that is not the registry's."""
    with pytest.raises(error) as raised:
        await ask(CHANGES[change], act)
    assert raised.value.hint


@pytest.mark.parametrize("status", [200, 406, 500, 401, 402])
async def test_nothing_the_applicant_told_is_repeated(status: int) -> None:
    """The registry may quote what it was sent: personal data and the token stay out of every answer."""
    words = f"RSSMRA85T10A562S of ANNAMARIA born 10/12/1985 with {TOKEN} is not valid for {ADDRESS}"
    try:
        shown = repr((await ask(CHANGES["register"], refused(status, None, words))).result)
    except BulkPecError as error:
        shown = f"{error!r} {error}"
    assert "is not valid" in shown
    for secret in ("RSSMRA85T10A562S", "ANNAMARIA", "10/12/1985", TOKEN):
        assert secret not in shown


async def test_an_undocumented_refusal_keeps_the_registrys_own_words() -> None:
    """Made one line, control characters gone, cut."""
    result = (await ask(CHANGES["revoke"], refused(406, 777, "in\u202everted\nline " + "x" * 2000))).result
    assert isinstance(result, Refused)
    assert "in verted line xxx" in result.sentence
    assert len(result.sentence) < 700


PERSONAL: dict[str, object] = FIELDS | {
    "telefono": "+39 06 5550100",
    "callback": {
        "url": "https://listener:Hunter22@example.org/hook?key=QueryWord",
        "field": "data",
        "method": "JSON",
        "data": {"word": "CallWord", "deep": [{"number": 77001122}]},
    },
}


@pytest.mark.parametrize(
    "told_back",
    [
        *("annamaria", "ANNAMARIA", "rssmra85t10a562s"),
        *("10/12/1985", "1985-12-10", "10-12-1985", "19851210", "10.12.1985"),
        *("+39 06 5550100", "+39065550100", "39065550100", "065550100"),
        *("https://listener:Hunter22@example.org/hook?key=QueryWord", "Hunter22", "listener", "QueryWord"),
        *("CallWord", "CALLWORD", "77001122"),
    ],
)
@pytest.mark.parametrize("in_json", [False, True])
async def test_what_the_applicant_told_is_repeated_in_no_other_form_either(
    told_back: str, in_json: bool
) -> None:
    """Another case, a date in another order, a number without blanks, whatever stands in `callback`."""
    words: object = {"fields": {"x": told_back}} if in_json else f"value {told_back} of the data not valid"
    act = answer(406, {"success": False, "message": words, "error": 999})
    async with registry(act) as (client, _):
        result = await client.register(PERSONAL)
    assert isinstance(result, Refused)
    assert "***" in result.sentence
    assert told_back.lower() not in result.sentence.lower()
    assert in_json or "of the data not valid" in result.sentence
