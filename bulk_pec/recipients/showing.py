"""What was made of a list, in lines for people: its form, the guesses, its first rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bulk_pec.recipients.dialects import SEPARATOR_NAMES
from bulk_pec.recipients.lists import RecipientList

COLUMNS = 20
"""Columns shown, at most, the address and the key among them."""

CELL = 30
"""Characters of a value or a name, at most."""


def shown(rows: RecipientList, n: int = 3) -> list[str]:
    """Lines that let a person see whether a list was understood: its form, the guesses, `n` rows.

    The rows stand side by side, a line for each column, so that wide lists can be read too. Values are cut,
    and control characters in them are made visible.

    Raises:
        ListRefused: The list can no longer be read.
    """
    return [_form(rows), *rows.guesses, *_columns(rows, rows.sample(n))]


def _form(rows: RecipientList) -> str:
    several = len(rows.columns) > 1
    columns = f"{len(rows.columns)} columns" if several else "a single column"
    if rows.kind == "parquet":
        return f"The list is Parquet with {columns}."
    separator = SEPARATOR_NAMES.get(rows.separator, repr(rows.separator))
    return f"The list is CSV in {rows.encoding}, with {columns}{f' separated by {separator}' * several}."


def _columns(rows: RecipientList, sample: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each column: its name, what it is, its values in the first rows."""
    roles = {rows.key_column: "key", rows.address_column: "address"}
    first = [name for name in roles if name is not None]
    chosen = {*first, *[name for name in rows.columns if name not in first][: COLUMNS - len(first)]}
    names = [cut(name) + (f" ({roles[name]})" if name in roles else "") for name in rows.columns]
    width = max(len(label) for label, name in zip(names, rows.columns, strict=True) if name in chosen)
    if sample:
        yield f"The first {len(sample)} rows:" if len(sample) > 1 else "The first row:"
    for place, name in enumerate(rows.columns):
        if name in chosen:
            values = " | ".join(cut(row[place]) for row in sample)
            yield f"  {names[place]:{width}}  {values}".rstrip()
    if len(chosen) < len(rows.columns):
        yield f"  and {len(rows.columns) - len(chosen)} more columns"


def cut(text: str) -> str:
    """A text in one line of at most `CELL` characters; what cannot be seen is escaped."""
    short = text if len(text) <= CELL else text[: CELL - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in short)
