"""`on_bad_value` where a value fits its type and the destination cannot hold it all the same."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.servers import Database

from hygge import (
    BadValue,
    DuckDBStore,
    Flow,
    MySQLStore,
    ParquetHome,
    PostgresStore,
    SQLiteStore,
    Store,
)
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.sift import Sifted, hold
from hygge.sql.nested import NO_JSON, not_json
from hygge.sql.postgres.encode import unheld
from hygge.sql.rows import beyond_years

NUL = "a\0b"
FRAME = pl.DataFrame(
    {"id": [1, 2, 3, 4], "text": ["fine", NUL, None, "€"], "many": [["x"], ["y"], ["z", NUL], []]}
)
Kept = Callable[[], list[tuple[Any, ...]]]


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Moves a frame from a file to a Store."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hygge.yml").write_text("name: here\n")

    def move(
        frame: pl.DataFrame, store: Store, types: dict[str, str] | None = None, **settings: Any
    ) -> Any:
        frame.write_parquet(tmp_path / "rows.parquet")
        home = ParquetHome("rows", path="rows.parquet", types=types or {})
        return Flow(home, store, name="rows", key_column=["id"], mode="replace",
                    **settings).start_sync()  # fmt: skip

    return move


def aside(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / ".hygge" / "quarantine" / "rows").glob("*"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def in_postgres(database: Database) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in database.rows("SELECT id, text, many FROM rows ORDER BY id")]


def test_it_fails_with_the_row(postgres: Database, moved: Callable[..., Any]) -> None:
    store = PostgresStore("rows", url=postgres.url)
    with pytest.raises(
        BadValue, match=r"text, id=2, row 2 of .*: 'a\\x00b' does not fit string"
    ) as caught:
        moved(FRAME, store)
    assert "cannot hold the character NUL: mend the value" in (caught.value.hint or "")
    assert "`on_bad_value`" in (caught.value.hint or "")
    with pytest.raises(BadValue, match=r"many, id=3, row 2 of .*: \['z', 'a\\x00b'\]"):
        moved(FRAME.filter(pl.col("id") != 2), store)
    assert postgres.rows("SELECT to_regclass('rows')") == [(None,)]


def test_it_becomes_null(postgres: Database, moved: Callable[..., Any]) -> None:
    result = moved(FRAME, PostgresStore("rows", url=postgres.url), on_bad_value="null")
    assert [(r[1], r[2]) for r in in_postgres(postgres)] == [
        ("fine", "{x}"), (None, "{y}"), (None, None), ("€", "{}"),
    ]  # fmt: skip
    assert result.warnings == (
        "1 value of 'many' did not fit and is NULL now",
        "1 value of 'text' did not fit and is NULL now",
    )


@pytest.mark.parametrize("key", [True, False])
def test_what_cannot_become_null_is_refused_with_the_value_and_the_reason(key: bool) -> None:
    """With the row's own key, be it the very value."""
    name = "id" if key else "code"
    fields = Schema(
        [
            Field("id", parse_type("string"), key=1),
            Field("code", parse_type("string"), nullable=key),
        ]
    )
    whole = pl.DataFrame({"id": ["1", "2"], "code": ["x", "y"]})
    whole = whole.with_columns(pl.Series(name, ["1", NUL]))
    with pytest.raises(BadValue) as caught:
        hold(Sifted(whole), fields, "null", unheld, entity="e")
    row = NUL if key else "2"
    declared = "string" if key else "string not null"
    assert f"e.{name}, id={row}: {NUL!r} does not fit {declared}" in str(caught.value)
    hint = caught.value.hint or ""
    assert "cannot hold the character NUL" in hint and "`on_bad_value: quarantine`" in hint
    (misfit,) = hold(Sifted(whole), fields, "quarantine", unheld, entity="e").aside
    assert misfit.value == NUL


def test_its_row_is_set_aside(
    postgres: Database, moved: Callable[..., Any], tmp_path: Path
) -> None:
    """With the reason, and the types in which its values came."""
    store = PostgresStore("rows", url=postgres.url)
    result = moved(FRAME, store, on_bad_value="quarantine")
    assert [int(row[0]) for row in in_postgres(postgres)] == [1, 4]
    assert (result.proof.read, result.proof.written, result.proof.aside) == (4, 2, 2)
    text, many = aside(tmp_path)
    assert (text["column"], text["value"]) == ("text", NUL)
    assert text["row"] == "id=2, row 2 of rows.parquet"
    assert text["why"] == "PostgreSQL's text cannot hold the character NUL"
    assert text["types"] == {"id": "Int64", "text": "String", "many": "List(String)"}
    assert (many["column"], many["record"]["id"]) == ("many", "3")
    assert many["row"] == "id=3, row 3 of rows.parquet"


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
def test_what_other_databases_cannot_hold(
    kind: str, request: pytest.FixtureRequest, moved: Callable[..., Any], tmp_path: Path
) -> None:
    days = pl.Series([0, 0, 4_000_000], dtype=pl.Int32).cast(pl.Date)
    frame = pl.DataFrame({"id": [1, 2, 3], "x": [0.5, float("nan"), 1.5], "day": days})
    store: Store
    if kind == "sqlite":
        store = SQLiteStore("rows", path="w.db")
    else:
        store = MySQLStore("rows", url=request.getfixturevalue("mysql").url)
    with pytest.raises(BadValue, match=r"x, id=2, row 2 of .*: nan does not fit float64"):
        moved(frame, store)
    with pytest.raises(
        BadValue, match=r"day, id=3, row 2 of .*: '?\+?12921-08-18'? does not fit date"
    ):
        moved(frame.filter(pl.col("id") != 2), store)
    moved(frame, store, on_bad_value="null")
    query = "SELECT id, x, day FROM `rows` ORDER BY id"
    if kind == "sqlite":
        with closing(sqlite3.connect(tmp_path / "w.db")) as db:
            found = db.execute(query).fetchall()
    else:
        found = request.getfixturevalue("mysql").rows(query)
    assert [tuple(str(v) if v is not None else "NULL" for v in row) for row in found] == [
        ("1", "0.5", "1970-01-01"), ("2", "NULL", "1970-01-01"), ("3", "1.5", "NULL"),
    ]  # fmt: skip


def test_rows_are_numbered_as_they_came() -> None:
    """Though rows before were set aside already, and batches came before."""
    frame = pl.DataFrame({"text": ["a", NUL, "b", NUL]})
    before = Sifted(frame, origin=pl.Series([0, 2, 3, 5]), nulled={"text": 1})
    told = hold(before, Schema.of(frame), "quarantine", unheld, entity="e", offset=10)
    assert [m.row for m in told.aside] == ["row 13", "row 16"]
    assert told.kept["text"].to_list() == ["a", "b"]
    assert told.origin is not None
    assert told.origin.to_list() == [0, 3]
    nulled = hold(before, Schema.of(frame), "null", unheld, entity="e")
    assert dict(nulled.nulled) == {"text": 3}
    same = Sifted(frame.filter(pl.col("text") != NUL))
    assert hold(same, Schema.of(frame), "null", unheld, entity="e") is same


def test_dates_that_postgres_has(postgres: Database) -> None:
    """The bounds, as the server sees them."""
    query = "SELECT (DATE '{}' - DATE '1970-01-01')::int"
    ends = ("4714-11-24 BC", "5874897-12-31")
    first, last = (int(postgres.rows(query.format(day))[0][0]) for day in ends)
    days = pl.Series("day", [first - 1, first, last, last + 1], dtype=pl.Int32).cast(pl.Date)
    (field,) = Schema.of(pl.DataFrame(days))
    ((wrong, _),) = unheld(days, field)
    assert wrong.to_list() == [True, False, False, True]


def test_years_of_four_digits() -> None:
    for kind, column in (
        ("date", pl.Series([date(1, 1, 1), date(9999, 12, 31), None])),
        ("us", pl.Series([date(1, 1, 1), date(9999, 12, 31), None]).cast(pl.Datetime("us"))),
        ("ms", pl.Series([date(1, 1, 1), date(9999, 12, 31), None]).cast(pl.Datetime("ms"))),
        ("ns", pl.Series([date(1970, 1, 1), date(2200, 1, 1), None]).cast(pl.Datetime("ns"))),
    ):
        (field,) = Schema.of(pl.DataFrame({"x": column}))
        assert beyond_years(column, field.type).to_list() == [False, False, False], kind
        if kind != "ns":
            later = column.dt.offset_by("9000y")
            assert beyond_years(later, field.type).to_list()[1:] == [True, False], kind


JSON = [
    '{"a": 1}',
    "not json",
    None,
    "null",
    '"\\ud800"',
    "1e999",
    "[1] 2",
    '{"a": NaN}',
    "[" * 500 + "]" * 500,
]


@pytest.mark.parametrize("kind", ["postgres", "mysql", "duckdb"])
def test_what_is_called_json_and_is_none(
    kind: str, request: pytest.FixtureRequest, moved: Callable[..., Any], tmp_path: Path
) -> None:
    frame = pl.DataFrame({"id": [1, 2, 3], "j": ['{"a": 1}', "not json", None]})
    store: Store
    if kind == "duckdb":
        store = DuckDBStore("rows", path="w.duckdb")
    else:
        made = {"postgres": PostgresStore, "mysql": MySQLStore}[kind]
        store = made("rows", url=request.getfixturevalue(kind).url)
    with pytest.raises(BadValue, match=r"j, id=2, row 2 of .*: 'not json' does not fit json") as no:
        moved(frame, store, types={"j": "json"})
    assert "`on_bad_value`" in (no.value.hint or "")
    result = moved(frame, store, types={"j": "json"}, on_bad_value="quarantine")
    assert (result.proof.written, result.proof.aside) == (2, 1)
    (one,) = aside(tmp_path)
    assert (one["record"]["id"], one["why"]) == ("2", NO_JSON)


def test_json_is_told_by_its_grammar() -> None:
    """No number is too great for it, and nothing nests too deep: that is the database's to say."""
    field = Field("j", parse_type("json"))
    ((bad, why),) = not_json(pl.Series(JSON), field)
    assert [text for text, no in zip(JSON, bad, strict=True) if no] == [
        "not json",
        "[1] 2",
        '{"a": NaN}',
    ]
    assert why == NO_JSON
    assert not_json(pl.Series(["{}", None, "null", "[1e400]"]), field) == ()
