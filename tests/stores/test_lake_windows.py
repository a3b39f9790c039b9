"""`delete_insert` of a window in Delta and Iceberg, for columns of several types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.contract import readers

from hygge import DeltaStore, IcebergStore
from hygge.core.context import Surroundings
from hygge.core.errors import UnsupportedError
from hygge.core.fields import Schema, parse_type
from hygge.core.terms import Terms
from hygge.core.watermark import Window
from hygge.lake.gone import Inside
from hygge.testing.loading import load_frames

POSITIONS: dict[str, tuple[Any, ...]] = {
    "int64": (1, 2, 3, 4),
    "uint64": (1, 2, 3, 2**64 - 1),
    "int32": (-(2**31), 2, 3, 2**31 - 1),
    "decimal(10,2)": (Decimal("0.01"), Decimal("2.50"), Decimal("3.00"), Decimal("99.99")),
    "date": (date(1, 1, 1), date(2024, 2, 29), date(2024, 3, 1), date(9999, 12, 31)),
    "timestamp(us)": tuple(datetime(2024, 1, day, 12, 0, 0, day) for day in (1, 2, 3, 4)),
    "timestamp(us, UTC)": tuple(datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)),
}


@pytest.mark.parametrize("kind", POSITIONS)
@pytest.mark.parametrize("make", [DeltaStore, IcebergStore])
def test_rows_of_a_window_are_exchanged(
    tmp_path: Path, make: Callable[..., Any], kind: str
) -> None:
    """From the second value up to the fourth; then from the beginning, which has no position."""
    path = tmp_path / "t" if make is DeltaStore else tmp_path
    store = make("t", path=path).bind(Surroundings(root=tmp_path))
    physical, values = parse_type(kind).physical, POSITIONS[kind]
    fields = Schema.of(pl.DataFrame(schema={"k": pl.Int64, "at": physical})).changed(
        {"at": parse_type(kind)}
    )

    def load(first: int, at: tuple[Any, ...], lower: Any, upper: Any) -> None:
        ids = list(range(first, first + len(at)))
        frame = pl.DataFrame({"k": ids, "at": at}, schema=fields.physical)
        window = Window("at", parse_type(kind), lower, upper)
        load_frames(store, [frame], "delete_insert", fields=fields, terms=Terms(window=window))

    def keys() -> list[int]:
        rows = readers.delta(path, fields) if make is DeltaStore else readers.iceberg(path, "t")
        return sorted(rows["k"])

    load(0, (*values, None), None, None)
    assert keys() == [0, 1, 2, 3, 4]
    load(10, (values[1], values[1]), values[1], values[3])
    assert keys() == [0, 3, 4, 10, 11]
    load(20, (values[0], None), None, values[1])
    assert keys() == [3, 10, 11, 20, 21]
    load(30, (), values[2], values[3])
    assert keys() == [3, 10, 11, 20, 21]


def test_a_column_that_lies_as_text_has_no_windows(tmp_path: Path) -> None:
    store = DeltaStore("t", path=tmp_path / "t").bind(Surroundings(root=tmp_path))
    frame = pl.DataFrame({"at": [None]}, schema={"at": pl.Time})
    window = Window("at", parse_type("time"), None, None)
    load_frames(store, [frame], "delete_insert", terms=Terms(window=window))
    with pytest.raises(UnsupportedError, match="as text") as caught:
        load_frames(store, [frame], "delete_insert", terms=Terms(window=window))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("kind", "lower", "upper", "told"),
    [
        ("int64", 1, 9, True), ("int64", None, 9, False), ("int64", 1, 1 << 63, False),
        ("int64", -(1 << 64), 5, False), ("decimal(20,0)", 1, 9, False),
        ("date", date(2024, 1, 1), date(2024, 1, 2), False),
    ],
)  # fmt: skip
def test_bounds_are_told_of_whole_numbers_only(
    kind: str, lower: Any, upper: Any, told: bool
) -> None:
    fields = Schema.of(pl.DataFrame(schema={"at": parse_type(kind).physical}))
    inside = Inside(Window("at", parse_type(kind), lower, upper), fields, "t")
    assert inside.bounds == ({"at": (lower, upper)} if told else {})
