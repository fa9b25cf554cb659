"""Causes and stragglers: what notices' texts say is recorded; what is late is asked for, one by one."""

from __future__ import annotations

import pytest
from support.errands import HOUR, bench
from support.inboxes import BOX
from support.ledgers import query

from bulk_pec.domain.causes import Cause
from bulk_pec.ledger.inbox.kept import MOST_MISSES
from bulk_pec.ledger.ledger import Ledger

pytestmark = pytest.mark.anyio

FAILING = (
    "mancata-utente-sconosciuto",
    "mancata-utente-revocato",
    "mancata-casella-piena",
    "mancata-casella-disabilitata",
    "mancata-dominio-inesistente",
    "mancata-virus",
    "non-accettata-virus",
    "non-accettata",
)
CAUSES = [
    "unknown_user",
    "revoked_user",
    "mailbox_full",
    "disabled",
    "unknown_domain",
    "virus",
    "virus",
    "formal_error",
]


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"single_as_list": True, "quoted_names": True, "date_comments": True, "other_keys": True},
        {"shifting_ids": True, "page_base": 0, "newest_first": False, "broken_text": True},
    ],
)
async def test_each_notice_tells_its_cause(ledger: Ledger, shape: dict[str, bool]) -> None:
    """However the provider shows them: the texts are read once, and the message has the cause."""
    async with bench(ledger, *FAILING, "mario", **shape) as desk:
        await desk.send_all()
        await desk.harvest()
        done = await desk.do()
        assert (done.causes, done.problems) == (len(FAILING), [])
        assert [desk.message(row)["cause"] for row in range(1, 10)] == [*CAUSES, None]
        assert ledger.causes.of(desk.run)[Cause.VIRUS] == 2
        assert (await desk.do()).causes == 0, "once"
        reasons = {row.row: row.reason for row in ledger.views.rows(desk.run)}
        assert reasons[1] == "not delivered: unknown user"
        assert reasons[7] == "not accepted by the sender's provider: a virus was found"
        assert reasons[9] is None


async def test_a_start_reads_no_more_than_it_may(ledger: Ledger) -> None:
    """So many texts a start, the newest notices first; the rest is left to the next one."""
    async with bench(ledger, *FAILING[:4]) as desk:
        await desk.send_all()
        await desk.harvest()
        errands = desk.start(notices=3)
        boxes = {desk.box: BOX}
        assert (await errands.run(desk.run, boxes)).causes == 3
        assert (await errands.run(desk.run, boxes)).causes == 0, "the start's share is used up"
        assert len(desk.receipts("cause IS NULL AND kind = 'undelivered'")) == 1
        assert (await desk.do()).causes == 1


async def test_a_mail_that_took_the_id_is_not_read_for_it(ledger: Ledger) -> None:
    """Where ids shift, the notice is looked for by its reference, and ids are trusted no more."""
    async with bench(ledger, "mario", "mancata-casella-piena", shifting_ids=True) as desk:
        await desk.foreign(text="Notizie: utente sconosciuto")
        await desk.send_all()
        await desk.harvest()
        (first,) = desk.receipts("kind = 'foreign'")
        assert await desk.listing.delete(BOX, first["item_id"])
        assert (await desk.do()).causes == 1
        assert desk.message(2)["cause"] == "mailbox_full"
        (box,) = query(ledger, "SELECT ids_moved_at FROM mailboxes")
        assert box["ids_moved_at"] is not None


async def test_a_text_that_is_gone_is_not_looked_for_for_ever(ledger: Ledger) -> None:
    """Somebody deleted the notice: it is looked for once a start, some starts long, then is `other`."""
    async with bench(ledger, "mancata", "mancata-casella-piena") as desk:
        await desk.send_all()
        await desk.harvest()
        (gone,) = desk.receipts(f"kind = 'undelivered' AND message = {desk.run.first_id}")
        assert await desk.listing.delete(BOX, gone["item_id"])
        for _ in range(MOST_MISSES):
            errands = desk.start()
            await errands.run(desk.run, {desk.box: BOX})
            await errands.run(desk.run, {desk.box: BOX})
        misses = {one["message"]: one["misses"] for one in desk.receipts("kind = 'undelivered'")}
        assert misses == {desk.run.first_id: MOST_MISSES, desk.run.first_id + 1: 0}
        assert (desk.message(1)["cause"], desk.message(2)["cause"]) == (None, "mailbox_full")
        assert (await desk.do()).causes == 1
        assert desk.message(1)["cause"] == "other"


async def test_a_provider_that_fails_leaves_them_to_the_next_start(ledger: Ledger) -> None:
    """Nothing is counted against the notices; the problem is told, and the next start reads them."""
    async with bench(ledger, *FAILING[:4]) as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.fault("500-before", on="item", count=None)
        done = await desk.do()
        assert [address for address, _ in done.problems] == [BOX.address]
        assert done.error is not None
        assert {one["misses"] for one in desk.receipts()} == {0}
        assert (await desk.http.delete("/_sandbox/faults")).status_code == 200
        assert (await desk.do()).causes == 4


async def test_a_later_delivery_is_not_spoilt_by_a_cause(ledger: Ledger) -> None:
    """A message that was late and then delivered keeps its notices' cause, and its reason is none."""
    async with bench(ledger, "tempo-massimo-poi-consegna") as desk:
        await desk.send_all()
        desk.wait(26 * HOUR)
        await desk.harvest()
        assert (await desk.do()).causes == 2
        assert (desk.message(1)["cause"], desk.message(1)["delivery"]) == ("too_late", "delivered")
        assert ledger.causes.of(desk.run) == {}
        assert [row.reason for row in ledger.views.rows(desk.run)] == [None]


async def test_stragglers_are_asked_for_once_a_day(ledger: Ledger) -> None:
    """Six hours without a receipt: it is asked for by its message_id, and what comes back is folded."""
    async with bench(ledger, "mario", "muta", "anna") as desk:
        await desk.send_all()
        desk.wait(5 * HOUR)
        assert (await desk.do()).asked == 0, "not late yet"
        desk.wait(HOUR)
        done = await desk.do()
        assert (done.asked, done.found) == (3, 4)
        assert [desk.message(row)["delivery"] for row in (1, 2, 3)] == ["delivered", "none", "delivered"]
        assert (await desk.do()).asked == 0, "today"
        desk.wait(25 * HOUR)
        assert (await desk.do()).asked == 1
        await desk.harvest()
        assert len(desk.receipts("message IS NOT NULL")) == 4, "the walk finds the same receipts"
        desk.wait(20 * 24 * HOUR)
        assert (await desk.do()).asked == 0, "no more"


async def test_what_is_accepted_has_more_time(ledger: Ledger) -> None:
    """An accepted message is late 26 hours after its acceptance, also when it is called overdue by then."""
    async with bench(ledger, "non-pec", "ritardo-30h") as desk:
        await desk.send_all()
        await desk.harvest()
        desk.wait(25 * HOUR)
        assert (await desk.do()).asked == 0
        desk.wait(6 * HOUR)
        ledger.inbox.mark_overdue(desk.run, desk.clock.now() - 26 * 3_600_000, desk.clock.now())
        done = await desk.do()
        assert (done.asked, done.found) == (2, 1)
        assert [desk.message(row)["delivery"] for row in (1, 2)] == ["overdue", "delivered"]


async def test_a_shared_token_is_not_asked_for(ledger: Ledger) -> None:
    """Two messages of the mailbox with one message_id: which receipts are whose is left to the references."""
    async with bench(ledger, "mario", "anna") as desk:
        await desk.send_all()
        with ledger.database.transaction() as connection:
            ledger.database.execute(connection, "UPDATE messages SET message_id = '2026112320150001'")
        desk.wait(7 * HOUR)
        done = await desk.do()
        assert (done.asked, done.found) == (0, 0)
        assert [desk.message(row)["delivery"] for row in (1, 2)] == ["none", "none"]


async def test_another_message_under_the_token_is_not_taken(ledger: Ledger) -> None:
    """What comes back must carry the message's own reference."""
    async with bench(ledger, "mario", "anna") as desk:
        other = await desk.send(1)
        desk.wait(1)
        await desk.send(2)
        with ledger.database.transaction() as connection:
            ledger.database.execute(
                connection, "UPDATE messages SET message_id = NULL WHERE id = :id", id=desk.run.first_id
            )
            ledger.database.execute(
                connection,
                "UPDATE messages SET message_id = :other WHERE id = :id",
                other=other,
                id=desk.run.first_id + 1,
            )
        desk.wait(7 * HOUR)
        done = await desk.do()
        assert (done.asked, done.found) == (1, 0)
        assert [desk.message(row)["delivery"] for row in (1, 2)] == ["none", "none"]
