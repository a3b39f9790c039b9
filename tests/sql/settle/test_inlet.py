"""What the way into a table does with batches that writers put."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, cast

import polars as pl
import pytest

from hygge.core.errors import BadValue, Cancelled, DataError, HyggeError, VerifyError
from hygge.core.fields import Schema
from hygge.sql.settle import inlet
from hygge.sql.settle.inlet import Inlet, Parcel, _Sent
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import ENDLESS, Settler, WayIn

FIELDS = Schema.of(pl.DataFrame({"k": [1]}))


class Way:
    """Keeps what it takes, stream by stream, in place of a database."""

    def __init__(self) -> None:
        self.streams: list[list[int]] = []
        self.begun, self.ended = threading.Semaphore(0), threading.Semaphore(0)
        self.dropped = threading.Event()
        self.stalls = False
        self.refused: int | None = None
        self.between: Callable[[], object] = lambda: None  # called after each batch
        self.loses = self.drops = self.ends = 0

    def take(self, batches: Iterable[pl.DataFrame]) -> int:
        stream: list[int] = []
        self.streams.append(stream)
        self.begun.release()
        try:
            if self.stalls and self.dropped.wait(60):
                raise DataError("dropped")
            for batch in batches:
                if self.refused in batch["k"].to_list():
                    raise DataError("refused")
                stream += batch["k"].to_list()
                self.between()
        finally:
            self.ended.release()
        return len(stream) - self.loses

    def drop(self) -> None:
        self.drops += 1
        self.dropped.set()

    def end(self) -> None:
        self.ends += 1


class Blaming:
    at_once, done_with = 40, False

    def __init__(self, way: Way) -> None:
        self._way = way

    def way_in(self, *_: Any) -> WayIn:
        return cast("WayIn", self._way)

    def blame(
        self, error: DataError, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> HyggeError:
        found = batch["k"].index_of(self._way.refused)
        if found is None:
            return error
        return BadValue(
            entity=entity, column="k", row=f"row {offset + found}", value=self._way.refused,
            declared="int64", at=offset + found,
        )  # fmt: skip


class Line:
    """A connection on which a statement waits until it is cancelled."""

    statement_s = 0.0

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


@pytest.fixture
def way() -> Way:
    return Way()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def into(way: Way, line: Line, monkeypatch: pytest.MonkeyPatch) -> Inlet:
    for patience in ("PATIENCE_S", "LONGEST_S", "LEAVE_S"):
        monkeypatch.setattr(inlet, patience, 60)
    settler = cast("Settler", Blaming(way))
    return Inlet(settler, cast("Any", line), Place("it", "s", "t"), "t", FIELDS, "orders")


def put(to: Inlet, first: int, rows: int = 2, *, chunk: int = 0) -> None:
    to.put(parcel(first, rows, chunk))


def parcel(first: int, rows: int = 2, chunk: int = 0) -> Parcel:
    batch = pl.DataFrame({"k": list(range(first, first + rows))})
    return Parcel(batch, batch, first, batch.height * 8, chunk)


def test_a_stream_ends_where_it_has_had_enough_and_where_somebody_waits_for_it(
    way: Way, into: Inlet
) -> None:
    into.join()
    for first in range(0, 10, 2):
        put(into, first)
    into.settle(0)
    put(into, 10)
    into.settle(0)
    assert way.streams == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9], [10, 11]]
    into.leave(True)
    assert (way.ends, way.drops) == (1, 0)


def test_a_stream_ends_where_nothing_comes(
    way: Way, into: Inlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inlet, "PATIENCE_S", 0.001)
    into.join()
    put(into, 0)
    assert way.ended.acquire(timeout=60)  # though nobody has asked for it
    put(into, 2)
    into.settle(0)
    into.leave(True)
    assert way.streams == [[0, 1], [2, 3]]


def test_the_last_writer_ends_it_and_another_may_come(way: Way, into: Inlet) -> None:
    into.join()
    into.join()
    put(into, 0)
    into.settle(0)
    into.leave(True)
    assert way.ends == 0
    into.leave(True)
    into.join()
    put(into, 2)
    into.settle(0)
    into.leave(True)
    assert (way.streams, way.ends) == ([[0, 1], [2, 3]], 2)


def test_nothing_put_is_nothing_sent(way: Way, into: Inlet) -> None:
    into.join()
    into.settle(0)
    into.leave(True)
    assert (way.streams, way.ends) == ([], 1)


def test_a_stream_ends_where_it_has_lasted_long(
    way: Way, into: Inlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a source that gives a little all the time would have it run into the server's limit."""
    monkeypatch.setattr(inlet, "LONGEST_S", 0)
    into.join()
    put(into, 0)
    put(into, 2)
    into.settle(0)
    into.leave(True)
    assert way.streams == [[0, 1], [2, 3]]


def test_a_stream_ends_long_before_a_statement_must(way: Way, line: Line, into: Inlet) -> None:
    line.statement_s = 0.2
    settler = cast("Settler", Blaming(way))
    hurried = Inlet(settler, cast("Any", line), Place("it", "s", "t"), "t", FIELDS, "orders")
    hurried.join()
    put(hurried, 0)
    assert way.ended.acquire(timeout=30)  # long before LONGEST_S, and the patience for more
    way.between = lambda: time.sleep(0.11)
    put(hurried, 2)
    put(hurried, 4)
    hurried.settle(0)
    hurried.leave(True)
    assert way.streams == [[0, 1], [2, 3], [4, 5]]


def test_who_waits_does_not_wait_for_what_others_put_later(way: Way, into: Inlet) -> None:
    def meanwhile() -> None:
        way.between = lambda: None
        with into._turn:
            into._turn.wait_for(lambda: into._asked)
        put(into, 2, chunk=1)

    way.between = meanwhile
    into.join()
    into.join()
    put(into, 0)
    into.settle(0)
    into.settle(1)
    assert way.streams == [[0, 1], [2, 3]]
    into.leave(True)
    into.leave(True)


def waits_beside(into: Inlet, other: Callable[[], None]) -> threading.Thread:
    """One writer puts a batch and waits for it, while a thread of another one's is at work."""
    into.join()
    into.join()
    put(into, 0)
    thread = threading.Thread(target=other)
    thread.start()
    into.settle(0)
    return thread


def test_where_streams_are_long_who_waits_does_so_until_all_others_do(
    way: Way, into: Inlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Blaming, "at_once", ENDLESS)

    def other() -> None:
        with into._turn:
            into._turn.wait_for(lambda: into._waiting)
        for first in range(2, 10, 2):
            put(into, first, chunk=1)
        into.settle(1)
        into.leave(True)

    thread = waits_beside(into, other)
    thread.join()
    put(into, 10)
    into.settle(0)
    into.leave(True)
    assert way.streams == [list(range(10)), [10, 11]]


def test_nobody_waits_long_for_a_writer_that_goes_on(
    way: Way, into: Inlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Blaming, "at_once", ENDLESS)
    monkeypatch.setattr(inlet, "WAITS_S", 0.05)
    there = threading.Event()

    def other() -> None:
        for first in range(2, 10_000, 2):
            put(into, first, chunk=1)
            if there.wait(0.01):
                break
        into.leave(True)

    thread = waits_beside(into, other)
    there.set()
    thread.join()
    into.leave(True)
    assert 2 <= len(way.streams[0]) < 1_000
    sent = list(chain.from_iterable(way.streams))
    assert sent == list(range(len(sent)))


def test_of_batches_that_are_done_with_only_those_under_way_are_kept() -> None:
    sent, parcels = _Sent(done_with=True), [parcel(first) for first in range(0, 8, 2)]
    for each in parcels[:3]:
        sent.add(each)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(sent.add, parcels[3]).result()
    assert list(sent.kept.values()) == [parcels[at] for at in (0, 2, 3)]
    assert (sent.parcels, sent.rows) == (4, 8)


def test_what_is_refused_is_named_to_all(way: Way, into: Inlet) -> None:
    """To its own writer so that it can be named otherwise, and to others as it is: where it stands
    in a file is not where theirs do."""
    way.refused = 3
    into.join()
    into.join()
    put(into, 0, chunk=0)
    put(into, 2, chunk=1)
    for tell in (lambda: into.settle(1), lambda: put(into, 4, chunk=1)):
        with pytest.raises(BadValue, match=r"orders\.k, row 3: 3 does not fit") as own:
            tell()
        assert own.value.at == 3
    for tell in (lambda: into.settle(0), lambda: put(into, 4, chunk=0)):
        with pytest.raises(DataError, match=r"orders\.k, row 3: 3 does not fit") as others:
            tell()
        assert (others.value.at, others.value.__cause__) == (None, own.value)
    into.leave(False)
    into.leave(False)
    assert way.streams == [[0, 1]]


def test_rows_that_were_not_taken(way: Way, into: Inlet) -> None:
    way.loses = 1
    into.join()
    put(into, 0)
    with pytest.raises(VerifyError, match="2 rows were sent, and 1 taken"):
        into.settle(0)
    into.leave(False)


def test_a_writer_that_stops_ends_the_stream_under_way(way: Way, into: Inlet) -> None:
    into.join()
    into.join()
    put(into, 0)
    into.leave(False)  # without the patience that a stream has
    assert way.drops
    with pytest.raises(Cancelled):
        put(into, 2)
    with pytest.raises(Cancelled):
        into.settle(0)
    into.stop()  # once more
    into.leave(False)
    assert way.streams in ([], [[]], [[0, 1]])
    assert not into.under_way


def test_a_database_that_takes_no_more_is_dropped_before_it_is_waited_for(
    way: Way, into: Inlet
) -> None:
    way.stalls = True
    into.join()
    put(into, 0)
    assert way.begun.acquire(timeout=60)
    into.leave(False)
    assert way.ended.acquire(blocking=False)
    assert way.streams == [[]]  # else it would have gone on in the end


def test_a_statement_that_does_not_end_is_cancelled(
    way: Way, line: Line, into: Inlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that waits for a lock which somebody else holds."""
    monkeypatch.setattr(inlet, "LEAVE_S", 0.001)
    begun = threading.Event()
    way.between = lambda: begun.set() or line.cancelled.wait()
    into.join()
    put(into, 0)
    begun.wait()
    into.leave(False)
    assert line.cancelled.is_set()
    assert not into.under_way
