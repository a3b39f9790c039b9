"""A flow: retries, lost acknowledgements, cancellation, events, and the caller's loop."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.run.support import (
    Heard,
    ShelfLoad,
    ShelfSession,
    ShelfStore,
    TableHome,
    numbers,
    planned,
)

from hygge import Cancelled, ConfigError, DataError, Flow, Home, Store, TransientError
from hygge.core.context import CancelToken
from hygge.core.errors import ConflictError, ConnectError
from hygge.core.events import EntityFinished, EntityRetried, EntityStarted, Noted, Progress
from hygge.core.load import Commit
from hygge.core.settling import StoreSession
from hygge.core.state import Receipt, State
from hygge.run import mover
from hygge.run.mover import Mover, is_transient
from hygge.run.result import EntityResult


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mover, "LONGEST_WAIT_S", 0.01)


def move(
    home: Home, store: ShelfStore, *, heard: Heard | None = None, cancel: CancelToken | None = None,
    **settings: Any,
) -> tuple[EntityResult, BaseException | None]:  # fmt: skip
    moving = Mover(
        planned(home, store.bind_to(Path()), Path(), **settings), run_id="run-1",
        cancel=cancel or CancelToken(), emit=heard if heard is not None else Heard(),
    )  # fmt: skip
    return moving.run(), moving.error


PASSING = [TransientError("locked"), ConnectionError("reset"), TimeoutError("late"),
           ConflictError("another run"), BrokenPipeError("gone")]  # fmt: skip
LASTING = [ConnectError("refused"), DataError("bad"), OSError("disk full"), ValueError("odd")]


@pytest.mark.parametrize("error", PASSING, ids=lambda e: type(e).__name__)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    home, store, heard = TableHome(numbers(5)), ShelfStore("s"), Heard()
    store.faults.commit = [error, error]
    result, failed = move(home, store, heard=heard)
    assert failed is None and result.status == "moved" and result.attempts == 3
    assert store.rows.equals(home.frame) and store.faults.commits == 1
    assert [e.attempt for e in heard.of(EntityStarted)] == [1, 2, 3]
    retried = heard.of(EntityRetried)
    assert [e.attempt for e in retried] == [1, 2]
    assert str(error) in retried[0].error and retried[0].wait_s > 0
    assert is_transient(error)


@pytest.mark.parametrize("error", LASTING, ids=lambda e: type(e).__name__)
def test_what_lasts_is_told_at_once(error: Exception) -> None:
    home, store, heard = TableHome(numbers(5)), ShelfStore("s"), Heard()
    store.faults.commit = [error]
    result, failed = move(home, store, heard=heard)
    assert failed is error and not is_transient(error)
    assert (result.status, result.attempts, result.retryable) == ("failed", 1, False)
    assert result.error_class == type(error).__name__ and str(error) in (result.error or "")
    assert heard.of(EntityRetried) == []
    assert store.held() == (None, None) and store.faults.aborted == 1


@pytest.mark.parametrize("retries", [0, 2])
def test_retries_are_counted(retries: int) -> None:
    store = ShelfStore("s")
    store.faults.open = [TransientError("locked")] * 10  # the first attempts cannot even begin
    result, failed = move(TableHome(numbers(1)), store, retries=retries)
    assert isinstance(failed, TransientError)
    assert (result.status, result.attempts, result.retryable) == ("failed", retries + 1, True)
    assert len(store.faults.open) == 10 - (retries + 1) - 1, "and one look at what it holds"


def test_each_attempt_opens_afresh_and_reads_what_is_there_then() -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")

    def grow(batch: pl.DataFrame) -> None:
        if batch.height == 5:
            home.frame = numbers(8)
            raise ConnectionError("reset")

    store.faults.write = grow
    result, _ = move(home, store)
    assert result.rows == 8 and store.rows.equals(numbers(8))
    assert result.proof is not None and result.proof.read == 8


APPEND = {"mode": "append", "full_append": True}
MODES: list[dict[str, Any]] = [
    {}, APPEND, {"mode": "merge", "key_column": "id"},
    {"mode": "append", "incremental": {"column": "id"}},
]  # fmt: skip


@pytest.mark.parametrize("settings", MODES, ids=str)
@pytest.mark.parametrize("away", [0, 1, 2])
def test_a_lost_acknowledgement_makes_one_load(settings: dict[str, Any], away: int) -> None:
    """The commit happened, its answer was lost, and the server stays away for some attempts."""
    home, store = TableHome(numbers(5)), ShelfStore("s")
    store.faults.acknowledge = [TransientError("the line dropped during the commit")]
    store.faults.open = [None, *[TransientError("no answer")] * away]
    result, failed = move(home, store, **settings)
    assert failed is None and result.status == "moved"
    assert (result.rows, result.attempts, result.generation) == (5, 2 + away, 1)
    assert store.rows.equals(home.frame) and store.faults.commits == 1
    if "incremental" in settings:
        assert result.watermark_after is not None and result.watermark_after.value == 5


@pytest.mark.parametrize(
    ("faults", "warnings"),
    [
        ({"commit": [DataError("bad")]}, ()),
        ({"acknowledge": [TransientError("lost")]}, ("fields changed: +new (int32)",)),
    ],
    ids=["failed", "committed, and its answer lost"],
)
def test_fields_that_differ_are_told_where_they_changed(
    faults: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    move(home, store)
    home.frame = home.frame.with_columns(new=1)
    for step, errors in faults.items():
        setattr(store.faults, step, errors)
    result, _ = move(home, store)
    assert result.warnings == warnings
    assert ("new" in store.rows.columns) == bool(warnings)


def test_every_run_that_is_asked_for_appends_once() -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    for _ in range(3):
        store.faults.acknowledge = [TransientError("lost")]
        move(home, store, **APPEND)
    assert store.rows.height == 15 and store.state.generation == 3


class LateStore(ShelfStore, type="test_late_commit"):
    """Its first commit gives up waiting, and happens while the second is about to."""

    def open(self, context: Any) -> StoreSession:
        return LateSession(self)


class LateSession(ShelfSession):
    def begin(self, request: Any) -> LateLoad:
        return LateLoad(self._store, request)


class LateLoad(ShelfLoad):
    pending: list[Any] = []  # noqa: RUF012 - shared by the attempts of one test

    def commit(self, receipts: Any, state: State) -> Commit:
        if not self.pending:
            self.pending.append((self, receipts, state))
            raise TransientError("no answer to the commit")
        if len(self.pending) == 1:
            first, *given = self.pending[0]
            self.pending.append(None)
            ShelfLoad.commit(first, *given)
        return super().commit(receipts, state)

    def abort(self) -> None:
        """The server still holds what was staged."""


def test_a_commit_that_happens_late_is_found_and_not_repeated() -> None:
    home, store = TableHome(numbers(5)), LateStore("s")
    LateLoad.pending.clear()
    result, failed = move(home, store, **APPEND)
    assert failed is None and result.attempts == 3
    assert store.rows.equals(home.frame) and store.state.generation == 1


def test_cancelling_during_the_wait_before_a_retry_returns_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mover, "LONGEST_WAIT_S", 60.0)
    monkeypatch.setattr(mover, "FIRST_WAIT_S", 60.0)
    store, token, heard = ShelfStore("s"), CancelToken(), Heard()
    store.faults.commit = [TransientError("locked")]
    threading.Timer(0.2, token.cancel, ["asked to"]).start()
    began = time.monotonic()
    result, failed = move(TableHome(numbers(1)), store, cancel=token, heard=heard)
    assert time.monotonic() - began < 30, "the wait is of more than 50 s"
    assert isinstance(failed, Cancelled) and result.status == "cancelled"
    assert result.error == "asked to" and result.attempts == 1
    assert heard.of(EntityRetried)[0].wait_s > 50


def test_cancelling_reaches_sessions_that_are_blocked() -> None:
    home, store, token = TableHome(numbers(100), batch_rows=10), ShelfStore("s"), CancelToken()
    released = threading.Event()
    home.on_cancel = released.set
    home.before_batch = lambda number: void(released.wait(20)) if number == 5 else None
    threading.Timer(0.2, token.cancel, ["asked to"]).start()
    began = time.monotonic()
    result, _ = move(home, store, cancel=token)
    assert time.monotonic() - began < 15, "it would wait for 20 s"
    assert result.status == "cancelled" and store.held() == (None, None)
    assert result.holds == "nothing of hygge's"


def void(_: object) -> None:
    pass


def test_cancelling_reaches_a_custom_homes_coroutine() -> None:
    class SleepyHome(Home, type="test_sleepy"):
        async def read_batches(self) -> Any:
            yield numbers(1)
            await asyncio.sleep(30)

        def fields(self) -> dict[str, str]:
            return {"id": "int64", "value": "int64"}

    token = CancelToken()
    threading.Timer(0.2, token.cancel, ["asked to"]).start()
    began = time.monotonic()
    result, _ = move(SleepyHome(), ShelfStore("s"), cancel=token)
    assert time.monotonic() - began < 20, "it would sleep for 30 s"
    assert result.status == "cancelled"


def test_the_result_tells_what_the_destination_still_holds() -> None:
    home, store = TableHome(numbers(1500)), ShelfStore("s")
    move(home, store)
    store.faults.commit = [OSError("disk full")]
    result, _ = move(home, store)
    assert result.holds.startswith("1,500 rows, generation 1, of 20")
    store.faults.commit, store.faults.open = [OSError("disk full")], [None, OSError("gone")]
    assert move(home, store)[0].holds == "unknown: it could not be asked"


def test_events_come_in_order_and_say_what_happened() -> None:
    home, store, heard = TableHome(numbers(50), batch_rows=10), ShelfStore("s"), Heard()
    result, _ = move(home, store, heard=heard, key_column="nope", name="shop.users")
    kinds = [type(e) for e in heard]
    assert kinds[0] is Noted and kinds[1] is EntityStarted and kinds[-1] is EntityFinished
    assert {e.run_id for e in heard} == {"run-1"} and {e.entity for e in heard} == {"shop.users"}  # type: ignore[attr-defined]
    assert heard.of(EntityStarted)[0].rows_expected == 50
    assert all(0 < e.rows_written <= e.rows_read <= 50 for e in heard.of(Progress))
    end = heard.of(EntityFinished)[0]
    assert (end.status, end.rows, end.error) == ("moved", 50, None)
    assert result.warnings == ("the key column 'nope' is not in the source",)


def test_secrets_show_neither_in_results_nor_in_events(monkeypatch: pytest.MonkeyPatch) -> None:
    store, heard = ShelfStore("s"), Heard()
    url = "postgresql://me:hunter2@db/shop"
    store.faults.commit = [TransientError(f"no answer from {url}"), OSError(f"refused by {url}")]
    result, _ = move(TableHome(numbers(1)), store, heard=heard)
    assert "hunter2" not in f"{result}{list(heard)}" and "refused by" in (result.error or "")


def test_nothing_new_is_unchanged() -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    by = {"mode": "append", "incremental": {"column": "id"}}
    move(home, store, **by)
    result, _ = move(home, store, **by)
    assert (result.status, result.rows, result.generation) == ("unchanged", 0, 1)


class LoopHome(Home, type="test_loop"):
    seen: list[Any] = []  # noqa: RUF012 - one test at a time

    async def read_batches(self) -> Any:
        self.seen.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        yield numbers(3)


class LoopStore(Store, type="test_loop"):
    seen: list[Any] = []  # noqa: RUF012 - one test at a time

    async def write(self, df: pl.DataFrame) -> None:
        await asyncio.sleep(0)
        self.seen.append((asyncio.get_running_loop(), df.height))


async def test_custom_coroutines_run_on_the_callers_loop() -> None:
    LoopHome.seen.clear(), LoopStore.seen.clear()
    result = await Flow(LoopHome(), LoopStore()).start()
    mine = asyncio.get_running_loop()
    assert LoopHome.seen == [mine] and LoopStore.seen == [(mine, 3)]
    assert (result.status, result.rows, result.entity) == ("moved", 3, "test_loop")
    (warning,) = result.warnings
    assert "every run writes all rows anew" in warning
    assert (await Flow(LoopHome(), LoopStore(), full_append=True).start()).warnings == ()


def test_custom_coroutines_run_without_a_loop_too() -> None:
    LoopHome.seen.clear(), LoopStore.seen.clear()
    assert Flow(LoopHome(), LoopStore()).start_sync().rows == 3
    assert LoopStore.seen[0][0] is LoopHome.seen[0]


async def test_start_raises_what_stopped_it() -> None:
    store = ShelfStore("s")
    store.faults.commit = [OSError("disk full")]
    with pytest.raises(OSError, match="disk full"):
        await Flow(TableHome(numbers(1)), store).start()
    with pytest.raises(ConfigError, match="would double them"):
        await Flow(TableHome(numbers(1)), store, mode="append").start()
    with pytest.raises(ConfigError, match="unknown setting 'mod'"):
        Flow(TableHome(numbers(1)), store, mod="append")


async def test_a_flow_can_be_started_again() -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    flow = Flow(home, store)
    first = await flow.start()
    home.frame = numbers(7)
    second = await flow.start()
    assert (first.generation, second.generation, second.rows) == (1, 2, 7)
    assert flow.start_sync().generation == 3


async def test_cancelling_the_task_stops_before_the_commit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    home, store = TableHome(numbers(100), batch_rows=1), ShelfStore("s")
    home.before_batch = lambda number: time.sleep(0.05)
    flow = Flow(home, store)
    task = asyncio.create_task(flow.start())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert store.bind_to(Path()).held() == (None, None)
    import gc

    gc.collect()
    await asyncio.sleep(0)
    assert "never retrieved" not in caplog.text
    home.before_batch = None
    assert (await flow.start()).rows == 100, "a flow that was stopped starts again"


async def test_cancel_stops_a_flow_from_elsewhere() -> None:
    home, store = TableHome(numbers(100), batch_rows=1), ShelfStore("s")
    home.before_batch = lambda number: time.sleep(0.05)
    flow = Flow(home, store)
    threading.Timer(0.2, flow.cancel, ["asked to"]).start()
    with pytest.raises(Cancelled, match="asked to"):
        await flow.start()


def test_names() -> None:
    home = TableHome(numbers(1), "people")
    assert Flow(home, ShelfStore("users")).name == "users"
    assert Flow(home, ShelfStore()).name == "people"
    assert Flow(home, ShelfStore(), name="mine").name == "mine"


def test_sides_that_are_swapped() -> None:
    home: Any = TableHome(numbers(1), "people")
    with pytest.raises(ConfigError, match="`home` is a ShelfStore, and must be a Home"):
        Flow(ShelfStore(), home)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="`store` is a TableHome, and must be a Store"):
        Flow(home, home)


def test_a_full_refresh_from_python() -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    by: dict[str, Any] = {"mode": "append", "incremental": {"column": "id"}}
    Flow(home, store, **by).start_sync()
    home.frame = numbers(3)
    Flow(home, store, full_refresh=True, **by).start_sync()
    assert store.bind_to(Path()).rows.height == 3


def test_a_receipt_is_of_its_chunk() -> None:
    """What the small Store of these tests gives is what the contract says."""
    assert Receipt(0, 1, 2) == Receipt(chunk=0, rows=1, bytes=2)
