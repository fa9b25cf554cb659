"""One mailbox's inbox: what is due, what has arrived, how full it is.

Nothing runs in the background: every read first brings in what is due by now (`settle`), in the order
of its dates, so a full mailbox loses exactly the receipts that came while it was full.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heappop, heappush

from bulk_pec.sandbox.mail import Mail, MailKind

PAGE = 25
"""Items on a page of the inbox."""


class Mailbox:
    """The inbox of one address.

    Args:
        address: Its address.
        limit: Bytes it can hold.
        used: Bytes it holds at the start, that belong to no mail shown.
        shifting_ids: Whether ids are positions, which shift after a delete, or never change.
    """

    def __init__(self, address: str, limit: int, used: int = 0, *, shifting_ids: bool = False) -> None:
        self.address = address
        self.limit = limit
        self.used = used
        self.arrived = 0
        self.lost = 0
        self._shifting = shifting_ids
        self._due: list[tuple[float, int, Mail]] = []
        self._serial = 0
        self._mails: list[Mail] = []
        self._by_message: dict[str, list[Mail]] = {}

    def schedule(self, mail: Mail) -> None:
        """Let a mail arrive at its date."""
        self._serial += 1
        heappush(self._due, (mail.at, self._serial, mail))

    def settle(self, now: float) -> None:
        """Bring in what is due by `now`; what finds no room is lost for good."""
        while self._due and self._due[0][0] <= now:
            self._take_in(heappop(self._due)[2])

    def _take_in(self, mail: Mail) -> None:
        if self.used + mail.size > self.limit:
            self.lost += 1
            return
        self.used += mail.size
        self.arrived += 1
        mail.number = self.arrived
        self._mails.append(mail)
        if self._is_ours(mail):
            self._by_message.setdefault(mail.letter.message_id, []).append(mail)

    @property
    def waiting(self) -> int:
        """How many mails are not due yet."""
        return len(self._due)

    def __len__(self) -> int:
        return len(self._mails)

    def search(self, query: str) -> Sequence[Mail]:
        """The mails whose subject holds `query`, in any case, oldest first; all of them if it is empty."""
        if not query:
            return self._mails
        folded = query.casefold()
        if " " in folded:
            return [mail for mail in self._mails if folded in mail.kind.folded + mail.letter.folded]
        # Without a blank it cannot begin in the kind's prefix, which ends in one, and end beyond it.
        kinds = tuple(kind for kind in MailKind if folded in kind.folded)
        return [mail for mail in self._mails if folded in mail.letter.folded or mail.kind in kinds]

    def shown_id(self, mail: Mail) -> int:
        """The id a mail is shown under now."""
        return self._index(mail.number) + 1 if self._shifting else mail.number

    def _index(self, number: int) -> int:
        return bisect_left(self._mails, number, key=lambda mail: mail.number)

    def find(self, shown_id: int) -> Mail | None:
        """The mail shown under this id now, or None."""
        index = shown_id - 1 if self._shifting else self._index(shown_id)
        if not 0 <= index < len(self._mails):
            return None
        mail = self._mails[index]
        return mail if self._shifting or mail.number == shown_id else None

    def of_message(self, message_id: str) -> list[Mail]:
        """The mails about one message, oldest first."""
        return list(self._by_message.get(message_id, ()))

    def remove(self, mail: Mail) -> None:
        """Delete a mail that is here, and free its room."""
        del self._mails[self._index(mail.number)]
        self.used -= mail.size
        if self._is_ours(mail):
            self._by_message[mail.letter.message_id].remove(mail)

    def _is_ours(self, mail: Mail) -> bool:
        """Whether it is about a message this mailbox sent: ids repeat between mailboxes."""
        return mail.letter.message_id != "" and mail.letter.sender == self.address


def page_of(mails: Sequence[Mail], index: int, *, newest_first: bool) -> list[Mail]:
    """The page `index` (from 0) of mails given oldest first; empty beyond the last."""
    start = index * PAGE
    if not newest_first:
        return list(mails[start : start + PAGE])
    end = len(mails) - start
    return list(mails[max(0, end - PAGE) : max(0, end)])[::-1]
