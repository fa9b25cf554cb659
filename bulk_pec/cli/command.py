"""What every command shares: the common options, and how an error becomes an exit code."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.models import ParameterInfo

from bulk_pec.cli.session import Result, Session, as_json
from bulk_pec.cli.signals import hear
from bulk_pec.cli.streams import StdoutLost, put, talk
from bulk_pec.domain.errors import BulkPecError, UsageError
from bulk_pec.domain.exits import Exit, Reason

Run = Annotated[str, typer.Argument(help="A run's name, or `last`.", metavar="RUN")]
ListFile = Annotated[Path, typer.Argument(help="The list: CSV or Parquet.", metavar="FILE")]
Name = Annotated[str | None, typer.Option("--name", help="The run's name; the file's stem unless given.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before sending for the first time.")]

_COMMON: dict[str, Any] = {
    "config": Annotated[
        Path | None, typer.Option("--config", help="The configuration; ./config.toml or BULK_PEC_CONFIG.")
    ],
    "as_json": Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")],
    "quiet": Annotated[bool, typer.Option("-q", "--quiet", help="Only errors on stderr.")],
    "verbose": Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")],
    "no_color": Annotated[bool, typer.Option("--no-color", help="No colours.")],
}


def command(
    app: typer.Typer, name: str, **settings: Any
) -> Callable[[Callable[..., Result]], Callable[..., None]]:
    """Register a function as a command: its first parameter is the session, the rest are its own.

    `settings` are typer's, of the command.
    """

    def register(function: Callable[..., Result]) -> Callable[..., None]:
        def call(**values: Any) -> None:
            session = _session(values)

            def body() -> Result:
                _check_words(session.config_path, *values.values())
                return function(session, **values)

            raise typer.Exit(_guarded(session, body))

        call.__doc__ = function.__doc__
        call.__name__ = function.__name__
        call.__signature__ = _signature(function)  # type: ignore[attr-defined]  # typer reads it
        app.command(name, **settings)(call)
        return call

    return register


def _signature(function: Callable[..., Result]) -> inspect.Signature:
    """The function's own parameters, resolved, followed by the common options."""
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in list(inspect.signature(function).parameters.values())[1:]
    ]
    common = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if name == "config" else False,
            annotation=annotation,
        )
        for name, annotation in _COMMON.items()
    ]
    for parameter in own + common:
        _leave_unread(parameter.annotation)
    return inspect.Signature(own + common)


def _leave_unread(annotation: Any) -> None:
    """Keep typer from looking whether a path can be read.

    It would end with 2 and a sentence of its own, and leave --json without words; whoever opens the file says
    it with the right code.
    """
    for told in getattr(annotation, "__metadata__", ()):
        if isinstance(told, ParameterInfo):
            told.readable = False


def _session(values: dict[str, Any]) -> Session:
    common = {name: values.pop(name) for name in _COMMON}
    return Session(
        config_path=common["config"],
        as_json=common["as_json"],
        quiet=common["quiet"],
        verbose=common["verbose"],
        color=not common["no_color"] and "NO_COLOR" not in os.environ,
    )


def _check_words(*words: object) -> None:
    """Names that are not UTF-8 could not be shown as they are, nor kept in the ledger."""
    for word in chain.from_iterable(each if isinstance(each, list) else [each] for each in words):
        if isinstance(word, str | Path) and not _is_utf8(str(word)):
            raise UsageError(
                f"The name {str(word)!a} is not UTF-8.", hint="Rename the file, or give another name."
            )


def _is_utf8(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _guarded(session: Session, body: Callable[[], Result]) -> int:
    """Run a command's body: whatever happens ends in one exit code and, with --json, one document."""
    try:
        return _ended(session, body)
    except StdoutLost as lost:
        if not lost.nobody_reads:
            talk(f"bulk-pec: {lost}")
        return int(lost.exit.code)
    finally:
        hear()


def _ended(session: Session, body: Callable[[], Result]) -> int:
    try:
        return session.answer(body())
    except StdoutLost:
        raise
    except BulkPecError as error:
        return session.fail(error)
    except KeyboardInterrupt:
        session.say("Interrupted.")
        return _only_exit(session, Exit.of(Reason.SIGNAL))
    except BrokenPipeError:
        # A pipe that is not ours to name: whoever reads stdout, if somebody does, is told how it ended.
        return _only_exit(session, Exit.of(Reason.IO))
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is told as one
        return _bug(session, error)


def _bug(session: Session, error: Exception) -> int:
    if session.verbose:
        talk("".join(traceback.format_exception(error)).rstrip())
    last = traceback.extract_tb(error.__traceback__)[-1]
    # The error's own text may hold a row or a secret, so only its type and place are told.
    talk(
        f"bulk-pec: a bug: {type(error).__name__} at {Path(last.filename).name}:{last.lineno}. Every commit "
        "to the ledger is whole; what was in flight is in doubt after the next start. Please report this, "
        "with -v for the details."
    )
    return _only_exit(session, Exit.of(Reason.BUG))


def _only_exit(session: Session, ended: Exit) -> int:
    if session.as_json:
        put(as_json({"schema": 1}, ended))
    return int(ended.code)
