"""The run room with real files and databases; what arrived is asked of duckdb and sqlite3."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from hygge import (
    Coordinator,
    Flow,
    Home,
    ParquetHome,
    ParquetStore,
    SQLiteHome,
    SQLiteStore,
    Store,
    TransientError,
)
from hygge.core.chunk import ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import Location
from hygge.core.load import LoadRequest
from hygge.core.steps import set_hook
from hygge.files.stage import STEPS as FILE_STEPS
from hygge.project import EntitySettings, EntitySpec, FlowSpec, Project
from hygge.run import mover
from hygge.run.attempt import STEPS as ATTEMPT_STEPS
from hygge.run.shape import shape_of
from hygge.run.task import ChunkTask, run_chunk
from hygge.sql.sqlite.load import STEPS as SQLITE_STEPS

Row = tuple[int, str | None, float | None, str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mover, "LONGEST_WAIT_S", 0.01)
    yield
    set_hook(None)


def shop(rows: list[Row], path: str = "shop.db", table: str = "users") -> None:
    """A database whose table has exactly these rows."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"DROP TABLE IF EXISTS {table}")
        db.execute(
            f"CREATE TABLE {table} "
            "(id INTEGER PRIMARY KEY, name TEXT, worth NUMERIC(12,2), at DATETIME NOT NULL)"
        )
        db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)


def people(count: int, start: int = 1) -> list[Row]:
    names = ["Åse", "O'Neil", "", None, "日本", 'quo"ted']
    return [
        (n, names[n % 6], None if n % 7 == 0 else n / 4, f"2026-01-{1 + n % 28:02d} 10:00:00")
        for n in range(start, start + count)
    ]


def parquet(path: str = "out") -> list[Row]:
    found = duckdb.sql(
        """SELECT id, name, CAST(worth AS DOUBLE), strftime("at", '%Y-%m-%d %H:%M:%S') """
        f"FROM read_parquet('{path}/*.parquet') ORDER BY id"
    ).fetchall()
    return [tuple(row) for row in found]  # type: ignore[misc]


def sqlite(path: str = "out.db", table: str = "users") -> list[Row]:
    with closing(sqlite3.connect(path)) as db:
        found = db.execute(f"SELECT id, name, worth, at FROM {table} ORDER BY id").fetchall()
    return [(i, name, w, at.replace("T", " ")[:19]) for i, name, w, at in found]


STORES: dict[str, Any] = {
    "parquet": (lambda: ParquetStore("users", path="out"), parquet, FILE_STEPS),
    "sqlite": (lambda: SQLiteStore("users", path="out.db", table="users"), sqlite, SQLITE_STEPS),
}
BOTH = pytest.mark.parametrize("kind", list(STORES))


def source() -> SQLiteHome:
    return SQLiteHome("users", path="shop.db", table="users")


@BOTH
@pytest.mark.parametrize("chunks", ["off", 3])
def test_every_value_arrives_and_a_second_run_leaves_the_same(kind: str, chunks: Any) -> None:
    store, arrived, _ = STORES[kind]
    rows = people(500)
    shop(rows)
    for generation in (1, 2):
        result = Flow(source(), store(), chunks=chunks).start_sync()
        assert (result.status, result.rows, result.generation) == ("moved", 500, generation)
        assert result.proof is not None and result.proof.source == 500
        assert arrived() == rows


@BOTH
@pytest.mark.parametrize("seed", range(6))
def test_any_history_of_merges_ends_with_the_source(kind: str, seed: int) -> None:
    """Rows come and change, and runs fail at any step, some of them after the commit."""
    store, arrived, steps = STORES[kind]
    draw = random.Random(seed)
    rows, clock = dict[int, Row](), 0
    steps = (*ATTEMPT_STEPS, *steps)
    for _ in range(14):
        for _ in range(draw.randint(0, 8)):
            clock += 1
            number = draw.choice([len(rows) + 1, draw.randint(1, max(1, len(rows)))])
            rows[number] = (
                number, draw.choice(["a", "é", None]), draw.randint(0, 99) / 4, stamp(clock)
            )  # fmt: skip
        shop([rows[n] for n in sorted(rows)])
        if draw.random() < 0.5:
            fail_once(draw.choice(steps), OSError("pulled the plug"))
        try:
            Flow(
                source(), store(), mode="merge", incremental={"column": "at", "lag": "30s"},
                chunks=draw.choice(["off", 2]),
            ).start_sync()  # fmt: skip
        except OSError:
            pass
        set_hook(None)
    shop([rows[n] for n in sorted(rows)])
    Flow(source(), store(), mode="merge", incremental={"column": "at", "lag": "30s"}).start_sync()
    assert arrived() == [rows[n] for n in sorted(rows)]


def stamp(seconds: int) -> str:
    return f"2026-01-01 {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def fail_once(step: str, error: Exception) -> None:
    waiting = [error]

    def hook(reached: str) -> None:
        if reached == step and waiting:
            raise waiting.pop()

    set_hook(hook)


FULL_APPEND: dict[str, Any] = {"mode": "append", "full_append": True}
EVERY_STEP = [(kind, step) for kind in STORES for step in (*ATTEMPT_STEPS, *STORES[kind][2])]


@pytest.mark.parametrize(("kind", "step"), EVERY_STEP)
@pytest.mark.parametrize("settings", [{}, FULL_APPEND, {"mode": "merge"}], ids=str)
def test_a_failure_that_passes_at_any_step_makes_one_load(
    kind: str, step: str, settings: dict[str, Any]
) -> None:
    """The line drops before, at or after the commit: the retry ends with each row once."""
    store, arrived, _ = STORES[kind]
    shop(people(20))
    Flow(source(), store(), **settings).start_sync()
    rows = people(20) if settings is FULL_APPEND else people(30)
    shop(rows)
    fail_once(step, TransientError("the line dropped"))
    result = Flow(source(), store(), **settings).start_sync()
    assert result.status == "moved" and result.generation == 2
    expected = sorted([*people(20), *rows]) if settings is FULL_APPEND else rows
    assert sorted(arrived(), key=lambda r: r[0]) == sorted(expected, key=lambda r: r[0])


@BOTH
def test_chunks_of_a_table_move_in_spawned_processes(kind: str) -> None:
    store_of, arrived, _ = STORES[kind]
    rows = people(1000)
    shop(rows)
    around = Surroundings(Path.cwd())
    home: Home = source().bind(around)
    store: Store = store_of().bind(around)
    with home.open(Context()) as reading, store.open(Context()) as settling:
        shape = shape_of(reading.schema())
        read = ReadRequest(columns=shape.columns)
        chunks = reading.split(read, 4)
        assert len(chunks) == 4
        load = settling.begin(LoadRequest("users", "replace", shape.target, "print", "load"))
        tasks = [ChunkTask(home, store, shape, read, c, load.ticket, "users", "r") for c in chunks]
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            results = list(pool.map(run_chunk, tasks))
        receipts = [r.receipt for r in results]
        assert sum(r.rows_read for r in results) == 1000
        assert all(r.rows_read == r.rows_source == r.receipt.rows for r in results)
        assert load.staged_rows(receipts) == 1000
        state = load.request.state(watermark=None, receipts=receipts, committed_at="now")
        load.commit(receipts, state)
    assert arrived() == rows


@BOTH
def test_many_tables_in_parallel(kind: str) -> None:
    """Forty tables of one database at once, into forty folders or into one database."""
    at, entities = Location("hygge.yml", 1, 1), list[EntitySpec]()
    for n in range(40):
        shop(people(n + 1), table=f"t{n}")
        store: Store = (
            ParquetStore(f"t{n}", path=f"out/t{n}")
            if kind == "parquet"
            else SQLiteStore(f"t{n}", path="out.db", table=f"t{n}")
        )
        home = SQLiteHome(f"t{n}", path="shop.db", table=f"t{n}")
        entities.append(EntitySpec("f", f"t{n}", home, store, EntitySettings(), at))
    project = Project(
        "p", Path.cwd(), Path("hygge.yml"), Path("flows"), date(2026, 1, 1),
        flows=(FlowSpec("f", at, tuple(entities)),),
    )  # fmt: skip
    for generation in (1, 2):
        result = Coordinator(project=project).run_sync()
        assert result.counts == {"moved": 40} and result.warnings == ()
        assert {(e.generation, e.attempts) for e in result.entities} == {(generation, 1)}
    for n in range(40):
        got = parquet(f"out/t{n}") if kind == "parquet" else sqlite(table=f"t{n}")
        assert got == people(n + 1)


@BOTH
def test_a_table_that_lost_a_column_or_won_one(kind: str) -> None:
    store, _, _ = STORES[kind]
    shop(people(5))
    Flow(source(), store()).start_sync()
    with closing(sqlite3.connect("shop.db")) as db, db:
        db.execute("ALTER TABLE users ADD COLUMN city TEXT DEFAULT 'Aarhus'")
        db.execute("ALTER TABLE users DROP COLUMN name")
    result = Flow(source(), store()).start_sync()
    assert any(w == "fields changed: +city (string), -name" for w in result.warnings)
    if kind == "parquet":
        found = duckdb.sql("SELECT DISTINCT city FROM read_parquet('out/*.parquet')").fetchall()
        assert found == [("Aarhus",)]
    else:
        with closing(sqlite3.connect("out.db")) as db:
            assert db.execute("SELECT DISTINCT city FROM users").fetchall() == [("Aarhus",)]


def test_there_and_back_again() -> None:
    """SQLite to Parquet to SQLite: the same rows, by the same keys."""
    rows = people(300)
    shop(rows)
    Flow(source(), ParquetStore("users", path="out")).start_sync()
    Flow(
        ParquetHome("users", path="out"), SQLiteStore("users", path="out.db", table="users")
    ).start_sync()
    assert sqlite() == rows


@pytest.mark.parametrize("source", ["parquet", "sqlite"])
def test_rows_without_a_position_are_told(tmp_path: Path, source: str) -> None:
    """The first load takes them; those that come later would be missed without a word."""

    def put(rows: list[tuple[int, int | None]]) -> Home:
        if source == "parquet":
            schema = {"id": pl.Int64, "v": pl.Int64}
            pl.DataFrame(rows, schema, orient="row").write_parquet("s.parquet")
            return ParquetHome("s", path="s.parquet")
        with closing(sqlite3.connect("s.db")) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS s (id INTEGER, v INTEGER)")
            db.execute("DELETE FROM s")
            db.executemany("INSERT INTO s VALUES (?, ?)", rows)
        return SQLiteHome("s", path="s.db")

    def go(rows: list[tuple[int, int | None]]) -> tuple[str, ...]:
        flow = Flow(
            put(rows), ParquetStore("d", path="d"), mode="append", incremental={"column": "v"}
        )
        return flow.start_sync().warnings

    assert go([(1, 1)]) == ()
    assert go([(1, 1), (2, 2)]) == ()
    (warning,) = go([(1, 1), (2, 2), (3, None), (4, 4)])
    assert warning.startswith("1 rows have no 'v': only the first load read such rows")


def test_of_two_runs_that_replace_a_table_the_later_reading_is_not_dropped(tmp_path: Path) -> None:
    """Both began at one generation; what the second one read is not what the first one put."""

    def fill(value: str) -> None:
        with closing(sqlite3.connect("s.db")) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS s (v TEXT)")
            db.execute("DELETE FROM s")
            db.execute("INSERT INTO s VALUES (?)", [value])

    def flow() -> Flow:
        return Flow(SQLiteHome("s", path="s.db"), SQLiteStore("d", path="d.db", table="d"))

    def meanwhile(step: str) -> None:
        if step == "move.began":
            set_hook(None)
            flow().start_sync()
            fill("new")

    fill("old")
    set_hook(meanwhile)
    assert flow().start_sync().attempts == 2
    with closing(sqlite3.connect("d.db")) as db:
        assert db.execute("SELECT v FROM d").fetchall() == [("new",)]
