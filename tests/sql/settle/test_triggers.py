"""Triggers on a destination: what they leave out stops the load, what they alter is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from tests.servers import Database

from hygge import (
    DataError,
    Flow,
    MySQLStore,
    PostgresStore,
    SQLiteHome,
    SQLiteStore,
    SQLStore,
    Store,
)
from hygge.core.context import Surroundings
from hygge.sql.alchemy import known
from hygge.sql.alchemy.connection import SQLConnection
from hygge.sql.alchemy.settler import AlchemySettler
from hygge.sql.link import Link
from hygge.sql.server import PooledConnection
from hygge.sql.settle.place import Place

_NOTHING = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
LEAVES_OUT = {
    ("sqlite", "inserts"): "CREATE TRIGGER drops AFTER INSERT ON t BEGIN "
    "DELETE FROM t WHERE id = new.id AND id > 1; END",
    ("sqlite", "deletes"): "CREATE TRIGGER drops BEFORE DELETE ON t BEGIN "
    "SELECT RAISE(IGNORE); END",
    ("sql", "inserts"): "CREATE TRIGGER drops BEFORE INSERT ON t WHEN new.id > 1 BEGIN "
    "SELECT RAISE(IGNORE); END",
    ("sql", "deletes"): "CREATE TRIGGER drops BEFORE DELETE ON t BEGIN SELECT RAISE(IGNORE); END",
    ("postgres", "inserts"): f"{_NOTHING}; CREATE TRIGGER drops BEFORE INSERT ON t FOR EACH ROW "
    "WHEN (NEW.id > 1) EXECUTE FUNCTION nothing()",
    ("postgres", "at the commit"): "CREATE FUNCTION takes() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN DELETE FROM t WHERE id = NEW.id AND id > 1; RETURN NULL; END'; "
    "CREATE CONSTRAINT TRIGGER drops AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION takes()",
    ("postgres", "rule"): "CREATE RULE drops AS ON INSERT TO t DO INSTEAD NOTHING",
    ("postgres", "deletes"): f"{_NOTHING}; CREATE TRIGGER drops BEFORE DELETE ON t FOR EACH ROW "
    "EXECUTE FUNCTION nothing()",
}  # fmt: skip
_OTHER = (
    "CREATE TRIGGER alters AFTER INSERT ON t BEGIN "
    "UPDATE t SET name = 'other' WHERE id = new.id; END"
)
ALTERS = {
    "sqlite": _OTHER,
    "sql": _OTHER,
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


class BySQLAlchemy(SQLStore):
    """As with a connection of `type: sql`, which a URL alone is not where a Store knows it."""

    def _connection(self, around: Surroundings) -> PooledConnection:
        return SQLConnection(url=self.config.url).bind(around.root)


def _there(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Store, Ask]:
    """A Store of a kind, and its database's answers."""
    if kind in ("sqlite", "sql"):
        path = tmp_path / "w.db"

        def ask(sql: str) -> list[list[str]]:
            with closing(sqlite3.connect(path)) as db, db:
                return [[str(v) for v in row] for row in db.execute(sql)]

        if kind == "sql":
            return BySQLAlchemy("t", url=f"sqlite:///{path}"), ask
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


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_what_is_put_off_may_wait_for_the_last_statement(
    mode: str, go: Callable[[Store], Go], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A foreign key that would not hold between deleting rows and bringing them in again."""
    store, ask = _there("postgres", tmp_path, request)
    go(store)(mode)
    ask("CREATE TABLE s (t bigint REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
    ask("INSERT INTO s VALUES (1)")
    ask(f"{_NOTHING}; CREATE CONSTRAINT TRIGGER drops AFTER INSERT ON t DEFERRABLE INITIALLY "
        "DEFERRED FOR EACH ROW EXECUTE FUNCTION nothing()")  # fmt: skip
    go(store)(mode)
    assert ask("SELECT count(*) FROM t") == [("2",)]


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_rows_are_counted_where_triggers_cannot_be_asked_for(
    mode: str, go: Callable[[Store], Go], tmp_path: Path, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As in any database that SQLAlchemy reaches and hygge does not know: see `settler_of`."""
    assert AlchemySettler("oracle").triggers(cast("Any", None), Place("", "t", "shop")) is None

    class Unknown(AlchemySettler):
        def __init__(self, driver: str) -> None:
            super().__init__(driver)
            self.straight = True  # type: ignore[misc]

        def triggers(self, link: Link, place: Place) -> list[str] | None:
            return None

    monkeypatch.setattr(known, "AlchemySettler", Unknown)
    store, ask = _there("sql", tmp_path, request)
    go(store)(mode)
    assert not any("triggers" in warning for warning in go(store)(mode))
    held = ask("SELECT count(*) FROM t")
    ask(LEAVES_OUT["sql", "inserts"])
    with pytest.raises(DataError, match="2 rows were brought in, and it has 1 more") as caught:
        go(store)(mode)
    assert "triggers it has cannot be asked here" in (caught.value.hint or "")
    assert ask("SELECT count(*) FROM t") == held


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
