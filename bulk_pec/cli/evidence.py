"""What a dossier is made from: the ledger, the configuration's templates, and the archive if there is one."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from bulk_pec.cli import forecasting
from bulk_pec.cli.session import Result, Session
from bulk_pec.config import Config
from bulk_pec.domain.errors import BulkPecError
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.words import counted
from bulk_pec.ledger.inbox.kept import Kept
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.proof.stories import Receipt
from bulk_pec.ledger.proof.tracing import Match
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.provider.parsing import MailText
from bulk_pec.receipts.papers import folder_of, paper
from bulk_pec.reporting import dossier
from bulk_pec.reporting.replacing import refuse_over
from bulk_pec.reporting.reprint import Press

_COPIES = 9
"""Files of one receipt that are looked at: a killed start may have left an older reading beside it."""


class Making:
    """Makes one dossier.

    Args:
        session: For the configuration.
        output: Where it goes.
        attachments: Whether the attached files are put in.
        force: Whether a file that is there is replaced.
    """

    def __init__(self, session: Session, output: Path, *, attachments: bool, force: bool) -> None:
        self._session = session
        self._output = output
        self._attachments = attachments
        self._force = force

    def of_message(self, ledger: Ledger, match: Match) -> Result:
        """One message's."""
        run = ledger.runs.get(match.run)
        story = ledger.stories.of(run, match.message or 0)
        orders = ledger.stories.orders(run, story.message.reference)
        self._check(ledger, run)
        with dossier.target(self._output, force=self._force) as file:
            made = dossier.of_message(file, story, orders, self._sources(run))
        about: dict[str, str | int] = {
            "run": run.name,
            "row": story.message.row,
            "reference": story.message.reference,
        }
        return self._told(made, f"The dossier of {story.message.reference} (run {run.name})", about)

    def of_run(self, ledger: Ledger, run: Run) -> Result:
        """A whole run's."""
        stories, orders = ledger.stories, ledger.stories.orders(run)
        self._check(ledger, run)
        with dossier.target(self._output, force=self._force) as file:
            made = dossier.of_run(
                file, run, (stories.pages(run), stories.aside_pages(run)), orders, self._sources(run)
            )
        about: dict[str, str | int] = {"run": run.name, "messages": made.messages}
        return self._told(made, f"The dossier of run {run.name}, {counted(made.messages, 'message')},", about)

    def _check(self, ledger: Ledger, run: Run) -> None:
        """Not even --force writes over what the run lives on; without it, over nothing at all."""
        if self._force:
            refuse_over(self._output, run.list_digest, ledger.database.file)

    def _sources(self, run: Run) -> dossier.Sources:
        config = self._session.config()
        return dossier.Sources(
            _press(config, run),
            forecasting.zone(config),
            partial(archived, _archive(config)),
            self._attachments,
        )

    def _told(self, made: dossier.Made, what: str, about: dict[str, str | int]) -> Result:
        sha256 = _digest(self._output)
        document = {
            "schema": 1,
            "file": str(self._output),
            "sha256": sha256,
            "manifest_sha256": made.manifest_sha256,
            "files": made.files,
            "not_reproduced": made.lost,
            **about,
        }
        lines = [f"{what} is in {self._output}: {counted(made.files, 'file')}."]
        if made.lost:
            lines.append(
                f"{counted(made.lost, 'text')} cannot be made again with the templates and attachments as "
                "they are now: the dossier says so, and has the recorded digests."
            )
        lines += [
            f"SHA-256 of the dossier:  {sha256}",
            f"SHA-256 of its manifest: {made.manifest_sha256}",
            "Keep the first one elsewhere: with it, `bulk-pec dossier verify` shows that this is the file "
            "made now.",
        ]
        return Result(document, "\n".join(lines))


def _press(config: Config, run: Run) -> Press:
    """What makes the run's letters again; that the templates cannot be had is said in the dossier."""
    from bulk_pec.cli import wiring

    try:
        return Press(run, wiring.composer(config))
    except BulkPecError as error:
        return Press(run, None, error.what)


def _archive(config: Config) -> Path | None:
    folder = config.settings.receipts.archive
    return config.resolve(folder) if folder else None


def archived(archive: Path | None, receipt: Receipt) -> bytes | None:
    """The archived file of a receipt, if it is there and holds the text that the ledger knows."""
    if archive is None or receipt.text_digest is None:
        return None
    kept = Kept(
        id=receipt.id,
        mailbox_id=receipt.mailbox_id,
        fingerprint=receipt.fingerprint,
        item_id=receipt.item_id,
        kind=ReceiptKind(receipt.kind),
        sender=receipt.sender,
        subject=receipt.subject,
        date=receipt.date,
        at=receipt.at,
        reference=receipt.reference,
        token=receipt.token,
        message=receipt.message,
        cause=receipt.cause,
        misses=0,
        text_digest=receipt.text_digest,
    )
    page = paper(kept, MailText("", "", "", "", None, ""), receipt.mailbox, 0)
    folder = archive / folder_of(receipt.mailbox) / page.place
    for number in range(1, _COPIES + 1):
        name = f"{page.stem}.txt" if number == 1 else f"{page.stem}-{number}.txt"
        try:
            content = (folder / name).read_bytes()
        except OSError:
            return None
        text = content.partition(b"\n\n")[2]
        if receipt.text_digest in {hashlib.sha256(one).hexdigest() for one in (text, text[:-1])}:
            return content
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
