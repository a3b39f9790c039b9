"""Delimited text (CSV): read strictly as text, a block at a time; written as ISO 8601 and UTF-8."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from hygge.core.conform import conform
from hygge.core.errors import DataError, UnsupportedError
from hygge.core.fields import Schema
from hygge.files.format import Format, in_utc

if TYPE_CHECKING:
    from pyarrow import csv as arrow_csv

BLOCK_BYTES = 8 << 20
"""How much of a file is parsed at a time, and the most one row may have."""
_HEADER_BYTES = 1 << 20
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


class _Source(io.RawIOBase):
    """A file as UTF-8 bytes, decoded as it streams; counts quotes, to notice one left open."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        super().__init__()
        self._path, self._dialect = path, dialect
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder(dialect.encoding)("strict")
        self._quote = dialect.quote.encode()
        self._waiting = b""
        self._lines = 1
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # Always full but at the end: a short block might hold no whole row, which Arrow refuses.
        filled = 0
        while filled < len(buffer):
            if not self._waiting:
                self._waiting = self._decoded(len(buffer) - filled)
                if not self._waiting:
                    break
            size = min(len(buffer) - filled, len(self._waiting))
            buffer[filled : filled + size] = self._waiting[:size]
            self._waiting = self._waiting[size:]
            filled += size
        return filled

    def _decoded(self, size: int) -> bytes:
        """More of the file as UTF-8; nothing at its end."""
        while raw := self._file.read(size):
            if text := self._text(raw, final=False):
                return text
        return self._text(b"", final=True)

    def _text(self, raw: bytes, *, final: bool) -> bytes:
        try:
            text = self._decoder.decode(raw, final=final).encode("utf-8")
        except UnicodeDecodeError as error:
            line = self._lines + error.object[: error.start].count(b"\n")
            raise DataError(
                f"{self._path}, line {line}: byte 0x{error.object[error.start]:02x} is not "
                f"{self._dialect.encoding}",
                hint="set `encoding`, e.g. `encoding: cp1252`",
            ) from None
        self._lines += raw.count(b"\n")
        if self._quote:
            self.quotes += text.count(self._quote)
        return text

    def close(self) -> None:
        self._file.close()
        super().close()


def _reader(
    source: _Source,
    dialect: Dialect,
    columns: Sequence[str] | None,
    *,
    blank_lines: bool,
    block: int | None = None,
) -> arrow_csv.CSVStreamingReader:
    import pyarrow as pa
    from pyarrow import csv

    if columns is not None and not dialect.header:
        columns = [f"f{int(name.removeprefix('column_')) - 1}" for name in columns]
    return csv.open_csv(
        pa.PythonFile(source, mode="r"),
        read_options=csv.ReadOptions(
            use_threads=False, block_size=block or BLOCK_BYTES,
            autogenerate_column_names=not dialect.header,
        ),
        parse_options=csv.ParseOptions(
            delimiter=dialect.delimiter, quote_char=dialect.quote or False,
            newlines_in_values=bool(dialect.quote), ignore_empty_lines=not blank_lines,
        ),
        convert_options=csv.ConvertOptions(
            default_column_type=pa.string(), check_utf8=False, strings_can_be_null=True,
            quoted_strings_can_be_null=False, null_values=["", *dialect.nulls],
            include_columns=list(columns) if columns is not None else None,
        ),
    )  # fmt: skip


def columns_of(path: Path, dialect: Dialect) -> list[str]:
    """The columns' names, from the first row.

    Raises DataError where there is no first row, or it has a name twice.
    """
    import pyarrow as pa

    _refuse_blank(path, dialect)
    with _Source(path, dialect) as source:
        try:
            names = list(
                _reader(source, dialect, None, blank_lines=False, block=_HEADER_BYTES).schema.names
            )
        except pa.ArrowInvalid as error:
            raise _malformed(path, error) from None
    if not dialect.header:
        return [f"column_{at}" for at in range(1, len(names) + 1)]
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"{path}: the header names '{name}' twice",
                hint="rename one, or set `header: false` if the first row is data",
            )
    return names


def _refuse_blank(path: Path, dialect: Dialect) -> None:
    """Raise DataError for a file of nothing but line ends.

    Arrow would say so too, but leaves a thread at work on the file, which may abort a process that
    ends at once.
    """
    with _Source(path, dialect) as source:
        while block := source.read(_HEADER_BYTES):
            if block.removeprefix(codecs.BOM_UTF8).strip(b"\r\n"):
                return
    raise _empty(path)


def _empty(path: Path) -> DataError:
    return DataError(
        f"{path} is empty: it has not even a header", hint="a source without rows has its header"
    )


def read_text(
    path: Path,
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
    import pyarrow as pa

    names = list(names or columns_of(path, dialect))
    wanted = list(columns) if columns is not None else names
    # The last column is read in any case: a quote left open swallows rows into it.
    read = wanted if names[-1] in wanted else [*wanted, names[-1]]
    last: str | None = None
    with _Source(path, dialect) as source:
        try:
            for batch in _reader(source, dialect, read, blank_lines=len(names) == 1):
                frame = pl.DataFrame(batch)
                frame.columns = read
                if frame.height:
                    last = frame.item(-1, names[-1])
                yield frame.select(wanted)
        except pa.ArrowInvalid as error:
            raise _malformed(path, error) from None
        if source.quotes % 2 and last is not None and "\n" in last:
            raise DataError(
                f"{path}: a quote is opened and never closed, before "
                f"{last.strip()[-60:]!r} at the end of the file",
                hint="mend the row; or set `quote: ''` if quotes are plain characters here",
            )


def _malformed(path: Path, error: Exception) -> DataError:
    text = str(error).removeprefix("CSV parse error: ").split("\n", 1)[0]
    if "straddl" in text:
        return DataError(
            f"{path}: a row is longer than {BLOCK_BYTES >> 20} MB; most likely a quote is opened "
            "and never closed",
            hint="mend the row; or set `quote: ''` if quotes are plain characters here",
        )
    if "Empty CSV" in text:
        return _empty(path)
    return DataError(
        f"{path}: {text[:1].lower()}{text[1:160]}",
        hint="mend the row, or check `delimiter` and `quote`",
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
        in_utc(frame).write_csv(
            path, separator=self.delimiter, quote_char=self.quote, include_header=self.header
        )

    def rows(self, path: Path, schema: Schema) -> int:
        if not self.header and not path.stat().st_size:
            return 0
        first = self._columns(schema)[:1]
        return sum(frame.height for frame in read_text(path, self.dialect, first))

    def read(self, path: Path, schema: Schema) -> Iterator[pl.DataFrame]:
        if not self.header and not path.stat().st_size:
            return
        for frame in read_text(path, self.dialect):
            frame.columns = schema.names
            yield conform(frame, schema, entity=str(path))

    def _columns(self, schema: Schema) -> list[str]:
        return schema.names if self.header else [f"column_{i + 1}" for i in range(len(schema))]

    def check(self, schema: Schema, place: str) -> None:
        for field in schema:
            if field.type.kind in _NEVER:
                raise UnsupportedError(
                    f"{place}: '{field.name}' is {field.type}, which CSV cannot hold",
                    hint="leave the column out, cast it, or settle into Parquet",
                )
