"""Subjects: what is decoded of one, what of a receipt's is ours, and by what ours is known again."""

from __future__ import annotations

import unicodedata

import pytest

from bulk_pec.domain.subjects import LONGEST_TOKEN, decoded, parted, subject_digest

OURS = "Società: è così, perché no? Avviso n. 7"


@pytest.mark.parametrize(
    ("subject", "read"),
    {
        "=?utf-8?Q?CONSEGNA:_perch=C3=A9?=": "CONSEGNA: perché",
        "=?UTF-8*it?b?UGVyw7I=?=": "Però",
        "=?utf-8?Q?Per?= =?utf-8?Q?=C3=B2?=\r\n =?utf-8?Q?_no?=": "Però no",
        "=?utf-8?Q?Per=C3?= =?utf-8?Q?=B2?=": "Però",
        "=?iso-8859-1?Q?Per=F2?= =?utf-8?Q?=C3=A8?=": "Peròè",
        "A =?utf-8?Q?b?= c": "A b c",
        "=?utf-8?B?UGVy77+9?= =?utf-8?B?a?= =?utf-8?Q?x?=": "Per\ufffd=?utf-8?B?a?=x",
        "=?us-ascii?Q?Per=F2?=": "Per\ufffd",
        "=?x-nobody?Q?Per=F2_no?=": "Per\ufffd no\ufffd",
        "=?unicode_escape?Q?=5Cx41?=": "\\x41\ufffd",
        "=?rot13?Q?Per?=": "Per\ufffd",
        "=?utf-8?Q?come_va??= bene": "come va? bene",
        "=?utf-8?X?abc?=": "=?utf-8?X?abc?=",
    }.items(),
)
def test_each_word_is_read_by_itself(subject: str, read: str) -> None:
    """What one word hides, for its charset or its form, does not hide the others."""
    assert decoded(subject) == read


def test_the_token_is_the_whole_last_word() -> None:
    """Whatever it looks like; ids are opaque, and one may be the beginning of another."""
    assert parted("Avviso n. 7 202008261000349") == ("Avviso n. 7", "202008261000349")
    assert parted("Avviso n. 7 2020082610003492\N{ZERO WIDTH SPACE} ") == ("Avviso n. 7", "2020082610003492")
    assert parted("Avviso AB-7f/x") == ("Avviso", "AB-7f/x")
    assert parted("2020082610003492") == ("", "2020082610003492")
    assert parted("") == ("", None)
    assert parted("Avviso " + "9" * (LONGEST_TOKEN + 1))[1] is None


@pytest.mark.parametrize(
    "shown",
    [
        OURS.replace(" ", "\N{NO-BREAK SPACE} \t"),
        unicodedata.normalize("NFD", OURS),
        "".join(char if char.isascii() else "\N{REPLACEMENT CHARACTER}" for char in OURS),
        OURS.encode("ascii", "replace").decode(),
        OURS.encode().decode("latin-1"),
        OURS.upper(),
    ],
)
def test_our_subject_is_known_however_it_is_shown(shown: str) -> None:
    """Blanks, accents, case and what stands in the place of an accent do not change its digest."""
    assert subject_digest(shown) == subject_digest(OURS)


def test_another_subject_has_another_digest() -> None:
    """One letter or figure more, fewer or other makes it another subject."""
    others = [OURS[:-1], OURS[:-1] + "8", OURS + " bis", "CONSEGNA: " + OURS]
    assert len({subject_digest(text) for text in (OURS, *others)}) == len(others) + 1
