"""Dates as mails write them: the short way of reading one says what the long way says."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.provider.parsing import milliseconds

_MONTHS = ("Jan", "Feb", "Jun", "Dec", "Xyz")


@st.composite
def _dates(draw: st.DrawFn) -> str:
    """RFC 2822, or nearly: some are of no day, hour or zone that there is."""
    week = draw(st.sampled_from(["", "Mon, ", "Sun, ", "Foo, ", "mon, "]))
    day, month = draw(st.integers(0, 32)), draw(st.sampled_from(_MONTHS))
    year = draw(st.sampled_from([0, 1, 69, 1899, 1969, 1970, 2000, 2026, 9999]))
    hour, minute, second = (draw(st.integers(0, most)) for most in (25, 60, 61))
    zone = f"{draw(st.sampled_from('+-'))}{draw(st.integers(0, 9999)):04d}"
    return f"{week}{day} {month} {year:04d} {hour:02d}:{minute:02d}:{second:02d} {zone}"


def _long_way(date: str) -> int | None:
    try:
        moment = parsedate_to_datetime(date)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return None


@given(_dates())
def test_usual_dates_are_read_as_the_library_reads_them(date: str) -> None:
    """A date of the usual form, read by its minute and its seconds, is the moment the library gives it."""
    assert milliseconds(date) == _long_way(date)
    assert milliseconds(date) == _long_way(date), "and again, when its minute is known"
