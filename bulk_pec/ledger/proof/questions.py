"""What a ledger is asked by `bulk_pec.ledger.proof.checking`: statements each of whose rows is a violation.

One statement serves both databases. Each names what is wrong by ids, never by an address or a key. Those that
`bulk_pec.ledger.proof.balances` asks too, of one run, have a mark where its condition goes: see `of_run`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bulk_pec.domain.balance import Kind
from bulk_pec.ledger.inbox.kept import NO_TEXT

_MARK = re.compile(r"/\*of run: ([a-z_.]+)\*/")


def of_run(statement: str) -> str:
    """A statement held to one run: its marks become conditions on ``:first``, ``:last`` or ``:run``."""
    return _MARK.sub(
        lambda found: (
            f"AND {found[1]} = :run"
            if found[1].endswith("run_id")
            else f"AND {found[1]} BETWEEN :first AND :last"
        ),
        statement,
    )


@dataclass(frozen=True, slots=True)
class Question:
    """A statement whose every row is a violation, and the sentence its columns fill.

    Attributes:
        invariant: Its number in docs/semantics.md, or a word for what else must hold.
        sentence: With the statement's columns in braces.
        statement: Without parameters; where it has marks, it can be held to one run.
        balance: What its answers are in a run's three-way balance; None: it is not asked there.
    """

    invariant: str
    sentence: str
    statement: str
    balance: Kind | None = None


# The field of the JSON, on both databases: inside a value, such as the operator's reason, quotes are escaped.
_RESEND = '%"decision":"resend"%'
# A message was allowed another attempt because this one of its attempts did not leave, or was given up on.
_ALLOWS_ANOTHER = (
    "a.closed_at IS NOT NULL AND (a.outcome IN ('not_sent', 'throttled', 'refused') "
    "OR a.settlement IN ('absence', 'policy') "
    f"OR (a.settlement = 'operator' AND a.settled_facts LIKE '{_RESEND}') "
    # It was one of these, and then an answer came all the same: the story of a twin.
    "OR (a.settlement = 'late_answer' AND a.outcome = 'sent'))"
)
_COUNTS = "(outcome IS NULL OR outcome NOT IN ('not_sent', 'throttled', 'refused', 'rejected'))"
_DOUBT = "a.outcome = 'in_doubt' AND a.settlement IS NULL"
_ATTEMPTED = "FROM attempts a JOIN messages m ON m.id = a.message "

QUESTIONS = (
    Question(
        "2",
        "message {message} has {count} open attempts",
        "SELECT a.message, COUNT(*) AS count FROM attempts a WHERE a.closed_at IS NULL "
        "GROUP BY a.message HAVING COUNT(*) > 1",
    ),
    Question(
        "3",
        "message {message} was tried again after attempt {attempt}, which had not been shown to be unsent",
        "SELECT a.message, a.id AS attempt FROM attempts a JOIN attempts n ON n.message = a.message "
        f"AND n.number = a.number + 1 WHERE NOT COALESCE({_ALLOWS_ANOTHER}, false)",
    ),
    Question(
        "3",
        "message {message} counts {kept} attempts, and has {found}, the last with number {last}",
        "SELECT m.id AS message, m.attempts AS kept, COUNT(a.id) AS found, "
        "COALESCE(MAX(a.number), 0) AS last FROM messages m LEFT JOIN attempts a ON a.message = m.id "
        "WHERE true /*of run: m.id*/ "
        "GROUP BY m.id HAVING m.attempts <> COUNT(a.id) OR m.attempts <> COALESCE(MAX(a.number), 0)",
        Kind.ATTEMPTS,
    ),
    Question(
        "4",
        "message {message} is {state}, though attempt {attempt} was answered with a message_id",
        f"SELECT a.message, m.state, a.id AS attempt {_ATTEMPTED}"
        "WHERE a.outcome = 'sent' AND m.state <> 'sent' /*of run: m.id*/",
        Kind.SENT,
    ),
    Question(
        "4",
        "message {message} is {state}, though receipt {receipt} is of it",
        "SELECT m.id AS message, m.state, r.id AS receipt FROM receipts r "
        "JOIN messages m ON m.id = r.message WHERE m.state <> 'sent' /*of run: m.id*/",
        Kind.SENT,
    ),
    Question(
        "4",
        "message {message} is sent, and no answer, receipt or operator's word says so",
        "SELECT m.id AS message FROM messages m WHERE m.state = 'sent' AND NOT EXISTS (SELECT 1 "
        "FROM attempts a WHERE a.message = m.id AND (a.outcome = 'sent' OR a.settlement = 'operator')) "
        "AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.message = m.id) /*of run: m.id*/",
        Kind.SENT,
    ),
    Question(
        "delivery",
        "message {message} is {delivery}, and has no receipt that says so",
        "SELECT m.id AS message, m.delivery FROM messages m WHERE m.state = 'sent' "
        "AND m.delivery IN ('accepted', 'not_accepted', 'delivered', 'undelivered') AND NOT EXISTS ("
        "SELECT 1 FROM receipts r WHERE r.message = m.id "
        "AND (r.kind = m.delivery OR (r.kind = 'late' AND m.delivery = 'undelivered'))) /*of run: m.id*/",
        Kind.DELIVERY,
    ),
    Question(
        "7",
        "run {run} counts a cost of {used}, and its attempts come to {found} (millionths of EUR)",
        "SELECT r.id AS run, COALESCE(u.used, 0) AS used, COALESCE(a.found, 0) AS found FROM runs r "
        "LEFT JOIN usage u ON u.scope = 'run:' || CAST(r.id AS text) AND u.period = 'cost' "
        "LEFT JOIN (SELECT run_id, CAST(SUM(cost) AS bigint) AS found, COUNT(*) - COUNT(cost) AS unknown "
        f"FROM attempts WHERE {_COUNTS} GROUP BY run_id) a ON a.run_id = r.id "
        "WHERE COALESCE(a.unknown, 0) = 0 AND COALESCE(u.used, 0) <> COALESCE(a.found, 0)",
    ),
    Question(
        "8",
        "message {message} was posted with {count} different contents",
        "SELECT a.message, COUNT(DISTINCT a.digest) AS count FROM attempts a GROUP BY a.message "
        "HAVING COUNT(DISTINCT a.digest) > 1",
    ),
    Question(
        "10",
        "run {run} is recorded as finished, and message {message} is {state}",
        "SELECT r.id AS run, m.id AS message, m.state FROM runs r JOIN messages m ON m.run_id = r.id "
        "WHERE r.finished_at IS NOT NULL AND r.state <> 'cancelled' "
        "AND m.state IN ('pending', 'sending', 'in_doubt')",
    ),
    Question(
        "11",
        "message {message} is {state}, though its attempt {attempt} is open",
        f"SELECT a.message, m.state, a.id AS attempt {_ATTEMPTED}"
        "WHERE a.closed_at IS NULL AND m.state NOT IN ('sending', 'sent')",
    ),
    Question(
        "11",
        "message {message} is sending, and has no open attempt",
        "SELECT m.id AS message FROM messages m WHERE m.state = 'sending' AND NOT EXISTS ("
        "SELECT 1 FROM attempts a WHERE a.message = m.id AND a.closed_at IS NULL)",
    ),
    Question(
        "11",
        "message {message} is {state}, though its attempt {attempt} is in doubt",
        f"SELECT a.message, m.state, a.id AS attempt {_ATTEMPTED}WHERE {_DOUBT} AND m.state <> 'in_doubt'",
    ),
    Question(
        "11",
        "message {message} is in doubt, and none of its attempts is",
        "SELECT m.id AS message FROM messages m WHERE m.state = 'in_doubt' AND NOT EXISTS ("
        f"SELECT 1 FROM attempts a WHERE a.message = m.id AND {_DOUBT})",
    ),
    Question(
        "11",
        "message {message} is {state}, though its last attempt {attempt} may have left",
        f"SELECT a.message, m.state, a.id AS attempt {_ATTEMPTED}WHERE a.number = m.attempts "
        f"AND m.state IN ('pending', 'cancelled') AND NOT COALESCE({_ALLOWS_ANOTHER}, false)",
    ),
    Question(
        "states",
        "message {message} is rejected, and no attempt of it was",
        "SELECT m.id AS message FROM messages m WHERE m.state = 'rejected' AND NOT EXISTS ("
        "SELECT 1 FROM attempts a WHERE a.message = m.id AND a.outcome = 'rejected')",
    ),
    Question(
        "states",
        "message {message} is abandoned, and no operator said so",
        "SELECT m.id AS message FROM messages m WHERE m.state = 'abandoned' AND NOT EXISTS ("
        "SELECT 1 FROM attempts a WHERE a.message = m.id AND a.settlement = 'operator')",
    ),
    Question(
        "attempts",
        "attempt {attempt} is closed without an outcome, or has one and is open",
        "SELECT a.id AS attempt FROM attempts a WHERE (a.closed_at IS NULL) <> (a.outcome IS NULL)",
    ),
    Question(
        "orphans",
        "attempt {attempt} is of message {message} in run {run}, where there is none",
        "SELECT a.id AS attempt, a.message, a.run_id AS run FROM attempts a WHERE NOT EXISTS ("
        "SELECT 1 FROM messages m WHERE m.id = a.message AND m.run_id = a.run_id) /*of run: a.message*/",
        Kind.ATTEMPTS,
    ),
    Question(
        "orphans",
        "attempt {attempt} is of mailbox {mailbox} or worker {worker}, which is not known",
        "SELECT a.id AS attempt, a.mailbox_id AS mailbox, a.worker_id AS worker FROM attempts a "
        "WHERE NOT EXISTS (SELECT 1 FROM mailboxes b WHERE b.id = a.mailbox_id) "
        "OR NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = a.worker_id)",
    ),
    Question(
        "orphans",
        "receipt {receipt} is of message {message}, which is not known",
        "SELECT r.id AS receipt, r.message FROM receipts r WHERE r.message IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = r.message) /*of run: r.message*/",
        Kind.RECEIPTS,
    ),
    Question(
        "orphans",
        "message {message} is of run {run}, and not among its messages",
        "SELECT m.id AS message, m.run_id AS run FROM messages m WHERE NOT EXISTS ("
        "SELECT 1 FROM runs r WHERE r.id = m.run_id AND m.id BETWEEN r.first_id AND r.last_id)",
    ),
    Question(
        "orphans",
        "row {row} that was set aside is of run {run}, which is not known",
        'SELECT s."row" AS row, s.run_id AS run FROM set_aside s WHERE NOT EXISTS ('
        "SELECT 1 FROM runs r WHERE r.id = s.run_id)",
    ),
    Question(
        "orphans",
        "state {state} is of registration {registration}, which is not known",
        "SELECT s.id AS state, s.registration_id AS registration FROM registration_states s "
        "WHERE NOT EXISTS (SELECT 1 FROM registrations r "
        "WHERE r.service = s.service AND r.id = s.registration_id)",
    ),
    Question(
        "states",
        "registration {registration} has a state, and none in its history",
        "SELECT r.id AS registration FROM registrations r WHERE NOT EXISTS ("
        "SELECT 1 FROM registration_states s WHERE s.service = r.service AND s.registration_id = r.id)",
    ),
    Question(
        "blocks",
        "message {message} is pending in block {block}, which counts as done",
        "SELECT m.id AS message, b.id AS block FROM blocks b JOIN messages m "
        "ON m.id BETWEEN b.first_id AND b.last_id WHERE b.done AND m.state = 'pending'",
    ),
    Question(
        "blocks",
        "block {block} is held by worker {worker}, which has ended",
        "SELECT b.id AS block, b.worker_id AS worker FROM blocks b WHERE b.worker_id IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = b.worker_id AND w.ended_at IS NULL)",
    ),
    Question(
        "references",
        "message {message} has a reference that message {other} has too",
        "SELECT MAX(m.id) AS message, MIN(m.id) AS other FROM messages m GROUP BY m.reference "
        "HAVING COUNT(*) > 1",
    ),
    Question(
        "archive",
        "receipt {receipt} was deleted from its mailbox, and its text is not archived",
        "SELECT r.id AS receipt FROM receipts r WHERE (r.deleted_at IS NOT NULL OR r.gone) "
        "AND (r.deleted_at IS NULL OR r.archived_at IS NULL OR r.text_digest IS NULL "
        f"OR r.text_digest = '{NO_TEXT}')",
    ),
    Question(
        "archive",
        "the archive of mailbox {mailbox} has number {number} twice, or does not go so far",
        "SELECT r.mailbox_id AS mailbox, r.archive_number AS number FROM receipts r "
        "JOIN mailboxes b ON b.id = r.mailbox_id WHERE r.archive_number IS NOT NULL "
        "GROUP BY r.mailbox_id, r.archive_number, b.archived "
        "HAVING COUNT(*) > 1 OR r.archive_number > b.archived",
    ),
)

COUNTED = """
WITH counted AS MATERIALIZED (SELECT m.run_id, m.state, m.delivery, COUNT(*) AS n, COUNT(m.twin_at) AS twins
    FROM messages m WHERE true /*of run: m.id*/ GROUP BY m.run_id, m.state, m.delivery)
SELECT run_id, state AS name, CAST(SUM(n) AS bigint) AS n FROM counted GROUP BY run_id, state
UNION ALL SELECT run_id, 'delivery_' || delivery, CAST(SUM(n) AS bigint) FROM counted WHERE state = 'sent'
    GROUP BY run_id, delivery
UNION ALL SELECT run_id, 'twins', CAST(SUM(twins) AS bigint) FROM counted GROUP BY run_id
UNION ALL SELECT s.run_id, s.state, COUNT(*) FROM set_aside s WHERE true /*of run: s.run_id*/
    GROUP BY s.run_id, s.state
UNION ALL SELECT a.run_id, 'attempts', COUNT(*) FROM attempts a WHERE true /*of run: a.message*/
    GROUP BY a.run_id
UNION ALL SELECT m.run_id, 'receipts_matched', COUNT(*) FROM receipts r JOIN messages m ON m.id = r.message
    WHERE true /*of run: r.message*/ GROUP BY m.run_id
"""
"""Every counter of every run, counted again; the messages, of which there are most, in one pass."""

USAGE = """
SELECT scope, LENGTH(period) AS length, MIN(period) AS first, SUM(used) AS used FROM usage
WHERE scope LIKE 'mailbox:%' GROUP BY scope, LENGTH(period) ORDER BY scope, LENGTH(period)
"""
"""What each mailbox has used in all its days (length 10), months (7) and years (4) together."""

SPENT = f"""
SELECT COALESCE(SUM(CASE WHEN opened_at >= :late THEN units ELSE 0 END), 0) AS surely,
    COALESCE(SUM(CASE WHEN opened_at >= :early THEN units ELSE 0 END), 0) AS perhaps
FROM attempts WHERE mailbox_id = :mailbox AND {_COUNTS}
"""
"""Addresses of a mailbox's attempts that count, since either of two moments."""
