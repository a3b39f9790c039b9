"""The suite over PostgreSQL's Home, against rows that psql's COPY laid down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import polars as pl
import pytest
from tests.servers import Database, Server

from hygge import Home, PostgresHome, Schema
from hygge.core.fields import LogicalType
from hygge.sql.link import Link
from hygge.sql.postgres.adbc import ADBCPostgresLink
from hygge.sql.postgres.connection import PostgresConnection
from hygge.testing.homes import HomeContract

TYPES = {
    "bool": "boolean", "float32": "real", "float64": "double precision", "date": "date",
    "time": "time", "binary": "bytea", "json": "json", "uuid": "uuid", "string": "text",
    "int8": "smallint", "int16": "smallint", "int32": "integer", "int64": "bigint",
    "uint8": "smallint", "uint16": "integer", "uint32": "bigint", "uint64": "numeric(20,0)",
    "null": "text", "duration": "bigint",
}  # fmt: skip


def ddl(kind: LogicalType) -> str:
    if kind.kind == "decimal":
        return f"numeric({kind.precision},{kind.scale})"
    if kind.kind == "timestamp":
        return "timestamptz" if kind.zone else "timestamp"
    if kind.kind == "string" and kind.length:
        return f"varchar({kind.length})"
    if kind.kind == "list":
        return f"{ddl(kind.inner[0].type)}[]"
    return TYPES[kind.kind]


def copied(value: Any) -> str:
    """A value in COPY's text format, which is that of psql's `\\copy`."""
    if value is None:
        return "\\N"
    text = written(value)
    for plain, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return text


def written(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, list):
        return "{" + ",".join(_element(v) for v in value) + "}"
    return str(value)


def _element(value: Any) -> str:
    return "NULL" if value is None else json.dumps(written(value), ensure_ascii=False)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(scope="module")
def shop(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        yield database


def by_libpq(connection: PostgresConnection) -> Link:
    return ADBCPostgresLink.open(connection.conninfo(), connection.settings(), connection.place())


class TestPostgresHome(HomeContract):
    never: ClassVar = {
        "string / NUL": "text has no NUL",
        "timestamp(ns)": "times are of microseconds",
        "duration(us)": "PostgreSQL has intervals, not durations",
        "list(list(int64))": "an array of arrays is one with two dimensions, all of one length",
        "struct(a: int64, b: string)": "composite values are read as JSON",
        "list(struct(a: int64, b: date))": "composite values are read as JSON",
        "null": "a column has a type",
    }
    lossy: ClassVar = {"values[uuid]": "a uuid is a number, written in lower case"}
    becomes: ClassVar = {
        "int8": "int16", "uint8": "int16", "uint16": "int32", "uint32": "int64",
        "uint64": "decimal(20,0)", "timestamp(ms)": "timestamp(us)",
        "timestamp(us, Europe/Paris)": "timestamp(us, UTC)",
    }  # fmt: skip
    database: Database

    @pytest.fixture(autouse=True)
    def _in_shop(self, shop: Database) -> None:
        self.database = shop

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        columns = ", ".join(
            f"{quoted(f.name)} {ddl(f.type)}"
            f"{' PRIMARY KEY' if f.key else '' if f.nullable else ' NOT NULL'}"
            for f in schema
        )
        lines = ["\t".join(map(copied, row)) for row in frame.iter_rows()]
        self.database.execute(
            f'DROP TABLE IF EXISTS "my table"; CREATE TABLE "my table" ({columns});\n'
            'COPY "my table" FROM STDIN;\n' + "".join(f"{line}\n" for line in lines) + "\\.\n"
        )
        return PostgresHome("my table", url=self.database.url)

    def missing(self) -> Home:
        return PostgresHome("t", url="postgresql://hygge@127.0.0.1:1/shop")

    def with_secret(self, secret: str) -> Home:
        return PostgresHome("t", url=f"postgresql://user:{secret}@127.0.0.1:1/shop")


class TestPostgresHomeByLibpq(TestPostgresHome):
    @pytest.fixture(autouse=True)
    def _by_libpq(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PostgresConnection, "connect", by_libpq)
