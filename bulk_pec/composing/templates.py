"""Templates, and the letters they make.

Jinja2's immutable sandbox renders them: a template cannot reach Python, a missing value is an error,
and in HTML every value from the list is escaped. Values are data: they are never parsed as templates.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.letters import Letter

_PLAIN_ENDINGS = (".txt", ".txt.j2", ".txt.jinja", ".txt.jinja2")


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates' texts.

    Attributes:
        subject: One line.
        body: HTML, or plain text.
        body_is_html: Whether values are HTML-escaped in the body.
        body_name: Where the body's text came from, for error messages.
        reference: What is appended to the subject; ``{ref}`` stands for the reference.
    """

    subject: str
    body: str
    body_is_html: bool
    body_name: str
    reference: str

    @classmethod
    def read(cls, *, subject: str, body: str | None, body_file: Path | None, reference: str) -> Templates:
        """The templates as the configuration names them: the body in place, or in a file.

        Raises:
            ListRefused: The body's file cannot be read or is not UTF-8.
        """
        if body_file is None:
            return cls(
                subject, body or "", body_is_html=True, body_name="[message] body", reference=reference
            )
        try:
            text = body_file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ListRefused(
                f"The body's template {body_file} cannot be read: {said}.",
                hint="Check [message] body_file in the configuration; paths are relative to that file.",
            ) from error
        plain = body_file.name.lower().endswith(_PLAIN_ENDINGS)
        return cls(subject, text, body_is_html=not plain, body_name=str(body_file), reference=reference)

    @property
    def digest(self) -> str:
        """Hex SHA-256 over everything here that decides what a message says, the reference aside."""
        parts = (self.subject, self.body, "html" if self.body_is_html else "text")
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    @property
    def frozen_digest(self) -> str:
        """Hex SHA-256 over all of it: what may not change while a run lasts."""
        return hashlib.sha256("\x1f".join((self.digest, self.reference)).encode()).hexdigest()


class Uncomposable(Exception):
    """This row's letter cannot be made. The text says why, without the row's values."""


class Composer:
    """Makes letters from rows.

    Args:
        templates: Their texts; they are compiled here.

    Attributes:
        subject_columns: Columns that go into the subject.
        required_columns: Columns that go into the letter.
        may_fail: Whether a row with all its values can still fail: then each is composed once at load.

    Raises:
        ListRefused: A template has an error.
    """

    def __init__(self, templates: Templates) -> None:
        self.digest = templates.frozen_digest
        self._reference = templates.reference
        subject = _compile(templates.subject, "[message] subject", html=False)
        body = _compile(templates.body, templates.body_name, html=templates.body_is_html)
        self._subject, self._body = subject.template, body.template
        self.subject_columns = subject.names
        self.required_columns = subject.names | body.names
        self.may_fail = subject.may_fail or body.may_fail or _breaks_a_header(templates.subject.strip())
        self._needed = sorted(self.required_columns)
        self._digest_bytes = bytes.fromhex(templates.digest)

    def content_digest(self, recipient: str, values: Sequence[str | None], places: Sequence[int]) -> bytes:
        """SHA-256 of what decides the message: the templates, the recipient, the values they use.

        Args:
            recipient: As the list wrote it.
            values: The row's values in column order.
            places: From `places_of`: where the needed values stand.
        """
        used = "\x1f".join([recipient, *[values[place] or "" for place in places]])
        return hashlib.sha256(self._digest_bytes + used.encode("utf-8", "surrogatepass")).digest()

    def places_of(self, columns: Sequence[str]) -> list[int]:
        """Where the columns that the templates use stand in a row."""
        return [columns.index(name) for name in self._needed]

    def compose(self, recipient: str, values: Mapping[str, str | None], reference: str) -> Letter:
        """The letter for one row.

        Raises:
            Uncomposable: A template fails on this row, or its subject cannot be a header line.
        """
        try:
            subject = self._subject.render(values).strip()
            body = self._body.render(values)
        except TemplateError as error:
            raise Uncomposable(f"the template fails on this row ({type(error).__name__})") from error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Uncomposable(f"the template fails on this row ({type(error).__name__})") from error
        if _breaks_a_header(subject):
            raise Uncomposable("the subject holds a control character or a line break")
        marked = f"{subject} {self._reference.replace('{ref}', reference)}".strip()
        return Letter(recipients=(recipient,), subject=marked, body=body)


def digest_of(letter: Letter) -> str:
    """Hex SHA-256 of what one attempt says: recipients, subject, body, attachments (invariant 8)."""
    hashed = hashlib.sha256()
    files = (part for a in letter.attachments for part in (a.name, a.mime, a.sha256))
    for part in (*letter.recipients, letter.subject, letter.body, *files):
        hashed.update(part.encode("utf-8", "surrogatepass") + b"\x1f")
    return hashed.hexdigest()


_TOTAL = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.And,
    nodes.Or,
    nodes.Not,
)
_TOTAL_FILTERS = frozenset({"capitalize", "e", "escape", "lower", "title", "trim", "upper"})
"""What cannot fail when every name is a text, so that a row with all its values needs no trial."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    template: Template
    names: frozenset[str]
    may_fail: bool


def _is_total(node: nodes.Node) -> bool:
    plain = isinstance(node, nodes.Filter) and node.name in _TOTAL_FILTERS
    given = isinstance(node, nodes.Filter) and (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
    return not given and (plain or isinstance(node, _TOTAL)) and all(map(_is_total, node.iter_child_nodes()))


def _breaks_a_header(subject: str) -> bool:
    return any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in subject)


def _compile(source: str, where: str, *, html: bool) -> _Compiled:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=html, keep_trailing_newline=True, cache_size=0
    )
    try:
        parsed = environment.parse(source)
        # Jinja2's own helpers (range, namespace …) are looked up like columns, but no list has to have them.
        names = frozenset(meta.find_undeclared_variables(parsed) - environment.globals.keys())
        return _Compiled(environment.from_string(source), names, not _is_total(parsed))
    except TemplateSyntaxError as error:
        raise ListRefused(
            f"The template {where} has an error in line {error.lineno}: {error.message}.",
            hint="Mend the template; nothing was loaded or sent.",
        ) from error
    except TemplateError as error:
        raise ListRefused(
            f"The template {where} cannot be used: {error}.", hint="Mend the template; nothing was sent."
        ) from error
