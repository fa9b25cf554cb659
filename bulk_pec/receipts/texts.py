"""One receipt's text, asked for by its id, and only taken if it is that receipt's.

Ids may be sequence numbers that shift after a delete. So what an id shows is held against what the ledger
has of the receipt; if it is another mail, the receipt is looked for by a search for its reference.

A text without a word in it is no text: the provider may have left it out or filed it elsewhere. It counts as
one that could not be had.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from bulk_pec.clock import Clock
from bulk_pec.domain.errors import ConfigError, ProviderUnavailable
from bulk_pec.domain.inbox import InboxItem, InboxPage, Quota
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.inbox.kept import Keeping, Kept
from bulk_pec.ledger.inbox.mails import looks
from bulk_pec.provider.parsing import MailText
from bulk_pec.receipts.calls import Call
from bulk_pec.receipts.reading import read

IN_A_ROW = 3
"""Texts that the provider fails to give, one after the other: then it is not that one mail."""


class Box(Protocol):
    """The provider's inbox, by pages and mail by mail, at the rate we may ask."""

    async def page(self, mailbox: Mailbox, number: int, query: str | None = None) -> InboxPage:
        """One page of the inbox, or of a search in it."""
        ...

    async def text(self, mailbox: Mailbox, item_id: str) -> MailText | None:
        """One mail with its text; None if there is none of that id."""
        ...

    async def sending(self, mailbox: Mailbox, message_id: str) -> tuple[InboxItem, ...]:
        """What the provider has filed under one sending; nothing yet is an empty tuple."""
        ...

    async def quota(self, mailbox: Mailbox) -> Quota:
        """How full the mailbox is."""
        ...

    async def delete(self, mailbox: Mailbox, item_id: str) -> bool:
        """Delete one mail, asked once; whether it was there."""
        ...


class Texts:
    """Gets texts, and knows for the length of a start which could not be had.

    Args:
        box: The provider's inbox.
        keeping: The ledger's.
        call: How the ledger is called.
        clock: For the times written.

    Attributes:
        left: Receipts, by the ledger's id, that are left to a later start.
        missing: How many these are, by their mailbox's address.
    """

    def __init__(self, box: Box, keeping: Keeping, call: Call, clock: Clock) -> None:
        self._box = box
        self._keeping = keeping
        self._call = call
        self._clock = clock
        self._failed: list[int] = []
        self.left: set[int] = set()
        self.missing: Counter[str] = Counter()

    async def of(self, mailbox: Mailbox, receipt: Kept) -> MailText | None:
        """The receipt's text; None: it could not be had, which is noted, and left to a later start.

        Raises:
            BulkPecError: The provider refuses, or fails several times in a row.
        """
        try:
            text = await self.find(mailbox, receipt)
        except (ProviderUnavailable, ConfigError):  # that one mail's page may be broken; three are not
            self._failed.append(receipt.id)
            self._leave(mailbox, receipt)
            if len(self._failed) >= IN_A_ROW:
                self.begin()
                raise
            return None
        if text is not None and is_blank(text):
            text = None
        missed = [*self._failed, *([receipt.id] if text is None else [])]
        self.begin()
        if text is None:
            self._leave(mailbox, receipt)
        if missed:
            await self._call(self._keeping.missed, missed)
        return text

    def _leave(self, mailbox: Mailbox, receipt: Kept) -> None:
        self.missing[mailbox.address] += receipt.id not in self.left
        self.left.add(receipt.id)

    def begin(self) -> None:
        """What failed until now says nothing of what comes."""
        self._failed.clear()

    async def find(self, mailbox: Mailbox, receipt: Kept) -> MailText | None:
        """The receipt's text, wherever it is shown now; None if it is not.

        Raises:
            BulkPecError: The provider refuses or fails.
        """
        text = await self._by_id(mailbox, receipt)
        if text is not None or receipt.fingerprint != looks(receipt.fingerprint):
            return text  # of one that is numbered among its likes a search does not tell which it is
        return await self._take(mailbox, receipt, await self._shown(mailbox, receipt))

    async def there(self, mailbox: Mailbox, receipt: Kept) -> bool:
        """Whether the receipt may still be in its mailbox.

        Only if its id does not show it, and a search shows nothing that looks like it, it is not.

        Raises:
            BulkPecError: The provider refuses or fails.
        """
        if await self._by_id(mailbox, receipt) is not None:
            return True
        if not _sought(receipt):
            return True  # nobody can look for it
        shown = await self._shown(mailbox, receipt)
        await self._take(mailbox, receipt, shown)
        return bool(shown)

    async def _by_id(self, mailbox: Mailbox, receipt: Kept) -> MailText | None:
        text = await self._box.text(mailbox, receipt.item_id) if receipt.item_id else None
        return text if text is not None and same(receipt, text) else None

    async def _shown(self, mailbox: Mailbox, receipt: Kept) -> set[str]:
        """The ids under which a search shows what looks like it."""
        shown: set[str] = set()
        if sought := _sought(receipt):
            for number in (0, 1):  # on whichever page a search begins
                items = (await self._box.page(mailbox, number, sought)).items
                alike = looks(receipt.fingerprint)
                shown |= {item.item_id for item in items if read(item).fingerprint == alike}
        return shown

    async def _take(self, mailbox: Mailbox, receipt: Kept, shown: set[str]) -> MailText | None:
        """The text shown under another id, if one such mail is: of several nobody knows which it is."""
        if (
            len(shown) != 1
            or shown & {"", receipt.item_id}
            or receipt.fingerprint != looks(receipt.fingerprint)
        ):
            return None
        (item_id,) = shown
        text = await self._box.text(mailbox, item_id)
        if text is None or not same(receipt, text):
            return None
        await self._call(self._keeping.found_under, receipt, item_id, self._clock.now())
        return text


def is_blank(text: MailText) -> bool:
    """Whether there is no word in it: then it is not the receipt's text, whatever else it is."""
    return not text.body.strip()


def _sought(receipt: Kept) -> str:
    """What a search finds the receipt by: the reference or token in its subject, else the whole of it."""
    words = (receipt.reference, receipt.token)
    return next((one for one in words if one and one in receipt.subject), receipt.subject)


def same(receipt: Kept, text: MailText) -> bool:
    """Whether this is the receipt's text: same subject, sender and date, however each is spelt here."""
    item = read(InboxItem(receipt.item_id, text.sender, text.subject, text.date, text.at)).item
    if receipt.at is not None and item.at is not None:
        dated = receipt.at == item.at
    else:
        dated = receipt.date.strip() == item.date.strip()
    return dated and item.subject == receipt.subject and _name(item.sender) == _name(receipt.sender)


def _name(sender: str) -> str:
    return " ".join(sender.replace('"', " ").split()).casefold()
