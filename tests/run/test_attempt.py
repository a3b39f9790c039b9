"""One attempt: proofs, guards, whose state it is, types that stay, chunks."""

from __future__ import annotations

import multiprocessing
import pickle
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.run.support import ShelfStore, TableHome, numbers, planned

from hygge import (
    BadValue,
    Cancelled,
    ConfigError,
    GuardError,
    SchemaDrift,
    StateError,
    VerifyError,
)  # fmt: skip
from hygge.core.chunk import ReadRequest
from hygge.core.context import CancelToken, Context
from hygge.core.errors import FULL_REFRESH, UnsupportedError
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.load import LoadRequest
from hygge.core.steps import set_hook
from hygge.run.attempt import STEPS, Attempt, Moved
from hygge.run.mover import Mover
from hygge.run.pump import Meter
from hygge.run.shape import shape_of
from hygge.run.task import ChunkTask, run_chunk


def shelf(**settings: Any) -> ShelfStore:
    return ShelfStore("shelf", **settings)


def attempt(
    home: TableHome, store: ShelfStore, root: Path, *, notes: list[str] | None = None,
    cancel: CancelToken | None = None, **settings: Any,
) -> Moved:  # fmt: skip
    plan = planned(home, store.bind_to(root), root, **settings)
    assert plan.errors == ()
    said = notes if notes is not None else []
    context = Context("run-1", cancel or CancelToken(), note=lambda m, s: said.append(m))
    return Attempt(plan, context, meter=Meter()).run()


def test_replace_moves_everything_with_its_proof(tmp_path: Path) -> None:
    home, store = TableHome(numbers(1000)), shelf()
    moved = attempt(home, store, tmp_path)
    assert store.rows.equals(home.frame)
    assert moved.proof is not None and moved.commit is not None
    assert (moved.proof.read, moved.proof.written) == (1000, 1000)
    assert (moved.proof.staged, moved.proof.source) == (1000, 1000)
    assert moved.proof.checksum == store.state.checksum != ""
    assert (store.state.generation, store.state.rows, store.state.loaded) == (1, 1000, 1000)
    again = attempt(home, store, tmp_path)
    assert store.rows.equals(home.frame)
    assert again.held is not None and again.held.generation == 1
    assert store.state.generation == 2


def test_a_source_that_cannot_count_is_proved_without(tmp_path: Path) -> None:
    moved = attempt(TableHome(numbers(5), counts=False), shelf(), tmp_path)
    assert moved.proof is not None and moved.proof.source is None


@pytest.mark.parametrize("fault", ["lost", "claimed"])
def test_a_store_that_loses_or_invents_a_row_publishes_nothing(tmp_path: Path, fault: str) -> None:
    home, store = TableHome(numbers(10)), shelf()
    attempt(home, store, tmp_path)
    home.frame = numbers(20)
    setattr(store.faults, fault, 1)
    with pytest.raises(VerifyError, match=r"20 were read.*nothing was published"):
        attempt(home, store, tmp_path)
    assert store.rows.height == 10 and store.state.generation == 1
    assert store.faults.aborted
    assert list(tmp_path.iterdir()) == [store.file], "nothing staged is left lying"


def test_a_source_that_counts_otherwise_publishes_nothing(tmp_path: Path) -> None:
    home, store = TableHome(numbers(10), batch_rows=5), shelf()

    def changing(number: int) -> None:
        counting.append(number)

    counting: list[int] = []
    home.before_batch = changing
    session = type(home.open(Context()))
    original = session.count
    session.count = lambda self, request, chunk: 11  # type: ignore[method-assign]
    try:
        with pytest.raises(VerifyError, match=r"the source counts 11 rows, 10 were read"):
            attempt(home, store, tmp_path)
    finally:
        session.count = original  # type: ignore[method-assign]
    assert counting == [0, 1] and store.held() == (None, None)


def test_an_empty_source_keeps_a_full_destination(tmp_path: Path) -> None:
    home, store = TableHome(numbers(10)), shelf()
    attempt(home, store, tmp_path)
    home.frame = numbers(0)
    with pytest.raises(GuardError, match=r"the source has no rows.*holds 10; they were kept") as e:
        attempt(home, store, tmp_path)
    assert "allow_empty: true" in (e.value.hint or "")
    assert store.rows.height == 10
    attempt(home, store, tmp_path, allow_empty=True)
    assert store.rows.height == 0 and store.rows.columns == ["id", "value"]
    attempt(home, store, tmp_path)  # nothing is left to lose
    assert store.state.generation == 3


def test_an_empty_source_may_be_the_first_load(tmp_path: Path) -> None:
    store = shelf()
    attempt(TableHome(numbers(0)), store, tmp_path)
    assert store.rows.height == 0 and store.state.generation == 1


@pytest.mark.parametrize(
    ("left", "most", "kept"),
    [(10, 0.9, False), (9, 0.9, True), (50, 0.5, False), (49, 0.5, True), (1, 1.0, False)],
)
def test_a_source_that_shrank_needs_leave(
    tmp_path: Path, left: int, most: float, kept: bool
) -> None:
    home, store = TableHome(numbers(100)), shelf()
    attempt(home, store, tmp_path)
    home.frame = numbers(left)
    if kept:
        with pytest.raises(GuardError, match=f"has {left} rows.*holds 100") as caught:
            attempt(home, store, tmp_path, max_shrink=most)
        assert f"({most})" in (caught.value.hint or "")
    else:
        attempt(home, store, tmp_path, max_shrink=most)
    assert store.rows.height == (100 if kept else left)


def test_another_entitys_destination_is_left_alone(tmp_path: Path) -> None:
    store = shelf()
    attempt(TableHome(numbers(3), "users"), store, tmp_path, name="shop.users")
    other = TableHome(numbers(5), "orders")
    with pytest.raises(StateError, match=r"holds 'shop.users' as it was .* \(another so") as caught:
        attempt(other, store, tmp_path)
    assert f"{FULL_REFRESH} replaces it" in (caught.value.hint or "")
    assert store.rows.height == 3
    attempt(other, store, tmp_path, full_refresh=True)
    assert store.rows.height == 5 and store.state.generation == 2
    attempt(other, store, tmp_path)


def test_another_key_is_another_entity(tmp_path: Path) -> None:
    home, store = TableHome(numbers(3)), shelf()
    attempt(home, store, tmp_path, mode="merge", key_column="id")
    with pytest.raises(StateError, match=r"differently \(the key was id and is value\)"):
        attempt(home, store, tmp_path, mode="merge", key_column="value")
    attempt(home, store, tmp_path, mode="merge", key_column="value", full_refresh=True)
    attempt(home, store, tmp_path, mode="merge", key_column="value")


def test_merge_needs_a_key_that_is_there(tmp_path: Path) -> None:
    home = TableHome(numbers(3))
    with pytest.raises(UnsupportedError, match="needs a key, and the source has no primary key"):
        attempt(home, shelf(), tmp_path, mode="merge")
    with pytest.raises(ConfigError, match="`key_column` of test names 'idd'") as caught:
        attempt(home, shelf(), tmp_path, mode="merge", key_column="idd")
    assert caught.value.hint == "did you mean 'id'?"
    with pytest.raises(UnsupportedError, match="among the columns chosen"):
        attempt(home, shelf(), tmp_path, mode="merge", key_column="id", columns=["value"])


def test_a_key_that_is_not_there_is_only_said_where_no_key_is_needed(tmp_path: Path) -> None:
    notes: list[str] = []
    attempt(TableHome(numbers(3)), shelf(), tmp_path, notes=notes, key_column="idd")
    assert notes == ["the key column 'idd' is not in the source"]


def test_the_primary_key_serves_and_follows_a_rename(tmp_path: Path) -> None:
    schema = Schema(
        [Field("id", parse_type("int64"), False, 1), Field("value", parse_type("int64"))]
    )
    home, store = TableHome(numbers(3), schema=schema), shelf()
    attempt(home, store, tmp_path, mode="merge", rename={"id": "user_id"})
    home.frame = pl.DataFrame({"id": [2, 3], "value": [-1, -2]})
    attempt(home, store, tmp_path, mode="merge", rename={"id": "user_id"})
    assert store.rows.sort("user_id").to_dict(as_series=False) == {
        "user_id": [0, 1, 2, 3], "value": [0, 7, -1, -2],
    }  # fmt: skip


def test_a_bad_value_publishes_nothing(tmp_path: Path) -> None:
    home = TableHome(pl.DataFrame({"id": [1, 2], "n": ["1", "x"]}))
    store = shelf()
    with pytest.raises(BadValue, match=r"test\.n, row 2: 'x' does not fit int64"):
        attempt(home, store, tmp_path, cast={"n": "int64"})
    assert store.held() == (None, None)


def text(values: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame({"id": list(range(len(values))), "code": values})


def test_inferred_types_are_pinned(tmp_path: Path) -> None:
    """What was text stays text, though today's rows look like numbers."""
    home, store = TableHome(text(["a1", "b2"]), inferred=True), shelf()
    attempt(home, store, tmp_path)
    home.frame = pl.DataFrame({"id": [0, 1], "code": [17, 18]})
    attempt(home, store, tmp_path)
    assert store.rows["code"].to_list() == ["17", "18"]


def test_a_pinned_type_that_no_longer_fits_is_told_and_can_be_left(tmp_path: Path) -> None:
    home, store = TableHome(pl.DataFrame({"id": [0], "code": [17]}), inferred=True), shelf()
    attempt(home, store, tmp_path)
    home.frame = text(["x"])
    with pytest.raises(BadValue, match="'x' does not fit int64"):
        attempt(home, store, tmp_path)
    attempt(home, store, tmp_path, full_refresh=True)
    assert store.rows["code"].to_list() == ["x"]


def test_pinning_follows_a_rename(tmp_path: Path) -> None:
    home, store = TableHome(text(["a1"]), inferred=True), shelf()
    attempt(home, store, tmp_path, rename={"code": "label"})
    home.frame = pl.DataFrame({"id": [0], "code": [17]})
    attempt(home, store, tmp_path, rename={"code": "label"})
    assert store.rows["label"].to_list() == ["17"]


def test_a_column_that_held_only_nulls_is_not_pinned_to_them(tmp_path: Path) -> None:
    nothing = pl.DataFrame({"id": [0], "code": pl.Series([None], dtype=pl.Null)})
    home, store = TableHome(nothing, inferred=True), shelf()
    attempt(home, store, tmp_path)
    home.frame = text(["x"])
    attempt(home, store, tmp_path)
    assert store.rows["code"].to_list() == ["x"]


def test_catalogued_types_follow_the_source_and_drift_is_said(tmp_path: Path) -> None:
    home, store = TableHome(numbers(2)), shelf()
    attempt(home, store, tmp_path)
    home.frame = home.frame.with_columns(extra=pl.lit("new"))
    plan = planned(home, store.bind_to(tmp_path), tmp_path)
    moved = Mover(plan, run_id="run-2", cancel=CancelToken()).run()
    assert store.rows.columns == ["id", "value", "extra"]
    assert moved.warnings == ("fields changed: +extra (string)",)


def test_a_declared_loss_is_said(tmp_path: Path) -> None:
    schema = Schema([replace(f, loss="100 ns cut to 1 us") for f in Schema.of(numbers(1))])
    notes: list[str] = []
    attempt(TableHome(numbers(1), schema=schema), shelf(), tmp_path, notes=notes, columns=["id"])
    assert notes == ["id: 100 ns cut to 1 us"]


@pytest.mark.parametrize("chunks", [2, 3, 7])
def test_chunks_move_everything_once(tmp_path: Path, chunks: int) -> None:
    home, store = TableHome(numbers(1000), batch_rows=50), shelf()
    moved = attempt(home, store, tmp_path, chunks=chunks)
    assert store.rows.sort("id").equals(home.frame)
    assert moved.proof is not None
    assert (moved.proof.read, moved.proof.source, moved.proof.staged) == (1000, 1000, 1000)


def test_chunks_of_nothing(tmp_path: Path) -> None:
    store = shelf()
    attempt(TableHome(numbers(0)), store, tmp_path, chunks=4)
    assert store.rows.height == 0


def test_a_live_object_is_read_in_one_piece(tmp_path: Path) -> None:
    class LiveHome(TableHome, type="test_live"):
        local = True

    home, store = LiveHome(numbers(100)), shelf()
    batches: list[int] = []
    home.before_batch = batches.append
    attempt(home, store, tmp_path, chunks=4)
    assert batches == [0] and store.rows.height == 100


def test_a_chunk_that_fails_ends_the_others_at_once(tmp_path: Path) -> None:
    """Though the first of them, which is waited for first, would go on for long."""
    home, store = TableHome(numbers(400), batch_rows=1), shelf()
    home.before_batch = lambda number: time.sleep(0.2)

    def refuse(batch: pl.DataFrame) -> None:
        if batch["id"][0] == 302:
            raise OSError("disk full")

    store.faults.write = refuse
    began = time.monotonic()
    with pytest.raises(OSError, match="disk full"):
        attempt(home, store, tmp_path, chunks=4)
    assert time.monotonic() - began < 15, "a chunk of its own takes 20 s"
    assert store.held() == (None, None)


def test_a_lost_row_in_one_chunk_publishes_nothing(tmp_path: Path) -> None:
    home, store = TableHome(numbers(100)), shelf()
    store.faults.lost = 1
    with pytest.raises(VerifyError):
        attempt(home, store, tmp_path, chunks=4)
    assert store.held() == (None, None)


def test_progress_is_counted_while_chunks_move(tmp_path: Path) -> None:
    home, store = TableHome(numbers(400), batch_rows=10), shelf()
    plan = planned(home, store.bind_to(tmp_path), tmp_path, chunks=4)
    meter, seen = Meter(), list[int]()
    Attempt(
        plan, Context(), meter=meter, tick=lambda: seen.append(meter.rows_written)
    ).run()  # fmt: skip
    assert (meter.rows_read, meter.rows_written) == (400, 400)
    assert len(set(seen)) > 4, "counted as rows come, not when a chunk has ended"


def test_a_chunk_task_runs_in_a_spawned_process(tmp_path: Path) -> None:
    home, store = TableHome(numbers(1000)), shelf().bind_to(tmp_path)
    shape = shape_of(Schema.of(home.frame), rename={"value": "worth"})
    load = store.open(Context()).begin(
        LoadRequest("test", "replace", shape.target, "fingerprint", "load-1")
    )
    read = ReadRequest(columns=shape.columns)
    chunks = home.open(Context()).split(read, 2)
    tasks = [ChunkTask(home, store, shape, read, c, load.ticket, "test", "r") for c in chunks]
    assert pickle.loads(pickle.dumps(tasks[0])).chunk == chunks[0]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(run_chunk, tasks))
    assert [(r.rows_read, r.rows_source, r.receipt.rows) for r in results] == [(500,) * 3] * 2
    receipts = [r.receipt for r in results]
    assert load.staged_rows(receipts) == 1000
    load.commit(receipts, load.request.state(watermark=None, receipts=receipts, committed_at=""))
    assert store.rows.sort("id").equals(home.frame.rename({"value": "worth"}))


def test_a_stop_before_the_commit_leaves_the_destination(tmp_path: Path) -> None:
    home, store, token = TableHome(numbers(10)), shelf(), CancelToken()
    store.faults.write = lambda batch: token.cancel("asked to")
    with pytest.raises(Cancelled, match="asked to"):
        attempt(home, store, tmp_path, cancel=token)
    assert store.held() == (None, None) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["move.began", "move.written", "move.verified"])
def test_a_stop_up_to_the_last_moment_leaves_the_destination(tmp_path: Path, step: str) -> None:
    home, store, token = TableHome(numbers(10)), shelf(), CancelToken()
    set_hook(lambda reached: token.cancel("asked to") if reached == step else None)
    try:
        with pytest.raises(Cancelled, match="asked to"):
            attempt(home, store, tmp_path, cancel=token)
    finally:
        set_hook(None)
    assert store.held() == (None, None) and list(tmp_path.iterdir()) == []


def test_a_stop_after_the_commit_is_too_late(tmp_path: Path) -> None:
    home, store, token = TableHome(numbers(10)), shelf(), CancelToken()
    set_hook(lambda reached: token.cancel("late") if reached == "move.committed" else None)
    try:
        assert attempt(home, store, tmp_path, cancel=token).commit is not None
    finally:
        set_hook(None)
    assert store.rows.height == 10


def test_batch_size_of_the_entity_is_asked_of_the_source(tmp_path: Path) -> None:
    home, store = TableHome(numbers(100)), shelf()
    batches: list[int] = []
    home.before_batch = batches.append
    attempt(home, store, tmp_path, batch_size=10)
    assert len(batches) == 10
    attempt(TableHome(numbers(3), batch_size=2), store, tmp_path, max_shrink=1)


def test_steps_are_reached_in_their_order(tmp_path: Path) -> None:
    seen: list[str] = []
    set_hook(seen.append)
    try:
        attempt(TableHome(numbers(1)), shelf(), tmp_path)
    finally:
        set_hook(None)
    assert tuple(seen) == STEPS


def test_a_source_column_gone_is_told_by_columns(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`columns` of test names 'gone'"):
        attempt(TableHome(numbers(1)), shelf(), tmp_path, columns=["id", "gone"])


def test_a_batch_that_is_not_as_the_catalogue_says(tmp_path: Path) -> None:
    schema = Schema.of(numbers(0).with_columns(more=pl.lit(1)))
    with pytest.raises((SchemaDrift, pl.exceptions.ColumnNotFoundError)):
        attempt(TableHome(numbers(1), schema=schema), shelf(), tmp_path)
