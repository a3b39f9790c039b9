"""`on_bad_value` from end to end: what is left out is told, counted and kept."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hygge import (
    BadValue,
    ConfigError,
    CSVHome,
    DataError,
    Flow,
    Home,
    NDJSONHome,
    ParquetHome,
    ParquetStore,
)
from hygge.core.steps import set_hook
from hygge.files import ndjson

TYPES = {"id": "int64", "price": "decimal(5,2)"}


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hygge.yml").write_text("name: prices\n")
    (tmp_path / "prices.csv").write_text("id,price\n1,1.50\n2,cheap\n3,\n4,1.555\n5,9.99\n")
    return tmp_path


def flow(**settings: str) -> Flow:
    home = CSVHome("prices", path="prices.csv", types=TYPES)
    return Flow(home, ParquetStore("prices", path="out"), name="prices", **settings)


def settled() -> list[tuple[int, str | None]]:
    rows = pl.read_parquet("out/*.parquet").sort("id").rows()
    return [(number, None if price is None else str(price)) for number, price in rows]


def aside(folder: Path) -> list[dict[str, object]]:
    files = sorted((folder / ".hygge" / "quarantine" / "prices").glob("*"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_by_default_the_load_fails(prices: Path) -> None:
    with pytest.raises(BadValue, match="cheap"):
        flow().start_sync()
    assert not (prices / "out").exists()


def test_null(prices: Path) -> None:
    result = flow(on_bad_value="null").start_sync()
    assert settled() == [(1, "1.50"), (2, None), (3, None), (4, None), (5, "9.99")]
    assert result.warnings == ("2 values of 'price' did not fit and are NULL now",)
    assert result.proof is not None and result.proof.aside == 0


def test_quarantine(prices: Path) -> None:
    result = flow(on_bad_value="quarantine").start_sync()
    assert settled() == [(1, "1.50"), (3, None), (5, "9.99")]
    assert [(m["row"], m["column"], m["value"], m["declared"]) for m in aside(prices)] == [
        ("row 2 of prices.csv", "price", "cheap", "decimal(5,2)"),
        ("row 4 of prices.csv", "price", "1.555", "decimal(5,2)"),
    ]  # fmt: skip
    assert aside(prices)[0]["record"] == {"id": "2", "price": "cheap"}
    assert result.proof is not None
    assert (result.proof.read, result.proof.written, result.proof.aside) == (5, 3, 2)
    assert "2 rows did not fit and were set aside" in result.warnings[0]


def test_a_key_that_is_null_is_named_as_it_was_read(prices: Path) -> None:
    """Though rows before it were set aside."""
    (prices / "prices.csv").write_text("id,price\nx,1\n2,1\n3,1\n,1\n")
    keyed = {"mode": "merge", "key_column": "id", "on_bad_value": "quarantine"}
    with pytest.raises(DataError, match=r"prices, row 4 of prices\.csv: the key column 'id'"):
        flow(**keyed).start_sync()


@pytest.mark.parametrize("settings", [{}, {"incremental": {"files": "new"}, "mode": "append"}])
def test_a_value_is_named_as_it_stands_in_its_file(prices: Path, settings: Any) -> None:
    for name, text in {"a": "1,2026-01-01\n2,2026-01-02\n", "b": "3,2026-02-30\n"}.items():
        (prices / f"{name}.csv").write_text(f"id,d\n{text}")
    store = ParquetStore("d", path="out/d")
    cast = Flow(CSVHome("d", path="?.csv"), store, cast={"d": "date"}, **settings)
    with pytest.raises(BadValue, match=r"^d\.d, row 1 of b\.csv: '2026-02-30' does not") as told:
        cast.start_sync()
    assert told.value.hint == (
        "mend the row, choose another type under `cast: {d: ...}`, or set `on_bad_value: "
        "quarantine`"
    )


def test_a_key_that_its_own_cast_does_not_take_cannot_become_null(prices: Path) -> None:
    """The hint names what is not set yet."""
    (prices / "k.csv").write_text("id,v\n1,a\nx,b\n")
    home = CSVHome("k", path="k.csv", types={"id": "string"})
    cast = {"cast": {"id": "int64"}, "key_column": "id", "on_bad_value": "null"}
    with pytest.raises(BadValue, match="'x' does not fit int64") as told:
        Flow(home, ParquetStore("k", path="out/k"), **cast).start_sync()  # type: ignore[arg-type]
    assert told.value.hint == (
        "'id' cannot become NULL: mend the row, choose another type under `cast: {id: ...}`, "
        "or set `on_bad_value: quarantine`"
    )


def test_reading_names_the_file_too(prices: Path) -> None:
    pl.DataFrame({"n": [1, 300]}).write_parquet("n.parquet")
    home = ParquetHome("n", path="n.parquet", types={"n": "int8"})
    with pytest.raises(BadValue, match=r"^n\.n, row 2 of n\.parquet: 300 does not fit int8"):
        list(home.read_sync())


def test_a_load_that_was_not_published_sets_nothing_aside(prices: Path) -> None:
    def fail(step: str) -> None:
        if step == "move.verified":
            raise OSError("no more")

    before = set_hook(fail)
    try:
        with pytest.raises(OSError, match="no more"):
            flow(on_bad_value="quarantine").start_sync()
    finally:
        set_hook(before)
    assert aside(prices) == []
    flow(on_bad_value="quarantine").start_sync()
    assert len(aside(prices)) == 2


def lines(folder: Path) -> NDJSONHome:
    (folder / "prices.ndjson").write_text(
        '{"id": 1, "price": 1.50, "x": 0.5, "note": 1.10}\n'
        '{"id": 2, "price": "cheap", "x": 1.5, "note": "a"}\n'
        '{"id": 3, "price": null, "x": 2.5, "note": null}\n'
        '{"id": 4, "price": 1.555, "x": 3.5, "note": "b"}\n'
        '{"id": 5, "price": 9.99, "x": "much", "note": "c"}\n'
        '{"id": 6, "price": [1], "x": 5, "note": {"a": 1}}\n'
        '{"id": "seven", "price": 7, "x": 7, "note": true}\n'
    )
    types = {**TYPES, "x": "float64", "note": "string"}
    return NDJSONHome("prices", path="prices.ndjson", types=types)


@pytest.mark.parametrize("block", [1 << 20, 60])
def test_lines_of_json(prices: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks with such values and blocks without give the same rows; numbers keep their digits."""
    monkeypatch.setattr(ndjson, "BLOCK_BYTES", block)
    home, store = lines(prices), ParquetStore("prices", path="out")
    result = Flow(home, store, name="prices", on_bad_value="quarantine").start_sync()
    rows = pl.read_parquet("out/*.parquet").sort("id").rows()
    assert rows == [(1, Decimal("1.50"), 0.5, "1.10"), (3, None, 2.5, None)]
    assert {str(m["row"]).partition(" of ")[2] for m in aside(prices)} == {"prices.ndjson"}
    told = [(str(m["row"]).partition(" of ")[0], m["column"], m["value"]) for m in aside(prices)]
    assert told == [
        ("row 2", "price", "cheap"), ("row 4", "price", "1.555"), ("row 5", "x", "much"),
        ("row 6", "price", "[1]"), ("row 7", "id", "seven"),
    ]  # fmt: skip
    assert aside(prices)[3]["record"] == {"id": "6", "price": "[1]", "x": "5", "note": '{"a": 1}'}
    assert result.proof is not None and result.proof.aside == 5


def test_a_line_that_is_no_json_is_an_error_all_the_same(prices: Path) -> None:
    home = lines(prices)
    with (prices / "prices.ndjson").open("a") as file:
        file.write('{"id": 8, "price": }\n')
    with pytest.raises(DataError, match=r"line 8: .* is no JSON"):
        Flow(home, ParquetStore("prices", path="out"), on_bad_value="null").start_sync()


class Strict(Home, type="strict"):
    """Stops at values that do not fit."""

    lenient = False

    def read_batches(self) -> pl.DataFrame:
        return pl.DataFrame({"id": [1]})


def test_a_home_that_stops_at_such_values_itself_is_refused(prices: Path) -> None:
    with pytest.raises(ConfigError, match="finds values that do not fit itself"):
        Flow(Strict("x"), ParquetStore("prices", path="out"), on_bad_value="null").plan()
