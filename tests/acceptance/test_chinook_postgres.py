"""The music shop in PostgreSQL: what arrives equals what SQLite's file of the same shop holds.

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
from tests.acceptance.support import Parquet, in_order, run
from tests.acceptance.test_chinook import ROWS, TABLES, Shop, _real, at_source, generate
from tests.servers import Database, Server

PROJECT = """\
connections:
  shop:
    type: postgres
    url: ${SHOP_URL}
"""
FLOW = """\
home:
  type: postgres
  connection: shop
store:
  type: parquet
  path: lake
tables: ["public.*"]
"""
# SQLite's INTEGER has 64 bits and its NVARCHAR(n) any length, and the generated shop needs both.
KINDS = {"INTEGER": "BIGINT", "DATETIME": "TIMESTAMP", r"NVARCHAR\(\d+\)": "VARCHAR"}


def snake(name: str) -> str:
    """`InvoiceLine` as `invoice_line`, as PostgreSQL's script calls it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def lay(database: Database, source: Path) -> None:
    """SQLite's shop in PostgreSQL, by psql's COPY."""
    with closing(sqlite3.connect(source)) as db:
        for table, columns in TABLES.items():
            declared = re.sub(r"\[(\w+)\]", lambda m: snake(m[1]), columns)
            declared = re.sub(r" REFERENCES \w+ \(\w+\)", "", declared)
            for before, after in KINDS.items():
                declared = re.sub(before, after, declared)
            rows = db.execute(f"SELECT * FROM [{table}]").fetchall()
            lines = "".join("\t".join(map(_copied, row)) + "\n" for row in rows)
            name = snake(table)
            database.execute(
                f"CREATE TABLE {name} ({declared});\nCOPY {name} FROM STDIN;\n{lines}\\.\n"
            )


def _copied(value: Any) -> str:
    if value is None:
        return "\\N"
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


@pytest.fixture(scope="module", params=["generated", "chinook"])
def shop(
    request: pytest.FixtureRequest,
    postgres_server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """A shop, moved once by `hygge go`; `database` is SQLite's file of it."""
    root = tmp_path_factory.mktemp("shop")
    with postgres_server.database() as database:
        if request.param == "chinook":
            source, rows = _real(root), ROWS
            script = source.with_name("Chinook_PostgreSql.sql").read_text(encoding="utf-8")
            database.execute(script.partition("\\c chinook;")[2])
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


def test_every_table_arrives_whole(shop: Shop) -> None:
    arrived = {p.name for p in (shop.project / "lake").iterdir() if not p.name.startswith(".")}
    assert arrived == {snake(name) for name in shop.rows}


@pytest.mark.parametrize("table", sorted(ROWS))
def test_values_are_those_that_sqlite_has(shop: Shop, table: str) -> None:
    declared, rows = at_source(shop, table)
    copy = shop.table(snake(table))
    assert list(copy.types) == [snake(name) for name in declared]
    assert len(rows) == shop.rows[table]
    if (
        shop.rows is ROWS
    ):  # its script writes texts as N'...', and PostgreSQL drops blanks at the end
        rows = [tuple(v.rstrip(" ") if isinstance(v, str) else v for v in row) for row in rows]
    assert copy.rows() == in_order(rows)


@pytest.mark.parametrize("table", sorted(ROWS))
def test_types_are_those_of_the_reviewed_table(shop: Shop, table: str) -> None:
    declared, _ = at_source(shop, table)
    whole = "INTEGER" if shop.rows is ROWS else "BIGINT"
    meant = {"INTEGER": whole, "DATETIME": "TIMESTAMP", "NUMERIC(10,2)": "DECIMAL(10,2)"}
    types = Parquet(shop.project / "lake" / snake(table)).types
    assert list(types.values()) == [meant.get(kind, "VARCHAR") for kind in declared.values()]
