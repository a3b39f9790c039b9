"""What a plan says, what it refuses and why, and what makes an entity the same entity."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.run.support import AppendOnlyStore, ShelfStore, TableHome, numbers, planned

from hygge import Home, Store
from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError, Location, Problem
from hygge.project import EntitySettings
from hygge.run.planning import plan_entity


class PlainHome(Home, type="test_plain"):
    async def read_batches(self) -> Any:
        yield numbers(1)


class PlainStore(Store, type="test_plain"):
    async def write(self, df: pl.DataFrame) -> None:
        pass


class LateStore(ShelfStore, type="test_late"):
    """It can replace, but appends unless told otherwise."""

    modes = ("append", "replace")


def errors(home: Home, store: Store, **settings: Any) -> list[tuple[str, str | None]]:
    return [(p.message, p.hint) for p in planned(home, store, Path(), **settings).errors]


TABLE, SHELF = TableHome(numbers(3)), ShelfStore("users", path="shelf")


def test_the_default_mode_is_the_stores_first() -> None:
    assert planned(TABLE, SHELF, Path()).mode == "replace"
    assert planned(TABLE, PlainStore(), Path()).mode == "append"


@pytest.mark.parametrize("mode", ["append", "merge", None])
@pytest.mark.parametrize("store", [SHELF, LateStore("x")])
def test_a_full_refresh_replaces_this_once(mode: str | None, store: Store) -> None:
    if mode == "merge" and "merge" not in store.modes:
        return
    settings = {"mode": mode} if mode else {}
    plan = planned(TABLE, store, Path(), full_refresh=True, key_column="id", **settings)
    assert plan.mode == "replace"
    if mode:
        assert plan.notes[0] == f"full refresh: replace, this once, instead of {mode}"


def test_a_full_refresh_of_a_store_that_can_only_append_is_refused() -> None:
    """It would add everything that is there already."""
    found = planned(
        TABLE, AppendOnlyStore("x"), Path(), full_refresh=True, incremental={"column": "id"}
    ).errors
    assert [p.message for p in found] == [
        "test: a full refresh would append every row again, and a Store of type "
        "'test_append_only' cannot replace"
    ]


REFUSED = [
    (
        {"incremental": {"column": "id"}, "mode": "replace"},
        "test: `incremental` with mode 'replace' would leave only the newest rows",
        "set `mode: merge` with a key, or `mode: append`",
    ),
    (
        {"incremental": {"column": "id", "lag": 10}, "mode": "append"},
        "test: a lag reads rows again, which appending would double",
        "set `mode: merge` and `key_column`, or take the lag out",
    ),
    (
        {"mode": "append"},
        "test: appending all rows at every run would double them",
        "set `incremental: {column: ...}`, another `mode`, or `full_append: true` if meant",
    ),
    (
        {"mode": "scd2", "key_column": "id"},
        "test: a Store of type 'test_shelf' cannot scd2",
        "its modes: replace, append, merge",
    ),
]


@pytest.mark.parametrize(("settings", "message", "hint"), REFUSED)
def test_refusals_say_why_and_what_to_do(settings: dict[str, Any], message: str, hint: str) -> None:
    assert errors(TABLE, SHELF, **settings) == [(message, hint)]


def test_a_home_that_cannot_read_incrementally() -> None:
    assert errors(PlainHome(), SHELF, incremental={"column": "id"}, mode="append") == [
        ("test: a Home of type 'test_plain' cannot read incrementally", "take `incremental` out")
    ]


def test_a_store_without_state_has_no_position() -> None:
    assert errors(TABLE, PlainStore(), incremental={"column": "id"}) == [
        (
            "test: a Store of type 'test_plain' keeps no position to go on from",
            "take `incremental` out, or choose a Store that keeps state",
        )
    ]


def test_all_problems_at_once() -> None:
    found = errors(PlainHome(), PlainStore(), incremental={"column": "id", "lag": "5m"})
    assert len(found) == 3


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "append", "full_append": True},
        {"mode": "append", "incremental": {"column": "id"}},
        {"mode": "append", "incremental": {"column": "id", "lag": 0}},
        {"mode": "merge"},
        {"mode": "merge", "key_column": "id", "incremental": {"column": "id", "lag": 5}},
    ],
)
def test_what_is_meant_is_let_through(settings: dict[str, Any]) -> None:
    assert errors(TABLE, SHELF, **settings) == []


def test_a_write_only_store_appends_without_asking_and_says_what_that_means() -> None:
    plan = planned(TABLE, PlainStore(), Path())
    assert plan.errors == ()
    assert plan.guarantee == "at least once"
    assert plan.readers == "rows as they arrive"
    assert plan.notes == ("the Store keeps no state: a run that fails half-way is written again",)
    (warned,) = plan.problems
    assert (warned.severity, warned.hint) == (
        "warning", "`full_append: true` says that this is meant",
    )  # fmt: skip
    assert "every run writes all rows anew" in warned.message
    assert planned(TABLE, PlainStore(), Path(), full_append=True).problems == ()


def test_bounds_in_words() -> None:
    assert planned(TABLE, SHELF, Path()).bounds == "all rows"
    by = {"mode": "merge", "incremental": {"column": "at", "lag": "15m"}}
    assert planned(TABLE, SHELF, Path(), **by).bounds == (
        "at from the stored position less 15m, up to a bound frozen at the start"
    )
    assert planned(TABLE, SHELF, Path(), full_refresh=True, **by).bounds == (
        "all rows, and at remembered anew"
    )


def fingerprint(
    home: Home = TABLE, store: Store = SHELF, root: str = "/one", **settings: Any
) -> str:
    return planned(home, store, Path(root), **settings).fingerprint


def test_the_folder_a_project_lies_in_is_no_part_of_the_fingerprint() -> None:
    assert fingerprint(root="/one") == fingerprint(root="/two")


@pytest.mark.parametrize(
    "settings",
    [
        {"retries": 9}, {"tags": "x"}, {"chunks": 4}, {"columns": ["id"]}, {"batch_size": 5},
        {"max_shrink": 0.1}, {"rename": {"id": "x"}},
    ],
)  # fmt: skip
def test_settings_of_comfort_are_no_part_of_the_fingerprint(settings: dict[str, Any]) -> None:
    assert fingerprint(**settings) == fingerprint()


def test_what_the_data_is_makes_the_fingerprint() -> None:
    by = {"column": "id"}
    different = [
        fingerprint(),
        fingerprint(home=TableHome(numbers(3), "other")),
        fingerprint(store=ShelfStore("users", path="elsewhere")),
        fingerprint(mode="merge", key_column="id"),
        fingerprint(mode="merge", key_column="value"),
        fingerprint(mode="append", incremental=by),
        fingerprint(mode="append", incremental={"column": "value"}),
        fingerprint(mode="merge", key_column="id", incremental=by),
    ]
    assert len(set(different)) == len(different)


def test_the_lag_may_change() -> None:
    def of(lag: int) -> str:
        by = {"column": "id", "lag": lag}
        return fingerprint(mode="merge", key_column="id", incremental=by)

    assert of(5) == of(50)


def test_a_full_refresh_of_an_entity_is_of_the_same_entity() -> None:
    """Else the run after it would find another's state, and stop."""
    for settings in (
        {"mode": "merge", "key_column": "id"},
        {"mode": "append", "incremental": {"column": "id"}},
        {"mode": "merge", "key_column": "id", "incremental": {"column": "id"}},
        {"mode": "merge"},
    ):
        assert fingerprint(**settings) == fingerprint(full_refresh=True, **settings)


def test_a_plan_pickles_and_stays_what_it_is() -> None:
    plan = planned(TABLE, SHELF, Path("/one"), mode="merge", key_column="id")
    copy = pickle.loads(pickle.dumps(plan))
    assert copy.fingerprint == plan.fingerprint
    assert copy.settings == plan.settings
    assert copy.store.root == Path("/one")


class LostHome(TableHome, type="test_lost"):
    def bind(self, around: Surroundings) -> Any:
        raise ConfigError(problems=[Problem("no connection is called 'x'", hint="add it")])


def test_problems_of_binding_carry_the_place_of_the_entity() -> None:
    at = Location("flows/a.yml", 3, 5)
    plan = plan_entity(
        LostHome(numbers(1)), SHELF, EntitySettings(), full_name="a.b",
        around=Surroundings(Path()), location=at,
    )  # fmt: skip
    assert plan.errors == (Problem("a.b: no connection is called 'x'", at, "add it"),)
