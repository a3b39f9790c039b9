"""The pump: everything arrives once and in order; either side's failure ends the other at once."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.run.support import numbers

from hygge import BadValue, Cancelled
from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import CancelToken
from hygge.core.fields import Schema, parse_type
from hygge.core.load import Writer
from hygge.core.reading import HomeSession
from hygge.core.state import Receipt
from hygge.run.budget import ByteBudget
from hygge.run.pump import Meter, pump
from hygge.run.shape import shape_of
from hygge.run.sieve import Sieve
from hygge.sql.ahead import ahead

SHAPE = shape_of(Schema.of(numbers(0)))


class Source(HomeSession):
    """Yields what it is given; `cancel()` releases `blocked`."""

    def __init__(self, batches: Callable[[], Iterator[pl.DataFrame]]) -> None:
        self._batches = batches
        self.blocked = threading.Event()
        self.cancelled = 0
        self.ended_in: str | None = None

    def schema(self) -> Schema:
        return SHAPE.source

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        try:
            yield from self._batches()
        finally:
            self.ended_in = threading.current_thread().name

    def cancel(self) -> None:
        self.cancelled += 1
        self.blocked.set()


class Sink(Writer):
    def __init__(self, each: Callable[[pl.DataFrame], None] = lambda batch: None) -> None:
        self.taken: list[pl.DataFrame] = []
        self.finished = self.aborted = 0
        self._each = each

    def write(self, batch: pl.DataFrame) -> None:
        self._each(batch)
        self.taken.append(batch)

    def finish(self) -> Receipt:
        self.finished += 1
        return Receipt(0, sum(b.height for b in self.taken), 0)

    def abort(self) -> None:
        self.aborted += 1


def run(
    source: Source,
    sink: Sink,
    *,
    cancel: CancelToken | None = None,
    budget: ByteBudget | None = None,
    meter: Meter | None = None,
) -> Receipt:
    return pump(
        source, sink, Sieve(SHAPE, entity="e"), ReadRequest(), WHOLE, entity="e",
        cancel=cancel or CancelToken(), meter=meter or Meter(), budget=budget or ByteBudget(),
    ).receipt  # fmt: skip


def several(*sizes: int) -> Iterator[pl.DataFrame]:
    start = 0
    for size in sizes:
        yield numbers(size, start)
        start += size


@given(sizes=st.lists(st.integers(0, 50), max_size=30), limit=st.integers(1, 5000))
@settings(max_examples=40)
def test_everything_arrives_once_and_in_order(sizes: list[int], limit: int) -> None:
    budget, meter, sink = ByteBudget(limit), Meter(), Sink()
    receipt = run(Source(lambda: several(*sizes)), sink, budget=budget, meter=meter)
    arrived = [i for batch in sink.taken for i in batch["id"]]
    assert arrived == list(range(sum(sizes)))
    assert receipt.rows == meter.rows_read == meter.rows_written == sum(sizes)
    assert sink.finished == 1 and sink.aborted == 0
    assert budget.acquire(limit, urgent=lambda: False, stop=lambda: False), "all was given back"


def test_counts_of_both_sides_are_taken_apart() -> None:
    """Rows read are counted before they are shaped, rows written after they are taken."""
    meter = Meter()

    def refuse(batch: pl.DataFrame) -> None:
        if batch["id"][0] == 20:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(Source(lambda: several(10, 10, 10)), Sink(refuse), meter=meter)
    assert meter.rows_written == 20
    assert meter.rows_read == 30


def test_a_failing_reader_stops_the_writer_at_once() -> None:
    def broken() -> Iterator[pl.DataFrame]:
        yield numbers(5)
        raise ConnectionError("line dropped")

    sink = Sink()
    with pytest.raises(ConnectionError, match="line dropped"):
        run(Source(broken), sink)
    assert sink.finished == 0 and sink.aborted == 1


def test_a_failing_writer_stops_a_reader_that_is_blocked() -> None:
    source = Source(lambda: iter(()))

    def blocking() -> Iterator[pl.DataFrame]:
        yield numbers(5)
        assert source.blocked.wait(20)
        raise InterruptedError("the driver was told to stop")

    source._batches = blocking

    def refuse(batch: pl.DataFrame) -> None:
        raise OSError("disk full")

    sink, began = Sink(refuse), time.monotonic()
    with pytest.raises(OSError, match="disk full"):
        run(source, sink)
    assert time.monotonic() - began < 15, "it would wait for 20 s"
    assert source.cancelled and sink.aborted == 1


def test_a_failing_writer_stops_a_reader_that_waits_for_room() -> None:
    budget, read = ByteBudget(1), 0

    def endless() -> Iterator[pl.DataFrame]:
        nonlocal read
        while True:
            read += 1
            yield numbers(10)

    def refuse(batch: pl.DataFrame) -> None:
        time.sleep(0.1)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(Source(endless), Sink(refuse), budget=budget)
    assert read < 10, "the reader ran ahead of its budget"
    assert budget.acquire(1, urgent=lambda: False, stop=lambda: False)


def test_a_bad_value_ends_both_and_reading_is_wound_up_in_its_own_thread() -> None:
    def wrong() -> Iterator[pl.DataFrame]:
        yield numbers(5)
        yield pl.DataFrame({"id": ["x"], "value": [1]})
        yield numbers(5)

    source, sink = Source(wrong), Sink()
    with pytest.raises(BadValue, match="row 6"):
        run(source, sink)
    assert source.ended_in == "read e", "a driver's cursor is closed by the thread that used it"
    assert sink.aborted == 1


def test_a_writer_that_fails_winds_up_reading_before_the_session_is_closed() -> None:
    source = Source(lambda: several(*[10] * 100))

    def refuse(batch: pl.DataFrame) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(source, Sink(refuse), budget=ByteBudget(1))
    assert source.ended_in == "read e"


def cancelled_soon(token: CancelToken) -> threading.Timer:
    timer = threading.Timer(0.1, token.cancel, ["asked to"])
    timer.start()
    return timer


def test_cancelling_ends_a_blocked_reader() -> None:
    source = Source(lambda: iter(()))

    def blocking() -> Iterator[pl.DataFrame]:
        yield numbers(5)
        assert source.blocked.wait(20)

    source._batches = blocking
    token, sink, began = CancelToken(), Sink(), time.monotonic()
    cancelled_soon(token)
    with pytest.raises(Cancelled, match="asked to"):
        run(source, sink, cancel=token)
    assert time.monotonic() - began < 15, "it would wait for 20 s"
    assert sink.finished == 0 and sink.aborted == 1


def test_cancelling_counts_even_when_the_reader_ends_well_meanwhile() -> None:
    """A stop between the last batch and the receipt is still a stop."""
    token = CancelToken()
    sink = Sink(lambda batch: token.cancel("asked to"))
    with pytest.raises(Cancelled, match="asked to"):
        run(Source(lambda: several(5)), sink, cancel=token)
    assert sink.finished == 0 and sink.aborted == 1


def test_cancelled_beforehand_moves_nothing() -> None:
    token = CancelToken()
    token.cancel("no")
    sink = Sink()
    with pytest.raises(Cancelled):
        run(Source(lambda: several(5)), sink, cancel=token)
    assert not sink.finished


def test_what_went_wrong_first_is_told_though_cleaning_up_fails_too() -> None:
    class Clumsy(Sink):
        def abort(self) -> None:
            raise RuntimeError("cannot clean up")

    class Deaf(Source):
        def cancel(self) -> None:
            super().cancel()
            raise RuntimeError("cannot stop")

    source = Deaf(lambda: several(*[10] * 1000))

    def refuse(batch: pl.DataFrame) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(source, Clumsy(refuse), budget=ByteBudget(1))


def test_the_session_is_left_alone_after_all_went_well() -> None:
    """A cancellation later must not reach a session that may serve something else by then."""
    token, source = CancelToken(), Source(lambda: several(5))
    run(source, Sink(), cancel=token)
    token.cancel()
    assert source.cancelled == 0


def test_reading_and_writing_overlap() -> None:
    """Each batch is read while the one before it is written."""
    both = threading.Barrier(2, timeout=20)

    def read() -> Iterator[pl.DataFrame]:
        yield numbers(1)
        for start in range(1, 5):
            both.wait()
            yield numbers(1, start)

    def write(batch: pl.DataFrame) -> None:
        if batch["id"][0] < 4:
            both.wait()

    run(Source(read), Sink(write))
    assert both.n_waiting == 0


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no turns of their own there")
def test_where_processors_are_few_the_writer_goes_first() -> None:
    nice: dict[str, int] = {}

    def noted(who: str) -> None:
        nice[who] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def read() -> Iterator[pl.DataFrame]:
        yield from several(5)
        noted("reads")
        yield from ahead(lambda: noted("ahead"))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    run(Source(read), Sink(lambda batch: noted("writes")))
    assert nice["writes"] == before < nice["reads"] == nice["ahead"]


def test_many_pumps_share_a_small_budget_without_standing_still() -> None:
    budget, size = ByteBudget(2000), int(numbers(20).estimated_size())
    waiting = threading.Lock()
    queued = high = 0

    class Counted(Source):
        def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
            nonlocal queued, high
            for batch in self._batches():
                yield batch
                with waiting:  # reached once the batch before has been let in
                    queued += 1
                    high = max(high, queued)

    def take(batch: pl.DataFrame) -> None:
        nonlocal queued
        with waiting:
            queued -= 1
        time.sleep(0.0005)

    sinks = [Sink(take) for _ in range(10)]
    threads = [
        threading.Thread(
            target=run, args=(Counted(lambda: several(*[20] * 60)), sink),
            kwargs={"budget": budget}, daemon=True,
        )
        for sink in sinks
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert all(sum(b.height for b in sink.taken) == 1200 for sink in sinks)
    assert high <= 2000 // size + len(sinks) + 1


def test_cast_values_are_measured_as_they_are_handed_on() -> None:
    shape = shape_of(Schema.of(numbers(0)), cast={"id": parse_type("int32")})
    meter, sink = Meter(), Sink()
    pump(
        Source(lambda: several(100)), sink, Sieve(shape, entity="e"), ReadRequest(), WHOLE,
        entity="e", cancel=CancelToken(), meter=meter,
    )  # fmt: skip
    assert meter.bytes_read == 100 * (4 + 8)


class Counting(Source):
    """A source that can count, or not."""

    def __init__(self, rows: int, answer: Callable[[], int]) -> None:
        super().__init__(lambda: several(rows))
        self._answer = answer

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        return self._answer()


def test_the_source_counts_while_the_last_rows_are_written() -> None:
    counting = threading.Event()

    class Late(Sink):
        def finish(self) -> Receipt:
            assert counting.wait(10)
            return super().finish()

    def answer() -> int:
        counting.set()
        return 7

    pumped = pump(
        Counting(5, answer), Late(), Sieve(SHAPE, entity="e"), ReadRequest(), WHOLE, entity="e",
        cancel=CancelToken(), meter=Meter(),
    )  # fmt: skip
    assert (pumped.receipt.rows, pumped.rows_source) == (5, 7)


def test_a_count_that_fails_fails_the_chunk() -> None:
    def answer() -> int:
        raise ConnectionError("gone")

    sink = Sink()
    with pytest.raises(ConnectionError, match="gone"):
        run(Counting(5, answer), sink)
    assert sink.aborted
