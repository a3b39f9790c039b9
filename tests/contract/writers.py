"""Ways to lay rows down that share no code with hygge: pyarrow, sqlite3, and text by hand."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake
from pyiceberg.catalog import load_catalog

from hygge import Schema


def parquet(frame: pl.DataFrame, path: Path, **settings: Any) -> None:
    """By pyarrow, in row groups of 100 rows."""
    pq.write_table(frame.to_arrow(), path, row_group_size=100, **settings)


def ipc(frame: pl.DataFrame, path: Path) -> None:
    """By pyarrow, in record batches of 100 rows."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


def csv(frame: pl.DataFrame, schema: Schema, path: Path) -> None:
    """Texts in quotes, NULL as nothing at all."""
    lines = [",".join(map(_quoted, frame.columns))]
    columns = [_values(frame[f.name], f.type) for f in schema]
    for row in zip(*columns, strict=True):
        cells = ("" if v is None else _quoted(text_of(v)) if isinstance(v, str) else text_of(v)
                 for v in row)  # fmt: skip
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def ndjson(frame: pl.DataFrame, schema: Schema, path: Path) -> None:
    """By Python's json; what JSON has no word for as text."""
    columns = [_values(frame[f.name], f.type) for f in schema]
    rows = (map(_json, row) for row in zip(*columns, strict=True))
    text = "".join(
        json.dumps(dict(zip(frame.columns, row, strict=True)), ensure_ascii=False) + "\n"
        for row in rows
    )
    path.write_text(text, encoding="utf-8", newline="")


def _json(value: Any) -> Any:
    if isinstance(value, list):
        return [_json(v) for v in value]
    if isinstance(value, dict):
        return {k: _json(v) for k, v in value.items()}
    return value if isinstance(value, str | int | float | None) else text_of(value)


def sqlite(frame: pl.DataFrame, schema: Schema, path: Path, table: str) -> None:
    """By the standard library's sqlite3, in types that a person would declare."""
    columns = [_values(frame[f.name], f.type) for f in schema]
    names = ", ".join(f"{_name(f.name)} {_declared(f.type)}" for f in schema)
    marks = ", ".join("?" for _ in schema)
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE {_name(table)} ({names})")
        rows = (tuple(map(_stored, row)) for row in zip(*columns, strict=True))
        connection.executemany(f"INSERT INTO {_name(table)} VALUES ({marks})", rows)
    connection.close()


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _declared(kind: Any) -> str:
    if kind.kind == "decimal":
        name = "NUMERIC" if kind.precision <= 15 else "DECIMAL_TEXT"
        return f"{name}({kind.precision},{kind.scale})"
    if kind.kind == "timestamp":
        zoned = "TIMESTAMPTZ" if kind.zone else "DATETIME"
        return {"ms": "TIMESTAMP_MS", "us": zoned, "ns": "TIMESTAMP_NS"}[kind.unit]
    return {
        "bool": "BOOLEAN", "float32": "FLOAT32", "float64": "DOUBLE PRECISION", "date": "DATE",
        "time": "TIME", "duration": "DURATION_US", "string": "VARCHAR(50)", "binary": "BLOB",
        "json": "JSON_TEXT", "uuid": "UUID_TEXT", "uint64": "UNSIGNED_TEXT", "null": "VOID",
    }.get(kind.kind, "BIGINT")  # fmt: skip


def _stored(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, int) and value >= 2**63:
        return str(value)
    if isinstance(value, float) and value != value:
        return "NaN"  # SQLite makes NULL of the number
    return value if isinstance(value, str | bytes | int | float | None) else text_of(value)


def _values(column: pl.Series, kind: Any) -> list[Any]:
    """Python values; texts for times in ns, which Python's own do not hold."""
    if kind.unit == "ns":
        return [_nanoseconds(v) for v in column.to_physical()]
    return column.to_list()


class _Text(str):
    """A text that stands for a value of another type."""


def _nanoseconds(value: int | None) -> str | None:
    if value is None:
        return None
    seconds, rest = divmod(value, 10**9)
    return _Text(f"{datetime(1970, 1, 1) + timedelta(seconds=seconds)}.{rest:09}")


def text_of(value: Any) -> str:
    """A value in the notation that files of text use."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()  # ISO 8601 has no offsets with seconds
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value)


def iceberg(frame: pl.DataFrame, schema: Schema, folder: Path, table: str) -> None:
    """By pyiceberg, in a SQLite catalog; in files of 100 rows or so."""
    wider = {"int8": pl.Int32, "int16": pl.Int32, "uint8": pl.Int32, "uint16": pl.Int32,
             "uint32": pl.Int64, "uint64": pl.Decimal(20, 0)}  # fmt: skip
    casts: dict[str, Any] = {f.name: wider[f.type.kind] for f in schema if f.type.kind in wider}
    for field in schema:
        if field.type.kind == "timestamp":
            casts[field.name] = pl.Datetime("us", "UTC" if field.type.zone else None)
    rows = frame.cast(casts).to_arrow()
    kinds = [pa.field(f.name, pa.time64("us") if f.type == pa.time64("ns") else f.type)
             for f in rows.schema]  # fmt: skip
    rows = rows.cast(pa.schema(kinds))
    folder.mkdir(exist_ok=True)
    catalog = load_catalog("hygge", type="sql", uri=f"sqlite:///{folder / 'catalog.db'}",
                           warehouse=f"file://{folder}")  # fmt: skip
    try:
        catalog.create_namespace_if_not_exists("default")
        if catalog.table_exists(("default", table)):
            catalog.drop_table(("default", table))
        made = catalog.create_table(("default", table), schema=rows.schema)
        for start in range(0, max(1, rows.num_rows), 100):
            made.append(rows.slice(start, 100))
    finally:
        catalog.close()


def delta(frame: pl.DataFrame, schema: Schema, path: Path) -> None:
    """By deltalake, having been cast to types that Delta has; in files of 100 rows or so."""
    casts = {
        f.name: pl.Datetime("us", "UTC") if f.type.zone else pl.Datetime("us")
        for f in schema
        if f.type.kind == "timestamp"
    }
    wider = {"uint8": pl.Int16, "uint16": pl.Int32, "uint32": pl.Int64,
             "uint64": pl.Decimal(20, 0)}  # fmt: skip
    casts |= {f.name: wider[f.type.kind] for f in schema if f.type.kind in wider}
    rows = frame.cast(casts)
    write_deltalake(path, rows.head(100), mode="overwrite")
    for start in range(100, rows.height, 100):
        write_deltalake(path, rows.slice(start, 100), mode="append")
