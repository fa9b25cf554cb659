"""A CONSEGNA that the provider lists twice proves nothing of another address of the same message."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from support.ledgers import MAILBOX, NOW, Desk, a_row, harvest, load, message, recount

from bulk_pec.ledger.inbox.mails import Mail
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.parsing import page_of
from bulk_pec.receipts.reading import read
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

_MAILBOX = {"Authorization": "Bearer x", "x-username": MAILBOX, "x-password": "x"}


@pytest.fixture
def provider() -> Iterator[httpx.Client]:
    """A simulated provider whose receipts are there at once."""
    options = SandboxOptions(accepted_after=0, delivered_after=0)
    with background(options) as running, httpx.Client(base_url=running.url, headers=_MAILBOX) as client:
        yield client


def _inbox(provider: httpx.Client) -> list[Mail]:
    """The first page of the box, which holds all of it."""
    page = page_of(provider.get("/inbox", params={"page": 1}).json())
    assert page is not None
    return [read(item) for item in page.items]


@pytest.mark.parametrize(
    ("fates", "found", "ambiguous"),
    [
        (("consegnata", "consegnata"), (3, "delivered"), False),
        (("doppia", "muta"), (2, "none"), True),
        (("doppia", "mancata"), (4, "undelivered"), True),
        (("consegnata", "mancata"), (3, "undelivered"), False),
    ],
)
def test_what_the_provider_repeats_is_no_proof(
    ledger: Ledger,
    provider: httpx.Client,
    fates: tuple[str, ...],
    found: tuple[int, str],
    ambiguous: bool,
) -> None:
    """One address has two CONSEGNA, the other none or a notice: not delivered, and a person is told."""
    addresses = [f"{fate}@{number}.example.org" for number, fate in enumerate(fates)]
    desk = Desk.of(ledger, load(ledger, [a_row(1, "una", ", ".join(addresses))]))
    (pending,) = desk.pending()
    desk.sent(pending)
    sent = {"sender": MAILBOX, "username": MAILBOX, "password": "x", "body": "x", "recipient": addresses}
    subject = f"Avviso [rif. {pending.reference}]"
    provider.post("/send", json={**sent, "subject": subject}).raise_for_status()
    provider.post("/_sandbox/clock", json={"advance": 60}).raise_for_status()
    matched = harvest(ledger, desk.mailbox, _inbox(provider))
    assert (matched, message(ledger, pending.id)["delivery"]) == found
    recount(ledger, desk.run)
    ledger.balances.draw(desk.run, NOW)
    balance = ledger.balances.last(desk.run)
    assert balance is not None
    assert [one["kind"] for one in balance["findings"]] == ["ambiguous_deliveries"] * ambiguous
