"""The suites over connectors of one method."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from tests.contract import readers
from tests.contract.custom import ArrowFileHome, ArrowFileStore, DeclaringHome

from hygge import Home, Schema, Store
from hygge.testing.homes import HomeContract
from hygge.testing.stores import WriteOnlyContract

NO_LIMIT = "Polars' own types have no lengths"
NO_KIND = "Polars carries it as text"
INFERRED = {"fields[string(5)]": NO_LIMIT, "fields[json]": NO_KIND, "fields[uuid]": NO_KIND}


class TestArrowFileHome(HomeContract):
    never = INFERRED

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        frame.write_ipc(self.folder / "data.arrow")
        return ArrowFileHome(url=str(self.folder / "data.arrow"))


class TestDeclaringHome(HomeContract):
    never = INFERRED

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        frame.write_ipc(self.folder / "data.arrow")
        return DeclaringHome(url=str(self.folder / "data.arrow"))


class TestArrowFileStore(WriteOnlyContract):
    def make(self, name: str) -> Store:
        return ArrowFileStore(folder=str(self.folder / name))

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.ipc(Path(store.config.folder))
