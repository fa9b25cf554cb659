"""Mail that is no receipt of ours, as the simulated provider lists it: counted, kept, and in nobody's way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from support.ledgers import MAILBOX, Desk, harvest, load, message, query, recount

from bulk_pec.ledger.inbox.mails import Mail
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.parsing import page_of
from bulk_pec.receipts.reading import read
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

_MAILBOX = {"Authorization": "Bearer x", "x-username": MAILBOX, "x-password": "x"}


@pytest.fixture
def provider() -> Iterator[httpx.Client]:
    """A simulated provider whose receipts are there at once, in its oddest spelling."""
    options = SandboxOptions(
        accepted_after=0,
        delivered_after=0,
        encoded_subjects=True,
        quoted_names=True,
        date_comments=True,
        other_keys=True,
    )
    with background(options) as running, httpx.Client(base_url=running.url, headers=_MAILBOX) as client:
        yield client


def _send(provider: httpx.Client, recipient: str, subject: str) -> None:
    sent = {"sender": MAILBOX, "username": MAILBOX, "password": "x", "body": "x"}
    answer = provider.post("/send", json={**sent, "recipient": recipient, "subject": subject})
    assert answer.json()["success"], answer.text


def _bring(provider: httpx.Client, subject: str, kind: str) -> None:
    answer = provider.post("/_sandbox/mail", json={"mailbox": MAILBOX, "subject": subject, "kind": kind})
    assert answer.status_code == 201, answer.text


def _inbox(provider: httpx.Client) -> list[Mail]:
    """Everything in the box, after what comes seconds later has come."""
    provider.post("/_sandbox/clock", json={"advance": 60}).raise_for_status()
    mails: list[Mail] = []
    for number in range(1, 9):
        page = page_of(provider.get("/inbox", params={"page": number}).json())
        assert page is not None
        mails += map(read, page.items)
        if not page.items:
            return mails
    raise AssertionError("the inbox has no end")


def test_unknown_and_foreign_mail_stops_nothing(ledger: Ledger, provider: httpx.Client) -> None:
    """New forms, anomalies and mail between providers come among the receipts: each is counted and kept."""
    desk = Desk.of(ledger, load(ledger, 4))
    fates = ("rem", "anomalia", "presa-in-carico", "consegnata")
    for pending, fate in zip(desk.pending(), fates, strict=False):
        desk.sent(pending)
        _send(provider, f"{fate}@example.org", f"Però è così [rif. {pending.reference}]")
    mails = _inbox(provider)
    assert Counter(mail.kind.value for mail in mails) == {
        "accepted": 4,
        "delivered": 4,
        "unknown": 1,
        "foreign": 2,
    }
    assert harvest(ledger, desk.mailbox, mails) == 8
    figures = ledger.views.figures(desk.run)
    assert (figures.seen, figures.values["receipts_matched"], figures.unknown) == (11, 8, 1)
    assert figures.values["delivery_delivered"] == 4
    assert query(ledger, "SELECT COUNT(*) AS n FROM receipts") == [{"n": 11}]
    recount(ledger, desk.run)


def test_forged_receipts_of_others_prove_nothing(ledger: Ledger, provider: httpx.Client) -> None:
    """Whoever knows a reference may write it, but every way into a certified box puts words before theirs."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    desk.sent(pending)
    forged = f"CONSEGNA: Però è così [rif. {pending.reference}] 2020082610003492"
    for kind in ("certified", "anomaly", "taken_over", "new_form", "plain"):
        _bring(provider, forged, kind)
        _bring(provider, f"R: {forged}", kind)
    mails = _inbox(provider)
    assert {mail.kind.value for mail in mails} == {"foreign", "unknown"}
    assert harvest(ledger, desk.mailbox, mails) == 0
    assert ledger.inbox.match_waiting(desk.mailbox, 0).matched == 0
    assert message(ledger, pending.id)["delivery"] == "none"
    assert ledger.views.figures(desk.run).seen == len(mails) == 10
    recount(ledger, desk.run)
