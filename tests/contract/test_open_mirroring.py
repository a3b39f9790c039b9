"""The suite over Fabric's landing zone, in a folder; read back by a stand-in for Fabric, which
replays the files by its documentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

import polars as pl
import pytest
from tests.contract import readers
from tests.fabric import replicator
from tests.fabric.folder import FolderConnection, Watched

from hygge import OpenMirroringStore, Schema, Store
from hygge.core.context import Surroundings
from hygge.lake.mirror.load import STEPS
from hygge.testing.corpus import KEY
from hygge.testing.stores import StoreContract

OTHER_TYPE = "Fabric stops where a column's type changes; refused before anything is written"


class TestOpenMirroringStore(StoreContract):
    steps = STEPS
    not_yet: ClassVar = {
        "rows_that_come_as_gone_do_not_empty_it_by_accident[merge]": "how many of the rows that "
        "come as gone are in Fabric's table, and how many that has, is not known"
    }
    never: ClassVar = {
        "timestamp(ns)": "the mirrored tables are Delta's, whose times are in microseconds",
        **{
            f"columns_that_become_wider[{case}-{mode}]": OTHER_TYPE
            for case in (
                "int32-int64-int64", "decimal(5,2)-decimal(10,4)-decimal(10,4)",
                "float32-float64-float64", "int64-decimal(10,2)-decimal(21,2)",
            )
            for mode in ("append", "merge")
        },
    }  # fmt: skip

    @pytest.fixture(autouse=True)
    def _no_grace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a process that was killed has begun is gone on with at once."""
        self._patch = monkeypatch
        monkeypatch.setattr("hygge.lake.mirror.publish.Publisher.grace", timedelta())

    def make(self, name: str) -> Store:
        return OpenMirroringStore(
            name,
            landing_zone="folder://zone/landing",
            connection="here",
            table=f"s.{name}",
        )

    def new(self, name: str = "t") -> Store:
        return self.bound(name, FolderConnection(root=self.folder / "places"))

    def bound(self, name: str, found: FolderConnection) -> Store:
        around = Surroundings(root=self.folder, connections={"here": found})
        return self.make(name).bind(around)

    def fragile(self, name: str) -> tuple[Store, Callable[[bool], None]]:
        def lose(happens: bool) -> None:
            """The answer to the creation of a state, once."""
            states = list[str]()

            def fails(number: int, key: str) -> str:
                if "/state-" not in key or states:
                    return ""
                states.append(key)
                return "after" if happens else "before"

            monkeypatch.setattr(Watched, "fails", fails)

        monkeypatch = self._patch
        return self.bound(name, Watched(root=self.folder / "places")), lose

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return as_they_were(self.lying(store), schema)

    def lying(self, store: Store) -> pl.DataFrame:
        zone = self.folder / "places" / "zone" / "landing"
        try:
            return replicator.in_folder(zone / "s.schema" / store.name)
        except replicator.NotSettled:
            return pl.DataFrame()

    def keys_seen(self, store: Store, schema: Schema) -> list[int]:
        zone = self.folder / "places" / "zone" / "landing"
        return list(replicator.in_folder(zone / "s.schema" / store.name)[KEY])


def as_they_were(rows: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Times of day, durations and nested values, of which the files have texts and numbers."""
    for field in schema:
        name = field.name
        if name not in rows.columns:
            continue
        if field.type.kind == "time":
            rows = rows.with_columns(pl.col(name).str.to_time("%H:%M:%S%.f"))
        if field.type.kind == "duration":
            rows = rows.with_columns(pl.col(name).cast(field.type.physical))
        if field.type.inner:
            values = [None if v is None else json.loads(v) for v in rows[name].to_list()]
            made = [None if v is None else readers.value_of(field.type, v) for v in values]
            rows = rows.with_columns(pl.Series(name, made, dtype=field.type.physical))
    return rows
