"""Rows without a position are read once, even where no row had one at first."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.contract import readers, writers

from hygge import Flow, ParquetHome, ParquetStore, Schema, SQLiteHome


def frame(ids: list[int | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"id": ids, "value": list(range(len(ids)))}, schema_overrides={"id": pl.Int64}
    )


@pytest.mark.parametrize("kind", ["parquet", "sqlite"])
@pytest.mark.parametrize("mode", ["append", "merge"])
async def test_rows_without_a_position_before_any_that_has_one(
    tmp_path: Path, kind: str, mode: str
) -> None:
    path = tmp_path / f"source.{kind}"

    async def load(ids: list[int | None]) -> None:
        path.unlink(missing_ok=True)
        if kind == "parquet":
            writers.parquet(frame(ids), path)
            home = ParquetHome("t", path=path)
        else:
            writers.sqlite(frame(ids), Schema.of(frame(ids)), path, "t")
            home = SQLiteHome("t", path=str(path))
        flow = Flow(
            home=home, store=ParquetStore("t", path=tmp_path / "out"), mode=mode,
            incremental={"column": "id"}, key_column="value" if mode == "merge" else None,
        )  # fmt: skip
        await flow.start()

    for ids in ([None, None], [None, None], [None, None, 1, 2], [None, None, 1, 2, 3]):
        await load(ids)
    assert sorted(readers.parquet(tmp_path / "out")["value"].to_list()) == [0, 1, 2, 3, 4]
