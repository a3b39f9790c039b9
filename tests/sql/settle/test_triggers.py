"""Triggers on a destination: what they make of rows is not known, and that is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.servers import Database

from hygge import Flow, MySQLStore, PostgresStore, SQLiteHome, SQLiteStore, Store

TRIGGERS = {
    "sqlite": "CREATE TRIGGER drops AFTER INSERT ON t BEGIN DELETE FROM t WHERE id = new.id; END",
    "postgres": """
        CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER drops BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing();
    """,
    "mysql": "CREATE TRIGGER drops BEFORE INSERT ON t FOR EACH ROW SET NEW.name = 'other'",
}


@pytest.mark.parametrize("kind", list(TRIGGERS))
@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_triggers_are_told(
    kind: str, mode: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    home = SQLiteHome("t", path=str(tmp_path / "shop.db"))
    path = tmp_path / "w.db"
    if kind == "sqlite":
        store: Store = SQLiteStore("t", path=str(path))
    else:
        database: Database = request.getfixturevalue(kind)
        made = {"postgres": PostgresStore, "mysql": MySQLStore}[kind]
        store = made("t", url=database.url)

    def go() -> tuple[str, ...]:
        key = {} if mode == "append" else {"key_column": "id"}
        return Flow(
            home, store, name="t", mode=mode, full_append=mode == "append", allow_empty=True, **key
        ).start_sync().warnings  # fmt: skip

    assert not any("triggers" in warning for warning in go())
    if kind == "sqlite":
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(TRIGGERS[kind])
    else:
        database.execute(TRIGGERS[kind])
    (told,) = (warning for warning in go() if "triggers" in warning)
    assert "has triggers (drops): what they make of the rows that are loaded is not looked" in told
