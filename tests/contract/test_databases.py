"""The suites over SQLite and SQL, against the standard library's sqlite3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, ClassVar

import adbc_driver_sqlite.dbapi as adbc
import polars as pl
import pytest
import sqlalchemy
from tests.contract import readers, writers
from tests.contract.lost import lose_the_answer

from hygge import Home, Schema, SQLHome, SQLiteHome, SQLiteStore, Store
from hygge.sql.sqlite.load import STEPS
from hygge.sql.sqlite.settler import SQLiteSettler
from hygge.testing.corpus import KEY
from hygge.testing.homes import HomeContract
from hygge.testing.stores import StoreContract

NO_NAN = "SQLite makes NULL of NaN"
NO_LISTS = "SQLite has no lists and no structs"
INTEGERS = dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), "int64")


class OfSQLite(HomeContract):
    becomes: ClassVar = {
        **INTEGERS, "string(5)": "string",
        "timestamp(us, Europe/Paris)": "timestamp(us, UTC)",
    }  # fmt: skip
    never: ClassVar = {
        "list(int64)": NO_LISTS, "list(string)": NO_LISTS, "list(list(int64))": NO_LISTS,
        "struct(a: int64, b: string)": NO_LISTS, "list(struct(a: int64, b: date))": NO_LISTS,
    }  # fmt: skip
    lossy: ClassVar = {
        "values[float64 / signed zero]": "SQLite stores -0.0 as the integer 0",
        "values[float32 / not finite]": NO_NAN,
        "values[float64 / not finite]": NO_NAN,
    }

    def lay(self, frame: pl.DataFrame, schema: Schema) -> str:
        path = self.folder / "shop.db"
        writers.sqlite(frame, schema, path, "my table")
        return str(path)


class TestSQLiteHome(OfSQLite):
    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        return SQLiteHome("my table", path=self.lay(frame, schema))

    def missing(self) -> Home:
        return SQLiteHome("t", path="nowhere.db")


class TestSQLHomeByURL(OfSQLite):
    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        return SQLHome("my table", connection=f"sqlite:///{self.lay(frame, schema)}")

    def missing(self) -> Home:
        return SQLHome("t", connection="sqlite:///nowhere.db")

    def with_secret(self, secret: str) -> Home:
        return SQLHome("t", connection=f"postgresql://user:{secret}@127.0.0.1:1/shop")


class OfLiveObjects(OfSQLite):
    stack: ExitStack

    @pytest.fixture(autouse=True)
    def _closing(self) -> Iterator[None]:
        with ExitStack() as self.stack:
            yield

    def connect(self, path: str) -> Any:
        raise AssertionError

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        return SQLHome("my table", connection=self.connect(self.lay(frame, schema)))


class TestSQLHomeByEngine(OfLiveObjects):
    def connect(self, path: str) -> Any:
        engine = sqlalchemy.create_engine(f"sqlite:///{path}")
        self.stack.callback(engine.dispose)
        return engine


class TestSQLHomeByADBC(OfLiveObjects):
    def connect(self, path: str) -> Any:
        return self.stack.enter_context(closing(adbc.connect(path)))


class TestSQLiteStore(StoreContract):
    steps = STEPS
    never: ClassVar = {
        "values[float32 / not finite]": NO_NAN, "values[float64 / not finite]": NO_NAN,
        "state_keeps_fields[float32 / not finite]": NO_NAN,
        "state_keeps_fields[float64 / not finite]": NO_NAN,
    }  # fmt: skip

    def make(self, name: str) -> Store:
        return SQLiteStore(name, path=str(self.folder / "warehouse.db"))

    def fragile(self, name: str) -> tuple[Store, Callable[[bool], None]]:
        return self.make(name), partial(lose_the_answer, SQLiteSettler)

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.sqlite(self.folder / "warehouse.db", store.name, schema)

    def keys_seen(self, store: Store, schema: Schema) -> list[int]:
        # In another process: POSIX drops a file's locks when the process closes any descriptor of
        # it, so a second SQLite library in this one takes away the locks of the first
        # (https://sqlite.org/howtocorrupt.html, section 2.2.1).
        return readers.sqlite_elsewhere(self.folder / "warehouse.db", store.name, KEY)
