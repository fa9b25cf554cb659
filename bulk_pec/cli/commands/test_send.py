"""``test-send``: one message of a list, sent to oneself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import ListFile, Yes, command
from bulk_pec.cli.commands.preview import Row
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import ListRefused, UsageError

if TYPE_CHECKING:
    from bulk_pec.cli.picking import Picked
    from bulk_pec.composing import Composer
    from bulk_pec.ledger.ledger import Ledger
    from bulk_pec.ledger.runs.runs import Run
    from bulk_pec.recipients import RecipientList


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "test-send")
    def test_send(
        session: Session,
        file: ListFile,
        row: Row,
        to: Annotated[str, typer.Option("--to", help="Your own address.")],
        yes: Yes = False,
    ) -> Result:
        """Send one row's message to yourself: a run of its own, recorded, with a reference of its own."""
        from bulk_pec.cli import wiring
        from bulk_pec.cli.commands.run import confirm
        from bulk_pec.cli.job import Job, Limits
        from bulk_pec.cli.picking import as_known, pick

        config = session.config()
        config.sendable()
        _check(to)
        _check_name(file)
        letters = wiring.composer(config)
        with wiring.recipient_list(config, file, letters) as rows:
            picked = pick(as_known(session, rows), row)
            with session.ledger("write") as ledger:
                name = _free_name(ledger, rows.path.name)
                confirm(session, name, 1, yes=yes, otherwise="Nothing was loaded or sent: nobody said yes.")
                digest = _content(letters, rows, picked, row, to.strip())
                run = _load(
                    session,
                    ledger,
                    rows,
                    (name, letters.digest, letters.templates.digest),
                    (row, picked, to.strip(), digest),
                )
                job = Job(session, ledger, run, letters, Limits(), trial=True)
                job.send(reconcile=False)
                return job.outcome()


def _check(address: str) -> None:
    """Refuse what is no address.

    Raises:
        UsageError: It is none.
    """
    from bulk_pec.recipients.addresses import fault

    what = fault(address.strip())
    if what is not None:
        raise UsageError(f"--to {address!r}: {what.rstrip('.')}.", hint="Give one address of your own.")


def _check_name(file: Path) -> None:
    """Refuse a list whose name no run can have: the run is named after it.

    Raises:
        UsageError: It is not printable.
    """
    if not file.name.isprintable():
        raise UsageError(
            f"A run cannot be named after {file.name!a}: a name is printable.", hint="Rename the list."
        )


def _content(letters: Composer, rows: RecipientList, picked: Picked, row: int, to: str) -> bytes:
    """The digest of what the row's message says to another recipient.

    Raises:
        ListRefused: No letter can be made of the row.
    """
    from bulk_pec.cli.picking import no_letter
    from bulk_pec.composing import Proofreader

    found = Proofreader(letters, rows.columns).read(to, [picked.values[name] for name in rows.columns])
    if not isinstance(found, bytes):
        raise no_letter(row, found)
    return found


def _load(
    session: Session,
    ledger: Ledger,
    rows: RecipientList,
    names: tuple[str, str, str],
    message: tuple[int, Picked, str, bytes],
) -> Run:
    """A run of one message: the row's, but for its recipient.

    Args:
        session: For the mailbox.
        ledger: Open for writing.
        rows: The list.
        names: The run's, the templates' digest, and theirs without the reference.
        message: The row's number, the row, its recipient, its content digest.

    Raises:
        ListRefused: The recipient is suppressed.
    """
    from bulk_pec.cli import wiring
    from bulk_pec.ledger.runs.loading import NewRun

    row, picked, to, digest = message
    new = NewRun(
        name=names[0],
        list_name=rows.path.name,
        list_digest=rows.digest,
        template_digest=names[1],
        columns=rows.names,
        mailboxes=tuple(one.address.lower() for one in session.config().settings.mailboxes),
        words_digest=names[2],
    )
    with ledger.load(new, wiring.clock().now()) as loading:
        if loading.add([(row, picked.key, to, picked.values_json, digest, None, None)]):
            raise ListRefused(
                f"{to} is suppressed: it is never to be written to.",
                hint="Give another address, or take it off with `bulk-pec suppress remove`.",
            )
    return ledger.runs.get(names[0])


def _free_name(ledger: Ledger, list_name: str) -> str:
    """The first of ``LIST.test-1``, ``LIST.test-2`` … that no run has."""
    from bulk_pec.ledger.runs.runs import trial_name

    number = 1
    while ledger.runs.find(trial_name(list_name, number)) is not None:
        number += 1
    return trial_name(list_name, number)
