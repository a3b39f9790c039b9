"""Into how many chunks an entity is split, and who reads them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.run.support import ShelfStore, numbers, planned
from tests.run.versioned import VersionedHome, VersionedSession

from hygge import Store
from hygge.core.chunk import Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import Cancelled, DataError, HyggeError
from hygge.core.load import LoadRequest
from hygge.core.reading import HomeSession
from hygge.run.attempt import Attempt, Moved
from hygge.run.chunks import (
    AUTO_BYTES,
    AUTO_MOST,
    AUTO_ROWS,
    MOST_ASKED,
    MOST_WORKERS,
    PROCESS_SEATS,
    Seats,
    of_chunks,
    pieces,
    split_up,
)  # fmt: skip
from hygge.run.crew import Crew
from hygge.run.pump import Meter
from hygge.run.shape import shape_of
from hygge.run.task import ChunkTask

sizes = st.one_of(st.none(), st.integers(0, 10**15))


def home_of(folder: Path, rows: int = 1000, **settings: Any) -> VersionedHome:
    home = VersionedHome("t", path=str(folder / "source"), **settings)
    home.put(numbers(rows))
    return home


def attempt(home: VersionedHome, store: Any, root: Path, **settings: Any) -> Moved:
    plan = planned(home, store, root, **settings)
    return Attempt(plan, Context("run"), meter=Meter()).run()


def shelf(root: Path) -> ShelfStore:
    return ShelfStore("shelf").bind_to(root)


@given(rows=sizes, size=sizes)
def test_auto_splits_what_is_big(rows: int | None, size: int | None) -> None:
    count = pieces("auto", Estimate(rows, size))
    assert 1 <= count <= AUTO_MOST
    big = (size or 0) >= 2 * AUTO_BYTES or (rows or 0) >= 2 * AUTO_ROWS
    assert (count > 1) == big
    if 1 < count < AUTO_MOST:
        assert (size or 0) // count >= AUTO_BYTES or (rows or 0) // count >= AUTO_ROWS
    assert pieces("off", Estimate(rows, size)) == 1
    assert pieces(7, Estimate(rows, size)) == 7


@pytest.mark.parametrize(
    ("setting", "shares", "size", "chunks", "workers"),
    [
        ("auto", True, 6 * AUTO_BYTES, 6, MOST_WORKERS),
        ("auto", False, 6 * AUTO_BYTES, 1, 1),
        ("auto", True, AUTO_BYTES, 1, 1),
        ("auto", True, None, 1, 1),
        ("off", True, 6 * AUTO_BYTES, 1, 1),
        (12, True, None, 12, MOST_ASKED),
        (3, False, None, 3, 3),
        (1, True, None, 1, 1),
    ],
)
def test_what_is_split(
    tmp_path: Path, setting: Any, shares: bool, size: int | None, chunks: int, workers: int
) -> None:
    home = home_of(tmp_path, shares=shares, bytes=size)
    with home.open(Context()) as session:
        split = split_up(session, ReadRequest(), setting, session.estimate(ReadRequest()))
        assert (len(split.chunks), split.workers) == (chunks, workers)
        assert split.shared == (shares and chunks > 1)
        alone = split.consistency(session, 1)
        assert alone == "one snapshot"
        several = split.consistency(session, 3)
        assert several == (
            "one snapshot" if split.shared else "each chunk by itself (one snapshot)"
        )


def test_the_attempts_own_session_reads_alone_where_there_is_no_other(tmp_path: Path) -> None:
    home, store = home_of(tmp_path, connections=0), shelf(tmp_path)
    moved = attempt(home, store, tmp_path, chunks=5)
    assert store.rows.sort("id").equals(home.frame)
    assert moved.proof is not None
    assert (moved.proof.chunks, moved.proof.consistency) == (5, "one snapshot")


def test_sessions_beside_read_the_same_snapshot(tmp_path: Path) -> None:
    """Though rows come, go and change their keys while the chunks are read."""
    home, store = home_of(tmp_path), shelf(tmp_path)
    before = home.frame

    def change(batch: pl.DataFrame) -> None:
        with lock:
            home.put(home.frame.with_columns(id=1500 - pl.col("id")))

    lock = threading.Lock()
    store.faults.write = change
    moved = attempt(home, store, tmp_path, chunks=8)
    assert store.rows.sort("id").equals(before)
    assert moved.proof is not None and moved.proof.consistency == "one snapshot"


def test_without_a_shared_snapshot_the_proof_says_so(tmp_path: Path) -> None:
    home, store = home_of(tmp_path, shares=False), shelf(tmp_path)
    moved = attempt(home, store, tmp_path, chunks=4)
    assert moved.proof is not None
    assert moved.proof.consistency == "each chunk by itself (one snapshot)"


def test_auto_splits_big_tables_by_itself(tmp_path: Path) -> None:
    home, store = home_of(tmp_path, bytes=5 * AUTO_BYTES), shelf(tmp_path)
    moved = attempt(home, store, tmp_path)
    assert moved.proof is not None and moved.proof.chunks == 5
    assert store.rows.sort("id").equals(home.frame)
    assert PROCESS_SEATS.further(1) == 1, "every seat was given back"
    PROCESS_SEATS.leave(1)


def test_a_store_that_is_written_by_one_writer_gets_one_piece(tmp_path: Path) -> None:
    class OneWriter(ShelfStore, type="test_one_writer"):
        writer = Store.writer

    store = OneWriter("shelf").bind_to(tmp_path)
    home = home_of(tmp_path)
    moved = attempt(home, store, tmp_path, chunks=4)
    assert moved.proof is not None and moved.proof.chunks == 1
    assert planned(home, store, tmp_path, chunks=4).notes == (
        "`chunks: 4` is one piece all the same: a Store of type 'test_one_writer' has one writer",
    )
    assert planned(home, store, tmp_path).notes == ()


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 8))
def test_seats(wishes: list[int], most: int) -> None:
    """Further readers never make it crowded; first ones and those asked for may."""
    seats = Seats(most)
    with seats.first():
        taken = sum(seats.further(wish) for wish in wishes)
        assert taken == min(sum(wishes), most - 1)
        assert not seats.crowded
        assert seats.further(most, asked=True) == most
        assert seats.crowded
        seats.leave(most + taken)
    assert seats.further(most + 1) == most


class Watched(VersionedSession):
    """A session that notes who reads which chunk, and waits in it until it is let go."""

    def __init__(self, home: Any, log: list[tuple[int, int]], gates: dict[Any, Any]) -> None:
        super().__init__(home)
        self._log, self._gates = log, gates

    def read(self, request: ReadRequest, chunk: Chunk) -> Any:
        self._log.append((id(self), chunk.index))
        if gate := self._gates.get(chunk.index):
            gate()
        yield from super().read(request, chunk)

    def cancel(self) -> None:
        if gate := self._gates.get("cancel"):
            gate()


class WatchedHome(VersionedHome, type="test_watched"):
    log: list[tuple[int, int]]
    gates: dict[Any, Any]

    def open(self, context: Context) -> HomeSession:
        return Watched(self, self.log, self.gates)


def crew_of(
    tmp_path: Path, chunks: int, seats: Seats, gates: dict[Any, Any], *, asked: bool = False,
    write: Callable[[pl.DataFrame], None] | None = None,
) -> tuple[list[tuple[int, int]], int]:  # fmt: skip
    """Who read which chunk, in order, and how many read."""
    home = WatchedHome("t", path=str(tmp_path / "source"))
    home.put(numbers(chunks * 10))
    home.log, home.gates = [], gates
    store = shelf(tmp_path)
    store.faults.write = write
    plan = planned(home, store, tmp_path)
    shape = shape_of(home.open(Context()).schema())
    load = store.open(Context()).begin(LoadRequest("t", "replace", shape.target, "f", "load"))
    with home.open(Context()) as reading, seats.first():
        request = ReadRequest(snapshot=reading.share())
        split = of_chunks(request, reading.split(request, chunks), asked=asked)
        crew = Crew(
            plan.home, reading, split, load,
            lambda chunk: ChunkTask(home, store, shape, request, chunk, load.ticket, "t", "run"),
            done=lambda result: None, context=Context(), meter=Meter(), tick=lambda: None,
            seats=seats,
        )  # fmt: skip
        results = crew.run()
    assert [r.receipt.chunk for r in results] == list(range(chunks))
    assert sum(r.rows_read for r in results) == chunks * 10
    load.abort()
    return home.log, crew.readers


def test_further_readers_come_when_a_seat_is_free(tmp_path: Path) -> None:
    """One entity of two ends while the other is read: its seat goes to a second reader."""
    seats = Seats(2)
    other = seats.first()
    other.__enter__()
    log, readers = crew_of(tmp_path, 6, seats, {2: lambda: other.__exit__(None, None, None)})
    assert readers == 2
    first = log[0][0]
    assert [reader for reader, chunk in log if chunk <= 2] == [first] * 3


def test_further_readers_go_when_others_come(tmp_path: Path) -> None:
    """A second reader finishes its chunk and leaves its seat to an entity that has begun."""
    seats, came = Seats(2), threading.Event()
    others = [seats.first(), seats.first()]

    def come() -> None:
        for other in others:
            other.__enter__()
        came.set()

    log, readers = crew_of(tmp_path, 20, seats, {0: came.wait, 1: come})
    assert readers == 2
    assert sorted(Counter(reader for reader, _ in log).values()) == [1, 19]
    for other in others:
        other.__exit__(None, None, None)
    assert not seats.crowded


def test_asked_for_readers_stay(tmp_path: Path) -> None:
    meet = threading.Barrier(4)
    _, readers = crew_of(tmp_path, 4, Seats(1), dict.fromkeys(range(4), meet.wait), asked=True)
    assert readers == 4


@pytest.mark.parametrize("heard", ["stopped", "copy"])
def test_the_error_that_stopped_the_others_is_told(tmp_path: Path, heard: str) -> None:
    """Though a writer that was stopped with it, or heard of it, may be at its end sooner."""
    cause, meet, stopped = DataError("the cause"), threading.Barrier(2), threading.Event()
    first: HyggeError = Cancelled("a writer was stopped") if heard == "stopped" else DataError("it")
    if heard == "copy":
        first.__cause__ = cause

    def write(batch: pl.DataFrame) -> None:
        meet.wait()
        if batch["id"][0] == 0:
            raise first
        stopped.wait()
        raise cause

    gates: dict[Any, Any] = {"cancel": stopped.set}
    with pytest.raises(HyggeError) as told:
        crew_of(tmp_path, 2, Seats(2), gates, asked=True, write=write)
    assert told.value is cause
