"""One call of one command: its common options, its talk on stderr, its result on stdout."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from bulk_pec.cli.streams import StdoutLost, put, talk
from bulk_pec.domain.errors import BulkPecError, LedgerError, RegistryRefused
from bulk_pec.domain.exits import Exit, Reason

if TYPE_CHECKING:
    from bulk_pec.config import Config
    from bulk_pec.ledger.ledger import Ledger


class _Answers:
    """Whether this process has printed its one document."""

    given = False


answers = _Answers()
COMPLETE = Exit.of(Reason.COMPLETE)


@dataclass(frozen=True, slots=True)
class Result:
    """What a command answers.

    Attributes:
        document: For ``--json``; ``exit`` is added.
        text: For people.
        exit: How it ended.
        closing: The last line for people: what that exit means here.
        error: What ended it early, after it had done something there is to report.
        unread: What is said on stderr if stdout is lost; for what nobody may do again for want of an answer.
    """

    document: dict[str, Any]
    text: str
    exit: Exit = COMPLETE
    closing: str = ""
    error: BulkPecError | None = None
    unread: str = ""


@dataclass(slots=True)
class Session:
    """The common options of a call, and what they open.

    Attributes:
        config_path: ``--config``, or None for the default.
        as_json: stdout is exactly one JSON document.
        quiet: Errors only on stderr.
        verbose: Say more; with a bug, the traceback.
        color: Whether colours and moving bars may be used.
    """

    config_path: Path | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: bool = True
    _config: Config | None = field(default=None, init=False)

    def config(self) -> Config:
        """The configuration, read once; its warnings are said."""
        if self._config is None:
            from bulk_pec.config import load

            self._config = load(self.config_path, environ=os.environ)
            for warning in self._config.warnings:
                self.say(f"Warning: {warning}")
        return self._config

    def use(self, config: Config) -> None:
        """Take this configuration instead of the file's: `demo` makes its own."""
        self._config = config

    def ledger(self, mode: Literal["write", "read"], *, upgrade: bool = False) -> Ledger:
        """The ledger of the configuration; close it, or use it as a context manager."""
        from bulk_pec import shipped
        from bulk_pec.ledger.ledger import Ledger

        return Ledger(self.config().ledger_url(), mode, scripts=shipped.path("migrations"), upgrade=upgrade)

    @property
    def bar(self) -> bool:
        """Whether a moving progress bar makes sense on stderr."""
        dumb = os.environ.get("TERM", "") in {"", "dumb"}
        return sys.stderr.isatty() and not dumb and not self.quiet and not self.as_json

    def say(self, text: str) -> None:
        """Talk: one line on stderr, unless quiet; in a log, where nobody watches, with the time."""
        if self.quiet:
            return
        if not sys.stderr.isatty():
            text = f"{datetime.now().astimezone().isoformat(timespec='seconds')} {text}"
        talk(text)

    def more(self, text: str) -> None:
        """Talk that only ``-v`` wants."""
        if self.verbose:
            self.say(text)

    def answer(self, result: Result) -> int:
        """Print the result; returns the exit code.

        Raises:
            StdoutLost: It could not be printed.
        """
        document, error = result.document, result.error
        if error is not None:
            document = document | _told(error)
        words = "\n".join(filter(None, (result.text, result.closing)))
        try:
            if self.as_json:
                put(as_json(document, result.exit))
            elif words:
                put(words)
        except StdoutLost:
            if result.unread:
                talk(f"bulk-pec: {result.unread}")
            raise
        finally:
            if error is not None:  # last: what it says is not to scroll away above a long result
                talk(f"bulk-pec: {error}")
        return int(result.exit.code)

    def fail(self, error: BulkPecError) -> int:
        """Print an error as one paragraph (and, with ``--json``, as the document); returns its code."""
        talk(f"bulk-pec: {error}")
        if self.as_json:
            put(as_json({"schema": 1, **_told(error)}, error.exit))
        return int(error.exit.code)

    def leave(self, ended: Exit) -> NoReturn:
        """End the process there and then, nothing tidied up; with ``--json`` the document is still whole."""
        if self.as_json:
            with suppress(LedgerError):
                put(as_json({"schema": 1}, ended))
        os._exit(int(ended.code))


def _told(error: BulkPecError) -> dict[str, Any]:
    """An error's part of the document: with the registry's number, where that is what it told."""
    told: dict[str, Any] = {"error": {"what": error.what, "hint": error.hint}}
    if isinstance(error, RegistryRefused) and error.code is not None:
        told["code"] = error.code
    return told


def as_json(document: dict[str, Any], ended: Exit) -> str:
    """One JSON document with its ``exit``."""
    answers.given = True
    body = {**document, "exit": {"code": int(ended.code), "reason": ended.reason.value}}
    return json.dumps(body, indent=2)  # ASCII, which every stdout takes
