"""Durations, windows, and what every kind of setting allows."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bulk_pec.config import Settings, Window, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1800.0),
        ("26h", 93600.0),
        ("6s", 6.0),
        ("1h30m", 5400.0),
        ("1d12h", 129600.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
        ("2m5s", 125.0),
        (" 2h ", 7200.0),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    """Units add up, from days to milliseconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "30", 30, 1.5, None, True, "m", "-5m", "30 minutes", "5m1h", "1h1h", "1h 30m", "١h", "1h30", []],
)
def test_what_is_no_duration_is_refused_with_the_form(text: object) -> None:
    """A bare number is refused too, as its unit would be a guess; the error shows the form."""
    with pytest.raises(ValueError, match='"30m", "26h", "6s" or "1h30m"'):
        parse_duration(text)


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_adds_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    """Written out in full, any time span is read back exactly."""
    text = f"{days}d{hours}h{minutes}m{seconds}s"
    assert parse_duration(text) == ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def test_a_window_is_read_and_does_not_change() -> None:
    """A window over midnight keeps its two times, and is frozen."""
    window = Window.parse("20:00-06:00")
    assert window == Window(time(20), time(6))
    with pytest.raises(AttributeError):
        window.start = time(1)  # type: ignore[misc] # the point of the test: it cannot be assigned


@pytest.mark.parametrize(
    "text", ["", "20-06", "20:00", "24:00-06:00", "20:60-06:00", "20:00-20:00", 20, "8:00-9:00"]
)
def test_what_is_no_window_is_refused(text: object) -> None:
    """Times of day have two digits each, and a window has some length."""
    with pytest.raises(ValueError, match="must"):
        Window.parse(text)


@pytest.mark.parametrize(
    ("section", "key", "good", "bad"),
    [
        ("sending", "days", [["mon"], ["sat", "sun"]], [[], ["mon", "mon"], ["lun"], "mon", [1]]),
        ("sending", "timezone", ["Europe/Rome", "UTC"], ["Europe/Roma", "", "../etc/passwd", "Europe"]),
        ("sending", "concurrency", [1, 500, "8"], [0, -1, 1.5, True, "many"]),
        ("sending", "canary", [0, 50], [-1, True]),
        ("sending", "lease", ["1s"], ["0s", 15]),
        ("sending", "max_failure_share", [0, 0.2, 1], [-0.1, 1.01, 20, float("nan"), True]),
        ("api", "max_per_second", [0.1, 1, 50.0], [0, -1, float("inf"), float("nan"), True, "x"]),
        ("api", "timeout", [60, 0.5], [0, -3]),
        ("api", "base_url", ["https://ws.pecmassiva.com/", "http://127.0.0.1:8080"], ["ws.pecmassiva.com"]),
        (
            "api",
            "registry_url",
            ["https://pec.openapi.it"],
            ["ftp://x", "https://", "https://x/?a=1", "https://a b"],
        ),
        (
            "api",
            "company_url",
            ["https://company.openapi.com"],
            ["https://u:p@x/", "https://x:99999/", "https://[x"],
        ),
        ("api", "token_env", ["MY_TOKEN", "_T1"], ["", "my-token", "hunter2", "1A"]),
        ("recipients", "encoding", ["auto", "cp1252", "utf-8"], ["klingon", "", "a\x00b"]),
        ("recipients", "separator", ["auto", ";", "\t", "|"], ["", ";;", "x", '"', "\n", "tab"]),
        ("recipients", "on_duplicate", ["skip", "fail", "keep"], ["Skip", "drop"]),
        ("recipients", "key_column", ["numero"], ["", 3, "a\nb"]),
        ("recipients", "lookup", [True, False], ["perhaps", 7]),
        ("message", "subject", ["Avviso {{ n }}"], ["two\nlines", 3]),
        ("budget", "price_per_message", [0, 0.05], [-0.01, float("nan")]),
        ("budget", "max_cost", [500], [-1]),
        ("ledger", "url", ["sqlite:///x.db", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"], ["x.db"]),
        ("ledger", "url", ["sqlite+pysqlite:////abs.db"], ["sqlite://", "sqlite:///:memory:", "mysql://h/d"]),
        (
            "ledger",
            "url",
            ["sqlite:///a/b.db"],
            ["sqlite:///x.db?mode=ro", "postgres://h/d", "postgresql://"],
        ),
        ("observe", "healthcheck_url", ["", "https://example.com/x"], ["example.com"]),
    ],
)
def test_each_setting_takes_what_is_allowed_and_nothing_else(
    section: str, key: str, good: list[object], bad: list[object]
) -> None:
    """Good values load, bad ones are refused, whatever their type."""
    for value in good:
        Settings.model_validate({section: {key: value}})
    for value in bad:
        with pytest.raises(ValidationError):
            Settings.model_validate({section: {key: value}})


@pytest.mark.parametrize(
    "address", ["", "ufficio", "a b@example.com", "a@b@example.com", "a@example", "a@x.com\n"]
)
def test_a_mailbox_needs_an_address(address: str) -> None:
    """What is plainly no mail address is refused before anything is sent from it."""
    with pytest.raises(ValidationError):
        Settings.model_validate({"mailboxes": [{"address": address}]})
