"""Many flows: none stops another, all are told, and whoever stops them is obeyed at once."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.run.support import Heard, ShelfStore, TableHome, numbers

from hygge import Cancelled, ConfigError, Coordinator, RunFailed, RunOptions
from hygge.core.errors import JournalError, Location, Problem
from hygge.core.events import (
    EntityFinished,
    EntityStarted,
    Event,
    RunFinished,
    RunStarted,
)  # fmt: skip
from hygge.project import EntitySettings, EntitySpec, FlowSpec, Project
from hygge.run import mover
from hygge.run.execution import default_concurrency
from hygge.run.journal import Journal
from hygge.run.locks import Lock, lock_name
from hygge.run.result import RunResult


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "LONGEST_WAIT_S", 0.01)


class Shop:
    """A project of one flow, `shop`, whose entities are tables of numbers."""

    def __init__(self, root: Path, rows: dict[str, int], **settings: Any) -> None:
        self.root = root
        self.homes = {name: TableHome(numbers(n), name) for name, n in rows.items()}
        self.stores = {name: ShelfStore(name, path=name) for name in rows}
        self.settings: dict[str, dict[str, Any]] = {name: dict(settings) for name in rows}
        self.concurrency: int | None = None

    def project(self) -> Project:
        at = Location("hygge.yml", 1, 1)
        entities = tuple(
            EntitySpec(
                "shop", name, home, self.stores[name],
                EntitySettings.model_validate(self.settings[name]), at,
            )
            for name, home in self.homes.items()
        )  # fmt: skip
        return Project(
            "shop", self.root, self.root / "hygge.yml", self.root / "flows", date(2026, 1, 1),
            concurrency=self.concurrency, flows=(FlowSpec("shop", at, entities),),
        )  # fmt: skip

    def coordinator(self, *listeners: Callable[[Event], None], **options: Any) -> Coordinator:
        return Coordinator(
            project=self.project(), options=RunOptions(**options), listeners=listeners
        )

    def execute(self, *listeners: Callable[[Event], None], **options: Any) -> RunResult:
        return self.coordinator(*listeners, **options).execute()

    def held(self, name: str) -> pl.DataFrame | None:
        return self.stores[name].bind_to(self.root).held()[0]


def statuses(result: RunResult) -> dict[str, str]:
    return {e.entity.removeprefix("shop."): e.status for e in result.entities}


def test_all_flows_move(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {f"t{n}": n for n in range(20)})
    result = shop.execute()
    assert result.status == "ok" and result.counts == {"moved": 20}
    assert result.rows == sum(range(20))
    assert [e.entity for e in result.entities] == [f"shop.t{n}" for n in range(20)]
    for n in range(20):
        held = shop.held(f"t{n}")
        assert held is not None and held.equals(numbers(n))


def test_one_that_fails_never_stops_the_others(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 2, "c": 3})
    shop.stores["b"].faults.commit = [OSError("disk full")]
    result = shop.execute(concurrency=1)
    assert statuses(result) == {"a": "moved", "b": "failed", "c": "moved"}
    assert result.status == "failed"
    assert [e.error for e in result.failed] == ["OSError: disk full"]


async def test_run_raises_with_all_results(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 2})
    assert (await shop.coordinator().run()).counts == {"moved": 2}
    shop.stores["b"].faults.commit = [OSError("disk full")]
    with pytest.raises(RunFailed, match=r"shop\.b failed: OSError: disk full") as caught:
        await shop.coordinator().run()
    assert statuses(caught.value.result) == {"a": "moved", "b": "failed"}
    for name in "ab":
        shop.stores[name].faults.commit = [OSError("disk full")]
    with pytest.raises(RunFailed, match=r"shop\.a and 1 more failed"):
        shop.coordinator().run_sync()


def test_a_coordinator_can_run_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1})
    coordinator = shop.coordinator()
    first, second = coordinator.run_sync(), coordinator.run_sync()
    assert first.run_id != second.run_id
    assert second.entities[0].generation == 2


def test_fail_fast_starts_nothing_more(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 2, "c": 3})
    shop.stores["c"].faults.commit = [OSError("disk full")]
    result = shop.execute(concurrency=1, fail_fast=True)  # largest first: c
    assert statuses(result) == {"a": "untouched", "b": "untouched", "c": "failed"}
    assert result.status == "failed" and "--fail-fast" in (result.entities[0].error or "")
    assert result.unfinished == ("shop.a", "shop.b", "shop.c")


def test_the_deadline_leaves_the_rest_untouched(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 2, "c": 3})
    shop.homes["c"].before_batch = lambda number: time.sleep(2.1)
    result = shop.execute(concurrency=1, max_duration=2.0)
    assert statuses(result) == {"a": "untouched", "b": "untouched", "c": "moved"}
    assert result.status == "deadline" and result.reason == "the time of 2 s was up"
    assert shop.held("a") is None
    with pytest.raises(RunFailed, match=r"not finished: the time of 0 s was up"):
        shop.coordinator(concurrency=1, max_duration=0.0).run_sync()


def test_cancelling_keeps_what_was_there(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 10, "b": 20, "c": 30})
    shop.execute()
    for home in shop.homes.values():
        home.frame = numbers(500)
        home.batch_rows = 1
        home.before_batch = lambda number: time.sleep(0.02)
    asked = list[float]()

    def listener(event: Event) -> None:
        if len(heard.of(EntityStarted)) == 2 and not asked:
            asked.append(time.monotonic())
            threading.Thread(target=coordinator.cancel, args=["asked to"]).start()

    heard = Heard()
    coordinator = shop.coordinator(heard, listener, concurrency=2)
    result = coordinator.execute()
    assert time.monotonic() - asked[0] < 5, "10 s to the end of the flows"
    assert result.status == "cancelled" and result.reason == "asked to"
    assert sorted(statuses(result).values()) == ["cancelled", "cancelled", "untouched"]
    for name, rows in (("a", 10), ("b", 20), ("c", 30)):
        held = shop.held(name)
        assert held is not None and held.equals(numbers(rows))
    with pytest.raises(Cancelled, match="asked to"):
        coordinator.execute()


def test_cancelled_after_the_last_commit_is_well(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1})
    coordinator: list[Coordinator] = []

    def listener(event: Event) -> None:
        if isinstance(event, EntityFinished):
            coordinator[0].cancel("too late")

    coordinator.append(shop.coordinator(listener))
    assert coordinator[0].execute().status == "ok"


async def test_cancelling_the_task_stops_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(tmp_path, {"a": 100, "b": 100})
    for home in shop.homes.values():
        home.batch_rows = 1
        home.before_batch = lambda number: time.sleep(0.03)
    task = asyncio.create_task(shop.coordinator().run())
    await asyncio.sleep(0.4)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shop.held("a") is None and shop.held("b") is None
    assert "never retrieved" not in caplog.text


def test_largest_first_empty_last_unknown_before_all(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"empty": 0, "small": 5, "large": 50, "unknown": 1})
    shop.homes["unknown"] = UnknownHome(numbers(1), "unknown")
    heard = Heard()
    shop.execute(heard, concurrency=1)
    order = [e.entity for e in heard.of(EntityStarted)]
    assert order == ["shop.unknown", "shop.large", "shop.small", "shop.empty"]


class UnknownHome(TableHome, type="test_unknown_size"):
    def open(self, context: Any) -> Any:
        from hygge.core.chunk import Estimate

        session = super().open(context)
        session.estimate = lambda request: Estimate()  # type: ignore[method-assign]
        return session


def test_a_source_that_cannot_be_sized_still_has_its_turn(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 2})
    shop.homes["a"].opened = [OSError("not now")]
    assert shop.execute(concurrency=1).status == "ok"


def test_events_are_told_one_at_a_time_and_in_order(tmp_path: Path) -> None:
    shop, heard = Shop(tmp_path, {f"t{n}": 10 for n in range(12)}), Heard()
    busy = threading.Lock()

    def one_at_a_time(event: Event) -> None:
        assert busy.acquire(blocking=False)
        time.sleep(0.001)
        busy.release()

    result = shop.execute(heard, one_at_a_time, concurrency=4)
    assert result.status == "ok" and result.warnings == ()
    assert isinstance(heard[0], RunStarted) and isinstance(heard[-1], RunFinished)
    assert set(heard[0].entities) == {f"shop.t{n}" for n in range(12)}
    assert heard[0].concurrency == 4
    assert {e.run_id for e in heard} == {result.run_id}
    for n in range(12):
        own = [type(e) for e in heard if getattr(e, "entity", "") == f"shop.t{n}"]
        assert own[0] is EntityStarted and own[-1] is EntityFinished


def test_a_listener_that_fails_is_told_no_more_and_stops_nothing(tmp_path: Path) -> None:
    told: list[Event] = []

    def broken(event: Event) -> None:
        told.append(event)
        raise RuntimeError("no terminal")

    shop, heard = Shop(tmp_path, {"a": 1, "b": 2}), Heard()
    result = shop.execute(broken, heard)
    assert result.counts == {"moved": 2} and len(told) == 1
    assert len(result.warnings) == 1 and "no terminal" in result.warnings[0]
    assert isinstance(heard[-1], RunFinished)


def test_only_what_is_chosen_and_enabled(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 2, "c": 3})
    shop.settings["a"] = {"enabled": False}
    shop.settings["b"] = {"tags": ["nightly"]}
    assert statuses(shop.execute()) == {"b": "moved", "c": "moved"}
    assert statuses(shop.execute(select=("tag:nightly",))) == {"b": "moved"}
    assert statuses(shop.execute(exclude=("shop.b",))) == {"c": "moved"}
    assert statuses(shop.execute(only=frozenset({"shop.c"}))) == {"c": "moved"}
    with pytest.raises(ConfigError, match="no flow, entity or tag is called 'd'"):
        shop.execute(select=("d",))


def test_what_loading_and_what_planning_find_is_told_at_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 1})
    shop.settings["b"] = {"mode": "append"}
    project = replace(shop.project(), problems=(Problem("unknown setting", Location("a.yml", 1)),))
    for run in (Coordinator(project=project).plan, Coordinator(project=project).execute):
        with pytest.raises(ConfigError) as caught:
            run()
        assert [p.message.split(",")[0] for p in caught.value.problems] == [
            "unknown setting",
            "shop.b: appending all rows at every run would double them",
        ]


def test_an_exclude_that_leaves_nothing_out_is_a_warning(tmp_path: Path) -> None:
    result = Shop(tmp_path, {"a": 1}).execute(exclude=("shop.aa",))
    assert result.counts == {"moved": 1}
    assert [w.partition(":")[0] for w in result.warnings] == [
        "exclude 'shop.aa' leaves nothing out"
    ]


def test_problems_are_raised_before_anything_moves(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 2, "c": 3})
    shop.settings["a"] = {"mode": "append"}
    shop.stores["c"] = ShelfStore("c", path="b")
    with pytest.raises(ConfigError) as caught:
        shop.execute()
    told = [p.message for p in caught.value.problems]
    assert told == [
        "shop.a: appending all rows at every run would double them",
        "shop.c would settle where shop.b does (b), which is at hygge.yml:1:1",
    ]
    assert shop.held("b") is None and not (tmp_path / ".hygge").exists()


@contextmanager
def held_elsewhere(root: Path, name: str) -> Iterator[Any]:
    """Another process holds an entity until the event it gives is set."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(root, name, ready, done))
    process.start()
    try:
        assert ready.wait(60)
        yield done
    finally:
        done.set()
        process.join(60)


def hold(root: Path, name: str, ready: Any, done: Any) -> None:
    with Lock(root, name) as lock:
        assert lock.take()
        ready.set()
        done.wait(60)


def test_what_another_process_moves_is_skipped_failed_or_waited_for(tmp_path: Path) -> None:
    shop, heard = Shop(tmp_path, {"a": 1, "b": 2}), Heard()
    with held_elsewhere(tmp_path, lock_name("shop.a", "a", tmp_path)) as done:
        skipped = shop.execute(heard)
        failed = shop.execute(if_running="fail")
        began = time.monotonic()
        threading.Timer(0.5, done.set).start()
        waited = shop.execute(if_running="wait")
        took = time.monotonic() - began
    assert statuses(skipped) == {"a": "skipped", "b": "moved"} and skipped.status == "ok"
    assert "another run is moving it (process " in (skipped.entities[0].error or "")
    assert [e.status for e in heard.of(EntityFinished) if e.entity == "shop.a"] == ["skipped"]
    assert statuses(failed) == {"a": "failed", "b": "moved"} and failed.status == "failed"
    assert failed.entities[0].error_class == "Overlap" and failed.entities[0].retryable
    assert statuses(waited) == {"a": "moved", "b": "moved"} and took > 0.4
    assert not skipped.failed


def test_waiting_for_another_run_ends_when_told_to(tmp_path: Path) -> None:
    shop, heard = Shop(tmp_path, {"a": 1, "b": 2}), Heard()
    with Lock(tmp_path, lock_name("shop.a", "a", tmp_path)) as lock:
        assert lock.take()

        def listener(event: Event) -> None:
            if isinstance(event, EntityFinished) and event.entity == "shop.b":
                threading.Thread(target=coordinator.cancel, args=["asked to"]).start()

        coordinator = shop.coordinator(heard, listener, if_running="wait")
        result = coordinator.execute()
    assert statuses(result) == {"a": "cancelled", "b": "moved"}
    assert result.status == "cancelled"
    assert {e.entity: e.status for e in heard.of(EntityFinished)}["shop.a"] == "cancelled"


def test_a_lock_that_cannot_be_taken_fails_that_entity_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Lock.take

    def refuse(self: Lock) -> bool:
        if "shop.a" in self.path.name:
            raise ConfigError("the lock cannot be taken: Permission denied", hint="mend it")
        return take(self)

    monkeypatch.setattr(Lock, "take", refuse)
    shop = Shop(tmp_path, {"a": 1, "b": 2})
    result = shop.execute()
    assert statuses(result) == {"a": "failed", "b": "moved"}
    assert "Permission denied" in (result.failed[0].error or "")
    assert result.failed[0].hint == "mend it" and result.failed[0].error_class == "ConfigError"


def test_a_run_that_cannot_be_recorded_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Journal, result: RunResult) -> None:
        raise JournalError("the journal is full", hint="make room")

    monkeypatch.setattr(Journal, "finish_run", refuse)
    shop = Shop(tmp_path, {"a": 1})
    result = shop.execute()
    assert result.counts == {"moved": 1} and result.status == "failed"
    assert any("the journal is full" in w for w in result.warnings)
    with pytest.raises(RunFailed, match="the journal is full"):
        shop.coordinator().run_sync()


def test_the_journal_has_what_the_result_has(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 1, "b": 2})
    shop.stores["b"].faults.commit = [OSError("disk full")]
    result = shop.execute()
    with Journal.open(None, tmp_path) as journal:
        recorded = journal.run(result.run_id)
    assert recorded is not None
    assert (recorded.status, recorded.project) == ("failed", "shop")
    assert {e.result.entity: e.status for e in recorded.entities} == {
        "shop.a": "moved", "shop.b": "failed",
    }  # fmt: skip


async def test_custom_coroutines_of_all_flows_run_on_the_callers_loop(tmp_path: Path) -> None:
    loops: list[Any] = []

    class EachHome(TableHome, type="test_each"):
        def open(self, context: Any) -> Any:
            loops.append(context.loop)
            return super().open(context)

    shop = Shop(tmp_path, {"a": 1, "b": 2})
    shop.homes = {name: EachHome(numbers(1), name) for name in shop.homes}
    await shop.coordinator().run()
    assert set(loops) == {asyncio.get_running_loop()}


@pytest.mark.parametrize(("option", "project", "most"), [(2, 5, 2), (None, 3, 3)])
def test_no_more_than_so_many_at_a_time(
    tmp_path: Path, option: int | None, project: int, most: int
) -> None:
    shop, counting = Shop(tmp_path, {f"t{n}": 1 for n in range(10)}), threading.Lock()
    shop.concurrency, now, high = project, 0, 0

    def watch(batch: pl.DataFrame) -> None:
        nonlocal now, high
        with counting:
            now += 1
            high = max(high, now)
        time.sleep(0.03)
        with counting:
            now -= 1

    for store in shop.stores.values():
        store.faults.write = watch
    assert shop.execute(concurrency=option).status == "ok"
    assert high == most


def test_default_concurrency() -> None:
    assert 1 <= default_concurrency() <= 8


INTERRUPTED = """
import sys, time
from pathlib import Path
from hygge import Flow
from tests.run.test_coordinator import Shop
shop = Shop(Path.cwd(), {"a": 400, "b": 400})
for home in shop.homes.values():
    home.batch_rows = 1
    home.before_batch = lambda number: time.sleep(0.05)
if sys.argv[1] == "coordinator":
    run = shop.coordinator().run_sync
else:
    run = Flow(shop.homes["a"], shop.stores["a"]).start_sync
print("going", flush=True)
run()
"""


@pytest.mark.parametrize("what", ["coordinator", "flow"])
def test_an_interrupt_under_synchronous_calls_stops_before_the_commit(
    tmp_path: Path, what: str
) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, what],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline() == "going\n"
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = child.communicate(timeout=40)
    assert time.monotonic() - began < 15, "20 s to the end of the flows"
    assert "KeyboardInterrupt" in said
    assert not (tmp_path / "a").exists() and not (tmp_path / "b").exists()
