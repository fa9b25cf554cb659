"""JSON with the slips that stand in the vendor's own samples: read if it can be read.

The vendor's product page shows replies with a comma after the last item (``"page": 39, }``) and with a key
that has no value (``"revoca": ,``). Whoever wrote them by hand may have written the service's replies so.

Only such slips are mended, and only where the reading is not in doubt: a missing value is null, a comma too
many is nothing. What broke off stays unreadable. The answer to POST /send is never read so: whether a
message left is judged by what the provider clearly said (`bulk_pec.provider.outcomes`).
"""

from __future__ import annotations

import re
from typing import Any

from bulk_pec.provider import parsing

LONGEST_MENDED = 8 << 20
"""Characters: what is longer is read strictly or not at all."""

# Texts come first, so that nothing inside them is taken for a slip; one that has no end takes the rest.
# An opening bracket takes the comma behind it along: "[,]" does not say what is missing.
_SLIP = re.compile(
    r'"(?:[^"\\]++|\\.)*+"?'
    r"|[\[{][ \t\r\n]*+,"
    r"|(?P<comma>,)(?=[ \t\r\n]*+[\]}])"
    r"|(?P<empty>:)(?=[ \t\r\n]*+[,}])",
    re.DOTALL,
)


def decode(body: bytes) -> Any:
    """The JSON value of a response body, slips mended; None if it is not JSON all the same.

    What `parsing.decode` can read is read as it reads it.
    """
    value = parsing.decode(body)
    if value is not None or len(body) > LONGEST_MENDED:
        return value
    text = body.decode("utf-8-sig", "replace")
    without_slips = mended(text)
    return None if without_slips == text else parsing.decode(without_slips.encode())


def mended(text: str) -> str:
    """A JSON text without commas before a closing bracket, and with null for a value that is missing.

    Valid JSON comes out as it went in.
    """
    return _SLIP.sub(_without, text)


def _without(slip: re.Match[str]) -> str:
    if slip["comma"]:
        return ""
    return ": null" if slip["empty"] else slip[0]
