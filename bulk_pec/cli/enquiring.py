"""Enquiries: missing addresses by tax code, and whether domains use certified mail.

Each answer costs money, so it is kept in the ledger as soon as it has come, and asked for once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import anyio
import orjson
from aiolimiter import AsyncLimiter

from bulk_pec.cli import wiring
from bulk_pec.cli.session import Session
from bulk_pec.domain.addresses import domains
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.lookups import LookUps
from bulk_pec.recipients import Batch, CheckedRow, Problem, RecipientList, SetAsideRow
from bulk_pec.recipients.checking import json_of

_PAGE = 5_000
_TELL_EVERY = 500

_WAITS = "there is no address yet"
_NONE_KNOWN = "there is no address, and the company service knows none for this tax code"
_LOOKED_UP = " (the address was looked up by tax code)"


@dataclass(slots=True)
class Enriched:
    """A list whose missing addresses are filled, and whose domains are judged, by what is known.

    Attributes:
        rows: The list.
        enquires: Whether anything is looked up or judged at all.
        addresses: By tax code; None: the company service knows none.
        domains: Whether each uses certified mail.
        looked_up: Rows whose address was looked up, by number: the address cell as it is in the list, which
            is blank. Filled while reading.
        unasked: Rows that lack an address nobody has asked for yet: `waits` tells them.
        fills: Whether missing addresses are looked up.
        judges: Whether domains are judged.
        unjudged: Domains nobody has asked about yet.
        empty: Rows without anything in them, which are left out; counted while reading.
    """

    rows: RecipientList
    enquires: bool = False
    addresses: dict[str, str | None] = field(default_factory=dict)
    domains: dict[str, bool] = field(default_factory=dict)
    looked_up: dict[int, str] = field(default_factory=dict, repr=False)
    unasked: int = 0
    fills: bool = False
    judges: bool = False
    unjudged: set[str] = field(default_factory=set)
    empty: int = 0

    def batches(self, size: int) -> Iterator[Batch]:
        """As `RecipientList.batches`, enriched."""
        for batch in self.rows.batches(size):
            self.empty += len(batch.empty)
            yield self._judged(self._filled(batch)) if self.enquires else batch

    def kept(self, row: CheckedRow) -> str:
        """A row's values as the ledger keeps them: of one looked up, with the list's own cell behind them.

        The letter is made of the values, and what the list said can still be shown: two elements more, the
        place of the address and the cell (`bulk_pec.ledger.proof.views` puts it back).
        """
        if row[0] not in self.looked_up:
            return row[3]
        return json_of([*orjson.loads(row[3]), self._place, self.looked_up[row[0]]])

    def listed(self, row: CheckedRow) -> str:
        """A row's values as they are in the list."""
        if row[0] not in self.looked_up:
            return row[3]
        values = orjson.loads(row[3])
        values[self._place] = self.looked_up[row[0]]
        return json_of(values)

    @property
    def _place(self) -> int:
        return self.rows.columns.index(self.rows.address_column)

    def _filled(self, batch: Batch) -> Batch:
        """The batch with every known address in its place, in the order of the file."""
        if not (self.fills and batch.set_aside):
            return batch
        parts = [self._looked_up(row) for row in batch.set_aside]
        return _joined([replace(batch, set_aside=[]), *parts])

    def _looked_up(self, row: SetAsideRow) -> Batch:
        """A batch of one row: with its address, or set aside for the reason that is true of it now."""
        code = self.rows.lacks_address(row)
        if code is None:
            return Batch([], [row], [])
        address = self.addresses.get(code)
        if address is None:
            self.unasked += code not in self.addresses
            return Batch([], [self._still_lacks(row, asked=code in self.addresses)], [])
        found = self.rows.with_address(row, address)
        if found.rows:
            self.looked_up[row.row] = orjson.loads(row.values_json)[self._place]
            return found
        (refused,) = found.set_aside
        said = tuple(replace(one, what=one.what + _LOOKED_UP) for one in refused.problems)
        return replace(found, set_aside=[replace(refused, problems=said, values_json=row.values_json)])

    def _still_lacks(self, row: SetAsideRow, *, asked: bool) -> SetAsideRow:
        column = self.rows.address_column
        if asked:
            todo = "Write the recipient's certified address in this cell."
            return replace(row, problems=(Problem(column, "", _NONE_KNOWN, todo),))
        todo = "Loading looks it up by tax code; `plan --lookups` does it now."
        return replace(row, problems=(Problem(column, "", _WAITS, todo),))

    def _judged(self, batch: Batch) -> Batch:
        """The batch without the rows to domains that use no certified mail: these are set aside."""
        if not self.judges:
            return batch
        self.unjudged.update(one for row in batch.rows for one in domains(row[2]) if one not in self.domains)
        refused = {row[0]: self._refused(row) for row in batch.rows if self._uncertified(row[2])}
        if not refused:
            return batch
        kept = [place for place, row in enumerate(batch.rows) if row[0] not in refused]
        aside = sorted([*batch.set_aside, *refused.values()], key=lambda row: row.row)
        rows, expires = [batch.rows[place] for place in kept], [batch.expires[place] for place in kept]
        return replace(batch, rows=rows, expires=expires, set_aside=aside)

    def _uncertified(self, recipient: str) -> list[str]:
        return [one for one in domains(recipient) if self.domains.get(one) is False]

    def _refused(self, row: CheckedRow) -> SetAsideRow:
        number, key, recipient, _ = row
        domain = self._uncertified(recipient)[0]
        what = f"the domain {domain} uses no certified mail, says the registry"
        what += _LOOKED_UP if number in self.looked_up else ""
        problem = Problem(self.rows.address_column, recipient[:80], what, "Find the certified address.")
        return SetAsideRow(number, key, recipient, (problem,), self.listed(row))


def waits(row: SetAsideRow) -> bool:
    """Whether a row lacks nothing but an address that nobody has asked for yet."""
    return row.problems[0].what == _WAITS


def enriched(session: Session, ledger: Ledger | None, rows: RecipientList, *, ask: bool) -> Enriched:
    """The list as far as answers are known; with `ask`, those that are missing are asked for first.

    Args:
        session: For the configuration: `lookup` and `check_domains` say what is wanted.
        ledger: Where answers are kept; None: there is none yet, so nothing is known or asked.
        rows: The list.
        ask: Whether the services may be asked; needs a ledger opened for writing.

    Raises:
        BulkPecError: A service could not be asked; what it had answered until then is kept.
    """
    api, wanted = session.config().settings.api, session.config().settings.recipients
    result = Enriched(
        rows,
        enquires=wanted.lookup or wanted.check_domains,
        fills=wanted.lookup,
        judges=wanted.check_domains,
    )
    if ledger is None or not result.enquires:
        return result
    if wanted.lookup:
        codes = _codes(rows)
        result.addresses = _known_addresses(ledger, codes, api.company_url)
        missing = [code for code in codes if code not in result.addresses]
        if ask and missing:
            anyio.run(_ask_addresses, session, ledger, missing, result.addresses)
    if wanted.check_domains:
        names = _domains(result)
        result.domains = _known_domains(ledger, names, api.registry_url)
        missing = [name for name in names if name not in result.domains]
        if ask and missing:
            anyio.run(_ask_domains, session, ledger, missing, result.domains)
    result.looked_up.clear()
    result.unasked = result.empty = 0
    result.unjudged.clear()
    return result


def _codes(rows: RecipientList) -> list[str]:
    """The tax codes of rows that lack an address, each once, in the order of the file."""
    found: dict[str, None] = {}
    for batch in rows.batches():
        for row in batch.set_aside:
            code = rows.lacks_address(row)
            if code is not None:
                found[code] = None
    return list(found)


def _domains(known: Enriched) -> list[str]:
    """The domains of all recipients, those looked up included, each once."""
    found: dict[str, None] = {}
    for batch in known.batches(50_000):
        for row in batch.rows:
            found.update(dict.fromkeys(domains(row[2])))
    return list(found)


def _known_addresses(ledger: Ledger, codes: list[str], service: str) -> dict[str, str | None]:
    known: dict[str, str | None] = {}
    for page in _pages(codes):
        known.update(ledger.answers.addresses(page, service))
    return known


def _known_domains(ledger: Ledger, names: list[str], service: str) -> dict[str, bool]:
    known: dict[str, bool] = {}
    for page in _pages(names):
        known.update(ledger.answers.domains(page, service))
    return known


def _pages(values: list[str]) -> Iterable[list[str]]:
    return (values[start : start + _PAGE] for start in range(0, len(values), _PAGE))


async def _ask_addresses(
    session: Session, ledger: Ledger, codes: list[str], known: dict[str, str | None]
) -> None:
    service = session.config().settings.api.company_url
    session.say(f"Looking up {len(codes):,} addresses by tax code; each may cost.")
    async with wiring.lookups(session.config()) as (lookups, limiter):
        for number, code in enumerate(codes, 1):
            known[code] = await _paced(limiter, lookups, code)
            ledger.answers.keep_address(code, known[code], wiring.clock().now(), service)
            _tell(session, number, len(codes))


async def _paced(limiter: AsyncLimiter, lookups: LookUps, code: str) -> str | None:
    await limiter.acquire()
    return await lookups.address_of(code)


async def _ask_domains(session: Session, ledger: Ledger, names: list[str], known: dict[str, bool]) -> None:
    service = session.config().settings.api.registry_url
    session.say(f"Asking about {len(names):,} domains; each may cost.")
    async with wiring.lookups(session.config()) as (lookups, limiter):
        for number, name in enumerate(names, 1):
            await limiter.acquire()
            known[name] = await lookups.is_certified(name)
            ledger.answers.keep_domain(name, wiring.clock().now(), service, certified=known[name])
            _tell(session, number, len(names))


def _tell(session: Session, number: int, total: int) -> None:
    if number % _TELL_EVERY == 0 and number < total:
        session.say(f"Asked {number:,} of {total:,}.")


def _joined(parts: list[Batch]) -> Batch:
    """Several batches as one, in the order of the file."""
    pairs = sorted(
        (pair for part in parts for pair in zip(part.rows, part.expires, strict=True)),
        key=lambda pair: pair[0][0],
    )
    return Batch(
        rows=[row for row, _ in pairs],
        set_aside=sorted((row for part in parts for row in part.set_aside), key=lambda row: row.row),
        expires=[expires for _, expires in pairs],
        warnings=sorted((one for part in parts for one in part.warnings), key=lambda one: one.row),
        empty=[row for part in parts for row in part.empty],
    )
