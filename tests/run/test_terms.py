"""What an entity's settings ask of a load beside its mode: refused where they do not go together,
told in the plan, and remembered from run to run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from tests.run.support import ShelfStore, TableHome, numbers, planned

from hygge import DuckDBStore, Flow, ParquetStore
from hygge.cli.render import plan_text
from hygge.core.errors import ConfigError, GuardError, StateError
from hygge.core.state import State
from hygge.core.terms import AT, LOADED_AT, RUN_ID, Deletes, moment_after
from hygge.project import EntitySettings
from hygge.run.terms import COMPARED, deletes_of, in_words, is_due, misfits

BY_V = {"incremental": {"column": "v", "lag": 0}}


def settings(**given: Any) -> EntitySettings:
    return EntitySettings.model_validate(given)


@pytest.mark.parametrize(
    ("mode", "given", "said"),
    [
        ("append", {"deduplicate": "latest by v"}, "`deduplicate` with mode 'append'"),
        ("delete_insert", {"deduplicate": "latest by v"}, "`deduplicate` with mode"),
        ("merge", {"delete_by": "window"}, "is for `mode: delete_insert`"),
        ("delete_insert", {"delete_by": "window"}, "needs a window to read"),
        ("replace", {"deletes": "soft"}, "'replace' takes out what is gone by itself"),
        ("append", {"deleted_when": "v = 1"}, "`deleted_when` is for modes with a key"),
        ("merge", {"deletes": "ignore", "deleted_when": "v = 1"}, "exclude each other"),
        ("scd2", {"deletes": "hard"}, "keeps every version"),
        ("merge", {"deletes": {"every": "24h"}, "deleted_when": "v = 1"}, "`every` says how often"),
        ("merge", {"deletes": "soft", "on_bad_value": "quarantine"}, "would be taken for deleted"),
        ("scd2", {"on_bad_value": "quarantine"}, "would be taken for deleted"),
        ("merge", {"deleted_when": "v = "}, "`deleted_when` cannot be read"),
    ],
)
def test_what_does_not_go_together_is_told(mode: Any, given: dict[str, Any], said: str) -> None:
    found = list(misfits(settings(**given), mode))
    assert [said in message for message, _ in found] == [True]
    assert all(hint for _, hint in found)


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        ("merge", {"deduplicate": "latest by v", "deletes": {"every": "1h"}, **BY_V}),
        ("replace", {"deduplicate": "latest by v"}),
        ("delete_insert", {"delete_by": "window", **BY_V}),
        ("scd2", {"deleted_when": "v = 1"}),
        ("scd2", {"deletes": "ignore", "on_bad_value": "quarantine"}),
    ],
)
def test_what_goes_together_is_not(mode: Any, given: dict[str, Any]) -> None:
    assert not list(misfits(settings(**given), mode))


@pytest.mark.parametrize(
    ("mode", "given", "expected"),
    [
        ("merge", {}, None),
        ("merge", {"deletes": "ignore"}, None),
        ("merge", {"deletes": "hard"}, Deletes(hard=True, find=True)),
        ("merge", {"deleted_when": "x"}, Deletes(marked=True)),
        ("merge", {"deleted_when": "x", "deletes": {"find": "keys"}},
         Deletes(find=True, marked=True)),
        ("replace", {"deletes": {"column": "gone"}}, Deletes(column="gone")),
        ("scd2", {}, Deletes(find=True)),
        ("scd2", BY_V, None),
        ("scd2", {"deletes": "soft", **BY_V}, Deletes(find=True)),
    ],
)  # fmt: skip
def test_what_becomes_of_rows_that_are_gone(mode: Any, given: Any, expected: Any) -> None:
    assert deletes_of(settings(**given), mode) == expected


def test_in_words() -> None:
    given = settings(
        deduplicate="latest by at", deleted_when="void = 1", **BY_V,
        deletes={"mode": "hard", "find": "keys", "every": "24h"},
    )  # fmt: skip
    assert dict(in_words(given, "merge", "id")) == {
        "of doubles": "of each id, the row with the greatest at",
        "deleted": "rows with void = 1 go",
        "vanished": "rows whose id the source has no longer go; looked for every 24h",
    }


@pytest.mark.parametrize("text", ["latest", "by v", "oldest by v", "", 5])
def test_deduplicate_is_written_in_one_way(text: Any) -> None:
    with pytest.raises(ValueError, match="latest by COLUMN"):
        settings(deduplicate=text)
    assert settings(deduplicate="Latest  by updated at").latest == "updated at"


def held(**memo: str) -> State:
    return State("t", "f", 1, "l", numbers_fields(), memo=memo)


def numbers_fields() -> Any:
    from hygge import Schema

    return Schema.of(numbers(0))


def test_keys_are_compared_when_it_is_time() -> None:
    now = datetime(2024, 3, 1, 12, tzinfo=UTC)
    daily = settings(deletes={"every": "24h"})
    assert is_due(settings(deletes="soft"), held(), now)
    assert is_due(daily, None, now)
    assert is_due(daily, held(), now)
    for hours, due in ((23, False), (24, True), (30, True)):
        last = (now - timedelta(hours=hours)).isoformat()
        assert is_due(daily, held(**{COMPARED: last}), now) is due
    with pytest.raises(StateError, match="damaged"):
        is_due(daily, held(**{COMPARED: "yesterday"}), now)


def test_moments_of_loads_never_go_back() -> None:
    now = datetime(2024, 3, 1, tzinfo=UTC)
    late = (now + timedelta(days=1)).isoformat()
    assert moment_after({}, now) == now
    assert moment_after({AT: late}, now) == now + timedelta(days=1, microseconds=1)


def test_a_state_keeps_what_a_run_remembers() -> None:
    state = held(at="x")
    again = State.from_json(state.to_json(), place="t")
    assert again == state
    assert "memo" not in json.loads(held().to_json())


def test_a_store_that_cannot_is_refused_by_the_plan() -> None:
    plan = planned(TableHome(numbers(3)), ShelfStore("t", path="s"), Path(), mode="merge",
                   key_column="id", deletes="soft")  # fmt: skip
    (problem,) = plan.errors
    assert "a Store of type 'shelf" in problem.message or "has no `deletes`" in problem.message
    assert problem.hint


def test_the_plan_says_it(tmp_path: Path) -> None:
    plan = planned(
        TableHome(numbers(3)), DuckDBStore("t", path="w.duckdb"), tmp_path, mode="merge",
        key_column="id", deletes="soft",
    )  # fmt: skip
    text = plan_text(plan)
    assert "merge, by id" in text
    assert "rows that a full read does not have are marked in _hygge_deleted_at" in text


# Runs -------------------------------------------------------------------------------------------


class Case:
    """A source of changing rows, and a DuckDB table that they go to."""

    def __init__(self, folder: Path, **given: Any) -> None:
        self.path = folder / "w.duckdb"
        self.given = given
        self.rows({"id": [1, 2, 3], "v": [1, 2, 3], "Full Name": ["a", "b", "c"]})

    def rows(self, data: dict[str, Any]) -> None:
        self.frame = pl.DataFrame(data, schema_overrides={"id": pl.Int64, "v": pl.Int64})

    def go(self, **more: Any) -> Any:
        store = DuckDBStore("t", path=str(self.path))
        given = {"key_column": "id", "retries": 0, **self.given, **more}
        return Flow(TableHome(self.frame), store, **given).start_sync()

    def there(self, columns: str = "*") -> list[tuple[Any, ...]]:
        with duckdb.connect(self.path) as connection:
            return sorted(connection.sql(f"SELECT {columns} FROM t").fetchall())


def test_keys_are_compared_no_more_often_than_asked(tmp_path: Path) -> None:
    case = Case(tmp_path, mode="merge", deletes={"every": "24h"}, max_shrink=1, **BY_V)
    first = case.go()
    assert any("keys were compared" in n for n in first.notes)
    case.rows({"id": [2, 3], "v": [2, 3], "Full Name": ["b", "c"]})
    assert case.go().status == "unchanged"
    case.rows({"id": [2, 3, 4], "v": [2, 3, 4], "Full Name": ["b", "c", "d"]})
    assert not any("compared" in n for n in case.go().notes)
    assert len(case.there()) == 4
    often = case.go(deletes={"mode": "hard", "column": "_hygge_deleted_at"})
    assert often.status == "moved"
    assert case.there("id") == [(2,), (3,), (4,)]


def test_nothing_new_is_no_reason_not_to_look_for_what_is_gone(tmp_path: Path) -> None:
    case = Case(tmp_path, mode="merge", deletes="soft", **BY_V)
    case.go()
    case.rows({"id": [2, 3], "v": [2, 3], "Full Name": ["b", "c"]})
    case.go()
    assert case.there("id, _hygge_deleted_at IS NULL") == [(1, False), (2, True), (3, True)]
    case.rows({"id": [1, 2, 3], "v": [1, 2, 3], "Full Name": ["a", "b", "c"]})
    case.go()
    assert case.there("id, _hygge_deleted_at IS NULL") == [(1, True), (2, True), (3, True)]


def test_a_source_that_is_empty_by_accident_deletes_nothing(tmp_path: Path) -> None:
    for mode in ("merge", "scd2"):
        case = Case(tmp_path / mode, mode=mode, **({"deletes": "hard"} if mode == "merge" else {}))
        (tmp_path / mode).mkdir()
        case.go()
        before = case.there()
        case.rows({"id": [], "v": [], "Full Name": []})
        with pytest.raises(GuardError) as caught:
            case.go()
        assert "allow_empty" in (caught.value.hint or "")
        assert case.there() == before
        assert case.go(allow_empty=True).status == "moved"


def test_load_columns_and_names(tmp_path: Path) -> None:
    """In any Store; a history is not longer for them."""
    case = Case(tmp_path, mode="scd2", load_columns=True, name_case="snake")
    case.go()
    case.go()
    assert case.there("id, full_name, count(*) OVER ()") == [(1, "a", 3), (2, "b", 3), (3, "c", 3)]
    home, store = TableHome(case.frame), ParquetStore("t", path=str(tmp_path / "out"))
    run = Flow(home, store, load_columns=True, name_case="lower").start_sync()
    frame = pl.read_parquet(tmp_path / "out" / "*.parquet")
    assert frame.columns == ["id", "v", "full name", LOADED_AT, RUN_ID]
    assert frame[LOADED_AT].n_unique() == 1
    assert abs(frame[LOADED_AT][0] - datetime.now(UTC)) < timedelta(minutes=5)
    assert frame[RUN_ID].is_not_null().all()
    assert run.status == "moved"


def test_names_that_collide_are_told(tmp_path: Path) -> None:
    case = Case(tmp_path, name_case="snake")
    case.rows({"id": [1], "UserId": [1], "user_id": [2]})
    with pytest.raises(ConfigError, match="named 'user_id': 'UserId' and 'user_id'"):
        case.go()
    case = Case(tmp_path, mode="scd2", scd2={"current": "v"})
    with pytest.raises(ConfigError, match="'v' occurs twice") as caught:
        case.go()
    assert "rename" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("condition", "said"),
    [("nope = 1", "`deleted_when` of t names 'nope'"), ('"Full Name"', "`deleted_when:"),
     ("v + 1", "fails")],
)  # fmt: skip
def test_a_condition_that_cannot_hold_is_told(tmp_path: Path, condition: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Case(tmp_path, mode="merge", deleted_when=condition).go()
    assert caught.value.hint


def test_a_full_refresh_leaves_out_what_is_deleted_and_keeps_a_history(tmp_path: Path) -> None:
    marked = {"mode": "merge", "deleted_when": "v = 2", "deletes": "hard"}
    case = Case(tmp_path, **marked)
    case.go()
    case.go(full_refresh=True)
    assert case.there("id") == [(1,), (3,)]
    (tmp_path / "history").mkdir()
    history = Case(tmp_path / "history", mode="scd2")
    history.go()
    history.rows({"id": [1, 2, 3], "v": [1, 2, 9], "Full Name": ["a", "b", "c"]})
    history.go(full_refresh=True)
    assert len(history.there()) == 4


def test_a_table_loaded_otherwise_is_no_history(tmp_path: Path) -> None:
    case = Case(tmp_path, mode="merge")
    case.go()
    for full_refresh in (False, True):
        with pytest.raises(StateError) as caught:
            case.go(mode="scd2", full_refresh=full_refresh)
        assert caught.value.hint


def test_the_columns_of_what_is_asked_must_be_moved(tmp_path: Path) -> None:
    case = Case(tmp_path, mode="merge", deduplicate="latest by v", columns=["id", "Full Name"])
    with pytest.raises(ConfigError, match="'v' is not moved"):
        case.go()
    case = Case(tmp_path, mode="merge", deduplicate="latest by Full Name")
    with pytest.raises(ConfigError, match="cannot tell which row is the latest"):
        case.go()
