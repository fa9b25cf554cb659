"""What a token says of itself."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.domain.letters import Secret
from bulk_pec.registry.tokens import claims, expires_at

_HEAD = {"alg": "HS256", "typ": "JWT"}


def _token(body: object, head: object = _HEAD) -> Secret:
    """A JWT with these claims; nobody checks its signature."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (head, body)
    ]
    return Secret(".".join([*parts, "c2lnbmF0dXJl"]))


@pytest.mark.parametrize("padded", ["a", "ab", "abc", "abcd", "~~~???"])
def test_a_jwt_says_when_it_ends(padded: str) -> None:
    """`exp` is in seconds; whatever the length of a part, and with base64url's own two letters."""
    token = _token({"exp": 1_900_000_000, "sub": padded})
    assert expires_at(token) == 1_900_000_000_000
    assert claims(token) == {"exp": 1_900_000_000, "sub": padded}


def test_a_fraction_of_a_second_is_taken() -> None:
    """RFC 7519 allows a number with decimals."""
    assert expires_at(_token({"exp": 1_900_000_000.5})) == 1_900_000_000_500


@pytest.mark.parametrize("exp", [None, "1900000000", True, [], {}, 0, -1, 1e300, 1_900_000_000_000_000])
def test_an_end_that_is_no_moment_is_none(exp: Any) -> None:
    """Nothing is made up of it."""
    assert expires_at(_token({"exp": exp})) is None


def test_a_jwt_without_an_end() -> None:
    """It has claims, and no end."""
    token = _token({"scopes": ["pec"]})
    assert claims(token) == {"scopes": ["pec"]}
    assert expires_at(token) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "64c0ffee64c0ffee64c0ffee",
        "a.b",
        "a.b.c",
        "..",
        "e30.e30.e30",
        "eyJhbGciOjF9.W10.x",
        "è.è.è",
        "a.b.c.d",
    ],
)
def test_an_opaque_token_says_nothing(token: str) -> None:
    """Most of this vendor's tokens are bare words."""
    assert claims(Secret(token)) is None
    assert expires_at(Secret(token)) is None


@given(st.text(), st.text(), st.text())
def test_whatever_a_token_holds_reading_it_raises_nothing(head: str, body: str, rest: str) -> None:
    """A token is the operator's, and may be anything."""
    assert expires_at(Secret(f"{head}.{body}.{rest}")) is None
