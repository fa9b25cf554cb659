"""The press: jinja2's immutable sandbox, set so that a letter depends on nothing but its row.

A template cannot reach Python, other files, or chance; a missing value is an error, and so is an empty one
where it is printed; in HTML every value is escaped. Values are data: they are never parsed as templates.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bulk_pec.composing.columns import Uses, literals, reads_other_files, uses_of
from bulk_pec.composing.problems import Uncomposable
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.problems import Problem

_GLOBALS = frozenset({"namespace", "range"})
"""What a template is given besides its row. Every other name is a column's, or an error."""
_LONGEST = 200_000_000
"""Characters that a product may have: more than a message may hold, and less than the memory."""
_CONTROL = frozenset({"Cc", "Zl", "Zp"})
_INVISIBLE = "\u200b\ufeff"


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, in which no product of a text and a cell takes all memory."""

    intercepted_binops = frozenset({"*"})

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Multiply.

        Raises:
            OverflowError: The product would be too long.
        """
        for text, times in ((left, right), (right, left)):
            if (
                isinstance(text, str | list | tuple)
                and isinstance(times, int)
                and len(text) * times > _LONGEST
            ):
                raise OverflowError("a product is too long")
        return super().call_binop(context, operator, left, right)


def _printable(value: object) -> object:
    """What may be printed: no function, whose text would hold an address of this process's memory.

    Raises:
        TypeError: It is a function.
    """
    if callable(value) and not isinstance(value, str | Undefined):
        raise TypeError("a function cannot be printed")
    return value


class _EmptyCellUsed(UndefinedError):
    """An empty cell was needed; the text is the column's name."""


class EmptyCell(Undefined):
    """A cell without text. It can be asked about and defaulted; to print or reckon with it is an error."""

    __slots__ = ()

    def __init__(self, column: str) -> None:
        super().__init__(hint=column, name=column, exc=_EmptyCellUsed)

    def __str__(self) -> str:
        raise _EmptyCellUsed(self._undefined_name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EmptyCell) or other == ""

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash("")


@dataclass(frozen=True, slots=True)
class Plate:
    """A compiled template, and what it needs of a row."""

    template: Template
    uses: Uses
    literals: tuple[str, ...]

    def print(self, cells: Mapping[str, object]) -> str:
        """The text for one row.

        Raises:
            Uncomposable: The template fails on this row, or needs a cell that is empty.
        """
        try:
            return self.template.render(cells)
        except _EmptyCellUsed as error:
            raise Uncomposable.of(_missing(str(error))) from error
        except (
            *(TemplateError, ArithmeticError, AttributeError, LookupError),
            *(TypeError, ValueError, RecursionError, MemoryError),
        ) as error:
            raise Uncomposable(f"the template fails on this row ({type(error).__name__})") from error


def plate(source: str, where: str, *, html: bool) -> Plate:
    """Compile a template.

    Args:
        source: Its text.
        where: Its name for people.
        html: Whether values are escaped.

    Raises:
        ListRefused: It has an error, or reads other files.
    """
    environment = _Sandbox(
        undefined=StrictUndefined,
        autoescape=html,
        keep_trailing_newline=True,
        cache_size=0,
        finalize=_printable,
    )
    for name in environment.globals.keys() - _GLOBALS:
        del environment.globals[name]
    del environment.filters["random"]
    try:
        tree = environment.parse(source)
        if reads_other_files(tree):
            raise ListRefused(
                f"The template {where} includes, imports or extends another file.",
                hint="Write the whole text into one file: what others hold may change unnoticed.",
            )
        uses, texts = uses_of(tree, environment.globals), tuple(literals(tree))
        return Plate(environment.from_string(source), uses, texts)
    except TemplateSyntaxError as error:
        raise ListRefused(
            f"The template {where} has an error in line {error.lineno}: {error.message}.",
            hint="Mend the template; nothing was loaded or sent.",
        ) from error
    except TemplateError as error:
        raise ListRefused(
            f"The template {where} cannot be used: {error}.", hint="Mend the template; nothing was sent."
        ) from error


def cell(column: str, text: str | None) -> object:
    """What a template is given for a cell: its text as it stands, or an `EmptyCell` when it is blank."""
    return text if text and text.strip().strip(_INVISIBLE) else EmptyCell(column)


def has_control_characters(text: str) -> bool:
    """Whether a text holds a control character or a line break of any kind (Unicode Cc, Zl, Zp)."""
    return not text.isprintable() and any(unicodedata.category(char) in _CONTROL for char in text)


def _missing(column: str) -> Problem:
    return Problem(
        column,
        "",
        f"the cell {column!r} is empty and the letter needs it",
        'Fill it, or allow it in the template, for example {{ name | default("") }}.',
    )
