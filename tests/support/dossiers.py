"""Dossiers as the tests make them: of files, or of a message in a ledger that went through all there is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
from support.ledgers import MESSAGE_ID, NOW, Desk, harvest, mail, new_run

from bulk_pec.composing import Composer, Templates, digest_of
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.reporting import dossier
from bulk_pec.reporting.dossier_zip import MANIFEST, Binder
from bulk_pec.reporting.manifests import canonical
from bulk_pec.reporting.reprint import Press

ROME: tzinfo = ZoneInfo("Europe/Rome")
COLUMNS = ("numero", "pec", "nome")
SUBJECT = "Avviso n. {{ numero }}"
BODY = "<p>Gentile {{ nome }}, avviso {{ numero }}.</p>"


def bound(files: Mapping[str, bytes], about: Mapping[str, str | int | None] | None = None) -> bytes:
    """A dossier of these files, as bytes."""
    target = io.BytesIO()
    binder = Binder(target)
    for name, content in files.items():
        binder.add(name, content)
    binder.add(MANIFEST, canonical("bulk-pec test", about or {"run": "giugno"}, binder.files))
    binder.close()
    return target.getvalue()


def templates(subject: str = SUBJECT, body: str = BODY) -> Templates:
    """Templates in place."""
    return Templates.read(subject=subject, body=body, body_file=None, reference="[rif. {ref}]")


def composer(subject: str = SUBJECT, body: str = BODY) -> Composer:
    """These templates, compiled."""
    return Composer(templates(subject, body))


@dataclass(frozen=True, slots=True)
class Person:
    """A row of a list: key, address and the name that the letter calls."""

    key: str
    address: str
    name: str


def loaded(ledger: Ledger, people: list[Person], name: str = "giugno") -> Run:
    """A run of these people, whose letters are `composer()`'s."""
    letters = composer()
    places = letters.places_of(COLUMNS)
    rows = []
    for number, one in enumerate(people, 1):
        values = [one.key, one.address, one.name]
        content = letters.content_digest(one.address, values, places)
        fields = orjson.dumps(values).decode()
        rows.append((number, one.key, one.address, fields, content, None, None))
    new = new_run(name)
    new = type(new)(
        name=new.name,
        list_name=new.list_name,
        list_digest=new.list_digest,
        template_digest=letters.digest,
        columns=COLUMNS,
        mailboxes=new.mailboxes,
        words_digest=letters.templates.digest,
    )
    with ledger.load(new, NOW) as loading:
        loading.add(rows)
    return ledger.runs.get(name)


def sent(ledger: Ledger, run: Run, *, receipts: bool = True) -> Desk:
    """Every message of the run posted with its true digest, and both receipts of each harvested."""
    desk, letters = Desk.of(ledger, run), composer()
    for pending in desk.pending():
        values = dict(zip(COLUMNS, orjson.loads(pending.fields), strict=True))
        letter = letters.compose(pending.recipient, values, pending.reference, ())
        attempt = desk.opened(pending, digest=digest_of(letter))
        taken = Outcome(Verdict.SENT, "Sent", status=201, message_id=f"{MESSAGE_ID}{pending.row}")
        desk.close(attempt, pending.id, taken)
        if receipts:
            mails = [
                mail(kind, pending.reference, message_id=f"{MESSAGE_ID}{pending.row}")
                for kind in (ReceiptKind.ACCEPTED, ReceiptKind.DELIVERED)
            ]
            harvest(ledger, desk.mailbox, mails)
    return desk


def sources(run: Run, letters: Composer | None, zone: tzinfo = UTC) -> dossier.Sources:
    """What a dossier is made from, without an archive."""
    return dossier.Sources(Press(run, letters, "" if letters else "gone"), zone, lambda _: None)


def made_of_run(path: Path, ledger: Ledger, run: Run, letters: Composer | None) -> dossier.Made:
    """A run's dossier."""
    stories = ledger.stories
    with dossier.target(path, force=False) as file:
        rows = (stories.pages(run), stories.aside_pages(run))
        return dossier.of_run(file, run, rows, stories.orders(run), sources(run, letters))
