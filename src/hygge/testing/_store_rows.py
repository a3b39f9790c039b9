"""Checks of Stores: what rows lie there after any loads, and in which fields."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygge.core.errors import (
    DataError,
    SchemaDrift,
)
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.testing._store_base import KEYED, LoadingContract, equation, some_rows
from hygge.testing.corpus import KEY, VALUE, Case, numbered
from hygge.testing.loading import (
    load_frames,
    state_of,
)
from hygge.testing.quirks import by_type, skip

HISTORIES = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class RowsContract(LoadingContract):
    """The modes and the fields."""

    # The modes' equations -------------------------------------------------------------------------

    @HISTORIES
    @given(data=st.data())
    def test_any_history(self, data: st.DataObject) -> None:
        """After every load the rows are what the modes' equations say, and the state agrees."""
        self._made = getattr(self, "_made", 0) + 1
        store = self.new(f"h{self._made}")
        modes = self.modes_of(store)
        held: list[dict[str, Any]] = []
        schema = Schema([Field(KEY, parse_type("int64")), Field(VALUE, parse_type("string"))])
        for generation in range(1, data.draw(st.integers(1, 4)) + 1):
            mode = data.draw(st.sampled_from(modes))
            keys = st.integers(0, 12)
            ids = data.draw(st.lists(keys, unique=True, max_size=8))
            if mode == "append":
                ids = [100 * generation + i for i in ids]
            coming = [{KEY: i, VALUE: f"{mode} {generation}"} for i in ids]
            frames = [pl.DataFrame(coming, schema=schema.physical)]
            if data.draw(st.booleans()):
                frames = list(frames[0].iter_slices(3)) or frames
            done = load_frames(store, frames, mode, [KEY] if mode in KEYED else [], fields=schema)
            held = equation(mode, held, coming)
            self.check_rows(store, pl.DataFrame(held, schema=schema.physical))
            assert done.rows in (len(held), None)
            state = state_of(store)
            assert state is not None and done.state is not None
            assert state.to_json() == done.state.to_json()
            assert (state.generation, state.loaded) == (generation, len(coming))
            assert state.rows in (len(held), None)

    @by_type
    def test_merge_tells_keys_apart(self, case: Case) -> None:
        """Rows of the same key are replaced, and only they, for keys of every type."""
        store = self.new()
        if "merge" not in store.modes:
            skip("this Store does not merge")
        if case.type.kind in ("list", "struct", "json", "null", "float32", "float64"):
            skip("not a type for keys")
        keys = case.column.drop_nulls().unique(maintain_order=True).alias("id")
        old, new = (
            numbered(keys).select(pl.col(KEY) + 1_000 * at, "id").with_columns(at=pl.lit(at))
            for at in (0, 1)
        )
        fields = Schema.of(old).changed({"id": case.type})
        load_frames(store, [old], "merge", ["id"], fields=fields)
        self.check_rows(store, old)
        half = new.head(len(keys) // 2 + 1)
        load_frames(store, [half], "merge", ["id"], fields=fields)
        self.check_rows(store, pl.concat([half, old.slice(half.height)]))

    def test_merge_by_several_keys(self) -> None:
        store = self.new()
        if "merge" not in store.modes:
            skip("this Store does not merge")
        # Joined as texts, these keys would be one.
        one = pl.DataFrame({"a": ["x", "xy", "x"], "b": ["yz", "z", "z"], "n": [1, 1, 1]})
        two = pl.DataFrame({"a": ["x", "new"], "b": ["z", "z"], "n": [2, 2]})
        load_frames(store, [one], "merge", ["a", "b"])
        load_frames(store, [two], "merge", ["a", "b"])
        self.check_rows(store, pl.concat([one.head(2), two]))

    def test_a_key_that_is_null_or_comes_twice(self) -> None:
        """It is an error, and nothing changed; the very same row twice is one."""
        store = self.new()
        if "merge" not in store.modes:
            skip("this Store does not merge")
        held = self.first(store)
        wrong = [
            pl.DataFrame({KEY: [1, None], VALUE: ["x", "y"]}),
            pl.DataFrame({KEY: [1, 1], VALUE: ["x", "y"]}),
        ]
        for frame in wrong:
            with pytest.raises(DataError):
                load_frames(store, [frame], "merge", [KEY])
            self.check_rows(store, held)
        same_row = pl.DataFrame({KEY: [1, 1], VALUE: ["x", "x"]})
        load_frames(store, [same_row], "merge", [KEY])
        self.check_rows(store, pl.concat([same_row.head(1), held.filter(pl.col(KEY) != 1)]))

    # Fields that change ---------------------------------------------------------------------------

    @pytest.mark.parametrize("mode", ["append", "merge"])
    def test_columns_that_come_and_go(self, mode: Mode) -> None:
        """What a row has no value for is NULL."""
        store = self.drifting(mode)
        held = self.first(store)
        other = pl.DataFrame({KEY: [50, 51], "extra": [True, False]})
        load_frames(store, [other], mode, [KEY])
        self.check_rows(store, pl.concat([held, other], how="diagonal"))
        state = state_of(store)
        assert state is not None and state.fields.names == [KEY, VALUE, "extra"]
        load_frames(store, [some_rows(60, 1)], mode, [KEY])
        whole = pl.concat([held, other, some_rows(60, 1)], how="diagonal")
        self.check_rows(store, whole)

    @pytest.mark.parametrize("mode", ["append", "merge"])
    @pytest.mark.parametrize(
        ("old", "new", "wide"),
        [
            ("int32", "int64", "int64"),
            ("int64", "int32", "int64"),
            ("decimal(5,2)", "decimal(10,4)", "decimal(10,4)"),
            ("float32", "float64", "float64"),
            ("timestamp(ms)", "timestamp(us)", "timestamp(us)"),
            ("string(5)", "string", "string"),
            ("int64", "decimal(10,2)", "decimal(21,2)"),
        ],
    )
    def test_columns_that_become_wider(self, mode: Mode, old: str, new: str, wide: str) -> None:
        """Old values and new ones lie side by side in the type that carries both."""
        store = self.drifting(mode)
        frames = []
        for at, kind in enumerate((old, new)):
            dtype = parse_type(kind).physical
            column = pl.Series(VALUE, [_SAMPLES[parse_type(kind).kind], None], dtype=dtype)
            frame = numbered(column).with_columns(pl.col(KEY) + 10 * at)
            fields = Schema.of(frame).changed({VALUE: parse_type(kind)})
            load_frames(store, [frame], mode, [KEY], fields=fields)
            frames.append(frame)
        physical = {VALUE: parse_type(wide).physical}
        self.check_rows(store, pl.concat([f.cast(physical) for f in frames]))  # type: ignore[arg-type]
        state = state_of(store)
        assert state is not None
        assert state.fields[VALUE].type == parse_type(wide)

    @pytest.mark.parametrize("mode", ["append", "merge"])
    def test_types_that_clash(self, mode: Mode) -> None:
        """They are an error before anything changed."""
        store = self.drifting(mode)
        held, before = self.first(store), None
        before = state_of(store)
        with pytest.raises(SchemaDrift, match=VALUE) as caught:
            load_frames(store, [pl.DataFrame({KEY: [1], VALUE: [1.5]})], mode, [KEY])
        assert caught.value.hint
        self.check_rows(store, held)
        assert state_of(store) == before

    def test_replacing_takes_any_fields(self) -> None:
        store = self.new()
        if "replace" not in store.modes:
            skip("this Store does not replace")
        self.first(store)
        other = pl.DataFrame({"other": [1.5], KEY: [1], VALUE: [True]})
        load_frames(store, [other], "replace")
        self.check_rows(store, other)
        state = state_of(store)
        assert state is not None and state.fields.names == ["other", KEY, VALUE]

    def drifting(self, mode: Mode) -> Store:
        store = self.new()
        if mode not in store.modes:
            skip(f"this Store does not {mode}")
        return store


_SAMPLES: dict[str, Any] = {
    "int32": 2**31 - 1, "int64": 2**62 + 1, "decimal": Decimal("-123.25"), "float32": 1.5,
    "float64": 0.1, "string": "é5", "timestamp": datetime(2024, 2, 29, 12, 30, 0, 123000),
}  # fmt: skip
