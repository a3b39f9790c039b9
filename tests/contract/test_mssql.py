"""The suite over SQL Server's Home, against the server that HYGGE_TEST_MSSQL_URL names.

Rows are laid down by mssql-python's own statements, in a database of the tests' own, `hygge_tests`.
A server that is Babelfish (`@@version` says so) has limits that SQL Server has not; they are
declared apart.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar

import polars as pl
import pytest
from tests.sql.mssql.support import DATABASE, by_odbc, is_babelfish, needs_server, url_of

from hygge import Home, MSSQLHome, Schema
from hygge.core.fields import LogicalType
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.types import DIALECT, text_literal
from hygge.testing.homes import HomeContract

pytestmark = needs_server
TYPES = {
    "bool": "bit", "uint8": "tinyint", "int8": "smallint", "int16": "smallint", "int32": "int",
    "int64": "bigint", "uint16": "int", "uint32": "bigint", "uint64": "decimal(20,0)",
    "float32": "real", "float64": "float", "string": "nvarchar(max)", "json": "nvarchar(max)",
    "binary": "varbinary(max)", "date": "date", "time": "time(6)", "uuid": "uniqueidentifier",
}  # fmt: skip


def ddl(kind: LogicalType) -> str:
    if kind.kind == "decimal":
        return f"decimal({kind.precision},{kind.scale})"
    if kind.kind == "timestamp":
        return f"{'datetimeoffset' if kind.zone else 'datetime2'}(6)"
    if kind.kind == "string" and kind.length:
        return f"nvarchar({kind.length * 2})"  # two units of UTF-16 for what is beyond 65,535
    return TYPES[kind.kind]


def literal(value: Any, kind: LogicalType) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        if kind.kind == "float32":
            value = struct.unpack("f", struct.pack("f", value))[0]
        return f"CAST('{value!r}' AS float)"
    if isinstance(value, datetime):
        at = value.astimezone(UTC) if value.tzinfo else value
        plain = at.replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"CAST('{plain}+00:00' AS {ddl(kind)})" if kind.zone else f"'{plain}'"
    if isinstance(value, date | time):
        return f"'{value.isoformat()}'"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return text_literal(value)


NESTED = dict.fromkeys(
    ("list(int64)", "list(string)", "list(list(int64))", "struct(a: int64, b: string)",
     "list(struct(a: int64, b: date))"),
    "SQL Server has no lists and no structs",
)  # fmt: skip


ON_SQL_SERVER = {
    "float32 / not finite": "SQL Server's numbers are finite",
    "float64 / not finite": "SQL Server's numbers are finite",
}
ON_BABELFISH = {
    "string / NUL": "PostgreSQL's text has no NUL",
    "awkward_names": "Babelfish takes no identifier with a closing bracket",
}


class TestMSSQLHome(HomeContract):
    table = "my table"
    never: ClassVar = {
        **NESTED,
        "timestamp(ns)": "datetime2 has no more than 100 ns",
        "duration(us)": "SQL Server has no spans of time",
        "null": "a column has a type",
    }
    lossy: ClassVar = {
        "values[uuid]": "a uniqueidentifier is a number, written in lower case",
    }
    becomes: ClassVar = {
        "int8": "int16", "uint16": "int32", "uint32": "int64", "uint64": "decimal(20,0)",
        "timestamp(ms)": "timestamp(us)", "timestamp(us, Europe/Paris)": "timestamp(us, UTC)",
        "json": "string", "string(5)": "string(10)",
    }  # fmt: skip

    @classmethod
    def quirks(cls) -> Iterator[tuple[str, str]]:
        """The server's own ones among them."""
        yield from super().quirks()
        for key, reason in (ON_BABELFISH if is_babelfish() else ON_SQL_SERVER).items():
            yield key, f"never: {reason}"

    @pytest.fixture(autouse=True)
    def _server(self) -> None:
        is_babelfish()

    def options(self) -> str:
        """The address's, of the driver that reads."""
        return ""

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        columns = ", ".join(
            f"{DIALECT.quote(f.name)} {ddl(f.type)}"
            f"{' PRIMARY KEY' if f.key else ' NULL' if f.nullable else ' NOT NULL'}"
            for f in schema
        )
        rows = [
            "(" + ", ".join(map(literal, row, [f.type for f in schema])) + ")"
            for row in frame.select(schema.names).iter_rows()
        ]
        table = self.table
        home = MSSQLHome(table, url=url_of(DATABASE, self.options()))
        with MSSQLConnection(url=url_of(DATABASE)).open_link() as link:
            link.execute(f"DROP TABLE IF EXISTS {DIALECT.quote(table)}")
            link.execute(f"CREATE TABLE {DIALECT.quote(table)} ({columns})")
            for start in range(0, len(rows), 500):
                values = ", ".join(rows[start : start + 500])
                link.execute(f"INSERT INTO {DIALECT.quote(table)} VALUES {values}")
        return home

    def missing(self) -> Home:
        return MSSQLHome("t", url="mssql://sa:nothing@127.0.0.1:1/nowhere")

    def with_secret(self, secret: str) -> Home:
        return MSSQLHome("t", url=f"mssql://someone:{secret}@127.0.0.1:1/nowhere")


class TestMSSQLHomeByODBC(TestMSSQLHome):
    """By Microsoft's ODBC driver; rows are laid down as above."""

    def options(self) -> str:
        return by_odbc()
