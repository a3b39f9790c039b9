"""The corpus of types: read per the reviewed table, and written back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl
import pytest
from polars.testing import assert_series_equal
from tests.files.driving import bound
from tests.sql.databases import drain
from tests.sql.mssql.corpus import CORPUS, ROWS, Case
from tests.sql.mssql.support import connect, is_babelfish, needs_server, url_of

from hygge import MSSQLHome, MSSQLStore
from hygge.core.context import Context, Surroundings
from hygge.core.fields import Schema, parse_type
from hygge.sql.mssql.types import DIALECT, TYPE_TABLE, column_of
from hygge.testing.loading import load_frames

TABLE, BACK = "dbo.corpus", "dbo.corpus_back"
MADE_BY_SERVER = {"TIMESTAMP", "ROWVERSION"}
"""What no value is given to; see `test_what_the_server_fills`."""


@pytest.mark.parametrize("name", CORPUS)
def test_what_the_reviewed_table_says(name: str) -> None:
    one = CORPUS[name]
    assert column_of("c", one.native, required=False).type == parse_type(one.kind)


def test_every_rule_is_in_the_corpus() -> None:
    there = {one.native.partition("(")[0].upper() for one in CORPUS.values()}
    asked = {native for rule in TYPE_TABLE for native in rule.native}
    assert asked - there - MADE_BY_SERVER == {"any other"}, "which is there as `vector`"


class Found(NamedTuple):
    """What is read of the table, and of what was written from it."""

    schema: Schema
    read: pl.DataFrame
    back: pl.DataFrame


def read(table: str, **settings: Any) -> tuple[Schema, pl.DataFrame]:
    home: MSSQLHome = bound(MSSQLHome(table, url=url_of(), **settings))
    with home.open(Context()) as session:
        return session.schema(), drain(session).sort("id")


def here() -> dict[str, Case]:
    """The cases that the server at hand has types for."""
    without = is_babelfish()
    return {name: one for name, one in CORPUS.items() if not (without and one.missing)}


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    cases = here()
    with connect() as link:
        for table in (TABLE, BACK):
            link.execute(f"DROP TABLE IF EXISTS {table}")
        columns = ", ".join(f"{DIALECT.quote(name)} {one.native} {one.more or 'NULL'}"
                            for name, one in cases.items())  # fmt: skip
        link.execute(f"CREATE TABLE {TABLE} (id int NOT NULL PRIMARY KEY, {columns})")
        for row in range(ROWS):
            given = {n: one.values[row][0] for n, one in cases.items() if row < len(one.values)}
            names = "".join(f", {DIALECT.quote(name)}" for name in given)
            values = "".join(f", {value}" for value in given.values())
            link.execute(f"INSERT INTO {TABLE} (id{names}) VALUES ({row}{values})")
        schema, frame = read(TABLE)
        store: MSSQLStore = MSSQLStore(BACK, url=url_of()).bind(Surroundings())
        load_frames(store, [frame], "replace", ["id"], fields=schema)
        yield Found(schema, frame, read(BACK)[1])
        for table in (TABLE, BACK):
            link.execute(f"DROP TABLE IF EXISTS {table}")


@needs_server
@pytest.mark.parametrize("name", CORPUS)
def test_read_and_written_back(name: str, found: Found) -> None:
    """Its extremes, and NULL."""
    one = CORPUS[name]
    if name not in found.read.columns:
        pytest.skip(one.missing)
    assert found.schema[name].type == parse_type(one.kind)
    expected = one.expected(ROWS).alias(name)
    assert_series_equal(found.read[name], expected, check_exact=True)
    assert_series_equal(found.back[name].cast(expected.dtype), expected, check_exact=True)


@needs_server
@pytest.mark.parametrize("precision", ["ns", "text"])
def test_datetime2_of_100_ns(precision: str) -> None:
    if is_babelfish():
        pytest.skip(CORPUS["datetime2(7)"].missing)
    query = "SELECT 1 AS id, CAST('2024-01-01T00:00:00.1234567' AS datetime2(7)) AS v"
    home: MSSQLHome = bound(MSSQLHome(url=url_of(), query=query, datetime_precision=precision))
    with home.open(Context()) as session:
        (value,) = drain(session)["v"].cast(pl.String)
    assert value.startswith("2024-01-01 00:00:00.1234567")


@needs_server
def test_what_the_server_fills() -> None:
    """Identities, computed columns, row versions, and the hidden columns of a table's history."""
    hidden = "" if is_babelfish() else (
        ", since datetime2(6) GENERATED ALWAYS AS ROW START HIDDEN NOT NULL"
        ", till datetime2(6) GENERATED ALWAYS AS ROW END HIDDEN NOT NULL"
        ", PERIOD FOR SYSTEM_TIME (since, till)"
    )  # fmt: skip
    with connect() as link:
        link.execute("DROP TABLE IF EXISTS dbo.filled")
        link.execute(
            f"CREATE TABLE dbo.filled (id bigint IDENTITY({2**63 - 2}, 1) PRIMARY KEY, "
            f"v int, twice AS (v * 2), stays AS (v + 1) PERSISTED, rv rowversion{hidden})"
        )
        link.execute("INSERT INTO dbo.filled (v) VALUES (21)")
    schema, frame = read("dbo.filled")
    ((key, value, twice, stays, version, *times),) = frame.rows()
    assert (key, value, twice, stays, len(version)) == (2**63 - 2, 21, 42, 22, 8)
    assert schema["rv"].type == parse_type("binary")
    assert len(times) == (2 if hidden else 0), "hidden columns are read like others"
    with connect() as link:
        link.execute("DROP TABLE dbo.filled")
