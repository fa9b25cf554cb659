"""List file -> checked rows. Pure intake: it knows no ledger, no template and no network.

| file | responsibility |
|---|---|
| options.py | what the caller asks of a list |
| lists.py | `open_list` and `RecipientList`: the front door |
| readers.py | CSV or Parquet, one shape: frames of texts |
| sources.py | a file on disk: its bytes, its text in pieces |
| encodings.py | digest and encoding, in one pass |
| headers.py | column names: which is meant, which holds the address, near misses, duplicates |
| dialects.py | CSV: header, separator, Excel's `sep=` line |
| records.py | CSV: text in pieces -> blocks of whole records; what is not well-formed becomes a named row |
| blocks.py | CSV: one block -> one polars frame |
| parquet.py | Parquet: slices -> polars frames |
| addresses.py | what an address must look like |
| checking.py | one frame -> one batch: a vectorised sieve for what is surely good |
| judging.py | any other row -> its problems |
| taxcodes.py | codice fiscale and partita IVA: check digits, one by one and vectorised |
| expiry.py | a cell -> the moment a row expires |
| excel.py | what Excel does to codes, and its errors |
| freemail.py | domains that hold no certified mail |
| warning.py | a row that stays -> what is suspicious about it |
| ahead.py | the vectorised part, on the other cores |
| rows.py | what comes out: batches, set-aside rows, problems, warnings |
| duplicates.py | which keys repeat, without a ledger |
| rejects.py | bad rows in a file of the list's own form; `rejects_csv.py` and `rejects_parquet.py` write it |
| showing.py | what was made of a list, for people |

A list's rows are numbered from 1, the header not counted. In a CSV a line with nothing but blanks is no
row and has no number; in a CSV of a single column an empty cell is such a line too. A row of blank cells, as
Excel leaves behind (``;;;``), is no row either, but keeps its number, so that the others are counted as Excel
counts them. Everything else that is in the file comes out exactly once: as a checked row, or set aside with
its problems.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulk_pec.domain.problems import Problem
    from bulk_pec.recipients.duplicates import Keys, Repeat, Repeats
    from bulk_pec.recipients.lists import RecipientList, open_list
    from bulk_pec.recipients.options import ListOptions
    from bulk_pec.recipients.rejects import Rejects
    from bulk_pec.recipients.rows import Batch, CheckedRow, RowWarning, SetAsideRow
    from bulk_pec.recipients.showing import shown

__all__ = [
    "Batch",
    "CheckedRow",
    "Keys",
    "ListOptions",
    "Problem",
    "RecipientList",
    "Rejects",
    "Repeat",
    "Repeats",
    "RowWarning",
    "SetAsideRow",
    "open_list",
    "shown",
]

_HOMES = {
    "Problem": "bulk_pec.domain.problems",
    "Keys": "bulk_pec.recipients.duplicates",
    "Repeat": "bulk_pec.recipients.duplicates",
    "Repeats": "bulk_pec.recipients.duplicates",
    "RecipientList": "bulk_pec.recipients.lists",
    "open_list": "bulk_pec.recipients.lists",
    "ListOptions": "bulk_pec.recipients.options",
    "Rejects": "bulk_pec.recipients.rejects",
    "Batch": "bulk_pec.recipients.rows",
    "CheckedRow": "bulk_pec.recipients.rows",
    "RowWarning": "bulk_pec.recipients.rows",
    "SetAsideRow": "bulk_pec.recipients.rows",
    "shown": "bulk_pec.recipients.showing",
}


def __getattr__(name: str) -> object:
    """A name of `__all__`, imported when it is asked for.

    Sending needs this room's column names and no more; polars alone would cost it a fifth of a second.
    """
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(_HOMES[name]), name)
