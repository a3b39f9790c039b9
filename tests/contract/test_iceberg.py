"""The suite over Iceberg tables, read back by duckdb through the metadata itself."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl
from tests.contract import readers, writers

from hygge import Home, IcebergHome, IcebergStore, Schema, Store
from hygge.lake.iceberg.load import STEPS
from hygge.testing.homes import HomeContract
from hygge.testing.stores import StoreContract


class TestIcebergHome(HomeContract):
    becomes: ClassVar = {
        "int8": "int32", "int16": "int32", "uint8": "int32", "uint16": "int32", "uint32": "int64",
        "uint64": "decimal(20,0)", "timestamp(ms)": "timestamp(us)",
        "timestamp(us, Europe/Paris)": "timestamp(us, UTC)", "string(5)": "string",
        "json": "string", "uuid": "string",
    }  # fmt: skip
    never: ClassVar = {
        "timestamp(ns)": "tables of format 2 have microseconds",
        "duration(us)": "Iceberg has no durations",
        "null": "Iceberg has no column without a type",
    }

    lossy: ClassVar = {
        "values[list(struct(a: int64, b: date))]": "pyiceberg: it lays the rows down, and writes a "
        "NULL list of structs as an empty one",
    }

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        writers.iceberg(frame, schema, self.folder / "lake", "t")
        return IcebergHome("t", path="lake")

    def missing(self) -> Home:
        return IcebergHome("nowhere", path="lake")


class TestIcebergStore(StoreContract):
    steps = STEPS
    never: ClassVar = {"timestamp(ns)": "tables of format 2 have microseconds"}

    def make(self, name: str) -> Store:
        return IcebergStore(name, path=self.folder / "lake")

    def file(self, store: Store, name: str) -> Path | None:
        return self.folder / "lake" / "default" / store.name / name

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.iceberg(self.folder / "lake", store.name, schema)
