"""Reading what the provider writes, in every form that sources and clients report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.domain.inbox import InboxItem, InboxPage, Quota
from bulk_pec.provider.parsing import (
    DEEPEST,
    as_count,
    decode,
    form_decoded,
    milliseconds,
    page_of,
    quota_of,
    text_of,
)

ROW: dict[str, Any] = {
    "sender": "posta-certificata@example.com",
    "recipient": "ufficio@example.com",
    "date": "Wed, 26 Aug 2020 10:00:35 +0200",
    "object": "ACCETTAZIONE: Prova 2020082610003492",
    "id": 1,
}
AT = 1598428835000
EMPTY = InboxPage((), None, None, None)


def page(*rows: object, **more: object) -> InboxPage | None:
    """The page of an envelope that holds these rows."""
    return page_of({"data": list(rows), "success": True, "message": "", **more})


def only(**change: object) -> InboxItem:
    """The one item of a page whose row is changed so."""
    found = page(ROW | change)
    assert found is not None
    return found.items[0]


def test_the_documented_page() -> None:
    """Items, total, page and number of pages as the vendor's document shows them."""
    found = page(ROW, total=981, page=39, n_of_pages=39)
    item = InboxItem("1", ROW["sender"], ROW["object"], ROW["date"], AT)
    assert found == InboxPage((item,), 981, 39, 39)


@pytest.mark.parametrize("key", ["subject", "object"])
def test_the_subject_under_either_key(key: str) -> None:
    """`object` and `subject` are the same field."""
    row = {name: value for name, value in ROW.items() if name != "object"} | {key: "CONSEGNA: x"}
    found = page(row)
    assert found is not None
    assert found.items[0].subject == "CONSEGNA: x"


@pytest.mark.parametrize("key", ["date", "data"])
def test_the_date_under_either_key(key: str) -> None:
    """`data` is Italian for date; GET /send/{id} uses it."""
    row = {name: value for name, value in ROW.items() if name != "date"} | {key: ROW["date"]}
    found = page(row)
    assert found is not None
    assert found.items[0].at == AT


@pytest.mark.parametrize("key", ["sender", "object", "date", "id", "recipient"])
def test_any_field_may_be_null_or_absent(key: str) -> None:
    """A null field is empty text, and so is one that is not there."""
    without = {name: value for name, value in ROW.items() if name != key}
    assert page(ROW | {key: None}) == page(without)


def test_a_null_gives_way_to_the_other_spelling() -> None:
    """`date: null` beside a filled `data` is the date in `data`."""
    assert only(date=None, data=ROW["date"]).at == AT


def test_names_stay_as_listed() -> None:
    """Quotes and trailing blanks are kept: whoever classifies looks at the text as it came."""
    assert only(sender='"Per conto di: x@example.com" ').sender == '"Per conto di: x@example.com" '


def test_a_subject_is_decoded_and_collapsed() -> None:
    """RFC 2047 words are read, runs of blanks become one."""
    assert only(object="=?utf-8?q?CONSEGNA=3A_perch=C3=A9?=   x").subject == "CONSEGNA: perché x"


@pytest.mark.parametrize(("given_id", "text"), [(7, "7"), ("7", "7"), (" 7 ", "7"), (7.0, "7"), (None, "")])
def test_an_id_is_text(given_id: object, text: str) -> None:
    """Numbers become their digits."""
    assert only(id=given_id).item_id == text


@pytest.mark.parametrize(
    "reply",
    [
        {"success": False, "message": "Result empty"},
        {"success": False, "message": "Email not found"},
        {"success": True, "message": "", "data": []},
        {"success": True, "message": "", "data": None},
        {"success": True, "message": "", "data": {}},
        {"success": True, "message": ""},
        {"data": ""},
        [],
    ],
    ids=str,
)
def test_nothing_there_is_an_empty_page(reply: object) -> None:
    """An answer of "Result empty", an empty or null list: a page without items."""
    assert page_of(reply) == EMPTY


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        "text",
        12,
        {"error": "x"},
        {"success": False, "message": "MySQL Error 2006"},
        {"success": False},
        {"success": True, "data": "oops"},
        {"success": True, "data": False},
        {"success": True, "data": ["x", "y"]},
        {"success": True, "data": [ROW, 12]},
    ],
    ids=str,
)
def test_what_is_no_page_is_never_taken_for_an_empty_one(reply: object) -> None:
    """An empty page ends a walk through the inbox; a failure must not."""
    assert page_of(reply) is None


def test_a_list_that_came_as_an_object() -> None:
    """PHP writes a list whose keys have gaps as an object; a single mail may come without a list."""
    listed = page(ROW, ROW | {"id": 2})
    assert page_of({"success": True, "data": {"0": ROW, "2": ROW | {"id": 2}}}) == listed
    assert page_of({"success": True, "data": ROW}) == page(ROW)
    assert page_of([ROW]) == page(ROW)


@pytest.mark.parametrize(
    ("value", "read"), [("981", 981), (981.0, 981), (None, None), ("x", None), (True, None)]
)
def test_a_total_may_be_written_as_text(value: object, read: int | None) -> None:
    """What cannot be read is None, never an error."""
    found = page(ROW, total=value)
    assert found is not None
    assert found.total == read


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Wed, 26 Aug 2020 10:00:35 +0200", AT),
        ("Wed, 26 Aug 2020 10:00:35 +0200 (CEST)", AT),
        ("Wed, 26 Aug 2020 10:00:35 (ora (legale)) +0200", AT),
        ("26 Aug 2020 10:00:35 +0200", AT),
        ("  Wed, 26 Aug 2020 08:00:35 GMT ", AT),
        ("Wed, 26 Aug 2020 08:00:35 -0000", AT),
        ("Wed, 26 Aug 2020 10:00:35 CEST", AT),
        ("Wed, 26 Aug 2020 09:00:35 CET", AT),
        ('"Wed, 26 Aug 2020 10:00:35 +0200" ', AT),
        ("2020-08-26T10:00:35+02:00", AT),
        ("2020-08-26 08:00:35", AT),
        ("", None),
        ("yesterday", None),
        ("Wed, 99 Aug 2020 10:00:35 +0200", None),
        ("Wed, 26 Aug 2020 10:00:35 +9999999999", None),
        ("Wed, 26 Aug 99999 10:00:35 +0200", None),
    ],
)
def test_dates(date: str, at: int | None) -> None:
    """RFC 2822 with or without comments and European zone names, or ISO; milliseconds, UTC."""
    assert milliseconds(date) == at


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "\\ud83d"}', {"a": "\ufffd"}),
        (b'{"a": "line\nline"}', {"a": "line\nline"}),
        (b'"{\\"a\\": 1}"', {"a": 1}),
        (b'"[1]"', [1]),
        (b'"12"', "12"),
        (b"<html></html>", None),
        (b"", None),
    ],
)
def test_bodies_that_are_not_quite_json(body: bytes, value: object) -> None:
    """Bad bytes, half surrogates, raw line ends, JSON in JSON: read as far as it makes sense."""
    assert decode(body) == value


def test_brackets_inside_a_text_do_not_count_as_depth() -> None:
    """One odd mail must not make a whole page unreadable."""
    odd = "[" * (DEEPEST * 3) + '"\\' + "{" * DEEPEST
    found = page_of(decode(json.dumps({"success": True, "data": [ROW | {"object": odd}]}).encode()))
    assert found is not None
    assert found.items[0].subject == odd


@pytest.mark.parametrize(
    ("data", "quota"),
    [
        ({"usage": 171012, "limit": 1048576}, Quota(171012.0, 1048576.0)),
        ({"usage": "1.5", "limit": "3"}, Quota(1.5, 3.0)),
        ([{"usage": 1, "limit": 2}], Quota(1.0, 2.0)),
        ({"usage": 1}, None),
        ({"usage": None, "limit": 2}, None),
        ({"usage": -1, "limit": 2}, None),
        ({"usage": True, "limit": 2}, None),
        (None, None),
        ([], None),
        ("x", None),
    ],
)
def test_a_quota(data: object, quota: Quota | None) -> None:
    """Two numbers, perhaps as text, perhaps in a list; anything less is no quota."""
    assert quota_of({"success": True, "data": data}) == quota


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("This+is%20a+body%0Aof+perch%C3%A9", "This is a body\nof perché"),
        ("bad%FFbyte", "bad\ufffdbyte"),
        ("2 + 2 = 4", "2 + 2 = 4"),
        ("100% sure", "100% sure"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_a_body_is_form_decoded_if_it_is_encoded(text: str, plain: str) -> None:
    """The document says form-urlencoded; a text with blanks in it is not."""
    assert form_decoded(text) == plain


@pytest.mark.parametrize("key", ["body", "message"])
@pytest.mark.parametrize("listed", [False, True])
def test_one_mail_with_its_text(key: str, listed: bool) -> None:
    """The text under either key, the mail alone or in a list of one."""
    row = ROW | {key: "Ricevuta+di+accettazione"}
    found = text_of({"success": True, "data": [row] if listed else row, "message": ""})
    assert found is not None
    (mail,) = found
    assert (mail.body, mail.subject, mail.at) == ("Ricevuta di accettazione", ROW["object"], AT)
    assert (mail.sender, mail.recipient) == (ROW["sender"], ROW["recipient"])


def test_a_mail_that_is_not_there_and_an_answer_that_is_none() -> None:
    """Nothing there is empty; nonsense is None."""
    assert text_of({"success": False, "message": "Message not found"}) == ()
    assert text_of([ROW]) is None
    assert text_of("x") is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (1, 1.0),
        ("1", 1.0),
        (" 12 ", 12.0),
        ("-3", -3.0),
        (True, None),
        ("1e3", None),
        ("", None),
        (10**20, None),
    ],
)
def test_a_count(value: object, count: float | None) -> None:
    """A number, perhaps as text; a boolean is none."""
    assert as_count(value) == count


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from([*ROW, "data", "success", "message"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_reply_makes_the_reading_fail(reply: object) -> None:
    """Whatever JSON comes, every reader gives a value."""
    page_of(reply)
    text_of(reply)
    assert quota_of(reply) is None or isinstance(reply, dict)


@given(st.binary())
def test_no_bytes_make_the_decoding_fail(body: bytes) -> None:
    """Whatever bytes come, there is a value; and text in it is clean Unicode."""
    value = decode(body)
    assert not isinstance(value, str) or value.encode()
