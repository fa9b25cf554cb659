"""Column names: which one holds the address, which are missing, which are there twice."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from bulk_pec.domain.errors import ListRefused
from bulk_pec.recipients.addresses import fault
from bulk_pec.recipients.options import ListOptions
from bulk_pec.recipients.rows import BLANKS, SHOWN

USUAL_NAMES = (
    "pec",
    "email pec",
    "pec email",
    "mail pec",
    "indirizzo pec",
    "indirizzo email pec",
    "casella pec",
    "pec azienda",
    "pec aziendale",
    "pec impresa",
    "domicilio digitale",
    "posta certificata",
    "posta elettronica certificata",
    "indirizzo posta certificata",
    "indirizzo di posta elettronica certificata",
    "email",
    "mail",
    "indirizzo email",
    "indirizzo mail",
    "posta elettronica",
    "indirizzo di posta elettronica",
)
"""The usual names of the address column, the preferred first: certified mail before any other.

They are compared without case, accents, blanks and punctuation: ``E-Mail PEC`` is ``email pec``. When
several are in a file the first of this order is taken, and what was passed over is said among the guesses.
"""

_TELLING = re.compile(r"(?:^|[^a-z])(?:pec|e ?mail|mail|domicilio digitale)(?:[^a-z]|$)")


def folded(name: str) -> str:
    """A name without case, accents and surplus blanks."""
    bare = unicodedata.normalize("NFKD", name.strip(BLANKS).casefold())
    return " ".join("".join(char for char in bare if not unicodedata.combining(char)).split())


def spelled(name: str) -> str:
    """A folded name's words of letters and digits, with one blank between them."""
    return re.sub(r"[^a-z0-9]+", " ", folded(name)).strip()


def squashed(name: str) -> str:
    """A folded name's letters and digits alone."""
    return "".join(char for char in folded(name) if char.isalnum())


def checked_names(found: Sequence[str], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The column names, trimmed, and what had to be guessed of them; a nameless column is given a name.

    Raises:
        ListRefused: The first row is no header, or two names are the same.
    """
    trimmed = [name.strip(BLANKS) for name in found]
    _refuse_data(trimmed, path)
    nameless = [place for place, name in enumerate(trimmed, 1) if not name]
    names = tuple(name or f"column_{place}" for place, name in enumerate(trimmed, 1))
    seen: dict[str, str] = {}
    for name in names:
        if folded(name) in seen:
            raise ListRefused(
                f"The list {path} has two columns of the same name: {seen[folded(name)]!r} and {name!r}.",
                hint="Rename one of them.",
            )
        seen[folded(name)] = name
    return names, tuple(f"Column {place} has no name and is called 'column_{place}'." for place in nameless)


def _refuse_data(names: Sequence[str], path: Path) -> None:
    if not any(names):
        raise ListRefused(
            f"The list {path} has no header.", hint="Write the columns' names in the first line."
        )
    for name in names:
        if any(unicodedata.category(char) == "Cc" and char not in "\r\n\t" for char in name):
            raise ListRefused(
                f"The list {path} is not CSV nor Parquet: its first line holds binary data.",
                hint="Save it as CSV (UTF-8) or Parquet; UTF-16 needs its byte order mark.",
            )
        if "@" in name and fault(name) is None:
            raise ListRefused(
                f"The list {path} has no header: its first line holds an address.",
                hint="Write the columns' names in the first line.",
            )


def address_column(names: Sequence[str], options: ListOptions, path: Path) -> tuple[str, str | None]:
    """The column that holds the address, and a sentence if it was guessed.

    Raises:
        ListRefused: The column asked for is not there; or none, or several, look like it.
    """
    asked = _named(names, options.address_column, path, options.address_flag or "[recipients] address_column")
    preferred = options.address_preferred
    if asked is None and preferred is not None:
        asked = same_column(preferred.strip(BLANKS), names)
    if asked is not None:
        return asked, None
    usual = [name for want in USUAL_NAMES for name in names if squashed(name) == squashed(want)]
    likely = usual or [name for name in names if _TELLING.search(spelled(name))]
    if not likely:
        raise ListRefused(
            f"The list {path} has no column that looks like an address; it has {_listed(names)}.",
            hint=f"Name it {_where(options, '…')}",
        )
    if not usual and len(likely) > 1:
        raise ListRefused(
            f"Several columns of the list {path} look like the address: {_listed(likely)}.",
            hint=f"Choose one {_where(options, likely[0])}",
        )
    passed_over = f"; passed over: {_listed(likely[1:])}" if likely[1:] else ""
    return likely[0], f"The address is taken from column {likely[0]!r}{passed_over}."


def chosen_column(names: Sequence[str], asked: str | None, path: Path, setting: str) -> str | None:
    """The column that a setting of [recipients] names, as `names` has it; None if it names none.

    Raises:
        ListRefused: It is not there.
    """
    return _named(names, asked, path, f"[recipients] {setting}")


def _named(names: Sequence[str], asked: str | None, path: Path, by: str) -> str | None:
    if asked is None:
        return None
    name = asked.strip(BLANKS)
    found = same_column(name, names)
    if found is None:
        raise _missing(names, [name], path, f"{by} names")
    return found


def _where(options: ListOptions, name: str) -> str:
    """Where the address column is named: with the command's option, if it has one, or for all commands."""
    flag = f"with {options.address_flag} {shlex.quote(name)}, or " if options.address_flag else ""
    return f'{flag}in the configuration: [recipients] address_column = "{name}".'


def adopt(names: Sequence[str], wanted: Iterable[str], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names, those that the templates spell in another way as they spell them, and what was adopted.

    A template cannot say ``{{ Numero Pratica }}``: ``numero_pratica`` is that column, if no other may be.

    Raises:
        ListRefused: A wanted column is not there, or two spellings mean the same one.
    """
    spelling: dict[str, str] = {}
    missing = []
    for want in sorted(wanted):
        found = same_column(want, names)
        if found is None or spelling.setdefault(found, want) != want:
            missing.append(want)
    if missing:
        raise _missing(names, missing, path, "The templates need")
    adopted = [(name, want) for name, want in spelling.items() if name != want]
    said = tuple(f"Column {name!r} is taken for the templates' {want!r}." for name, want in adopted)
    return tuple(spelling.get(name, name) for name in names), said


def same_column(wanted: str, names: Sequence[str]) -> str | None:
    """The column of that name: exactly, else the only one with the same letters and digits."""
    if wanted in names:
        return wanted
    same = [name for name in names if squashed(name) == squashed(wanted)]
    return same[0] if len(same) == 1 else None


def _missing(names: Sequence[str], missing: Sequence[str], path: Path, who: str) -> ListRefused:
    near = {want: near_misses(want, names) for want in missing}
    meant = [f"{want!r}: did you mean {_listed(found)}?" for want, found in near.items() if found]
    return ListRefused(
        f"{who} {_listed(missing)}, which the list {path} does not have; it has {_listed(names)}.",
        hint=" ".join(meant) or "Correct the name, or add the column to the list.",
    )


def near_misses(wanted: str, names: Sequence[str]) -> list[str]:
    """The columns that somebody who wrote `wanted` may have meant, the likeliest first, at most three."""
    same = [name for name in names if squashed(name) == squashed(wanted)]
    by_fold = {folded(name): name for name in names}
    return same or [by_fold[match] for match in get_close_matches(folded(wanted), by_fold, n=3, cutoff=0.6)]


def _listed(names: Sequence[str]) -> str:
    """Names for a sentence; a hundred columns are not all told."""
    shown = ", ".join(repr(name[:SHOWN]) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
