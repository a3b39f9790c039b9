"""The music shop in MariaDB: what arrives equals what SQLite's file of the same shop holds.

The real script is used where HYGGE_TEST_DATA names the folder that has it; a generated shop always
is. SQLite's side is read by sqlite3, the copy by DuckDB.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.support import run
from tests.acceptance.test_chinook import ROWS, TABLES, Shop, _real, at_source, generate
from tests.servers import Database, Server

PROJECT = """\
connections:
  shop:
    type: mysql
    url: ${SHOP_URL}
"""
FLOW = """\
home:
  type: mysql
  connection: shop
store:
  type: parquet
  path: lake
tables: ["*"]
"""
# SQLite's INTEGER has 64 bits and its NVARCHAR(n) any length, and the generated shop needs both.
KINDS = {"INTEGER": "BIGINT", r"NVARCHAR\(\d+\)": "LONGTEXT"}


def lay(database: Database, source: Path) -> None:
    """SQLite's shop in MariaDB, by INSERTs of its client."""
    with closing(sqlite3.connect(source)) as db:
        for table, columns in TABLES.items():
            declared = re.sub(r"\[(\w+)\]", r"`\1`", columns)
            declared = re.sub(r" REFERENCES `\w+` \(`\w+`\)", "", declared)
            for before, after in KINDS.items():
                declared = re.sub(before, after, declared)
            rows = db.execute(f"SELECT * FROM [{table}]").fetchall()
            values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
            insert = f"INSERT INTO `{table}` VALUES {values};" if rows else ""
            database.execute(f"CREATE TABLE `{table}` ({declared});\n{insert}")


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return f"_utf8mb4 X'{value.encode().hex()}'" if value else "''"
    return "NULL" if value is None else repr(value)


@pytest.fixture(scope="module", params=["generated", "chinook"])
def shop(
    request: pytest.FixtureRequest,
    mysql_server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """A shop, moved once by `hygge go`; `database` is SQLite's file of it."""
    root = tmp_path_factory.mktemp("shop")
    with mysql_server.database() as database:
        if request.param == "chinook":
            source, rows = _real(root), ROWS
            script = source.with_name("Chinook_MySql.sql").read_text(encoding="utf-8")
            # It has one backslash, and means it.
            plain = "SET sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES');"
            database.execute(plain + script.partition("USE `Chinook`;")[2])
        else:
            source = root / "shop.sqlite"
            rows = generate(source)
            lay(database, source)
        (root / "flows" / "shop").mkdir(parents=True)
        (root / "hygge.yml").write_text(PROJECT, encoding="utf-8")
        (root / "flows" / "shop" / "flow.yml").write_text(FLOW, encoding="utf-8")
        report = root / "run.json"
        run("go", "--report", str(report), cwd=root, env={"SHOP_URL": database.url})
        told = json.loads(report.read_text(encoding="utf-8"))
        assert (told["status"], told["rows"]) == ("ok", sum(rows.values()))
        yield Shop(source, root, rows)


@pytest.mark.parametrize("table", sorted(ROWS))
def test_values_are_those_that_sqlite_has(shop: Shop, table: str) -> None:
    declared, rows = at_source(shop, table)
    copy = shop.table(table)
    assert list(copy.types) == list(declared)
    assert len(rows) == shop.rows[table]
    assert copy.rows() == rows
    whole = "INTEGER" if shop.rows is ROWS else "BIGINT"
    meant = {"INTEGER": whole, "DATETIME": "TIMESTAMP", "NUMERIC(10,2)": "DECIMAL(10,2)"}
    assert list(copy.types.values()) == [meant.get(k, "VARCHAR") for k in declared.values()]
