"""Italian public holidays, looked up with the holidays library, whose import is slow and waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date


def italian_holidays() -> Callable[[date], bool]:
    """Tells of a date whether all of Italy has a public holiday (law 260/1949 and its amendments).

    Sundays are not in it, but for Easter. Nor are the patron saints of towns, and a province's own day:
    an office that keeps one leaves that night out by hand. From 2026 on 4 October counts (law 151/2025).
    The library knows the years 1870 to 2100; later ones have no holidays.
    """
    from holidays import PUBLIC, country_holidays  # noqa: PLC0415 - takes a quarter of a second, seldom needed

    # Named outright, because the library would otherwise take the language from the environment.
    known = country_holidays("IT", language="it_IT", categories=PUBLIC)
    return known.__contains__
