"""The kinds of values a setting can hold: durations, windows, shares, rates, addresses, URLs.

Each kind is an annotated type for the models. A wrong value raises `ValueError` whose text says what is
allowed and never repeats the value: whether it may be shown is decided where the problem is told.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr

from bulk_pec.domain.errors import ConfigError

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>\d+(?:\.\d+)?){unit})?" for unit in _UNITS), re.ASCII)
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*", re.ASCII)
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+")

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that a plain http:// address may name without credentials leaving this machine."""


def at_home(path: str | Path) -> Path:
    """A path with ``~`` and ``~name`` replaced by that user's home.

    Raises:
        ConfigError: The system knows no such user, or no home of his.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # pathlib's word for it
        raise ConfigError(
            f"{path} begins with the home of a user whom this system does not know.",
            hint='Write the path in full; a name that begins with "~" is ./~name.',
        ) from None


def parse_duration(value: object) -> float:
    """Seconds in a duration such as ``"30m"``, ``"26h"``, ``"6s"``, ``"1h30m"``, ``"1d12h"`` or ``"250ms"``.

    Units go from the largest to the smallest, each at most once; a number may have decimals.

    Raises:
        ValueError: It is not such a text. A bare number is refused, as its unit would be a guess.
    """
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not match[0]:
        raise ValueError('must be a duration with its unit, such as "30m", "26h", "6s" or "1h30m"')
    return sum(float(number) * _UNITS[unit] for unit, number in match.groupdict().items() if number)


@dataclass(frozen=True, slots=True)
class Window:
    """A daily stretch of local time. When `end` is before `start` it runs over midnight.

    Attributes:
        start: The first minute inside, in `sending.timezone`.
        end: The first minute outside again.
    """

    start: time
    end: time

    @classmethod
    def parse(cls, value: object) -> Window:
        """Read a window such as ``"20:00-06:00"``.

        Raises:
            ValueError: It is not two times of day, or they are the same.
        """
        match = _WINDOW.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise ValueError('must be two times of day, such as "20:00-06:00"')
        from_hour, from_minute, to_hour, to_minute = (int(part) for part in match.groups())
        window = cls(time(from_hour, from_minute), time(to_hour, to_minute))
        if window.start == window.end:
            raise ValueError("must start and end at different times; leave it out to send at any time")
        return window


def _number(value: object) -> object:
    """Refuse true and false, which Python would take for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic collects ValueError, not TypeError
    return value


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError("must be a share from 0 to 1")
    return value


def _more_than_zero(value: float) -> float:
    if value <= 0:
        raise ValueError("must be greater than 0")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, LookupError):
        raise ValueError('must be a time zone of the IANA database, such as "Europe/Rome"') from None
    return value


def _distinct(value: list[str]) -> list[str]:
    if not value or len(set(value)) != len(value):
        raise ValueError("must name at least one day, and none twice; leave it out to send on every day")
    return value


def _encoding(value: str) -> str:
    try:
        known = value == "auto" or codecs.lookup(value) is not None
    except (LookupError, ValueError):
        known = False
    if not known:
        raise ValueError('must be "auto" or the name of an encoding, such as "utf-8" or "cp1252"')
    return value


def _separator(value: str) -> str:
    if value != "auto" and (len(value) != 1 or value.isalnum() or value in '"\r\n'):
        raise ValueError('must be "auto" or one character that separates columns, such as ";"')
    return value


def _variable(value: str) -> str:
    # Strict on purpose: a token pasted here by mistake is refused, and so never printed as a name.
    if not _VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable in capitals, not the secret itself")
    return value


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError('must be one mail address, such as "ufficio@pec.example.com"')
    return value


def _line(value: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError("must be one line without control characters")
    return value


def _service(value: str) -> str:
    """An http(s) address without credentials, query or fragment; a trailing slash is dropped."""
    problem = 'must be an address such as "https://ws.pecmassiva.com", without user, query or fragment'
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(problem) from None
    if not usable or "@" in value or "?" in value or "#" in value or re.search(r"\s", value):
        raise ValueError(problem)
    return value.rstrip("/")


def _ledger(value: SecretStr) -> SecretStr:
    """A SQLite file or a Postgres database; the text may hold a password and is never shown."""
    scheme, _, rest = value.get_secret_value().partition("://")
    if scheme in {"sqlite", "sqlite+pysqlite"}:
        usable = rest.startswith("/") and rest.strip("/") not in {"", ":memory:"} and "?" not in rest
    else:
        usable = scheme in {"postgresql", "postgresql+psycopg"} and bool(rest)
    if not usable:
        raise ValueError('must be "sqlite:///FILE" (a file) or "postgresql+psycopg://USER@HOST/DATABASE"')
    return value


def _ping(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("must be an http(s) address, or empty")
    return value


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, written with a unit; 0 allowed."""
PositiveDuration = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_more_than_zero)]
"""Seconds above 0, written with a unit."""
DailyWindow = Annotated[Window, PlainValidator(Window.parse)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=1)]
"""A whole number from 1."""
CountOrNone = Annotated[int, BeforeValidator(_number), Field(ge=0)]
"""A whole number from 0, where 0 means none."""
Share = Annotated[float, BeforeValidator(_number), AfterValidator(_share)]
"""From 0 to 1."""
Positive = Annotated[
    float, BeforeValidator(_number), Field(allow_inf_nan=False), AfterValidator(_more_than_zero)
]
"""A finite number above 0."""
Euros = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Days = Annotated[list[Day], AfterValidator(_distinct)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Separator = Annotated[str, AfterValidator(_separator)]
Variable = Annotated[str, AfterValidator(_variable)]
"""The name of an environment variable that holds a secret."""
Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, Field(min_length=1), AfterValidator(_line)]
"""A column's name, or a path: not empty, one line."""
Line = Annotated[str, AfterValidator(_line)]
"""One line, without control characters; may be empty."""
ServiceUrl = Annotated[str, AfterValidator(_service)]
LedgerUrl = Annotated[SecretStr, AfterValidator(_ledger)]
PingUrl = Annotated[SecretStr, AfterValidator(_ping)]
