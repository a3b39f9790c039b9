"""The suite over Delta tables, read back by duckdb through the log itself."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl
from tests.contract import readers, writers

from hygge import DeltaHome, DeltaStore, Home, Schema, Store
from hygge.lake.delta.load import STEPS
from hygge.testing.homes import HomeContract
from hygge.testing.stores import StoreContract


class TestDeltaHome(HomeContract):
    becomes: ClassVar = {
        "uint8": "int16", "uint16": "int32", "uint32": "int64", "uint64": "decimal(20,0)",
        "timestamp(ms)": "timestamp(us)", "timestamp(us, Europe/Paris)": "timestamp(us, UTC)",
        "string(5)": "string", "json": "string", "uuid": "string",
    }  # fmt: skip
    never: ClassVar = {
        "timestamp(ns)": "Delta's times are in microseconds",
        "time": "Delta has no times of day",
        "duration(us)": "Delta has no durations",
        "null": "Delta has no column without a type",
    }

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        writers.delta(frame, schema, self.folder / "data")
        return DeltaHome("t", path="data")

    def missing(self) -> Home:
        return DeltaHome("t", path="nowhere")


class TestDeltaStore(StoreContract):
    steps = STEPS
    never: ClassVar = {"timestamp(ns)": "Delta's times are in microseconds"}

    def make(self, name: str) -> Store:
        return DeltaStore(name, path=self.folder / name)

    def file(self, store: Store, name: str) -> Path | None:
        return self.folder / store.name / name

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.delta(self.folder / store.name, schema)
