"""The body of POST /send, and the masking of what it holds."""

from __future__ import annotations

import base64
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.domain.errors import ConfigError
from bulk_pec.domain.letters import Attachment, Letter, Mailbox, Secret
from bulk_pec.provider import payload
from bulk_pec.provider.address import checked_base_url
from bulk_pec.provider.veil import LONGEST, Veil

MAILBOX = Mailbox("ufficio@example.com", Secret("user"), Secret('pa"ss\\wörd'))
# What can be encoded: any character but halves of surrogate pairs.
TEXT = st.text(st.characters(codec="utf-8"))


def encoded(letter: Letter) -> dict[str, object]:
    """The body that sends it, read back."""
    value = json.loads(payload.encode(MAILBOX, letter))
    assert isinstance(value, dict)
    return value


def test_one_recipient_is_a_text_and_several_are_an_array() -> None:
    """The vendor takes both; one address is one text."""
    assert encoded(Letter(("a@example.org",), "s", "b"))["recipient"] == "a@example.org"
    two = encoded(Letter(("a@example.org", "b@example.org"), "s", "b"))
    assert two["recipient"] == ["a@example.org", "b@example.org"]


def test_without_attachments_the_key_is_left_out() -> None:
    """The vendor's schema refuses an empty list."""
    assert "attachments" not in encoded(Letter(("a@example.org",), "s", "b"))


@given(subject=TEXT, body=TEXT, files=st.lists(st.tuples(TEXT, TEXT, st.binary()), min_size=1, max_size=3))
def test_everything_comes_back_as_it_was(
    subject: str, body: str, files: list[tuple[str, str, bytes]]
) -> None:
    """Whatever the texts hold, the body is JSON, and each attachment is a data URI of its bytes."""
    attachments = tuple(Attachment(name, mime, "", base64.b64encode(data)) for name, mime, data in files)
    assert encoded(Letter(("a@example.org",), subject, body, attachments)) == {
        "sender": MAILBOX.address,
        "recipient": "a@example.org",
        "subject": subject,
        "body": body,
        "username": "user",
        "password": 'pa"ss\\wörd',
        "attachments": [
            {"name": name, "file": f"data:{mime};base64,{base64.b64encode(data).decode()}"}
            for name, mime, data in files
        ],
    }


@pytest.mark.parametrize(
    "spelling",
    ['pa"ss\\wörd', json.dumps('pa"ss\\wörd', ensure_ascii=False), "pa%22ss%5Cw%C3%B6rd", "cGEic3NcYXfDtnJk"],
)
def test_a_secret_is_masked_in_every_spelling(spelling: str) -> None:
    """As it is, as JSON, percent-encoded, in base64."""
    secret = base64.b64decode(spelling).decode() if spelling.startswith("cGE") else 'pa"ss\\wörd'
    shown = Veil(Secret(secret))(f"you sent <{spelling}>")
    assert "***" in shown
    assert not any(part in shown for part in ("wörd", "w%C3", "cGE"))


@pytest.mark.parametrize(
    "spelling",
    [
        r"l\u00e8/d'\u00e9\ud83d\udd11<&",
        r"l\u00e8\/d'\u00e9\ud83d\udd11<&",
        r"l\u00E8\/d'\u00E9\uD83D\uDD11<&",
        r"l\u00e8/d'\u00e9\ud83d\udd11\u003c\u0026",
        r"l\u00e8\/d\u0027\u00e9\ud83d\udd11\u003C\u0026",
        "lè/d&#039;é🔑&lt;&amp;",
        "lè/d&#39;é🔑&lt;&amp;",
        "lè/d&#x27;é🔑&lt;&amp;",
        "lè/d&apos;é🔑&lt;&amp;",
        "lè/d'é🔑&lt;&amp;",
        r"l\u00e8\/d&#039;\u00e9\ud83d\udd11&lt;&amp;",
        "l%C3%A8%2Fd%27%C3%A9%F0%9F%94%91%3C%26",
        "l%C3%A8%2Fd'%C3%A9%F0%9F%94%91%3C%26",
        "l%c3%a8%2fd%27%c3%a9%f0%9f%94%91%3c%26",
    ],
)
def test_a_secret_is_masked_in_the_spellings_of_other_languages(spelling: str) -> None:
    """PHP's json_encode and htmlspecialchars, Go's json, JavaScript's and lower-case percent escapes."""
    assert Veil(Secret("lè/d'é🔑<&"))(f"you sent [{spelling}]") == "you sent [***]"


def test_a_secret_that_tidying_brings_to_light_is_masked() -> None:
    """Line ends become blanks; the secret they broke is masked all the same."""
    assert Veil(Secret("two words"))("you sent two\r\n  words!") == "you sent ***!"


def test_a_secret_where_the_text_is_cut_leaves_no_half() -> None:
    """Masking comes before the cut."""
    assert "secret" not in Veil(Secret("secretsecret"))("x" * (LONGEST - 7) + "secretsecret")


def test_a_blank_secret_masks_nothing() -> None:
    """An empty secret is in every text."""
    assert Veil(Secret(""), Secret("  "))("as it was") == "as it was"


def test_the_address_is_not_masked_when_it_is_the_user_name() -> None:
    """A user name that equals the address is known to everyone who reads the report."""
    mailbox = Mailbox("a@example.com", Secret("A@example.com"), Secret("pw1234"))
    assert Veil.over(Secret("tok"), mailbox)("a@example.com tok pw1234") == "a@example.com *** ***"


@given(st.text(), st.text(min_size=1))
def test_a_veiled_text_is_short_and_printable(text: str, secret: str) -> None:
    """500 characters at most, and nothing in it that moves a cursor or a reading direction."""
    shown = Veil(Secret(secret))(text)
    assert len(shown) <= LONGEST
    assert shown.isprintable()


def test_a_veil_shows_no_secret_itself() -> None:
    """Neither its repr nor its attributes hold a plain secret."""
    veil = Veil(Secret("hush-hush"))
    veil("anything")
    assert "hush" not in repr(veil)
    assert not any("hush" in repr(getattr(veil, name)) for name in Veil.__slots__)


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://ws.example.com", "https://ws.example.com"),
        ("https://ws.example.com/", "https://ws.example.com"),
        (" https://ws.example.com/v1/ ", "https://ws.example.com/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_base_urls_that_are_taken(url: str, checked: str) -> None:
    """TLS to anywhere; plain HTTP to this machine only."""
    assert checked_base_url(url) == checked


@pytest.mark.parametrize(
    "url",
    [
        *("http://ws.example.com", "http://192.0.2.7", "http://localhost.example.com", "http://0.0.0.0"),
        *(
            "ftp://ws.example.com",
            "ws.example.com",
            "",
            "https://",
            "https:///send",
            "https://x.example:99999",
        ),
        *("https://x.example?a=b", "https://x.example#a", "https://user:hush@x.example", "https://[::1"),
    ],
)
def test_base_urls_that_are_refused(url: str) -> None:
    """A body with credentials goes nowhere in the clear; a URL holds no credentials; and none is shown."""
    with pytest.raises(ConfigError) as refused:
        checked_base_url(url)
    assert "hush" not in str(refused.value)


def test_a_large_attachment_costs_one_copy() -> None:
    """Twenty megabytes are spliced in as they are: no second encoding, no text, no copy beside the body."""
    attachment = Attachment("a.pdf", "application/pdf", "", base64.b64encode(bytes(20_000_000)))
    letter = Letter(("a@example.org",), "s", "b", (attachment,))
    tracemalloc.start()
    try:
        body = payload.encode(MAILBOX, letter)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(body) + 1_000_000
    assert body.count(attachment.base64) == 1
