"""The suite over a SQL Home through SQLAlchemy: PostgreSQL by psycopg, MariaDB by PyMySQL."""

from __future__ import annotations

from typing import ClassVar

import polars as pl
from tests.contract import test_mysql, test_postgres

from hygge import Home, Schema, SQLHome

shop = test_postgres.shop
LISTS = dict.fromkeys(
    ("list(int64)", "list(string)"), "arrays are read as PostgreSQL's own text of them"
)


class TestSQLHomeByPsycopg(test_postgres.TestPostgresHome):
    never: ClassVar = {**test_postgres.TestPostgresHome.never, **LISTS}
    becomes: ClassVar = {
        **test_postgres.TestPostgresHome.becomes,
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), "int64"),
        "string(5)": "string",
    }  # fmt: skip

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        super().make(frame, schema)
        return SQLHome("my table", url=by_psycopg(self.database.url))

    def missing(self) -> Home:
        return SQLHome("t", url="postgresql+psycopg://hygge@127.0.0.1:1/shop")

    def with_secret(self, secret: str) -> Home:
        return SQLHome("t", url=f"postgresql+psycopg://user:{secret}@127.0.0.1:1/shop")


def by_psycopg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


class TestSQLHomeByPyMySQL(test_mysql.TestMySQLHome):
    not_yet: ClassVar = {"awkward_names": "SQLAlchemy reflects a name with a backtick wrongly"}
    becomes: ClassVar = {
        **test_mysql.TestMySQLHome.becomes, "bool": "int64", "json": "string",
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), "int64"),
    }  # fmt: skip

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        super().make(frame, schema)
        return SQLHome("my table", url=by_pymysql(self.database.url))

    def missing(self) -> Home:
        return SQLHome("t", url="mysql+pymysql://127.0.0.1:1/nowhere")

    def with_secret(self, secret: str) -> Home:
        return SQLHome("t", url=f"mysql+pymysql://someone:{secret}@127.0.0.1:1/nowhere")


def by_pymysql(url: str) -> str:
    return f"mysql+pymysql://{url.partition('://')[2]}"
