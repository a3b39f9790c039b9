"""Every type arrives as psql shows it, or is an error that names the value."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from tests.servers import Database, Server
from tests.sql.postgres.corpus import CORPUS, Kind, lay_down

from hygge import BadValue, ConfigError, DataError, PostgresHome
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.fields import parse_type

SHOWN = "SET TimeZone = 'UTC'; SET IntervalStyle = iso_8601; SET lc_monetary = 'C';"


@pytest.fixture(scope="module")
def corpus(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        lay_down(database)
        yield database


def table_of(corpus: Database, kind: Kind) -> str:
    table = f"t{CORPUS.index(kind)}"
    if kind.extension and corpus.rows(f"SELECT to_regclass('{table}')") == [(None,)]:
        pytest.skip(f"this server has no {kind.extension}")
    return table


def read(database: Database, table: str, **settings: Any) -> tuple[str, list[Any]]:
    """The type of `v`, and its values in the order of `k`."""
    home = PostgresHome(table, url=database.url, **settings)
    with home.bind(Surroundings()).open(Context()) as session:
        kind = str(session.schema()["v"].type)
    frames = list(home.read_sync())
    rows = sorted((row for frame in frames for row in frame.select("k", "v").iter_rows()),
                  key=lambda row: row[0])  # fmt: skip
    return kind, [value for _, value in rows]


@pytest.mark.parametrize("kind", CORPUS, ids=[kind.native for kind in CORPUS])
def test_values_are_those_that_psql_shows(corpus: Database, kind: Kind) -> None:
    table = table_of(corpus, kind)
    shown = corpus.rows(f"{SHOWN} SELECT {kind.ask.format('v')} FROM {table} ORDER BY k")
    expected = [None if text is None else kind.parse(text) for (text,) in shown]
    logical, values = read(corpus, table)
    assert logical == kind.logical
    if kind.logical == "json":
        values = [v and kind.parse(v) if kind.ask != "{}" else v for v in values]
    assert len(values) == len(expected)
    for got, wanted in zip(values, expected, strict=True):
        if isinstance(wanted, float):
            size = "f" if kind.logical == "float32" else "d"
            assert struct.pack(size, got) == struct.pack(size, wanted)  # NaN, and -0.0
        else:
            assert (got.to_list() if isinstance(got, pl.Series) else got) == wanted


@pytest.mark.parametrize("kind", CORPUS, ids=[kind.native for kind in CORPUS])
def test_a_query_has_the_same_types(corpus: Database, kind: Kind) -> None:
    """But for what a result does not say: lengths, the dimensions of arrays and what is in them."""
    if kind.native == "integer[][]":
        return
    expected = {"numeric(10,2)[]": "list(decimal(38,9))"}.get(kind.native, kind.logical)
    expected = re.sub(r"string\(\d+\)", "string", expected)
    table = table_of(corpus, kind)
    home = PostgresHome("q", url=corpus.url, query=f"SELECT v, k FROM {table} WHERE k >= 0")
    with home.bind(Surroundings()).open(Context()) as session:
        assert str(session.schema()["v"].type) == expected
        (frame,) = [b for b in session.read(ReadRequest(), WHOLE) if b.height] or [None]
        assert frame is None or frame.height == session.count(ReadRequest(), WHOLE)


def test_the_table_names_each_type_once() -> None:
    from hygge.sql.postgres.types import TYPE_TABLE

    names = [name for rule in TYPE_TABLE for name in rule.native]
    twice = {name for name in names if names.count(name) > 1}
    assert twice == {"NUMERIC", "VARCHAR"}  # by precision, by length


BEYOND = (
    ("numeric(10,2)", "'NaN'", "NaN", "types: {v: string}", "NaN"),
    ("numeric", "'Infinity'", "Infinity", 'types: {numeric: "decimal(38,15)"}', "Infinity"),
    ("numeric", "1e-10", "0.0000000001", 'types: {numeric: "decimal(38,15)"}', "0.0000000001"),
    ("numeric", "1e29", "1" + "0" * 29, "types: {v: string}", "1" + "0" * 29),
    ("date", "'infinity'", "infinity", "types: {v: string}", "infinity"),
    ("date", "'-infinity'", "infinity", "types: {v: string}", "-infinity"),
    ("date", "'4713-01-01 BC'", "beyond", "types: {v: string}", "4713-01-01 BC"),
    ("date", "'5874897-12-31'", "beyond", "types: {v: string}", "5874897-12-31"),
    ("timestamp", "'infinity'", "infinity", "types: {v: string}", "infinity"),
    ("timestamp", "'294276-12-31 23:59:59.999999'", "beyond", "types: {v: string}",
     "294276-12-31 23:59:59.999999"),
    ("timestamp", "'10000-01-01'", "beyond", "types: {v: string}", "10000-01-01 00:00:00"),
    ("timestamp", "'0001-12-31 BC'", "beyond", "types: {v: string}", "0001-12-31 00:00:00 BC"),
    ("timestamptz", "'-infinity'", "infinity", "types: {v: string}", "-infinity"),
    ("time", "'24:00'", "24:00:00", "types: {v: string}", "24:00:00"),
)  # fmt: skip


@pytest.mark.parametrize(("native", "value", "told", "hint", "text"), BEYOND)
def test_what_does_not_fit_is_told_and_can_be_had_as_text(
    postgres: Database, native: str, value: str, told: str, hint: str, text: str
) -> None:
    postgres.execute(
        f"CREATE TABLE t (k integer PRIMARY KEY, v {native});"
        f"INSERT INTO t VALUES (1, NULL), (7, {value});"
    )
    with pytest.raises(BadValue) as caught:
        read(postgres, "t")
    assert "k=7" in str(caught.value)
    assert told in str(caught.value)
    assert hint in str(caught.value)
    assert read(postgres, "t", types={"v": "string"}) == ("string", [None, text])
    by_native = {native: "string"}
    assert read(postgres, "t", types=by_native) == ("string", [None, text])


def test_more_room_for_every_numeric(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t (k integer, v numeric); INSERT INTO t VALUES (1, 1e-15);")
    kind, (value,) = read(postgres, "t", types={"numeric": "decimal(38,15)"})
    assert (kind, str(value)) == ("decimal(38,15)", "1E-15")


@pytest.mark.parametrize("policy", ["null", "quarantine"])
def test_misfits_are_handed_on_where_they_are_dealt_with(postgres: Database, policy: str) -> None:
    from hygge.core.sift import sift

    postgres.execute("CREATE TABLE t (k integer PRIMARY KEY, v timestamptz, w time, x numeric);"
                     "INSERT INTO t VALUES (1, '2024-01-01Z', '12:00:00.5', 1.5), (2, 'infinity', "
                     "NULL, NULL), (3, NULL, '24:00', NULL), (4, NULL, NULL, 'NaN');")  # fmt: skip
    home = PostgresHome("t", url=postgres.url).bind(Surroundings())
    with home.open(Context()) as session:
        request = ReadRequest(lenient=True)
        (batch,) = [b for b in session.read(request, WHOLE) if b.height]
        found = sift(batch, session.schema(), policy, entity="t")  # type: ignore[arg-type]
    (plain,) = PostgresHome("t", url=postgres.url, where="k = 1").read_sync()
    assert found.kept.filter(k=1).equals(plain)
    if policy == "null":
        assert found.nulled == {"v": 1, "w": 1, "x": 1}
    else:
        assert [misfit.column for misfit in found.aside] == ["v", "w", "x"]


@pytest.mark.parametrize("native", ["integer[]", "text[]", "date[]"])
def test_dimensions_do_not_get_lost(postgres: Database, native: str) -> None:
    value = "'{{2024-01-01},{2024-01-02}}'" if native == "date[]" else "'{{1},{2}}'"
    postgres.execute(f"CREATE TABLE t (k int, v {native}); INSERT INTO t VALUES (1, {value});")
    with pytest.raises(DataError, match="more than one dimension"):
        read(postgres, "t")
    kind, (value,) = read(postgres, "t", types={"v": "json"})
    assert kind == "json"
    assert value.startswith("[[")


def test_two_columns_of_one_name(postgres: Database) -> None:
    home = PostgresHome("q", url=postgres.url, query="SELECT 1 AS a, 2 AS a")
    with pytest.raises(ConfigError, match="two columns called 'a'"):
        list(home.read_sync())


def test_floats_are_not_rounded_on_the_way(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t (k int, v float8); INSERT INTO t VALUES (1, pi()), (2, 'NaN')")
    _, (pi, nan) = read(postgres, "t", types={"v": "string"})
    assert float(pi) == math.pi
    assert nan == "NaN"
    assert parse_type("string")
