"""``preview``: one message of a list as its recipient would see it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bulk_pec.cli.command import ListFile, command
from bulk_pec.cli.session import Result, Session

Row = Annotated[int, typer.Option("--row", min=1, help="Which row of the list; the first is 1.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "preview")
    def preview(
        session: Session,
        file: ListFile,
        row: Row,
        output: Annotated[Path, typer.Option("-o", "--output", help="A new or empty folder.")],
    ) -> Result:
        """Write one message as its recipient would see it, with its attachments; sends nothing."""
        from bulk_pec.cli import wiring
        from bulk_pec.cli.picking import as_known, no_letter, pick
        from bulk_pec.composing import Uncomposable
        from bulk_pec.composing.preview import Preview, write
        from bulk_pec.composing.sizes import oversized
        from bulk_pec.domain.references import LENGTH

        config = session.config()
        letters = wiring.composer(config)
        with wiring.recipient_list(config, file, letters) as rows:
            picked = pick(as_known(session, rows), row)
        sample = "0" * LENGTH
        try:
            letter = letters.compose(picked.recipient, picked.values, sample)
        except Uncomposable as error:
            raise no_letter(row, error.problems) from error
        sender = config.settings.mailboxes[0].address if config.settings.mailboxes else ""
        view = Preview(letter, sender, letters.templates.body_is_html, row=row, reference=sample)
        if view.too_large:
            raise no_letter(row, [oversized("body", "the message", view.size)])
        files = view.files()
        write(files, output)
        document = {"schema": 1, "row": row, "directory": str(output), "files": sorted(files)}
        return Result(document, f"Row {row} written to {output}: open message.html.")
