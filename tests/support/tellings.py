"""A message's story as the tests of its telling have it: sent and delivered, unless they say otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from bulk_pec.domain.states import RunState
from bulk_pec.ledger.proof.stories import Attempt, Message, Receipt, Story
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.reporting.outlook import Prospects, next_step

NOW = 1_800_000_000_000
HOUR = 3_600_000
ROME = ZoneInfo("Europe/Rome")
RUN = Run(
    id=1,
    name="giugno",
    state=RunState.SENDING,
    created_at=NOW - 5 * HOUR,
    started_at=NOW - 4 * HOUR,
    finished_at=None,
    list_name="elenco.csv",
    list_digest="a" * 64,
    template_digest="b" * 64,
    columns=("pec",),
    first_id=1,
    last_id=9,
    input_rows=9,
    service="https://ws.example",
)
MESSAGE = Message(
    id=1,
    row=7,
    key="chiave 7",
    recipient="mario@example.org",
    reference="9K2D7Q4M0XZ1A",
    fields='["mario@example.org"]',
    content_digest=b"c",
    state="sent",
    mailbox="ufficio@example.com",
    not_before=None,
    harvest_after=None,
    message_id="2020082610003492",
    sent_at=NOW - 2 * HOUR,
    reason=None,
    delivery="delivered",
    accepted_at=NOW - 2 * HOUR,
    not_accepted_at=None,
    delivered_at=NOW - HOUR,
    undelivered_at=None,
    late_at=None,
    expires_at=None,
    looked_up=None,
    twin_at=None,
    cause=None,
    asked_at=None,
)
ATTEMPT = Attempt(
    id=1,
    message=1,
    number=1,
    mailbox="ufficio@example.com",
    digest="d" * 64,
    units=1,
    opened_at=NOW - 3 * HOUR,
    closed_at=NOW - 2 * HOUR,
    outcome="sent",
    status=201,
    message_id="2020082610003492",
    sent_to=1,
    detail="Sent",
    settlement=None,
    settled_at=None,
    settled_facts={},
)
RECEIPT = Receipt(
    id=1,
    message=1,
    mailbox="ufficio@example.com",
    mailbox_id=1,
    fingerprint="f" * 32,
    item_id="1",
    kind="accepted",
    sender="posta-certificata@example.net",
    subject="ACCETTAZIONE: Avviso [rif. 9K2D7Q4M0XZ1A] 2020082610003492",
    date="Fri, 15 Jan 2027 07:00:00 +0100",
    at=NOW - 2 * HOUR,
    reference="9K2D7Q4M0XZ1A",
    token="2020082610003492",  # noqa: S106 - the provider's name of a message, no secret
    cause=None,
    text_digest=None,
    archived_at=None,
    archive_number=None,
    deleted_at=None,
    gone=False,
)
PROSPECTS = Prospects(now=NOW, overdue_after=26 * HOUR, zone=ROME)


def story(run: Run = RUN, **message: Any) -> Story:
    """A message that is as `MESSAGE` but for these."""
    return Story(run, replace(MESSAGE, **message), (ATTEMPT,), (RECEIPT,))


def then(told: Story, **prospects: Any) -> str:
    """What is said of what comes next."""
    return next_step(told, replace(PROSPECTS, **prospects))
