"""The provider's figures of a box, as they come with each page that holds mail."""

from __future__ import annotations

from bulk_pec.domain.inbox import InboxPage


class Figures:
    """What the provider says while a walk reads.

    Attributes:
        total: Mails in the box, as said last; None: not said.
        total_at_first: As said first.
        pages: As said last.
        fell: Whether a figure was ever lower than the one before it. Then somebody has deleted or moved mail,
            and other mail may have slid onto pages that had been read.
    """

    def __init__(self) -> None:
        self.total: int | None = None
        self.total_at_first: int | None = None
        self.pages: int | None = None
        self.fell = False

    @property
    def grown(self) -> int:
        """By how many mails the box has grown since its first figures, as far as they tell."""
        return (self.total or 0) - (self.total_at_first or 0)

    def note(self, page: InboxPage) -> bool:
        """Note a page's figures; whether they are lower than those before. An empty page has none."""
        if not page.items:
            return False
        if page.total is None:
            fell = self.total is None and _less(page.pages, self.pages)
        else:
            fell = _less(page.total, self.total)
            self.total = page.total
            self.total_at_first = page.total if self.total_at_first is None else self.total_at_first
        self.pages = page.pages
        self.fell = self.fell or fell
        return fell


def _less(after: int | None, before: int | None) -> bool:
    return after is not None and before is not None and after < before
