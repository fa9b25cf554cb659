"""Enquiries: missing addresses by tax code, and whether domains use certified mail.

Each answer costs money, so it is kept in the ledger as soon as it has come, and asked for once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import anyio
from aiolimiter import AsyncLimiter

from bulk_pec.cli import wiring
from bulk_pec.cli.session import Session
from bulk_pec.domain.letters import recipients_of
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.lookups import LookUps
from bulk_pec.recipients import Batch, CheckedRow, Problem, RecipientList, SetAsideRow
from bulk_pec.recipients.rows import WARNINGS_KEPT

_PAGE = 5_000
_TELL_EVERY = 500


@dataclass(slots=True)
class Enriched:
    """A list whose missing addresses are filled, and whose domains are judged, by what is known.

    Attributes:
        rows: The list.
        enquires: Whether anything is looked up or judged at all.
        addresses: By tax code; None: the company service knows none.
        domains: Whether each uses certified mail.
        looked_up: Numbers of the rows whose address was looked up, filled while reading.
        unasked: Rows that lack an address nobody has asked for yet.
        fills: Whether missing addresses are looked up.
        judges: Whether domains are judged.
        unjudged: Domains nobody has asked about yet.
    """

    rows: RecipientList
    enquires: bool = False
    addresses: dict[str, str | None] = field(default_factory=dict)
    domains: dict[str, bool] = field(default_factory=dict)
    looked_up: set[int] = field(default_factory=set)
    unasked: int = 0
    fills: bool = False
    judges: bool = False
    unjudged: set[str] = field(default_factory=set)

    def batches(self, size: int) -> Iterator[Batch]:
        """As `RecipientList.batches`, enriched."""
        for batch in self.rows.batches(size):
            yield self._judged(self._filled(batch)) if self.enquires else batch

    def _filled(self, batch: Batch) -> Batch:
        """The batch with every known address in its place, in the order of the file."""
        if not self.fills:
            return batch
        found: list[Batch] = []
        left: list[SetAsideRow] = []
        for row in batch.set_aside:
            code = self.rows.lacks_address(row)
            address = self.addresses.get(code) if code is not None else None
            if code is not None and code not in self.addresses:
                self.unasked += 1
            if address is None:
                left.append(row)
            else:
                found.append(self.rows.with_address(row, address))
        if not found:
            return batch
        self.looked_up.update(one.rows[0][0] for one in found if one.rows)
        return _joined([replace(batch, set_aside=left), *found])

    def _judged(self, batch: Batch) -> Batch:
        """The batch without the rows to domains that use no certified mail: these are set aside."""
        if not self.judges:
            return batch
        self.unjudged.update(
            one for row in batch.rows for one in domains_of(row[2]) if one not in self.domains
        )
        refused = {row[0]: self._refused(row) for row in batch.rows if self._uncertified(row[2])}
        if not refused:
            return batch
        kept = [place for place, row in enumerate(batch.rows) if row[0] not in refused]
        aside = sorted([*batch.set_aside, *refused.values()], key=lambda row: row.row)
        rows, expires = [batch.rows[place] for place in kept], [batch.expires[place] for place in kept]
        return replace(batch, rows=rows, expires=expires, set_aside=aside)

    def _uncertified(self, recipient: str) -> list[str]:
        return [one for one in domains_of(recipient) if self.domains.get(one) is False]

    def _refused(self, row: CheckedRow) -> SetAsideRow:
        number, key, recipient, values = row
        domain = self._uncertified(recipient)[0]
        what = f"the domain {domain} uses no certified mail, says the registry"
        problem = Problem(self.rows.address_column, recipient[:80], what, "Find the certified address.")
        return SetAsideRow(number, key, recipient, (problem,), values)


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
    wanted = session.config().settings.recipients
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
        result.addresses = _known_addresses(ledger, codes)
        missing = [code for code in codes if code not in result.addresses]
        if ask and missing:
            anyio.run(_ask_addresses, session, ledger, missing, result.addresses)
    if wanted.check_domains:
        names = _domains(result)
        result.domains = _known_domains(ledger, names)
        missing = [name for name in names if name not in result.domains]
        if ask and missing:
            anyio.run(_ask_domains, session, ledger, missing, result.domains)
    result.looked_up.clear()
    result.unasked = 0
    result.unjudged.clear()
    return result


def domains_of(recipient: str) -> list[str]:
    """The domains of a message's addresses, lower-cased."""
    return [address.rpartition("@")[2].lower() for address in recipients_of(recipient)]


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
            found.update(dict.fromkeys(domains_of(row[2])))
    return list(found)


def _known_addresses(ledger: Ledger, codes: list[str]) -> dict[str, str | None]:
    known: dict[str, str | None] = {}
    for page in _pages(codes):
        known.update(ledger.answers.addresses(page))
    return known


def _known_domains(ledger: Ledger, names: list[str]) -> dict[str, bool]:
    known: dict[str, bool] = {}
    for page in _pages(names):
        known.update(ledger.answers.domains(page))
    return known


def _pages(values: list[str]) -> Iterable[list[str]]:
    return (values[start : start + _PAGE] for start in range(0, len(values), _PAGE))


async def _ask_addresses(
    session: Session, ledger: Ledger, codes: list[str], known: dict[str, str | None]
) -> None:
    session.say(f"Looking up {len(codes):,} addresses by tax code; each may cost.")
    async with wiring.lookups(session.config()) as (lookups, limiter):
        for number, code in enumerate(codes, 1):
            known[code] = await _paced(limiter, lookups, code)
            ledger.answers.keep_address(code, known[code], wiring.clock().now())
            _tell(session, number, len(codes))


async def _paced(limiter: AsyncLimiter, lookups: LookUps, code: str) -> str | None:
    await limiter.acquire()
    return await lookups.address_of(code)


async def _ask_domains(session: Session, ledger: Ledger, names: list[str], known: dict[str, bool]) -> None:
    session.say(f"Asking about {len(names):,} domains; each may cost.")
    async with wiring.lookups(session.config()) as (lookups, limiter):
        for number, name in enumerate(names, 1):
            await limiter.acquire()
            known[name] = await lookups.is_certified(name)
            ledger.answers.keep_domain(name, wiring.clock().now(), certified=known[name])
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
        warnings=sorted((one for part in parts for one in part.warnings), key=lambda one: one.row)[
            :WARNINGS_KEPT
        ],
        warned=sum(part.warned for part in parts),
    )
