"""stdout, the result, and stderr, the talk: a reader who has gone, or a full disk, is no bug."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import TextIO

from bulk_pec.domain.errors import LedgerError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class StdoutLost(LedgerError):
    """The result could not be written to stdout.

    Args:
        error: Why.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"The result cannot be written to stdout: {error.strerror}.",
            hint="What the command did is done and recorded; `bulk-pec status` shows it.",
        )
        self.nobody_reads = isinstance(error, BrokenPipeError)


def prepare() -> None:
    """Make both streams ready: any name can be shown, whatever the terminal's encoding."""
    sys.stdout = _usable(sys.stdout)
    sys.stderr = _usable(sys.stderr)


def _usable(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started us: `>&-`
        return _nowhere()
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def harmless(text: str) -> str:
    """A text in which no cell of a list commands the terminal: control characters stand as escapes."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def line(text: str) -> str:
    """A value as part of one line: no line of its own can be made up in it."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


def put(text: str) -> None:
    """Print to stdout and see it leave; see `harmless`.

    Raises:
        StdoutLost: It could not be written.
    """
    try:
        print(harmless(text), flush=True)
    except OSError as error:
        raise lost(error) from None


def lost(error: OSError) -> StdoutLost:
    """The error to raise when stdout failed; nothing more is tried on it, not by the interpreter either."""
    sys.stdout = _nowhere()
    return StdoutLost(error)


def talk(text: str, end: str = "\n") -> None:
    """Print to stderr; that nobody can read it there stops nothing. See `harmless`."""
    try:
        print(harmless(text), end=end, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = _nowhere()


def flush() -> None:
    """See that all that was printed has left, so that the interpreter's own last flush cannot fail.

    Raises:
        StdoutLost: It could not be written.
    """
    try:
        sys.stderr.flush()
    except OSError:
        sys.stderr = _nowhere()
    try:
        sys.stdout.flush()
    except OSError as error:
        raise lost(error) from None


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - it stays open to the end
