"""The chain and its papers: read from the end, cut where a crash broke it; safe names, nothing replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.inbox.kept import Kept
from bulk_pec.provider.parsing import MailText
from bulk_pec.receipts.chain import FILE, ArchiveFailed, Chain, Link
from bulk_pec.receipts.papers import folder_of, keep, paper, read_back

LENGTH = 600
"""Lines: several of the blocks that are read from the end."""


def _links() -> list[Link]:
    links: list[Link] = []
    for number in range(1, LENGTH + 1):
        before = links[-1].hash if links else ""
        links.append(
            Link(number, f"2027-01-15/08/{number}.txt", "a" * 64, f"{number:032x}", "b" * 64, before)
        )
    return links


LINKS = _links()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a long chain."""
    folder = tmp_path_factory.mktemp("chain")
    (folder / FILE).write_bytes(b"".join(link.line() for link in LINKS))
    return folder


@pytest.mark.parametrize("number", [0, 1, 2, 150, LENGTH - 1, LENGTH])
def test_what_is_beyond_the_ledgers_end(written: Path, number: int) -> None:
    """However far behind the ledger is, it gets every line after the one it knows, in order."""
    chain = Chain(written)
    try:
        head = LINKS[number - 1].hash if number else ""
        assert chain.beyond(number, head) == LINKS[number:]
    finally:
        chain.close()


@pytest.mark.parametrize(("number", "head"), [(LENGTH + 1, "x"), (LENGTH, "x"), (3, LINKS[3].hash)])
def test_another_chain_is_refused(written: Path, number: int, head: str) -> None:
    """The line that the ledger knows as its last is another, or is not there."""
    chain = Chain(written)
    try:
        with pytest.raises(ArchiveFailed):
            chain.beyond(number, head)
    finally:
        chain.close()


def test_one_process_at_a_time(written: Path) -> None:
    """While one adds to a chain, another cannot open it."""
    chain = Chain(written)
    with pytest.raises(ArchiveFailed):
        Chain(written)
    chain.close()
    Chain(written).close()


@settings(deadline=None)
@given(cut=st.integers(0, 5 * len(LINKS[0].line())))
def test_a_chain_cut_anywhere_goes_on_at_its_last_whole_line(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """Whatever part of the last line a crash left, it goes, and the next line follows the last whole one."""
    folder = tmp_path_factory.mktemp("cut")
    data = b"".join(link.line() for link in LINKS[:5])[:cut]
    (folder / FILE).write_bytes(data)
    whole = data.count(b"\n")
    chain = Chain(folder)
    try:
        assert chain.beyond(0, "") == LINKS[:whole]
        chain.add(LINKS[whole])
        assert chain.beyond(0, "") == LINKS[: whole + 1]
    finally:
        chain.close()


def _kept(**changed: object) -> Kept:
    values: dict[str, object] = {
        "id": 1,
        "mailbox_id": 1,
        "fingerprint": "0123456789abcdef" * 2,
        "item_id": "7",
        "kind": ReceiptKind.DELIVERED,
        "sender": "posta-certificata@example.net",
        "subject": "CONSEGNA: Avviso",
        "date": "Fri, 15 Jan 2027 08:00:00 +0000",
        "at": 1_800_000_000_000,
        "reference": None,
        "token": None,
        "message": 1,
        "cause": None,
        "misses": 0,
        "text_digest": None,
    }
    return Kept(**(values | changed))  # type: ignore[arg-type]  # the values of a row, by name


def _text(body: str) -> MailText:
    return MailText("", "", "", "", None, body)


@settings(deadline=None)
@given(address=st.text(min_size=1, max_size=400))
def test_a_folders_name_is_safe(address: str) -> None:
    """Whatever the address, its folder is one folder inside the archive, and no hidden one."""
    name = folder_of(address.encode("utf-8", "replace").decode())
    assert 0 < len(name.encode()) <= 255
    assert not set(name) & {"/", "\\", "\x00", "\n"}
    assert set(name) != {"."}


@settings(deadline=None)
@given(token=st.text(max_size=200), body=st.text(max_size=200), at=st.one_of(st.none(), st.integers()))
def test_any_receipt_can_be_kept(
    tmp_path_factory: pytest.TempPathFactory, token: str, body: str, at: int | None
) -> None:
    """A file inside the folder, kept once however often it is tried, and kept beside another text."""
    folder = tmp_path_factory.mktemp("papers")
    receipt = _kept(token=token, at=at)
    first = keep(folder, paper(receipt, _text(body), "a@b.example", 1_800_000_000_000))
    later = paper(receipt, _text(body), "a@b.example", 1_900_000_000_000)
    assert keep(folder, later) == first, "when it was fetched is not what it says"
    assert (folder / first[0]).resolve().is_relative_to(folder.resolve())
    other = keep(folder, paper(receipt, _text(body + "x"), "a@b.example", 1_800_000_000_000))
    assert other[0] != first[0]
    assert len(list(folder.rglob("*.txt"))) == 2


@pytest.mark.parametrize("sender", ['"posta-certificata@example.net" ', "posta-certificata@example.net"])
def test_a_file_says_which_mail_it_is_of(tmp_path: Path, sender: str) -> None:
    """Sender, subject and date stand in it as the inbox listed them: the same mail comes back."""
    receipt = _kept(sender=sender, subject="CONSEGNA: Avviso: n. 1 è [rif. x]")
    file, _ = keep(tmp_path, paper(receipt, _text("\n\nsubject: altro"), "a@b.example", 1_800_000_000_000))
    item = read_back(tmp_path / file)
    assert item is not None
    assert (item.sender, item.subject, item.date, item.at) == (
        sender,
        receipt.subject,
        receipt.date,
        receipt.at,
    )
