"""A process that freezes inside a transaction must not hold up every other host (Postgres)."""

from __future__ import annotations

import pytest
from support.ledgers import NOW, new_run, open_ledger, query

from bulk_pec.domain.errors import LedgerError
from bulk_pec.domain.slots import Box, Wanted

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(60)]

SETTING = "SELECT current_setting('idle_in_transaction_session_timeout') AS shown"


def test_rows_that_a_frozen_process_holds_are_let_go(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends its session; another process takes the slot; the sleeper's transaction is not kept."""
    wanted = Wanted(1, {}, {1: Box(1.0)}, 1.0, 1)
    monkeypatch.setattr("bulk_pec.ledger.store.database.LONGEST_IDLE", 0.2)
    with open_ledger(postgres_url) as frozen, open_ledger(postgres_url) as other:
        other.paces.allot(wanted, 0)

        def sleep_in_a_transaction() -> None:
            with frozen.database.transaction() as connection:
                frozen.database.execute(connection, "UPDATE paces SET pauses = 7")
                # The rows are held, and nothing comes from that side any more.
                assert other.paces.allot(wanted, 0).allotment.slots

        with pytest.raises(LedgerError):
            sleep_in_a_transaction()
        assert {row["pauses"] for row in query(other, "SELECT pauses FROM paces")} == {0}
        assert frozen.paces.allot(wanted, 0) is not None, "woken, it goes on with a new session"


def test_a_load_may_think_between_two_statements(postgres_url: str) -> None:
    """It is one transaction, and hashing a batch's attachments takes as long as it takes."""
    with open_ledger(postgres_url) as ledger:
        assert query(ledger, SETTING) == [{"shown": "10s"}]
        with ledger.load(new_run("giugno"), NOW) as loading:
            shown = ledger.database.execute(loading._connection, SETTING).scalar_one()
            assert shown == "0"
            loading.add([(1, "k", "a@x.example", '["k"]', b"d" * 32, None, None)])
        assert query(ledger, SETTING) == [{"shown": "10s"}]
