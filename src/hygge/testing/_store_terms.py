"""Checks of Stores: what a load is asked beside its mode, against the modes' equations."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from hygge.core.errors import GuardError
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.core.terms import DELETED_AT, MOMENT, Deletes, Terms
from hygge.core.watermark import Window
from hygge.testing._store_base import LoadingContract
from hygge.testing.corpus import KEY, VALUE
from hygge.testing.loading import load_frames, state_of
from hygge.testing.oracle import Asked, Row, after
from hygge.testing.quirks import skip

POSITION = "position"
BEGAN = datetime(2024, 2, 29, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """A mode with terms.

    Parameters
    ----------
    mode: of every load.
    terms: of every load, but for its moment and its window.
    asked: the same for the oracle.
    by_window: whether each load has a window.
    """

    mode: Mode
    terms: Terms
    asked: Mapping[str, Any]
    by_window: bool = False


def _deletes(mode: Mode, becomes: str, *, marked: bool = False, told: bool = False) -> Scene:
    terms = Terms(deletes=Deletes(becomes == "hard", find=True, marked=marked, told=told))
    return Scene(mode, terms, {"deletes": becomes, "marked": marked, "told": told})


LATEST = Terms(latest=POSITION), {"latest": POSITION}
SCENES = {
    "replace, latest": Scene("replace", *LATEST),
    "merge, latest": Scene("merge", *LATEST),
    "merge, soft": _deletes("merge", "soft"),
    "merge, hard": _deletes("merge", "hard"),
    "merge, marked soft": _deletes("merge", "soft", marked=True),
    "merge, marked hard": _deletes("merge", "hard", marked=True),
    "replace, told hard": Scene(
        "replace",
        Terms(deletes=Deletes(hard=True, marked=True)),
        {"deletes": "hard", "marked": True},
    ),
    "merge, told soft": Scene(
        "merge", Terms(deletes=Deletes(marked=True)), {"deletes": "soft", "marked": True}
    ),
    "merge, told hard": Scene(
        "merge", Terms(deletes=Deletes(hard=True, marked=True)), {"deletes": "hard", "marked": True}
    ),
    "delete_insert": Scene("delete_insert", Terms(), {}),
    "delete_insert by window": Scene("delete_insert", Terms(), {}, by_window=True),
    "scd2": Scene("scd2", Terms(), {}),
    "scd2, latest": Scene("scd2", *LATEST),
    "merge, soft by names": _deletes("merge", "soft", told=True),
    "merge, hard by names": _deletes("merge", "hard", told=True),
    "scd2, closing by names": _deletes("scd2", "close", told=True),
    "scd2, closing": _deletes("scd2", "close"),
    "scd2, marked": _deletes("scd2", "close", marked=True),
}


class TermsContract(LoadingContract):
    """What is asked beside the mode."""

    @pytest.mark.parametrize("name", SCENES)
    def test_any_loads_by_their_terms(self, name: str) -> None:
        """After every load the rows are what the mode's equation says, and no others."""
        scene = SCENES[name]
        store = self.able(scene.mode, scene.terms, by_window=scene.by_window)
        rng = random.Random(name)  # noqa: S311 - a history that repeats
        held: list[Row] = []
        for turn in range(6):
            at = BEGAN + timedelta(microseconds=turn)
            terms, asked = replace(scene.terms, at=at), Asked(scene.mode, [KEY], at=at,
                                                              **scene.asked)  # fmt: skip
            coming, fields = _coming(scene, rng, turn, at)
            present = None
            if terms.finds:
                ids = sorted({r[KEY] for r in coming} | {i for i in range(9) if rng.random() < 0.6})
                asked = replace(asked, present=frozenset((i,) for i in ids))
                if asked.told:
                    ids = [i for i in range(9) if i not in ids]
                present = pl.DataFrame({KEY: ids}, schema={KEY: pl.Int64})
            if scene.by_window:
                lower = None if turn == 0 else rng.randrange(8)
                window = Window(POSITION, parse_type("int64"), lower, (lower or 0) + 3)
                terms = replace(terms, window=window)
                asked = replace(asked, window=(POSITION, lower, window.upper))
            frame = pl.DataFrame(coming, schema=fields.physical)
            done = load_frames(
                store, [frame], scene.mode, [KEY], fields=fields, terms=terms, present=present
            )
            held = after(held, _filled(scene, coming), asked)
            self.check_all(store, held)
            assert done.rows in (None, len(held))

    def test_a_full_read_tells_what_vanished(self) -> None:
        """Where all rows come, those that do not are gone: no keys are brought."""
        for mode, becomes in (("merge", "hard"), ("scd2", "close")):
            scene = _deletes(mode, becomes)  # type: ignore[arg-type]
            store = self.able(scene.mode, scene.terms)
            held = list[Row]()
            for turn, ids in enumerate(((1, 2, 3), (2, 3, 4), ())):
                at = BEGAN + timedelta(seconds=turn)
                coming = [_row(i, 0, f"row {i}") for i in ids]
                frame = pl.DataFrame(coming, schema=FIELDS.physical)
                terms = replace(scene.terms, at=at, whole=True)
                load_frames(store, [frame], scene.mode, [KEY], fields=FIELDS, terms=terms)
                asked = Asked(mode, [KEY], at=at, present=frozenset((i,) for i in ids),
                              **scene.asked)  # fmt: skip
                held = after(held, coming, asked)
                self.check_all(store, held)

    def test_a_destination_is_not_emptied_by_accident(self) -> None:
        """Too many rows that vanish at once are an error, and all is as it was."""
        scene = SCENES["merge, hard"]
        store = self.able(scene.mode, scene.terms)
        rows = [_row(i, 0, "x") for i in range(10)]
        frame = pl.DataFrame(rows, schema=FIELDS.physical)
        load_frames(store, [frame], "merge", [KEY], fields=FIELDS)
        before = state_of(store)
        for ids, allow_empty in (([0], True), ([], False)):
            terms = replace(scene.terms, at=BEGAN, max_shrink=0.5, allow_empty=allow_empty)
            present = pl.DataFrame({KEY: ids}, schema={KEY: pl.Int64})
            with pytest.raises(GuardError, match="at the source") as caught:
                load_frames(
                    store, [frame.clear()], "merge", [KEY], fields=FIELDS, terms=terms,
                    present=present,
                )  # fmt: skip
            assert caught.value.hint
            self.check_all(store, rows)
            assert state_of(store) == before

    def test_rows_of_a_window_are_not_emptied_by_accident(self) -> None:
        """Too many rows of the window that do not come again are an error, and all is as it was."""
        store = self.able("delete_insert", Terms(), by_window=True)
        rows = [_row(i, i, "x") for i in range(10)]
        frame = pl.DataFrame(rows, schema=FIELDS.physical)
        window = Window(POSITION, parse_type("int64"), 0, 100)
        terms = Terms(at=BEGAN, window=window, max_shrink=0.5)
        load_frames(store, [frame], "delete_insert", fields=FIELDS, terms=terms)
        empty = replace(terms, allow_empty=False)
        for coming, asked in ((frame[:4], terms), (frame.clear(), empty)):
            with pytest.raises(GuardError) as caught:
                load_frames(store, [coming], "delete_insert", fields=FIELDS, terms=asked)
            assert caught.value.hint
            self.check_all(store, rows)
        load_frames(store, [frame[:5]], "delete_insert", fields=FIELDS, terms=empty)
        self.check_all(store, rows[:5])
        load_frames(store, [frame.clear()], "delete_insert", fields=FIELDS, terms=terms)
        self.check_all(store, [])

    @pytest.mark.parametrize("mode", ["merge", "delete_insert", "replace"])
    def test_rows_that_come_as_gone_do_not_empty_it_by_accident(self, mode: Mode) -> None:
        """Where rows that come marked are deleted, too many of them are an error."""
        terms = Terms(at=BEGAN, deletes=Deletes(hard=True, marked=True), max_shrink=0.5)
        store = self.able(mode, terms)
        fields = Schema([*FIELDS, Field(DELETED_AT, MOMENT)])
        rows = [_row(i, 0, "x") for i in range(10)]

        def coming(gone: int) -> pl.DataFrame:
            marked = [{**r, DELETED_AT: BEGAN if r[KEY] < gone else None} for r in rows]
            return pl.DataFrame(marked, schema=fields.physical)

        load_frames(store, [coming(0)], mode, [KEY], fields=fields, terms=terms)
        empty = replace(terms, allow_empty=False)
        for gone, asked in ((6, terms), (10, empty)):
            with pytest.raises(GuardError) as caught:
                load_frames(store, [coming(gone)], mode, [KEY], fields=fields, terms=asked)
            assert caught.value.hint
            self.check_all(store, rows)
        load_frames(store, [coming(5)], mode, [KEY], fields=fields, terms=empty)
        self.check_all(store, rows[5:])
        load_frames(store, [coming(10)], mode, [KEY], fields=fields, terms=terms)
        self.check_all(store, [])

    def able(self, mode: Mode, terms: Terms, *, by_window: bool = False) -> Store:
        """A new Store, if its kind can do that."""
        wanted = [*terms.wanted, *(["by_window"] if by_window else [])]
        self._stores = getattr(self, "_stores", 0) + 1
        store = self.new(f"s{self._stores}")
        if mode not in store.modes or not store.abilities.issuperset(wanted):
            skip(f"this Store has no {mode}, {', '.join(wanted)}")
        return store

    def check_all(self, store: Store, expected: list[Row]) -> None:
        """Exactly the rows expected lie there, in whatever order, and each as often."""
        state = state_of(store)
        assert state is not None
        got = self.rows(store, state.fields)
        if not expected:
            assert got.is_empty()
            return
        told = [_plain(row) for row in got.to_dicts()]
        wanted = [_plain(row) for row in expected]
        assert sorted(told, key=repr) == sorted(wanted, key=repr)


FIELDS = Schema(
    [
        Field(KEY, parse_type("int64"), nullable=False),
        Field(VALUE, parse_type("string")),
        Field(POSITION, parse_type("int64")),
    ]
)


def _row(key: int, position: int | None, value: str | None) -> Row:
    return {KEY: key, VALUE: value, POSITION: position}


def _coming(scene: Scene, rng: random.Random, turn: int, at: datetime) -> tuple[list[Row], Schema]:
    """Rows of a load: some keys, more than once where one row of each counts."""
    ids = [i for i in range(9) if rng.random() < 0.5]
    twice = scene.mode == "delete_insert" or scene.terms.latest
    rows = []
    for number, key in enumerate([*ids, *(ids if twice else [])]):
        position = rng.choice((None, *range(10)))
        if scene.terms.latest:  # of no two rows the same
            position = rng.randrange(10) * 1000 + turn * 100 + number
            if number < len(ids) and rng.random() < 0.3:
                position = None
        rows.append(_row(key, position, rng.choice((None, "", "a", "A", "é"))))
    deletes = scene.terms.deletes
    if deletes is None or not deletes.marked:
        return rows, FIELDS
    marked = [{**row, DELETED_AT: at if rng.random() < 0.3 else None} for row in rows]
    return marked, Schema([*FIELDS, Field(DELETED_AT, MOMENT)])


def _filled(scene: Scene, rows: list[Row]) -> list[Row]:
    deletes = scene.terms.deletes
    if deletes is None or deletes.marked or deletes.hard or scene.mode == "scd2":
        return rows
    return [{**row, DELETED_AT: None} for row in rows]


def _plain(row: Row) -> list[tuple[str, Any]]:
    return sorted(
        (name, value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value)
        for name, value in row.items()
    )
