"""The suites over object stores, each through its emulator; read back through the manifest by other
clients than hygge has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import polars as pl
import pytest
from tests.contract import readers, writers
from tests.contract.by_sdk import download
from tests.contract.test_file_homes import TYPED
from tests.contract.test_file_stores import NO_DURATION
from tests.servers.objects import Emulator

from hygge import Home, ParquetHome, ParquetStore, Schema, Store
from hygge.core import registry
from hygge.core.context import Surroundings
from hygge.core.settings import build
from hygge.files.remote.stage import STEPS
from hygge.storage.address import Address
from hygge.storage.connection import StorageConnection, tree_of
from hygge.storage.tree import Tree
from hygge.testing._store_base import LoadingContract
from hygge.testing._store_commits import CommitsContract
from hygge.testing.homes import HomeContract
from hygge.testing.stores import StoreContract


def around(emulator: Emulator, root: Path) -> Surroundings:
    kind = registry.lookup("connection", emulator.kind)
    return Surroundings(root, {"lake": build(kind, "the test", emulator.settings(), {})})


def tree(emulator: Emulator) -> Tree:
    kind = registry.lookup("connection", emulator.kind)
    lake: StorageConnection = build(kind, "the test", emulator.settings(), {})
    return tree_of(lake, lake.address("").at(""))


def key_of(emulator: Emulator, path: str) -> str:
    """The key of a path below the emulator's URL."""
    return str(Address.parse(emulator.url).join(path).key)


class OnObjectStores(LoadingContract):
    steps: ClassVar = STEPS
    kind: ClassVar[type[Store]]
    on: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _emulated(self, emulators: Callable[[str], Emulator]) -> None:
        self.emulator, self.prefix = emulators(self.on), uuid4().hex[:12]

    def make(self, name: str) -> Store:
        return self.kind(name, path=f"{self.prefix}/{name}", connection="lake")

    def new(self, name: str = "t") -> Store:
        return self.make(name).bind(around(self.emulator, self.folder))

    def lying(self, store: Store) -> Path:
        return download(self.emulator, f"{self.prefix}/{store.name}", self.folder)


class ParquetThere(OnObjectStores):
    kind = ParquetStore

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.parquet(self.lying(store))


class TestParquetOnS3(ParquetThere, StoreContract):
    """All of the suite; on the others what differs there, which is how commits go."""

    on = "s3"
    lossy: ClassVar = {
        "values[duration(us)]": NO_DURATION,
        "merge_tells_keys_apart[duration(us)]": NO_DURATION,
    }


class Elsewhere(ParquetThere, CommitsContract):
    test_values = None  # types are the format's, wherever it lies
    test_state_keeps_fields = None


class TestParquetOnAzure(Elsewhere):
    on = "azure"


class TestParquetOnGoogle(Elsewhere):
    on = "gcs"


class TestParquetOnSFTP(Elsewhere):
    on = "sftp"


class TestParquetFromS3(HomeContract):
    on = "s3"
    never = TYPED

    @pytest.fixture(autouse=True)
    def _emulated(self, emulators: Callable[[str], Emulator]) -> None:
        self.emulator, self.prefix = emulators(self.on), uuid4().hex[:12]

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        place, half = f"{self.prefix}/{uuid4().hex[:8]}", frame.height // 2
        pieces = (frame.head(half), frame.clear(), frame.slice(half))
        for at, piece in enumerate(pieces):
            here = self.folder / "piece.parquet"
            writers.parquet(piece, here)
            tree(self.emulator).upload(here, f"{place}/part-{at}.parquet")
        return ParquetHome("t", path=place, connection="lake")

    def bound(self, home: Home) -> Home:
        return home.bind(around(self.emulator, self.folder))

    def missing(self) -> Home:
        return ParquetHome("t", path=f"{self.prefix}/nowhere", connection="lake")
