"""Which columns a template uses, and which of them it cannot do without: read from its syntax tree.

An empty cell counts as missing unless the template allows it. It allows it where it says what happens
then: ``{{ nome | default("…") }}``, ``{{ nome or "…" }}``, ``{% if nome %}…{% endif %}``. A column that is
printed outside of these is *required*: whatever else the row holds, an empty cell there fails the letter.
All others are *optional*; whether such a letter can be made is then known only by rendering it (an
`EmptyCell` refuses to be printed), and `certain` says when that is not needed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from jinja2 import meta, nodes

_DEFAULTS = frozenset({"default", "d"})
_PRINTING = frozenset({"capitalize", "e", "escape", "lower", "string", "title", "trim", "upper"})
"""Filters that take any text, and fail on an empty cell as printing it would."""
_FAILING = _PRINTING | {"center", "float", "forceescape", "format", "indent", "int", "replace", "round"}
"""Filters that fail on an empty cell, whatever their arguments."""
_ARITHMETIC = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Pow, nodes.Concat)
_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


@dataclass(frozen=True, slots=True)
class Uses:
    """What a template needs of a row.

    Attributes:
        columns: Every column it reads.
        required: Those of which an empty cell surely fails it.
        certain: Whether nothing but an empty required cell can fail it, so that it need not be tried.
        constant: Whether it says the same for every row.
    """

    columns: frozenset[str]
    required: frozenset[str]
    certain: bool
    constant: bool


def uses_of(tree: nodes.Template, given: Container[str]) -> Uses:
    """Read a syntax tree.

    Args:
        tree: From `Environment.parse`.
        given: Names that are functions of the environment; they are no columns.
    """
    columns = frozenset(name for name in meta.find_undeclared_variables(tree) if name not in given)
    # A name the template sets itself is left to rendering, also where it is a column's until then.
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    own |= {macro.name for macro in tree.find_all(nodes.Macro)}
    required = _of_statements(tree.body)
    return Uses(
        columns=columns,
        required=(required & columns) - own,
        certain=not own and all(_is_certain(node, columns) for node in tree.body),
        constant=not columns,
    )


def reads_other_files(tree: nodes.Template) -> bool:
    """Whether it includes, imports or extends: what those say is in no digest, so they are refused."""
    return next(tree.find_all(_OTHER_FILES), None) is not None


def literals(tree: nodes.Template) -> list[str]:
    """The texts that stand outside of expressions."""
    return [data.data for data in tree.find_all(nodes.TemplateData)]


def _of_statements(statements: Iterable[nodes.Node]) -> frozenset[str]:
    """What statements that are always carried out surely fail on, when it is empty."""
    found: set[str] = set()
    for statement in statements:
        match statement:
            case nodes.Output():
                found.update(*(_printed(child) for child in statement.nodes))
            case nodes.If():
                found |= _evaluated(statement.test)
            case nodes.For():
                found |= _evaluated(statement.iter)
            case nodes.Assign():
                found |= _evaluated(statement.node)
            case _:
                pass  # left to rendering
    return frozenset(found)


def _printed(node: nodes.Node) -> frozenset[str]:
    """The columns of which an empty cell fails an expression whose value is turned into text."""
    return frozenset({node.name}) if isinstance(node, nodes.Name) else _evaluated(node)


def _evaluated(node: nodes.Node | None) -> frozenset[str]:
    """The columns of which an empty cell fails an expression as soon as it is evaluated."""
    match node:
        case nodes.Filter():
            return _of_filter(node)
        case nodes.Getattr() | nodes.Getitem() | nodes.Call():
            return _printed(node.node)
        case _ if isinstance(node, _ARITHMETIC):
            return frozenset().union(*(_printed(child) for child in node.iter_child_nodes()))
        case _:
            first = _first_part(node)
            return frozenset() if first is None else _evaluated(first)


def _first_part(node: nodes.Node | None) -> nodes.Node | None:
    """The part of an expression that is evaluated whatever comes of it: others may never be reached."""
    match node:
        case nodes.And() | nodes.Or():
            return node.left
        case nodes.CondExpr():
            return node.test
        case nodes.Compare():
            return node.expr
        case nodes.Test() | nodes.Not():
            return node.node
        case _:
            return None


def _of_filter(node: nodes.Filter) -> frozenset[str]:
    inner = _printed(node.node) if node.name in _FAILING and node.node is not None else _evaluated(node.node)
    return inner.union(*(_evaluated(argument) for argument in node.args))


def _is_certain(node: nodes.Node, columns: Container[str]) -> bool:
    """Whether a statement can fail only on an empty required cell."""
    return isinstance(node, nodes.Output) and all(
        isinstance(child, nodes.TemplateData) or _prints_plainly(child, columns) for child in node.nodes
    )


def _prints_plainly(node: nodes.Node | None, columns: Container[str]) -> bool:
    match node:
        case nodes.Const():
            return isinstance(node.value, str) and node.value.isprintable()
        case nodes.Name():
            return node.name in columns
        case nodes.Filter(name=name) if name in _DEFAULTS:
            arguments = [*node.args, *(keyword.value for keyword in node.kwargs)]
            plain = isinstance(node.node, nodes.Name) and node.dyn_args is None and node.dyn_kwargs is None
            return plain and all(_is_constant(argument) for argument in arguments)
        case nodes.Filter(name=name) if name in _PRINTING:
            bare = not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
            return bare and _prints_plainly(node.node, columns)
        case _:
            return False


def _is_constant(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and str(node.value).isprintable()
