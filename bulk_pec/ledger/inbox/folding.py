"""The fold: receipts matched to the messages they speak of, and what they say folded into them.

Always inside the transaction that records the receipts, so that a walk that dies leaves nothing half done.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bulk_pec.domain.errors import BrokenPromise
from bulk_pec.domain.receipts import RECEIPTS, Heard, ReceiptKind
from bulk_pec.ledger.inbox.folded import Folded, Known, Told, changes_of, marks_of
from bulk_pec.ledger.inbox.mails import Harvested, Mail, Place, looks
from bulk_pec.ledger.inbox.waiting import Waiting
from bulk_pec.ledger.outbox import twins
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.runs.runs import NEVER_LEFT, count_mailbox, mark_restored
from bulk_pec.ledger.store.database import Database

_MESSAGE = (
    "m.id, m.run_id, m.reference, m.state, m.delivery, m.accepted_at, m.not_accepted_at, m.delivered_at, "
    "m.undelivered_at, m.late_at, m.attempts, "
    "CASE WHEN m.recipient LIKE '%@%@%' THEN m.recipient END AS several, "
    f"m.state <> 'sent' AND {NEVER_LEFT} AS elsewhere"
)
"""What a fold needs of a message `m`: see `Known`."""


class Folding:
    """Matching and folding.

    Args:
        database: The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._waiting = Waiting(database)

    def speaking(self, connection: Connection, mailbox_id: int, mails: Sequence[Mail]) -> list[Mail]:
        """Of these mails, which have rows, the receipts that belong to no message yet.

        A receipt read before its message was known, or by a version that could not tell its reference, is
        matched when it is read again. The lock keeps two hosts from matching one receipt twice.
        """
        speaking = {mail.fingerprint: mail for mail in mails if mail.kind in RECEIPTS}
        if not speaking:
            return []
        rows = self._db.execute(
            connection,
            f"WITH {self._db.batch('asked', fingerprint='text')} SELECT r.fingerprint FROM asked "
            "JOIN receipts r ON r.mailbox_id = :mailbox AND r.fingerprint = asked.fingerprint "
            # Not "IS NULL", for which SQLite would take the index of messages and read all mail without one.
            f"WHERE COALESCE(r.message, 0) = 0 ORDER BY r.id {self._db.hold('r')}",
            asked=self._db.rows([{"fingerprint": fingerprint} for fingerprint in speaking]),
            mailbox=mailbox_id,
        )
        return [speaking[row.fingerprint] for row in rows]

    def find(self, connection: Connection, mails: Sequence[Mail]) -> Sequence[Known]:
        """The messages that these receipts' references name, locked; other mail names none."""
        references = {mail.reference for mail in mails if mail.reference and mail.kind in RECEIPTS}
        references |= {
            one for mail in mails if mail.earlier and mail.kind in RECEIPTS for one in mail.earlier
        }
        if not references:
            return []
        batch = self._db.batch("named", reference="text")
        rows = self._db.fetch(
            connection,
            f"WITH {batch} SELECT {_MESSAGE} FROM named JOIN messages m ON m.reference = named.reference "
            f"ORDER BY m.id {self._db.hold('m')}",
            named=self._db.rows([{"reference": reference} for reference in sorted(references)]),
        )
        return [Known._make(row) for row in rows]

    def fold(
        self,
        connection: Connection,
        mailbox_id: int,
        heard: tuple[Heeded, Sequence[Mail]],
        found: Mapping[str, Known],
        now: int,
    ) -> int:
        """Fold receipts into the messages whose references they carry (transition j); how many.

        Those that carry none of ours wait for their `message_id`; see `match_waiting`.

        Args:
            connection: Of the transaction.
            mailbox_id: Where they lie.
            heard: What those recorded now say, from `heed`; and, from `speaking`, those known longer.
            found: The messages of both, from `find`, by reference.
            now: Milliseconds since the epoch.
        """
        fresh, longer = heard
        told = fresh.told
        if longer:
            late = heed(longer, found, now)
            self._waiting.keep(connection, mailbox_id, late.others)
            self._mark(connection, mailbox_id, late.told)
            for message, said in late.told.items():
                told.setdefault(message, []).extend(said)
        return self._write(connection, mailbox_id, found.values(), told, now)

    def match_waiting(self, mailbox_id: int, now: int, after: Place | None = None) -> Harvested:
        """Match what waits in a mailbox by `message_id`, where a subject of ours carried no reference.

        Called when a walk has ended: first without `after`, then with what was returned, until that is None.
        Each part is a short transaction of its own, so that one that sends need not wait for all of them.
        """
        after = after or self._waiting.start(mailbox_id)
        if after is None:
            return Harvested(0, 0)
        with self._db.transaction() as connection:
            page = self._waiting.look(connection, mailbox_id, after)
            messages = self._hold(connection, page.told)
            self._mark(connection, mailbox_id, page.told)
            matched = self._write(connection, mailbox_id, messages, page.told, now)
        return Harvested(0, matched, 0, page.shared, page.after)

    def _hold(self, connection: Connection, told: Mapping[int, Sequence[Told]]) -> Sequence[Known]:
        """Messages by id, locked."""
        if not told:
            return []
        rows = self._db.fetch(
            connection,
            f"WITH {self._db.batch('named', id='bigint')} SELECT {_MESSAGE} FROM named "
            # CROSS: for the order's sake SQLite would read all messages.
            f"CROSS JOIN messages m WHERE m.id = named.id ORDER BY m.id {self._db.hold('m')}",
            named=self._db.rows([{"id": message} for message in sorted(told)]),
        )
        return [Known._make(row) for row in rows]

    def _write(
        self,
        connection: Connection,
        mailbox_id: int,
        messages: Iterable[Known],
        told: Mapping[int, Sequence[Told]],
        now: int,
    ) -> int:
        """Fold what was told into the messages, which are locked; how many receipts.

        The receipts' rows say already whose they are.
        """
        if not told:
            return 0
        folded = [Folded.of(row, told[row.id]) for row in messages if row.id in told]
        hard = [one for one in folded if one.needs_all]
        if hard:
            judged = self._judged(connection, hard, now)
            folded = [judged.get(one.row.id, one) for one in folded]
        self._update(connection, mailbox_id, folded, now)
        suspects = [one.row.id for one in folded if one.twin_suspected]
        twice = twins.mark(self._db, connection, suspects, now) if suspects else Counter[int]()
        for run_id in sorted({one.row.run_id for one in folded if one.row.elsewhere}):
            mark_restored(self._db, connection, run_id, now)
        for run_id in sorted({one.row.run_id for one in folded}):
            count_mailbox(self._db, connection, run_id, mailbox_id)
            ours = [one for one in folded if one.row.run_id == run_id]
            counts.apply(self._db, connection, run_id, changes_of(ours, twice[run_id]), now)
        return sum(len(one.told) for one in folded)

    def _mark(self, connection: Connection, mailbox_id: int, told: Mapping[int, Sequence[Told]]) -> None:
        if not told:
            return
        batch = self._db.batch("marks", fingerprint="text", message="bigint", reference="text", word="text")
        self._db.execute(
            connection,
            f"WITH {batch} UPDATE receipts SET message = marks.message, reference = marks.reference, "
            "token = marks.word FROM marks "
            "WHERE receipts.mailbox_id = :mailbox AND receipts.fingerprint = marks.fingerprint",
            marks=self._db.rows(marks_of(told)),
            mailbox=mailbox_id,
        )

    def _judged(self, connection: Connection, hard: Sequence[Folded], now: int) -> dict[int, Folded]:
        """Those that are judged by all of their receipts, judged again.

        Of receipts that look alike one is heard: the provider may have repeated it under another id.
        """
        asked = self._db.rows([{"id": one.row.id} for one in hard])
        batch = self._db.batch("asked", id="bigint")
        said: defaultdict[int, dict[str, Heard]] = defaultdict(dict)
        for row in self._db.execute(
            connection,
            f"WITH {batch} SELECT r.message, r.kind, r.at, r.token, r.fingerprint FROM asked "
            "JOIN receipts r ON r.message = asked.id",
            asked=asked,
        ):
            heard = Heard(ReceiptKind(row.kind), row.at or now, row.token)
            said[row.message][looks(row.fingerprint)] = heard
        fewer = self._db.execute(
            connection,
            f"WITH {batch} SELECT a.message, a.detail FROM asked JOIN attempts a ON a.message = asked.id "
            "WHERE a.sent_to < a.units ORDER BY a.message, a.number",
            asked=asked,
        )
        notes = {row.message: row.detail for row in fewer}
        return {one.row.id: one.by_all([*said[one.row.id].values()], notes.get(one.row.id)) for one in hard}

    def _update(self, connection: Connection, mailbox_id: int, folded: Sequence[Folded], now: int) -> None:
        db = self._db
        rows = [one.as_row() for one in folded]
        if db.is_postgres:
            statement = f"WITH {db.batch('folds', **_FOLD_COLUMNS)} {_update_by('folds.')}"
            written = db.execute(connection, statement, folds=db.rows(rows), mailbox=mailbox_id).rowcount
        else:
            for row in rows:
                row["mailbox"] = mailbox_id
            written = db.each(connection, _update_by(":"), rows)
        if written != len(folded):
            raise BrokenPromise(
                "Messages changed while their receipts were being folded.",
                hint="Nothing of this page was kept; the next harvest reads it again. Please report this.",
            )
        db.execute(
            connection,
            f"WITH {db.batch('folded', id='bigint')} UPDATE attempts SET settlement = 'receipt', "
            "settled_at = :now FROM folded WHERE attempts.message = folded.id "
            "AND attempts.outcome = 'in_doubt' AND attempts.settlement IS NULL",
            folded=db.rows([{"id": one.row.id} for one in folded]),
            now=now,
        )


_FOLD_COLUMNS = {
    "id": "bigint",
    "before": "text",
    "delivery": "text",
    "message_id": "text",
    "sent_at": "bigint",
    "reason": "text",
    "accepted_at": "bigint",
    "not_accepted_at": "bigint",
    "delivered_at": "bigint",
    "undelivered_at": "bigint",
    "late_at": "bigint",
}


def _update_by(new: str) -> str:
    """The statement that writes folds; each value stands behind this prefix, of a CTE or of parameters."""
    source = "" if new == ":" else "FROM folds "
    return (
        f"UPDATE messages SET state = 'sent', delivery = {new}delivery, "
        f"message_id = COALESCE(messages.message_id, {new}message_id), "
        f"sent_at = COALESCE(messages.sent_at, {new}sent_at), reason = {new}reason, "
        "mailbox_id = COALESCE(messages.mailbox_id, :mailbox), not_before = NULL, harvest_after = NULL, "
        f"accepted_at = {new}accepted_at, not_accepted_at = {new}not_accepted_at, "
        f"delivered_at = {new}delivered_at, undelivered_at = {new}undelivered_at, late_at = {new}late_at "
        f"{source}WHERE messages.id = {new}id AND messages.state = {new}before"
    )


@dataclass(slots=True)
class Heeded:
    """What mails say, held against the messages their references name.

    Attributes:
        places: What each mail's row says of it: reference, message and token.
        told: What those say that carry a reference of ours, by message.
        others: The receipts that carry none.
    """

    places: list[tuple[str | None, int | None, str | None]] = field(default_factory=list)
    told: dict[int, list[Told]] = field(default_factory=dict)
    others: list[Mail] = field(default_factory=list)

    @property
    def strange(self) -> int:
        """How many are receipts with well-formed references, none of which this ledger knows."""
        return sum(mail.reference is not None for mail in self.others)


def heed(mails: Iterable[Mail], found: Mapping[str, Known], now: int) -> Heeded:
    """Hold mails against the messages their references name, those from `Folding.find` by reference."""
    heeded = Heeded()
    for mail in mails:
        if mail.kind not in RECEIPTS:
            heeded.places.append((mail.reference, None, None))
            continue
        reference = _ours(mail, found)
        if reference is None:
            heeded.places.append((mail.reference, None, mail.token))
            heeded.others.append(mail)
            continue
        message = found[reference].id
        heeded.places.append((reference, message, mail.message_id))
        one = Told(mail.fingerprint, mail.kind, mail.item.at or now, mail.message_id, reference)
        heeded.told.setdefault(message, []).append(one)
    return heeded


def _ours(mail: Mail, found: Mapping[str, Known]) -> str | None:
    """The last of its references that this ledger knows: ours is appended after the text's own."""
    if mail.reference is None or mail.reference in found:
        return mail.reference
    return next((reference for reference in reversed(mail.earlier) if reference in found), None)
