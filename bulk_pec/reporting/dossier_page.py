"""A dossier's pages: HTML that opens alone, in Italian and English, and prints. Pure.

Nothing is loaded from anywhere, no script runs, and every value is escaped. The letter's own HTML stands in a
frame that may run nothing and fetch nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from html import escape

from bulk_pec.composing.pages import framed, page
from bulk_pec.ledger.proof.stories import Receipt, RunOrder, Story
from bulk_pec.reporting.account import cause_of, proved, standing
from bulk_pec.reporting.dossier_texts import STATEMENTS
from bulk_pec.reporting.moments import both
from bulk_pec.reporting.notices import words_of
from bulk_pec.reporting.phrases import Words, cause_words, earlier_cause_words, known_cause
from bulk_pec.reporting.reprint import Reprint
from bulk_pec.reporting.timeline import timeline

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0; background: #fff; color: #111; }
main { max-width: 52rem; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 1.6rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { color: #444; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #bbb;
  overflow-wrap: anywhere; }
iframe { width: 100%; height: 30rem; border: 1px solid #888; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #888; padding: .5rem; }
section + section { border-top: 3px double #444; margin-top: 2.5rem; padding-top: .5rem; }
@media print { section + section { break-before: page; } iframe { height: 22cm; }
  tr { break-inside: avoid; } }
"""
_MAIN = """\
<p><a href="#it">Italiano</a> · <a href="#en" lang="en">English</a></p>
<section id="it" lang="it">
{it}
</section>
<section id="en" lang="en">
{en}
</section>"""
_HEADS: Mapping[str, Words] = {
    "title": Words("Fascicolo di un messaggio PEC", "Dossier of a certified message"),
    "run": Words("Lavorazione", "Run"),
    "row": Words("Riga dell'elenco", "Row of the list"),
    "key": Words("Chiave", "Key"),
    "to": Words("Destinatario", "To"),
    "from": Words("Casella mittente", "From"),
    "reference": Words("Riferimento", "Reference"),
    "message_id": Words("message_id del servizio", "The service's message_id"),
    "state": Words("Stato", "State"),
    "cause": Words("Causa", "Cause"),
    "proves": Words("Che cosa è provato", "What is proved"),
    "timeline": Words("Cronologia", "Timeline"),
    "when": Words("Quando", "When"),
    "what": Words("Che cosa", "What"),
    "undated": Words("data illeggibile", "date not readable"),
    "receipts": Words("Ricevute, come le elenca la casella", "Receipts, as the mailbox lists them"),
    "none": Words("Nessuna.", "None."),
    "letter": Words("Il messaggio", "The message"),
    "subject": Words("Oggetto", "Subject"),
    "attached": Words("Allegati", "Attachments"),
    "digest": Words("Impronta registrata (SHA-256)", "Recorded digest (SHA-256)"),
    "statements": Words("Avvertenze", "What this file is"),
    "body": Words("Testo", "Body"),
    "kind": Words("Che cos'è", "What it is"),
    "text": Words("Testo archiviato (SHA-256)", "Archived text (SHA-256)"),
    "mailbox": Words("Nella casella", "In the mailbox"),
}
_WHOLE = Words(
    "Il testo è mostrato in un riquadro: se è più lungo, in stampa ne manca la fine. "
    "Intero è in letter/body.html, in questo fascicolo.",
    "The text is shown in a frame: if it is longer, its end is missing in print. "
    "The whole of it is letter/body.html, in this dossier.",
)
_LEFT = Words("non cancellata da questo programma", "not deleted by this program")
_GONE = Words(
    "non più elencata dalla casella; non cancellata da questo programma",
    "no longer listed by the mailbox; not deleted by this program",
)
_ASKED = Words("questo programma ne ha chiesto la cancellazione", "this program asked for its deletion")
_DELETED = Words(
    "cancellata da questo programma, che lo chiese", "deleted by this program, which asked for it"
)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """What the page of one message shows."""

    story: Story
    orders: Sequence[RunOrder]
    zone: tzinfo
    reprint: Reprint = field(repr=False)

    def html(self) -> str:
        """The page."""
        return _page(f"{_HEADS['title'].it}: {self.story.message.reference}", self._section)

    def _section(self, tongue: str) -> str:
        return "\n".join(
            [
                f"<h1>{_head('title', tongue)}</h1>",
                self._facts(tongue),
                _statements(tongue),
                f"<h2>{_head('timeline', tongue)}</h2>",
                self._timeline(tongue),
                f"<h2>{_head('receipts', tongue)}</h2>",
                self._receipts(tongue),
                f"<h2>{_head('letter', tongue)}</h2>",
                self._letter(tongue),
            ]
        )

    def _facts(self, tongue: str) -> str:
        message, run = self.story.message, self.story.run
        pairs: list[tuple[str, str | None]] = [
            ("to", message.recipient),
            ("from", message.mailbox),
            ("reference", message.reference),
            ("message_id", message.message_id),
            ("key", message.key),
            ("run", f"{run.name} ({run.list_name})"),
            ("row", str(message.row)),
            ("state", _in(standing(message), tongue)),
            ("cause", self._cause(tongue)),
            ("proves", _in(proved(self.story), tongue)),
        ]
        return _list((_head(name, tongue), value) for name, value in pairs if value)

    def _cause(self, tongue: str) -> str | None:
        now, earlier = map(known_cause, cause_of(self.story.message))
        if now is not None:
            return _in(cause_words(now), tongue)
        return None if earlier is None else _in(earlier_cause_words(earlier), tongue)

    def _timeline(self, tongue: str) -> str:
        rows = [
            (
                both(event.at, self.zone) if event.at is not None else _in(_HEADS["undated"], tongue),
                _in(event.said, tongue),
            )
            for event in timeline(self.story, self.orders)
        ]
        return _table([_head("when", tongue), _head("what", tongue)], rows)

    def _receipts(self, tongue: str) -> str:
        if not self.story.receipts:
            return f"<p>{_head('none', tongue)}</p>"
        heads = [_head(name, tongue) for name in ("when", "kind", "what", "text", "mailbox")]
        return _table(heads, [self._receipt(one, tongue) for one in self.story.receipts])

    def _receipt(self, receipt: Receipt, tongue: str) -> list[str]:
        """Its row: what the mailbox lists of it, and what became of its text and of itself."""
        said = _in(words_of(self.story, receipt), tongue)
        listed = f"{receipt.subject} — {receipt.sender}"
        if receipt.deleted_at is not None:
            kept = (
                f"{_in(_DELETED if receipt.gone else _ASKED, tongue)}: {both(receipt.deleted_at, self.zone)}"
            )
        else:
            kept = _in(_GONE if receipt.gone else _LEFT, tongue)
        return [receipt.date, said, listed, receipt.text_digest or "–", kept]

    def _letter(self, tongue: str) -> str:
        printed, letter = self.reprint, self.reprint.letter
        parts = [f"<p>{escape(_in(printed.why, tongue))}</p>"]
        pairs = [(_head("digest", tongue), digest) for digest in printed.recorded]
        if letter is None:
            return "\n".join([*parts, _list(pairs)])
        pairs.insert(0, (_head("subject", tongue), letter.subject))
        pairs += [
            (_head("attached", tongue), f"{one.name} · {one.mime} · {facts.size:,} B · SHA-256 {one.sha256}")
            for one, facts in zip(letter.attachments, printed.enclosed, strict=True)
        ]
        return "\n".join([*parts, _list(pairs), self._body(letter.body, tongue)])

    def _body(self, body: str, tongue: str) -> str:
        if not self.reprint.body_is_html:
            return f"<pre>{escape(body)}</pre>"
        note = f"<p>{escape(_in(_WHOLE, tongue))}</p>"
        return f"{note}\n{framed(body, _head('body', tongue))}"


def run_page(
    name: str, figures: Mapping[str, Words], counts: Mapping[str, int], notes: Sequence[Words]
) -> str:
    """The first page of a whole run's dossier.

    Args:
        name: The run's.
        figures: What each figure is called.
        counts: The figures, by the same names; those that are nought are shown too.
        notes: What else is to be said: where what is, and how to read it.
    """
    title = Words(f"Fascicolo della lavorazione {name}", f"Dossier of the run {name}")

    def section(tongue: str) -> str:
        rows = [(_in(figures[key], tongue), f"{counts.get(key, 0):,}") for key in figures]
        said = "".join(f"<p>{escape(_in(note, tongue))}</p>" for note in notes)
        return "\n".join(
            [f"<h1>{escape(_in(title, tongue))}</h1>", _statements(tongue), said, _table([], rows)]
        )

    return _page(title.it, section)


def _page(title: str, section: Callable[[str], str]) -> str:
    return page(title, _STYLE, _MAIN.format(it=section("it"), en=section("en")))


def _in(words: Words, tongue: str) -> str:
    return words.it if tongue == "it" else words.en


def _head(name: str, tongue: str) -> str:
    return escape(_in(_HEADS[name], tongue))


def _statements(tongue: str) -> str:
    said = "".join(f"<li>{escape(_in(one, tongue))}</li>" for one in STATEMENTS)
    return f"<h2>{_head('statements', tongue)}</h2>\n<ul>{said}</ul>"


def _list(pairs: Iterable[tuple[str, str | None]]) -> str:
    """A list of facts; their heads are escaped already."""
    return (
        "<dl>" + "".join(f"<dt>{head}</dt><dd>{escape(value or '')}</dd>" for head, value in pairs) + "</dl>"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its heads, if it has any, are escaped already."""
    top = "".join(f"<th scope=col>{head}</th>" for head in heads)
    cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{body}</table>"
