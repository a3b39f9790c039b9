"""The suite over MySQL's Store, on MariaDB, against what its own client prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import polars as pl
import pytest
from tests.contract.readers import value_of
from tests.contract.served import ServedContract
from tests.servers import Database, Server

from hygge import MySQLStore, Schema, Store
from hygge.core.fields import LogicalType
from hygge.sql.mysql.connection import MySQLConnection

FINITE = "MySQL's numbers are finite"
MICROSECONDS = "MySQL's times are in microseconds"
SHORT = "MySQL's TIME ends at 838:59:59"
BY_CHECK = ("values", "state_keeps_fields", "merge_tells_keys_apart")


@pytest.fixture(scope="module")
def warehouse(mysql_server: Server) -> Iterator[Database]:
    with mysql_server.database() as database:
        yield database


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def parsed(kind: LogicalType, text: str) -> Any:
    if kind.kind == "bool":
        return text == "1"
    if kind.kind == "binary":
        return bytes.fromhex(text)
    text = bytes.fromhex(text).decode()
    if kind.kind == "duration":
        sign = -1 if text.startswith("-") else 1
        hours, minutes, seconds = text.lstrip("-").split(":")
        whole, _, rest = seconds.partition(".")
        return sign * timedelta(hours=int(hours), minutes=int(minutes), seconds=int(whole),
                                microseconds=int(rest or 0))  # fmt: skip
    if kind.kind in ("list", "struct"):
        return value_of(kind, json.loads(text))
    if kind.kind == "timestamp" and kind.zone:
        text += "+00:00"
    return value_of(kind, text)


def shown(name: str, kind: LogicalType) -> str:
    """A column as the client is to print it: in hexadecimal, whatever is in it."""
    if kind.kind == "bool":
        return quoted(name)
    if kind.kind == "float32":  # a FLOAT is printed with six digits
        return f"HEX(CONVERT({quoted(name)} + 0e0, CHAR))"
    plain = quoted(name) if kind.kind == "binary" else f"CONVERT({quoted(name)}, CHAR)"
    return f"HEX({plain})"


class TestMySQLStore(ServedContract):
    store, connection, scheme = MySQLStore, MySQLConnection, "mysql"
    words = (b"COMMIT", b"RENAME TABLE")
    never: ClassVar = {
        "timestamp(ns)": MICROSECONDS,
        **{f"{check}[{kind} / not finite]": FINITE
           for check in BY_CHECK[:2] for kind in ("float32", "float64")},
        **{f"{check}[duration(us)]": SHORT for check in BY_CHECK},
    }  # fmt: skip

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        names = [
            bytes.fromhex(str(name)).decode()
            for (name,) in self.database.rows(
                "SELECT HEX(column_name) FROM information_schema.columns WHERE table_schema = "
                f"DATABASE() AND table_name = '{store.name}' ORDER BY ordinal_position"
            )
        ]
        if not names:
            return pl.DataFrame()
        kinds = {n: f.type if (f := schema.get(n)) else LogicalType("string") for n in names}
        wanted = ", ".join(shown(n, kinds[n]) for n in names)
        found = self.database.rows(f"SELECT {wanted} FROM {quoted(store.name)}")
        return pl.DataFrame(
            [
                pl.Series(
                    name, [None if row[at] is None else parsed(kinds[name], row[at] or "")
                           for row in found], dtype=kinds[name].physical, strict=False,
                )
                for at, name in enumerate(names)
            ]
        )  # fmt: skip
