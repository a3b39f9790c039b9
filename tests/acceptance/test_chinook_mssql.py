"""The music shop in SQL Server: what arrives equals what SQLite's file of the same shop holds.

It needs the server of HYGGE_TEST_MSSQL_URL. The real script is used where HYGGE_TEST_DATA names
the folder that has it; a generated shop always is. SQLite's side is read by sqlite3, the copy by
DuckDB.
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
from tests.sql.mssql import support
from tests.sql.mssql.support import connect, needs_server, url_of

from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.types import text_literal

pytestmark = [needs_server, pytest.mark.timeout(400)]
DATABASE = f"{support.DATABASE}_shop"
PROJECT = """\
connections:
  shop:
    type: mssql
    url: ${SHOP_URL}
    pool_size: 3
"""
FLOW = """\
home:
  type: mssql
  connection: shop
store:
  type: parquet
  path: lake
tables: ["dbo.*"]
"""
BACK = """\
connections:
  back:
    type: mssql
    url: ${BACK_URL}
    pool_size: 4
flows:
  there:
    home: {type: parquet, path: %s}
    store: {type: mssql, connection: back, schema: dbo}
    entities: [%s]
  again:
    home: {type: mssql, connection: back}
    store: {type: parquet, path: lake}
    tables: ["dbo.*"]
"""
# SQLite's INTEGER has 64 bits and its NVARCHAR(n) any length, and the generated shop needs both.
KINDS = {"INTEGER": "BIGINT", "DATETIME": "DATETIME2(6)", r"NVARCHAR\(\d+\)": "NVARCHAR(MAX)"}
GO = re.compile(r"(?im)^[ \t]*GO[ \t]*;?[ \t]*\r?$")


def lay(link: MSSQLLink, source: Path) -> None:
    """SQLite's shop in SQL Server, by INSERTs."""
    with closing(sqlite3.connect(source)) as db:
        for table, columns in TABLES.items():
            declared = re.sub(r" REFERENCES \[\w+\] \(\[\w+\]\)", "", columns)
            for before, after in KINDS.items():
                declared = re.sub(before, after, declared)
            link.execute(f"CREATE TABLE [{table}] ({declared})")
            rows = db.execute(f"SELECT * FROM [{table}]").fetchall()
            for start in range(0, len(rows), 500):
                some = (f"({', '.join(map(_literal, r))})" for r in rows[start : start + 500])
                link.execute(f"INSERT INTO [{table}] VALUES {', '.join(some)}")


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return text_literal(value)
    return "NULL" if value is None else repr(value)


@pytest.fixture(scope="module", params=["generated", "chinook"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A shop, moved once by `hygge go`; `database` is SQLite's file of it."""
    root = tmp_path_factory.mktemp("shop")
    if request.param == "chinook":
        source, rows = _real(root), ROWS
    else:
        source = root / "shop.sqlite"
        rows = generate(source)
    with connect("master") as link:
        link.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        link.execute(f"CREATE DATABASE {DATABASE}")
    with connect(DATABASE) as link:
        if request.param == "chinook":
            script = source.with_name("Chinook_SqlServer.sql").read_text(encoding="utf-8-sig")
            for batch in filter(str.strip, GO.split(script.partition("USE [Chinook];")[2])):
                link.execute(batch)
        else:
            lay(link, source)
    (root / "flows" / "shop").mkdir(parents=True)
    (root / "hygge.yml").write_text(PROJECT, encoding="utf-8")
    (root / "flows" / "shop" / "flow.yml").write_text(FLOW, encoding="utf-8")
    report = root / "run.json"
    run("go", "--report", str(report), cwd=root, env={"SHOP_URL": url_of(DATABASE)})
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (told["status"], told["rows"]) == ("ok", sum(rows.values()))
    yield Shop(source, root, rows)
    with connect("master") as link:
        link.execute(f"DROP DATABASE {DATABASE}")


@pytest.fixture(scope="module")
def second(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop as it comes out of a second database, into which its Parquet was loaded."""
    root, name = tmp_path_factory.mktemp("second"), f"{DATABASE}_back"
    with connect("master") as link:
        link.execute(f"DROP DATABASE IF EXISTS {name}")
        link.execute(f"CREATE DATABASE {name}")
    lake, entities = shop.project / "lake", ", ".join(shop.rows)
    (root / "hygge.yml").write_text(BACK % (json.dumps(str(lake)), entities), encoding="utf-8")
    for flow in ("there", "again"):
        run("go", "--flow", flow, cwd=root, env={"BACK_URL": url_of(name)})
    yield Shop(shop.database, root, shop.rows)
    with connect("master") as link:
        link.execute(f"DROP DATABASE {name}")


@pytest.mark.parametrize("table", sorted(ROWS))
def test_there_and_back_they_are_still(second: Shop, table: str) -> None:
    """Through Parquet, a database that hygge made, and Parquet again."""
    _, rows = at_source(second, table)
    assert second.table(table).rows() == rows


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
