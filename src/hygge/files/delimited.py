"""Delimited text (CSV): read strictly as text, a block at a time; written as ISO 8601 and UTF-8."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from hygge.core.conform import conform
from hygge.core.errors import DataError, UnsupportedError
from hygge.core.fields import Schema
from hygge.files.format import Format, in_utc
from hygge.files.records import Records
from hygge.storage.path import AnyPath, size_of

BLOCK_BYTES = 8 << 20
"""How much of a file is parsed at a time, and the most one row may have."""
_DIGITS = {"ms": 3, "us": 6, "ns": 9}
_NEVER = ("list", "struct", "binary", "duration", "null")


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written.

    Parameters
    ----------
    encoding: a Python codec's name.
    delimiter, quote: one character each; an empty quote means that there is none.
    decimal: the decimal mark.
    nulls: words that mean NULL where they stand unquoted, beside the empty field.
    header: whether the first row has the columns' names; else they are column_1, column_2, ...
    """

    encoding: str = "utf8"
    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    nulls: tuple[str, ...] = ()
    header: bool = True


def _texts(path: AnyPath, dialect: Dialect) -> Iterator[bytes]:
    """A file as UTF-8, a block at a time. Raises DataError where it is not of its encoding."""
    decoder = codecs.getincrementaldecoder(dialect.encoding)("strict")
    line, first = 1, True
    with path.open("rb") as file:
        while True:
            raw = file.read(BLOCK_BYTES)
            try:
                text = decoder.decode(raw, final=not raw).encode("utf-8")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise DataError(
                    f"{path}, line {line}: byte 0x{error.object[error.start]:02x} is not "
                    f"{dialect.encoding}",
                    hint="set `encoding`, e.g. `encoding: cp1252`",
                ) from None
            line += raw.count(b"\n")
            yield text.removeprefix(codecs.BOM_UTF8) if first else text
            first = first and not text
            if not raw:
                return


def _rows(path: AnyPath, dialect: Dialect) -> Iterator[bytes]:
    """A file's rows, many at a time, never a part of one; not the blank lines before the first."""
    records, begun = _records(path, dialect), False
    for text in _texts(path, dialect):
        rows = records.whole(text) if text else b""
        rows = rows if begun else rows.lstrip(b"\r\n")
        begun = begun or bool(rows)
        if rows:
            yield rows
    if rows := records.rest():
        yield rows


def columns_of(path: AnyPath, dialect: Dialect) -> list[str]:
    """The columns' names, from the first row.

    Raises DataError where there is no first row, or it has a name twice.
    """
    rows = next(_rows(path, dialect), b"").strip(b"\r\n")
    if not rows:
        raise _empty(path)
    first = rows[: _records(path, dialect).first(rows)].decode()
    try:
        (names,) = csv.reader(
            io.StringIO(first, newline=""), delimiter=dialect.delimiter, strict=True,
            quotechar=dialect.quote or None,
            quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        )  # fmt: skip
    except csv.Error as error:
        raise _malformed(path, error, 0) from None
    if not dialect.header:
        return [f"column_{at}" for at in range(1, len(names) + 1)]
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"{path}: the header names '{name}' twice",
                hint="rename one, or set `header: false` if the first row is data",
            )
    return names


def _records(path: AnyPath, dialect: Dialect) -> Records:
    return Records(path, dialect.quote, dialect.delimiter, BLOCK_BYTES)


def _empty(path: AnyPath) -> DataError:
    return DataError(
        f"{path} is empty: it has not even a header", hint="a source without rows has its header"
    )


def read_text(
    path: AnyPath,
    dialect: Dialect,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """A file's rows, every value as text, missing ones as NULL, a block at a time.

    Parameters
    ----------
    path, dialect: the file.
    columns: those wanted; None for all.
    names: what `columns_of` said, where it has been asked.

    Raises
    ------
    DataError: a row has too many or too few values, and is named; a quote is never closed; bytes
        are not of the encoding.
    """
    names = list(names or columns_of(path, dialect))
    wanted = list(columns) if columns is not None else names
    before, header = 0, dialect.header
    for rows in _rows(path, dialect):
        if header:
            rows, header = rows[_records(path, dialect).first(rows) :], False
        # In a file of one column, a blank line is a row.
        if not (rows if len(names) == 1 else rows.strip(b"\r\n")):
            continue
        frame = _parsed(rows, path, dialect, names, wanted, before)
        before += frame.height
        yield frame


def _parsed(
    rows: bytes, path: AnyPath, dialect: Dialect, names: list[str], wanted: list[str], before: int
) -> pl.DataFrame:
    """Rows as text. Arrow is given what lies in memory: from a file of Python's its threads go on
    reading after it has refused a row, and then hang or abort a process that ends."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(rows),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=len(rows) + 1, column_names=names
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.delimiter, quote_char=dialect.quote or False,
                newlines_in_values=bool(dialect.quote), ignore_empty_lines=len(names) > 1,
            ),
            convert_options=arrow_csv.ConvertOptions(
                default_column_type=pa.string(), check_utf8=False, strings_can_be_null=True,
                quoted_strings_can_be_null=False, null_values=["", *dialect.nulls],
                include_columns=wanted,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        raise _malformed(path, error, before) from None
    return pl.DataFrame(table)


def _malformed(path: AnyPath, error: Exception, before: int) -> DataError:
    """The error for what a parser refused, after so many rows; the header is none of them, as
    everywhere that a row has a number."""
    text = str(error).removeprefix("CSV parse error: ").split("\n", 1)[0]
    text = re.sub(r"Row #(\d+)", lambda found: f"Row {int(found[1]) + before}", text)
    return DataError(
        f"{path}: {text[:1].lower()}{text[1:160]}",
        hint="mend the row, or check `delimiter` and `quote`",
    )


def _with_offsets(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with zoned times as ISO 8601's extended format has them, `...+00:00`, as text: by
    itself Polars writes the offset in the basic one, and takes one form for all columns."""
    return frame.with_columns(
        pl.col(name).dt.to_string(f"%FT%H:%M:%S.%{_DIGITS[dtype.time_unit]}f%:z")
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    )


def check_encoding(name: str) -> str:
    """The name of a codec, known to Python. Raises ValueError otherwise."""
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"'{name}' is no encoding; e.g. utf8, latin-1, cp1252, utf-16") from None
    return name


@dataclass(frozen=True)
class CSVFormat(Format):
    """How CSV parts are written: UTF-8, dates and times as ISO 8601, NULL as an empty field and an
    empty text as a quoted one.

    Parameters
    ----------
    delimiter, quote: one character each.
    header: whether each part begins with the columns' names.
    """

    extension: ClassVar[str] = "csv"
    needs_part: ClassVar[bool] = True
    delimiter: str = ","
    quote: str = '"'
    header: bool = True

    @property
    def dialect(self) -> Dialect:
        """How it is read back."""
        return Dialect(delimiter=self.delimiter, quote=self.quote, header=self.header)

    def write(self, frame: pl.DataFrame, path: Path) -> None:
        _with_offsets(in_utc(frame)).write_csv(
            path, separator=self.delimiter, quote_char=self.quote, include_header=self.header
        )

    def rows(self, path: AnyPath, schema: Schema) -> int:
        if not self.header and not size_of(path):
            return 0
        first = self._columns(schema)[:1]
        return sum(frame.height for frame in read_text(path, self.dialect, first))

    def read(
        self, path: AnyPath, schema: Schema, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        if not self.header and not size_of(path):
            return
        wanted = schema if columns is None else Schema(schema[name] for name in columns)
        written = dict(zip(schema.names, self._columns(schema), strict=True))
        for frame in read_text(path, self.dialect, [written[name] for name in wanted.names]):
            frame.columns = wanted.names
            yield conform(frame, wanted, entity=str(path))

    def _columns(self, schema: Schema) -> list[str]:
        return schema.names if self.header else [f"column_{i + 1}" for i in range(len(schema))]

    def check(self, schema: Schema, place: str) -> None:
        for field in schema:
            if field.type.kind in _NEVER:
                raise UnsupportedError(
                    f"{place}: '{field.name}' is {field.type}, which CSV cannot hold",
                    hint="leave the column out, cast it, or settle into Parquet",
                )
