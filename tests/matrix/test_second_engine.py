"""Lakes as another engine reads them, ClickHouse, which shares nothing with what wrote them: all
types, and what every mode leaves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.contract.clickhouse import ClickHouse, clickhouse
from tests.histories.history import History
from tests.histories.kinds import Delta, Iceberg, Kind
from tests.histories.scenarios import SCENARIOS, Scenario
from tests.matrix.sides import STORES
from tests.matrix.test_matrix import one_table

from hygge import Store
from hygge.core.fields import LogicalType
from hygge.testing.corpus import CASES, KEY
from hygge.testing.loading import load_frames
from hygge.testing.oracle import Row

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no ClickHouse for it")
STEPS = 12
FEWEST_TYPES = 20


@pytest.fixture(scope="module")
def engine() -> Iterator[ClickHouse]:
    with clickhouse() as made:
        yield made


class DeltaThere(Delta):
    server: ClickHouse

    def read(self, store: Store) -> list[Row]:
        return _texts(self.server.delta(self.folder / store.name))


class IcebergThere(Iceberg):
    server: ClickHouse

    def read(self, store: Store) -> list[Row]:
        return _texts(self.server.iceberg(self.folder / store.name / "default" / store.name))


LAKES = {"delta": DeltaThere, "iceberg": IcebergThere}


def _texts(rows: pl.DataFrame) -> list[Row]:
    return rows.with_columns(pl.col(pl.Binary).cast(pl.String)).to_dicts()


def as_there(value: Any, kind: LogicalType, lake: str) -> Any:
    """A value as the engine shows it: texts as bytes, a list or struct never NULL, moments
    in UTC, spans of time as the numbers that lakes keep, and of an Iceberg table's times of day
    whole seconds."""
    if kind.kind == "list":
        return [as_there(v, kind.inner[0].type, lake) for v in ([] if value is None else value)]
    if kind.kind == "struct":
        return {f.name: as_there(value and value[f.name], f.type, lake) for f in kind.inner}
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, time):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return value.isoformat().encode() if lake == "delta" else seconds
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    if kind.kind == "duration":
        return value // value.resolution
    return value


@pytest.mark.parametrize("lake", LAKES)
def test_values_of_every_type(lake: str, engine: ClickHouse, tmp_path: Path) -> None:
    suite = STORES[lake].ready(tmp_path / "lake", str)
    declared = set(dict(suite.quirks()))
    cases = [c for c in CASES if declared.isdisjoint((c.name, f"values[{c.name}]"))]
    assert len(cases) >= FEWEST_TYPES
    schema, frame = one_table(cases)
    store = suite.new("corpus")
    load_frames(store, [frame], "replace", fields=schema)
    at = suite.file(store, "")
    assert at is not None
    got = (engine.delta if lake == "delta" else engine.iceberg)(at).sort(KEY)
    assert got.columns == frame.columns
    for name in frame.columns[1:]:
        kind = schema[name].type
        seen = got[name]
        if isinstance(seen.dtype, pl.Datetime) and not kind.zone:  # it shows all in UTC
            seen = seen.dt.replace_time_zone(None)
        for got_there, value in zip(seen, frame[name], strict=True):
            want = as_there(value, kind, lake)
            assert equal(got_there, want), f"{kind}: {got_there!r} is not {want!r}"


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same, NaN being itself."""
    if isinstance(one, pl.Series):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[n], other[n]) for n in one)
    if isinstance(one, float) and one != one:
        return bool(other != other)
    return bool(one == other) and (one is None) == (other is None)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("lake", LAKES)
def test_any_history(lake: str, scenario: Scenario, engine: ClickHouse, tmp_path: Path) -> None:
    kind: type[Kind] = LAKES[lake]
    if scenario.unable(kind.type):
        pytest.skip("this Store says that it cannot")
    with kind(tmp_path, engine) as made:
        History(scenario, tmp_path, made.make("t"), made.read, seed=0).go(STEPS)
