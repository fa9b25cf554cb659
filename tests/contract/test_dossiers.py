"""What a dossier holds, and what it does not: one message's, and a whole run's, on both databases."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from support.dossiers import BODY, ROME, Person, composer, loaded, made_of_run, sent, sources
from support.ledgers import IN_DOUBT, NOW, Desk, a_row, new_run

from bulk_pec.composing import Composer, Files, Folder, Templates, digest_of
from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.proof.stories import Receipt
from bulk_pec.ledger.runs.loading import RefusedRow
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.reporting import dossier
from bulk_pec.reporting.dossier_check import check
from bulk_pec.reporting.dossier_page import MessagePage
from bulk_pec.reporting.reprint import Press

ANNA = Person("0451", "anna@example.org", "Anna & <b>figli</b>")
NASTY = Person(
    "../../=cmd|'/x'!A1<script>alert(1)</script>", "eve@example.org", "</iframe><script>x</script>"
)


def made(
    path: Path, ledger: Ledger, run: Run, letters: Composer | None, which: int = 0, **more: Any
) -> zipfile.ZipFile:
    """One message's dossier, checked and opened."""
    story = ledger.stories.of(run, run.first_id + which)
    orders = ledger.stories.orders(run, story.message.reference)
    wanted = sources(run, letters, ROME)
    wanted = dossier.Sources(
        more.get("press", wanted.press),
        ROME,
        more.get("texts", wanted.texts),
        more.get("attachments", False),
    )
    with dossier.target(path, force=True) as file:
        done = dossier.of_message(file, story, orders, wanted)
    assert check(path).manifest_sha256 == done.manifest_sha256
    return zipfile.ZipFile(path)


def document(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    """A JSON file of a dossier."""
    value = json.loads(archive.read(name))
    assert isinstance(value, dict)
    return value


def test_one_message_s_dossier_is_its_evidence(ledger: Ledger, tmp_path: Path) -> None:
    """The text as posted, shown by its digest; attempts, receipts and timeline; what proves what."""
    run = loaded(ledger, [ANNA])
    sent(ledger, run)
    with made(tmp_path / "x.zip", ledger, run, composer()) as archive:
        told, letter = document(archive, "message.json"), document(archive, "letter.json")
        assert archive.read("letter/body.html").decode() == (
            "<p>Gentile Anna &amp; &lt;b&gt;figli&lt;/b&gt;, avviso 0451.</p>"
        )
        readme = archive.read("README.txt").decode()
    parts = [
        *letter["recipients"],
        letter["subject"],
        "<p>Gentile Anna &amp; &lt;b&gt;figli&lt;/b&gt;, avviso 0451.</p>",
    ]
    by_hand = hashlib.sha256(b"".join(part.encode() + b"\x1f" for part in parts)).hexdigest()
    (attempt,) = told["attempts"]
    assert attempt["content_sha256"] == by_hand  # as README.txt says that it is made
    assert (letter["likeness"], letter["reproduced"]) == ("sent", True)
    assert letter["content_sha256_recorded"] == [attempt["content_sha256"]] == [letter["content_sha256_now"]]
    assert letter["subject"] == f"Avviso n. 0451 [rif. {told['reference']}]"
    assert letter["recipients"] == told["recipients"] == ["anna@example.org"]
    assert (told["state"], told["delivery"], told["key"]) == ("sent", "delivered", "0451")
    assert [one["kind"] for one in told["receipts"]] == ["accepted", "delivered"]
    assert told["input"] == {"numero": "0451", "pec": "anna@example.org", "nome": ANNA.name}
    said = [event["en"] for event in told["timeline"]]
    assert [
        word for word in ("loaded", "intent", "HTTP 201", "ACCETTAZIONE", "CONSEGNA") if word in str(said)
    ]
    times = [event["at"] for event in told["timeline"]]
    assert times == sorted(times)
    assert told["timeline"][0]["local"].endswith("+01:00")
    for word in (
        "DPR 68",
        "DM 2 novembre 2005",
        "RFC 6109",
        ".eml",
        "daticert.xml",
        "NOT here",
        "NON sono qui",
    ):
        assert word in readme, word


def test_nothing_tells_when_it_was_made(ledger: Ledger, tmp_path: Path) -> None:
    """Made twice from the same ledger, both kinds of dossier are the same bytes."""
    run = loaded(ledger, [ANNA])
    sent(ledger, run)
    for name in ("one.zip", "two.zip"):
        made(tmp_path / name, ledger, run, composer()).close()
        made_of_run(tmp_path / f"run-{name}", ledger, run, composer())
    for kind in ("", "run-"):
        assert (tmp_path / f"{kind}one.zip").read_bytes() == (tmp_path / f"{kind}two.zip").read_bytes()


@pytest.mark.parametrize(
    ("letters", "word"),
    [
        (composer(body=BODY + "<p>PS</p>"), "they are others now"),
        (composer(subject="Avviso {{ numero }}"), "they are others now"),
        (None, "gone"),
    ],
)
def test_a_text_that_cannot_be_made_again_is_not_shown(
    ledger: Ledger, tmp_path: Path, letters: Composer | None, word: str
) -> None:
    """With other templates, or none, the dossier says so in both languages and keeps the recorded digest."""
    run = loaded(ledger, [ANNA])
    sent(ledger, run)
    with made(tmp_path / "x.zip", ledger, run, letters) as archive:
        letter, page = document(archive, "letter.json"), archive.read("dossier.html").decode()
        assert [name for name in archive.namelist() if name.startswith("letter/")] == []
    assert (letter["reproduced"], letter["likeness"], letter["subject"]) == (False, "lost", None)
    assert word in letter["why"]["en"]
    (digest,) = letter["content_sha256_recorded"]
    assert digest in page
    assert "non può essere riprodotto" in page
    assert "cannot be reproduced" in page
    assert ANNA.name not in page


def test_a_text_with_another_digest_is_not_shown(ledger: Ledger, tmp_path: Path) -> None:
    """The right templates are not enough: what is made must have the digest that was recorded."""
    run = loaded(ledger, [ANNA])
    desk = Desk.of(ledger, run)
    (pending,) = desk.pending()
    desk.sent(pending)  # its recorded digest is made up
    with made(tmp_path / "x.zip", ledger, run, composer()) as archive:
        letter = document(archive, "letter.json")
    assert (letter["reproduced"], letter["content_sha256_recorded"]) == (False, [f"d{pending.id}"])
    assert letter["content_sha256_now"] not in {None, f"d{pending.id}"}
    assert "another digest" in letter["why"]["en"]


def test_a_message_that_was_never_posted_says_so(ledger: Ledger, tmp_path: Path) -> None:
    """Its text is the one fixed at load, and no more than that is claimed."""
    run = loaded(ledger, [ANNA])
    with made(tmp_path / "x.zip", ledger, run, composer()) as archive:
        letter, told = document(archive, "letter.json"), document(archive, "message.json")
    assert (letter["likeness"], letter["content_sha256_recorded"]) == ("loaded", [])
    assert "Never posted" in letter["why"]["en"]
    assert (told["attempts"], told["receipts"], told["message_id"]) == ([], [], None)


def test_what_a_list_holds_cannot_leave_its_place(ledger: Ledger, tmp_path: Path) -> None:
    """A key made of a path, a formula and a script stays text: in names, in the page, in JSON."""
    run = loaded(ledger, [NASTY])
    sent(ledger, run)
    with made(tmp_path / "x.zip", ledger, run, composer()) as archive:
        page, told = archive.read("dossier.html").decode(), document(archive, "message.json")
        assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", name) for name in archive.namelist())
        assert "&lt;/iframe&gt;" in archive.read("letter/body.html").decode()
    assert told["key"] == NASTY.key
    assert "<script" not in page
    assert page.count("<iframe") == page.count("</iframe>") == 2
    made_of_run(tmp_path / "run.zip", ledger, run, composer())
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        (line,) = archive.read("messages/from-row-00000001.jsonl").decode().splitlines()
        assert json.loads(line)["key"] == NASTY.key
        assert "<script" not in archive.read("index.html").decode()


def test_the_page_opens_alone(ledger: Ledger, tmp_path: Path) -> None:
    """It asks for nothing from anywhere, runs nothing, and says its languages."""
    run = loaded(ledger, [ANNA])
    sent(ledger, run)
    with made(tmp_path / "x.zip", ledger, run, composer()) as archive:
        page = archive.read("dossier.html").decode()
    assert re.findall(r'(?:src|href|action)=(?!["\']?#)', page) == []
    assert "url(" not in page
    assert "@import" not in page
    assert page.count("""content="default-src 'none';""") == 1
    assert page.count('iframe sandbox=""') == page.count("<iframe") == 2
    assert '<section id="it" lang="it">' in page
    assert '<section id="en" lang="en">' in page


def test_the_page_says_first_what_it_is(ledger: Ledger, tmp_path: Path) -> None:
    """What is proof, and where the signed originals are, stands before everything that could be taken for it.

    Of each receipt it says what it is, the digest of its archived text, and whether this program deleted it.
    """
    run = loaded(ledger, [ANNA])
    sent(ledger, run)
    story = ledger.stories.of(run, run.first_id)
    accepted, delivered = story.receipts
    kept = replace(delivered, text_digest="e" * 64, deleted_at=NOW, gone=True)
    printed = sources(run, composer(), ROME).press.print(story)
    page = MessagePage(replace(story, receipts=(accepted, kept)), (), ROME, printed).html()
    for tongue, words in {
        "it": ["Che cosa è provato", "Avvertenze", "NON sono qui", "Cronologia", "Il testo è mostrato in un"],
        "en": ["What is proved", "What this file is", "NOT here", "Timeline", "The text is shown in a frame"],
    }.items():
        section = page[page.index(f'<section id="{tongue}"') :]
        places = [section.index(word) for word in words]
        assert places == sorted(places), tongue
    rows = [row for row in page.split("<tr>") if accepted.date in row or "e" * 64 in row]
    assert len(rows) == 4
    for row, words in zip(
        rows,
        [
            ["ricevuta di accettazione: ", "<td>–</td>", "non cancellata"],
            ["ricevuta di avvenuta consegna: ", "e" * 64, "cancellata da questo programma"],
            ["ACCETTAZIONE: ", "<td>–</td>", "not deleted"],
            ["CONSEGNA: ", "e" * 64, "deleted by this program"],
        ],
        strict=True,
    ):
        assert [word for word in words if word not in row] == []


def test_a_doubt_and_its_end_are_told(ledger: Ledger, tmp_path: Path) -> None:
    """In doubt: nothing is proved; the attempt, its outcome and that it stands are all there is."""
    run = loaded(ledger, [ANNA])
    desk = Desk.of(ledger, run)
    (pending,) = desk.pending()
    desk.sent(pending, IN_DOUBT)
    with made(tmp_path / "x.zip", ledger, run, composer()) as archive:
        told = document(archive, "message.json")
    assert (told["state"], told["delivery"]) == ("in_doubt", None)
    assert told["proves"]["en"].startswith("Nothing proves that it was sent")
    assert (told["attempts"][0]["outcome"], told["attempts"][0]["settlement"]) == ("in_doubt", None)


def test_archived_texts_are_put_in(ledger: Ledger, tmp_path: Path) -> None:
    """Where the archive has a receipt's text it stands beside it; where it has none, that is said."""
    run = loaded(ledger, [ANNA])
    sent(ledger, run)

    def texts(receipt: Receipt) -> bytes | None:
        return b"testo della consegna\n" if receipt.kind == "delivered" else None

    with made(tmp_path / "x.zip", ledger, run, composer(), texts=texts) as archive:
        told = document(archive, "message.json")
        assert [one["file"] for one in told["receipts"]] == [None, "receipts/002-delivered.txt"]
        assert archive.read("receipts/002-delivered.txt") == b"testo della consegna\n"


def enclosing(folder: Path) -> Composer:
    """Letters with a file for each row."""
    made = Templates.read(
        subject="Avviso n. {{ numero }}",
        body=BODY,
        body_file=None,
        reference="[rif. {ref}]",
        attachments=["{{ numero }}.txt"],
    )
    return Composer(made, Files(Folder(folder)))


def test_attachments_are_named_and_only_on_request_put_in(ledger: Ledger, tmp_path: Path) -> None:
    """Names, sizes and digests always; the bytes with --attachments; a changed file spoils the text."""
    folder = tmp_path / "files"
    folder.mkdir()
    file = folder / "però 1.txt"
    file.write_bytes(b"contenuto\n")
    letters = enclosing(folder)
    values = ["però 1", "anna@example.org", "Anna"]
    columns = ("numero", "pec", "nome")
    sha256 = hashlib.sha256(b"contenuto\n")
    content = letters.content_digest(values[1], values, letters.places_of(columns), [sha256.digest()])
    new = new_run()
    new = type(new)(
        **{name: getattr(new, name) for name in type(new).__slots__}
        | {"columns": columns, "template_digest": letters.digest}
    )
    with ledger.load(new, NOW) as loading:
        loading.add([(1, "k", values[1], json.dumps(values), content, None, None)])
    run = ledger.runs.get(new.name)
    desk = Desk.of(ledger, run)
    (pending,) = desk.pending()
    letter = letters.compose(values[1], dict(zip(columns, values, strict=True)), pending.reference)
    desk.close(desk.opened(pending, digest=digest_of(letter)), pending.id, IN_DOUBT)
    with made(tmp_path / "x.zip", ledger, run, letters) as archive:
        (told,) = document(archive, "letter.json")["attachments"]
        assert told == {
            "name": "però 1.txt",
            "type": letter.attachments[0].mime,
            "bytes": 10,
            "sha256": sha256.hexdigest(),
        }
        assert not any("attachments" in name for name in archive.namelist())
    with made(tmp_path / "y.zip", ledger, run, letters, attachments=True) as archive:
        (told,) = document(archive, "letter.json")["attachments"]
        assert told["file"] == "letter/attachments/01-pero_1.txt"
        assert archive.read(told["file"]) == base64.b64decode(letter.attachments[0].base64)
    file.write_bytes(b"altro\n")
    press = Press(run, enclosing(folder))
    with made(tmp_path / "z.zip", ledger, run, None, press=press, attachments=True) as archive:
        assert document(archive, "letter.json")["reproduced"] is False
        assert not any("attachments" in name for name in archive.namelist())


def test_a_run_s_dossier_holds_every_row(ledger: Ledger, tmp_path: Path) -> None:
    """A line a message with all there is of it, a line a row set aside, and figures that add up."""
    run = loaded(ledger, [ANNA, Person("0452", "bea@example.org", "Bea")])
    sent(ledger, run)
    made = made_of_run(tmp_path / "x.zip", ledger, run, composer())
    assert (made.messages, made.lost) == (2, 0)
    assert check(tmp_path / "x.zip").about == {"run": "giugno", "list_sha256": "a" * 64, "messages": 2}
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        lines = archive.read("messages/from-row-00000001.jsonl").decode().splitlines()
        page = archive.read("index.html").decode()
    told = [json.loads(line) for line in lines]
    assert [one["key"] for one in told] == ["0451", "0452"]
    assert told[1]["letter"]["body"] == "<p>Gentile Bea, avviso 0452.</p>"
    assert [len(one["receipts"]) for one in told] == [2, 2]
    assert "<td>delivered</td><td>2</td>" in page
    assert "<td>ricevute</td><td>4</td>" in page


def test_rows_set_aside_have_parts_of_their_own(ledger: Ledger, tmp_path: Path) -> None:
    """A thousand a file, named by the first row in it."""
    rows = [RefusedRow(row, None, "nobody", "no address", '["nobody"]') for row in range(1, 1_502)]
    with ledger.load(new_run(), NOW) as loading:
        loading.set_aside(rows)
        loading.add([a_row(1_502)])
    run = ledger.runs.get("giugno")
    assert made_of_run(tmp_path / "x.zip", ledger, run, None).messages == 1
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        parts = [name for name in archive.namelist() if name.startswith("set-aside/")]
        assert parts == ["set-aside/from-row-00000001.jsonl", "set-aside/from-row-00001001.jsonl"]
        told = json.loads(archive.read(parts[1]).decode().splitlines()[-1])
    assert (told["row"], told["state"], told["reason"]) == (1_501, "invalid", "no address")


def _write_and_stop(file: BinaryIO) -> None:
    file.write(b"part")
    raise RuntimeError


def test_a_file_that_is_there_stays(ledger: Ledger, tmp_path: Path) -> None:
    """Without force nothing is written over, and a failure leaves neither a part nor a change."""
    run, path = loaded(ledger, [ANNA]), tmp_path / "x.zip"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError):
        made_of_run(path, ledger, run, None)
    with pytest.raises(UsageError), dossier.target(tmp_path / "raced.zip", force=False):
        (tmp_path / "raced.zip").write_text("mine", encoding="utf-8")
    assert (tmp_path / "raced.zip").read_text(encoding="utf-8") == "mine"
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="no plain file"), dossier.target(other, force=True):
            pytest.fail("what is no file was taken for one")
    with pytest.raises(LedgerError), dossier.target(tmp_path / "none" / "x.zip", force=False):
        pytest.fail("a folder was made")
    with pytest.raises(RuntimeError), dossier.target(path, force=True) as file:
        _write_and_stop(file)
    with pytest.raises(LedgerError, match="Make room"), dossier.target(path, force=True):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text(encoding="utf-8") == "mine"
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
