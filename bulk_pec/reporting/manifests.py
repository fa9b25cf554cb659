"""A dossier's manifest: what it is about, and the name, size and SHA-256 of each of its files. Pure.

It has one canonical form, so that two manifests that say the same are the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bulk_pec.reporting.dossier_zip import Filed

FORMAT = "bulk-pec dossier"
VERSION = 1
_KEYS = ["format", "version", "made_by", "about", "files"]
_FILE_KEYS = ["name", "size", "sha256"]

About = Mapping[str, str | int | None]
"""What a dossier is about: names and plain values."""


class NotCanonical(ValueError):
    """This is no manifest, or not in its canonical form; the text says what of it."""


def canonical(made_by: str, about: About, files: Sequence[Filed]) -> bytes:
    """The manifest of these files."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "made_by": made_by,
        "about": dict(about),
        "files": [{"name": one.name, "size": one.size, "sha256": one.sha256} for one in files],
    }
    return _bytes(document)


def parsed(content: bytes) -> dict[str, Any]:
    """A manifest read back.

    Raises:
        NotCanonical: It is not what `canonical` writes, to the byte.
    """
    try:
        document = json.loads(content.decode("ascii"), parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise NotCanonical("it is no JSON in ASCII") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise NotCanonical(f"it does not begin with the format {FORMAT!r}")
    if document.get("version") != VERSION:
        raise NotCanonical(f"its version is not {VERSION}, the one that this bulk-pec knows")
    if not _well_formed(document) or _bytes(document) != content:
        raise NotCanonical("it is not in the canonical form")
    return document


def _bytes(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def _refused(name: str) -> None:
    raise ValueError(name)


def _well_formed(document: dict[str, Any]) -> bool:
    about, files = document.get("about"), document.get("files")
    return (
        list(document) == _KEYS
        and isinstance(document["made_by"], str)
        and isinstance(about, dict)
        and all(_plain(value) for value in about.values())
        and isinstance(files, list)
        and all(map(_file_well_formed, files))
    )


def _plain(value: object) -> bool:
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


def _file_well_formed(one: object) -> bool:
    return (
        isinstance(one, dict)
        and list(one) == _FILE_KEYS
        and isinstance(one["name"], str)
        and type(one["size"]) is int
        and isinstance(one["sha256"], str)
    )
