"""Two hosts at one mailbox: the archive on one and a walk on the other never wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.errands import bench
from support.ledgers import open_ledger

from bulk_pec.domain.causes import Cause
from bulk_pec.ledger.inbox.archiving import Entry
from bulk_pec.ledger.inbox.kept import Kept
from bulk_pec.ledger.ledger import Ledger

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

_WAITED_FOR = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
_HOLDS = {
    "message": "SELECT id FROM messages FOR UPDATE",
    "receipt": "SELECT id FROM receipts WHERE kind = 'undelivered' FOR UPDATE",
    "mailbox": "SELECT id FROM mailboxes FOR UPDATE",
}


def _archives(ledger: Ledger, notice: Kept) -> bool:
    entry = Entry(1, "a" * 64, "", notice.fingerprint, "b" * 64)
    return ledger.archiving.record(notice.mailbox_id, entry, 1)


def _causes(ledger: Ledger, notice: Kept) -> bool:
    return ledger.causes.record(notice, Cause.MAILBOX_FULL)


@pytest.mark.parametrize(
    ("work", "walk"),
    [(_archives, ("receipt", "mailbox")), (_causes, ("message", "receipt"))],
    ids=["archive", "cause"],
)
async def test_neither_waits_for_the_other(
    postgres_url: str, work: Callable[[Ledger, Kept], bool], walk: tuple[str, str]
) -> None:
    """A walk locks what the other host waits for, then what that one would lock next: both come to an end."""
    with open_ledger(postgres_url) as ledger, open_ledger(postgres_url) as other:
        async with bench(ledger, "mancata") as desk:
            await desk.send_all()
            await desk.harvest()
            (notice,) = ledger.causes.unread(desk.box, 10)
        with ThreadPoolExecutor(1) as pool:
            with other.database.transaction() as connection:
                other.database.execute(connection, _HOLDS[walk[0]])
                done = pool.submit(work, ledger, notice)
                while other.database.execute(connection, _WAITED_FOR).first() is None:
                    assert not done.done(), "it did not wait for what the walk holds"
                other.database.execute(connection, _HOLDS[walk[1]])
            assert done.result(timeout=60)
