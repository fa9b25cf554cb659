"""The archived texts that a dossier puts in: found where the archive keeps them, and only if unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulk_pec.cli.evidence import archived
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.inbox.kept import Kept
from bulk_pec.ledger.proof.stories import Receipt
from bulk_pec.provider.parsing import MailText
from bulk_pec.receipts.papers import digest, folder_of, keep, make_folder, paper

AT = 1_800_000_000_000
BOX = "ufficio@example.com"
TEXT = "Il messaggio è stato consegnato.\n\nIdentificativo: 1\n"


def receipt(text: str, *, at: int | None = AT, reference: str | None = "9K2D7Q4M0XZ1A") -> Receipt:
    """A receipt whose text is archived."""
    return Receipt(
        id=1,
        message=1,
        mailbox=BOX,
        mailbox_id=1,
        fingerprint="f" * 32,
        item_id="1",
        kind="delivered",
        sender="posta-certificata@example.net",
        subject="CONSEGNA: x",
        date="day",
        at=at,
        reference=reference,
        token="2020082610003492",  # noqa: S106 - the provider's name of a message, no secret
        cause=None,
        text_digest=digest(text),
        archived_at=AT,
        archive_number=1,
        deleted_at=None,
        gone=False,
    )


def put(archive: Path, told: Receipt, text: str) -> Path:
    """Archive a text as the archive does; its file."""
    kept = Kept(
        told.id,
        told.mailbox_id,
        told.fingerprint,
        told.item_id,
        ReceiptKind(told.kind),
        told.sender,
        told.subject,
        told.date,
        told.at,
        told.reference,
        told.token,
        told.message,
        None,
        0,
        None,
    )
    page = paper(kept, MailText("", BOX, told.subject, told.date, told.at, text), BOX, AT)
    folder = make_folder(archive, folder_of(BOX))
    return folder / keep(folder, page)[0]


@pytest.mark.parametrize("text", [TEXT, TEXT.rstrip(), "", "una riga"])
@pytest.mark.parametrize(("at", "reference"), [(AT, "9K2D7Q4M0XZ1A"), (None, None)])
def test_a_text_is_found_where_it_was_archived(
    tmp_path: Path, text: str, at: int | None, reference: str | None
) -> None:
    """With or without a date and a reference; whether or not it ended in a line's end."""
    told = receipt(text, at=at, reference=reference)
    file = put(tmp_path, told, text)
    assert archived(tmp_path, told) == file.read_bytes()


def test_a_later_reading_beside_another_is_found(tmp_path: Path) -> None:
    """A killed start may have left a file with another text; the one that the ledger knows is taken."""
    told = receipt(TEXT)
    put(tmp_path, told, "altro")
    file = put(tmp_path, told, TEXT)
    assert file.name.endswith("-2.txt")
    assert archived(tmp_path, told) == file.read_bytes()


def test_a_text_that_is_not_the_archived_one_is_left_out(tmp_path: Path) -> None:
    """Changed, gone, or no archive at all: the dossier holds the digest alone."""
    told = receipt(TEXT)
    file = put(tmp_path, told, TEXT)
    file.write_bytes(file.read_bytes().replace(b"consegnato", b"smarrito"))
    assert archived(tmp_path, told) is None
    file.unlink()
    assert archived(tmp_path, told) is None
    assert archived(None, told) is None
