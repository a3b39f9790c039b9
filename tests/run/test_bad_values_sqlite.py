"""`on_bad_value` over SQLite, whose columns may hold values of any kind whatever they declare."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy

from hygge import BadValue, Flow, Home, ParquetStore, SQLHome, SQLiteHome

COLUMNS = (
    "id INTEGER PRIMARY KEY, n INTEGER, name TEXT, price DECIMAL(5,2), at DATE, x REAL, b BLOB"
)
GOOD = (7, "é", 1.25, "2024-02-29", 0.1, b"\x00")
BAD = {  # by column: how it is written in SQL, and how it is shown
    2: ("n", "'many'", "many"), 3: ("n", "2.5", "2.5"), 4: ("name", "x'6162'", "6162"),
    5: ("price", "'cheap'", "cheap"), 6: ("at", "12.5", "12.5"), 7: ("x", "'much'", "much"),
    8: ("b", "'text'", "text"), 9: ("price", "1.555", "1.555"), 10: ("x", "x'00'", "00"),
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hygge.yml").write_text("name: prices\n")
    with closing(sqlite3.connect(tmp_path / "t.db")) as db, db:
        db.execute(f"CREATE TABLE t ({COLUMNS})")
        for number in range(1, 12):
            db.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", (number, *GOOD))
        for number, (column, value, _) in BAD.items():
            db.execute(f"UPDATE t SET {column} = {value} WHERE id = {number}")
    return tmp_path / "t.db"


def _live(path: Path) -> Home:
    return SQLHome("t", connection=sqlite3.connect(path, check_same_thread=False))


def _alchemy(path: Path) -> Home:
    return SQLHome("t", connection=f"sqlite+pysqlite:///{path}")


HOMES: dict[str, Callable[[Path], Home]] = {
    "sqlite": lambda path: SQLiteHome("t", path=str(path)),
    "url": lambda path: SQLHome("t", connection=f"sqlite:///{path}"),
    "live": _live,
    "engine": lambda path: SQLHome("t", connection=sqlalchemy.create_engine(f"sqlite:///{path}")),
}


@pytest.fixture(params=list(HOMES))
def home(request: pytest.FixtureRequest, path: Path) -> Iterator[Home]:
    made = HOMES[request.param](path)
    yield made
    live = getattr(made, "live", None)
    for end in ("close", "dispose"):
        if hasattr(live, end):
            getattr(live, end)()
            break


def load(home: Home, policy: Any) -> tuple[dict[int, dict[str, Any]], Any]:
    """The rows that arrive, by their number; and the result."""
    flow = Flow(home, ParquetStore("t", path="out"), name="t", on_bad_value=policy)
    result = flow.start_sync()
    rows = pl.read_parquet("out/*.parquet").sort("id").to_dicts()
    return {row.pop("id"): row for row in rows}, result


def test_null(home: Home) -> None:
    rows, result = load(home, "null")
    whole = rows[1]
    assert (whole["n"], whole["name"], whole["x"], whole["b"]) == (7, "é", 0.1, b"\x00")
    assert len(rows) == 11
    for number, row in rows.items():
        lost = {BAD[number][0]} if number in BAD else set()
        assert row == {name: None if name in lost else v for name, v in whole.items()}
    assert any("2 values of 'n' did not fit" in warning for warning in result.warnings)


def test_quarantine(home: Home, path: Path) -> None:
    rows, result = load(home, "quarantine")
    assert list(rows) == [1, 11] and rows[1] == rows[11]
    (file,) = (path.parent / ".hygge" / "quarantine" / "t").glob("*")
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(m["row"], m["column"], m["value"]) for m in kept] == [
        (f"id={number}", column, shown) for number, (column, _, shown) in BAD.items()
    ]
    assert (kept[0]["record"]["name"], kept[0]["record"]["price"]) == ("é", "1.25")
    assert (result.proof.read, result.proof.written, result.proof.aside) == (11, 2, 9)


def test_by_default_the_load_fails(home: Home) -> None:
    with pytest.raises(BadValue):
        load(home, "fail")


def test_text_that_is_no_utf8(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM t WHERE id > 2")
        db.execute(
            "UPDATE t SET n = CAST(x'fe' AS TEXT), name = CAST(x'61ff' AS TEXT) WHERE id = 2"
        )
    rows, _ = load(HOMES["sqlite"](path), "null")
    assert (rows[1]["name"], rows[2]["name"], rows[2]["n"]) == ("é", None, None)


def test_objects_of_python(path: Path) -> None:
    """A driver that SQLAlchemy reaches gives objects; those of another kind do not fit."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM t WHERE id NOT IN (1, 4)")
    rows, _ = load(_alchemy(path), "null")
    assert {number: row["name"] for number, row in rows.items()} == {1: "é", 4: None}


def test_a_long_table_is_read_by_two_connections(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values that do not fit come aside wherever they are, in the driver's first batch or later."""
    monkeypatch.setattr("hygge.sql.sqlite.session.TWIN_BYTES", 0)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE long (id INTEGER PRIMARY KEY, n INTEGER)")
        db.execute(
            "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 200000) "
            "INSERT INTO long SELECT i, CASE WHEN i % 1000 = 0 THEN 'x' ELSE i END FROM s"
        )
    home = SQLiteHome("long", path=str(path))
    result = Flow(home, ParquetStore("t", path="out"), name="t", on_bad_value="null").start_sync()
    rows = pl.read_parquet("out/*.parquet")
    assert rows.height == 200_000 and rows["n"].null_count() == 200
    assert rows.filter(pl.col("id") % 1000 != 0).select((pl.col("id") == pl.col("n")).all()).item()
    assert any("200 values of 'n'" in warning for warning in result.warnings)
