"""What a search for a doubt's reference finds: a receipt ends the doubt, anything else is a person's."""

from __future__ import annotations

import pytest
from support.inboxes import MINUTE, NOW, Case, all_but
from support.ledgers import IN_DOUBT, attempts, load, message, query

from bulk_pec.ledger.ledger import Ledger

pytestmark = pytest.mark.anyio

FOREIGN = '"Per conto di: altro@example.org" <posta-certificata@example.net>'


async def _case(ledger: Ledger) -> Case:
    """All holds that an acceptance needs."""
    case = Case(ledger, load(ledger, 3, now=NOW))
    await all_but(case)
    return case


async def test_a_receipt_no_walk_reads_ends_the_doubt_at_once(ledger: Ledger) -> None:
    """It stands in the middle of known mail; the search finds it, and it is folded like any other."""
    case = await _case(ledger)
    case.receipt(1)
    settled = await case.settle()
    assert (settled.accepted, settled.waiting, settled.why) == (0, 0, None)
    row = message(ledger, case.run.first_id)
    assert (row["state"], row["delivery"], row["message_id"]) == ("sent", "accepted", "2020082600000001")
    assert attempts(ledger, case.run.first_id)[0]["settlement"] == "receipt"
    assert case.claimable() == [3]


async def test_it_needs_no_later_message(ledger: Ledger) -> None:
    """Evidence needs no witness that the search works."""
    case = Case(ledger, load(ledger, 3, now=NOW))
    case.attempt(1, IN_DOUBT)
    case.pass_settle_after()
    await case.harvest()
    case.receipt(1, "CONSEGNA")
    assert (await case.settle()).why is None
    assert case.state(1) == "sent"


async def test_what_a_search_found_stops_no_walk(ledger: Ledger) -> None:
    """A search that shows a whole page of new mail does not hide what stands behind it from the next walk."""
    case = await _case(ledger)
    for number in range(60):
        case.clock.wait(1000)
        case.inbox.put(f"POSTA CERTIFICATA: {number}", case.clock.now(), FOREIGN)
    case.receipt(1)
    case.inbox.finds = lambda _, __: True
    case.inbox.shape.total = lambda _: None
    await case.settle()
    assert case.state(1) == "sent"
    await case.harvest()
    (row,) = query(ledger, "SELECT COUNT(*) AS mails FROM receipts")
    assert row["mails"] == len(case.inbox.mails)


@pytest.mark.parametrize(
    ("subject", "sender"),
    [
        ("POSTA CERTIFICATA: Re: Avviso [rif. {}]", FOREIGN),
        ("CONSEGNA: Avviso [rif. {}]", FOREIGN),
        ("REM SubmissionAcceptance: Avviso [rif. {}] 2020082610003492", "rem@example.net"),
        ("ACCETTAZIONE: Avviso rif{}x 2020082610003492", "posta-certificata@example.net"),
    ],
)
async def test_mail_that_is_no_receipt_is_for_a_person(ledger: Ledger, subject: str, sender: str) -> None:
    """A reply, a form nobody knows, a reference glued to something: no proof, and no absence either."""
    case = await _case(ledger)
    case.inbox.put(subject.format(case.reference(1)), case.clock.now(), sender)
    for _ in range(2):
        settled = await case.settle()
        assert (settled.accepted, settled.waiting) == (0, 0)
        assert settled.why == {"a search finds mail that carries its reference and is no receipt of it": 1}
        await case.harvest()
    assert case.state(1) == "in_doubt"


@pytest.mark.parametrize(
    "subject", ["", " \t ", "ACCETTAZIONE: gi\ufffd", "=?utf-8?B?@@@?=", "=?x-none?Q?ACCETTAZIONE?= a"]
)
async def test_a_subject_that_cannot_be_read_is_for_a_person(ledger: Ledger, subject: str) -> None:
    """The search finds mail by a reference that its subject does not show: that is no absence."""
    case = await _case(ledger)
    odd = case.inbox.put(subject, case.clock.now())
    case.inbox.finds = lambda text, mail: text in mail.subject or (mail is odd and text == case.reference(1))
    await case.harvest()
    settled = await case.settle()
    assert (settled.accepted, settled.waiting) == (0, 0)
    assert settled.why == {"a search finds mail whose subject cannot be read": 1}


async def test_other_mail_with_a_readable_subject_does_not_hold_it(ledger: Ledger) -> None:
    """A search that finds too much, by the text of mails, still shows an absence."""
    case = await _case(ledger)
    case.inbox.put("POSTA CERTIFICATA: tutt'altro", case.clock.now(), FOREIGN)
    case.inbox.finds = lambda _, __: True
    await case.harvest()
    assert (await case.settle()).accepted == 1


async def test_an_id_that_passes_for_a_reference_hides_no_receipt(ledger: Ledger) -> None:
    """The doubt's reference counts wherever it stands among those of the subject."""
    case = await _case(ledger)
    case.clock.wait(MINUTE)
    case.inbox.put(f"ACCETTAZIONE: Avviso [rif. {case.reference(1)}] 0000000000000", case.clock.now())
    assert (await case.settle()).why is None
    assert message(ledger, case.run.first_id)["message_id"] == "0000000000000"
