"""No byte of a dossier can be changed, taken away or added without being found."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dossiers import bound

from bulk_pec.domain.errors import DossierRefused
from bulk_pec.reporting.dossier_check import Checked, check

WHOLE = bound(
    {"README.txt": b"leggimi\n", "message.json": b'{"key": "1"}\n', "letter/body.html": b"<p>x</p>"}
)


def checked(content: bytes) -> Checked:
    """Check these bytes as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zip"
        path.write_bytes(content)
        return check(path)


def refused(content: bytes) -> str:
    """Why these bytes are refused; that they are not is the failure."""
    with pytest.raises(DossierRefused) as caught:
        checked(content)
    return caught.value.what


def test_it_is_whole_before_it_is_changed() -> None:
    """What the tests below change is accepted as it is."""
    assert len(checked(WHOLE).files) == 4


def test_every_single_byte_counts() -> None:
    """Each byte in turn, flipped in its lowest and in its highest bit: all are refused."""
    for place in range(len(WHOLE)):
        for bit in (0x01, 0x80):
            changed = bytearray(WHOLE)
            changed[place] ^= bit
            assert refused(bytes(changed)), place


@given(place=st.integers(0, len(WHOLE) - 1), value=st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_is_refused(place: int, value: int) -> None:
    """Any other value in the place of any byte."""
    changed = bytearray(WHOLE)
    changed[place] ^= value
    assert refused(bytes(changed))


@given(place=st.integers(0, len(WHOLE)), some=st.binary(min_size=1, max_size=64))
@settings(max_examples=60, deadline=None)
def test_an_insertion_is_refused(place: int, some: bytes) -> None:
    """Anything put in anywhere: even a repetition of what stands there is one byte too many."""
    assert refused(WHOLE[:place] + some + WHOLE[place:])


@given(place=st.integers(0, len(WHOLE) - 1), count=st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_a_removal_is_refused(place: int, count: int) -> None:
    """Anything taken out anywhere."""
    assert refused(WHOLE[:place] + WHOLE[place + count :])


@given(first=st.integers(0, len(WHOLE) - 1), second=st.integers(0, len(WHOLE) - 1), count=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_two_places_exchanged_are_refused(first: int, second: int, count: int) -> None:
    """Parts of it in each other's place, unless they are the same."""
    changed = bytearray(WHOLE)
    one, other = changed[first : first + count], changed[second : second + count]
    if len(one) != len(other) or one == other or abs(first - second) < count:
        return
    changed[first : first + count], changed[second : second + count] = other, one
    assert refused(bytes(changed))
