"""The calls that only ask the registry: every form of answer, and what each refusal becomes."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import pytest
from support.fault_server import HTML, Act, FaultServer, answer
from support.pec import TOKEN
from support.registries import ADDRESS, ID, READS, ask, mailbox, refused, registry, told

from bulk_pec.domain.addresses import canonical
from bulk_pec.domain.errors import (
    BulkPecError,
    ConfigError,
    CredentialsRefused,
    NoCredit,
    ProviderUnavailable,
    RegistryRefused,
)
from bulk_pec.domain.letters import Secret
from bulk_pec.domain.registrations import Registration, RegistryState
from bulk_pec.provider.registry import Registry
from bulk_pec.provider.transport import open_http

pytestmark = pytest.mark.anyio

TARGETS = {
    "available": "/verifica_pec/avvisi%40pecmassiva.com",
    "all": "/pec",
    "show": f"/pec/{ID}",
    "form": f"/pec/{ID}/modulo_attivazione",
}
LISTS: dict[str, Callable[[Registry], Awaitable[object]]] = {
    "all": lambda client: client.all(),
    "roll": lambda client: client.roll(),
}
UNREADABLE: list[object] = [
    None,
    {},
    "",
    [None],
    [{}],
    [mailbox(), None],
    {"0": mailbox(), "1": {}},
]
FORM = b"%PDF-1.7\n% the form"


@pytest.mark.parametrize("read", READS)
async def test_each_question_is_the_documented_request(read: str) -> None:
    """Method and path as the vendor's document has them; the token goes along, and no password."""
    acts = {"available": told({"available": True}), "all": told([]), "form": answer(200, FORM)}
    asked = await ask(READS[read], acts.get(read, told(mailbox())))
    seen = asked.seen[0]
    assert (seen.method, seen.target) == ("GET", TARGETS[read])
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert not {"x-username", "x-password"} & seen.headers.keys()


@pytest.mark.parametrize(
    ("data", "free"),
    [
        ({"available": True}, True),
        ({"available": False}, False),
        ({"available": "true"}, True),
        ({"available": "0"}, False),
        ({"avalaible": True}, True),
        ([{"available": True}], True),
    ],
)
async def test_an_address_is_free_or_taken(data: object, free: bool) -> None:
    """In every form of the answer, and in both of the spellings the vendor's page uses."""
    assert (await ask(READS["available"], told(data))).result is free


@pytest.mark.parametrize("data", [None, {}, {"available": None}, {"available": "perhaps"}, [], "yes"])
async def test_an_answer_that_does_not_say_so_is_no_availability(data: object) -> None:
    """Neither free nor taken is guessed."""
    with pytest.raises(ProviderUnavailable, match="cannot be understood"):
        await ask(READS["available"], told(data))


async def test_all_mailboxes_are_listed() -> None:
    """Each with its state; what cannot be named is left out."""
    rows = [mailbox(), mailbox(id="b", stato="evasa", tipo_casella="bronze"), mailbox(id=None)]
    found = (await ask(READS["all"], told(rows))).result
    assert [(one.id, one.state, one.kind) for one in found] == [
        (ID, RegistryState.REGISTERED, "PECMASSIVA"),
        ("b", RegistryState.ACTIVE, "BRONZE"),
    ]


@pytest.mark.parametrize(
    "act",
    [
        refused(404, 200, "no pec linked to this account"),
        refused(404, None, "nothing here"),
        refused(200, 200, "no pec linked to this account"),
        answer(404, b"no pec linked to this account"),
        told([]),
    ],
)
@pytest.mark.parametrize("read", ["all", "roll"])
async def test_no_mailbox_is_an_answer(read: str, act: Act) -> None:
    """An account whose mailbox was bought on the website has none here."""
    assert (await ask(LISTS[read], act)).result == ()


@pytest.mark.parametrize(
    "act",
    [
        *map(told, UNREADABLE),
        told([], error=262),
        answer(200, {"success": None, "data": []}),
        answer(200, {"success": True}),
        answer(200, {"data": []} | {"success": "ko"}),
    ],
)
@pytest.mark.parametrize("read", ["all", "roll"])
async def test_a_list_that_cannot_be_read_whole_is_not_taken_for_a_short_one(read: str, act: Act) -> None:
    """Where a mailbox may have stood, nobody says that there is none."""
    with pytest.raises(ProviderUnavailable, match="cannot be understood"):
        await ask(LISTS[read], act)


@pytest.mark.parametrize(
    "act", [refused(404, 999, "no"), refused(404, 202, "no pec found"), refused(406, 332)]
)
async def test_another_refusal_of_the_list_is_not_taken_for_none(act: Act) -> None:
    """Only what the vendor documents for this call says that there is no mailbox."""
    with pytest.raises(RegistryRefused):
        await ask(LISTS["roll"], act)


@pytest.mark.parametrize(
    "row",
    [
        {"id": None},
        {"id": ["x"]},
        {"stato": None},
        {"stato": ""},
        {"id": "", "stato": ""},
        {"casella_pec": f"<{ADDRESS}>"},
        {"casella_pec": None, "pec": ADDRESS},
        {"casella_pec": "", "pec": f" <{ADDRESS.upper()}> "},
        {"tipo_casella": None, "timestamp": "", "autorinnovo": None},
    ],
)
async def test_the_roll_holds_every_row_that_has_an_address(row: dict[str, object]) -> None:
    """Whatever else it lacks: an address that stands there is taken."""
    other = mailbox(id="b", casella_pec="x@pecmassiva.com")
    found = (await ask(LISTS["roll"], told([other, mailbox(**row)]))).result
    assert [canonical(one.address) for one in found] == ["x@pecmassiva.com", ADDRESS]


@pytest.mark.parametrize("address", [None, "", 7, "avvisi", "a b@c.example", "Anna <a@c.example>", "a@b,c@d"])
async def test_a_row_without_an_address_spoils_the_roll(address: object) -> None:
    """It may be the one that is looked for."""
    with pytest.raises(ProviderUnavailable, match="cannot be understood"):
        await ask(LISTS["roll"], told([mailbox(), mailbox(casella_pec=address)]))


async def test_a_mailbox_is_shown_without_its_applicant() -> None:
    """What must be remembered, and no personal data."""
    found = (await ask(READS["show"], told(mailbox(stato="evasa", data_scadenza="31/01/2027")))).result
    assert found == Registration(
        ID, ADDRESS, "PECMASSIVA", "evasa", 1_801_436_399_000, 1_700_000_100_000, auto_renew=False
    )


@pytest.mark.parametrize(
    "act",
    [
        refused(404, 202, "no pec found"),
        refused(404, None, "no pec found"),
        refused(404, 999, "no pec found"),
        refused(200, 202, "no pec found"),
        answer(404, b"no pec found"),
    ],
)
async def test_an_unknown_id_is_an_answer(act: Act) -> None:
    """The registry has looked and found none."""
    asked = await ask(READS["show"], act)
    assert asked.result is None
    assert len(asked.seen) == 1


@pytest.mark.parametrize(
    "act", [told(mailbox(id="65f1c0ffee")), told(mailbox(), error=262), told(mailbox(), success=None)]
)
async def test_an_answer_about_another_mailbox_or_with_an_error_shows_none(act: Act) -> None:
    """Nothing of it is printed or remembered under the id that was asked about."""
    with pytest.raises(ProviderUnavailable, match="cannot be understood"):
        await ask(READS["show"], act)


@pytest.mark.parametrize("read", ["available", "all"])
async def test_a_404_without_a_documented_code_speaks_of_no_id_where_none_was_given(read: str) -> None:
    """The registry's own words stand there instead."""
    with pytest.raises(RegistryRefused, match="no such thing") as raised:
        await ask(READS[read], refused(404, 999, "no such thing"))
    assert "id" not in raised.value.what.split()


@pytest.mark.parametrize("read", ["all", "show"])
@pytest.mark.parametrize(
    "act",
    [
        answer(404, HTML),
        answer(404, b"404 page not found"),
        answer(404),
        answer(404, {"message": "no route"}),
    ],
)
async def test_a_404_of_another_server_is_no_answer(read: str, act: Act) -> None:
    """A wrong registry_url must not look like an account without mailboxes."""
    with pytest.raises(ConfigError) as refused_:
        await ask(READS[read], act)
    assert "registry_url" in refused_.value.hint


@pytest.mark.parametrize(
    "body",
    [
        FORM,
        b"\r\n" + FORM,
        b'{"success": true, "data": "' + base64.b64encode(FORM) + b'"}',
        b'"' + base64.b64encode(FORM) + b'"',
    ],
)
async def test_the_form_is_a_pdf(body: bytes) -> None:
    """Bare, as documented, or in base64 in an envelope."""
    found = (await ask(READS["form"], answer(200, body, {"Content-Type": "application/pdf"}))).result
    assert found.endswith(FORM)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (answer(400, b"Invalid id", {"Content-Type": "text/plain"}), "Invalid id"),
        (answer(404, b"no request matches this id:"), "knows no mailbox of this id"),
        (answer(406, b"you cannot do this if you do not first activate a pec"), "first activate"),
        (refused(404, 202, "no pec found"), "knows no mailbox of this id"),
        (answer(200, b'{"success": false, "message": "not yet", "error": null}'), "not yet"),
    ],
)
async def test_a_refused_form_says_why(act: Act, words: str) -> None:
    """A plain text is as good as an envelope; 65, and asked once."""
    async with registry(act) as (client, server):
        with pytest.raises(RegistryRefused, match=words) as raised:
            await client.form(ID)
        assert raised.value.exit.code == 65
        assert len(server.seen) == 1


@pytest.mark.parametrize("body", [b"", HTML, b"PK\x03\x04", b'{"success": true, "data": null}', b'"JVBER"'])
async def test_what_is_no_pdf_is_no_form(body: bytes) -> None:
    """A page under a 200 is not written to form.pdf."""
    with pytest.raises(ProviderUnavailable, match="cannot be understood"):
        await ask(READS["form"], answer(200, body))


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("act", "error"),
    [
        (refused(428, 207, "casella_pec required"), RegistryRefused),
        (refused(406, 208, "invalid casella_pec"), RegistryRefused),
        (refused(400, 201, "Wrong id"), RegistryRefused),
        (refused(200, 201, "Wrong id"), RegistryRefused),
        (refused(406, 9999, "never heard of"), RegistryRefused),
        (answer(401, {"success": False}), CredentialsRefused),
        (answer(403, b"no"), CredentialsRefused),
        (answer(402, {"success": False}), NoCredit),
        (refused(406, 403, "no"), NoCredit),
        (refused(406, None, "Insufficient Credit in Wallet: 1"), NoCredit),
        (answer(302, b"", {"Location": "/"}), ConfigError),
        (answer(405), ConfigError),
        (answer(400, HTML), ProviderUnavailable),
        (answer(200, HTML), ProviderUnavailable),
        (answer(200, {"success": True}), ProviderUnavailable),
        (refused(200, None, "MySQL Error 1205"), ProviderUnavailable),
        (refused(503, 402, "service temporarily unavailable"), ProviderUnavailable),
        (refused(400, None, "MySQL Error 1205"), ProviderUnavailable),
        (refused(404, 999, "Internal error"), ProviderUnavailable),
    ],
)
async def test_a_refusal_is_an_error_with_its_exit_code(
    read: str, act: Act, error: type[BulkPecError]
) -> None:
    """Each ends in the error that names it, never in an answer."""
    with pytest.raises(BulkPecError) as raised:
        await ask(READS[read], act)
    assert type(raised.value) is error
    assert raised.value.hint


async def test_a_documented_code_is_a_plain_sentence_with_its_number() -> None:
    """Ours, the registry's own words beside it, and the number to look it up by."""
    with pytest.raises(RegistryRefused, match="does not take this for a certified address") as raised:
        await ask(READS["available"], refused(406, 208, "invalid casella_pec"))
    assert "“invalid casella_pec”" in raised.value.what
    assert "error 208" in raised.value.what
    assert (raised.value.code, raised.value.status) == (208, 406)


@pytest.mark.parametrize("read", READS)
async def test_the_token_is_never_repeated(read: str) -> None:
    """A registry that quotes the header it was sent is quoted without it."""
    for act in (
        refused(406, 9999, f"Bearer {TOKEN}"),
        refused(401, None, TOKEN),
        answer(406, TOKEN.encode()),
    ):
        with pytest.raises(BulkPecError) as raised:
            await ask(READS[read], act)
        assert TOKEN not in f"{raised.value} {raised.value!r}"


async def test_slips_are_read() -> None:
    """A comma too many and a key without a value do not hide a mailbox."""
    body = b'{"data": [{"id": "a", "stato": "evasa", "timestamp": {"scadenza": 1800000000, "revoca": ,},},],}'
    (found,) = (await ask(READS["all"], answer(200, body))).result
    assert (found.id, found.expires_at) == ("a", 1_800_000_000_000)


async def test_an_address_or_a_token_that_cannot_be_is_refused_at_once() -> None:
    """Before anything is asked; the setting is named."""
    async with open_http(timeout=5.0, connections=1, verify=False) as http:
        with pytest.raises(ConfigError, match="registry_url"):
            Registry(http, registry_url="http://pec.example", token=Secret(TOKEN))
        with pytest.raises(ConfigError, match="token"):
            Registry(http, registry_url="https://pec.example", token=Secret("to ken"))


async def test_slips_of_the_sending_host_are_read_too() -> None:
    """GET /inbox as the vendor's page shows it, a comma behind its last item."""
    from support.pec import MAILBOX, NO_WAITING

    from bulk_pec.provider.client import PecClient

    body = b'{"data": [{"id": 1, "object": "CONSEGNA: x",},], "success": true, "total": 1,}'
    async with (
        FaultServer(answer(200, body)) as server,
        open_http(timeout=5.0, connections=1, verify=False) as http,
    ):
        client = PecClient(http, base_url=server.url, token=Secret(TOKEN), patience=NO_WAITING)
        page = await client.inbox_page(MAILBOX, 1)
    assert [item.subject for item in page.items] == ["CONSEGNA: x"]


async def test_a_sending_is_never_judged_by_a_mended_answer() -> None:
    """POST /send: JSON with a slip is no clear word, so the message is in doubt."""
    from support.fault_server import raw_answer, response
    from support.pec import sender

    from bulk_pec.domain.outcomes import Verdict

    body = b'{"success": true, "sent": 1, "message_id": "2020082610003492",}'
    async with FaultServer(raw_answer(response(201, body))) as server, sender(server.url) as it:
        assert (await it.send()).verdict is Verdict.IN_DOUBT
