"""``test-send``: one message of a list, sent to oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import ListFile, Yes, command
from bulk_pec.cli.preview import Row
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import ListRefused, UsageError

if TYPE_CHECKING:
    from bulk_pec.cli.picking import Picked
    from bulk_pec.composing import Composer
    from bulk_pec.ledger.ledger import Ledger
    from bulk_pec.ledger.runs import Run
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
        from bulk_pec.cli.job import Job, Limits
        from bulk_pec.cli.picking import pick
        from bulk_pec.cli.run import confirm

        config = session.config()
        config.token()
        config.mailbox_list()
        _check(to)
        letters = wiring.composer(config)
        with wiring.recipient_list(config, file, letters) as rows:
            picked = pick(rows, row)
            with session.ledger("write") as ledger:
                run = _load(session, ledger, rows, picked, letters, to)
                confirm(session, run.name, 1, yes=yes)
                job = Job(session, ledger, run, letters, Limits())
                job.send(reconcile=False)
                return Result(*job.outcome())


def _check(address: str) -> None:
    """Refuse what is no address.

    Raises:
        UsageError: It is none.
    """
    from bulk_pec.recipients.addresses import fault

    what = fault(address.strip())
    if what is not None:
        raise UsageError(f"--to {address!r}: {what.rstrip('.')}.", hint="Give one address of your own.")


def _load(
    session: Session, ledger: Ledger, rows: RecipientList, picked: Picked, letters: Composer, to: str
) -> Run:
    """A run of one message: the row's, but for its recipient.

    Raises:
        ListRefused: No letter can be made of the row, or the address is suppressed.
    """
    from bulk_pec.cli import wiring
    from bulk_pec.composing import Proofreader
    from bulk_pec.ledger.loading import NewRun

    values = [picked.values[name] for name in rows.columns]
    found = Proofreader(letters, rows.columns).read(to.strip(), values)
    if not isinstance(found, bytes):
        words = "; ".join(problem.what for problem in found)
        raise ListRefused(f"No letter can be made of this row: {words}.", hint="Mend the list.")
    name = _free_name(ledger, f"{rows.path.stem}.test")
    new = NewRun(
        name=name,
        list_name=rows.path.name,
        list_digest=rows.digest,
        template_digest=letters.digest,
        columns=rows.columns,
        mailboxes=tuple(one.address.lower() for one in session.config().settings.mailboxes),
    )
    with ledger.load(new, wiring.clock().now()) as loading:
        loading.add([(1, picked.key, to.strip(), picked.values_json, found, None, None)])
    return ledger.runs.get(name)


def _free_name(ledger: Ledger, stem: str) -> str:
    """The first of ``stem-1``, ``stem-2`` … that no run has."""
    number = 1
    while ledger.runs.find(f"{stem}-{number}") is not None:
        number += 1
    return f"{stem}-{number}"
