"""GET /inbox, its pages, search and oddities; single items; the quota."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote_plus

import pytest
from sandbox.talking import HOUR, MAILBOX, Talk, talking

pytestmark = pytest.mark.anyio


async def _fill(talk: Talk, mails: int) -> list[str]:
    """So many mails, an ACCETTAZIONE each; the subjects, oldest first."""
    for number in range(mails):
        await talk.send("non-pec@example.org", subject=f"Avviso n. {number}")
        talk.sandbox.advance(1)
    talk.sandbox.advance(60)
    box = talk.sandbox.office.mailbox(MAILBOX)
    return [mail.subject for mail in box.search("")]


async def test_an_empty_inbox_is_an_empty_list() -> None:
    """200, not 404."""
    async with talking() as talk:
        page = await talk.inbox()
    assert page == {"success": True, "message": "", "data": [], "total": 0, "page": 1, "n_of_pages": 0}


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("newest_first", [True, False])
async def test_pages_hold_25_and_cover_the_inbox_once(base: int, newest_first: bool) -> None:
    """In either order and from either base; the page after the last is empty."""
    async with talking(page_base=base, newest_first=newest_first) as talk:
        mails = await _fill(talk, 53)
        pages = [await talk.subjects(page=base + number) for number in range(4)]
        first = await talk.inbox()
    assert [len(page) for page in pages] == [25, 25, 3, 0]
    shown = [subject for page in pages for subject in page]
    assert shown == (mails[::-1] if newest_first else mails)
    assert (first["page"], first["total"]) == (base, 53)


async def test_with_base_one_page_zero_equals_page_one() -> None:
    """And a page that is no number is the first one."""
    async with talking(page_base=1) as talk:
        await _fill(talk, 30)
        assert await talk.subjects(page=0) == await talk.subjects(page=1) == await talk.subjects(page="x")
        assert await talk.subjects(page=1) != await talk.subjects(page=2)


async def test_the_number_of_pages_is_rounded_down_as_in_the_vendor_s_sample() -> None:
    """981 mails made 39 pages there; 30 mails make one here, though there are two."""
    async with talking() as talk:
        await _fill(talk, 30)
        page = await talk.inbox(page=2)
    assert (page["n_of_pages"], len(page["data"])) == (1, 5)


@pytest.mark.parametrize(("offset", "total"), [(7, 10), (-2, 1), (-9, 0)])
async def test_the_total_can_be_wrong(offset: int, total: int) -> None:
    """It is never below zero."""
    async with talking(total_offset=offset) as talk:
        await _fill(talk, 3)
        page = await talk.inbox()
    assert (page["total"], len(page["data"])) == (total, 3)


async def test_new_mail_shifts_the_pages_of_a_walk() -> None:
    """Newest first: what ended page 1 is on page 2 once a mail has come."""
    async with talking() as talk:
        await _fill(talk, 30)
        last = (await talk.subjects(page=1))[-1]
        await _fill(talk, 1)
        assert (await talk.subjects(page=2))[0] == last


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("n. 2", 2),
        ("N. 21", 1),
        ("accettazione", 4),
        ("E: avviso n. 3", 1),
        (": ", 4),
        ("CITTÀ", 1),
        ("manca", 0),
        ("", 4),
    ],
)
async def test_q_searches_subjects_for_a_substring_in_any_case(query: str, found: int) -> None:
    """The whole subject counts: the receipt's words, the sender's subject and the id."""
    async with talking() as talk:
        for subject in ("Avviso n. 2", "Avviso n. 21", "Avviso n. 3", "Città"):
            await talk.send("non-pec@example.org", subject=subject)
        talk.sandbox.advance(60)
        page = await talk.inbox(q=query)
    assert page["total"] == len(page["data"]) == found


async def test_q_finds_a_message_by_its_id_and_pages_its_results() -> None:
    """Search and paging together."""
    async with talking() as talk:
        ids = [await talk.send("non-pec@example.org") for _ in range(60)]
        talk.sandbox.advance(60)
        by_id = await talk.inbox(q=ids[40])
        third = await talk.inbox(q="avviso", page=3)
    assert [item["object"].split()[-1] for item in by_id["data"]] == [ids[40]]
    assert (third["total"], len(third["data"])) == (60, 10)


async def test_a_single_item_has_a_form_urlencoded_body() -> None:
    """Its keys are the documented ones; an unknown id is 404."""
    async with talking() as talk:
        await talk.send(subject="Città")
        talk.sandbox.advance(60)
        listed = (await talk.inbox())["data"][0]
        answer = await talk.http.get(f"/inbox/{listed['id']}")
        missing = [await talk.http.get(f"/inbox/{each}") for each in ("99", "0", "x")]
    item = answer.json()["data"]
    assert item.keys() == {"sender", "recipient", "date", "object", "body"}
    assert {key: item[key] for key in ("sender", "recipient", "date", "object")} == {
        key: listed[key] for key in ("sender", "recipient", "date", "object")
    }
    assert " " not in item["body"]
    assert 'indirizzato a "mario@example.org" è stato consegnato' in unquote_plus(item["body"])
    assert [each.status_code for each in missing] == [404, 404, 404]
    assert missing[0].json()["message"] == "Message not found"


async def test_deleting_an_item_leaves_other_ids_alone() -> None:
    """By default an id stays; deleting what is not there is 200 too."""
    async with talking() as talk:
        await _fill(talk, 3)
        before = (await talk.inbox())["data"]
        deleted = await talk.http.delete(f"/inbox/{before[1]['id']}")
        again = await talk.http.delete(f"/inbox/{before[1]['id']}")
        after = (await talk.inbox())["data"]
    assert (deleted.status_code, again.status_code) == (200, 200)
    assert after == [before[0], before[2]]


async def test_ids_can_be_positions_that_shift_after_a_delete() -> None:
    """Then the id of a deleted mail names its younger neighbour, and a walk that keys on ids goes wrong."""
    async with talking(shifting_ids=True) as talk:
        await _fill(talk, 3)
        before = (await talk.inbox())["data"]
        assert [item["id"] for item in before] == [3, 2, 1]
        await talk.http.delete("/inbox/2")
        after = (await talk.inbox())["data"]
        second = (await talk.http.get("/inbox/2")).json()["data"]
        gone = await talk.http.get("/inbox/3")
    assert [(item["id"], item["object"]) for item in after] == [
        (2, before[0]["object"]),
        (1, before[2]["object"]),
    ]
    assert second["object"] == before[0]["object"]
    assert gone.status_code == 404


async def test_the_quota_grows_by_receipt_and_a_delivery_holds_the_original() -> None:
    """In KiB; deleting frees the room again."""
    attachment = [{"name": "a.bin", "file": "QUJD" * 100_000}]
    async with talking(receipt_bytes=4096, quota_used_kib=1000) as talk:
        empty = await talk.usage()
        message_id = await talk.send(attachments=attachment)
        talk.sandbox.advance(5)
        accepted = await talk.usage()
        talk.sandbox.advance(60)
        delivered = await talk.usage()
        await talk.http.delete(f"/send/{message_id}")
        freed = await talk.usage()
        limit = (await talk.http.get("/quota/inbox")).json()["data"]["limit"]
    assert (empty, accepted, freed) == (1000, 1004, 1000)
    assert delivered - accepted == pytest.approx(4 + 400_000 * 78 / 76 / 1024, abs=1)
    assert limit == 1_048_576


async def test_another_folder_is_refused() -> None:
    """Only INBOX is there."""
    async with talking() as talk:
        answer = await talk.http.get("/quota/Altro")
    assert (answer.status_code, answer.json()["success"]) == (400, False)


async def test_a_full_mailbox_loses_receipts_for_good() -> None:
    """Those that come while it is full; room made later does not bring them back."""
    async with talking(quota_kib=10, receipt_bytes=4096) as talk:
        first = await talk.send("non-pec@example.org")
        await talk.send("non-pec@example.org")
        await talk.send("non-pec@example.org")
        talk.sandbox.advance(60)
        receipts = (await talk.state())["receipts"]
        await talk.http.delete(f"/send/{first}")
        left = (await talk.inbox())["total"]
        await talk.send("non-pec@example.org")
        talk.sandbox.advance(60)
        later = (await talk.inbox())["total"]
    assert receipts == {"arrived": 2, "present": 2, "waiting": 0, "lost": 1}
    assert (left, later) == (1, 2)


async def _one(settings: dict[str, Any], subject: str = "Città e perché") -> dict[str, Any]:
    """The first item of an inbox shown with these oddities: mail number 1."""
    async with talking(**settings) as talk:
        await talk.send("non-pec@example.org", subject=subject)
        talk.sandbox.advance(60)
        (item,) = (await talk.inbox())["data"]
    return dict(item)


async def test_names_can_be_quoted_with_a_blank_behind() -> None:
    """As the vendor's sample shows some of them."""
    item = await _one({"quoted_names": True})
    assert item["recipient"] == f'"{MAILBOX}" '
    assert item["sender"] == '"posta-certificata@example.com" '


@pytest.mark.parametrize(
    ("start", "zone", "offset"),
    [
        (datetime(2026, 7, 1, 12, tzinfo=UTC), "(CEST)", 2),
        (datetime(2026, 12, 1, 12, tzinfo=UTC), "(CET)", 1),
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "(CET)", 1),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "(CEST)", 2),
        (datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), "(CEST)", 2),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "(CET)", 1),
    ],
)
async def test_dates_are_italian_local_time_with_a_comment_if_asked(
    start: datetime, zone: str, offset: int
) -> None:
    """RFC 2822, summer time included."""
    item = await _one({"start": start, "date_comments": True, "accepted_after": 0})
    assert item["date"].endswith(f"+0{offset}00 {zone}")
    assert parsedate_to_datetime(item["date"]) == start


async def test_every_second_date_has_the_comment() -> None:
    """So that both forms meet in one page."""
    async with talking(date_comments=True) as talk:
        await _fill(talk, 4)
        dates = [item["date"] for item in (await talk.inbox())["data"]]
    assert [date.endswith(")") for date in dates] == [False, True, False, True]


async def test_keys_can_be_the_other_ones() -> None:
    """Every second item of a list, a receipt or a single item; the values are the same."""
    async with talking(other_keys=True) as talk:
        message_id = await talk.send()
        talk.sandbox.advance(60)
        second, first = (await talk.inbox())["data"]
        single = (await talk.http.get("/inbox/1")).json()["data"]
        receipts = (await talk.http.get(f"/send/{message_id}")).json()["data"]
    assert first.keys() == {"sender", "recipient", "data", "subject", "id"}
    assert second.keys() == {"sender", "recipient", "date", "object", "id"}
    assert single.keys() == {"sender", "recipient", "data", "subject", "message"}
    assert receipts[0].keys() == {"sender", "recipient", "date", "subject", "body"}
    assert receipts[1].keys() == {"sender", "recipient", "data", "object", "message"}


async def test_text_can_be_broken() -> None:
    """Characters beyond ASCII become U+FFFD, as in the vendor's sample."""
    item = await _one({"broken_text": True})
    assert item["object"].startswith("ACCETTAZIONE: Citt\ufffd e perch\ufffd ")


async def test_subjects_can_be_encoded_words() -> None:
    """RFC 2047; q still searches what they say."""
    item = await _one({"encoded_subjects": True})
    assert item["object"].isascii()
    assert str(make_header(decode_header(item["object"]))).startswith("ACCETTAZIONE: Città e perché ")
    plain = await _one({"encoded_subjects": True}, subject="Avviso")
    assert plain["object"].startswith("ACCETTAZIONE: Avviso ")


async def test_fields_can_be_null() -> None:
    """Those asked for, the others not."""
    item = await _one({"null_fields": ("date", "recipient", "body")})
    assert (item["date"], item["recipient"]) == (None, None)
    assert item["sender"] is not None
    assert "body" not in item


async def test_a_single_item_can_be_a_list_of_one() -> None:
    """As one client saw it."""
    async with talking(single_as_list=True) as talk:
        await _fill(talk, 1)
        data = (await talk.http.get("/inbox/1")).json()["data"]
    assert [item["object"].partition(":")[0] for item in data] == ["ACCETTAZIONE"]


async def test_many_receipts_are_paged_in_the_order_of_their_dates() -> None:
    """Acceptances and deliveries interleave, and none is shown twice or left out."""
    async with talking(newest_first=False, start=datetime(2026, 1, 1, tzinfo=UTC)) as talk:
        for number in range(400):
            await talk.send("ritardo-1h@example.org" if number % 3 else "a@example.org")
        talk.sandbox.advance(2 * HOUR)
        total = (await talk.inbox())["total"]
        items = [
            item
            for page in range(1, math.ceil(total / 25) + 1)
            for item in (await talk.inbox(page=page))["data"]
        ]
    dates = [parsedate_to_datetime(item["date"]) for item in items]
    assert dates == sorted(dates)
    assert len({item["object"] for item in items}) == len(items) == total == 800
