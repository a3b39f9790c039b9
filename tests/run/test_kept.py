"""What keeps a destination's rows from being lost or doubled: names by which rows are told apart,
reads that cannot tell what is gone, and sources that are empty by accident."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from tests.run.support import TableHome, TableSession, planned

from hygge import CSVHome, DuckDBStore, Flow, ParquetStore, SQLiteStore, Store
from hygge.core.errors import GuardError, SchemaDrift
from hygge.core.state import Mode
from hygge.project import EntitySettings
from hygge.run.terms import deletes_of, misfits

BY_V = {"incremental": {"column": "V", "lag": 100}}
KINDS: dict[str, type[Store]] = {
    "duckdb": DuckDBStore, "sqlite": SQLiteStore, "parquet": ParquetStore,
}  # fmt: skip


class Case:
    """A source of changing rows, and a Store that they go to."""

    def __init__(self, kind: str, folder: Path, **given: Any) -> None:
        self.kind, self.place, self.given = kind, folder / "there", given
        self.rows([1, 2, 3])

    def rows(self, ids: list[int], gone: int = 0) -> None:
        self.frame = pl.DataFrame(
            {"OrderID": ids, "V": ids, "gone": [gone] * len(ids)},
            schema_overrides=dict.fromkeys(("OrderID", "V", "gone"), pl.Int64),
        )

    def go(self, **more: Any) -> Any:
        store = KINDS[self.kind]("t", path=str(self.place))
        given = {"key_column": "OrderID", "retries": 0, **self.given, **more}
        return Flow(TableHome(self.frame), store, **given).start_sync()

    def there(self) -> list[tuple[Any, ...]]:
        if self.kind == "parquet":
            return sorted(pl.read_parquet(self.place / "*.parquet").rows(), key=repr)
        connect: Any = duckdb.connect if self.kind == "duckdb" else sqlite3.connect
        with closing(connect(self.place)) as db:
            return sorted(db.execute("SELECT * FROM t").fetchall(), key=repr)


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"mode": "merge"}, "order_id"),
        ({"mode": "delete_insert"}, "order_id"),
        ({"mode": "scd2"}, "order_id"),
        ({"mode": "delete_insert", "delete_by": "window", **BY_V}, "v"),
        ({"mode": "merge", "deduplicate": "latest by V", "rename": {"OrderID": "OrderID"}}, "v"),
    ],
)
def test_what_tells_rows_apart_keeps_its_name(
    kind: str, given: dict[str, Any], name: str, tmp_path: Path
) -> None:
    """With another one, what comes would not replace what is there."""
    case = Case(kind, tmp_path, **given)
    case.go()
    before = case.there()
    with pytest.raises(SchemaDrift, match=f"no column '{name}'") as caught:
        case.go(name_case="snake")
    assert "rename" in (caught.value.hint or "")
    assert ("--full-refresh" in (caught.value.hint or "")) is (given["mode"] != "scd2")
    assert case.there() == before
    if given["mode"] != "scd2":
        case.go(name_case="snake", full_refresh=True)
        assert len(case.there()) == 3


@pytest.mark.parametrize(
    ("mode", "deletes"), [("merge", "hard"), ("merge", {"find": "keys"}), ("scd2", "soft")]
)
def test_the_keys_of_new_files_are_not_all_there_are(
    mode: Mode, deletes: Any, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"mode": mode, "deletes": deletes, "incremental": {"files": "new"}}
    home, store = CSVHome("t", path="in"), DuckDBStore("t", path="w.duckdb")
    plan = planned(home, store, tmp_path, key_column="id", **given)
    (problem,) = plan.errors
    assert "would be taken for deleted" in problem.message
    assert "deleted_when" in (problem.hint or "")


@pytest.mark.parametrize("mode", ["merge", "scd2"])
def test_rows_of_new_files_may_say_that_they_are_gone(mode: Mode) -> None:
    given = EntitySettings.model_validate(
        {"incremental": {"files": "new"}, "deleted_when": "gone = 1"}
    )
    assert not list(misfits(given, mode))
    for full_refresh in (False, True):  # files that were moved away take no rows with them
        found = deletes_of(given, mode, full_refresh=full_refresh)
        assert found is not None and not found.find


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
def test_a_full_refresh_closes_what_vanished(kind: str, tmp_path: Path) -> None:
    case = Case(kind, tmp_path, mode="scd2", incremental={"column": "V", "lag": 0})
    case.go()
    case.rows([2, 3])
    case.go()
    assert [row[-1] for row in case.there()] == [True, True, True]
    case.go(full_refresh=True)
    assert [row[-1] for row in case.there()] == [False, True, True]
    case.rows([])
    with pytest.raises(GuardError, match="at the source any more"):
        case.go(full_refresh=True)


def test_a_full_refresh_takes_no_row_set_aside_for_gone() -> None:
    given = EntitySettings.model_validate({**BY_V, "on_bad_value": "quarantine"})
    assert not list(misfits(given, "scd2"))
    assert [m for m, _ in misfits(given, "scd2", full_refresh=True) if "taken for deleted" in m]


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
def test_a_window_is_not_emptied_by_accident(kind: str, tmp_path: Path) -> None:
    case = Case(kind, tmp_path, mode="delete_insert", delete_by="window", **BY_V)
    case.go()
    case.rows([])
    with pytest.raises(GuardError, match="at the source any more") as caught:
        case.go()
    assert "allow_empty" in (caught.value.hint or "")
    assert len(case.there()) == 3
    assert case.go(allow_empty=True).status == "moved"
    assert not case.there()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("full_refresh", [False, True])
def test_marks_do_not_empty_it_by_accident(kind: str, full_refresh: bool, tmp_path: Path) -> None:
    case = Case(kind, tmp_path, mode="merge", deleted_when="gone = 1", deletes={"mode": "hard"})
    case.go()
    case.rows([1, 2, 3], gone=1)
    with pytest.raises(GuardError, match="at the source any more"):
        case.go(full_refresh=full_refresh)
    assert len(case.there()) == 3
    case.go(full_refresh=full_refresh, allow_empty=True)
    assert not case.there()


@pytest.mark.parametrize("consistency", ["one snapshot", "as each statement reads it"])
def test_what_is_gone_is_better_looked_for_in_a_snapshot(
    consistency: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TableSession, "consistency", consistency)
    case = Case("duckdb", tmp_path, mode="merge", deletes="soft")
    warned = ["no snapshot" in " ".join(case.go().warnings) for _ in range(2)]
    assert warned == [False, consistency != "one snapshot"]
