"""Newline-delimited JSON: read a block of lines at a time, with one schema for all of them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from hygge.core.conform import conform
from hygge.core.errors import BadValue, DataError, UnsupportedError
from hygge.core.fields import FLOATS, Field, LogicalType, Schema, from_polars
from hygge.files.format import Format, in_utc
from hygge.files.ndjson_text import (
    LONG,
    as_written,
    check_doubles,
    check_floats,
    numbers_in,
    without,
)  # fmt: skip
from hygge.storage.path import AnyPath

BLOCK_BYTES = 16 << 20
_NEVER = ("binary", "duration")
_HALF = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
"""One half of a surrogate pair alone, which is no character; Polars makes NUL of it."""


def blocks(path: AnyPath) -> Iterator[tuple[int, bytes]]:
    """A file in blocks of whole lines, with the number of each block's first line, from 1.

    JSON escapes line ends within texts, so every line end is one between records.
    """
    line, rest = 1, b""
    with path.open("rb") as file:
        while data := file.read(BLOCK_BYTES):
            cut = data.rfind(b"\n") + 1
            if not cut:
                rest += data
                continue
            whole, rest = rest + data[:cut], data[cut:]
            yield line, whole
            line += whole.count(b"\n")
    if rest.strip():
        yield line, rest


def _parse(block: bytes, path: AnyPath, line: int, **settings: Any) -> pl.DataFrame:
    if _HALF.search(block):
        _check_characters(block, path, line)
    try:
        return pl.read_ndjson(io.BytesIO(block), **settings)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise _bad_line(block, path, line, error) from None


def _check_characters(block: bytes, path: AnyPath, first: int) -> None:
    """Raise DataError for a line with half a character in it."""
    for number, text in enumerate(block.split(b"\n"), first):
        if found := _HALF.search(text):
            try:
                json.dumps(json.loads(text), ensure_ascii=False).encode()
            except UnicodeEncodeError:
                raise DataError(
                    f"{path}, line {number}: {found[0].decode()} is half a character",
                    hint="mend the line: whatever wrote it cut a text in two",
                ) from None
            except ValueError:
                continue  # no JSON, which parsing tells


def _bad_line(block: bytes, path: AnyPath, first: int, error: Exception) -> DataError:
    """The error for the first line that is no JSON object, else for the block."""
    for number, text in enumerate(block.split(b"\n"), first):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except ValueError as why:
            return DataError(
                f"{path}, line {number}: {text[:60]!r} is no JSON ({why})", hint="mend the line"
            )
        if not isinstance(value, dict):
            return DataError(
                f"{path}, line {number}: {text[:60]!r} is no JSON object",
                hint='each line is one record, {"column": value, ...}',
            )
    reason = str(error).split("\n", 1)[0]
    return DataError(
        f"{path}, from line {first}: {reason}", hint="declare the column's type under `types:`"
    )


def infer(path: AnyPath, declared: Mapping[str, LogicalType], check: Callable[[], None]) -> Schema:
    """A file's fields, found by reading all of it; none for a file without rows.

    Parameters
    ----------
    path: the file.
    declared: types that need no inference.
    check: called now and then; it may raise to stop.
    """
    seen: pl.DataFrame | None = None
    names: list[str] = []  # as they come in the file: Polars puts many in an order of its hashes
    for line, block in blocks(path):
        check()
        if not block.strip():
            continue
        found: set[str] = set()
        try:
            frame = _parse(block, path, line, infer_schema_length=None).clear()
        except DataError:  # of values, perhaps, whose type is declared
            rest, found = without(block, declared.keys())
            if not found:
                raise
            frame = _parse(rest, path, line, infer_schema_length=None).clear()
        names += _in_order(block, found.union(frame.columns).difference(names))
        if seen is None or frame.schema != seen.schema:
            seen = frame if seen is None else pl.concat([seen, frame], how="diagonal_relaxed")
    dtypes = seen.schema if seen is not None else pl.Schema()
    return Schema(Field(n, declared.get(n) or _logical(dtypes[n])) for n in names)


def _in_order(block: bytes, names: set[str]) -> list[str]:
    """Names of members, in the order in which they first come in a block of lines."""
    found: list[str] = []
    for text in block.split(b"\n"):
        if len(found) == len(names):
            break
        if text.strip():
            found += [n for n in json.loads(text) if n in names and n not in found]
    return found + sorted(names.difference(found))  # none, unless two parsers spell one otherwise


def _logical(dtype: pl.DataType) -> LogicalType:
    if dtype == pl.Null:
        return LogicalType("string")
    if dtype == pl.Int128:
        return LogicalType("decimal", precision=38, scale=0)
    return from_polars(dtype)


def read_lines(
    path: AnyPath, schema: Schema, columns: Sequence[str], *, lenient: bool = False
) -> Iterator[pl.DataFrame]:
    """A file's rows, a block at a time.

    Parameters
    ----------
    path: the file.
    schema: the fields. Decimals are read digit by digit, floats and nested ones as they are, and
        every other as text, which the caller holds to its type.
    columns: those wanted, at least one.
    lenient: whether a block with a value that does not fit comes with text in every column that is
        not nested, instead of the error.
    """
    fields = [schema[c] for c in columns]
    exactly = [f for f in fields if f.type.kind == "decimal"]
    floats = [f.name for f in fields if f.type.kind in FLOATS]
    texts = [f.name for f in fields if f.type.kind in ("string", "json")]
    numbers = numbers_in(texts)
    dtypes = {
        f.name: f.type.physical if f.type.inner or f.type.kind in FLOATS else pl.String
        for f in fields
        if f.type.kind != "decimal"
    }

    def read(block: bytes, line: int) -> pl.DataFrame:
        read = [_parse(block, path, line, schema=dtypes)] if dtypes else []
        if texts and numbers.search(block):
            read[0] = as_written(read[0], block, texts)
        if floats and LONG.search(block):
            check_floats(block, path, line, floats)
        if exactly:
            read.append(_decimals(block, path, line, exactly))
        return pl.concat(read, how="horizontal").select(columns)

    for line, block in blocks(path):
        if not block.strip():
            continue
        check_doubles(block, path, line)
        try:
            yield read(block, line)
        except DataError:
            if not lenient:
                raise
            nested = {f.name: f.type.physical for f in fields if f.type.inner}
            plain = [c for c in columns if c not in nested]
            whole = _parse(block, path, line, schema={**dict.fromkeys(plain, pl.String), **nested})
            yield as_written(whole, block, plain).select(columns)


def _decimals(block: bytes, path: AnyPath, line: int, fields: Sequence[Field]) -> pl.DataFrame:
    """Decimal columns from their digits: Polars' JSON reader would make floats of them."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    kinds = [(f.name, pa.decimal128(38, f.type.scale or 0)) for f in fields]
    try:
        table = arrow_json.read_json(
            io.BytesIO(block),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=pa.schema(kinds), unexpected_field_behavior="ignore"
            ),
        )
    except pa.ArrowInvalid as error:
        raise _bad_line(block, path, line, error) from None
    return pl.DataFrame(table)


@dataclass(frozen=True)
class NDJSONFormat(Format):
    """How NDJSON parts are written: decimals, dates and times as texts, times in ISO 8601."""

    extension: ClassVar[str] = "ndjson"
    needs_part: ClassVar[bool] = True

    def write(self, frame: pl.DataFrame, path: Path) -> None:
        in_utc(frame).write_ndjson(path)

    def check_values(self, batch: pl.DataFrame, entity: str, offset: int) -> None:
        for column in batch:
            if column.dtype.is_float() and not column.is_finite().all():
                row = int((~column.is_finite()).fill_null(False).arg_true()[0])
                raise BadValue(
                    entity=entity, column=column.name, row=f"row {offset + row + 1}",
                    value=column[row], declared="JSON, which has no such number",
                    hint="cast the column to string, or settle into Parquet",
                )  # fmt: skip

    def rows(self, path: AnyPath, schema: Schema) -> int:
        total = 0
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                total += data.count(b"\n")
        return total

    def read(
        self, path: AnyPath, schema: Schema, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        wanted = schema if columns is None else Schema(schema[name] for name in columns)
        for frame in read_lines(path, schema, wanted.names):
            yield conform(frame, wanted, entity=str(path))

    def check(self, schema: Schema, place: str) -> None:
        for field in schema:
            if field.type.kind in _NEVER:
                raise UnsupportedError(
                    f"{place}: '{field.name}' is {field.type}, which JSON cannot hold",
                    hint="leave the column out, cast it, or settle into Parquet",
                )
