"""What a registration holds that no error may repeat, in the forms in which a registry may repeat it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from bulk_pec.domain.letters import Secret

_SHORTEST = 4  # characters: what is shorter stands in too many words
_SHORTEST_PHONE = 6  # digits
_TOLD = frozenset({"casella_pec", "tipo_casella"})  # the answer is about these
_WORDS_OF_THE_CALL = frozenset({"field", "method"})  # of `callback`: names, not data
_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})", re.ASCII)
_PHONE = re.compile(r"\+?[\d\s().\-/]+", re.ASCII)


def secrets_of(fields: Mapping[str, object]) -> tuple[Secret, ...]:
    """All texts of a registration but the address and its kind: in any case, dates and numbers in any form.

    Args:
        fields: Under the vendor's names (`BodyPostPec`); `callback` is a table with a table in it.
    """
    told = {name: value for name, value in fields.items() if name not in _TOLD}
    forms = {form for text in _texts(told) for form in _forms(text.strip())}
    return tuple(Secret(form) for form in sorted(forms))


def _texts(value: object, name: str = "") -> Iterator[str]:
    """Every text and number in a value, however deep; of a URL, what it may hide too."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if name != "callback" or key not in _WORDS_OF_THE_CALL:
                yield from _texts(each, str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each, name)
    elif isinstance(value, str):
        yield value
        yield from _in_url(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _in_url(text: str) -> Iterator[str]:
    """User name, password and the query's values of a URL."""
    if "://" not in text:
        return
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    userinfo = parts.netloc.rpartition("@")[0]
    yield from (userinfo, *userinfo.split(":", 1), *map(unquote, userinfo.split(":", 1)))
    yield from (value for _, value in parse_qsl(parts.query))


def _forms(text: str) -> set[str]:
    """A text as it may be repeated: in small letters, capitals or both; without blanks; as an ISO date."""
    if len(text) < _SHORTEST:
        return set()
    forms = {text, text.lower(), text.upper(), text.title()}
    if date := _DATE.fullmatch(text):
        day, month, year = date.groups()
        forms |= {
            sign.join(parts) for sign in ("-", "/", ".", "") for parts in ((year, month, day), date.groups())
        }
    digits = re.sub(r"\D", "", text)
    if _PHONE.fullmatch(text) and len(digits) >= _SHORTEST_PHONE:
        forms |= {digits, "".join(text.split())}
        forms |= {digits.removeprefix("00").removeprefix("39")} if text.startswith(("+39", "0039")) else set()
    return forms
