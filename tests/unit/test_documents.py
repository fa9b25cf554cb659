"""The documents say what the code says: links, commands, exit codes, outcomes, dependencies, doubts."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from bulk_pec import __version__
from bulk_pec.cli.main import app
from bulk_pec.domain.exits import Exit, ExitCode, Reason
from bulk_pec.domain.outcomes import Stop, Verdict, state_after
from bulk_pec.ledger.store.schema import SCHEMA_VERSION
from bulk_pec.provider.outcomes import _STATUS
from bulk_pec.receipts import settle
from bulk_pec.sandbox.arguments import parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in chain(ROOT.glob("*.md"), ROOT.glob("docs/**/*.md"), ROOT.glob("samples/*.md"))
    if path.is_file()
)
PROSE = [ROOT / "README.md", ROOT / "docs" / "operating.md", ROOT / "docs" / "architecture.md"]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```\w*\n(.*?)^```$|(?<!`)`([^`\n]+)`(?!`)", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|\$ |&& |/bin/)bulk-pec ([a-z][^\n;&>#]*)", re.MULTILINE)
_LETTERS = {"pending": "d", "sent": "b", "rejected": "c", "in_doubt": "e"}
_ROOMS = sorted(path.parent.name for path in ROOT.glob("bulk_pec/*/__init__.py"))
_FILE = re.compile(r"`((?:bulk_pec|tests|migrations|docs|samples)/[\w./-]*|\.ci/run)`")
_IN_ROOM = re.compile(rf"`((?:{'|'.join(_ROOMS)})/[\w./-]*)`")
_IN_CELL = re.compile(r"`([\w/-]*\w\.py)`")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _anchors(path: Path) -> set[str]:
    """The anchors a page's headings have, as the usual hosts make them."""
    heads = re.findall(r"^#+ (.+)$", _text(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


def _rows(page: str, first: str) -> Iterator[list[str]]:
    """The cells of every table whose header begins with this cell."""
    inside = False
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == first:
            inside = True
        elif inside and not set(cells[0]) <= set("-"):
            yield cells


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """Each link to a file finds it, and each anchor a heading there."""
    for target in _LINK.findall(_text(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), target
        assert not anchor or anchor in _anchors(found), target


@pytest.mark.parametrize("page", [*PROSE, ROOT / "docs" / "semantics.md"], ids=_id)
def test_every_named_file_is_there(page: Path) -> None:
    """What a page names in code as a path of this tree exists; from a room on, in the package."""
    assert _FILE.findall(_text(page))
    assert _stale(_text(page)) == []


def _stale(page: str) -> list[str]:
    """The paths a page names that are not there."""
    named = [ROOT / name for name in _FILE.findall(page)]
    named += [ROOT / "bulk_pec" / name for name in _IN_ROOM.findall(page)]
    return [str(path.relative_to(ROOT)) for path in named if not path.exists()]


def _steps(page: str) -> Iterator[Path]:
    """The files of the table of steps: one without a folder lies beside the one before it."""
    for cells in _rows(page, "step"):
        folder = Path()
        for name in map(Path, _IN_CELL.findall(cells[1])):
            folder = name.parent if len(name.parts) > 1 else folder
            yield ROOT / "bulk_pec" / folder / name.name


def test_each_step_of_a_message_is_in_its_file() -> None:
    """The files of the table of one message's path exist, in full or beside the one named before."""
    named = list(_steps(_text(PROSE[2])))
    assert len(named) > 60
    assert [str(path) for path in named if not path.exists()] == []


def test_a_file_that_is_not_there_would_be_found() -> None:
    """The checks above can fail: on a full path, on one that begins with a room, on one of a table's cell."""
    assert _stale("`tests/unit/test_gone.py`, `docs/`") == ["tests/unit/test_gone.py"]
    assert _stale("`cli/doctor.py`, `cli/main.py`, `ledger/`") == ["bulk_pec/cli/doctor.py"]
    table = "| step | file |\n|---|---|\n| a | `sending/pace.py`, `gone.py` |\n"
    assert [path.name for path in _steps(table) if not path.exists()] == ["gone.py"]


def _commands(page: Path) -> list[list[str]]:
    """The words of every call of the program in the page's code, blocks and within lines."""
    code = ["".join(found) for found in _CODE.findall(_text(page))]
    return [words.split() for text in code for words in _COMMAND.findall(text)]


def _wrong(words: list[str]) -> str | None:
    """What is wrong with a command line as a page shows it; None if the program knows it."""
    command = typer.main.get_command(app)
    while isinstance(command, TyperGroup):
        if not words or words[0] not in command.commands:
            return f"no such command: {words[:1]}"
        command = command.commands[words[0]]
        words = words[1:]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    if command.name == "sandbox":  # it hands its words on
        known.update(parser()._option_string_actions)
    unknown = [word for word in words if word.startswith("-") and word not in known]
    return f"{command.name} does not take {unknown}" if unknown else None


@pytest.mark.parametrize("page", PROSE[:2], ids=_id)
def test_every_command_that_is_shown_exists(page: Path) -> None:
    """Each `bulk-pec …` of the page is a command of the program, with options that it takes."""
    shown = _commands(page)
    assert len(shown) > 8
    assert [wrong for words in shown if (wrong := _wrong(words))] == []


def test_a_command_that_is_not_built_would_be_found() -> None:
    """The check above can fail: on a command, on a subcommand, on an option."""
    assert _wrong(["sandbox", "--speedy", "60"])
    assert _wrong(["doctors"])
    assert _wrong(["ledger", "purge"])
    assert _wrong(["run", "list.csv", "--since", "05:30"])
    assert _wrong(["run", "list.csv", "--yes"]) is None


def test_every_command_is_told_in_the_first_pages() -> None:
    """No command of the program is left out of both the readme and the operator's page."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    told = {words[0] for page in PROSE[:2] for words in _commands(page)} | {"demo"}
    assert "make demo" in _text(PROSE[0])
    assert set(command.commands) == told


@pytest.mark.parametrize("name", ["docs/semantics.md", "docs/operating.md"])
def test_exit_codes_and_reasons_are_the_codes(name: str) -> None:
    """Each code of the table has exactly the reasons that end with it."""
    table = {
        int(cells[0]): set(re.findall(r"`(\w+)`", cells[1])) for cells in _rows(_text(ROOT / name), "code")
    }
    assert table == {
        int(code): {reason.value for reason in Reason if Exit.of(reason).code is code} for code in ExitCode
    }


def test_the_readme_has_every_exit_code() -> None:
    """All of them, once, in order."""
    codes = [int(cells[0]) for cells in _rows(_text(PROSE[0]), "code")]
    assert codes == sorted(int(code) for code in ExitCode)


def _statuses(cell: str) -> list[int]:
    """The statuses a cell names, if it names nothing else."""
    between = re.fullmatch(r"(\d{3})–(\d{3})", cell)
    if between:
        return list(range(int(between[1]), int(between[2]) + 1))
    return [int(word) for word in cell.split(", ")] if re.fullmatch(r"\d{3}(, \d{3})*", cell) else []


def test_the_outcome_table_is_the_code() -> None:
    """Status by status: the verdict, the transition, and what else stops; nothing more, nothing less."""
    told: dict[int, tuple[Verdict, Stop | None]] = {}
    for evidence, verdict, letter, stops in _rows(_text(ROOT / "docs" / "semantics.md"), "evidence"):
        known = Verdict(verdict.strip("`"))
        assert letter == _LETTERS[state_after(known)], evidence
        for status in _statuses(evidence):
            assert status not in told
            told[status] = (known, None if stops == "–" else Stop(stops.strip("`")))
    assert told == _STATUS


def _tree() -> set[str]:
    """The folders and modules of the package."""
    found = (ROOT / "bulk_pec").iterdir()
    return {path.stem for path in found if path.suffix in {"", ".py"} and path.stem[0] != "_"}


def test_the_rooms_are_the_tree() -> None:
    """The table of rooms names every folder and module of the package, each once, and nothing else."""
    named = [name for cells in _rows(_text(PROSE[2]), "row") for name in re.findall(r"`([a-z]+)`", cells[1])]
    assert len(named) == len(set(named))
    assert set(named) == _tree()


def test_the_readmes_layers_are_the_tree() -> None:
    """Its table names every folder and module of the package, each once."""
    cells = [cells[1] for cells in _rows(_text(PROSE[0]), "layer")]
    named = [name for cell in cells for name in re.findall(r"`bulk_pec/([a-z]+)(?:/|\.py)`", cell)]
    assert len(named) == len(set(named))
    assert set(named) == _tree()


def test_every_transition_has_its_letter() -> None:
    """The table of transitions goes from a to k, and each letter is in the diagram."""
    page = _text(ROOT / "docs" / "semantics.md")
    letters = [match[1] for match in re.finditer(r"^\| ([a-k]) \| ", page, re.MULTILINE)]
    assert letters == list("abcdefghijk")
    drawn = set("".join(re.findall(r"^    \w+ --> \w+: ([a-k](?:, [a-k])*)$", page, re.MULTILINE)))
    assert drawn - {",", " "} == set(letters)


def test_the_sections_that_code_refers_to_are_there() -> None:
    """Comments name sections of the page on semantics by their titles."""
    page = _text(ROOT / "docs" / "semantics.md")
    named = {"Order of evidence", "Settling"}
    for path in (ROOT / "bulk_pec").rglob("*.py"):
        named |= set(re.findall(r'docs/semantics\.md, "([^"]+)"', _text(path)))
    assert [name for name in named if f"\n## {name}\n" not in page] == []


def test_every_reason_for_a_doubt_is_explained() -> None:
    """Each sentence with which settling holds a doubt has a row that says what to do."""
    tree = ast.parse(_text(ROOT / "bulk_pec" / "receipts" / "settle.py"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    holding = [
        call.args[0]
        for call in calls
        if (isinstance(call.func, ast.Attribute) and call.func.attr == "hold")
        or (isinstance(call.func, ast.Name) and call.func.id == "Held")
    ]
    said = {ast.literal_eval(word) for word in holding if isinstance(word, ast.Constant)}
    said |= {getattr(settle, word.id) for word in holding if isinstance(word, ast.Name)}
    assert said == {cells[0] for cells in _rows(_text(PROSE[1]), "it says")}


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]


@pytest.mark.parametrize("part", ["at run time", "for development"])
def test_every_dependency_has_its_reason(part: str) -> None:
    """ADR 0002 names exactly those of pyproject.toml, each once."""
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))
    development = [*project["dependency-groups"]["build"], *project["dependency-groups"]["dev"]]
    groups = {
        "at run time": project["project"]["dependencies"],
        "for development": [one for one in development if isinstance(one, str)],
    }
    told = [
        name.strip()
        for cells in _rows(_text(ROOT / "docs" / "adr" / "0002-dependencies.md"), part)
        for name in re.sub(r"`[^`]*`", "", cells[0]).split(",")
    ]
    assert sorted(told) == sorted(map(_name, groups[part]))


def test_decisions_are_numbered_without_gaps() -> None:
    """Each page's title begins with its number, from 0001 on."""
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [path.name[:4] for path in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert [_text(path)[:7] for path in pages] == [f"# {path.name[:4]} " for path in pages]


def test_the_schema_is_the_code_s() -> None:
    """The operator's page names the one schema this version works with."""
    assert f"This version knows one schema, {SCHEMA_VERSION}." in _text(PROSE[1])


def test_no_page_has_a_line_that_a_merge_left() -> None:
    """Two list items that begin with the same words are one that was changed, and its older form."""
    for page in PAGES:
        items = [line[2:32] for line in _text(page).splitlines() if line.startswith("* ") and len(line) > 60]
        assert sorted(set(items)) == sorted(items), page


def test_the_changelog_has_this_version_and_the_licence_is_the_named_one() -> None:
    """The version of the package is in the changelog; the licence file is that of pyproject.toml."""
    assert __version__ in _text(ROOT / "CHANGELOG.md")
    assert tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]["license"] == "Apache-2.0"
    assert "Apache License" in _text(ROOT / "LICENSE")[:200]
