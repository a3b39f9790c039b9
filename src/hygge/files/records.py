"""Where the rows of delimited text end, and what is wrong with its quotes.

Arrow takes `"x"y` for `xy`, and a file's end for a closing quote.
"""

from __future__ import annotations

import re

from hygge.core.errors import DataError
from hygge.storage.path import AnyPath

_PLAIN = "set `quote: ''` if quotes are plain characters here"


class Records:
    """Cuts text that comes in pieces where its rows end.

    Parameters
    ----------
    path: named in errors.
    quote: one character, or none.
    delimiter: one character.
    longest: bytes that one row may have.
    """

    def __init__(self, path: AnyPath, quote: str, delimiter: str, longest: int) -> None:
        self._path, self._longest, self._mark = path, longest, quote.encode()
        mark, comma = re.escape(self._mark), re.escape(delimiter.encode())
        ends = comma + rb"\r\n"
        quoted = rb"%b(?:[^%b]++|%b%b)*+%b" % ((mark,) * 5) if quote else rb"(?!)"
        value = rb"(?:%b|[^%b%b][^%b]*+)?+" % (quoted, mark, ends, ends)
        # A carriage return at the very end may be the first half of a line's end.
        row = rb"(?:%b%b)*+%b(?:\r\n|\n|\r(?=[^\n]))" % (value, comma, value)
        self._quoted, self._row = re.compile(quoted), re.compile(row)
        self._rows = re.compile(rb"(?:%b)*+" % row)
        self._values = re.compile(rb"(?:%b[%b])*+" % (value, ends))
        self._ends = re.compile(rb"[%b]" % ends)
        self._rest, self._line = b"", 1

    def whole(self, data: bytes) -> bytes:
        """The rows that are complete, now that these bytes have come. Raises DataError."""
        data = self._rest + data
        if self._mark and self._mark in data:
            at = _end(self._rows, data)
        else:
            at = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
        rows, self._rest = data[:at], data[at:]
        self._line += rows.count(b"\n")
        if len(self._rest) > self._longest:
            raise DataError(
                f"{self._path}, line {self._line}: a row is longer than {self._longest >> 20} MB; "
                "most likely a quote is opened and never closed",
                hint=f"mend the row; or {_PLAIN}",
            )
        if self._mark in self._rest:
            self._check(self._rest)
        return rows

    def rest(self) -> bytes:
        """What is left at the end of the file. Raises DataError where a quote was never closed."""
        if self._mark and self._mark in self._rest:
            at = _end(self._values, self._rest)
            if self._rest.startswith(self._mark, at) and not self._quoted.match(self._rest, at):
                line = self._line + self._rest[:at].count(b"\n")
                raise DataError(
                    f"{self._path}, line {line}: a quote is opened and never closed",
                    hint=f"mend the row; or {_PLAIN}",
                )
        return self._rest

    def first(self, rows: bytes) -> int:
        """Where the first of some rows ends."""
        found = self._row.match(rows)
        return found.end() if found else len(rows)

    def _check(self, row: bytes) -> None:
        """Refuse a value that goes on after its closing quote: no row was found to end there."""
        whole = self._quoted.match(row, _end(self._values, row))
        if whole is not None and whole.end() < len(row):
            line = self._line + row[: whole.end()].count(b"\n")
            rest = self._ends.split(row[whole.end() :][:40], maxsplit=1)[0]
            shown = (whole[0][-40:] + rest).decode(errors="replace")
            raise DataError(
                f"{self._path}, line {line}: {shown!r} goes on after its closing quote",
                hint=f"mend the row: a quote within quotes is written twice; or {_PLAIN}",
            )


def _end(pattern: re.Pattern[bytes], data: bytes) -> int:
    found = pattern.match(data)
    assert found is not None  # these patterns match nothing, at least
    return found.end()
