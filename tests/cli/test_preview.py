"""`hygge go --dry-run --connect`: what is asked, found and told, and that nothing moves."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.support import hygge

from hygge.cli.sample import write_sqlite, write_visits

PROJECT = """\
connections:
  shop: {type: sqlite, path: shop.db}
flows:
  lake:
    home: {type: sqlite, connection: shop}
    store: {type: parquet, path: lake}
    entities:
      - {name: users, rename: {email: mail}, columns: [id, name, email]}
      - {name: products, chunks: 3}
      - name: orders
        mode: merge
        incremental: {column: id}
  visits:
    home: {type: csv, path: visits.csv, types: {visited_at: "timestamp(us, UTC)"}}
    store: {type: parquet, path: visits}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write_sqlite(tmp_path / "shop.db")
    write_visits(tmp_path / "visits.csv")
    (tmp_path / "hygge.yml").write_text(PROJECT)
    return tmp_path


def sql(root: Path, text: str) -> None:
    with closing(sqlite3.connect(root / "shop.db")) as db, db:
        db.executescript(text)


def state(root: Path) -> dict[str, bytes]:
    """Every file that a run might have touched."""
    return {
        str(p): p.read_bytes()
        for p in root.rglob("*")
        if p.is_file() and p.suffix not in (".lock", ".py", ".pyc")
    }


def test_before_the_first_run(shop: Path, snapshot: SnapshotAssertion) -> None:
    before = state(shop)
    assert hygge("go", "--dry-run", "--connect", cwd=shop).text == snapshot
    assert state(shop) == before


def test_after_a_run_and_changes_at_the_source(shop: Path, snapshot: SnapshotAssertion) -> None:
    hygge("go", "--quiet", cwd=shop)
    sql(shop, "ALTER TABLE products ADD COLUMN colour TEXT; ALTER TABLE products DROP COLUMN price")
    sql(shop, "INSERT INTO orders VALUES (2001, 7, '2026-01-31 10:00:00', 'new', 12.5, NULL)")
    before = state(shop)
    done = hygge("go", "--dry-run", "--connect", "--select", "products,orders", cwd=shop)
    assert done.text == snapshot
    assert state(shop) == before


def test_what_the_next_run_reads_is_what_was_shown(shop: Path) -> None:
    hygge("go", "--quiet", cwd=shop)
    sql(shop, "INSERT INTO orders VALUES (2001, 7, '2026-01-31 10:00:00', 'new', 12.5, NULL)")
    shown = hygge("go", "--dry-run", "--connect", "--entity", "lake.orders", cwd=shop).out
    statement = re.search(r"statement\n\s+(SELECT .*)", shown)
    assert statement is not None
    with closing(sqlite3.connect(shop / "shop.db")) as db:
        assert len(db.execute(statement[1]).fetchall()) == 1 + 1  # the first row is hygge's own
    hygge("go", "--quiet", cwd=shop)
    again = hygge("go", "--dry-run", "--connect", "--entity", "lake.orders", cwd=shop).out
    assert "nothing new" in again


def test_one_problem_does_not_hide_the_others(shop: Path, snapshot: SnapshotAssertion) -> None:
    sql(shop, "DROP TABLE products; CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME)")
    (shop / "hygge.yml").write_text(
        PROJECT + "  late:\n"
        "    home: {type: sqlite, connection: shop, table: t}\n"
        "    store: {type: parquet, path: late}\n"
        "    mode: merge\n"
        "    incremental: {column: at}\n"
    )
    done = hygge("go", "--dry-run", "--connect", cwd=shop, code=2)
    assert done.text == snapshot
    (shop / "visits.csv").unlink()
    done = hygge("go", "--dry-run", "--connect", cwd=shop, code=1)
    assert "lake.orders" in done.out
    assert "3 would fail" in done.out


def test_a_destination_of_something_else_is_told(shop: Path) -> None:
    hygge("go", "--quiet", cwd=shop)
    (shop / "hygge.yml").write_text(PROJECT.replace("chunks: 3", "home: {table: orders}"))
    done = hygge("go", "--dry-run", "--connect", "--entity", "lake.products", cwd=shop, code=1)
    assert "configured differently" in done.out
    assert "48 rows, generation 1" in done.out


def test_a_type_that_cannot_be_brought_in_would_fail(shop: Path) -> None:
    """Where rows are kept; to a load that replaces them all, types may be others."""
    hygge("go", "--quiet", cwd=shop)
    sql(shop, "DROP TABLE orders; CREATE TABLE orders (id INTEGER PRIMARY KEY, status BLOB)")
    sql(shop, "INSERT INTO orders VALUES (9001, x'00ff')")
    which = ("--select", "orders")
    done = hygge("go", "--dry-run", "--connect", *which, cwd=shop, code=1)
    assert "no type carries both exactly" in done.out
    assert "1 would fail" in done.out
    told = hygge("go", *which, cwd=shop, code=1).text
    assert "no type carries both exactly" in told
    done = hygge("go", "--dry-run", "--connect", *which, "--full-refresh", cwd=shop)
    assert "nothing in the way" in done.out


def test_homes_of_ones_own_are_read_by_their_own_code(tmp_path: Path) -> None:
    (tmp_path / "homes").mkdir()
    (tmp_path / "homes" / "own.py").write_text(
        "import polars as pl\nfrom hygge import Home\n\n\nclass OwnHome(Home):\n"
        "    def fields(self):\n        return {'id': 'int64'}\n\n"
        "    def read_batches(self):\n        raise RuntimeError('never asked')\n"
    )
    (tmp_path / "hygge.yml").write_text(
        "flows: {own: {home: {type: own}, store: {type: parquet, path: out}}}\n"
    )
    done = hygge("go", "--dry-run", "--connect", cwd=tmp_path)
    assert "by its own code" in done.out


def test_connect_alone_is_refused(shop: Path) -> None:
    assert "goes with --dry-run" in hygge("go", "--connect", cwd=shop, code=2).err
