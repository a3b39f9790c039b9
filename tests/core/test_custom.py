"""Connectors of one method: whatever the body of `read_batches` or `write` is."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import BadValue, Cancelled, ConfigError, DataError, SchemaDrift
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.home import Home
from hygge.core.store import Store

FRAMES = [pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [3]})]
ROWS = [1, 2, 3]


class Traced(Home, type="test_traced"):
    """Notes in which thread it ran and whether its generator was closed."""

    declared: Any = None
    batches = 3
    pause = 0.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.events: list[str] = []
        self.closed = threading.Event()

    def fields(self) -> Any:
        return self.declared


class AsyncTraced(Traced, type="test_async_traced"):
    async def read_batches(self) -> AsyncIterator[pl.DataFrame]:
        try:
            for n in range(self.batches):
                self.events.append(f"gave {n}")
                yield pl.DataFrame({"a": [n]})
                await asyncio.sleep(self.pause)
        finally:
            await asyncio.sleep(0)
            self.events.append("closed")
            self.closed.set()


class SyncTraced(Traced, type="test_sync_traced"):
    def read_batches(self) -> Iterator[pl.DataFrame]:
        try:
            for n in range(self.batches):
                self.events.append(f"gave {n}")
                yield pl.DataFrame({"a": [n]})
                time.sleep(self.pause)
        finally:
            self.events.append("closed")
            self.closed.set()


def home_of(body: Any, declared: Any = None, name: str = "") -> Home:
    class Made(Home, type="test_made"):
        read_batches = body

        def fields(self) -> Any:
            return declared

    return Made(name)


def rows_of(home: Home) -> list[Any]:
    return [v for df in home.read_sync() for v in df["a"]]


async def collect(home: Home) -> list[Any]:
    return [v async for df in home.read() for v in df["a"]]


# Bodies -----------------------------------------------------------------------------------------


async def async_generator(self: Home) -> AsyncIterator[pl.DataFrame]:
    for frame in FRAMES:
        await asyncio.sleep(0)
        yield frame


def generator(self: Home) -> Iterator[pl.DataFrame]:
    yield from FRAMES


def plain_list(self: Home) -> list[pl.DataFrame]:
    return FRAMES


async def coroutine_of_a_list(self: Home) -> list[pl.DataFrame]:
    await asyncio.sleep(0)
    return FRAMES


def one_frame(self: Home) -> pl.DataFrame:
    return pl.concat(FRAMES)


async def coroutine_of_a_frame(self: Home) -> pl.DataFrame:
    return pl.concat(FRAMES)


def lazy_frame(self: Home) -> pl.LazyFrame:
    return pl.concat(FRAMES).lazy()


def lazy_frames(self: Home) -> Iterator[pl.LazyFrame]:
    yield from (f.lazy() for f in FRAMES)


def arrow_tables(self: Home) -> Iterator[pa.Table]:
    yield from (f.to_arrow() for f in FRAMES)


def one_arrow_table(self: Home) -> pa.Table:
    return pl.concat(FRAMES).to_arrow()


def record_batches(self: Home) -> Iterator[pa.RecordBatch]:
    yield from pl.concat(FRAMES).to_arrow().to_batches()


async def coroutine_of_a_generator(self: Home) -> Iterator[pl.DataFrame]:
    return iter(FRAMES)


async def coroutine_of_an_async_generator(self: Home) -> AsyncIterator[pl.DataFrame]:
    return async_generator(self)


BODIES = [
    async_generator, generator, plain_list, coroutine_of_a_list, one_frame, coroutine_of_a_frame,
    lazy_frame, lazy_frames, arrow_tables, one_arrow_table, record_batches,
    coroutine_of_a_generator, coroutine_of_an_async_generator,
]  # fmt: skip


@pytest.mark.parametrize("declared", [None, {"a": "int64"}], ids=["inferred", "declared"])
@pytest.mark.parametrize("body", BODIES, ids=lambda b: b.__name__)
async def test_every_body_gives_its_rows(body: Any, declared: Any) -> None:
    home = home_of(body, declared)
    assert await collect(home) == ROWS
    assert await asyncio.to_thread(rows_of, home) == ROWS
    assert await collect(home) == ROWS


@pytest.mark.parametrize("declared", [None, {"a": "int64"}], ids=["inferred", "declared"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_body_of_pass_says_what_to_do(is_async: bool, declared: Any) -> None:
    def plain(self: Home) -> None:
        pass

    async def coroutine(self: Home) -> None:
        pass

    with pytest.raises(DataError, match=r"gave no batches[\s\S]*hint: `yield` at least one"):
        rows_of(home_of(coroutine if is_async else plain, declared))


@pytest.mark.parametrize("is_async", [False, True])
def test_a_generator_that_yields_nothing_says_so_unless_its_fields_are_declared(
    is_async: bool,
) -> None:
    def plain(self: Home) -> Iterator[pl.DataFrame]:
        yield from ()

    async def coroutine(self: Home) -> AsyncIterator[pl.DataFrame]:
        for frame in ():
            yield frame

    body = coroutine if is_async else plain
    with pytest.raises(DataError, match="gave no batches"):
        rows_of(home_of(body))
    assert rows_of(home_of(body, {"a": "int64"})) == []


def test_no_body_at_all() -> None:
    class Bare(Home, type="test_bare"):
        pass

    with pytest.raises(ConfigError, match=r"Bare has no read_batches\(\)"):
        rows_of(Bare())


NO_FRAMES = [5, "text", {"a": [1]}, [1, 2], None, pl.Series([1]), pa.array([1])]


@pytest.mark.parametrize("given", NO_FRAMES, ids=lambda g: type(g).__name__)
def test_what_is_no_frame_is_named(given: Any) -> None:
    def body(self: Home) -> Iterator[Any]:
        yield given

    said = "None" if given is None else f"a {type(given).__name__}"
    with pytest.raises(DataError, match=f"gave {said}"):
        rows_of(home_of(body))


def test_a_body_that_returns_no_frames_at_all() -> None:
    with pytest.raises(DataError, match="gave a int"):
        rows_of(home_of(lambda self: 5))


def test_a_frame_with_no_rows_keeps_its_columns() -> None:
    home = home_of(lambda self: pl.DataFrame(schema={"a": pl.Date}))
    with home.open(Context()) as session:
        assert session.schema() == Schema([Field("a", parse_type("date"))])
        assert [b.height for b in session.read(ReadRequest(), WHOLE)] == [0]


# Types ------------------------------------------------------------------------------------------


def test_batches_that_drift_become_what_carries_both() -> None:
    def body(self: Home) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [None], "b": [1]})
        yield pl.DataFrame({"a": ["x"], "b": [2.5]})
        yield pl.DataFrame({"b": [3], "a": ["y"]})

    out = pl.concat(list(home_of(body).read_sync()))
    assert out.schema == {"a": pl.String, "b": pl.Float64}
    assert out.rows() == [(None, 1.0), ("x", 2.5), ("y", 3.0)]


def test_integers_that_no_float_holds_are_an_error_and_not_rounded() -> None:
    def body(self: Home) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [2**53 + 1]})
        yield pl.DataFrame({"a": [2.5]})

    with pytest.raises(BadValue, match="9007199254740993 does not fit float64"):
        rows_of(home_of(body))


def test_batches_that_cannot_be_bridged_say_what_to_declare() -> None:
    def body(self: Home) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [1]})
        yield pl.DataFrame({"a": ["x"]})

    with pytest.raises(SchemaDrift, match=r"orders: 'a' came as int64 and as string[\s\S]*fields"):
        rows_of(home_of(body, name="orders"))


@pytest.mark.parametrize("declared", [None, {"a": "int64"}], ids=["inferred", "declared"])
def test_a_column_that_comes_or_goes_is_named(declared: Any) -> None:
    def body(self: Home) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [1]})
        yield pl.DataFrame({"a": [1], "b": [2]})

    with pytest.raises(SchemaDrift, match="undeclared 'b'"):
        rows_of(home_of(body, declared))


def test_declared_fields_hold_every_batch() -> None:
    def body(self: Home) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": ["1.50"]})
        yield pl.DataFrame({"a": [2]})
        yield pl.DataFrame({"a": [None]})
        yield pl.DataFrame({"a": [1.005]})

    with pytest.raises(BadValue, match=r"row 4: 1\.005 does not fit decimal\(5,2\)"):
        rows_of(home_of(body, {"a": "decimal(5,2)"}))
    home = home_of(lambda self: list(body(self))[:3], {"a": pl.Decimal(5, 2)})
    assert rows_of(home) == [Decimal("1.50"), Decimal("2.00"), None]


def test_types_of_the_settings_win() -> None:
    class Settled(Home, type="test_settled"):
        def read_batches(self) -> Any:
            return pl.DataFrame({"a": ["1", "2"]})

    assert rows_of(Settled(types={"a": "int8"})) == [1, 2]
    with pytest.raises(ConfigError, match="did you mean 'int8'"):
        Settled(types={"a": "intt8"})


@pytest.mark.parametrize("declared", [{"a": "no_such"}, {"a": pl.Int128}, {"a": 5}])
def test_fields_that_are_no_types(declared: Any) -> None:
    with pytest.raises(ConfigError, match=r"fields\(\)"):
        rows_of(home_of(lambda self: FRAMES, declared))


def test_a_dtype_that_is_not_carried() -> None:
    body = pl.DataFrame({"a": pl.Series([2**100], dtype=pl.Int128)})
    with pytest.raises(DataError, match="no logical type"):
        rows_of(home_of(lambda self: body))


def test_columns_wanted_are_the_only_ones_read() -> None:
    frame = pl.DataFrame({"a": [1], "b": [2]})
    for declared in (None, {"a": "int64", "b": "int64"}):
        home = home_of(lambda self: frame, declared)
        with home.open(Context()) as session:
            session.schema()
            (batch,) = session.read(ReadRequest(columns=("b",)), WHOLE)
            assert batch.columns == ["b"]


def test_batches_are_no_larger_than_asked() -> None:
    home = home_of(lambda self: pl.DataFrame({"a": list(range(10))}))
    home = home.copy_with(config=home.config.model_copy(update={"batch_size": 4}))
    assert [b.height for b in home.read_sync()] == [4, 4, 2]


def test_an_error_of_the_body_comes_out_as_it_is_and_a_second_read_begins_anew() -> None:
    class Flaky(Home, type="test_flaky"):
        calls = 0

        async def read_batches(self) -> AsyncIterator[pl.DataFrame]:
            type(self).calls += 1
            yield FRAMES[0]
            if type(self).calls == 1:
                raise KeyError("broken")
            yield FRAMES[1]

    home = Flaky()
    with pytest.raises(KeyError, match="broken"):
        rows_of(home)
    assert rows_of(home) == ROWS


def test_no_spool_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def body(self: Home) -> Iterator[pl.DataFrame]:
        yield FRAMES[0]
        assert os.listdir(tmp_path)
        if broken:
            raise KeyError

    broken = False
    assert rows_of(home_of(body)) == [1, 2]
    assert os.listdir(tmp_path) == []
    broken = True
    with pytest.raises(KeyError):
        rows_of(home_of(body))
    assert os.listdir(tmp_path) == []
    for _ in home_of(lambda self: FRAMES).read_sync():
        break
    gc.collect()
    assert os.listdir(tmp_path) == []


# Leaving early ----------------------------------------------------------------------------------

KINDS = pytest.mark.parametrize("kind", [AsyncTraced, SyncTraced])


def endless(kind: type[Traced]) -> Traced:
    home = kind()
    home.batches, home.pause = 10**9, 0.001
    home.declared = {"a": "int64"}
    return home


@KINDS
async def test_leaving_the_loop_closes_the_generator(kind: type[Traced]) -> None:
    home = endless(kind)
    started = time.monotonic()
    async for _ in home.read():
        break
    gc.collect()
    assert await asyncio.to_thread(home.closed.wait, 5)
    assert time.monotonic() - started < 5
    assert home.events.count("closed") == 1


@KINDS
async def test_an_async_with_block_closes_before_it_ends(kind: type[Traced]) -> None:
    home = endless(kind)
    async with home.read() as stream:
        async for _ in stream:
            break
    assert home.closed.is_set()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@KINDS
async def test_closing_twice_and_before_the_first_batch(kind: type[Traced]) -> None:
    home = endless(kind)
    stream = home.read()
    await stream.aclose()
    await stream.aclose()
    assert home.events == []
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@KINDS
async def test_an_error_in_the_loop_closes_the_generator(kind: type[Traced]) -> None:
    home = endless(kind)
    with pytest.raises(ZeroDivisionError):
        async with home.read() as stream:
            async for _ in stream:
                raise ZeroDivisionError
    assert home.closed.is_set()


@KINDS
def test_leaving_a_plain_loop_closes_the_generator(kind: type[Traced]) -> None:
    home = endless(kind)
    for _ in home.read_sync():
        break
    gc.collect()
    assert home.closed.wait(5)


@KINDS
async def test_the_loop_stays_free_while_reading(kind: type[Traced]) -> None:
    home = kind()
    home.pause, home.declared = 0.1, {"a": "int64"}
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    task = asyncio.create_task(tick())
    assert await collect(home) == [0, 1, 2]
    task.cancel()
    assert ticks >= 10


@KINDS
async def test_a_task_that_is_cancelled_closes_the_generator(kind: type[Traced]) -> None:
    home = endless(kind)
    home.pause = 0.2

    async def work() -> None:
        async for _ in home.read():
            pass

    task = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    assert await asyncio.to_thread(home.closed.wait, 5)


async def test_coroutines_run_on_the_callers_loop() -> None:
    seen = []

    async def body(self: Home) -> AsyncIterator[pl.DataFrame]:
        seen.append(asyncio.get_running_loop())
        yield FRAMES[0]

    await collect(home_of(body))
    assert seen == [asyncio.get_running_loop()]


@KINDS
def test_cancelling_from_another_thread_stops_within_a_second(kind: type[Traced]) -> None:
    home = endless(kind)
    home.pause = 0.05
    context = Context()
    with home.open(context) as session:
        context.cancel.add(session.cancel)
        threading.Timer(0.2, context.cancel.cancel, args=["enough"]).start()
        started = time.monotonic()
        with pytest.raises(Cancelled, match="enough"):
            for _ in session.read(ReadRequest(), WHOLE):
                pass
        assert time.monotonic() - started < 2
    assert home.closed.wait(5)


def test_cancelling_wakes_a_coroutine_that_sleeps() -> None:
    async def body(self: Home) -> AsyncIterator[pl.DataFrame]:
        await asyncio.sleep(60)
        yield FRAMES[0]

    context = Context()
    threading.Timer(0.2, context.cancel.cancel, args=["enough"]).start()
    started = time.monotonic()
    with home_of(body, {"a": "int64"}).open(context) as session, pytest.raises(Cancelled):
        list(session.read(ReadRequest(), WHOLE))
    assert time.monotonic() - started < 5


# Stores -----------------------------------------------------------------------------------------


class Kept(Store, type="test_kept"):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frames: list[pl.DataFrame] = []
        self.loops: list[Any] = []


class AsyncKept(Kept, type="test_async_kept"):
    async def write(self, df: pl.DataFrame) -> None:
        await asyncio.sleep(0)
        self.loops.append(asyncio.get_running_loop())
        self.frames.append(df)


class SyncKept(Kept, type="test_sync_kept"):
    def write(self, df: pl.DataFrame) -> None:  # type: ignore[override]
        self.frames.append(df)


@pytest.mark.parametrize("kind", [AsyncKept, SyncKept])
def test_write_sync_calls_what_was_defined(kind: type[Kept]) -> None:
    store = kind()
    store.write_sync(FRAMES[0])
    assert len(store.frames) == 1


@pytest.mark.parametrize("kind", [AsyncKept, SyncKept])
async def test_several_writes_in_one_load(kind: type[Kept]) -> None:
    store = kind()
    async with store.load() as load:
        for frame in FRAMES:
            await load.write(frame)
    assert pl.concat(store.frames)["a"].to_list() == ROWS
    assert load.commit is not None and load.commit.state is None
    assert all(loop is asyncio.get_running_loop() for loop in store.loops)
    with store.load() as again:
        again.write_sync(FRAMES[0])
    assert len(store.frames) == 3


def test_an_error_in_a_write_comes_out_as_it_is() -> None:
    class Broken(Store, type="test_broken"):
        async def write(self, df: pl.DataFrame) -> None:
            raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"), Broken().load() as load:
        load.write_sync(FRAMES[0])


def test_a_store_without_write_says_so() -> None:
    class Nothing(Store, type="test_nothing"):
        pass

    with pytest.raises(ConfigError, match=r"Nothing has neither write\(\) nor open\(\)"):
        Nothing().write_sync(FRAMES[0])


def test_a_write_only_store_has_no_other_mode() -> None:
    for mode in ("replace", "merge"):
        with pytest.raises(ConfigError, match=f"cannot {mode}"):
            SyncKept().load(mode)


TABLE = pa.table({"a": [1, 2]})


@pytest.mark.parametrize(
    "given", [TABLE, TABLE.to_batches()[0], pl.LazyFrame({"a": [1, 2]}), pl.DataFrame(TABLE)],
    ids=lambda g: type(g).__name__,
)  # fmt: skip
async def test_what_speaks_arrow_can_be_written(given: Any) -> None:
    store = SyncKept()
    store.write_sync(given)
    async with store.load() as load:
        await load.write(given)
    assert [frame.rows() for frame in store.frames] == [[(1,), (2,)]] * 2


@pytest.mark.parametrize("given", NO_FRAMES, ids=lambda g: type(g).__name__)
def test_what_is_no_frame_cannot_be_written(given: Any) -> None:
    store, said = SyncKept(), "None" if given is None else f"a {type(given).__name__}"
    with pytest.raises(DataError, match=rf"SyncKept\.write\(\) was given {said}"):
        store.write_sync(given)
    with pytest.raises(DataError, match=f"was given {said}"), store.load() as load:
        load.write_sync(given)


def test_frames_of_one_load_are_held_to_the_first() -> None:
    store = SyncKept()
    with pytest.raises(BadValue, match="row 3: 'x' does not fit int64"), store.load() as load:
        load.write_sync(FRAMES[0])
        load.write_sync(pl.DataFrame({"a": ["x"]}))
    assert len(store.frames) == 1
