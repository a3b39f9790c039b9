"""Change Tracking, which Babelfish has not: statements against recorded answers, and whole runs in
which a table of the test's own stands for what CHANGETABLE tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.sql.mssql.recorded import Recorded, session
from tests.sql.mssql.support import connect, is_babelfish, needs_server, url_of

from hygge import DuckDBStore, Flow, MSSQLHome, ParquetStore
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.errors import ConfigError, StateError
from hygge.core.watermark import Window
from hygge.sql.mssql import tracking
from hygge.sql.mssql.tracking import Tracked

BY: dict[str, Any] = {"by": "change_tracking"}
TOLD: dict[str, Any] = {"find": "change_tracking"}


def test_what_the_server_is_asked() -> None:
    link = Recorded(CHANGE_TRACKING_CURRENT_VERSION=[(41, 7)])
    reading = session(link)
    field = reading.told_by("change_tracking")
    assert "CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(N'[dbo].[t]'))" in link.said[-1]
    assert reading.settled(field) and reading.maximum(field.name) == 41
    first = ReadRequest(window=Window(field.name, field.type, None, 42))
    assert reading.statement(first, WHOLE) == "SELECT [id], [rv] FROM [dbo].[t]"
    later = ReadRequest(window=Window(field.name, field.type, 31, 42))
    assert reading.statement(later, WHOLE) == (
        "SELECT [id], [rv] FROM [dbo].[t] WHERE (EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES "
        "[dbo].[t], 30) hygge_changes WHERE hygge_changes.[id] = [dbo].[t].[id]))"
    )
    keys = ReadRequest(columns=("id",), window=later.window)
    assert reading.statement(keys, reading.gone(later)) == (
        "SELECT [id] FROM CHANGETABLE(CHANGES [dbo].[t], 30) hygge_changes "
        "WHERE (hygge_changes.SYS_CHANGE_OPERATION = N'D')"
    )


def test_a_table_that_is_not_tracked() -> None:
    with pytest.raises(ConfigError, match="are not tracked") as caught:
        session(Recorded(CHANGE_TRACKING_CURRENT_VERSION=[(41, None)])).told_by("change_tracking")
    assert caught.value.hint is not None and "ENABLE CHANGE_TRACKING" in caught.value.hint


def test_positions_that_are_known_no_longer() -> None:
    """The version that was read last must be one from which on all is known."""
    known = Tracked(current=41, oldest=7)
    assert tracking.expired(known, 42, "t") == tracking.expired(known, 8, "t") == ""
    assert "kept from version 7 on, and the last load was at 6" in tracking.expired(known, 7, "t")
    with pytest.raises(StateError, match="restored"):
        tracking.expired(known, 43, "t")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"deletes": TOLD, "incremental": {"column": "id"}}, "since the position of the last load"),
        ({"deletes": {**TOLD, "every": "1d"}, "incremental": BY}, "take `every` out"),
        ({"incremental": {**BY, "column": "id"}}, "`column` and `by` exclude each other"),
        ({"incremental": {}}, "or `by: change_tracking`"),
        ({"incremental": {**BY, "lag": 1}}, "of no use with `by`"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict[str, Any], says: str) -> None:
    home = MSSQLHome("t", url="mssql://u:p@127.0.0.1:1/d")
    store = DuckDBStore("t", path="d.duckdb")
    with pytest.raises(ConfigError) as caught:
        Flow(home, store, mode="merge", key_column="id", **settings).plan()
    assert says in str(caught.value)


def test_a_store_that_cannot_be_told() -> None:
    home = MSSQLHome("t", url="mssql://u:p@127.0.0.1:1/d")
    flow = Flow(home, ParquetStore("t", path="d"), mode="merge", key_column="id",
                incremental=BY, deletes=TOLD)  # fmt: skip
    with pytest.raises(ConfigError, match="deletes"):
        flow.plan()


# Whole runs ---------------------------------------------------------------------------------------


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int, str], None]]:
    """Changes the table, and notes what Change Tracking would tell: an id, and an operation."""
    is_babelfish()
    monkeypatch.setattr(
        tracking, "STATE_SQL",
        "SELECT COALESCE(MAX(v), 0), (SELECT oldest FROM ct_oldest) FROM ct -- {table}",
    )  # fmt: skip
    monkeypatch.setattr(
        tracking, "changes",
        lambda table, last: f"(SELECT id, MAX(o) AS SYS_CHANGE_OPERATION FROM ct WHERE v > "
        f"{last - 1} AND n = (SELECT MAX(n) FROM ct b WHERE b.id = ct.id) GROUP BY id) "
        "hygge_changes",
    )  # fmt: skip
    with connect() as link:
        for table in ("tracked", "ct", "ct_oldest"):
            link.execute(f"DROP TABLE IF EXISTS {table}")
        link.execute("CREATE TABLE tracked (id int PRIMARY KEY, v nvarchar(9))")
        link.execute("CREATE TABLE ct (n int IDENTITY, v int, id int, o nchar(1))")
        link.execute("CREATE TABLE ct_oldest (oldest int); INSERT INTO ct_oldest VALUES (0)")

        def run(statement: str, number: int, operation: str) -> None:
            link.execute(statement)
            link.execute(
                f"INSERT INTO ct (v, id, o) SELECT COALESCE(MAX(v), 0) + 1, {number}, "
                f"N'{operation}' FROM ct"
            )

        yield run


@needs_server
@pytest.mark.parametrize("mode", ["soft", "hard"])
def test_changes_and_deletes(
    mode: str, change: Callable[[str, int, str], None], tmp_path: Path
) -> None:
    """What changed comes, what is gone goes or is marked and keeps its last values; once the server
    knows no longer, all is read and the keys are compared."""
    where = tmp_path / "w.duckdb"
    flow = Flow(
        MSSQLHome("tracked", url=url_of()), DuckDBStore("t", path=str(where)), mode="merge",
        key_column="id", incremental=BY, deletes={**TOLD, "mode": mode}, max_shrink=1.0,
    )  # fmt: skip

    def moved() -> tuple[int, list[tuple[Any, ...]]]:
        rows = flow.start_sync().rows
        gone = "_hygge_deleted_at IS NOT NULL" if mode == "soft" else "false"
        with duckdb.connect(where) as base:
            return rows, base.execute(f"SELECT id, v, {gone} FROM t ORDER BY id").fetchall()

    for number, value in ((1, "one"), (2, "two"), (3, "three")):
        change(f"INSERT INTO tracked VALUES ({number}, N'{value}')", number, "I")
    assert moved() == (3, [(1, "one", False), (2, "two", False), (3, "three", False)])
    change("UPDATE tracked SET v = N'TWO' WHERE id = 2", 2, "U")
    change("DELETE FROM tracked WHERE id = 3", 3, "D")
    gone = [(3, "three", True)] if mode == "soft" else []
    assert moved() == (1, [(1, "one", False), (2, "TWO", False), *gone])
    assert moved() == (0, [(1, "one", False), (2, "TWO", False), *gone])
    change("DELETE FROM tracked WHERE id = 1", 1, "D")
    with connect() as link:  # the server cleans up what it knew
        link.execute("UPDATE ct_oldest SET oldest = 99; INSERT INTO ct (v, id, o) "
                     "VALUES (100, 2, N'U')")  # fmt: skip
    first = [(1, "one", True)] if mode == "soft" else []
    rows, there = moved()
    assert (rows, there) == (1, [*first, (2, "TWO", False), *gone])
