"""The fold: receipts matched to the messages they speak of, and what they say folded into them.

Always inside the transaction that records the receipts, so that a walk that dies leaves nothing half done.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from bulk_pec.domain.errors import BrokenPromise
from bulk_pec.domain.receipts import RECEIPTS, Heard, ReceiptKind
from bulk_pec.ledger import counts, twins
from bulk_pec.ledger.database import Database
from bulk_pec.ledger.folded import Folded, Told, changes_of, marks_of
from bulk_pec.ledger.mails import Harvested, Mail, Place, looks
from bulk_pec.ledger.runs import NEVER_LEFT, count_mailbox, mark_restored
from bulk_pec.ledger.waiting import Waiting

_MESSAGE = (
    "m.id, m.run_id, m.reference, m.state, m.delivery, m.accepted_at, m.not_accepted_at, m.delivered_at, "
    "m.undelivered_at, m.late_at, m.attempts, "
    "CASE WHEN m.recipient LIKE '%@%@%' THEN m.recipient END AS several, "
    f"m.state <> 'sent' AND {NEVER_LEFT} AS elsewhere"
)
"""What a fold needs of a message `m`."""


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

    def find(self, connection: Connection, mails: Sequence[Mail]) -> Sequence[Row[Any]]:
        """The messages that these receipts' references name, locked; other mail names none."""
        references = {one for mail in mails if mail.kind in RECEIPTS for one in mail.references}
        if not references:
            return []
        batch = self._db.batch("named", reference="text")
        rows: Sequence[Row[Any]] = self._db.execute(
            connection,
            f"WITH {batch} SELECT {_MESSAGE} FROM named JOIN messages m ON m.reference = named.reference "
            f"ORDER BY m.id {self._db.hold('m')}",
            named=self._db.rows([{"reference": reference} for reference in sorted(references)]),
        ).all()
        return rows

    def fold(
        self,
        connection: Connection,
        mailbox_id: int,
        mails: tuple[Sequence[Mail], Sequence[Mail]],
        found: Mapping[str, Row[Any]],
        now: int,
    ) -> int:
        """Fold receipts into the messages whose references they carry (transition j); how many.

        Those that carry none of ours wait for their `message_id`; see `match_waiting`.

        Args:
            connection: Of the transaction.
            mailbox_id: Where they lie.
            mails: Those recorded now, as `place` says; and, from `speaking`, those known longer.
            found: The messages of both, from `find`, by reference.
            now: Milliseconds since the epoch.
        """
        told: dict[int, list[Told]] = {}
        fresh, longer = mails
        _hear(told, (mail for mail in fresh if mail.kind in RECEIPTS), found, now)
        if longer:
            late: dict[int, list[Told]] = {}
            self._waiting.keep(connection, mailbox_id, _hear(late, longer, found, now))
            self._mark(connection, mailbox_id, late)
            for message, heard in late.items():
                told.setdefault(message, []).extend(heard)
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

    def _hold(self, connection: Connection, told: Mapping[int, Sequence[Told]]) -> Sequence[Row[Any]]:
        """Messages by id, locked."""
        if not told:
            return []
        rows: Sequence[Row[Any]] = self._db.execute(
            connection,
            f"WITH {self._db.batch('named', id='bigint')} SELECT {_MESSAGE} FROM named "
            # CROSS: for the order's sake SQLite would read all messages.
            f"CROSS JOIN messages m WHERE m.id = named.id ORDER BY m.id {self._db.hold('m')}",
            named=self._db.rows([{"id": message} for message in sorted(told)]),
        ).all()
        return rows

    def _write(
        self,
        connection: Connection,
        mailbox_id: int,
        messages: Iterable[Row[Any]],
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
        folds = db.rows([one.as_row() for one in folded])
        batch = db.batch("folds", **_FOLD_COLUMNS)
        written = db.execute(
            connection,
            f"WITH {batch} UPDATE messages SET state = 'sent', delivery = folds.delivery, "
            "message_id = COALESCE(messages.message_id, folds.message_id), "
            "sent_at = COALESCE(messages.sent_at, folds.sent_at), reason = folds.reason, "
            "mailbox_id = COALESCE(messages.mailbox_id, :mailbox), not_before = NULL, harvest_after = NULL, "
            "accepted_at = folds.accepted_at, not_accepted_at = folds.not_accepted_at, "
            "delivered_at = folds.delivered_at, undelivered_at = folds.undelivered_at, "
            "late_at = folds.late_at FROM folds "
            "WHERE messages.id = folds.id AND messages.state = folds.before RETURNING messages.id",
            folds=folds,
            mailbox=mailbox_id,
        ).all()
        if len(written) != len(folded):
            raise BrokenPromise(
                "Messages changed while their receipts were being folded.",
                hint="Nothing of this page was kept; the next harvest reads it again. Please report this.",
            )
        db.execute(
            connection,
            f"WITH {batch} UPDATE attempts SET settlement = 'receipt', settled_at = :now FROM folds "
            "WHERE attempts.message = folds.id AND attempts.outcome = 'in_doubt' "
            "AND attempts.settlement IS NULL",
            folds=folds,
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


def place(mail: Mail, found: Mapping[str, Row[Any]]) -> tuple[str | None, int | None, str | None]:
    """What its row says of a mail that is recorded now: reference, message and token."""
    if mail.kind not in RECEIPTS:
        return mail.reference, None, None
    ours = _ours(mail, found)
    if ours is None:
        return mail.reference, None, mail.token
    return ours, found[ours].id, mail.message_id


def _hear(
    told: dict[int, list[Told]], mails: Iterable[Mail], found: Mapping[str, Row[Any]], now: int
) -> list[Mail]:
    """Add what receipts with a reference of ours say, by message; those with none are returned."""
    others = []
    for mail in mails:
        reference = _ours(mail, found)
        if reference is None:
            others.append(mail)
        else:
            one = Told(mail.fingerprint, mail.kind, mail.item.at or now, mail.message_id, reference)
            told.setdefault(found[reference].id, []).append(one)
    return others


def _ours(mail: Mail, found: Mapping[str, Row[Any]]) -> str | None:
    """The last of its references that this ledger knows: ours is appended after the text's own."""
    if mail.reference is None or mail.reference in found:
        return mail.reference
    return next((reference for reference in reversed(mail.earlier) if reference in found), None)


def strange(mail: Mail, found: Mapping[str, Row[Any]]) -> bool:
    """Whether it is a receipt with well-formed references, none of which this ledger knows."""
    return mail.reference is not None and mail.kind in RECEIPTS and _ours(mail, found) is None
