"""The registry's JSON as registrations: any key may be absent, empty, null, or written as text.

Source: the vendor's OpenAPI document for pec.openapi.it (`Casella`, `Timestamp`). What it says of the
applicant is left where it is: nothing here keeps a name, a tax code or a document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bulk_pec.domain.registrations import Registration
from bulk_pec.provider.parsing import as_count, rows_of

LONGEST_WORD = 320
"""Characters of an id, an address, a kind or a state; none has reason to be longer."""

_EARLIEST, _LATEST = 946_684_800, 4_102_444_800  # 2000 and 2100, in seconds since the epoch
_ROME = ZoneInfo("Europe/Rome")
_LAST_SECOND = timedelta(hours=23, minutes=59, seconds=59)
_ADDRESS = re.compile(r"[^\s<>@,;]+@[^\s<>@,;]+")
_YES_AND_NO = {"true": True, "1": True, "false": False, "0": False}


def registration_of(reply: object, known_id: str = "") -> Registration | None:
    """The one mailbox in a decoded reply; None if it holds none, or several.

    Args:
        reply: The envelope, or the mailbox itself without one.
        known_id: What was asked about, for an answer that does not repeat it.
    """
    if not isinstance(reply, dict) or not is_clear(reply):
        return None
    rows = rows_of(reply.get("data", reply))
    return _one(rows[0], known_id) if rows and len(rows) == 1 else None


def registrations_of(reply: object) -> tuple[Registration, ...] | None:
    """All the mailboxes in a decoded reply; None if it is no such list. A row without an id is left out."""
    rows = _rows(reply)
    if rows is None:
        return None
    found = tuple(filter(None, map(_one, rows)))
    return found if found or not rows else None


def roll_of(reply: object) -> tuple[Registration, ...] | None:
    """Every row of a decoded list, whatever it lacks but its address: whether one is taken is read here.

    An id or a state that is not told is "". None if it is no such list, or a row of it tells no address.
    """
    rows = _rows(reply)
    if rows is None:
        return None
    found = tuple(_read(row) for row in rows)
    return found if all(_ADDRESS.fullmatch(one.address) for one in found) else None


def availability_of(reply: object) -> bool | None:
    """Whether a decoded reply to GET /verifica_pec says that the address is free; None: it does not say."""
    if not isinstance(reply, dict) or not is_clear(reply):
        return None
    rows = rows_of(reply.get("data"))
    if not rows or len(rows) != 1:
        return None
    # The vendor's page spells it both ways.
    return yes_or_no(rows[0].get("available", rows[0].get("avalaible")))


def is_failure(reply: Mapping[str, Any]) -> bool:
    """Whether an envelope says that what was asked was not done."""
    return yes_or_no(reply.get("success")) is False


def is_clear(reply: Mapping[str, Any]) -> bool:
    """Whether an envelope reports a success and nothing else: no `error`, and no `success` but true."""
    error = reply.get("error")
    return (not error or as_count(error) == 0) and yes_or_no(reply.get("success", True)) is True


def yes_or_no(value: object) -> bool | None:
    """A JSON boolean, or one written as text or number; None for anything else."""
    if isinstance(value, bool):
        return value
    return _YES_AND_NO.get(str(value).strip().lower()) if isinstance(value, int | str) else None


def _one(row: Mapping[str, Any], known_id: str = "") -> Registration | None:
    """One mailbox; None without an id or a state, for then nothing can be said of it."""
    found = _read(row, known_id)
    return found if found.id and found.stato else None


def _read(row: Mapping[str, Any], known_id: str = "") -> Registration:
    """One row; what it does not tell is "" or None."""
    times = row.get("timestamp")
    times = times if isinstance(times, dict) else {}
    return Registration(
        id=_word(row.get("id")) or known_id,
        address=_address(row.get("casella_pec")) or _address(row.get("pec")),
        kind=_text(row.get("tipo_casella")).upper(),
        stato=_text(row.get("stato")),
        expires_at=_moment(times.get("scadenza")) or _end_of_day(row.get("data_scadenza")),
        changed_at=_moment(times.get("ultima_modifica")),
        auto_renew=yes_or_no(row.get("autorinnovo")),
    )


def _rows(reply: object) -> list[dict[str, Any]] | None:
    """The rows of a decoded list, bare or in the envelope; None if it is none, or cannot be read whole.

    Only ``[]`` is empty: null, ``{}`` and "" do not say that there is nothing.
    """
    if isinstance(reply, list):
        reply = {"data": reply}
    if not isinstance(reply, dict) or not is_clear(reply):
        return None
    data = reply.get("data")
    rows = rows_of(data)
    if not rows:
        return [] if data == [] else None
    # `rows_of` leaves empty rows out; a mailbox may have stood there.
    return rows if rows == [data] or len(rows) == len(data or ()) else None


def _address(value: object) -> str:
    """An address, as it may stand in angle brackets (RFC 5322, 3.4)."""
    word = _word(value)
    return word[1:-1] if word.startswith("<") and word.endswith(">") else word


def _word(value: object) -> str:
    """A text of one word, a number as its digits; "" for anything else."""
    text = _text(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)
    return "" if " " in text else text


def _text(value: object) -> str:
    """A text with its blanks made one; "" for what is none, is long, or cannot be shown."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if len(text) <= LONGEST_WORD and text.isprintable() else ""


def _moment(seconds: object) -> int | None:
    """Milliseconds since the epoch from seconds; None for what cannot be a moment of a mailbox's life."""
    count = as_count(seconds)
    return None if count is None or not _EARLIEST <= count < _LATEST else round(count * 1000)


def _end_of_day(date: object) -> int | None:
    """The last second of a day written dd/mm/yyyy, as Rome's clocks show it, in ms since the epoch."""
    try:
        day = datetime.strptime(date.strip() if isinstance(date, str) else "", "%d/%m/%Y")  # noqa: DTZ007 - below
    except ValueError:
        return None
    moment = (day + _LAST_SECOND).replace(tzinfo=_ROME)
    return _moment(moment.timestamp())
