"""Rejects written and read again; any bytes with every check on; repeats; check digits."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulk_pec.domain.errors import ListRefused
from bulk_pec.recipients import (
    Batch,
    Keys,
    ListOptions,
    RecipientList,
    Repeat,
    SetAsideRow,
    open_list,
)
from bulk_pec.recipients.rejects import rejects
from bulk_pec.recipients.taxcodes import fault, surely_good

ALL = ListOptions(
    key_column="n",
    subject_columns=frozenset({"n"}),
    optional_columns=frozenset({"m"}),
    tax_code_column="cf",
    expires_at_column="fine",
    allow_multiple=True,
)
CELL = st.one_of(
    st.text(st.sampled_from(list('ab"";,|\t\n\r #è\u2028\ufeff@.')), max_size=6),
    st.sampled_from(
        ["a@x.example", "b@x.example; a@gmail.com", "#N/D", "743110157", "2026-12-31", "31/12/26"]
    ),
)
LINES = st.text(st.sampled_from(list('ab"";;@.x\n\n\r,')), max_size=80)


def _batches(content: bytes, options: ListOptions, folder: str) -> tuple[RecipientList, list[Batch]]:
    path = Path(folder) / "list"
    path.write_bytes(content)
    found = open_list(path, options)
    return found, list(found.batches(4))


def _read_again(found: RecipientList, bad: list[SetAsideRow], options: ListOptions) -> RecipientList:
    path = found.path.with_name(f"rejects-of-{found.path.name}")
    with rejects(found, path) as into:
        for row in bad:
            into.add(row)
    return open_list(path, options)


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from([b"pec;n;m;cf;fine\n", b"pec,n,m,cf,fine\r\n", b'"PEC"\t"N"\t"M"\t"CF"\t"Fine"\n']),
    body=st.one_of(st.binary(max_size=150), LINES.map(str.encode)),
)
def test_with_every_check_on_any_bytes_end_in_a_result_or_a_refusal(start: bytes, body: bytes) -> None:
    """Every row comes out once, numbered through, with an expiry for each that stays."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _, batches = _batches(start + body, ALL, folder)
        except ListRefused:
            return
    for batch in batches:
        assert len(batch.expires) == len(batch.rows)
        assert {warning.row for warning in batch.warnings} <= {row[0] for row in batch.rows}
    numbers = [row[0] for batch in batches for row in batch.rows]
    numbers += [row.row for batch in batches for row in batch.set_aside]
    numbers += [row for batch in batches for row in batch.empty]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@settings(max_examples=200, deadline=None)
@given(
    header=st.sampled_from(["pec;n;m", '"pec";"n";"m"', "sep=;\npec;n;m", "pec"]),
    body=st.one_of(LINES, st.lists(st.lists(CELL, min_size=1, max_size=5).map(";".join)).map("\n".join)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example(header="pec;n;m", body='"a;b;c\nx;";";y', encoding="utf-8")
@example(header="pec;n;m", body='a;b\n"a;b\n;"";\n"', encoding="utf-8")
def test_rejects_read_again_are_the_same_rows(header: str, body: str, encoding: str) -> None:
    """Of whatever is bad in a list: the same rows with the same fields and problems, in the same order."""
    with tempfile.TemporaryDirectory() as folder:
        options = ListOptions(separator=";")
        found, batches = _batches(f"{header}\n{body}".encode(encoding), options, folder)
        bad = [row for batch in batches for row in batch.set_aside]
        again = _read_again(found, bad, options)
        after = list(again.batches(4))
        assert [row for batch in after for row in batch.rows] == []
        got = [row for batch in after for row in batch.set_aside]
        assert [row.broken for row in got] == [row.broken for row in bad]
        assert [_own(row) for row in got] == [_own(row, first=False) for row in bad]
        twice = [row for batch in _read_again(again, got, options).batches(4) for row in batch.set_aside]
        assert [_own(row) for row in twice] == [_own(row) for row in got]


def _own(row: SetAsideRow, *, first: bool = True) -> list[str | None] | str:
    """A row's fields without the reason; of a broken one, its line behind it."""
    fields: list[str | None] = json.loads(row.values_json)
    if row.broken:
        line = fields[0] or ""
        return line.split('";', 1)[1] if first else line
    return fields[1:] if first else fields


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.lists(st.sampled_from(["a@x.example", "rotto", None]), max_size=2)),
            st.one_of(st.none(), st.floats(width=32)),
        ),
        max_size=8,
    )
)
def test_parquet_rejects_read_again_are_the_same_rows(
    rows: list[tuple[list[str | None] | None, float | None]],
) -> None:
    """Lists and numbers too."""
    schema = pl.Schema({"pec": pl.List(pl.String), "n": pl.Float32()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path)
        found = open_list(path, ListOptions())
        bad = [row for batch in found.batches(3) for row in batch.set_aside]
        after = list(_read_again(found, bad, ListOptions()).batches(3))
        assert [row for batch in after for row in batch.rows] == []
        got = [row for batch in after for row in batch.set_aside]
        assert [_own(row) for row in got] == [_own(row, first=False) for row in bad]
        assert [row.problems for row in got] == [row.problems for row in bad]


@settings(max_examples=100, deadline=None)
@given(
    texts=st.lists(st.sampled_from(["a", "A", "", "0", "00", "è", "e\u0300", "\0", "a" * 200]), max_size=30),
    size=st.integers(1, 7),
)
def test_what_repeats_is_what_a_dictionary_says(texts: list[str], size: int) -> None:
    """In any batches: exactly the rows whose key came before, in order."""
    rows = [(number, key, "a@x.example", "[]") for number, key in enumerate(texts, 11)]
    keys = Keys()
    for start in range(0, len(rows), size):
        keys.add(rows[start : start + size])
    first: dict[str, int] = {}
    want = [Repeat(row[0], first[row[1]]) for row in rows if first.setdefault(row[1], row[0]) != row[0]]
    assert list(keys.repeats()) == want


CODE = st.one_of(
    st.from_regex(r"[A-Za-z]{6}[0-9]{2}[A-Ta-t][0-7][0-9][A-Z][0-9]{3}[A-Za-z]", fullmatch=True),
    st.from_regex(r"[0-9]{7}(0[0-9]{2}|100|120|999)[0-9]", fullmatch=True),
    st.text(st.sampled_from(list("ABHIT0189-. \u212aé\n")), max_size=17),
)


@settings(max_examples=300, deadline=None)
@given(codes=st.lists(CODE, max_size=40))
def test_what_the_vectorised_check_digits_pass_the_library_passes(codes: list[str]) -> None:
    """They may only ever be stricter than python-stdnum, date of birth and province included."""
    passed = surely_good(pl.Series(codes, dtype=pl.String))
    assert [code for code, good in zip(codes, passed, strict=True) if good and fault(code) is not None] == []
