"""Settling what is in doubt: by a receipt (the harvest did that), or by an absence that can be accepted.

Absence is accepted, not proved, and only when all of this holds (docs/semantics.md, "Settling"):

* `settle_after` has passed since the attempt was closed;
* a harvest begun after that met both ends of the inbox; and since the attempt no harvest of that mailbox
  found that anything known had gone;
* a search for the reference finds no mail that carries it, nor one whose subject cannot be read, and the
  same search does find the acceptance of a later message, posted from the same mailbox after the close: so
  the search works and mail arrives;
* the mailbox was not full, neither before the attempt nor at that harvest: so a receipt could arrive.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bulk_pec.clock import Clock
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.receipts import RECEIPTS, ReceiptKind
from bulk_pec.ledger.inbox.harvests import WalkEntry
from bulk_pec.ledger.inbox.inbox import Mail, Page
from bulk_pec.ledger.outbox.doubts import Doubt, Doubts, GoodHarvest
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.receipts.calls import Books
from bulk_pec.receipts.harvest import Listing
from bulk_pec.receipts.reading import read, unreadable


class Policy(StrEnum):
    """What may be done with a doubt without asking (`sending.on_in_doubt`)."""

    RECONCILE = "reconcile"
    """Receipts settle it, and so does an accepted absence."""
    HOLD = "hold"
    """Only receipts settle it; the rest is the operator's."""
    RESEND = "resend"
    """At least once: what no receipt has settled by then is sent again, and may arrive twice."""


MOST_RESENT = 5
"""Attempts after which the policy leaves a doubt to the operator: a provider that never says whether it
takes a message would otherwise be sent it, and paid for it, for ever."""


@dataclass(frozen=True, slots=True)
class SettleOptions:
    """How doubts are settled.

    Attributes:
        policy: See `Policy`.
        settle_after: Seconds from an attempt's close until its absence may be accepted.
        mailbox_full_at: Share of the quota from which receipts may have been refused.
    """

    policy: Policy
    settle_after: float
    mailbox_full_at: float


@dataclass(slots=True)
class Settled:
    """What became of the doubts.

    Attributes:
        accepted: Absences accepted, or doubts to be sent again by policy: these messages may be tried again,
            after one more harvest.
        waiting: Doubts that more time alone may settle.
        why: A sentence for each reason a doubt could not be settled, with how many it holds for. Those that
            do not wait for time need a person, or a later message of that mailbox.
    """

    accepted: int = 0
    waiting: int = 0
    why: dict[str, int] | None = None

    def hold(self, reason: str, *, waits: bool) -> None:
        """Count a doubt that stays."""
        self.why = self.why or {}
        self.why[reason] = self.why.get(reason, 0) + 1
        self.waiting += waits


@dataclass(frozen=True, slots=True)
class Held:
    """Why a doubt stays, and whether time alone may settle it."""

    why: str
    waits: bool


_SENT_OFTEN = f"it was tried {MOST_RESENT} times and nobody can say whether it left"


def held_by(
    doubts: Doubts, options: SettleOptions, doubt: Doubt, now: int, *, configured: bool
) -> Held | GoodHarvest:
    """What of the ledger's own knowledge keeps a doubt; or the harvest on which a search may build.

    Args:
        doubts: The ledger's.
        options: See `SettleOptions`.
        doubt: Which.
        now: Milliseconds since the epoch.
        configured: Whether its mailbox can be searched.
    """
    since = doubt.closed_at + round(options.settle_after * 1000)
    held: Held | GoodHarvest
    if options.policy is Policy.HOLD:
        held = Held('on_in_doubt is "hold"', waits=False)
    elif not configured:
        held = Held("its mailbox is not in the configuration", waits=False)
    elif now <= since:
        held = Held("settle_after has not passed", waits=True)
    elif doubts.lost_since(doubt):
        held = Held("known mail has gone since the attempt, perhaps with its receipt", waits=False)
    elif (harvest := doubts.harvest_since(doubt.mailbox_id, since)) is None:
        held = Held("no harvest since then met both ends of a steady inbox", waits=True)
    elif _full(options, doubt.quota_share) or _full(options, harvest.quota_share):
        held = Held("the mailbox was too full to be sure that receipts arrive", waits=False)
    else:
        held = harvest
    return held


def _full(options: SettleOptions, share: float | None) -> bool:
    return share is None or share >= options.mailbox_full_at


def why_left(doubts: Doubts, options: SettleOptions, doubt: Doubt, now: int, *, configured: bool) -> str:
    """Why a doubt is still there, as far as the ledger alone can say; see `held_by`."""
    if options.policy is Policy.RESEND:
        return _SENT_OFTEN if doubt.number >= MOST_RESENT else "the next start sends it again"
    held = held_by(doubts, options, doubt, now, configured=configured)
    if isinstance(held, Held):
        return held.why
    if doubts.later_accepted(doubt) is None:
        return _NO_LATER
    return "the inbox has not been searched for it, or the search did not settle it: start `reconcile`"


_UNREAD = "its mailbox's inbox could not be read"
_NO_LATER = "no later message of that mailbox has been accepted yet"


class Settler:
    """Settles one run's doubts after a harvest.

    Args:
        listing: For the searches.
        doubts: The ledger's.
        options: See `SettleOptions`.
        clock: For "now".
        books: The ledger's inbox, for receipts that a search finds, and how the ledger is called.
    """

    def __init__(
        self,
        listing: Listing,
        doubts: Doubts,
        options: SettleOptions,
        clock: Clock,
        books: Books,
    ) -> None:
        self._listing = listing
        self._doubts = doubts
        self._options = options
        self._clock = clock
        self._inbox = books.inbox
        self._call = books.call

    async def settle(self, run: Run, mailboxes: dict[int, Mailbox], unread: Collection[int] = ()) -> Settled:
        """Look at each doubt that is left; accept the absences that can be accepted.

        Args:
            run: Whose doubts.
            mailboxes: By the ledger's id: those that are configured.
            unread: Those of them whose inbox could not be read now; their doubts wait until it can.
        """
        settled = Settled()
        for doubt in await self._call(self._doubts.of, run):
            if doubt.mailbox_id in unread and self._options.policy is not Policy.HOLD:
                settled.hold(_UNREAD, waits=True)
                continue
            await self._look(run, doubt, mailboxes.get(doubt.mailbox_id), settled)
        return settled

    async def _look(self, run: Run, doubt: Doubt, mailbox: Mailbox | None, settled: Settled) -> None:
        if self._options.policy is Policy.RESEND:
            await self._send_again(run, doubt, settled)
            return
        held = await self._call(
            held_by, self._doubts, self._options, doubt, self._clock.now(), configured=mailbox is not None
        )
        if isinstance(held, Held):
            settled.hold(held.why, waits=held.waits)
        elif mailbox is not None:
            await self._search(run, doubt, mailbox, held, settled)

    async def _send_again(self, run: Run, doubt: Doubt, settled: Settled) -> None:
        if doubt.number >= MOST_RESENT:
            settled.hold(_SENT_OFTEN, waits=False)
        elif await self._call(self._doubts.resend, run, doubt, self._clock.now()):
            settled.accepted += 1

    async def _search(
        self, run: Run, doubt: Doubt, mailbox: Mailbox, harvest: GoodHarvest, settled: Settled
    ) -> None:
        pages = await self._find(mailbox, doubt.reference)
        if await self._read_found(run, doubt, pages):
            return
        found = [mail for page in pages for mail in page.mails]
        if any(_carries(mail, doubt.reference) for mail in found):
            settled.hold(
                "a search finds mail that carries its reference and is no receipt of it", waits=False
            )
        elif any(map(unreadable, found)):
            settled.hold("a search finds mail whose subject cannot be read", waits=False)
        elif (later := await self._call(self._doubts.later_accepted, doubt)) is None:
            settled.hold(_NO_LATER, waits=False)
        elif not await self._shows_acceptance(mailbox, later):
            settled.hold("the search does not find a later message's acceptance either", waits=False)
        else:
            await self._accept(run, doubt, harvest, later, settled)

    async def _read_found(self, run: Run, doubt: Doubt, pages: list[Page]) -> bool:
        """Put the receipts that a search found into the ledger; whether one of them ended the doubt.

        It is recorded under a walk that never becomes complete: a search reads mail, but not what stands
        beside it, so none of that may stop a later walk as known mail does.
        """
        speaking = [replace(page, mails=tuple(filter(_speaks, page.mails))) for page in pages]
        if not any(page.mails for page in speaking):
            return False
        harvest = await self._call(self._inbox.begin, doubt.mailbox_id, self._clock.now())
        walk = WalkEntry(harvest, doubt.mailbox_id, (harvest,))
        await self._call(
            self._inbox.record, walk, speaking, self._clock.now(), past_known=True, searched=True
        )
        left = await self._call(self._doubts.of, run)
        return all(one.attempt != doubt.attempt for one in left)

    async def _shows_acceptance(self, mailbox: Mailbox, reference: str) -> bool:
        """Whether a search for this reference finds its ACCETTAZIONE."""
        pages = await self._find(mailbox, reference)
        found = [mail for page in pages for mail in page.mails]
        return any(mail.kind is ReceiptKind.ACCEPTED and _carries(mail, reference) for mail in found)

    async def _accept(
        self, run: Run, doubt: Doubt, harvest: GoodHarvest, later: str, settled: Settled
    ) -> None:
        facts: dict[str, Any] = {
            "closed_at": doubt.closed_at,
            "settle_after_s": self._options.settle_after,
            "harvest": harvest.id,
            "harvest_begun_at": harvest.begun_at,
            "searched": doubt.reference,
            "search_proved_by": later,
            "quota_before": doubt.quota_share,
            "quota_at_harvest": harvest.quota_share,
        }
        if await self._call(self._doubts.accept_absence, run, doubt, facts, self._clock.now()):
            settled.accepted += 1

    async def _find(self, mailbox: Mailbox, reference: str) -> list[Page]:
        """Every mail a search for this reference shows, on whichever page it begins."""
        listed = [await self._listing.page(mailbox, number, reference) for number in (0, 1)]
        return [Page(number, tuple(map(read, page.items))) for number, page in enumerate(listed)]


def _speaks(mail: Mail) -> bool:
    """Whether it is a receipt that names a message."""
    return mail.kind in RECEIPTS and bool(mail.references)


def _carries(mail: Mail, reference: str) -> bool:
    """Whether the subject holds this reference, as a token or glued to something else."""
    return reference in mail.references or reference in mail.item.subject
