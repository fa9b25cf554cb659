"""The plan: the document scripts read, and the text people read."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bulk_pec.config.values import Window
from bulk_pec.domain.calendar import Calendar
from bulk_pec.planning import (
    Kind,
    LetterFacts,
    ListFacts,
    MailboxLimits,
    Plan,
    RowProblem,
    Speed,
    Work,
    document,
    expiring,
    forecast,
    sentence,
    text,
)
from bulk_pec.planning.wording import human

ROME = ZoneInfo("Europe/Rome")
NIGHT = Window(time(20), time(6))
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
BOX = MailboxLimits("ufficio@pec.example.com")
NOW = int(datetime(2026, 11, 23, 12, tzinfo=ROME).timestamp()) * 1000
BAD = RowProblem(7, "pec", "is no address", "Correct it.", "rossi@@pec.example.it")
TWIN = RowProblem(8, None, "same key as row 2", "", kind=Kind.DUPLICATE)
ODD = RowProblem(9, None, "looks like a private mailbox", "Ask for the certified one.")


def plan(messages: int = 100, *, calendar: Calendar | None = None, **box: Any) -> Plan:
    """A plan of so many messages at night."""
    work = Work(messages, letter_bytes=2808, price=0.05, max_cost=box.pop("max_cost", None))
    found = forecast(
        work,
        Speed(1.01),
        calendar or Calendar("Europe/Rome", NIGHT),
        [MailboxLimits("ufficio@pec.example.com", **box)],
        NOW,
    )
    listed = ListFacts(
        "soci.csv",
        messages + 6,
        invalid=3,
        duplicate=2,
        suppressed=1,
        problems=[BAD],
        problems_total=4,
        warnings=[ODD],
        warnings_total=1,
        set_aside=[TWIN],
        set_aside_total=3,
        sample=["The first row:", "  numero  1"],
        columns=("numero", "pec"),
        address_column="pec",
        key_column="numero",
        expired=4,
        looked_up=2,
        guesses=["The addresses are in the column “pec”."],
    )
    return Plan(listed, LetterFacts(2_500_000, 12, 2000 * messages, 3, 5_000_000), found, expiring=5)


def test_the_document() -> None:
    """Every key of the document, with times in UTC; it is plain JSON."""
    found = document(plan(40_000, free_bytes=2**40, max_cost=5000.0, per_day=36_000))
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "schema": 1,
        "list": "soci.csv",
        "loaded_as": None,
        "guesses": ["The addresses are in the column “pec”."],
        "columns": {"names": ["numero", "pec"], "address": "pec", "key": "numero"},
        "rows": {
            "input": 40_006,
            "messages": 40_000,
            "invalid": 3,
            "duplicate": 2,
            "suppressed": 1,
            "to_look_up": 0,
            "looked_up": 2,
        },
        "problems": [
            {
                "row": 7,
                "column": "pec",
                "value": "rossi@@pec.example.it",
                "what": "is no address",
                "todo": "Correct it.",
            }
        ],
        "problems_total": 4,
        "warnings": [
            {
                "row": 9,
                "column": None,
                "value": "",
                "what": "looks like a private mailbox",
                "todo": "Ask for the certified one.",
            }
        ],
        "warnings_total": 1,
        "set_aside": [{"row": 8, "kind": "duplicate", "what": "same key as row 2"}],
        "set_aside_total": 3,
        "letters": {
            "largest_bytes": 2_500_000,
            "largest_row": 12,
            "total_bytes": 80_000_000,
            "attachments": 3,
            "attachments_bytes": 5_000_000,
        },
        "forecast": {
            "messages": 40_000,
            "left": 0,
            "cost": 2000.0,
            "max_cost": 5000.0,
            "nights": 2,
            "first": "2026-11-23T19:00:00Z",
            "end": "2026-11-24T20:06:39Z",
            "binding": "rate",
            "sentence": "40,000 messages at 1.01/s in 20:00–06:00: 2 nights, until 24 November; "
            "the rate binds.",
            "limits": {
                "max_per_second": 1.01,
                "window": "20:00-06:00",
                "days": None,
                "skip_holidays": False,
                "mailboxes": [
                    {
                        "address": "ufficio@pec.example.com",
                        "max_per_second": None,
                        "max_per_day": 36_000,
                        "max_per_month": None,
                        "max_per_year": None,
                    }
                ],
            },
            "calendar": [
                {
                    "date": "2026-11-23",
                    "opens": "2026-11-23T19:00:00Z",
                    "closes": "2026-11-24T05:00:00Z",
                    "messages": 36_000,
                    "binding": "rate",
                },
                {
                    "date": "2026-11-24",
                    "opens": "2026-11-24T19:00:00Z",
                    "closes": "2026-11-25T05:00:00Z",
                    "messages": 4000,
                    "binding": None,
                },
            ],
            "space": {"needed_bytes": 40_000 * (190 * 1024 + 2808), "free_bytes": 2**40},
            "expired": 4,
            "expiring": 5,
        },
    }


def test_an_empty_document_has_every_key_too() -> None:
    """With nothing to send first, end and binding are null and the calendar is empty."""
    found = document(plan(0))["forecast"]
    assert found.keys() == document(plan(10))["forecast"].keys()
    assert (found["first"], found["end"], found["binding"], found["calendar"]) == (None, None, None, [])
    assert found["space"] == {"needed_bytes": 0, "free_bytes": None}


def test_the_text() -> None:
    """Rows, problems, letters, calendar, money, space, and the one sentence at the end."""
    lines = text(plan(40_000, free_bytes=2**40, max_cost=5000.0, per_day=36_000)).splitlines()
    assert lines == [
        "List soci.csv",
        "The addresses are in the column “pec”.",
        "The first row:",
        "  numero  1",
        "     40,006 rows in the list",
        "          3   invalid",
        "          2   duplicates",
        "          1   suppressed",
        "     40,000 messages",
        "          2   with an address looked up by tax code",
        "          4   expired already",
        "Problems: 4",
        "  row 7, column pec “rossi@@pec.example.it”: is no address. Correct it.",
        "  … and 3 more",
        "Not sent: 3",
        "  row 8: same key as row 2.",
        "  … and 2 more",
        "Warnings: 1",
        "  row 9: looks like a private mailbox. Ask for the certified one.",
        "The largest message is that of row 12: 2.4 MiB. 3 different files are attached, "
        "4.8 MiB in all, each counted once.",
        "Limits of the mailboxes, in addresses:",
        "  ufficio@pec.example.com: 36,000 a day",
        "Calendar:",
        "  Mon 2026-11-23 20:00–06:00    36,000 messages; the rate binds",
        "  Tue 2026-11-24 20:00–06:00     4,000 messages; the last of them",
        "Cost: EUR 2,000.00 of at most EUR 5,000.00.",
        "The receipts need about 7.4 GiB of mailbox space (2.7 KiB a CONSEGNA for the message in it); "
        "1.0 TiB are free: enough.",
        "40,000 messages at 1.01/s in 20:00–06:00: 2 nights, until 24 November; the rate binds.",
    ]


def test_a_long_calendar_is_cut_in_the_text_only() -> None:
    """The first forty nights, the last one, and what lies between as one line; the document has all.

    So has the text where all is asked for.
    """
    found = plan(36_000 * 49 + 5)
    lines = text(found).splitlines()
    start = lines.index("Calendar:")
    assert lines[start + 41] == "  … 9 more: 324,000 messages"
    assert lines[start + 42].startswith("  Mon 2027-01-11 20:00–06:00         5 messages")
    assert len(document(found)["forecast"]["calendar"]) == 50
    assert len(text(found, whole=True).splitlines()) == len(lines) + 8


def test_everything_that_is_kept_is_shown_where_all_is_asked_for() -> None:
    """Twenty problems at first, and then all of them."""
    many = [replace(BAD, row=row) for row in range(1, 31)]
    found = plan()
    found = replace(found, listed=replace(found.listed, problems=many, problems_total=30))
    assert "  … and 10 more" in text(found).splitlines()
    told = text(found, whole=True).splitlines()
    assert [
        f"  row {row}, column pec “rossi@@pec.example.it”: is no address. Correct it." in told
        for row in (1, 20, 21, 30)
    ] == [True] * 4


def test_one_of_each_is_told_in_the_singular() -> None:
    """`1 row`, `1 duplicate`, `1 message`, `1 file is`."""
    found = plan(1)
    listed = ListFacts("soci.csv", 2, duplicate=1)
    told = text(replace(found, listed=listed, letters=LetterFacts(1000, 1, 1000, 1, 500))).splitlines()
    assert told[1:4] == [
        "          2 rows in the list",
        "          1   duplicate",
        "          1 message",
    ]
    assert "1 file is attached, 500 bytes in all, each counted once." in told[4]


def test_messages_that_expire_before_their_turn() -> None:
    """By night and by pace: 36,000 a night; the one that has until the moment of its turn is late, too."""
    found = plan(80_000).forecast
    first, second, third = (night.opens_ms for night in found.nights)
    cases = [
        (0, first + 1, 0),  # its turn is when the night opens
        (0, first, 1),
        (3600, first + 3_600_001, 0),
        (3600, first + 3_600_000, 1),
        (36_000, second - 1, 1),
        (36_000, second + 1, 0),
        (79_999, third, 1),
        (99_999, 0, 0),  # there is no such message to send
    ]
    for place, moment, late in cases:
        assert expiring(found, [(place, moment)]) == late, (place, moment)
    assert expiring(found, [(place, moment) for place, moment, _ in cases]) == 4


def test_too_little_space_is_said_loudly() -> None:
    """Evidence would be lost: the text says so, and how many can be sent."""
    told = text(plan(1000, free_bytes=50 * 2**20))
    assert "50.0 MiB are free: NOT ENOUGH." in told
    assert "; the mailbox space binds and " in told.splitlines()[-1]


def test_a_value_is_not_in_a_repr() -> None:
    """A row's value may be a person's address: a log that prints the problem does not show it."""
    assert "rossi" not in repr(BAD)


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        (Calendar("Europe/Rome"), "at 1.01/s: 1 day"),
        (Calendar("Europe/Rome", NIGHT, WORKDAYS), "in 20:00–06:00 from Monday to Friday: 1 night"),
        (Calendar("Europe/Rome", NIGHT, WORKDAYS, lambda _: False), "on working days: 1 night"),
        (Calendar("Europe/Rome", Window(time(8), time(18)), ["tue"]), "in 08:00–18:00 on Tuesday: 1 day"),
        (Calendar("Europe/Rome", None, ["tue", "mon", "sat"]), "on Monday, Tuesday and Saturday: 1 day"),
        (Calendar("Europe/Rome", NIGHT, ["tue"], lambda _: False), "on Tuesday, not on holidays: 1 night"),
        (Calendar("Europe/Rome", NIGHT, None, lambda _: False), "in 20:00–06:00, not on holidays: 1 night"),
    ],
)
def test_the_calendar_in_words(calendar: Calendar, said: str) -> None:
    """Nights are nights if the window crosses midnight; working days are Monday to Friday but holidays."""
    assert said in sentence(plan(10, calendar=calendar).forecast)


def test_a_far_date_has_its_year() -> None:
    """One that is almost a year away, or more, would be misread without it."""
    near = sentence(plan(3500 * 200, calendar=Calendar("Europe/Rome"), per_day=3500).forecast)
    far = sentence(plan(3500 * 400, calendar=Calendar("Europe/Rome"), per_day=3500).forecast)
    assert near.endswith("200 days, until 10 June; the day cap binds.")
    assert far.endswith("400 days, until 27 December 2027; the day cap binds.")


def test_what_cannot_be_sent_is_in_the_sentence() -> None:
    """A budget for ten, and a budget for none."""
    some = sentence(plan(100, max_cost=0.5).forecast)
    assert some.endswith(
        "1 night, until 23 November, for 10 of them; the cost limit binds and 90 cannot be sent."
    )
    none = sentence(plan(100, max_cost=0.0).forecast)
    assert none.endswith("none of them can be sent; the cost limit binds and 100 cannot be sent.")


def test_several_mailboxes_and_no_limit_in_words() -> None:
    """The rate told is what is possible: the API's, or the mailboxes' together."""
    calendar = Calendar("Europe/Rome")
    slow = [MailboxLimits(name, rate=0.2) for name in ("a@pec.example.com", "b@pec.example.com")]
    assert "at 0.4/s from 2 mailboxes" in sentence(forecast(Work(5), Speed(), calendar, slow, NOW))
    free = forecast(Work(1), Speed(math.inf), calendar, [BOX], NOW)
    assert sentence(free) == "1 message without a limit a second: 1 day, until 23 November; nothing binds."


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1_572_864, "1.5 MiB"), (2**50, "1024.0 TiB")],
)
def test_sizes_in_words(size: int, told: str) -> None:
    """Binary units, as quotas are given."""
    assert human(size) == told
