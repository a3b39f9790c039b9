"""The suite over DuckDB's Home, against files that duckdb itself wrote."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import duckdb
import polars as pl
from tests.contract.lost import lose_the_answer

from hygge import Home, Schema, SQLHome, Store
from hygge.core.fields import LogicalType
from hygge.homes.duckdb import DuckDBHome
from hygge.sql.duckdb.settler import DuckDBSettler
from hygge.sql.settle.load import STEPS
from hygge.stores.duckdb import DuckDBStore
from hygge.testing.homes import HomeContract
from hygge.testing.stores import StoreContract


def ddl(kind: LogicalType) -> str:
    plain = {
        "bool": "BOOLEAN", "float32": "FLOAT", "float64": "DOUBLE", "string": "VARCHAR",
        "binary": "BLOB", "json": "JSON", "uuid": "UUID", "date": "DATE", "time": "TIME",
        "null": '"NULL"', "duration": "BIGINT",
    }  # fmt: skip
    names = {"int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT"}
    if kind.kind == "list":
        return f"{ddl(kind.inner[0].type)}[]"
    if kind.kind == "struct":
        return "STRUCT(" + ", ".join(f'"{f.name}" {ddl(f.type)}' for f in kind.inner) + ")"
    if kind.kind == "decimal":
        return f"DECIMAL({kind.precision},{kind.scale})"
    if kind.kind == "timestamp":
        if kind.zone:
            return "TIMESTAMP WITH TIME ZONE"
        return {"us": "TIMESTAMP", "ms": "TIMESTAMP_MS", "ns": "TIMESTAMP_NS"}[kind.unit or "us"]
    if kind.is_integer:
        return ("U" if kind.kind[0] == "u" else "") + names[kind.kind.lstrip("u")]
    return plain[kind.kind]


class TestDuckDBHome(HomeContract):
    never: ClassVar = {
        "list(struct(a: int64, b: date))": "lists and structs with dates are read as JSON",
        "duration(us)": "DuckDB has intervals, not durations",
        "null": "a column has a type",
    }
    lossy: ClassVar = {"values[uuid]": "a uuid is a number, written in lower case"}
    becomes: ClassVar = {"timestamp(us, Europe/Paris)": "timestamp(us, UTC)", "string(5)": "string"}

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        path = self.folder / "shop.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as db:
            columns = ", ".join(
                f'"{f.name.replace(chr(34), chr(34) * 2)}" {ddl(f.type)}'
                f"{' PRIMARY KEY' if f.key else '' if f.nullable else ' NOT NULL'}"
                for f in schema
            )
            db.execute(f'CREATE TABLE "my table" ({columns})')
            rows = frame.to_arrow()  # noqa: F841 - duckdb finds it by its name
            db.execute('INSERT INTO "my table" SELECT * FROM rows')
        return DuckDBHome("my table", path=str(path))

    def missing(self) -> Home:
        return DuckDBHome("t", path="nowhere.duckdb")


class TestSQLHomeByURL(TestDuckDBHome):
    """`SQLHome` takes DuckDB's own road."""

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        super().make(frame, schema)
        return SQLHome("my table", url=f"duckdb:///{self.folder / 'shop.duckdb'}")

    def missing(self) -> Home:
        return SQLHome("t", url="duckdb:///nowhere.duckdb")


class TestDuckDBStore(StoreContract):
    steps = STEPS
    lossy: ClassVar = {
        "values[uuid]": "a uuid is a number, written in lower case",
        "merge_tells_keys_apart[uuid]": "a uuid is a number, written in lower case",
    }  # fmt: skip
    never: ClassVar = {
        "merge_tells_keys_apart[duration(us)]": "DuckDB makes no key of an interval",
        "a_chunk_in_a_process_of_its_own": "DuckDB's file is open in one process only",
    }  # fmt: skip

    def make(self, name: str) -> Store:
        return DuckDBStore(name, path=str(self.folder / "warehouse.duckdb"))

    def fragile(self, name: str) -> tuple[Store, Callable[[bool], None]]:
        return self.make(name), partial(lose_the_answer, DuckDBSettler)

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        path = self.folder / "warehouse.duckdb"
        if not path.exists():
            return pl.DataFrame()
        with duckdb.connect(str(path)) as db:
            db.execute("SET TimeZone = 'UTC'")
            try:
                found = db.sql(f'SELECT * FROM "{store.name}"')
            except duckdb.CatalogException:
                return pl.DataFrame()
            lasting = [f.name for f in schema if f.type.kind == "duration"]
            plain = found.project(
                ", ".join(
                    f"epoch_us({n}) AS {n}" if n in lasting else '"' + n.replace('"', '""') + '"'
                    for n in found.columns
                )
            )
            got = pl.DataFrame(plain.to_arrow_table())
            return got.with_columns(pl.col(lasting).cast(pl.Duration("us")))
