"""What a user is told to do about errors of databases that say little themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pymysql
import pytest
from tests.servers import Database

from hygge import ConnectError, DataError, Flow, HyggeError, MySQLStore, PostgresStore, SQLHome
from hygge.core.errors import TransientError, UnsupportedError
from hygge.sql.duckdb.errors import explain as duckdb_says
from hygge.sql.mssql.errors import explain as mssql_says
from hygge.sql.mysql.errors import explain as mysql_says
from hygge.sql.sqlite.access import explain as sqlite_says
from hygge.stores.duckdb import DuckDBStore
from hygge.stores.sqlite import SQLiteStore

FULL = 'Failed to commit: Could not write file "w.duckdb.wal": No space left on device'
DENIED = "INSERT command denied to user 'me'@'localhost' for table `w`.`_hygge_state_t`"
OBJECT = (
    "[Microsoft][SQL Server]The UPDATE permission was denied on the object '_hygge_state', "
    "database 'w', schema 'dbo'."
)


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        (duckdb_says(duckdb.TransactionException(FULL), "w"), ConnectError, "free some space"),
        (duckdb_says(duckdb.IOException(FULL), "w"), ConnectError, "free some space"),
        (sqlite_says("INTERNAL: Failed to reset statement: database or disk is full", "w"),
         ConnectError, "free some space"),
        (sqlite_says("INTEGRITY: failed to execute query: we are busy", "w"), DataError,
         "a trigger of the table refuses the rows"),
        (mysql_says(pymysql.OperationalError(1142, DENIED), "w"), ConnectError,
         "GRANT INSERT ON `w`.`_hygge_state_t` TO 'me'@'localhost'"),
        (mysql_says(pymysql.OperationalError(1114, "The table 't' is full"), "w"), ConnectError,
         "free some space"),
        (mssql_says(RuntimeError(OBJECT), "w"), ConnectError,
         "GRANT UPDATE ON dbo._hygge_state TO ..."),
    ],
)  # fmt: skip
def test_errors_that_stay(error: HyggeError, kind: type[HyggeError], hint: str) -> None:
    """They are not tried again, and say what to do."""
    assert isinstance(error, kind) and not isinstance(error, TransientError)
    assert hint in (error.hint or "")


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., None]:
    """Loads two rows, of a key, from a table that has the columns of a SELECT."""

    def run(store: Any, rows: str = "SELECT 1 AS id, 'a' AS name", **settings: Any) -> None:
        with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
            db.execute("DROP TABLE IF EXISTS t")
            db.execute(f"CREATE TABLE t AS {rows}")
        home = SQLHome("t", connection=f"sqlite:///{tmp_path / 'shop.db'}")
        given = {"mode": "merge", "key_column": "id", **settings}
        Flow(home, store, name="t", **given).start_sync()

    return run


def test_a_name_that_ends_in_a_blank(mysql: Database, load: Callable[..., None]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        load(MySQLStore("t", url=mysql.url), "SELECT 1 AS id, 2 AS 'name '")
    assert caught.value.hint == "`rename: {'name ': 'name'}`"


def test_rows_that_others_refer_to(mysql: Database, load: Callable[..., None]) -> None:
    store = MySQLStore("t", url=mysql.url)
    load(store)
    mysql.execute(
        "CREATE TABLE child (id bigint, FOREIGN KEY (id) REFERENCES t (id)); "
        "INSERT INTO child VALUES (1)"
    )
    with pytest.raises(DataError) as caught:
        load(store, "SELECT 1 AS id, 'b' AS name")
    assert "rows of another table refer to those" in (caught.value.hint or "")


def test_a_trigger_that_refuses(tmp_path: Path, load: Callable[..., None]) -> None:
    store = SQLiteStore("t", path=str(tmp_path / "w.db"))
    load(store)
    with closing(sqlite3.connect(tmp_path / "w.db")) as db, db:
        db.execute(
            "CREATE TRIGGER no BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'not today'); END"
        )
    with pytest.raises(DataError, match="not today") as caught:
        load(store)
    assert caught.value.hint == "a trigger of the table refuses the rows"


def test_rights_on_the_table_of_states(postgres: Database, load: Callable[..., None]) -> None:
    user = f"loader_{postgres.database}"
    load(PostgresStore("t", url=postgres.url))
    postgres.execute(
        f"CREATE USER {user} PASSWORD 'pw-of-a-loader'; "
        f"GRANT CREATE, USAGE ON SCHEMA public TO {user}; "
        f"GRANT SELECT, INSERT, DELETE ON t TO {user}; GRANT SELECT ON _hygge_state TO {user}"
    )
    try:
        theirs = PostgresStore(
            "t", url=f"postgresql://{user}:pw-of-a-loader@{postgres.host}:{postgres.port}"
            f"/{postgres.database}",
        )  # fmt: skip
        with pytest.raises(ConnectError) as caught:
            load(theirs)
        grant = f'GRANT SELECT, INSERT, UPDATE ON "_hygge_state" TO "{user}"'
        assert (caught.value.hint or "").startswith(grant)
        postgres.execute(grant)
        load(theirs, "SELECT 2 AS id, 'b' AS name")
    finally:
        postgres.execute(f"DROP OWNED BY {user}; DROP USER {user}")


@pytest.mark.parametrize("store", [SQLiteStore, DuckDBStore])
@pytest.mark.parametrize("place", ["folder", "file.txt/w.db"])
def test_paths_of_another_kind(
    store: Any, place: str, tmp_path: Path, load: Callable[..., None]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("hello")
    with pytest.raises(ConnectError) as caught:
        load(store("t", path=str(tmp_path / place)))
    assert "choose" in (caught.value.hint or "")
