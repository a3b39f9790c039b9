"""The suites over connectors of one method."""

from __future__ import annotations

import polars as pl
from tests.contract.custom import ArrowFileHome, DeclaringHome

from hygge import Home, Schema
from hygge.testing.homes import HomeContract

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
