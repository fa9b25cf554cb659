"""``bulk-pec``: assembles the commands. Heavy imports happen inside them, so ``--help`` is instant."""

from __future__ import annotations

import os
import sys

import typer

from bulk_pec import __version__
from bulk_pec.cli.commands import (
    archive,
    cancel,
    demo,
    doctor,
    dossier,
    explain,
    export,
    init,
    ledger,
    load,
    mailbox,
    pause,
    plan,
    preview,
    quota,
    reconcile,
    resume,
    retry,
    run,
    sandbox,
    send,
    settle,
    status,
    suppress,
    test_send,
)
from bulk_pec.cli.session import answers, as_json
from bulk_pec.cli.signals import interrupt
from bulk_pec.cli.streams import StdoutLost, flush, lost, prepare, put, talk
from bulk_pec.domain.exits import Exit, Reason

app = typer.Typer(
    name="bulk-pec",
    help="Very large certified mailings (PEC): sent at most once, nothing lost, everything proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_FIRST = (
    init,
    doctor,
    plan,
    preview,
    test_send,
    run,
    load,
    send,
    reconcile,
    status,
    export,
    explain,
    dossier,
    settle,
    retry,
    pause,
    resume,
    cancel,
    suppress,
    mailbox,
    quota,
)
for _command in (*_FIRST, ledger, archive, sandbox, demo):
    _command.register(app)


@app.callback(invoke_without_command=True)
def _top(
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if version:
        put(f"bulk-pec {__version__}")
        raise typer.Exit(0)


def main() -> None:
    """The entry point: runs the command and exits with its code."""
    if os.environ.get("TERM") == "dumb" or "--no-color" in sys.argv:
        os.environ.setdefault("NO_COLOR", "1")
    prepare()
    # What is not sending can be ended at any point, as by Ctrl-C; while sending, `job` obeys signals itself.
    interrupt()
    try:
        code = _run()
        flush()
    except StdoutLost as error:
        if not error.nobody_reads:
            talk(f"bulk-pec: {error}")
        code = error.exit.code
    sys.exit(code)


def _run() -> str | int | None:
    """Run the command the words ask for; the code to exit with."""
    try:
        app()
    except SystemExit as ended:
        # Words the parser refused never reach a command: the document is printed here.
        if ended.code == Exit.of(Reason.USAGE).code and "--json" in sys.argv and not answers.given:
            put(as_json({"schema": 1}, Exit.of(Reason.USAGE)))
        return ended.code
    except OSError as error:  # commands guard themselves: this is the parser, printing its help
        raise lost(error) from None
    return 0
