"""``dossier``: the evidence of one message, or of a run, as one file; and the check of such a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.commands.explain import OfRun
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.states import SetAside

if TYPE_CHECKING:
    from bulk_pec.ledger.ledger import Ledger
    from bulk_pec.ledger.proof.tracing import Match

_VERIFY = "verify"
_FORMS = "`bulk-pec dossier KEY -o x.zip`, `dossier --run RUN -o x.zip`, or `dossier verify x.zip`."

Words = Annotated[
    list[str] | None,
    typer.Argument(
        help="A message, as for `explain`; or `verify` and a dossier.", metavar="[KEY | verify FILE]"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "dossier")
    def dossier(
        session: Session,
        words: Words = None,
        run: OfRun = None,
        output: Annotated[Path | None, typer.Option("-o", "--output", help="x.zip")] = None,
        attachments: Annotated[
            bool, typer.Option("--attachments", help="Put the attached files in; of one message.")
        ] = False,
        force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
        sha256: Annotated[
            str | None, typer.Option("--sha256", help="With verify: the digest that you kept.")
        ] = None,
    ) -> Result:
        """Write the evidence of a message, or of a run, into one ZIP; or check such a file, offline."""
        given = words or []
        makes = output is not None or run is not None or attachments or force
        if len(given) == 2 and given[0] == _VERIFY and not makes:
            return _verified(Path(given[1]), sha256)
        if output is None or len(given) > 1 or sha256 is not None or not (given or run):
            raise UsageError("This is no way to call `dossier`.", hint=f"Say {_FORMS}")
        if attachments and not given:
            raise UsageError(
                "--attachments goes with one message only.", hint="Name the message, or leave it out."
            )
        if str(output) == "-":
            raise UsageError("A dossier goes into a file, not to stdout.", hint="Name one, such as -o x.zip.")
        from bulk_pec.cli.evidence import Making

        making = Making(session, output, attachments=attachments, force=force)
        with session.ledger("read") as ledger:
            if not given:
                return making.of_run(ledger, ledger.runs.get(run or ""))
            return making.of_message(ledger, _one(ledger, given[0], run))


def _one(ledger: Ledger, word: str, run: str | None) -> Match:
    """The one message that is meant.

    Raises:
        UsageError: There is none, or more than one, or it is a row that never became a message.
    """
    from bulk_pec.cli.asking import found

    matches = found(ledger, word, run)
    if len(matches) > 1:
        raise UsageError(
            f"{len(matches):,} messages or rows fit {word!r}.",
            hint="`bulk-pec explain` lists them; give a reference, or --run RUN and a key or row:N.",
        )
    if matches[0].message is None:
        state = "a duplicate" if matches[0].state == SetAside.DUPLICATE else matches[0].state
        raise UsageError(
            f"Row {matches[0].row} of run {matches[0].run!r} is no message: it is {state}.",
            hint="There is no evidence of it; `bulk-pec explain` says why.",
        )
    return matches[0]


def _verified(path: Path, sha256: str | None) -> Result:
    from bulk_pec.reporting.dossier_check import check

    found = check(path, sha256)
    document = {
        "schema": 1,
        "file": str(path),
        "sha256": found.sha256,
        "manifest_sha256": found.manifest_sha256,
        "files": len(found.files),
        "about": found.about,
        "made_by": found.made_by,
    }
    about = ", ".join(f"{name} {value}" for name, value in found.about.items() if value is not None)
    return Result(
        document,
        f"{path} is whole: {len(found.files):,} files, each as its manifest says ({about}).\n"
        f"SHA-256 of the dossier:  {found.sha256}\n"
        f"SHA-256 of its manifest: {found.manifest_sha256}\n"
        "It is the one that was made if this is the digest that was printed when it was made.",
    )
