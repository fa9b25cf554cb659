"""Lists and templates that cannot be used: said in one paragraph, nothing loaded, nothing sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import HEADER, Shell, good, refused, seen

RUN = ("run", "nuova.csv", "--yes")
DATA = (65, "data")
GOOD = "\n".join([HEADER, *(f"{n:03d},{address},Ditta" for n, address in enumerate(good(3)))]) + "\n"


def text(content: str) -> Callable[[Path], None]:
    """A list of this text."""

    def write(path: Path) -> None:
        path.write_text(content, encoding="utf-8")

    return write


LISTS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing": (lambda _: None, ["There is no list nuova.csv", "Check the path"]),
    "a folder": (Path.mkdir, ["nuova.csv is a directory", "Name the file"]),
    "rubbish": (
        lambda path: path.write_bytes(bytes(range(256)) * 40),
        ["nuova.csv", "binary", "Save it as CSV"],
    ),
    "a workbook": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99)), ["Excel", "Save it as CSV"]),
    "half a Parquet file": (lambda path: path.write_bytes(b"PAR1" + bytes(99)), ["nuova.csv", "Parquet"]),
    "empty": (Path.touch, ["nuova.csv is empty"]),
    "header only": (text(HEADER + "\n"), ["nuova.csv"]),
    "no header": (text(GOOD.partition("\n")[2]), ["no header", "first line"]),
    "no address column": (text(GOOD.replace("pec", "posta", 1)), ["nuova.csv", "'pec'", "address_column"]),
    "no key column": (text(GOOD.replace("numero", "id", 1)), ["nuova.csv", "'numero'", "the column"]),
    "no column of the template": (
        text(GOOD.replace("denominazione", "nome")),
        ["'denominazione'", "templates"],
    ),
    "two columns of one name": (text(GOOD.replace("denominazione", "Pec")), ["same name", "Rename"]),
    "no valid row": (text(GOOD.replace("@", " at ")), ["nuova.csv", "Nothing was loaded or sent"]),
    "too many invalid rows": (text(GOOD.replace("@", " at ", 1)), ["1 of 3 rows", "max_invalid_share"]),
}


@pytest.mark.parametrize("case", LISTS)
def test_list_is_refused(loaded: Shell, session_provider: str, case: str) -> None:
    """65 `data`, with the file and what to do."""
    write, words = LISTS[case]
    write(loaded.home / "nuova.csv")
    posts = seen(session_provider)["posts"]
    refused(loaded, *RUN, ends=DATA, words=words)
    assert seen(session_provider)["posts"] == posts


def test_list_without_a_valid_row_whatever_share_is_allowed(loaded: Shell) -> None:
    """Where all rows may be invalid, a list that holds nothing but such rows is refused all the same."""
    text(GOOD.replace("@", " at "))(loaded.home / "nuova.csv")
    loaded.edit("[recipients]", "[recipients]\nmax_invalid_share = 1.0")
    refused(loaded, "load", "nuova.csv", ends=DATA, words=["no valid row", "Nothing was loaded"])


TEMPLATES: dict[str, tuple[str, list[str]]] = {
    "syntax": ("<p>\n{{ numero </p>\n", ["avviso.html.j2", "line 2", "Mend the template"]),
    "unknown filter": ("{{ numero|grassetto }}", ["avviso.html.j2", "grassetto", "Mend the template"]),
    "not text": ("\xe9", ["avviso.html.j2", "UTF-8", "body_file"]),
    "fails on every row": ("{{ numero.upper().nothing.at_all }}", ["3 of 3 rows"]),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_template_is_refused(loaded: Shell, session_provider: str, case: str) -> None:
    """65 `data`, with the template, the place in it where there is one, and what to do."""
    content, words = TEMPLATES[case]
    (loaded.home / "avviso.html.j2").write_text(content, encoding="latin-1")
    text(GOOD)(loaded.home / "nuova.csv")
    posts = seen(session_provider)["posts"]
    answer = refused(loaded, *RUN, ends=DATA, words=words)
    assert seen(session_provider)["posts"] == posts
    if "rows" in words[0]:
        assert "row 1: the template fails on this row" in answer.stderr


def test_template_that_is_not_there(loaded: Shell) -> None:
    """65 `data`, for a new run and for one that is to go on."""
    (loaded.home / "avviso.html.j2").unlink()
    text(GOOD)(loaded.home / "nuova.csv")
    for command in (RUN, ("send", "prima", "--yes")):
        refused(loaded, *command, ends=DATA, words=["avviso.html.j2", "No such file", "body_file"])


def test_row_on_which_the_template_fails_is_set_aside(shell: Shell, provider: str) -> None:
    """A row that the template cannot be filled with is invalid and told by its number; the others go out."""
    (shell.home / "avviso.html.j2").write_text("{{ 100 // (importo|int) }}", encoding="utf-8")
    amounts = [*(str(n) for n in range(1, 40)), "0"]
    rows = [f"{n:03d},info@ditta-{n}.example,{amount}" for n, amount in enumerate(amounts, 1)]
    (shell.home / "avvisi.csv").write_text("\n".join(["numero,pec,importo", *rows]) + "\n", encoding="utf-8")
    answer = shell.call("run", "avvisi.csv", "--yes", "--json")
    assert answer.exit == (3, "attention"), answer
    assert (answer.document["rows"]["invalid"], answer.document["messages"]["sent"]) == (1, 39)
    assert answer.document["balanced"] is True
    assert "row 40" in answer.stderr
    assert seen(provider)["posts"] == 39


def test_a_run_s_name_with_a_slip_is_hinted_at(loaded: Shell) -> None:
    """An existing run needs no list, so what is no list may be its name: 65 all the same."""
    words = [
        "There is no list pirma, and no run 'pirma'",
        "or is a run meant that is loaded already: 'prima'?",
    ]
    for command in (("run", "pirma", "--yes"), ("run", "pirma", "--dry-run"), ("load", "pirma")):
        refused(loaded, *command, ends=DATA, words=words)


def test_refusal_for_people(loaded: Shell) -> None:
    """Without --json stdout stays empty; -q does not silence an error, and -v adds no traceback to it."""
    quiet = loaded.call("run", "nuova.csv", "--yes", "-q")
    assert (quiet.code, quiet.stdout) == (65, "")
    assert quiet.stderr == "bulk-pec: There is no list nuova.csv. Check the path.\n"
    verbose = loaded.call("run", "nuova.csv", "--yes", "-v")
    assert (verbose.code, verbose.stdout) == (65, "")
    assert "Traceback" not in verbose.stderr
