"""What the way into a table does with batches that writers put."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, cast

import polars as pl
import pytest

from hygge.core.errors import Cancelled, DataError, HyggeError, VerifyError
from hygge.core.fields import Schema
from hygge.sql.settle import inlet
from hygge.sql.settle.inlet import Inlet, Parcel
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler, WayIn

FIELDS = Schema.of(pl.DataFrame({"k": [1]}))


class Way:
    """Keeps what it takes, stream by stream, in place of a database."""

    def __init__(self) -> None:
        self.streams: list[list[int]] = []
        self.begun, self.ended = threading.Semaphore(0), threading.Semaphore(0)
        self.dropped = threading.Event()
        self.stalls = False
        self.refused: int | None = None
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
        finally:
            self.ended.release()
        return len(stream) - self.loses

    def drop(self) -> None:
        self.drops += 1
        self.dropped.set()

    def end(self) -> None:
        self.ends += 1


class Blaming:
    at_once = 40

    def __init__(self, way: Way) -> None:
        self._way = way

    def way_in(self, *_: Any) -> WayIn:
        return cast("WayIn", self._way)

    def blame(
        self, error: DataError, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> HyggeError:
        found = batch["k"].index_of(self._way.refused)
        return error if found is None else DataError(f"row {offset + found} of {entity}")


@pytest.fixture
def way() -> Way:
    return Way()


@pytest.fixture
def into(way: Way, monkeypatch: pytest.MonkeyPatch) -> Inlet:
    monkeypatch.setattr(inlet, "PATIENCE_S", 60)
    settler = cast("Settler", Blaming(way))
    return Inlet(settler, cast("Any", None), Place("it", "s", "t"), "t", FIELDS, "orders")


def put(to: Inlet, first: int, rows: int = 2) -> None:
    batch = pl.DataFrame({"k": list(range(first, first + rows))})
    to.put(Parcel(batch, batch, first, batch.height * 8))


def test_a_stream_ends_where_it_has_had_enough_and_where_somebody_waits_for_it(
    way: Way, into: Inlet
) -> None:
    into.join()
    for first in range(0, 10, 2):
        put(into, first)
    into.settle()
    put(into, 10)
    into.settle()
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
    into.settle()
    into.leave(True)
    assert way.streams == [[0, 1], [2, 3]]


def test_the_last_writer_ends_it_and_another_may_come(way: Way, into: Inlet) -> None:
    into.join()
    into.join()
    put(into, 0)
    into.settle()
    into.leave(True)
    assert way.ends == 0
    into.leave(True)
    into.join()
    put(into, 2)
    into.settle()
    into.leave(True)
    assert (way.streams, way.ends) == ([[0, 1], [2, 3]], 2)


def test_nothing_put_is_nothing_sent(way: Way, into: Inlet) -> None:
    into.join()
    into.settle()
    into.leave(True)
    assert (way.streams, way.ends) == ([], 1)


def test_what_is_refused_is_named_to_all(way: Way, into: Inlet) -> None:
    way.refused = 3
    into.join()
    into.join()
    put(into, 0)
    put(into, 2)
    for tell in (into.settle, into.settle, lambda: put(into, 4)):
        with pytest.raises(DataError, match="row 3 of orders"):
            tell()
    into.leave(False)
    into.leave(False)
    assert way.streams == [[0, 1]]


def test_rows_that_were_not_taken(way: Way, into: Inlet) -> None:
    way.loses = 1
    into.join()
    put(into, 0)
    with pytest.raises(VerifyError, match="2 rows were sent, and 1 taken"):
        into.settle()
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
        into.settle()
    into.stop()  # once more
    into.leave(False)
    assert way.streams in ([], [[]], [[0, 1]])


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
