"""Bad rows of a CSV, as the CSV writes its rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bulk_pec.recipients.readers import CsvReader
from bulk_pec.recipients.rows import BLANKS


class CsvRejects:
    """Writes rows with the list's encoding, byte order mark, separator, quoting and line end.

    The reason is always quoted, and begins with a letter: so a line before it whose quote is open ends where
    it ended in the list, and does not swallow what follows. Old Macintosh line ends become today's.

    Args:
        path: The file to write.
        reader: Of the list.
        columns: The list's columns, for those that have no name in the file.
        name: Of the column with the reason.
        replaced: The list's first column is such a column, and this one takes its place.
    """

    def __init__(
        self, path: Path, reader: CsvReader, columns: Sequence[str], name: str, *, replaced: bool
    ) -> None:
        self._separator, self._replaced = reader.separator, replaced
        self._width = len(reader.header)
        self._special = re.compile(rf'[{re.escape(reader.separator)}"\r\n]')
        self._first = re.compile(rf'(?:"(?:[^"]|"")*+"|[^"{re.escape(reader.separator)}]*+)')
        dialect = reader.dialect
        self._end = "\r\n" if dialect.header_line.endswith("\r\n") else "\n"
        self._quote_all = dialect.header_line.rstrip("\r\n") == self._joined(map(_quoted, reader.header))
        self._codec, mark = _codec_of(reader)
        self._file = path.open("w", encoding=self._codec, newline="")
        self._file.write(mark + dialect.excel_line)
        given = zip(reader.header, columns, strict=True)
        names = [found if found.strip(BLANKS) else column for found, column in given]
        self._write([name, *names[replaced:]])

    def add(self, row: int, fields: list[str | None], reason: str, *, broken: bool) -> None:
        """Write a row.

        Args:
            row: Its number; not asked, for rows are written in the order in which they come.
            fields: Its texts; None where it has no such field; a broken one's first is its line.
            reason: What is wrong with it.
            broken: Its quotes do not pair up.
        """
        known = _quoted(reason.encode(self._codec, "replace").decode(self._codec))
        rest = self._line(fields[0] or "") if broken else self._fields(fields)
        self._file.write(known + rest + self._end)

    def finish(self) -> None:
        """Write what is left."""
        self._file.close()

    def close(self) -> None:
        """Write nothing more, whether or not all was written."""
        self._file.close()

    def _write(self, fields: Sequence[str]) -> None:
        self._file.write(self._joined(map(self._written, fields)) + self._end)

    def _joined(self, fields: Iterable[str]) -> str:
        return self._separator.join(fields)

    def _written(self, field: str) -> str:
        return _quoted(field) if self._quote_all or self._special.search(field) else field

    def _fields(self, fields: list[str | None]) -> str:
        """A row's own fields, as many as it has, each after a separator."""
        own = [field for field in fields[self._replaced : self._width] if field is not None]
        for beyond in fields[self._width :]:
            text = beyond or ""
            own += [text] if re.search(r'["\r\n]', text) else text.split(self._separator)
        return "".join(self._separator + self._written(field) for field in own)

    def _line(self, line: str) -> str:
        """A broken row's line as it stands, but for an old reason before it."""
        first = self._first.match(line) if self._replaced else None
        if first is not None and line.startswith(self._separator, first.end()):
            return line[first.end() :]
        return self._separator + line


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"'


def _codec_of(reader: CsvReader) -> tuple[str, str]:
    """By which to encode, in the list's byte order, and its byte order mark if it has one."""
    start = reader.source.start
    codec = {"utf-8-sig": "utf-8"}.get(reader.codec, reader.codec)
    if codec in {"utf-16", "utf-32"}:
        codec += "-le" if start.startswith(b"\xff\xfe") else "-be"
    try:
        mark = "\ufeff".encode(codec)
    except UnicodeEncodeError:
        return codec, ""
    return codec, "\ufeff" if start.startswith(mark) else ""
