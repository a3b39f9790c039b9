"""How many rows a table has after a load, without reading all of it to count them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.sql.settle.test_indexes import executor, made

from hygge.core.terms import Deletes, Terms
from hygge.sql.settle import fill
from hygge.sql.settle.fill import Tally
from hygge.sql.settle.modes.step import Step
from hygge.testing.loading import load_frames


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_merge_counts_what_it_changed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    real = fill.count

    def count(settler: Any, link: Any, place: Any, table: str) -> int:
        counted.append(table)
        return real(settler, link, place, table)

    monkeypatch.setattr(fill, "count", count)
    store, ask = made(kind, request, tmp_path)
    for ids, rows in (([1, 2, 3], 3), ([3, 4], 4), ([], 4), ([1, 2, 3, 4], 4), ([9], 5)):
        frame = pl.DataFrame({"id": ids, "v": ids}, schema={"id": pl.Int64, "v": pl.Int64})
        commit = load_frames(store, [frame], "merge", ["id"])
        assert commit.rows == commit.state.rows == rows
        assert ask("SELECT count(*) FROM {}") == [str(rows)]
    assert store.name not in counted
    hard = Terms(deletes=Deletes(find=True, hard=True))
    present = pl.DataFrame({"id": [1, 9]})
    commit = load_frames(store, [frame], "merge", ["id"], terms=hard, present=present)
    assert commit.rows == 2
    assert ask("SELECT count(*) FROM {}") == ["2"]


def test_what_somebody_else_did_is_counted(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Where what is known cannot be right."""
    store, ask = made("postgres", request, tmp_path)
    load_frames(store, [pl.DataFrame({"id": [1]})], "merge", ["id"])
    executor("postgres", request, tmp_path)(
        f"INSERT INTO {store.name} SELECT generate_series(2, 9)"
    )
    hard = Terms(deletes=Deletes(find=True, hard=True))
    frame, none = pl.DataFrame({"id": [1]}), pl.DataFrame({"id": [1]})
    commit = load_frames(store, [frame], "merge", ["id"], terms=hard, present=none)
    assert ask("SELECT count(*) FROM {}") == [str(commit.rows)] == ["1"]


def test_a_tally() -> None:
    told = Tally(5)
    told.add(Step("", adds=-1), 2)
    told.add(Step("", adds=1), 4)
    told.add(Step(""), 100)
    assert told.rows_or(lambda: -1) == 7
    told.add(Step("", adds=-1), 8)
    assert told.rows_or(lambda: 3) == 3
    told.add(Step("", adds=1), None)
    told.add(Step("", adds=1), 7)
    assert told.rows_or(lambda: 3) == 3
