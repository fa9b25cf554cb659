"""Any bytes as a list; any table as a CSV, against Python's csv module; the sieve against the rules."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import tempfile
from pathlib import Path

import polars as pl
from email_validator import validate_email
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bulk_pec.domain.errors import ListRefused
from bulk_pec.recipients import CheckedRow, ListOptions, SetAsideRow, open_list
from bulk_pec.recipients.addresses import PLAIN, PLAIN_LONGEST, fault
from bulk_pec.recipients.blocks import frame_of
from bulk_pec.recipients.checking import Sieve, judged
from bulk_pec.recipients.expiry import moment
from bulk_pec.recipients.judging import Rules, trimmed
from bulk_pec.recipients.records import Grammar, blocks
from bulk_pec.recipients.rows import BLANKS
from bulk_pec.recipients.warning import warn

SEPARATORS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1")
STARTS = (b"", b"pec,n\n", b"pec;n;m\r\n", b"\xef\xbb\xbfpec\n", b"sep=|\npec|n\n", b"PAR1")
CHARS = st.sampled_from(list('ab"",;|\t\n\r \\\0\x1f\x85\u00a0àé€😀\u2028\ufeff@.'))
CELLS = st.one_of(
    st.text(CHARS, max_size=8),
    st.sampled_from(["a@x.example", "B@y.example ", "o'b@x.example", "a@x.test", "Me@x.example", "001", ""]),
    st.sampled_from(
        ["a@gmail.com", "a@x.example; B@Libero.it", "a@x.example,me@x.example", "#N/D", " #RIF! ", "#"]
    ),
    st.sampled_from(
        ["RCCMNL83S18D969H", "rccmnl83s18d969x", "00743110157", "743110157", "1,23E+11", "00184", "184"]
    ),
    st.sampled_from(["2026-12-31", "31/12/2026 ", "31/02/2026", "2026-12-31T10:00Z"]),
)


@st.composite
def tables(draw: st.DrawFn, least_width: int = 2) -> list[list[str]]:
    """Rows of texts, all of one width."""
    width = draw(st.integers(least_width, 4))
    return draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8))


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """A text cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _read(
    content: bytes, options: ListOptions, size: int
) -> tuple[list[CheckedRow], list[SetAsideRow], list[int]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        path.write_bytes(content)
        with open_list(path, options) as found:
            batches = list(found.batches(size))
    assert all(0 < len(batch) + len(batch.empty) <= size for batch in batches)
    return (
        [row for batch in batches for row in batch.rows],
        [row for batch in batches for row in batch.set_aside],
        [row for batch in batches for row in batch.empty],
    )


def _numbered_through(rows: list[CheckedRow], set_aside: list[SetAsideRow], empty: list[int]) -> bool:
    """Whether the rows are numbered 1..N without gap or repeat, each part in order."""
    good, bad = [row[0] for row in rows], [row.row for row in set_aside]
    in_order = all(part == sorted(part) for part in (good, bad, empty))
    numbers = sorted([*good, *bad, *empty])
    return in_order and numbers == list(range(1, len(numbers) + 1))


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from(STARTS),
    body=st.one_of(
        st.binary(max_size=200),
        st.text(st.sampled_from(list('ab@.x,;|\t"\n\r \0é')), max_size=200).map(str.encode),
    ),
    size=st.integers(1, 5),
)
@example(start=b"pec\n", body=b'"', size=1)
@example(start=b"pec,n\n", body=b'a@x.example,"\n"\n"', size=1)
@example(start=b"pec,n\n", body=b"\r", size=1)
def test_any_bytes_end_in_a_result_or_a_refusal(start: bytes, body: bytes, size: int) -> None:
    """Nothing crashes; every row that comes out is numbered, once, and a bad one says why."""
    try:
        rows, set_aside, empty = _read(start + body, ListOptions(), size)
    except ListRefused:
        return
    assert _numbered_through(rows, set_aside, empty)
    assert all(row.problems for row in set_aside)
    assert all(isinstance(json.loads(row[3]), list) for row in rows)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_well_formed_csv_reads_as_pythons_csv_module_reads_it(data: st.DataObject) -> None:
    """Whatever is quoted, and wherever the text is cut: the same records, none of them broken."""
    table, separator = data.draw(tables()), data.draw(st.sampled_from(SEPARATORS))
    end, closed = data.draw(st.sampled_from(["\n", "\r\n"])), data.draw(st.booleans())
    quote_all = data.draw(st.booleans())
    lines = [separator.join(_written(cell, separator, quote=quote_all) for cell in row) for row in table]
    text = end.join(lines) + (end if closed else "")
    oracle = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row]
    assert oracle == table
    grammar = Grammar(separator, len(table[0]) if table else 2)
    cut = blocks(data.draw(pieces(text)), grammar)
    got = [list(row) for block in cut for row in frame_of(block, grammar).rows()]
    assert got == [[*row, None] for row in table]


def _written(cell: str, separator: str, *, quote: bool) -> str:
    """A field as RFC 4180 writes it; one of blanks alone is quoted, so that no line is blank."""
    if quote or not cell.strip(BLANKS) or any(char in cell for char in (separator, '"', "\n", "\r")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


@settings(max_examples=100, deadline=None)
@given(table=tables(), separator=st.sampled_from(SEPARATORS), encoding=st.sampled_from(ENCODINGS))
def test_every_encoding_and_separator_gives_the_same_texts(
    table: list[list[str]], separator: str, encoding: str
) -> None:
    """Through the front door, with the key in front so that every row is good: the texts are the oracle's."""
    width = len(table[0]) if table else 2
    whole = [["n", "pec", *(f"c{place}" for place in range(width))]]
    whole += [[str(number), "a@x.example", *row] for number, row in enumerate(table, 1)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(whole)
    try:
        content = text.getvalue().encode(encoding)
    except UnicodeEncodeError:
        assume(condition=False)
    asked = encoding if encoding in ("utf-16-le", "latin-1") else "auto"
    rows, set_aside, empty = _read(content, ListOptions(key_column="n", encoding=asked), 3)
    assert (set_aside, empty) == ([], [])
    assert [json.loads(row[3]) for row in rows] == whole[1:]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_broken_csv_loses_and_shifts_nothing(data: st.DataObject) -> None:
    """Of any text, every line that is not blank is in exactly one record, and cutting changes nothing."""
    separator = data.draw(st.sampled_from([",", "\t"]))
    text = data.draw(st.text(st.sampled_from(list(f'ab{separator}"\n\r')), max_size=60))
    grammar = Grammar(separator, data.draw(st.integers(2, 3)))
    cut, whole = blocks(data.draw(pieces(text)), grammar), blocks([text], grammar)
    got = [row for block in cut for row in frame_of(block, grammar).rows()]
    assert got == [row for block in whole for row in frame_of(block, grammar).rows()]
    told = "".join(field or "" for row in got for field in row if field != "\0quotes")
    assert told.count("a") == text.count("a")
    assert told.count("b") == text.count("b")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_sieve_says_what_the_rules_say(data: st.DataObject) -> None:
    """The vectorised path and the row-by-row rules agree on every row, good or bad."""
    table = data.draw(tables())
    width = len(table[0]) if table else 2
    places = st.lists(st.integers(0, width - 1), max_size=2, unique=True).map(tuple)
    rules = Rules(
        columns=tuple(f"c{place}" for place in range(width)),
        address=data.draw(st.integers(0, width - 1)),
        key=data.draw(st.one_of(st.none(), st.integers(0, width - 1))),
        required=data.draw(places),
        subject=data.draw(places),
        own=frozenset({"me@x.example"}),
        needed=data.draw(places),
        tax_code=data.draw(st.one_of(st.none(), st.integers(0, width - 1))),
        expires=data.draw(st.one_of(st.none(), st.integers(0, width - 1))),
        multiple=data.draw(st.booleans()),
        codes=tuple((place, data.draw(st.sampled_from([5, 11]))) for place in data.draw(places)),
    )
    beyond = data.draw(st.lists(st.sampled_from([None, None, "x"]), min_size=len(table), max_size=len(table)))
    short = data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table)))
    full: list[list[str | None]] = [
        [*row[:-1], None if cut else row[-1], None if cut else more]
        for row, more, cut in zip(table, beyond, short, strict=True)
    ]
    schema = {str(place): pl.String for place in range(width + 1)}
    sieve = Sieve(rules)
    batch = sieve.batch(sieve.sift(pl.DataFrame(full, schema=schema, orient="row")), 5)
    want = [judged(number, tuple(row[:-1]), row[-1], rules) for number, row in enumerate(full, 5)]
    assert batch.rows == [row for row in want if isinstance(row, tuple)]
    assert batch.set_aside == [row for row in want if isinstance(row, SetAsideRow)]
    good = [(row[0], tuple(json.loads(row[3]))) for row in batch.rows]
    assert batch.warnings == [warning for row, values in good for warning in warn(row, values, rules)]
    blank = [not any(map(trimmed, row)) for row in full]
    assert batch.empty == [number for number, nothing in enumerate(blank, 5) if nothing]
    assert batch.empty == [number for number, verdict in enumerate(want, 5) if verdict is None]
    cells = ["" if rules.expires is None else trimmed(values[rules.expires]) for _, values in good]
    assert batch.expires == [moment(cell, rules.zone) for cell in cells]


def _joined(chars: str, glue: str, most: int) -> st.SearchStrategy[str]:
    """Words of `chars` with `glue` between them."""
    word = st.text(st.sampled_from(list(chars)), min_size=1, max_size=6)
    return st.lists(word, min_size=1, max_size=most).map(glue.join)


@settings(max_examples=200, deadline=None)
@given(
    local=_joined("aZ09_+-", ".", 3),
    domain=st.lists(_joined("aZ09", "-", 3), min_size=1, max_size=3).map(".".join),
    top=st.sampled_from(["it", "EU", "xx", "com", "net", "org", "info", "biz", "example"]),
)
def test_what_the_fast_expression_passes_the_library_passes(local: str, domain: str, top: str) -> None:
    """It may only ever be stricter than email-validator, and says the same in Python and in Rust."""
    address = f"{local}@{domain}.{top}"
    assume(len(address) <= PLAIN_LONGEST)
    assert pl.Series([address]).str.contains(PLAIN).to_list() == [True]
    assert re.search(PLAIN, address) is not None
    assert validate_email(address, check_deliverability=False, allow_smtputf8=False).original == address
    assert fault(address) is None


def test_megabytes_of_quoted_line_breaks_read_as_pythons_csv_module_reads_them(tmp_path: Path) -> None:
    """Large enough for polars to read in parallel parts, with line breaks where a part might begin."""
    chance = random.Random(20261101)  # noqa: S311 - a fixed table, not a secret
    words = ["x", "a,b", 'say ""hi""', "riga\nriga", "\r\n", '"",""\n"",""', "", "fine\n\n\n"]
    notes = ["".join(chance.choices(words, k=chance.randrange(12))) for _ in range(60_000)]
    lines = [f'{n},u{n}@x.example,"{note}",z' for n, note in enumerate(notes)]
    path = tmp_path / "list.csv"
    path.write_text("n,pec,nota,fine\n" + "\n".join(lines), encoding="utf-8", newline="")
    with path.open(encoding="utf-8", newline="") as file:
        oracle = list(csv.reader(file))[1:]
    found = open_list(path, ListOptions(key_column="n"))
    rows = [row for batch in found.batches() for row in batch.rows]
    assert len(rows) == 60_000
    assert [json.loads(row[3]) for row in rows] == oracle
    assert [(row[0], row[1]) for row in rows] == [(n + 1, str(n)) for n in range(60_000)]
