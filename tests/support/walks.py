"""Walks as a test writes them into a ledger, page by page and without an inbox."""

from __future__ import annotations

from collections.abc import Sequence

from bulk_pec.ledger.inbox.harvests import WalkEntry
from bulk_pec.ledger.inbox.mails import Harvested, Mail
from bulk_pec.ledger.inbox.sightings import Page, Sightings
from bulk_pec.ledger.ledger import Ledger


def add_page(ledger: Ledger, harvest: int, mailbox_id: int, mails: Sequence[Mail], now: int) -> Harvested:
    """Record one page of a walk that has no position, known or not; what it added."""
    walk, page = WalkEntry(harvest, mailbox_id, (harvest,)), Page(0, tuple(mails))
    return ledger.inbox.record(walk, [page], now, past_known=True).added


def known_before(ledger: Ledger, harvest: int, mailbox_id: int, mails: Sequence[Mail]) -> set[str]:
    """Fingerprints of those mails that a harvest which ended before this one began has seen."""
    walk = WalkEntry(harvest, mailbox_id, (harvest,))
    with ledger.database.transaction() as connection:
        rows = Sightings(ledger.database).rows(connection, walk, mails)
    return {one for one, row in rows.items() if row.known}
