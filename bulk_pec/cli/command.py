"""What every command shares: the common options, and how an error becomes an exit code."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from bulk_pec.cli.session import Result, Session, as_json
from bulk_pec.domain.errors import BulkPecError
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


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., Result]], Callable[..., None]]:
    """Register a function as a command: its first parameter is the session, the rest are its own."""

    def register(function: Callable[..., Result]) -> Callable[..., None]:
        def call(**values: Any) -> None:
            session = _session(values)
            raise typer.Exit(_guarded(session, lambda: function(session, **values)))

        call.__doc__ = function.__doc__
        call.__name__ = function.__name__
        call.__signature__ = _signature(function)  # type: ignore[attr-defined]  # typer reads it
        app.command(name)(call)
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
    return inspect.Signature(own + common)


def _session(values: dict[str, Any]) -> Session:
    common = {name: values.pop(name) for name in _COMMON}
    return Session(
        config_path=common["config"],
        as_json=common["as_json"],
        quiet=common["quiet"],
        verbose=common["verbose"],
        color=not common["no_color"] and "NO_COLOR" not in os.environ,
    )


def _guarded(session: Session, body: Callable[[], Result]) -> int:
    """Run a command's body: whatever happens ends in one exit code and, with --json, one document."""
    try:
        return session.answer(body())
    except BulkPecError as error:
        return session.fail(error)
    except KeyboardInterrupt:
        session.say("Interrupted.")
        return _only_exit(session, Exit.of(Reason.SIGNAL))
    except BrokenPipeError:
        # Whoever read our stdout has gone; there is nobody to tell.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the interpreter's last flush
        return int(Exit.of(Reason.IO).code)
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is told as one
        return _bug(session, error)


def _bug(session: Session, error: Exception) -> int:
    if session.verbose:
        traceback.print_exception(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    # The error's own text may hold a row or a secret, so only its type and place are told.
    print(
        f"bulk-pec: a bug: {type(error).__name__} at {Path(last.filename).name}:{last.lineno}. The ledger is "
        "consistent; starting the same command again is safe. Please report this, with -v for the details.",
        file=sys.stderr,
    )
    return _only_exit(session, Exit.of(Reason.BUG))


def _only_exit(session: Session, ended: Exit) -> int:
    if session.as_json:
        print(as_json({"schema": 1}, ended))
    return int(ended.code)
