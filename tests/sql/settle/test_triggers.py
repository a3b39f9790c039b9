"""Triggers on a destination: what they leave out stops the load, what they alter is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.servers import Database

from hygge import DataError, Flow, MySQLStore, PostgresStore, SQLiteHome, SQLiteStore, Store

_NOTHING = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
LEAVES_OUT = {
    ("sqlite", "inserts"): "CREATE TRIGGER drops AFTER INSERT ON t BEGIN "
    "DELETE FROM t WHERE id = new.id AND id > 1; END",
    ("sqlite", "deletes"): "CREATE TRIGGER drops BEFORE DELETE ON t BEGIN "
    "SELECT RAISE(IGNORE); END",
    ("postgres", "inserts"): f"{_NOTHING}; CREATE TRIGGER drops BEFORE INSERT ON t FOR EACH ROW "
    "WHEN (NEW.id > 1) EXECUTE FUNCTION nothing()",
    ("postgres", "rule"): "CREATE RULE drops AS ON INSERT TO t DO INSTEAD NOTHING",
    ("postgres", "deletes"): f"{_NOTHING}; CREATE TRIGGER drops BEFORE DELETE ON t FOR EACH ROW "
    "EXECUTE FUNCTION nothing()",
}  # fmt: skip
ALTERS = {
    "sqlite": "CREATE TRIGGER alters AFTER INSERT ON t BEGIN "
    "UPDATE t SET name = 'other' WHERE id = new.id; END",
    "postgres": "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN NEW.name = ''other''; RETURN NEW; END'; "
    "CREATE TRIGGER alters BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION other()",
    "mysql": "CREATE TRIGGER alters BEFORE INSERT ON t FOR EACH ROW SET NEW.name = 'other'",
}
Go = Callable[..., tuple[str, ...]]
Ask = Callable[[str], Any]


@pytest.fixture
def go(tmp_path: Path) -> Callable[[Store], Go]:
    """Loads two rows, of a key, into a Store; gives the warnings."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    home = SQLiteHome("t", path=str(tmp_path / "shop.db"))

    def of(store: Store) -> Go:
        def run(mode: Any) -> tuple[str, ...]:
            key = {} if mode == "append" else {"key_column": "id"}
            return Flow(
                home, store, name="t", mode=mode, full_append=mode == "append", **key
            ).start_sync().warnings  # fmt: skip

        return run

    return of


def _there(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Store, Ask]:
    """A Store of a kind, and its database's answers."""
    if kind == "sqlite":
        path = tmp_path / "w.db"

        def ask(sql: str) -> list[list[str]]:
            with closing(sqlite3.connect(path)) as db, db:
                return [[str(v) for v in row] for row in db.execute(sql)]

        return SQLiteStore("t", path=str(path)), ask
    database: Database = request.getfixturevalue(kind)
    made = {"postgres": PostgresStore, "mysql": MySQLStore}[kind]

    def answer(sql: str) -> Any:
        return database.rows(sql) if sql.startswith("SELECT") else database.execute(sql)

    return made("t", url=database.url), answer


@pytest.mark.parametrize(("kind", "what"), list(LEAVES_OUT))
@pytest.mark.parametrize("mode", ["append", "merge", "delete_insert", "replace"])
def test_rows_that_triggers_leave_out_stop_the_load(
    kind: str, what: str, mode: str, go: Callable[[Store], Go], tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    store, ask = _there(kind, tmp_path, request)
    go(store)(mode)
    held, state = ask("SELECT * FROM t ORDER BY id"), ask("SELECT state FROM _hygge_state")
    ask(LEAVES_OUT[kind, what])
    if (mode, what) == ("append", "deletes"):
        go(store)(mode)
        return
    with pytest.raises(DataError, match=r"nothing was published") as caught:
        go(store)(mode)
    assert "triggers make of it (drops)" in caught.value.hint
    assert ask("SELECT * FROM t ORDER BY id") == held
    assert ask("SELECT state FROM _hygge_state") == state


@pytest.mark.parametrize("kind", list(ALTERS))
@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_what_triggers_alter_is_told(
    kind: str, mode: str, go: Callable[[Store], Go], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store, ask = _there(kind, tmp_path, request)
    assert not any("triggers" in warning for warning in go(store)(mode))
    ask(ALTERS[kind])
    (told,) = (warning for warning in go(store)(mode) if "triggers" in warning)
    assert "has triggers (alters): what they make of the values that are loaded is not" in told
    assert ask("SELECT name FROM t WHERE name = 'other'")
