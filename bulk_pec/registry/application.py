"""An application for a mailbox: a file with the vendor's field names, checked before anything is sent.

The one place that knows a file's form. What is checked is in `rules`, what is only suspicious in `oddities`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bulk_pec import shipped
from bulk_pec.domain.addresses import canonical
from bulk_pec.recipients import taxcodes
from bulk_pec.registry import callbacks, fields, files, rules
from bulk_pec.registry.desks import Desk
from bulk_pec.registry.faults import Fault, shown, unknown
from bulk_pec.registry.nations import ITALY
from bulk_pec.registry.oddities import oddities

LARGEST = 1 << 20
"""Bytes of a file that is read; a registration has some thousand."""

_SAMPLE = f"{shipped.path('samples/registration.toml')} is one to copy."


def read(path: Path) -> dict[str, object]:
    """The fields of an application, unchecked.

    Args:
        path: TOML or JSON: told by ``.toml`` or ``.json``, else by the first character, ``{`` being JSON.

    Raises:
        RegistryRefused: There is no such file, or it is not such a file.
        LedgerError: It cannot be read (74).
    """
    hint = f"Name a TOML or JSON file; {_SAMPLE}"
    found = files.content(path, LARGEST, hint=hint, too_large=("is larger than any registration", hint))
    try:
        text = found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise files.refused(path, f"is not UTF-8 (byte {error.start})", "Save it as UTF-8.") from None
    is_json = path.suffix.lower() == ".json" or (
        path.suffix.lower() != ".toml" and text.lstrip().startswith("{")
    )
    return _json(path, text) if is_json else _toml(path, text)


def _toml(path: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = f'Every text stands in quotes, numbers too: cap_titolare = "00042"; {_SAMPLE}'
        raise files.refused(path, f"is not TOML: {error}", hint) from None
    except (ValueError, RecursionError):
        raise files.refused(path, "holds what no registration holds", _SAMPLE) from None


def _json(path: Path, text: str) -> dict[str, object]:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        known = dict(pairs)
        if len(known) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise files.refused(path, f"has the key {shown(twice)} twice", "Keep the one that is meant.")
        return known

    try:
        found: Any = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        hint = "Look for a comma too many or too few, and for quotes; each text stands in double quotes."
        raise files.refused(path, f"is not JSON (line {error.lineno}: {error.msg})", hint) from None
    except (ValueError, RecursionError):
        raise files.refused(path, "holds what no registration holds", _SAMPLE) from None
    if not isinstance(found, dict):
        raise files.refused(path, "is JSON, but no object", "Put all fields between { and }.")
    return found


def faults(given: Mapping[str, object], *, test_host: bool, today: date, local: bool = False) -> list[Fault]:
    """Everything that keeps an application from being sent, all of it at once, in the vendor's order.

    Args:
        given: As `read` gives it, or anything.
        test_host: The registry is one of the vendor's test hosts.
        today: In Italy.
        local: The registry is on this machine: a rehearsal, for which the sample is good as it is.
    """
    desk = Desk(test_host, local, today)
    found = [*rules.form(given), *rules.meaning(rules.Texts(given), desk)]
    found.sort(key=lambda fault: fields.KNOWN.index(fault.field))
    if fields.CALLBACK in given:
        found += callbacks.faults(given[fields.CALLBACK])
    renew = given.get(fields.AUTO_RENEW, False)
    if not isinstance(renew, bool):
        found.append(
            Fault(fields.AUTO_RENEW, "must be true or false", "Write it without quotes.", shown(renew))
        )
    return [*found, *(unknown(str(key), fields.KNOWN) for key in given if key not in fields.KNOWN)]


def warnings(
    given: Mapping[str, object], *, test_host: bool, today: date, local: bool = False
) -> list[Fault]:
    """Everything suspicious about an application that has no faults; see `faults` for the arguments."""
    return list(oddities(given, rules.Texts(given), Desk(test_host, local, today)))


def prepared(given: Mapping[str, object]) -> dict[str, object]:
    """An application without faults as it is sent: texts trimmed, codes in capitals and without blanks.

    Nothing is added and nothing left out.
    """
    texts = rules.Texts(given)
    sent = {name: texts[name] if name in fields.TEXTS else value for name, value in given.items()}
    for name in sent:
        if name in fields.CAPITALS:
            sent[name] = texts.code(name)
    for name in ("codice_fiscale_richiedente", "cf_piva_titolare"):
        if texts[name] and (name != "cf_piva_titolare" or texts.code("nazione_titolare") == ITALY):
            sent[name] = taxcodes.compact(texts[name])
    sent["casella_pec"] = canonical(texts["casella_pec"])
    callback = given.get(fields.CALLBACK)
    if isinstance(callback, Mapping) and isinstance(method := callback.get("method"), str):
        sent[fields.CALLBACK] = {**callback, "method": method.strip().upper()}
    return sent
