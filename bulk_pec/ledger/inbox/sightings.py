"""Sightings: the mails that pages show, held against those the ledger has.

A mail's id is not its identity, for it may shift; its sender, subject and date are. Several mails may share
all three: the CONSEGNA of one second for a message to several addresses. They are several only where one page
shows them under different ids (or two pages with nothing moved between them do): then they are numbered, and
each number has a row. Shown one at a time, on shifted pages or under new ids, they are the same mail again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from sqlalchemy import Connection

from bulk_pec.domain.receipts import RECEIPTS
from bulk_pec.ledger.inbox.harvests import WalkEntry
from bulk_pec.ledger.inbox.mails import Mail
from bulk_pec.ledger.store.database import Database


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the inbox, read.

    Attributes:
        number: The provider's.
        mails: In the order of the list.
        beside: Those on the page next to it that look like its own first or last one, where it is sure that
            nothing moved between the two being read.
    """

    number: int
    mails: tuple[Mail, ...]
    beside: tuple[Mail, ...] = ()


@dataclass(slots=True)
class Row:
    """A mail as the ledger has it.

    Attributes:
        item_id: The provider's id when last seen.
        harvest: The walk that recorded it.
        known: That walk had ended before this one began.
        ended: That walk has ended.
        counted_by: The walk that last counted it, where another had recorded it.
        matched: It belongs to a message.
    """

    item_id: str
    harvest: int
    known: bool = False
    ended: bool = False
    counted_by: int | None = None
    matched: bool = False


@dataclass(slots=True)
class Taken:
    """What a walk's pages bring, to be written.

    Attributes:
        fresh: Mails without a row.
        unmatched: Mails with a row that belong to no message.
        adopted: Fingerprints of those whose walk never ended, and how many rows each such walk loses.
        marked: Fingerprints of those that another walk recorded and this one counts.
        moved: The ids of those with a row that stand under another id now, by fingerprint.
        renamed: Whether a receipt among these surely had another id before: then ids move.
        counted: How many stand in the box that this walk had not counted before.
        again: Those among `marked` that were not known before the walk.
        unseen: How many were not known before the walk, and the dead walk had not seen them either.
        known: For each page: whether all of it was known before the walk.
        dead: For each page: whether a dead walk had recorded all of it that was not.
    """

    fresh: list[Mail] = field(default_factory=list)
    unmatched: list[Mail] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    losers: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    marked: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    renamed: bool = False
    counted: int = 0
    again: int = 0
    unseen: int = 0
    known: list[bool] = field(default_factory=list)
    dead: list[bool] = field(default_factory=list)

    @property
    def unknown(self) -> int:
        """How many that were not counted before were not known before the walk either."""
        return len(self.fresh) + len(self.adopted) + self.again

    def only_new(self) -> Taken:
        """The same without what would change of mails that have a row."""
        kept = Taken(self.fresh, self.unmatched)
        kept.known, kept.dead = self.known, self.dead
        return kept


class Sightings:
    """Looks up what pages show.

    Args:
        database: The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def rows(self, connection: Connection, walk: WalkEntry, mails: Iterable[Mail]) -> dict[str, Row]:
        """The rows of these mails, by fingerprint; of those that look alike, all that may be meant."""
        shown: dict[str, str] = {}
        several: dict[str, int] = {}
        for mail in mails:
            one, item_id = mail.fingerprint, mail.item.item_id
            if shown.setdefault(one, item_id) != item_id:
                several[one] = several.get(one, 1) + 1
        rows = self._find(connection, walk, shown)
        several |= {one: 1 for one, row in rows.items() if row.item_id != shown[one] and one not in several}
        number, most = 2, max(several.values(), default=0) + 1
        while several:
            asked = [f"{one}.{place}" for one in several for place in range(number, most + 1)]
            rows |= self._find(connection, walk, asked)
            several = {one: count for one, count in several.items() if f"{one}.{most}" in rows}
            number, most = most + 1, most * 2
        return rows

    def _find(self, connection: Connection, walk: WalkEntry, asked: Collection[str]) -> dict[str, Row]:
        if not asked:
            return {}
        found = self._db.execute(
            connection,
            f"WITH {self._db.batch('asked', fingerprint='text')} SELECT r.fingerprint, r.item_id, "
            "r.harvest_id, r.counted_by, r.message IS NOT NULL AS matched, h.ended_at IS NOT NULL AS ended, "
            "COALESCE(h.ended_at <= own.begun_at, false) AS known FROM asked "
            "JOIN receipts r ON r.fingerprint = asked.fingerprint AND r.mailbox_id = :mailbox "
            "JOIN harvests own ON own.id = :walk JOIN harvests h ON h.id = r.harvest_id",
            asked=self._db.rows([{"fingerprint": one} for one in sorted(asked)]),
            mailbox=walk.mailbox_id,
            walk=walk.id,
        )
        return {
            row.fingerprint: Row(
                row.item_id,
                row.harvest_id,
                bool(row.known),
                bool(row.ended),
                row.counted_by,
                bool(row.matched),
            )
            for row in found
        }


def take(walk: WalkEntry, pages: Sequence[Page], rows: dict[str, Row], *, past_known: bool) -> Taken:
    """What of these pages is to be written: of all of them, or of those before the first that is known.

    Args:
        walk: That read them.
        pages: In the order they were read.
        rows: From `Sightings.rows`; kept up to date.
        past_known: Whether a page that is wholly known is no end.
    """
    taken = Taken()
    for page in pages:
        if _is_new(page, rows):
            _record_new(taken, walk, page, rows)
            continue
        listed = list(_numbered(page, rows))
        twice = _at_borders(walk, listed, rows)
        known = all(mail.fingerprint in rows and rows[mail.fingerprint].known for mail in listed)
        taken.known.append(known)
        taken.dead.append(_is_dead(walk, listed, rows))
        if known and not past_known:
            _note_moved(taken, listed, rows, twice)
            break
        _record(taken, walk, listed, rows)
        _note_moved(taken, listed, rows, twice)
    return taken


def _is_new(page: Page, rows: Mapping[str, Row]) -> bool:
    """Whether nothing on a page has a row, nor looks like anything else on it: the common case by far."""
    shown = {mail.fingerprint for mail in page.mails}
    return len(shown) == len(page.mails) > 0 and not page.beside and rows.keys().isdisjoint(shown)


def _record_new(taken: Taken, walk: WalkEntry, page: Page, rows: dict[str, Row]) -> None:
    """What `_record` does, for such a page."""
    own, mails = walk.own[-1], page.mails
    rows |= {mail.fingerprint: Row(mail.item.item_id, own, matched=True) for mail in mails}
    taken.fresh += mails
    taken.unseen += len(mails)
    taken.counted += len(mails)
    taken.known.append(False)
    taken.dead.append(False)


def _is_dead(walk: WalkEntry, mails: Sequence[Mail], rows: Mapping[str, Row]) -> bool:
    """Whether the dead walk had read this page: what was not known long before bears its number."""
    if walk.dead is None:
        return False
    found = [rows.get(mail.fingerprint) for mail in mails]
    theirs = [row is not None and row.harvest in walk.dead.chain for row in found]
    return any(theirs) and all(
        their or (row is not None and row.known) for their, row in zip(theirs, found, strict=True)
    )


def _numbered(page: Page, rows: Mapping[str, Row]) -> Iterator[Mail]:
    """A page's mails with their numbers; one that it lists twice under one id stays twice."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for mail in (*page.beside, *page.mails):
        if mail.item.item_id not in (listed := ids[mail.fingerprint]):
            listed.append(mail.item.item_id)
    numbers = {
        one: _numbers(one, listed, rows)
        for one, listed in ids.items()
        if len(listed) > 1 or (one in rows and rows[one].item_id != listed[0])
    }
    for mail in page.mails:
        number = numbers[mail.fingerprint][mail.item.item_id] if mail.fingerprint in numbers else 1
        yield mail if number == 1 else replace(mail, number=number)


def _numbers(one: str, ids: Sequence[str], rows: Mapping[str, Row]) -> dict[str, int]:
    """Numbers for mails alike, by id: that of the row which bears the id, else the lowest that is free."""
    by_id: dict[str, int] = {}
    number = 1
    while (row := rows.get(one if number == 1 else f"{one}.{number}")) is not None:
        by_id.setdefault(row.item_id, number)
        number += 1
    numbers = {item_id: by_id[item_id] for item_id in ids if item_id in by_id}
    given = set(numbers.values())
    free = (place for place in count(1) if place not in given)
    return numbers | {item_id: next(free) for item_id in ids if item_id not in numbers}


def _record(taken: Taken, walk: WalkEntry, listed: Sequence[Mail], rows: dict[str, Row]) -> None:
    """Sort a page's mails by what is to be written of them, and count them."""
    counted: set[str] = set()
    for mail in listed:
        one = mail.fingerprint
        if one in counted:
            taken.counted += 1  # listed twice under one id: one mail to us, two to the provider's total
            continue
        row = rows.get(one)
        if row is None:
            rows[one] = Row(mail.item.item_id, walk.own[-1], matched=True)
            taken.fresh.append(mail)
            taken.unseen += 1
        else:
            if not row.matched:
                row.matched = True
                taken.unmatched.append(mail)
            if row.harvest in walk.own or row.counted_by in walk.own:
                continue
            _count_again(taken, walk, one, row)
        counted.add(one)
    taken.counted += len(counted)


def _count_again(taken: Taken, walk: WalkEntry, one: str, row: Row) -> None:
    """Count a mail that another walk recorded; it becomes this walk's if that one never ended."""
    theirs = walk.dead is not None and row.harvest in walk.dead.chain
    if row.ended:
        taken.marked.append(one)
        taken.again += not row.known
        row.counted_by = walk.own[-1]
    else:
        taken.adopted.append(one)
        taken.losers[row.harvest] += 1
        row.harvest = walk.own[-1]
    taken.unseen += not (theirs or row.known)


def _at_borders(walk: WalkEntry, listed: Sequence[Mail], rows: Mapping[str, Row]) -> frozenset[str]:
    """Of a page's first and last mail those that this walk has counted already, maybe on the page beside."""
    found = {mail.fingerprint: rows.get(mail.fingerprint) for mail in (*listed[:1], *listed[-1:])}
    return frozenset(
        one
        for one, row in found.items()
        if row is not None and (row.harvest in walk.own or row.counted_by in walk.own)
    )


def _note_moved(
    taken: Taken, listed: Sequence[Mail], rows: Mapping[str, Row], twice: Collection[str]
) -> None:
    """Mails that stand under another id than the ledger has.

    That ids move is only believed of a receipt, and not where another that looks like it may be what is seen:
    one with a number, or one of `twice`, which also keeps the id under which it was counted.
    """
    for mail in listed:
        row = rows.get(mail.fingerprint)
        if mail.fingerprint in twice:
            continue
        if row is not None and row.item_id != mail.item.item_id and mail.item.item_id:
            sure = mail.kind in RECEIPTS and mail.number == 1
            taken.renamed = taken.renamed or (sure and bool(row.item_id))
            row.item_id = mail.item.item_id
            taken.moved[mail.fingerprint] = mail.item.item_id
