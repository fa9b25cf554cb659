"""An answer to a change is judged by what it says of the mailbox, and a refusal by whose word it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.fault_server import HTML
from support.registries import ADDRESS, AS_ASKED, BEFORE, EXPIRY, ID, changed, mailbox

from bulk_pec.domain.errors import NoCredit
from bulk_pec.domain.registrations import Answer, Done, InDoubt, Refused, Registration
from bulk_pec.provider import fulfilment, outcomes
from bulk_pec.provider.changes import Change, of_answer
from bulk_pec.provider.veil import Veil

URL = "https://registry.example/pec"
ASKED = {
    "register": Change("POST", URL, fulfilment.registered, address=ADDRESS),
    "activate": Change("PATCH", URL, fulfilment.activated, ID, ADDRESS),
    "renew": Change("GET", URL, fulfilment.renewal_of(BEFORE), ID, ADDRESS),
    "revoke": Change("DELETE", URL, fulfilment.revoked, ID, ADDRESS),
}
LOOKED_AT = (400, 404, 406, 409, 410, 413, 417, 422, 428)
NOT_NOW = (409, 423, 425)


def judged(change: Change, status: int, body: object) -> Answer:
    """What comes of an answer with this body, JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return of_answer(change, outcomes.Answer(status, content), Veil())


def success(data: object, **envelope: Any) -> dict[str, Any]:
    """The envelope of a success."""
    return {"data": data, "success": True, "message": "", "error": None} | envelope


def failure(code: object, message: object = "no") -> dict[str, Any]:
    """The envelope of a failure."""
    return {"data": None, "success": False, "message": message, "error": code}


def renewal(before: Registration | None, **fields: Any) -> Answer:
    """What comes of a renewal of a mailbox that stood so, answered with this."""
    change = Change("GET", URL, fulfilment.renewal_of(before), ID)
    return judged(change, 200, success(mailbox(**fields)))


@pytest.mark.parametrize(
    ("change", "stato", "done"),
    [
        ("register", "registrata", True),
        ("register", "in_evasione", True),
        ("register", "evasa", True),
        ("register", "revocata", False),
        ("register", "chiusa", False),
        ("register", "registrazione_annullata", False),
        ("activate", "in_evasione", True),
        ("activate", "evasa", True),
        ("activate", "EVASA", True),
        ("activate", "registrata", False),
        ("activate", "documenti_errati", False),
        ("activate", "revocata", False),
        ("activate", "boh", False),
        ("renew", "evasa", True),
        ("renew", "EVASA", True),
        ("renew", "revocata", False),
        ("renew", "chiusa", False),
        ("renew", "registrata", False),
        ("renew", "boh", False),
        ("revoke", "revocata", True),
        ("revoke", "chiusa", True),
        ("revoke", "evasa", False),
        ("revoke", "registrazione_annullata", False),
        ("revoke", "boh", False),
    ],
)
def test_a_state_that_was_not_asked_for_is_in_doubt(change: str, stato: str, done: bool) -> None:
    """A success under which the mailbox stands otherwise is told with the state it stands at."""
    found = judged(ASKED[change], 200, success(changed(change, stato=stato)))
    assert isinstance(found, Done if done else InDoubt)
    assert done or f"“{stato}”" in getattr(found, "cause", "")


def test_papers_that_were_refused_are_said_to_be() -> None:
    """documenti_errati is no activation, and its cause says what it may mean."""
    found = judged(ASKED["activate"], 200, success(mailbox(stato="documenti_errati")))
    assert isinstance(found, InDoubt)
    assert "the documents were refused, or these were not taken" in found.cause


ACTIVE, REVOKED = BEFORE, Registration(ID, ADDRESS, "", "revocata", EXPIRY * 1000)
UNTOLD, REVOKED_UNTOLD = Registration(ID, ADDRESS, "", "evasa"), Registration(ID, ADDRESS, "", "revocata")


@pytest.mark.parametrize(
    ("before", "scadenza", "done"),
    [
        (ACTIVE, EXPIRY + 1, True),
        (ACTIVE, EXPIRY, False),
        (ACTIVE, EXPIRY - 1, False),
        (ACTIVE, None, False),
        (UNTOLD, EXPIRY, False),
        (UNTOLD, None, False),
        (None, EXPIRY, False),
        (REVOKED, EXPIRY + 1, True),
        (REVOKED, EXPIRY, False),
        (REVOKED, None, True),
        (REVOKED_UNTOLD, EXPIRY, True),
        (REVOKED_UNTOLD, None, True),
    ],
)
def test_a_renewal_is_shown_by_the_expiry(
    before: Registration | None, scadenza: int | None, done: bool
) -> None:
    """Later than before; where it is not told, only a revoked mailbox that is active again shows it."""
    assert isinstance(
        renewal(before, stato="evasa", timestamp={"scadenza": scadenza}), Done if done else InDoubt
    )


@pytest.mark.parametrize("change", ASKED)
@pytest.mark.parametrize(
    "envelope",
    [
        {"error": 262},
        {"error": "262"},
        {"error": "insufficient credit"},
        {"error": {"code": 262}},
        {"error": ["x"]},
        {"error": True},
        {"error": -1},
        {"success": None},
        {"success": ""},
        {"success": "ko"},
        {"success": "no"},
        {"success": 2},
        {"success": {}},
        {"success": []},
    ],
)
def test_an_envelope_that_is_no_plain_success_is_in_doubt(change: str, envelope: dict[str, Any]) -> None:
    """Any error, and a success that is neither true nor absent, whatever mailbox stands beside it."""
    assert isinstance(judged(ASKED[change], 200, success(changed(change), **envelope)), InDoubt)


@pytest.mark.parametrize("change", ASKED)
@pytest.mark.parametrize("address", ["x@pecmassiva.com", f"<x{ADDRESS}>"])
def test_another_address_is_in_doubt(change: str, address: str) -> None:
    """It is another mailbox, whatever its id."""
    assert isinstance(judged(ASKED[change], 200, success(changed(change, casella_pec=address))), InDoubt)


@pytest.mark.parametrize("change", ASKED)
@pytest.mark.parametrize("address", [None, "", f" {ADDRESS.upper()} ", f"<{ADDRESS}>"])
def test_the_same_address_in_another_form_or_none_is_done(change: str, address: str | None) -> None:
    """Case, blanks and brackets make no other address, and one that is not told none."""
    assert isinstance(judged(ASKED[change], 200, success(changed(change, casella_pec=address))), Done)


def test_every_change_has_its_fitting_answer() -> None:
    """The tables of these tests name the same calls."""
    assert ASKED.keys() == AS_ASKED.keys()


OUTAGES = (
    "MySQL Error 1205",
    "Internal error",
    "errore interno",
    "service temporarily unavailable",
    "upstream request timeout",
    "database connection lost",
    "Errore di sistema",
    "duplicate request in progress",
    "operazione in corso",
)


@pytest.mark.parametrize("change", ASKED)
@pytest.mark.parametrize("words", OUTAGES)
def test_a_failure_of_the_servers_own_is_no_refusal(change: str, words: str) -> None:
    """Nothing says that nothing was done: it may have failed after that. Under any status, coded or not."""
    for status in (200, *LOOKED_AT, 423, 425):
        for code in (None, 999):
            found = judged(ASKED[change], status, failure(code, words))
            assert isinstance(found, InDoubt), (status, code)


@pytest.mark.parametrize("change", ASKED)
@pytest.mark.parametrize("code", [None, 999])
@pytest.mark.parametrize("status", [200, 201, *NOT_NOW, 418, 451, 499])
def test_no_without_a_documented_reason_is_in_doubt_where_the_status_does_not_say_no(
    change: str, status: int, code: int | None
) -> None:
    """Under a success, a conflict, "locked", "too early", and statuses of nobody's."""
    assert isinstance(judged(ASKED[change], status, failure(code, "duplicate")), InDoubt)


@pytest.mark.parametrize("change", ASKED)
@pytest.mark.parametrize("status", [200, *LOOKED_AT, *NOT_NOW])
def test_a_documented_reason_is_a_refusal_under_any_of_them(change: str, status: int) -> None:
    """The code says that it was looked at, and what was found."""
    found = judged(ASKED[change], status, failure(303, "MySQL is not meant"))
    assert isinstance(found, Refused)
    assert found.code == 303


@pytest.mark.parametrize("change", ASKED)
@pytest.mark.parametrize("status", [200, 406, 409])
def test_words_that_tell_of_no_credit_are_documented(change: str, status: int) -> None:
    """The vendor's document shows them; the command ends with 77."""
    with pytest.raises(NoCredit):
        judged(ASKED[change], status, failure(None, "Insufficient Credit in Wallet: 182.03"))


@pytest.mark.parametrize("change", ASKED)
@pytest.mark.parametrize("body", [HTML, b"", b'{"message": "no route here"}'], ids=["page", "empty", "other"])
@pytest.mark.parametrize("status", sorted({*LOOKED_AT, *NOT_NOW} - {404}))
def test_what_another_server_says_is_a_refusal_only_where_nobody_could_have_done_it(
    change: str, body: bytes, status: int
) -> None:
    """400 and 413: not read. Else a proxy may answer so after the registry was asked."""
    refused = isinstance(judged(ASKED[change], status, body), Refused)
    assert refused is (status in {400, 413})


@pytest.mark.parametrize(("change", "by_id"), [("register", False), ("activate", True), ("revoke", True)])
def test_a_404_without_a_documented_code_speaks_of_an_id_only_where_one_was_given(
    change: str, by_id: bool
) -> None:
    """A registration has none yet."""
    found = judged(ASKED[change], 404, failure(999, "nothing of the kind"))
    assert isinstance(found, Refused)
    assert ("no mailbox of this id" in found.sentence) is by_id
    assert "nothing of the kind" in found.sentence
