"""Incremental reads of SQL Server, run by run, into Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from tests.sql.mssql.support import connect, is_babelfish, needs_server, url_of

from hygge import Coordinator
from hygge.sql.mssql import rowversion

pytestmark = needs_server
TABLE = "dbo.growing"
BY = {
    "rowversion": "table: dbo.growing}\n    incremental: {column: rv}",
    "id": "table: dbo.growing}\n    incremental: {column: id}",
    "datetime2": "table: dbo.growing}\n    incremental: {column: at, lag: 1h}",
    "datetime": "table: dbo.growing}\n    incremental: {column: at_old, lag: 1h}",
    "query": "query: 'SELECT id, v, at FROM dbo.growing WHERE at >= :since AND at < :until'}\n"
    "    incremental: {column: at, lag: 1h}",
}


BABELFISH_BOUND = "SELECT CAST(@@DBTS AS bigint), CAST(@@DBTS AS bigint) - 1, N'READ_WRITE'"


@pytest.fixture(autouse=True)
def table() -> Iterator[None]:
    is_babelfish()
    with connect() as link:
        link.execute(f"DROP TABLE IF EXISTS {TABLE}")
        link.execute(f"CREATE TABLE {TABLE} (id int PRIMARY KEY, v nvarchar(9), at datetime2(6) "
                     "NOT NULL, at_old datetime NOT NULL, rv rowversion)")  # fmt: skip
        add("(1, N'one')", hours=48)
        add("(2, N'two')", hours=24)
    yield
    with connect() as link:
        link.execute(f"DROP TABLE {TABLE}")


def add(values: str, hours: int) -> None:
    """Rows that were written so many hours ago."""
    with connect() as link:
        link.execute(
            f"INSERT INTO {TABLE} (id, v, at, at_old) "
            f"SELECT id, v, DATEADD(hour, -{hours}, SYSUTCDATETIME()), "
            f"DATEADD(hour, -{hours}, GETUTCDATE()) FROM (VALUES {values}) AS r (id, v)"
        )


@pytest.mark.parametrize("by", BY)
def test_only_what_is_new(by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a time, the rows of the lag before the last position come again, and are merged."""
    monkeypatch.chdir(tmp_path)
    if is_babelfish():  # it has no MIN_ACTIVE_ROWVERSION(); @@DBTS is the next one there
        monkeypatch.setattr(rowversion, "BOUND_SQL", BABELFISH_BOUND)
    (tmp_path / "hygge.yml").write_text(
        f"""\
connections:
  shop: {{type: mssql, url: "{url_of()}"}}
flows:
  growing:
    home: {{type: mssql, connection: shop, {BY[by]}
    store: {{type: parquet, path: lake}}
    mode: merge
    key_column: id
""",
        encoding="utf-8",
    )

    def moved() -> int:
        (entity,) = Coordinator(config_path=tmp_path / "hygge.yml").run_sync().entities
        return entity.rows

    assert moved() == 2
    again = 0 if by in ("id", "rowversion") else 1
    assert moved() == again
    add("(3, N'three')", hours=0)
    add("(4, N'four')", hours=0)
    assert moved() == 2 + again
    frame = pl.read_parquet(tmp_path / "lake" / "**" / "*.parquet").sort("id")
    assert frame["v"].to_list() == ["one", "two", "three", "four"]
