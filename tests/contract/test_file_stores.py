"""The suite over the file Stores, read back by programs that know nothing of hygge."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl
from tests.contract import readers

from hygge import CSVStore, IPCStore, NDJSONStore, ParquetStore, Schema, Store
from hygge.files.stage import STEPS
from hygge.testing.stores import StoreContract

NO_CSV = "CSV has no form for it"
NO_JSON = "JSON has no form for it"
NO_DURATION = "Parquet has no durations: other readers see whole numbers"


class OfFiles(StoreContract):
    steps = STEPS

    def file(self, store: Store, name: str) -> Path | None:
        return self.folder / store.name / name


class ByDuckDB(OfFiles):
    """Read by DuckDB, which passes over names that are gone when it looks at them: one who listed a
    folder just before it was replaced is left with the state's file, or with none."""

    def keys_seen(self, store: Store, schema: Schema) -> list[int]:
        keys = super().keys_seen(store, schema)
        if not keys:
            raise FileNotFoundError("caught between two generations")
        return keys


class TestParquetStore(ByDuckDB):
    lossy: ClassVar = {
        "values[duration(us)]": NO_DURATION,
        "merge_tells_keys_apart[duration(us)]": NO_DURATION,
    }

    def make(self, name: str) -> Store:
        return ParquetStore(name, path=self.folder / name)

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.parquet(self.folder / store.name)


class TestIPCStore(OfFiles):
    def make(self, name: str) -> Store:
        return IPCStore(name, path=self.folder / name)

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.ipc(self.folder / store.name)


class TestCSVStore(ByDuckDB):
    never = dict.fromkeys(
        (
            "duration(us)", "binary", "null", "list(int64)", "list(string)", "list(list(int64))",
            "struct(a: int64, b: string)", "list(struct(a: int64, b: date))",
        ),
        NO_CSV,
    )  # fmt: skip

    def make(self, name: str) -> Store:
        return CSVStore(name, path=self.folder / name)

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.csv_files(self.folder / store.name, schema)


class TestNDJSONStore(OfFiles):
    never = dict.fromkeys(
        ("duration(us)", "binary", "float32 / not finite", "float64 / not finite"), NO_JSON
    )

    def make(self, name: str) -> Store:
        return NDJSONStore(name, path=self.folder / name)

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.ndjson(self.folder / store.name, schema)
