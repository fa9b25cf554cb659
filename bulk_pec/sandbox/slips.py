"""JSON as the vendor's own samples write it: a comma before a closing bracket, and a key without a value."""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from bulk_pec.sandbox.replies import Reply

EMPTY = "\ue000"
"""In a payload: a value that is left out where slips are written. Nothing a client sends holds it."""

_END = re.compile(r"([^\s{\[,])\n(\s*)([}\]])")


@dataclass(slots=True)
class Slipped(Reply):
    """An answer whose body no strict reader of JSON takes."""

    @property
    def body(self) -> bytes:
        """The payload, with a comma before every closing bracket, and nothing in place of `EMPTY`."""
        text = orjson.dumps(self.payload, option=orjson.OPT_INDENT_2).decode()
        return _END.sub(r"\1,\n\2\3", text).replace(f'"{EMPTY}"', "").encode()


def slipped(reply: Reply) -> Reply:
    """The same answer, with slips."""
    return Slipped(reply.status, reply.payload, reply.headers)
