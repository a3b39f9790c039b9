"""NDJSON as it comes: one schema for all lines, exact numbers, lines that are wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.files.driving import everything

from hygge.core.errors import BadValue, DataError
from hygge.files import ndjson
from hygge.homes.ndjson import NDJSONHome


def read(tmp_path: Path, *lines: str, **settings: Any) -> pl.DataFrame:
    """The rows of a file of these lines."""
    path = tmp_path / "t.ndjson"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return everything(NDJSONHome("t", path=path, **settings))


@pytest.mark.parametrize("block", [1 << 20, 40])
def test_one_inference_over_the_whole_input(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson, "BLOCK_BYTES", block)
    lines = [f'{{"n": {i}, "s": {{"x": {i}}}}}' for i in range(200)]
    got = read(tmp_path, *lines, '{"n": 2.7, "new": "å", "s": {"y": "z"}}', '{"n": null}')
    assert got.height == 202
    assert got.schema["n"] == pl.Float64
    assert got["n"].to_list()[-3:] == [199.0, 2.7, None]
    assert got["new"].to_list()[-2:] == ["å", None]
    assert got["s"].to_list()[-2:] == [{"x": None, "y": "z"}, None]


@pytest.mark.parametrize("block", [1 << 20, 40])
def test_columns_keep_the_files_order(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson, "BLOCK_BYTES", block)
    first = {f"c{n}": n for n in range(40)}
    second = {"new": None, **first, "last": 1}
    got = read(tmp_path, json.dumps(first), "", json.dumps(second))
    assert got.columns == [*first, "new", "last"]


def test_what_is_declared_is_not_inferred(tmp_path: Path) -> None:
    lines = ['{"new": 1, "x": [1]}', "", '{"x": {"a": 2}, "b": true}', '{"x": 3, "b": false}']
    got = read(tmp_path, *lines, types={"x": "string"})
    assert got.rows() == [(1, "[1]", None), (None, '{"a": 2}', True), (None, "3", False)]
    with pytest.raises(DataError, match="from line 1"):
        read(tmp_path, *lines, '{"b": [1]}', types={"x": "string"})


def test_whole_numbers_of_any_size(tmp_path: Path) -> None:
    got = read(tmp_path, '{"a": 9223372036854775808, "b": 9223372036854775807}', '{"a": -1}')
    assert got["a"].to_list() == [Decimal(2**63), Decimal(-1)]
    assert got["b"].to_list() == [2**63 - 1, None]


def test_declared_types(tmp_path: Path) -> None:
    types = {"price": "decimal(38,2)", "at": "timestamp(us, UTC)", "code": "string", "flag": "bool"}
    got = read(
        tmp_path,
        '{"price": 12345678901234567890.12, "at": "2024-01-01T00:00:00Z", "code": 7, "flag": true}',
        '{"price": "0.10", "at": null, "code": "007"}', types=types,
    )  # fmt: skip
    assert got["price"].to_list() == [Decimal("12345678901234567890.12"), Decimal("0.10")]
    assert got["at"].to_list() == [datetime(2024, 1, 1, tzinfo=UTC), None]
    assert got["code"].to_list() == ["7", "007"]
    assert got["flag"].to_list() == [True, None]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("not json", r"t\.ndjson, line 2: .* is no JSON"),
        ('{"a": 1', r"line 2: .* is no JSON"),
        ("[1, 2]", r"line 2: .* is no JSON object"),
        ("7", r"line 2: .* is no JSON object"),
    ],
)
def test_lines_that_are_wrong(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        read(tmp_path, '{"a": 1}', line, '{"a": 2}')
    assert caught.value.hint


def test_a_value_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match=r"t\.ndjson\.a, row 2: 'x' does not fit int64"):
        read(tmp_path, '{"a": 1}', '{"a": "x"}', types={"a": "int64"})
    with pytest.raises(DataError, match=r"t\.ndjson"):
        read(tmp_path, '{"a": 1.005}', types={"a": "decimal(10,2)"})


def test_no_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no rows"):
        read(tmp_path)
    assert read(tmp_path, types={"a": "int64"}).schema == {"a": pl.Int64}


def test_empty_lines_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, '{"a": 1}', "", '{"a": 2}', "")["a"].to_list() == [1, 2]


def test_whole_numbers_among_floats_are_not_rounded(tmp_path: Path) -> None:
    got = read(tmp_path, '{"a": 9007199254740992}', '{"a": 1.5}', '{"a": 1e300}', '{"a": 0.1}')
    assert got["a"].to_list() == [2.0**53, 1.5, 1e300, 0.1]
    with pytest.raises(BadValue, match="line 2: 9007199254740993 does not fit float64"):
        read(tmp_path, '{"a": 1.5}', '{"a": 9007199254740993}')


@pytest.mark.parametrize("text", [r"\ud800", r"a\uDFFFb", r"\ude00\ud83d", r"\ud83d\ud83d\ude00"])
def test_half_a_character_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"line 2: .* is half a character"):
        read(tmp_path, '{"a": "x"}', f'{{"a": "{text}"}}')


def test_characters_written_as_pairs(tmp_path: Path) -> None:
    got = read(tmp_path, r'{"a": "\ud83d\uDE00"}', r'{"a": "\\ud800"}', r'{"a": "\u00e9"}')
    assert got["a"].to_list() == ["😀", r"\ud800", "é"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('{"a": 1, "a": 2}', "a"),
        ('{"a": 1, "\\u0061": 1}', "a"),
        ('{"b": {"c": 1, "c": 1}}', "c"),
        ('{"a": "x", "a": "x"}', "a"),  # beside a column of several types
    ],
)
def test_a_line_that_says_something_twice_is_told(tmp_path: Path, line: str, name: str) -> None:
    with pytest.raises(DataError, match=f"line 3: '{name}' is there twice"):
        read(tmp_path, '{"a": 1, "b": {"c": 1}}', "", line)


def test_numbers_in_a_column_of_text_stay_as_they_are_written(tmp_path: Path) -> None:
    values = ["1.10", "-0", "1E5", "12345678901234567890.50", '"1.10"', "null", "true", '"x"']
    lines = [f'{{"i": {at}, "ø": {value}}}' for at, value in enumerate(values)]
    lines[1:1] = ["", r'{"\u00f8" : 2.50}', r'{"i": 9, "\u00F8":3.0}']
    expected = ["1.10", "2.50", "3.0", "-0", "1E5", "12345678901234567890.50", "1.10", None]
    for kind in ("string", "json"):
        got = read(tmp_path, *lines, types={"i": "int64", "ø": kind})
        assert got["ø"].to_list() == [*expected, "true", "x"]
