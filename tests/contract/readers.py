"""Readers that share no code with hygge: duckdb, pyarrow, json and sqlite3."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from tests.contract import avro

from hygge import Schema

_of_thread = threading.local()


def _by_duckdb(query: str) -> pl.DataFrame:
    """A query's rows, over a connection of the thread's, which knows no tables."""
    if not hasattr(_of_thread, "connection"):
        _of_thread.connection = duckdb.connect(config={"threads": 1})
        _of_thread.connection.execute("SET TimeZone = 'UTC'")
        _of_thread.connection.execute("SET enable_external_file_cache = false")  # files change
    return pl.DataFrame(_of_thread.connection.sql(query).to_arrow_table())


def parquet(folder: Path) -> pl.DataFrame:
    """A plain glob over a folder, by duckdb."""
    if not list(folder.glob("*.parquet")):
        return pl.DataFrame()
    return _by_duckdb(f"SELECT * FROM read_parquet('{folder}/*.parquet')")


def delta(folder: Path, schema: Schema | None = None) -> pl.DataFrame:
    """A Delta table's newest version: its log by Python's json, its files by duckdb."""
    files: dict[str, dict[str, Any]] = {}
    columns: list[str] = []
    for entry in sorted((folder / "_delta_log").glob("*.json")):
        for action in map(json.loads, entry.read_text("utf-8").splitlines()):
            if "metaData" in action:
                described = json.loads(action["metaData"]["schemaString"])["fields"]
                columns = [field["name"] for field in described]
            if "remove" in action:
                files.pop(action["remove"]["path"], None)
            if "add" in action:
                files[action["add"]["path"]] = action["add"]["partitionValues"]
    frames = [
        _one_file(folder / unquote(path)).with_columns(
            pl.lit(value, dtype=pl.String).alias(name) for name, value in values.items()
        )
        for path, values in files.items()
    ]
    return _as_they_were(frames, columns, schema)


def iceberg(folder: Path, table: str, schema: Schema | None = None) -> pl.DataFrame:
    """An Iceberg table of a SQLite catalog: its metadata by Python's json and by Avro's letter, its
    files by duckdb, columns known by their fields' ids."""
    catalog = folder / "catalog.db"
    if not catalog.exists():
        return pl.DataFrame()
    with closing(sqlite3.connect(catalog)) as db:
        query = "SELECT metadata_location FROM iceberg_tables WHERE table_name = ?"
        row = db.execute(query, (table,)).fetchone()
    if row is None:
        return pl.DataFrame()
    metadata = json.loads(_path(row[0]).read_text("utf-8"))
    at = metadata["current-schema-id"]
    fields = next(s for s in metadata["schemas"] if s["schema-id"] == at)["fields"]
    columns = {field["name"]: field["id"] for field in fields}
    snapshots = {s["snapshot-id"]: s for s in metadata.get("snapshots", ())}
    current = snapshots.get(metadata.get("current-snapshot-id"))
    manifests = avro.records(_path(current["manifest-list"])) if current else []
    frames = [
        _by_ids(_path(entry["data_file"]["file_path"]), columns)
        for manifest in manifests
        for entry in avro.records(_path(manifest["manifest_path"]))
        if entry["status"] != 2  # deleted
    ]
    return _as_they_were(frames, list(columns), schema)


def _path(url: str) -> Path:
    return Path(url.removeprefix("file://"))


def _by_ids(path: Path, columns: Mapping[str, int]) -> pl.DataFrame:
    """A file's columns by the ids in its own schema; those it lacks are left out."""
    arrow = pq.read_schema(path)
    ids = {int(f.metadata[b"PARQUET:field_id"]): f.name for f in arrow}
    rows = _one_file(path)
    return rows.select(pl.col(ids[n]).alias(name) for name, n in columns.items() if n in ids)


def _one_file(path: Path) -> pl.DataFrame:
    return _by_duckdb(f"SELECT * FROM read_parquet('{path}', hive_partitioning=false)")


def _as_they_were(
    frames: list[pl.DataFrame], columns: list[str], schema: Schema | None
) -> pl.DataFrame:
    """Files of one table put together; times of day and durations, of which lakes keep texts and
    numbers, as the schema has them."""
    if not frames:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.Null))
    rows = pl.concat(frames, how="diagonal_relaxed")
    lacking = [pl.lit(None).alias(name) for name in columns if name not in rows.columns]
    rows = rows.with_columns(lacking).select(columns)
    for field in schema or ():
        if field.type.kind == "time" and rows.schema.get(field.name) in (pl.String, pl.Null):
            rows = rows.with_columns(pl.col(field.name).cast(pl.String).str.to_time("%H:%M:%S%.f"))
        if field.name in rows.columns and field.type.kind == "duration":
            rows = rows.with_columns(pl.col(field.name).cast(field.type.physical))
    return rows


def ipc(folder: Path, pattern: str = "*.arrow") -> pl.DataFrame:
    """A plain glob over a folder, by pyarrow."""
    tables = [pa.ipc.open_file(path).read_all() for path in sorted(folder.glob(pattern))]
    return pl.DataFrame(pa.concat_tables(tables)) if tables else pl.DataFrame()


def csv_files(folder: Path, schema: Schema) -> pl.DataFrame:
    """By duckdb, as text: an empty field that is not quoted is NULL."""
    if not list(folder.glob("*.csv")):
        return pl.DataFrame()
    found = _by_duckdb(
        f"SELECT * FROM read_csv('{folder}/*.csv', all_varchar=true, header=true, delim=',', "
        "quote='\"', escape='\"', nullstr='', allow_quoted_nulls=false, parallel=false, "
        "auto_detect=false, union_by_name=true, max_line_size=1000000)"
    )
    return _frame(found.to_dicts(), schema)


def ndjson(folder: Path, schema: Schema) -> pl.DataFrame:
    """By Python's json."""
    rows = []
    for path in sorted(folder.glob("*.ndjson")):
        with path.open(encoding="utf-8", newline="\n") as file:
            rows += [json.loads(line, parse_float=Decimal) for line in file]
    return _frame(rows, schema)


def sqlite_elsewhere(path: Path, table: str, column: str) -> list[int]:
    """One column of whole numbers by sqlite3, in a process of its own."""
    query = f'SELECT "{column}" FROM "{table}"'
    script = (
        "import json, sqlite3, sys\n"
        "with sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True) as base:\n"
        "    print(json.dumps([value for (value,) in base.execute(sys.argv[2])]))\n"
    )
    command = [sys.executable, "-c", script, str(path), query]
    found: list[int] = json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL))
    return found


def sqlite(path: Path, table: str, schema: Schema) -> pl.DataFrame:
    """By the standard library's sqlite3."""
    if not path.exists():
        return pl.DataFrame()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        name = table.replace('"', '""')
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchall():
            return pl.DataFrame()
        rows = [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]
    connection.close()
    for field in schema:  # SQLite has no lists: they lie there as JSON
        if field.type.inner:
            for row in rows:
                row[field.name] = row[field.name] and json.loads(row[field.name])
    return _frame(rows, schema)


def _frame(rows: Iterable[dict[str, Any]], schema: Schema) -> pl.DataFrame:
    rows = list(rows)
    names = list(rows[0]) if rows else schema.names
    columns = []
    for name in names:
        values = [row.get(name) for row in rows]
        field = schema.get(name)
        if field is None:
            columns.append(pl.Series(name, values, strict=False))
            continue
        made = [None if v is None else value_of(field.type, v) for v in values]
        if field.type.unit == "ns":
            columns.append(pl.Series(name, made, dtype=pl.Int64).cast(field.type.physical))
        else:
            columns.append(pl.Series(name, made, dtype=field.type.physical, strict=True))
    return pl.DataFrame(columns)


def value_of(kind: Any, value: Any) -> Any:
    """What a text or number stands for in a type, by Python's own parsers."""
    name = kind.kind
    if name == "bool":
        return value if isinstance(value, bool) else value in ("true", 1)
    if "int" in name:
        return int(value)
    if name.startswith("float"):
        return float(value)
    if name == "decimal":
        return Decimal(repr(value) if isinstance(value, float) else value)
    if name == "date":
        return date.fromisoformat(value)
    if name == "time":
        return time.fromisoformat(value)
    if name == "timestamp" and kind.unit == "ns":
        whole, _, rest = value.partition(".")
        moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
        seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (moment.resolution * 1_000_000)
        return seconds * 10**9 + int(rest.ljust(9, "0") or 0)
    if name == "timestamp":
        return datetime.fromisoformat(value)
    if name == "list":
        return [None if v is None else value_of(kind.inner[0].type, v) for v in value]
    if name == "struct":
        return {f.name: None if value[f.name] is None else value_of(f.type, value[f.name])
                for f in kind.inner}  # fmt: skip
    return value
