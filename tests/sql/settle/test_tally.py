"""How many rows a table has after a load, without reading all of a big one to count them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.sql.settle.test_indexes import executor, made

from hygge.core.errors import GuardError
from hygge.core.terms import Deletes, Terms
from hygge.sql.settle import tally
from hygge.sql.settle.about import About
from hygge.sql.settle.modes.step import Step
from hygge.sql.settle.tally import ADDED_UP, Tally
from hygge.testing.loading import load_frames


@pytest.fixture
def big(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table is too big to be counted without need."""
    monkeypatch.setattr(tally, "COUNTED", -1)


def frame(*ids: int) -> pl.DataFrame:
    return pl.DataFrame({"id": ids, "v": ids}, schema={"id": pl.Int64, "v": pl.Int64})


@pytest.mark.usefixtures("big")
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_merge_counts_what_it_changed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    real = About.count

    def count(about: About, table: str) -> int:
        counted.append(table)
        return real(about, table)

    monkeypatch.setattr(About, "count", count)
    store, ask = made(kind, request, tmp_path)
    for ids, rows in (([1, 2, 3], 3), ([3, 4], 4), ([], 4), ([1, 2, 3, 4], 4), ([9], 5)):
        commit = load_frames(store, [frame(*ids)], "merge", ["id"])
        assert commit.rows == commit.state.rows == rows
        assert ask("SELECT count(*) FROM {}") == [str(rows)]
    assert store.name not in counted
    hard = Terms(deletes=Deletes(find=True, hard=True))
    present = pl.DataFrame({"id": [1, 9]})
    commit = load_frames(store, [frame(9)], "merge", ["id"], terms=hard, present=present)
    assert commit.rows == 2
    assert ask("SELECT count(*) FROM {}") == ["2"]


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
@pytest.mark.parametrize(
    "sql", ["DELETE FROM {} WHERE id < 3", "INSERT INTO {} VALUES (7,7),(8,8)"]
)
def test_what_somebody_else_did_is_counted(
    kind: str, sql: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Where a table is not big."""
    store, ask = made(kind, request, tmp_path)
    load_frames(store, [frame(1, 2, 3)], "merge", ["id"])
    executor(kind, request, tmp_path)(sql.format(store.name))
    commit = load_frames(store, [frame(3, 4)], "merge", ["id"])
    assert [str(commit.rows)] == ask("SELECT count(*) FROM {}")
    assert commit.rows == commit.state.rows
    assert ADDED_UP not in commit.state.extra


@pytest.mark.usefixtures("big")
def test_what_somebody_else_did_to_a_big_table(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """It is counted once what was added up cannot be right, and by a load that replaces it."""
    store, ask = made("postgres", request, tmp_path)
    execute = executor("postgres", request, tmp_path)
    load_frames(store, [frame(1, 2)], "merge", ["id"])
    execute(f"INSERT INTO {store.name} SELECT n, n FROM generate_series(3, 9) n")
    commit = load_frames(store, [frame(10)], "merge", ["id"])
    assert commit.rows == 3
    assert commit.state.extra[ADDED_UP]
    with pytest.raises(GuardError, match="6 of the destination's 10 rows"):  # of 3, it would pass
        load_frames(store, [frame(1, 2, 3, 4)], "replace", terms=Terms(max_shrink=0.5))
    hard = Terms(deletes=Deletes(find=True, hard=True))
    commit = load_frames(store, [frame(1)], "merge", ["id"], terms=hard, present=frame(1)[["id"]])
    assert ask("SELECT count(*) FROM {}") == [str(commit.rows)] == ["1"]


@pytest.mark.parametrize("kind", ["postgres", "mysql", "duckdb", "sqlite", "sql"])
def test_nothing_is_refused_for_rows_that_somebody_deleted(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store, _ = made(kind, request, tmp_path)
    load_frames(store, [frame(1, 2, 3, 4)], "merge", ["id"])
    executor(kind, request, tmp_path)(f"DELETE FROM {store.name} WHERE id > 2")
    terms = Terms(max_shrink=0.5, allow_empty=False)
    with pytest.raises(GuardError, match="none of the destination's 2 rows"):
        load_frames(store, [frame()], "replace", terms=terms)
    assert load_frames(store, [frame(1)], "replace", terms=terms).rows == 1


def test_a_tally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "COUNTED", 3)
    told = Tally(5)
    told.add(Step("", adds=-1), 2)
    told.add(Step("", adds=1), 4)
    told.add(Step(""), 100)
    assert told.rows_or(lambda: -1) == (7, False)
    told.add(Step("", adds=-1), 4)
    assert told.rows_or(lambda: 9) == (9, True)
    told.add(Step("", adds=-1), 9)
    assert told.rows_or(lambda: 9) == (9, True)
    told.add(Step("", adds=1), None)
    told.add(Step("", adds=1), 7)
    assert told.rows_or(lambda: 9) == (9, True)
