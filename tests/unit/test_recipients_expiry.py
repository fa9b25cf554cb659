"""When a row expires."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from bulk_pec.recipients import ListOptions, open_list
from bulk_pec.recipients.expiry import moment

ROME = ZoneInfo("Europe/Rome")


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("cell", "when"),
    [
        ("2026-12-31", "2026-12-31T23:59:59.999+01:00"),
        ("31/12/2026", "2026-12-31T23:59:59.999+01:00"),
        ("1/7/2026", "2026-07-01T23:59:59.999+02:00"),
        ("2026-07-01T18:00", "2026-07-01T18:00:00+02:00"),
        ("2026-07-01 18:00:30", "2026-07-01T18:00:30+02:00"),
        ("2026-07-01T18:00:30.123456", "2026-07-01T18:00:30.123+02:00"),
        ("2026-07-01T18:00Z", "2026-07-01T18:00:00+00:00"),
        ("2026-07-01T18:00:00-05:00", "2026-07-01T18:00:00-05:00"),
        ("01/07/2026 9:30", "2026-07-01T09:30:00+02:00"),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00"),  # comes twice: the first is meant
        ("2028-02-29", "2028-02-29T23:59:59.999+01:00"),
    ],
)
def test_a_date_is_read(cell: str, when: str) -> None:
    """ISO dates and times, and dd/mm/yyyy; a date means the end of that day in the zone."""
    assert moment(cell, ROME) == _ms(when)


@pytest.mark.parametrize(
    "cell",
    [
        *("", "boh", "31/12/26", "2026-13-01", "31/02/2026", "2027-02-29", "2026-12-31T25:00", "46387"),
        *("2026-12-31x", "2026-W01-1", "20261231", "12/31/2026", "0000-01-01", "2026-12-31T18", "٣١/12/2026"),
        *("2026-12-31T18:00+99:00", "31-12-2026"),
    ],
)
def test_what_is_no_date_is_none(cell: str) -> None:
    """Other forms are not guessed at: 12/11/26 and Excel's day numbers may mean several things."""
    assert moment(cell, ROME) is None


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_the_first_and_last_years_are_read(year: str) -> None:
    """At the ends of the calendar nothing overflows."""
    assert moment(f"{year}-12-31", ZoneInfo("Pacific/Kiritimati")) is not None
    assert moment(f"01/01/{year}", ZoneInfo("Pacific/Pago_Pago")) is not None


def test_each_row_has_its_expiry(tmp_path: Path) -> None:
    """Beside the rows that stay, in their order: ms, UTC, or never; what cannot be read is invalid."""
    path = tmp_path / "list.csv"
    path.write_text(
        "pec;Scadenza\na@x.example;31/12/2026\nb@x.example;domani\nc@x.example;\u00a0\n"
        "o'd@x.example; 2026-12-31T10:00 \ne@x.example\nf@x.example;2026-12-31\n",
        encoding="utf-8",
    )
    (batch,) = open_list(path, ListOptions(expires_at_column="scadenza", timezone="UTC")).batches()
    end = _ms("2026-12-31T23:59:59.999+00:00")
    assert [row[0] for row in batch.rows] == [1, 3, 4, 6]
    assert batch.expires == [end, None, _ms("2026-12-31T10:00:00+00:00"), end]
    problem = batch.set_aside[0].problems[0]
    assert (problem.column, problem.value) == ("Scadenza", "domani")
    assert "no date" in problem.what
    assert "31/12/2026" in problem.todo


def test_without_such_a_column_nothing_expires(tmp_path: Path) -> None:
    """There is still one entry a row, so that the two can be walked together."""
    path = tmp_path / "list.csv"
    path.write_text("pec;n\na@x.example;1\nrotto;2\nb@x.example;3\n", encoding="utf-8")
    (batch,) = open_list(path, ListOptions()).batches()
    assert batch.expires == [None, None]


def test_parquet_dates_and_times_are_read(tmp_path: Path) -> None:
    """As the texts they become."""
    day = datetime(2026, 12, 31, 10, 0, tzinfo=UTC)
    frame = pl.DataFrame({"pec": ["a@x.example"], "giorno": [day.date()], "ora": [day]})
    frame.write_parquet(tmp_path / "list.parquet")
    for column, when in (("giorno", "2026-12-31T23:59:59.999+01:00"), ("ora", "2026-12-31T10:00:00+00:00")):
        (batch,) = open_list(tmp_path / "list.parquet", ListOptions(expires_at_column=column)).batches()
        assert batch.expires == [_ms(when)]
