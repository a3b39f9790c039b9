"""The suite over the file Homes, on files that hygge did not write."""

from __future__ import annotations

import polars as pl
from tests.contract import writers

from hygge import CSVHome, Home, IPCHome, NDJSONHome, ParquetHome, Schema
from hygge.testing.homes import HomeContract

NO_LIMIT = "the format's own types have no lengths"
NO_KIND = "the format carries it as text"
TYPED = {"fields[string(5)]": NO_LIMIT, "fields[json]": NO_KIND, "fields[uuid]": NO_KIND}


def types_of(schema: Schema) -> dict[str, str]:
    return {f.name: str(f.type) for f in schema}


class TestParquetHome(HomeContract):
    never = TYPED

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        writers.parquet(frame, self.folder / "data.parquet")
        return ParquetHome("t", path="data.parquet")

    def missing(self) -> Home:
        return ParquetHome("t", path="nowhere.parquet")


class TestParquetHomeOfAFolder(TestParquetHome):
    """Several files, one of them empty."""

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        folder = self.folder / "data"
        folder.mkdir()
        half = frame.height // 2
        for at, piece in enumerate((frame.head(half), frame.clear(), frame.slice(half))):
            writers.parquet(piece, folder / f"part-{at}.parquet")
        return ParquetHome("t", path="data")

    def missing(self) -> Home:
        return ParquetHome("t", path="nowhere")


class TestIPCHome(HomeContract):
    never = TYPED

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        writers.ipc(frame, self.folder / "data.arrow")
        return IPCHome("t", path="data.arrow")

    def missing(self) -> Home:
        return IPCHome("t", path="nowhere.arrow")


class TestCSVHome(HomeContract):
    """With its types declared."""

    never = dict.fromkeys(
        (
            "values[duration(us)]", "values[binary]", "values[list(int64)]",
            "values[list(string)]", "values[list(list(int64))]",
            "values[struct(a: int64, b: string)]", "values[list(struct(a: int64, b: date))]",
        ),
        "CSV has no form for it",
    )  # fmt: skip

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        writers.csv(frame, schema, self.folder / "data.csv")
        return CSVHome("t", path="data.csv", types=types_of(schema))

    def missing(self) -> Home:
        return CSVHome("t", path="nowhere.csv")


class TestNDJSONHome(HomeContract):
    """With its types declared."""

    never = dict.fromkeys(
        (
            "float32 / not finite", "float64 / not finite", "values[duration(us)]",
            "values[binary]",
        ),
        "JSON has no form for it",
    )  # fmt: skip

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        writers.ndjson(frame, schema, self.folder / "data.ndjson")
        return NDJSONHome("t", path="data.ndjson", types=types_of(schema))

    def missing(self) -> Home:
        return NDJSONHome("t", path="nowhere.ndjson")
