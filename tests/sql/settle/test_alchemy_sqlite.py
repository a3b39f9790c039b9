"""SQLite through SQLAlchemy: how often it commits, and what stays where a table is made anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from hygge import SQLStore
from hygge.core.context import Surroundings
from hygge.core.errors import SchemaDrift
from hygge.core.state import Mode
from hygge.sql.alchemy.connection import SQLConnection
from hygge.testing.loading import load_frames

ROWS = 300


def store_in(path: Path) -> SQLStore:
    around = Surroundings(connections={"w": SQLConnection(url=f"sqlite:///{path}")})
    return SQLStore("t", connection="w").bind(around)


def transactions(path: Path) -> int:
    """How many have changed the file: its counter (https://sqlite.org/fileformat2.html, 1.3.6)."""
    return int.from_bytes(path.read_bytes()[24:28], "big")


def run(path: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db, db:
        return [row for sql in statements for row in db.execute(sql).fetchall()]


@pytest.mark.parametrize("mode", ["append", "replace", "merge"])
def test_a_batch_is_one_transaction(mode: Mode, tmp_path: Path) -> None:
    """And not one for each row, after which SQLite would wait for the disk."""
    store = store_in(tmp_path / "w.db")
    frame = pl.DataFrame({"k": range(ROWS), "v": ["x"] * ROWS})
    load_frames(store, [frame.head(1)], mode, ["k"])
    before = transactions(tmp_path / "w.db")
    load_frames(store, [frame, frame], mode, ["k"])
    assert transactions(tmp_path / "w.db") - before < 20


def test_what_was_made_on_a_table_stays_when_its_columns_become_others(tmp_path: Path) -> None:
    """Its triggers run for the rows that come, as where the table stays."""
    path = tmp_path / "w.db"
    store = store_in(path)
    load_frames(store, [pl.DataFrame({"k": [1], "n": [1]})], "merge", ["k"])
    run(
        path,
        "CREATE INDEX mine ON t (n)",
        "CREATE TABLE log (n)",
        "CREATE TRIGGER told AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.n); END",
        "CREATE VIEW seen AS SELECT n FROM t",
    )
    load_frames(store, [pl.DataFrame({"k": [1], "n": ["a"], "more": [2]})], "replace", ["k"])
    assert run(path, "SELECT k, n, more FROM t") == [(1, "a", 2)]
    assert run(path, "SELECT n FROM log", "SELECT n FROM seen") == [("a",), ("a",)]
    made = "SELECT name FROM sqlite_master WHERE tbl_name = 't' AND type IN ('index', 'trigger') "
    assert {("mine",), ("told",)} <= set(run(path, made))
    assert run(path, "SELECT name FROM pragma_table_info('t') WHERE pk") == [("k",)]


def test_what_no_longer_works_on_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    store = store_in(path)
    load_frames(store, [pl.DataFrame({"k": [1], "n": [1]})], "replace")
    run(path, "CREATE INDEX mine ON t (n)")
    with pytest.raises(SchemaDrift, match="what was made on it no longer works: CREATE INDEX mine"):
        load_frames(store, [pl.DataFrame({"k": [2]})], "replace")
    assert run(path, "SELECT k, n FROM t") == [(1, 1)]
