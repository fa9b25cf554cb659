"""What the provider shows of an inbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One mail as a page of the inbox lists it. Every text may be empty; the provider leaves fields null.

    Attributes:
        item_id: The provider's id, as text. It may be a sequence number that shifts after a delete, so
            nothing is ever keyed on it alone.
        sender: As listed, quotes and trailing blanks included.
        subject: RFC 2047 words decoded, blanks collapsed.
        date: As listed.
        at: `date` in milliseconds since the epoch, UTC; None if it cannot be read.
    """

    item_id: str
    sender: str
    subject: str
    date: str
    at: int | None


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page of the inbox. `total`, `page` and `pages` are what the provider says, and may be wrong."""

    items: tuple[InboxItem, ...]
    total: int | None
    page: int | None
    pages: int | None


@dataclass(frozen=True, slots=True)
class Quota:
    """How full a mailbox is. The unit is the provider's and uncertain (MB or KiB): only the ratio counts."""

    usage: float
    limit: float

    @property
    def share(self) -> float:
        """Usage over limit; 1.0 when the limit is not positive."""
        return self.usage / self.limit if self.limit > 0 else 1.0
