"""Bad rows in a file of the list's own form: mended, it is a list."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import polars as pl
import pytest

from bulk_pec.domain.errors import LedgerError, ListRefused, UsageError
from bulk_pec.recipients import ListOptions, RecipientList, SetAsideRow, open_list
from bulk_pec.recipients.rejects import rejects


def _list(
    tmp_path: Path, content: str | bytes, options: ListOptions | None = None, file: str = "list.csv"
) -> RecipientList:
    path = tmp_path / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_list(path, options or ListOptions())


def _bad(rows: RecipientList) -> list[SetAsideRow]:
    return [row for batch in rows.batches(3) for row in batch.set_aside]


def _rejected(rows: RecipientList, path: Path) -> Path:
    with rejects(rows, path) as into:
        for row in _bad(rows):
            into.add(row)
    return path


def _fields(row: SetAsideRow) -> list[str | None]:
    fields: list[str | None] = json.loads(row.values_json)
    return fields


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_file_is_in_the_lists_own_form(tmp_path: Path, separator: str, encoding: str, end: str) -> None:
    """The same encoding and mark, separator and line ends, the header after the reason."""
    rows = [("PEC", "Città"), ("a@x.example", "Forlì"), ("rotto", f'"è{separator} ""x"""'), ("b@y", "Cantù")]
    content = end.join(separator.join(row) for row in rows).encode(encoding)
    path = _rejected(_list(tmp_path, content), tmp_path / "rejects.csv")
    assert path.read_bytes().startswith("r".encode(encoding))
    text = path.read_bytes().decode(encoding)
    lines = text.split(end)
    assert lines[0] == separator.join(("reason", "PEC", "Città"))
    assert lines[1].endswith(separator.join(("", *rows[2])))
    assert lines[2].startswith('"row 3: PEC: this is not an address')
    assert lines[2].endswith(separator.join(("", *rows[3])))
    assert lines[3:] == [""]


def test_big_endian_utf16_stays_so(tmp_path: Path) -> None:
    """With its mark."""
    content = b"\xfe\xff" + "pec\tn\nrotto\t1\n".encode("utf-16-be")
    path = _rejected(_list(tmp_path, content), tmp_path / "rejects.txt")
    assert path.read_bytes().startswith("\ufeffreason\tpec\tn\n".encode("utf-16-be"))


def test_a_list_that_quotes_everything_has_rejects_that_do(tmp_path: Path) -> None:
    """As its header shows; and Excel's line with the separator stays."""
    path = _rejected(_list(tmp_path, 'sep=;\r\n"pec";"n"\r\n"rotto";"1"\r\n'), tmp_path / "rejects.csv")
    lines = path.read_bytes().split(b"\r\n")
    assert lines[:2] == [b"sep=;", b'"reason";"pec";"n"']
    assert lines[2].endswith(b';"rotto";"1"')


def test_a_spreadsheet_reads_it(tmp_path: Path) -> None:
    """Python's csv module stands for all that read CSV: each bad row has its reason and its own cells."""
    text = 'pec,n,nome\na@x.example,1,x\nrotto,2,"Rossi, ""Mario"""\nb@x.example,3\nc@x.example,4,x,y\n'
    path = _rejected(_list(tmp_path, text), tmp_path / "rejects.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["reason", "pec", "n", "nome"]
    assert [row[1:] for row in rows[1:]] == [
        ["rotto", "2", 'Rossi, "Mario"'],
        ["b@x.example", "3"],
        ["c@x.example", "4", "x", "y"],
    ]
    assert [row[0].partition(":")[0] for row in rows[1:]] == ["row 2", "row 3", "row 4"]


def test_read_again_every_row_has_the_same_fields_and_problems(tmp_path: Path) -> None:
    """Ragged rows stay ragged and broken quotes broken, until somebody mends them."""
    text = 'pec;n;nome\nrotto;1;"due\nrighe"\na@x.example;2\nb@x.example;3;x;y;z\n"c@x.example;4;x\n;5;"x"y\n'
    found = _list(tmp_path, text)
    before = _bad(found)
    after = _bad(open_list(_rejected(found, tmp_path / "rejects.csv"), ListOptions()))
    assert len(before) == 5
    assert (
        [row.broken for row in after] == [row.broken for row in before] == [False, False, False, True, True]
    )
    for one, other in zip(before, after, strict=True):
        if one.broken:
            assert (_fields(other)[0] or "").endswith(f";{_fields(one)[0]}")
        else:
            assert _fields(other)[1:] == _fields(one)


def test_mended_and_loaded_every_row_is_good(tmp_path: Path) -> None:
    """The reason is a column like any other, and asks for nothing."""
    options = ListOptions(required_columns=frozenset({"nome"}), key_column="n")
    found = _list(tmp_path, 'pec;n;nome\nrotto;1;x\nb@x.example;2;\n"c@x.example;3;x\n', options)
    path = _rejected(found, tmp_path / "rejects.csv")
    text = path.read_text(encoding="utf-8")
    mended = text.replace("rotto", "a@x.example").replace(";2;", ";2;y").replace('"c@', "c@")
    batches = list(_list(tmp_path, mended, options, "mended.csv").batches())
    assert [row[1:3] for batch in batches for row in batch.rows] == [
        *(("1", "a@x.example"), ("2", "b@x.example"), ("3", "c@x.example")),
    ]
    assert not any(batch.set_aside for batch in batches)


def test_rejects_of_rejects_have_new_reasons_in_the_place_of_the_old(tmp_path: Path) -> None:
    """Half mended and loaded again, the file does not grow a column each time."""
    text = 'pec;n\nrotto;1\n"b@x.example;2\nc@x.example\n'
    first = _rejected(_list(tmp_path, text), tmp_path / "first.csv")
    second = _rejected(open_list(first, ListOptions()), tmp_path / "second.csv")
    lines = second.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "reason;pec;n"
    assert [line[: len('"row 1: ')] for line in lines[1:]] == ['"row 1: ', '"row 2: ', '"row 3: ']
    assert lines[1].endswith(";rotto;1")
    assert lines[2].endswith('";"b@x.example;2')
    assert lines[3].endswith('";c@x.example')


def test_a_reason_of_the_lists_own_is_kept(tmp_path: Path) -> None:
    """Where the templates need such a column, or it is not the first, the other takes another name."""
    used = _list(tmp_path, "reason;pec\nmora;rotto\n", ListOptions(required_columns=frozenset({"reason"})))
    assert (
        _rejected(used, tmp_path / "one.csv").read_text(encoding="utf-8").startswith("reason_2;reason;pec\n")
    )
    other = _list(tmp_path, "pec;reason\nrotto;mora\n")
    path = _rejected(other, tmp_path / "two.csv")
    assert path.read_text(encoding="utf-8").startswith("reason_2;pec;reason\n")
    again = open_list(path, ListOptions())
    assert (
        _rejected(again, tmp_path / "three.csv")
        .read_text(encoding="utf-8")
        .startswith("reason_2;pec;reason\n")
    )


def test_nameless_columns_keep_the_names_they_were_given(tmp_path: Path) -> None:
    """They are called by their place, which the reason would shift."""
    found = _list(tmp_path, "pec;;n\nrotto;1;2\n", ListOptions(required_columns=frozenset({"column_2"})))
    path = _rejected(found, tmp_path / "rejects.csv")
    assert path.read_text(encoding="utf-8").startswith("reason;pec;column_2;n\n")


def test_a_single_column_and_old_line_ends(tmp_path: Path) -> None:
    """The separator that was taken for none is one now; a lone carriage return becomes a line feed."""
    path = _rejected(_list(tmp_path, "pec\ra@x.example\rrotto\rx;y\r"), tmp_path / "rejects.csv")
    again = open_list(path, ListOptions())
    assert again.columns == ("reason", "pec")
    assert [_fields(row)[1:] for row in _bad(again)] == [["rotto"], ["x;y"]]


def test_a_reason_that_the_encoding_does_not_have_is_written_with_question_marks(tmp_path: Path) -> None:
    """The row's own cells are never touched."""
    found = _list(tmp_path, "pec;Città\na@x.example;Forlì\n".encode("cp1252"))
    ((row,),) = [batch.rows for batch in found.batches()]
    with rejects(found, tmp_path / "rejects.csv") as into:
        into.add_checked(row, "manca «documenti/☃.pdf»\n(senza quello niente)")
    text = (tmp_path / "rejects.csv").read_text(encoding="cp1252")
    assert text.splitlines()[1] == '"row 1: manca «documenti/?.pdf» (senza quello niente)";a@x.example;Forlì'
    assert into.count == 1


def test_without_bad_rows_the_file_is_a_header(tmp_path: Path) -> None:
    """So that an older file of the name is not taken for this list's."""
    (tmp_path / "rejects.csv").write_text("reason;old", encoding="utf-8")
    path = _rejected(_list(tmp_path, "pec;n\na@x.example;1\n"), tmp_path / "rejects.csv")
    assert path.read_text(encoding="utf-8") == "reason;pec;n\n"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_file_appears_whole_or_not_at_all(tmp_path: Path, kind: str) -> None:
    """What was there stays if anything goes wrong, and nothing else is left behind."""
    pl.DataFrame({"pec": ["rotto"], "n": ["1"]}).write_csv(tmp_path / "list.csv")
    pl.DataFrame({"pec": ["rotto"], "n": ["1"]}).write_parquet(tmp_path / "list.parquet")
    found = open_list(tmp_path / f"list.{kind}", ListOptions())
    out = tmp_path / "out"
    out.mkdir()
    (out / "rejects").write_text("reason;old", encoding="utf-8")

    def fail() -> None:
        with rejects(found, out / "rejects") as into:
            into.add(_bad(found)[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in out.iterdir()] == ["rejects"]
    assert (out / "rejects").read_text(encoding="utf-8") == "reason;old"
    _rejected(found, out / "rejects")
    assert [path.name for path in out.iterdir()] == ["rejects"]
    assert [_fields(row)[1:] for row in _bad(open_list(out / "rejects", ListOptions()))] == [["rotto", "1"]]


def test_the_list_itself_is_never_written_over(tmp_path: Path) -> None:
    """Nor by another name of it."""
    found = _list(tmp_path, "pec;n\nrotto;1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "list.csv")
    for name in ("list.csv", "link.csv"):
        with pytest.raises(UsageError, match="over the list"), rejects(found, tmp_path / name):
            pass


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """With the path and what the operating system says."""
    found = _list(tmp_path, "pec;n\nrotto;1\n")
    with pytest.raises(LedgerError, match=r"rejects cannot be written to .*No such file"):
        _rejected(found, tmp_path / "none" / "rejects.csv")


def _parquet(tmp_path: Path) -> RecipientList:
    frame = pl.DataFrame(
        {
            "pec": [["a@x.example"], ["rotto"], None, ["b@x.example", "c@x.example"]] * 2,
            "importo": [1.5, 2.5, 0.0, 3.5] * 2,
            "voci": [["x"], ["y", "z"], None, []] * 2,
        },
        schema_overrides={"importo": pl.Float32},
    )
    frame.write_parquet(tmp_path / "list.parquet")
    return open_list(tmp_path / "list.parquet", ListOptions())


def test_parquet_stays_parquet_with_its_types(tmp_path: Path) -> None:
    """The rows are taken from the list as they are there."""
    found = _parquet(tmp_path)
    out = pl.read_parquet(_rejected(found, tmp_path / "rejects.parquet"))
    assert out.schema == {"reason": pl.String, **pl.read_parquet_schema(tmp_path / "list.parquet")}
    assert out.rows()[0][1:] == (["rotto"], 2.5, ["y", "z"])
    assert [row[0].partition(":")[0] for row in out.rows()] == [f"row {n}" for n in (2, 3, 4, 6, 7, 8)]
    again = _bad(open_list(tmp_path / "rejects.parquet", ListOptions()))
    assert [_fields(row)[1:] for row in again] == [_fields(row) for row in _bad(found)]


def test_parquet_rejects_of_rejects_have_one_reason(tmp_path: Path) -> None:
    """In the place of the old."""
    _rejected(_parquet(tmp_path), tmp_path / "first.parquet")
    second = _rejected(open_list(tmp_path / "first.parquet", ListOptions()), tmp_path / "second.parquet")
    out = pl.read_parquet(second)
    assert out.columns == ["reason", "pec", "importo", "voci"]
    assert [row[0].partition(":")[0] for row in out.rows()] == [f"row {n}" for n in range(1, 7)]


def test_parquet_without_bad_rows_has_none(tmp_path: Path) -> None:
    """But the columns."""
    pl.DataFrame({"pec": ["a@x.example"], "n": [1]}).write_parquet(tmp_path / "list.parquet")
    found = open_list(tmp_path / "list.parquet", ListOptions())
    out = pl.read_parquet(_rejected(found, tmp_path / "rejects.parquet"))
    assert (out.height, out.columns) == (0, ["reason", "pec", "n"])


def test_many_bad_rows_of_a_parquet_file_are_written_in_order(tmp_path: Path) -> None:
    """In parts, however far apart they are and in whatever order they come within one."""
    pecs = ["rotto" if n % 3 == 0 or n > 200_000 else "a@x.example" for n in range(1, 250_001)]
    pl.DataFrame({"pec": pecs, "n": range(1, 250_001)}).write_parquet(tmp_path / "list.parquet")
    found = open_list(tmp_path / "list.parquet", ListOptions())
    with rejects(found, tmp_path / "rejects.parquet") as into:
        for batch in found.batches(7_000):
            for row in reversed(batch.set_aside):
                into.add(row)
    out = pl.read_parquet(tmp_path / "rejects.parquet")
    want = [n for n in range(1, 250_001) if n % 3 == 0 or n > 200_000]
    assert sorted(out["n"]) == want
    assert out["reason"].str.extract(r"^row (\d+):").cast(pl.Int64).to_list() == out["n"].to_list()
    assert into.count == len(want)


def test_a_parquet_file_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    """Its rows are read again, so they must still be what they were."""
    found = _parquet(tmp_path)
    bad = _bad(found)

    def change() -> None:
        with rejects(found, tmp_path / "rejects.parquet") as into:
            into.add(bad[0])
            os.utime(tmp_path / "list.parquet", (1, 1))

    with pytest.raises(ListRefused, match="was changed"):
        change()
    assert not (tmp_path / "rejects.parquet").exists()


@pytest.mark.parametrize("there", ["ledger", "config", "link", "pipe", "folder", "other list"])
def test_nothing_but_an_older_file_of_rejects_is_replaced(tmp_path: Path, there: str) -> None:
    """A slip of the hand costs no ledger, no configuration, no list: 2, and what is there stays."""
    target = tmp_path / "there"
    match there:
        case "ledger":
            target.write_bytes(b"SQLite format 3\0" + bytes(4080))
        case "config":
            target.write_text("[ledger]\n", encoding="utf-8")
        case "link":
            (tmp_path / "rejects.csv").write_text("reason,pec\n", encoding="utf-8")
            target.symlink_to("rejects.csv")
        case "pipe":
            os.mkfifo(target)
        case "folder":
            target.mkdir()
        case _:
            target.write_text("reasons,pec\nx,a@x.example\n", encoding="utf-8")
    before = target.lstat()
    with pytest.raises(UsageError, match="is there already"):
        _rejected(_list(tmp_path, "pec\nrotto\n"), target)
    assert target.lstat() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-32"])
@pytest.mark.parametrize("start", ["", "sep=;\n"])
def test_an_older_file_of_rejects_is_replaced(tmp_path: Path, encoding: str, start: str) -> None:
    """The same command again writes the same file, in whatever encoding; so does one made empty before."""
    path = tmp_path / "rejects.csv"
    path.touch()
    rows = (start + "pec;nome\nrotto;è\n").encode(encoding)
    first = _rejected(_list(tmp_path, rows), path).read_bytes()
    assert b"e\0a" in first or b"reason" in first or b"e\0\0\0a" in first
    assert _rejected(_list(tmp_path, rows), path).read_bytes() == first


def test_an_older_parquet_of_rejects_is_replaced(tmp_path: Path) -> None:
    """Any other Parquet file is not."""
    path, rows = tmp_path / "rejects.parquet", tmp_path / "list.parquet"
    pl.DataFrame({"pec": ["rotto"]}).write_parquet(rows)
    for _ in range(2):
        _rejected(open_list(rows, ListOptions()), path)
    pl.DataFrame({"pec": ["rotto"]}).write_parquet(path)
    with pytest.raises(UsageError, match="is there already"):
        _rejected(open_list(rows, ListOptions()), path)
