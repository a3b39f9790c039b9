"""`replace` over a table on which people made something: it stays, in every database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.servers import Database

from hygge import DataError, DuckDBStore, Flow, MySQLStore, PostgresStore, SQLiteHome, SQLiteStore

Run = Callable[[str], list[tuple[Any, ...]]]
INDEXES = {
    "sqlite": "SELECT count(*) FROM pragma_index_list('t') WHERE name = 'mine'",
    "duckdb": "SELECT count(*) FROM duckdb_indexes() WHERE index_name = 'mine'",
    "postgres": "SELECT count(*) FROM pg_indexes WHERE indexname = 'mine'",
    "mysql": "SELECT count(*) FROM information_schema.statistics WHERE index_name = 'mine' "
    "AND table_schema = DATABASE()",
}


@pytest.fixture(params=list(INDEXES))
def there(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Any, Run]:
    """The kind of database, a Store, and how its database is asked."""
    kind: str = request.param
    path = tmp_path / "w.db"

    def ask_file(sql: str) -> list[tuple[Any, ...]]:
        with closing((sqlite3 if kind == "sqlite" else duckdb).connect(str(path))) as db:
            found = db.execute(sql).fetchall()
            db.commit() if kind == "sqlite" else None
            return [tuple(row) for row in found]

    if kind in ("sqlite", "duckdb"):
        made = {"sqlite": SQLiteStore, "duckdb": DuckDBStore}[kind]
        return kind, made("t", path=str(path)), ask_file
    database: Database = request.getfixturevalue(kind)

    def ask(sql: str) -> list[tuple[Any, ...]]:
        if not sql.startswith("SELECT"):
            database.execute(sql)
            return []
        return [tuple(row) for row in database.rows(sql)]

    server = {"postgres": PostgresStore, "mysql": MySQLStore}[kind]
    return kind, server("t", url=database.url), ask


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Any, str], None]:
    """Replaces what a Store has by one row, of a name."""

    def run(store: Any, name: str) -> None:
        with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, name VARCHAR(20))")
            db.execute("INSERT OR REPLACE INTO t VALUES (1, ?)", (name,))
        home = SQLiteHome("t", path=str(tmp_path / "shop.db"))
        Flow(home, store, name="t", mode="replace").start_sync()

    return run


def test_an_index_stays(there: tuple[str, Any, Run], load: Callable[[Any, str], None]) -> None:
    kind, store, ask = there
    load(store, "a")
    ask("CREATE INDEX mine ON t (name)")
    load(store, "b")
    assert [str(v) for (v,) in ask("SELECT name FROM t")] == ["b"]
    assert [int(v) for (v,) in ask(INDEXES[kind])] == [1]


def test_a_column_of_somebody_s_is_not_lost(
    there: tuple[str, Any, Run], load: Callable[[Any, str], None]
) -> None:
    _, store, ask = there
    load(store, "a")
    ask("ALTER TABLE t ADD COLUMN note VARCHAR(20)")
    ask("UPDATE t SET note = 'mine'")
    with pytest.raises(DataError, match=r"columns that hygge did not make \('note'\)"):
        load(store, "b")
    assert [tuple(map(str, row)) for row in ask("SELECT name, note FROM t")] == [("a", "mine")]
    ask("ALTER TABLE t DROP COLUMN note")
    load(store, "b")
    assert [str(v) for (v,) in ask("SELECT name FROM t")] == ["b"]
