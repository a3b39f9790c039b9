"""The suite over MySQL's Home, against MariaDB, whose own client lays the rows down."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import polars as pl
import pytest
from tests.servers import Database, Server

from hygge import Home, Schema
from hygge.core.fields import LogicalType
from hygge.homes.mysql import MySQLHome
from hygge.testing.homes import HomeContract

PLAIN = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INT", "int64": "BIGINT",
    "float32": "FLOAT", "float64": "DOUBLE", "string": "LONGTEXT", "binary": "LONGBLOB",
    "json": "JSON", "uuid": "UUID", "date": "DATE", "time": "TIME(6)", "duration": "TIME(6)",
}  # fmt: skip
NESTED = dict.fromkeys(
    ("list(int64)", "list(string)", "list(list(int64))", "struct(a: int64, b: string)",
     "list(struct(a: int64, b: date))"),
    "MySQL has no lists and no structs, but for JSON",
)  # fmt: skip
ZONED = "MySQL's instants, TIMESTAMP, go from 1970-01-01 00:00:01 to 2038"
AT_ZERO = dict.fromkeys(
    (f"{check}[timestamp(us, UTC)]" for check in
     ("windows", "windows_leave_columns_out", "windows_without_bounds", "maximum_and_clock")),
    ZONED,
)  # fmt: skip


def ddl(kind: LogicalType) -> str:
    if kind.kind == "decimal":
        return f"DECIMAL({kind.precision},{kind.scale})"
    if kind.kind == "timestamp":
        return f"{'TIMESTAMP' if kind.zone else 'DATETIME'}({3 if kind.unit == 'ms' else 6}) NULL"
    if kind.kind == "string" and kind.length:
        return f"VARCHAR({kind.length})"
    if kind.kind.startswith("uint"):
        return PLAIN[kind.kind[1:]] + " UNSIGNED"
    return PLAIN[kind.kind]


def literal(value: Any, kind: LogicalType) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(int(value))
    if isinstance(value, float):
        narrow = struct.unpack("f", struct.pack("f", value))[0] if kind.kind == "float32" else value
        return f"'{narrow!r}'"
    if isinstance(value, timedelta):
        raise AssertionError("written as text by rows()")
    if isinstance(value, datetime | date | time):
        plain = value.replace(tzinfo=None) if isinstance(value, datetime) else value
        return f"'{plain}'"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return f"_utf8mb4 X'{value.encode().hex()}'" if value else "''"


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def clock(value: timedelta) -> str:
    """A TIME as MySQL writes it."""
    total = abs(value) // timedelta(microseconds=1)
    sign = "-" if value < timedelta() else ""
    hours, rest = divmod(total, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    return f"'{sign}{hours}:{minutes:02}:{rest / 1e6:09.6f}'"


class TestMySQLHome(HomeContract):
    never: ClassVar = {
        **NESTED, **AT_ZERO,
        "timestamp(us, UTC)": ZONED,
        "timestamp(us, Europe/Paris)": ZONED,
        "timestamp(ns)": "MySQL's times are in microseconds",
        "float32 / not finite": "MySQL's numbers are finite",
        "float64 / not finite": "MySQL's numbers are finite",
        "duration(us)": "MySQL's TIME ends at 838:59:59",
        "values[time]": "MySQL's TIME is a span, not a time of day",
        "null": "a column has a type",
    }  # fmt: skip
    lossy: ClassVar = {
        "values[float64 / signed zero]": "MariaDB makes 0 of -0.0 when it is written",
        "values[uuid]": "MariaDB's UUID is a number, written in lower case",
    }
    becomes: ClassVar = {
        "bool": "int8",
        "time": "duration(us)",
        "timestamp(ms)": "timestamp(us)",
        "string(5)": "string",
        "timestamp(us, Europe/Paris)": "timestamp(us, UTC)",
    }

    @pytest.fixture(autouse=True)
    def _database(self, mysql_server: Server) -> Iterator[None]:
        with mysql_server.database() as self.database:
            yield

    database: Database

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        columns = ", ".join(
            f"{quoted(f.name)} {ddl(f.type)}{' NOT NULL' if not f.nullable else ''}"
            f"{' PRIMARY KEY' if f.key else ''}"
            for f in schema
        )
        script = [f"DROP TABLE IF EXISTS `my table`; CREATE TABLE `my table` ({columns});",
                  "SET time_zone = '+00:00';"]  # fmt: skip
        rows = [
            ", ".join(
                clock(value) if isinstance(value, timedelta) else literal(value, field.type)
                for value, field in zip(row, schema, strict=True)
            )
            for row in frame.select(schema.names).iter_rows()
        ]
        for start in range(0, len(rows), 1000):
            values = ", ".join(f"({row})" for row in rows[start : start + 1000])
            script.append(f"INSERT INTO `my table` VALUES {values};")
        self.database.execute("\n".join(script))
        return MySQLHome("my table", url=self.database.url)

    def missing(self) -> Home:
        return MySQLHome("t", url="mysql://127.0.0.1:1/nowhere")

    def with_secret(self, secret: str) -> Home:
        return MySQLHome("t", url=f"mysql://someone:{secret}@127.0.0.1:1/nowhere")
