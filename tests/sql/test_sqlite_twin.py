"""Connections that share one table of an SQLite file: all rows, in order, of one snapshot.

Writers use the same copy of SQLite, since locks do not hold between two copies in one process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sql.databases import make, open_home

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.errors import TransientError
from hygge.core.reading import HomeSession
from hygge.sql.sqlite import session as session_module
from hygge.sql.sqlite import twin
from hygge.sql.sqlite.access import Database, open_reader

IDS = st.one_of(
    st.builds(range, st.integers(-40, 40), st.integers(-40, 120)),
    st.sets(st.integers(-60, 60)),
    st.sets(st.sampled_from([-(2**63), -(2**63) + 1, 0, 1, 2**63 - 2, 2**63 - 1])),
)


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "TWIN_BYTES", 0)
    monkeypatch.setattr(twin, "LONG", 0)
    monkeypatch.setattr(session_module, "FEWEST", 1)


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries whose rows are streamed."""
    seen: list[str] = []
    stream = Database.stream

    def told(self: Database, sql: str, batch_rows: int) -> Any:
        seen.append(sql)
        return stream(self, sql, batch_rows)

    monkeypatch.setattr(Database, "stream", told)
    return seen


def ids_of(session: HomeSession, rows: int, chunk: Chunk = WHOLE) -> list[int]:
    batches = session.read(ReadRequest(batch_rows=rows), chunk)
    return [i for b in batches for i in b["id"].to_list()]


@given(ids=IDS, rows=st.integers(1, 9), bounds=st.tuples(st.integers(-50, 50), st.integers(0, 99)))
def test_all_rows_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, ids: Any, rows: int, bounds: tuple[int, int]
) -> None:
    expected = sorted(ids)
    path = make(
        tmp_path_factory.mktemp("t") / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)",
        rows={"t": [(i, f"x{i}") for i in expected]},
    )  # fmt: skip
    low, high = bounds[0], bounds[0] + bounds[1]
    with open_home(path) as session:
        assert ids_of(session, rows) == expected
    with open_home(path) as session:
        part = Chunk(1, "part", {"from": low, "below": high})
        assert ids_of(session, rows, part) == [i for i in expected if low <= i < high]


def test_both_read_while_ids_are_dense_and_one_the_rest(tmp_path: Path, queries: list[str]) -> None:
    ids = [*range(100), *range(10**12, 10**12 + 100)]
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        rows={"t": [(i,) for i in ids]},
    )  # fmt: skip
    with open_home(path) as session:
        assert ids_of(session, 10) == ids
    ranges = [q for q in queries if "BETWEEN" in q]
    assert 10 <= len(ranges) <= 14
    assert sum("BETWEEN" not in q for q in queries) == 1


@pytest.mark.parametrize(
    ("mode", "begun"),
    [("DELETE", None), ("DELETE", 0), ("WAL", None), ("WAL", 0), ("WAL", 1), ("WAL", 2)],
)
def test_a_commit_before_all_have_begun_leaves_one(
    mode: str, begun: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(
        tmp_path / "t.db", f"PRAGMA journal_mode = {mode}", "CREATE TABLE t (x INT)",
        rows={"t": [(0,)]},
    )  # fmt: skip
    begin, calls = twin.begin, iter(range(3))

    def begin_late(db: Database) -> None:
        if next(calls) == begun:
            with Database(path, "rw") as writer:
                writer.execute("UPDATE t SET x = x + 1")
        begin(db)

    monkeypatch.setattr(twin, "begin", begin_late)
    with open_reader(path) as db:
        twins = twin.twins_of(path, db, 2)
        assert len(twins) == (2 if begun is None else 0)
        assert db.rows("SELECT x FROM t") == [(1 if begun == 0 else 0,)]
        for other in twins:
            with other:
                assert other.rows("SELECT x FROM t") == [(0,)]


def test_a_writer_that_waits_lets_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (x INT)", rows={"t": [(0,)]})
    begin, first = twin.begin, list[Database]()
    with Database(path, "rw", timeout_s=0) as writer, open_reader(path) as db:

        def begin_and_wait(db: Database) -> None:
            if not first:
                begin(db)
                writer.execute("BEGIN IMMEDIATE")
                writer.execute("UPDATE t SET x = 1")
                with pytest.raises(TransientError, match="locked"):
                    writer.execute("COMMIT")  # it has shut the door to new readers, and waits
            else:
                begin(db)
            first.append(db)

        monkeypatch.setattr(twin, "begin", begin_and_wait)
        assert twin.twins_of(path, db, 2) == []
        assert len(first) == 1
        assert db.rows("SELECT x FROM t") == [(0,)]
        db.execute("COMMIT")
        writer.execute("COMMIT")
        assert db.rows("SELECT x FROM t") == [(1,)]


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """A database in which another connection keeps giving all rows one new number."""
    path = make(
        tmp_path / "t.db", "PRAGMA journal_mode = WAL",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT NOT NULL)",
        rows={"t": [(i, 0) for i in range(2000)]},
    )  # fmt: skip
    stop = threading.Event()

    def write() -> None:
        with Database(path, "rw") as writer:
            while not stop.wait(0.002):  # or, on some machines, no two readers begin between two
                writer.execute("UPDATE t SET n = n + 1")

    thread = threading.Thread(target=write)
    thread.start()
    yield path
    stop.set()
    thread.join()


def test_one_snapshot_beside_a_writer(busy: Path, queries: list[str]) -> None:
    shared = 0
    for _ in range(40):
        queries.clear()
        with open_home(busy) as session:
            batches = session.read(ReadRequest(batch_rows=100), WHOLE)
            numbers = [n for b in batches for n in b["n"].to_list()]
            assert session.count(ReadRequest(), WHOLE) == len(numbers) == 2000
        assert len(set(numbers)) == 1
        shared += any("BETWEEN" in q for q in queries)
    assert shared  # or there was nothing to prove
