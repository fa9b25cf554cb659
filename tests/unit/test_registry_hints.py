"""What a callback's body may mean: an id, whatever stands around it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.registry.hints import MOST, Malformed, ids, readable

ID, OTHER = "6040e4613a716838dc4eee0e", "6040c9df3a716838dc4eede4"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
PARTS = "multipart/form-data; boundary=grenze"
MAILBOX = {
    "casella_pec": "ufficio@example.com",
    "stato": "evasa",
    "id": ID,
    "callback": {"data": {"id": "mine"}},
}


def _form(**fields: str) -> bytes:
    return urlencode(fields).encode()


def _parts(name: str, value: str) -> bytes:
    head = f'--grenze\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return f"{head}{value}\r\n--grenze--\r\n".encode()


def _nested(levels: int) -> bytes:
    """A form in a form in a form; its boundaries are numbers from 0 on."""
    heads = (
        f"--{level}\r\nContent-Type: multipart/a; boundary={level + 1}\r\n\r\n" for level in range(levels)
    )
    return "".join(heads).encode()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, _form(data=json.dumps(MAILBOX))),
        (f"{FORM}; charset=UTF-8", _form(data=json.dumps({"success": True, "data": MAILBOX}))),
        (FORM, _form(data=ID)),
        (FORM, _form(data=json.dumps(json.dumps(MAILBOX)))),
        (FORM, f"{quote_plus('data[id]')}={ID}&{quote_plus('data[stato]')}=evasa".encode()),
        (FORM, f"data[data][id]={ID}".encode()),
        (FORM, _form(other="x", data=json.dumps({"_id": {"$oid": ID}}))),
        (PARTS, _parts("data", json.dumps(MAILBOX))),
        (JSON, json.dumps(MAILBOX).encode()),
        (JSON.upper(), json.dumps({"data": MAILBOX}).encode()),
        (JSON, json.dumps({"data": json.dumps(MAILBOX)}).encode()),
        (JSON, json.dumps([MAILBOX]).encode()),
        (JSON, json.dumps({"data": ID}).encode()),
        (f"{JSON};charset=utf-8", json.dumps({"event": {"pec": MAILBOX}}).encode()),
    ],
)
def test_the_id_is_found_in_every_form_a_callback_may_take(kind: str, body: bytes) -> None:
    """A field with JSON or an id, PHP's nested fields, parts of a form, JSON with the field or without."""
    assert readable(kind)
    assert ids(kind, body, "data") == [ID]


def test_the_field_has_the_name_it_was_given() -> None:
    """The registration's `callback.field` says under which name the data come; another field is not it."""
    body = _form(esito=json.dumps(MAILBOX), data=json.dumps({"id": OTHER}))
    assert ids(FORM, body, "esito") == [ID]
    with pytest.raises(Malformed, match="field"):
        ids(FORM, body, "risposta")


def test_the_outermost_ids_come_first_and_a_few_are_enough() -> None:
    """An event may have an id of its own; each id costs a question, so not every one is asked about."""
    body = {"id": OTHER, "data": {"data": MAILBOX}, "more": [{"id": f"{ID}{number}"} for number in range(9)]}
    found = ids(JSON, json.dumps({"payload": body}).encode(), "data")
    assert found[0] == OTHER
    assert len(found) == MOST


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b""),
        (JSON, b"{"),
        (JSON, b"[1, 2]"),
        (JSON, b"\xff\xfe"),
        (JSON, b"[" * 60_000),
        (JSON, b'{"id": 12}'),
        (JSON, b'{"id": "../../pec"}'),
        (JSON, b'{"id": "' + b"a" * 65 + b'"}'),
        (
            JSON,
            b'{"data": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"id": "6040e4613a716838dc4eee0e"}}}}}}}}}',
        ),
        (FORM, b""),
        (FORM, b"data"),
        (FORM, b"data={"),
        (FORM, b"data=%7B%22id%22%3A"),
        (FORM, "dàta=x".encode()),
        (FORM, b"&".join(b"a=b" for _ in range(500))),
        (FORM, b"data=%FF%FE"),
        (PARTS, b"--grenze--"),
        (PARTS, b"nothing of that kind"),
        ("multipart/form-data", _parts("data", ID)),
        (PARTS, b"--grenze\r\n\r\n" * 500 + b"--grenze--"),
        (PARTS.replace("grenze", "0"), _nested(1_200)),
    ],
)
def test_a_malformed_body_is_refused_in_words_that_repeat_nothing_of_it(kind: str, body: bytes) -> None:
    """No id, broken JSON, endless nesting, too many fields, an id that would be a path."""
    with pytest.raises(Malformed) as caught:
        ids(kind, body, "data")
    assert len(str(caught.value)) < 30


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "application/octet-stream", "json"])
def test_other_kinds_are_not_readable(kind: str) -> None:
    """Only what the vendor documents: a form, or JSON."""
    assert not readable(kind)


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(ID),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "data", "x"]), inner),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from([FORM, JSON, PARTS]))
def test_whatever_comes_is_an_id_or_malformed(value: Any, kind: str) -> None:
    """Nothing else is ever raised, and what is found could not lead anywhere else in a URL."""
    text = json.dumps(value)
    body = {FORM: _form(data=text), JSON: text.encode(), PARTS: _parts("data", text)}[kind]
    try:
        found = ids(kind, body, "data")
    except Malformed:
        return
    assert found
    assert all(quote(one, safe="") == one and one.strip(".") for one in found)


@given(st.binary(max_size=300), st.sampled_from([FORM, JSON, PARTS, "multipart/form-data; boundary="]))
def test_any_bytes_are_an_id_or_malformed(body: bytes, kind: str) -> None:
    """Strangers send anything."""
    try:
        found = ids(kind, body, "data")
    except Malformed:
        return
    assert found
