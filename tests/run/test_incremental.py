"""Incremental reads over several runs: no row lost, none doubled, whatever arrives when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.run.support import ShelfStore, TableHome, numbers, planned

from hygge import StateError
from hygge.core.context import Context
from hygge.core.errors import ConfigError, UnsupportedError
from hygge.run.attempt import Attempt, Moved
from hygge.run.pump import Meter

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def go(home: TableHome, store: ShelfStore, root: Path, **settings: Any) -> Moved:
    plan = planned(home, store.bind_to(root), root, **settings)
    assert plan.errors == ()
    return Attempt(plan, Context("run"), meter=Meter()).run()


BY_ID: dict[str, Any] = {"mode": "append", "incremental": {"column": "id"}}


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    home, store = TableHome(numbers(10)), ShelfStore("s")
    first = go(home, store, tmp_path, **BY_ID)
    assert first.before is None and first.after is not None and first.after.value == 10
    home.frame = numbers(25)
    second = go(home, store, tmp_path, **BY_ID)
    assert second.proof is not None and second.proof.read == second.proof.source == 15
    assert second.before is not None and second.before.value == 10
    assert store.rows.equals(home.frame)
    assert store.state.watermark is not None and store.state.watermark.value == 25
    assert (store.state.rows, store.state.loaded) == (25, 15)


def test_nothing_new_commits_nothing(tmp_path: Path) -> None:
    home, store = TableHome(numbers(10)), ShelfStore("s")
    go(home, store, tmp_path, **BY_ID)
    again = go(home, store, tmp_path, **BY_ID)
    assert again.commit is None and again.reason == "nothing new"
    assert store.state.generation == 1
    assert again.after == again.before == store.state.watermark


def test_an_empty_source_first_and_rows_later(tmp_path: Path) -> None:
    home, store = TableHome(numbers(0)), ShelfStore("s")
    go(home, store, tmp_path, **BY_ID)
    assert store.state.watermark is None and store.rows.height == 0
    assert go(home, store, tmp_path, **BY_ID).reason == "no rows yet"
    home.frame = numbers(5)
    go(home, store, tmp_path, **BY_ID)
    assert store.rows.equals(home.frame)


def test_a_source_emptied_later_takes_nothing_away(tmp_path: Path) -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    go(home, store, tmp_path, **BY_ID)
    home.frame = numbers(0)
    assert go(home, store, tmp_path, **BY_ID).commit is None
    home.frame = numbers(2, start=7)
    go(home, store, tmp_path, **BY_ID)
    assert store.rows["id"].to_list() == [0, 1, 2, 3, 4, 7, 8]


@pytest.mark.parametrize("live", [False, True])
def test_rows_that_arrive_while_reading_are_read_next_time(tmp_path: Path, live: bool) -> None:
    home, store = TableHome(numbers(100), batch_rows=10, live=live), ShelfStore("s")

    def arrive(number: int) -> None:
        home.frame = numbers(100 + 7 * (number + 1))

    home.before_batch = arrive
    go(home, store, tmp_path, **BY_ID)
    assert store.rows["id"].to_list() == list(range(100))
    home.before_batch = None
    go(home, store, tmp_path, **BY_ID)
    assert store.rows["id"].to_list() == list(range(170))


def test_null_positions_are_in_the_first_window_only(tmp_path: Path) -> None:
    def frame(ids: list[int | None]) -> pl.DataFrame:
        return pl.DataFrame(
            {"id": ids, "value": list(range(len(ids)))}, schema_overrides={"id": pl.Int64}
        )

    home, store = TableHome(frame([1, None, 2])), ShelfStore("s")
    go(home, store, tmp_path, **BY_ID)
    home.frame = frame([1, None, 2, 3])
    go(home, store, tmp_path, **BY_ID)
    assert store.rows["id"].to_list() == [1, None, 2, 3]


def test_only_null_positions_wait_for_the_first_that_is_not(tmp_path: Path) -> None:
    nothing = pl.DataFrame({"id": pl.Series([None], dtype=pl.Int64), "value": [1]})
    home, store = TableHome(nothing), ShelfStore("s")
    go(home, store, tmp_path, **BY_ID)
    home.frame = pl.concat([nothing, pl.DataFrame({"id": [5], "value": [2]})])
    go(home, store, tmp_path, **BY_ID)
    assert store.rows.sort("value").equals(home.frame)


def times(rows: list[tuple[int, datetime, int]], zone: str | None = "UTC") -> pl.DataFrame:
    frame = pl.DataFrame(
        rows, schema={"id": pl.Int64, "at": pl.Datetime("us", "UTC"), "value": pl.Int64},
        orient="row",
    )  # fmt: skip
    return frame if zone else frame.with_columns(pl.col("at").dt.replace_time_zone(None))


def merge(lag: str | int | None, **more: Any) -> dict[str, Any]:
    return {
        "mode": "merge",
        "key_column": "id",
        "incremental": {"column": "at", "lag": lag, **more},
    }


def test_a_row_committed_late_is_found_within_the_lag(tmp_path: Path) -> None:
    clock = Clock()
    rows = [(1, START - timedelta(seconds=60), 10)]
    home, store = TableHome(times(rows), clock=clock, settled=False), ShelfStore("s")
    go(home, store, tmp_path, **merge("5m"))
    clock.later(60)
    rows.append((2, START - timedelta(seconds=200), 20))  # stamped before the first run's bound
    home.frame = times(rows)
    go(home, store, tmp_path, **merge("5m"))
    assert store.rows.sort("id").equals(home.frame)


def test_the_lag_reads_again_what_merging_does_not_double(tmp_path: Path) -> None:
    clock = Clock()
    rows = [(n, START - timedelta(seconds=10 * n), n) for n in range(1, 11)]
    home, store = TableHome(times(rows), clock=clock, settled=False), ShelfStore("s")
    go(home, store, tmp_path, **merge("1h"))
    clock.later(1)
    again = go(home, store, tmp_path, **merge("1h"))
    assert again.proof is not None and again.proof.read == 10
    assert store.rows.sort("id").equals(home.frame)


def test_a_time_without_a_lag_is_refused_where_transactions_may_still_write(tmp_path: Path) -> None:
    home = TableHome(times([(1, START, 1)]), clock=Clock(), settled=False)
    with pytest.raises(UnsupportedError, match="a row committed late would never be read") as e:
        go(home, ShelfStore("s"), tmp_path, **merge(None))
    assert "`lag: 0` if no row can ever arrive late" in (e.value.hint or "")
    go(home, ShelfStore("s"), tmp_path, **merge(0))
    settled = TableHome(times([(1, START, 1)]), clock=Clock(), settled=True)
    go(settled, ShelfStore("other", path="other"), tmp_path, **merge(None))


@pytest.mark.parametrize("zone", ["UTC", None])
def test_one_row_of_the_far_future_hides_nothing(tmp_path: Path, zone: str | None) -> None:
    clock = Clock()
    rows = [(1, START - timedelta(hours=1), 1), (2, datetime(9999, 1, 1, tzinfo=UTC), 2)]
    home, store = TableHome(times(rows, zone), clock=clock), ShelfStore("s")
    go(home, store, tmp_path, **merge(0))
    assert store.rows["id"].to_list() == [1]
    rows.append((3, clock.later(60), 3))
    clock.later(1)
    home.frame = times(rows, zone)
    go(home, store, tmp_path, **merge(0))
    assert sorted(store.rows["id"]) == [1, 3]
    clock.now = datetime(9999, 2, 1, tzinfo=UTC)
    go(home, store, tmp_path, **merge(0))
    assert sorted(store.rows["id"]) == [1, 2, 3]


def test_a_naive_column_is_read_by_the_wall_clock_it_means(tmp_path: Path) -> None:
    """At 12:00 UTC it is 13:00 in Copenhagen: a row of 12:30 there is past, not to come."""
    clock = Clock()
    rows = [(1, START + timedelta(minutes=30), 1)]
    home = TableHome(times(rows, None), clock=clock)
    store, other = ShelfStore("s"), ShelfStore("o", path="other")
    go(home, store, tmp_path, **merge(0))
    assert store.rows.height == 0
    go(home, other, tmp_path, **merge(0, timezone="Europe/Copenhagen"))
    assert other.rows.height == 1


def test_days_are_read_once_they_are_over(tmp_path: Path) -> None:
    clock = Clock()
    frame = pl.DataFrame({"id": [1, 2], "at": [date(2026, 2, 28), date(2026, 3, 1)]})
    home, store = TableHome(frame, clock=clock), ShelfStore("s")
    by = {"mode": "append", "incremental": {"column": "at"}}
    go(home, store, tmp_path, **by)
    assert store.rows["id"].to_list() == [1]
    home.frame = pl.concat([frame, pl.DataFrame({"id": [3], "at": [date(2026, 3, 1)]})])
    clock.later(86_400)
    go(home, store, tmp_path, **by)
    assert sorted(store.rows["id"]) == [1, 2, 3]


def test_another_column_or_type_is_not_gone_on_with(tmp_path: Path) -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    go(home, store, tmp_path, **BY_ID)
    differs = r"differently \(the watermark column was 'id' and is 'value'\)"
    with pytest.raises(StateError, match=differs):
        go(home, store, tmp_path, mode="append", incremental={"column": "value"})
    home.frame = numbers(5).with_columns(pl.col("id").cast(pl.Datetime("us")))
    with pytest.raises(StateError, match=r"watermark is on 'id' \(int64\)") as caught:
        go(home, store, tmp_path, **BY_ID)
    assert "--full-refresh" in (caught.value.hint or "")
    assert store.rows.height == 5


def test_a_number_that_became_a_wider_one_goes_on(tmp_path: Path) -> None:
    narrow = numbers(9).with_columns(pl.col("id").cast(pl.Int32))
    home, store = TableHome(narrow.head(5)), ShelfStore("s")
    by = {"mode": "merge", "key_column": "id", "incremental": {"column": "id"}}
    go(home, store, tmp_path, cast={"id": "int64"}, **by)
    home.frame = numbers(9)
    moved = go(home, store, tmp_path, cast={"id": "int64"}, **by)
    assert moved.proof is not None and moved.proof.read == 4
    assert store.rows.sort("id").equals(numbers(9))


def test_a_full_refresh_starts_anew_and_goes_on_from_there(tmp_path: Path) -> None:
    home, store = TableHome(numbers(10)), ShelfStore("s")
    go(home, store, tmp_path, **BY_ID)
    home.frame = numbers(6, start=2)
    moved = go(home, store, tmp_path, full_refresh=True, **BY_ID)
    assert moved.after is not None and moved.after.value == 8
    assert store.rows["id"].to_list() == list(range(2, 8))
    home.frame = numbers(8, start=2)
    go(home, store, tmp_path, **BY_ID)
    assert store.rows["id"].to_list() == list(range(2, 10))


def test_a_column_that_is_renamed_or_left_out_can_still_carry_the_position(tmp_path: Path) -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    shape: dict[str, Any] = {"columns": ["value"], "rename": {"value": "v"}}
    go(home, store, tmp_path, **BY_ID, **shape)
    home.frame = numbers(9)
    go(home, store, tmp_path, **BY_ID, **shape)
    assert store.rows["v"].to_list() == numbers(9)["value"].to_list()


def test_what_cannot_carry_a_position(tmp_path: Path) -> None:
    home = TableHome(pl.DataFrame({"id": [1], "name": ["x"]}))
    with pytest.raises(UnsupportedError, match="'name' is string; a watermark needs"):
        go(home, ShelfStore("s"), tmp_path, mode="append", incremental={"column": "name"})
    with pytest.raises(ConfigError, match="`incremental` of test names 'nmae'") as caught:
        go(home, ShelfStore("s"), tmp_path, mode="append", incremental={"column": "nmae"})
    assert caught.value.hint == "did you mean 'name'?"


def test_a_failed_run_leaves_the_position(tmp_path: Path) -> None:
    home, store = TableHome(numbers(5)), ShelfStore("s")
    go(home, store, tmp_path, **BY_ID)
    home.frame = numbers(9)
    store.faults.commit.append(OSError("disk full"))
    with pytest.raises(OSError, match="disk full"):
        go(home, store, tmp_path, **BY_ID)
    go(home, store, tmp_path, **BY_ID)
    assert store.rows.equals(home.frame)


def test_chunks_of_a_window(tmp_path: Path) -> None:
    home, store = TableHome(numbers(50)), ShelfStore("s")
    go(home, store, tmp_path, chunks=3, **BY_ID)
    home.frame = numbers(120)
    go(home, store, tmp_path, chunks=3, **BY_ID)
    assert store.rows["id"].sort().to_list() == list(range(120))


LAG_S = 100
STEP = st.one_of(
    st.tuples(st.just("add"), st.integers(0, LAG_S - 1)),
    st.tuples(st.just("change"), st.integers(0, 30)),
    st.tuples(st.just("wait"), st.integers(0, 60)),
    st.tuples(st.just("go"), st.sampled_from(["well", "refused", "unacknowledged"])),
)


@given(steps=st.lists(STEP, max_size=40), chunks=st.sampled_from(["off", 3]))
@settings(max_examples=60)
def test_any_history_ends_with_the_source(steps: list[tuple[str, Any]], chunks: str | int) -> None:
    """Rows that appear up to the lag after their stamp, changes, failures: nothing is missing."""
    clock, rows = Clock(), dict[int, tuple[int, datetime, int]]()
    home = TableHome(times([]), clock=clock, settled=False)
    store = ShelfStore("s")
    with TemporaryDirectory() as folder:

        def run() -> None:
            home.frame = times(list(rows.values()))
            try:
                go(home, store, Path(folder), chunks=chunks, **merge(f"{LAG_S}s"))
            except OSError:
                pass

        for step, value in steps:
            if step == "add":
                stamp = clock.now - timedelta(seconds=value)
                rows[len(rows)] = (len(rows), stamp, 0)
            elif step == "change" and rows:
                number = value % len(rows)
                rows[number] = (number, clock.now, rows[number][2] + 1)
            elif step == "wait":
                clock.later(value)
            elif step == "go":
                if value == "refused":
                    store.faults.commit = [OSError("no")]
                elif value == "unacknowledged":
                    store.faults.acknowledge = [OSError("lost")]
                run()
                store.faults.commit, store.faults.acknowledge = [], []
        clock.later(1)
        run()
        assert store.rows.sort("id").equals(times(sorted(rows.values())))
