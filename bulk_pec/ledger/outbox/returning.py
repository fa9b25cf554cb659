"""What comes back to pending: it waits in its block again or, in a cancelled run, is cancelled (i)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from bulk_pec.domain.states import MessageState, RunState
from bulk_pec.ledger.outbox.claims import reopen_blocks
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.runs.orders import CANCELLED
from bulk_pec.ledger.store.database import Database


def returned(
    db: Database, connection: Connection, run_id: int, messages: Sequence[int], changes: counts.Changes
) -> None:
    """Inside a transaction that made these messages pending: give them their place again.

    In a cancelled run they are cancelled instead. The run is held meanwhile, so that a cancellation on
    another host comes wholly before this transaction or wholly after it, and misses none of them.
    """
    if not messages:
        return
    hold = "FOR SHARE" if db.is_postgres else ""
    state = db.execute(connection, f"SELECT state FROM runs WHERE id = :run {hold}", run=run_id).scalar_one()
    if state != RunState.CANCELLED:
        reopen_blocks(db, connection, run_id, messages)
        return
    batch = db.batch("back", id="bigint")
    cancelled = db.execute(
        connection,
        f"WITH {batch} UPDATE messages SET state = 'cancelled', reason = :why, not_before = NULL, "
        "harvest_after = NULL FROM back WHERE messages.id = back.id AND messages.state = 'pending' "
        "RETURNING messages.id",
        back=db.rows([{"id": message} for message in messages]),
        why=CANCELLED,
    ).all()
    changes.move(MessageState.PENDING, MessageState.CANCELLED, len(cancelled))
