"""Making dossiers: one message's evidence, or a whole run's, into one file; whole or not at all.

A run's is streamed, a page of messages in memory at a time. Nothing in a dossier says when it was made: the
same ledger makes the same bytes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, BinaryIO

from bulk_pec import __version__
from bulk_pec.domain.states import Delivery, MessageState, SetAside
from bulk_pec.ledger.proof.stories import Aside, Receipt, RunOrder, Story
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.reporting.account import about_run, account, aside_account, inputs, order
from bulk_pec.reporting.dossier_page import MessagePage, run_page
from bulk_pec.reporting.dossier_texts import readme
from bulk_pec.reporting.dossier_zip import MANIFEST, Binder
from bulk_pec.reporting.manifests import About, canonical
from bulk_pec.reporting.phrases import Words, aside_words, delivery_words, state_words
from bulk_pec.reporting.placing import placed
from bulk_pec.reporting.reprint import Press, Reprint

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

Texts = Callable[[Receipt], bytes | None]
"""A receipt's file in the archive; None: there is none, or it is not what was archived."""


@dataclass(frozen=True, slots=True)
class Made:
    """A dossier that was written.

    Attributes:
        manifest_sha256: Of its manifest, hex.
        files: How many it holds.
        messages: How many it is about.
        lost: How many letters could not be made again as they were.
    """

    manifest_sha256: str
    files: int
    messages: int
    lost: int


@dataclass(frozen=True, slots=True)
class Sources:
    """What dossiers of a run are made from, beside its stories.

    Attributes:
        press: Makes letters again.
        zone: Where the operator's clock stands.
        texts: Archived texts of receipts.
        attachments: Whether the attached files are put in.
    """

    press: Press = field(repr=False)
    zone: tzinfo
    texts: Texts
    attachments: bool = False


def target(path: Path, *, force: bool) -> AbstractContextManager[BinaryIO]:
    """A new dossier that takes its place at `path` when the block ends well; see `placed`."""
    return placed(path, force=force, what="The dossier", example="x.zip")


def of_message(file: BinaryIO, story: Story, orders: Sequence[RunOrder], sources: Sources) -> Made:
    """Write one message's dossier."""
    binder, printed = Binder(file), sources.press.print(story)
    binder.add("README.txt", readme(whole=False).encode())
    page = MessagePage(story, orders, sources.zone, printed)
    binder.add("dossier.html", page.html().encode("utf-8", "replace"))
    told = account(story, orders, sources.zone) | {"input": inputs(story.run, story.message.fields)}
    letter = printed.as_json()
    texts = _texts(story, sources.texts)
    for one, text in zip(told["receipts"], texts, strict=True):
        one["file"] = None if text is None else text[0]
    letter["body_file"] = _body_name(printed)
    attached = _attached(printed, sources) if sources.attachments else []
    for one, found in zip(letter["attachments"] or (), attached, strict=False):
        one["file"] = None if found is None else found[0]
    binder.add("message.json", _json(told))
    binder.add("letter.json", _json(letter))
    if printed.letter is not None:
        binder.add(_body_name(printed) or "", printed.letter.body.encode("utf-8", "surrogatepass"))
    for name, content in filter(None, [*attached, *texts]):
        binder.add(name, content)
    about: About = {
        "run": story.run.name,
        "row": story.message.row,
        "key": story.message.key,
        "reference": story.message.reference,
    }
    return _closed(binder, about, messages=1, lost=int(printed.letter is None))


def of_run(
    file: BinaryIO,
    run: Run,
    rows: tuple[Iterator[list[Story]], Iterator[list[Aside]]],
    orders: Sequence[RunOrder],
    sources: Sources,
) -> Made:
    """Write a run's dossier, a page of messages in memory at a time.

    Args:
        file: New and empty.
        run: Whose.
        rows: Its messages, and its rows that never became one, in input order and in pages; each is emptied.
        orders: The operators'.
        sources: What else it is made from.
    """
    binder, counts = Binder(file), Counter[str]()
    binder.add("README.txt", readme(whole=True).encode())
    binder.add("run.json", _json(_run(run, orders, sources.zone)))
    own = [one for one in orders if not one.named]
    stories, aside = rows
    for page in stories:
        with binder.entry(f"messages/from-row-{page[0].message.row:08}.jsonl") as write:
            for story in page:
                write(_line(_told(story, own, sources, counts)))
        page.clear()  # or it would stand in memory beside the next one
    for several in aside:
        with binder.entry(f"set-aside/from-row-{several[0].row:08}.jsonl") as write:
            for one in several:
                counts[one.state] += 1
                write(_line(aside_account(run, one) | {"input": inputs(run, one.fields)}))
    binder.add("index.html", run_page(run.name, _FIGURES, counts, _NOTES).encode("utf-8", "replace"))
    about: About = {"run": run.name, "list_sha256": run.list_digest, "messages": counts["messages"]}
    return _closed(binder, about, messages=counts["messages"], lost=counts["lost"])


def _told(story: Story, orders: Sequence[RunOrder], sources: Sources, counts: Counter[str]) -> dict[str, Any]:
    """One message of a run: its account, its letter with the text in it, its receipts' archived texts."""
    printed = sources.press.print(story)
    message = story.message
    counts.update(("messages", f"state_{message.state}", "lost" if printed.letter is None else "printed"))
    counts["attempts"] += len(story.attempts)
    counts["receipts"] += len(story.receipts)
    if message.state == MessageState.SENT:
        counts[f"delivery_{message.delivery}"] += 1
    told = account(story, orders, sources.zone) | {"run": story.run.name}  # all of it is in run.json
    told["input"] = inputs(story.run, message.fields)
    told["letter"] = printed.as_json() | {"body": printed.letter.body if printed.letter else None}
    for one, receipt in zip(told["receipts"], story.receipts, strict=True):
        text = sources.texts(receipt)
        one["text"] = None if text is None else text.decode("utf-8", "replace")
    return told


def _run(run: Run, orders: Sequence[RunOrder], zone: tzinfo) -> dict[str, Any]:
    return about_run(run) | {
        "state": run.state.value,
        "input_rows": run.input_rows,
        "columns": list(run.columns),
        "timezone": str(zone),
        "orders": [order(one, zone) for one in orders],
    }


_FIGURES: dict[str, Words] = {
    "messages": Words("messaggi", "messages"),
    **{f"state_{state}": state_words(state) for state in MessageState},
    **{f"delivery_{state}": delivery_words(state) for state in Delivery},
    **{state.value: aside_words(state) for state in SetAside},
    "attempts": Words("tentativi di invio", "attempts"),
    "receipts": Words("ricevute", "receipts"),
    "lost": Words(
        "testi che non si possono riprodurre come furono inviati",
        "texts that cannot be made again as they were",
    ),
}
_NOTES = (
    Words(
        "I file messages/*.jsonl hanno una riga JSON per messaggio, nell'ordine dell'elenco, fino a mille "
        "per file; il nome del file è la prima riga dell'elenco che contiene. set-aside/*.jsonl ha le righe "
        "mai divenute messaggi.",
        "The files messages/*.jsonl hold a line of JSON a message, in the list's order, up to a thousand a "
        "file; a file is named by the first row of the list in it. set-aside/*.jsonl holds the rows that "
        "never became messages.",
    ),
    Words(
        "Per mostrare un solo messaggio: `bulk-pec dossier CHIAVE -o x.zip`.",
        "To show one message: `bulk-pec dossier KEY -o x.zip`.",
    ),
)


def _closed(binder: Binder, about: About, *, messages: int, lost: int) -> Made:
    binder.add(MANIFEST, canonical(f"bulk-pec {__version__}", about, binder.files))
    binder.close()
    return Made(binder.files[-1].sha256, len(binder.files), messages, lost)


def _body_name(printed: Reprint) -> str | None:
    if printed.letter is None:
        return None
    return "letter/body.html" if printed.body_is_html else "letter/body.txt"


def _attached(printed: Reprint, sources: Sources) -> list[tuple[str, bytes] | None]:
    """The attached files, each under a safe name; None in the place of one that is no longer the same."""
    found: list[tuple[str, bytes] | None] = []
    letter = printed.letter
    for number, (one, facts) in enumerate(
        zip(letter.attachments if letter else (), printed.enclosed, strict=True), 1
    ):
        content = sources.press.content(facts)
        name = f"letter/attachments/{number:02}-{_plain_name(one.name)}"
        found.append(None if content is None else (name, content))
    return found


def _texts(story: Story, texts: Texts) -> list[tuple[str, bytes] | None]:
    """The archived texts of a message's receipts, each under a safe name."""
    found: list[tuple[str, bytes] | None] = []
    for number, receipt in enumerate(story.receipts, 1):
        text = texts(receipt)
        name = f"receipts/{number:03}-{_plain_name(receipt.kind)}.txt"
        found.append(None if text is None else (name, text))
    return found


def _plain_name(name: str) -> str:
    """A file's name in letters that every system takes; what it really is called stands in the JSON."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    plain = _UNSAFE.sub("_", folded).strip("._-")
    stem, dot, ending = plain.rpartition(".")
    return f"{stem[:80]}{dot}{ending[:12]}".strip("._-") or "file"


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _line(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "replace")
