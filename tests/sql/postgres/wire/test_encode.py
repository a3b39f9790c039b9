"""What is laid down for COPY is what the server takes it for, as psql shows it."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.servers import Database, Server

from hygge.core.errors import DataError
from hygge.sql.postgres.wire import encode, layout, pg_type

DAYS = (-2_440_588, 2_145_042_905)  # from 4714-11-24 BC to PostgreSQL's last date
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def database(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        yield database


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copy") / "rows"


@dataclass(frozen=True)
class Kind:
    """A type of columns.

    Parameters
    ----------
    native, oid, dtype: the table's, its number, and the frame's.
    values: what there may be.
    shown: a value as psql says it.
    ask: how psql is asked for it.
    read: what psql says, to be compared.
    made: the dtype in which values are given to Polars.
    """

    native: str
    oid: int
    dtype: Any
    values: st.SearchStrategy[Any]
    shown: Callable[[Any], Any] = str
    ask: str = "{}"
    read: Callable[[str], Any] = str
    made: Any = None

    def series(self, values: Sequence[Any]) -> pl.Series:
        arrow = pa.array(values, self.made) if self.made else values
        return pl.Series(arrow, dtype=None if self.made else self.dtype).cast(self.dtype)

    def told(self, value: Any) -> Any:
        return None if value is None else self.shown(value)


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    return st.sampled_from([low, high, 0]) | st.integers(low, high)


def integer(native: str, oid: int, dtype: Any, bits: int) -> Kind:
    low = -(2 ** (bits - 1)) if dtype.is_signed_integer() else 0
    return Kind(native, oid, dtype, whole(low, low + 2**bits - 1))


def decimal(precision: int, scale: int, native: str = "") -> Kind:
    most = 10**precision - 1
    numbers = st.one_of(
        whole(-most, most),
        st.integers(0, precision - 1).map(lambda n: 10**n),  # groups of zeros after it
        st.integers(0, 10 ** min(5, precision) - 1),  # and before it
    )
    return Kind(
        native or f"numeric({precision},{scale})", 1700, pl.Decimal(precision, scale),
        numbers.map(lambda n: Decimal(n).scaleb(-scale, Context(99))),
        shown=lambda value: format(value, "f"), made=pa.decimal128(precision, scale),
    )  # fmt: skip


def real(native: str, oid: int, dtype: Any, sent: str) -> Kind:
    """Bit by bit: zero has a sign."""
    values = st.floats(width=64 if dtype == pl.Float64 else 32)
    return Kind(native, oid, dtype, values.map(lambda x: x if x == x else math.nan),
                lambda value: struct.pack(sent, value).hex(),
                f"encode(float{struct.calcsize(sent)}send({{}}), 'hex')")  # fmt: skip


def moment(native: str, oid: int, zone: str | None) -> Kind:
    """Microseconds, which `extract` rounds where they are many."""
    return Kind(native, oid, pl.Datetime("us", zone), whole(DAYS[0] * DAY_US, 2**63 - 1),
                lambda us: struct.pack(">q", us - 10_957 * DAY_US).hex(),
                f"encode({native}_send({{}}), 'hex')", made=pa.int64())  # fmt: skip


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner), max_leaves=4
).map(lambda value: json.dumps(value, ensure_ascii=False))

PLAIN = (
    Kind("boolean", 16, pl.Boolean, st.booleans(), lambda value: str(value).lower(), "{}::text"),
    integer("smallint", 21, pl.Int16, 16), integer("integer", 23, pl.Int32, 32),
    integer("integer", 23, pl.Int16, 16), integer("bigint", 20, pl.Int64, 64),
    integer("bigint", 20, pl.Int32, 32), integer("bigint", 20, pl.Int8, 8),
    integer("numeric", 1700, pl.Int64, 64), integer("numeric", 1700, pl.Int16, 16),
    integer("numeric(20,0)", 1700, pl.UInt64, 64), integer("oid", 26, pl.UInt32, 32),
    integer("bigint", 20, pl.UInt32, 32), integer("smallint", 21, pl.UInt8, 8),
    real("real", 700, pl.Float32, ">f"), real("double precision", 701, pl.Float64, ">d"),
    real("double precision", 701, pl.Float32, ">d"),
    decimal(1, 0), decimal(18, 4), decimal(18, 4, "numeric"), decimal(19, 1), decimal(19, 19),
    decimal(20, 0), decimal(38, 0), decimal(38, 3), decimal(38, 9, "numeric"), decimal(38, 18),
    decimal(38, 38), decimal(5, 2), decimal(20, 6),
    Kind("text", 25, pl.String, TEXT), Kind("varchar(40)", 1043, pl.String, TEXT),
    Kind("json", 114, pl.String, JSON), Kind("jsonb", 3802, pl.String, JSON),
    Kind("bytea", 17, pl.Binary, st.binary(max_size=40), bytes.hex, "encode({}, 'hex')"),
    Kind("uuid", 2950, pl.Binary, st.binary(min_size=16, max_size=16),
         lambda value: str(UUID(bytes=value))),
    Kind("date", 1082, pl.Date, whole(*DAYS), ask="({} - '1970-01-01'::date)", made=pa.int32()),
    Kind("time", 1083, pl.Time, whole(0, DAY_US - 1).map(lambda us: us * 1000), made=pa.int64(),
         ask="(extract(epoch FROM {}) * 1000000000)::numeric(30,0)"),
    moment("timestamp", 1114, None), moment("timestamptz", 1184, "UTC"),
    moment("timestamptz", 1184, "Europe/Copenhagen"),
    Kind("interval", 1186, pl.Duration("us"), whole(-2**63, 2**63 - 1), made=pa.int64(),
         shown=lambda us: struct.pack(">qq", us, 0).hex(), ask="encode(interval_send({}), 'hex')"),
    Kind("text", 25, pl.Null, st.none()), Kind("integer", 23, pl.Null, st.none()),
)  # fmt: skip


def array(kind: Kind) -> Kind:
    """One dimension, of which the elements are asked for one by one."""
    told = f"SELECT coalesce(json_agg({kind.ask.format('e')}::text), '[]') FROM unnest({{0}}) e"
    return Kind(
        f"{kind.native}[]", pg_type.ARRAYS[kind.oid], pl.List(kind.dtype),
        st.lists(st.none() | kind.values, max_size=4),
        shown=lambda values: [kind.told(value) for value in values],
        ask=f"CASE WHEN {{0}} IS NOT NULL THEN ({told}) END",
        read=json.loads, made=pa.list_(kind.made) if kind.made else None,
    )  # fmt: skip


ARRAYS = tuple(array(kind) for kind in PLAIN if kind.dtype != pl.Null)


@st.composite
def columns(draw: st.DrawFn, kinds: Sequence[Kind]) -> list[tuple[Kind, list[Any]]]:
    """Columns of some kinds, as long as each other, with NULLs in some."""
    rows = draw(st.integers(1, 12))
    found = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=12)):
        values = st.none() | kind.values if draw(st.booleans()) else kind.values
        found.append((kind, draw(st.lists(values, min_size=rows, max_size=rows))))
    return found


def laid(frame: pl.DataFrame, *oids: int) -> bytes:
    return b"".join(encode.pieces_of([frame], oids))


def loaded(database: Database, file: Path, frame: pl.DataFrame, kinds: Sequence[Kind]) -> list[Any]:
    """The frame's rows as psql reads them from a table into which they were copied."""
    file.write_bytes(encode.HEADER + laid(frame, *(k.oid for k in kinds)) + encode.TRAILER)
    names = [f"c{number}" for number in range(len(kinds))]
    table = ", ".join(f"{name} {kind.native}" for name, kind in zip(names, kinds, strict=True))
    asked = ", ".join(kind.ask.format(name) for name, kind in zip(names, kinds, strict=True))
    answer = database.rows(
        f"CREATE TEMP TABLE t ({table});\n\\copy t from '{file}' (format binary)\n"
        f"SELECT {asked} FROM t ORDER BY ctid"
    )
    return [
        tuple(None if v is None else k.read(v) for k, v in zip(kinds, row, strict=True))
        for row in answer
    ]


def check(database: Database, file: Path, drawn: list[tuple[Kind, list[Any]]], cut: bool) -> None:
    kinds = [kind for kind, _ in drawn]
    series = [kind.series(values).alias(str(n)) for n, (kind, values) in enumerate(drawn)]
    frame = pl.DataFrame(series)
    rows = list(zip(*([k.told(v) for v in values] for k, values in drawn), strict=True))
    if cut:  # several chunks, and a frame that begins and ends within some
        first, count = frame.height // 2, frame.height
        frame = pl.concat([frame, frame, frame], rechunk=False)[first : first + count]
        rows = (rows * 3)[first : first + count]
    assert loaded(database, file, frame, kinds) == rows


@pytest.mark.parametrize("kinds", [PLAIN, ARRAYS], ids=["plain", "arrays"])
@settings(max_examples=25)
@given(data=st.data(), cut=st.booleans())
def test_values(
    database: Database, file: Path, kinds: Sequence[Kind], data: st.DataObject, cut: bool
) -> None:
    check(database, file, data.draw(columns(kinds)), cut)


@settings(max_examples=5)
@given(data=st.data(), cut=st.booleans())
def test_every_type_beside_every_other(
    database: Database, file: Path, data: st.DataObject, cut: bool
) -> None:
    drawn = [
        (kind, data.draw(st.lists(st.none() | kind.values, min_size=3, max_size=3)))
        for kind in (*PLAIN, *ARRAYS)
    ]
    check(database, file, drawn, cut)


def test_values_as_people_read_them(database: Database, file: Path) -> None:
    us, days = 1_000_000, [-719_162, 0, 10_957, 2_932_896, DAYS[0], DAYS[1]]
    frame = pl.DataFrame({
        "date": pl.Series(days, dtype=pl.Int32).cast(pl.Date),
        "at": pl.Series([d * DAY_US for d in days[:3]] + [days[3] * DAY_US + DAY_US - 1, 1, -1],
                        dtype=pl.Datetime("us", "Europe/Copenhagen")),
        "time": pl.Series([0, 1000, DAY_US * 1000 - 1000, 3_600_000_000_000, None, 0],
                          dtype=pl.Int64).cast(pl.Time),
        "took": pl.Series([0, 1, -1, 36 * 3600 * us, None, -us], dtype=pl.Duration("us")),
        "list": pl.Series([[1, None, -3], [], None, [None], [0], [7]], dtype=pl.List(pl.Int32)),
    })  # fmt: skip
    columns = [("date", 1082), ("timestamptz", 1184), ("time", 1083), ("interval", 1186),
               ("integer[]", 1007)]  # fmt: skip
    asks = ("{}", "{} AT TIME ZONE 'UTC'", *["{}"] * 3)
    kinds = [Kind(*c, None, st.none(), ask=ask) for c, ask in zip(columns, asks, strict=True)]
    assert loaded(database, file, frame, kinds) == [
        ("0001-01-01", "0001-01-01 00:00:00", "00:00:00", "00:00:00", "{1,NULL,-3}"),
        ("1970-01-01", "1970-01-01 00:00:00", "00:00:00.000001", "00:00:00.000001", "{}"),
        ("2000-01-01", "2000-01-01 00:00:00", "23:59:59.999999", "-00:00:00.000001", None),
        ("9999-12-31", "9999-12-31 23:59:59.999999", "01:00:00", "36:00:00", "{NULL}"),
        ("4714-11-24 BC", "1970-01-01 00:00:00.000001", None, None, "{0}"),
        ("5874897-12-31", "1969-12-31 23:59:59.999999", "00:00:00", "-00:00:01", "{7}"),
    ]


def test_no_rows_and_no_columns(database: Database, file: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2, 3]})
    assert loaded(database, file, frame[:0], [Kind("bigint", 20, pl.Int64, st.none())]) == []
    file.write_bytes(encode.HEADER + laid(frame.drop("a")) + encode.TRAILER)
    copy = f"CREATE TEMP TABLE t ();\n\\copy t from '{file}' (format binary)\n"
    assert database.rows(f"{copy} SELECT count(*) FROM t") == [("3",)]


def test_lists_of_very_many_make_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "PIECE_BYTES", 100_000)
    frame = pl.DataFrame({"a": [[True] * 1000] * 100})
    pieces = [piece.size for piece in encode.pieces_of([frame], [1000])]
    assert sum(pieces) == 100 * (2 + 24 + 1000 * 5)
    assert max(pieces) < 100_000


def test_rows_that_are_too_many_for_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({
        "a": range(50), "b": ["x" * n for n in range(50)], "c": [["y" * n] * 3 for n in range(50)]
    })  # fmt: skip
    oids = (20, 25, 1009)
    whole = laid(frame, *oids)
    for most in (4000, 500):
        monkeypatch.setattr(layout, "MOST_BYTES", most)
        pieces = [piece.size for piece in encode.pieces_of([frame], oids)]
        assert max(pieces) <= most
        assert laid(frame, *oids) == whole
    monkeypatch.setattr(layout, "MOST_BYTES", 200)
    with pytest.raises(DataError, match="a row has more than 2 GB"):
        laid(frame, *oids)


def test_types_are_those_of_the_catalogue(database: Database) -> None:
    told = database.rows("SELECT upper(typname), oid, typarray FROM pg_type")
    oids = {str(name): int(str(oid)) for name, oid, _ in told}
    ours = {name: oid for name, oid in vars(pg_type).items() if isinstance(oid, int)}
    assert len(ours) > 20
    assert ours.items() <= oids.items()
    arrays = {int(str(oid)): int(str(array)) for _, oid, array in told}
    assert pg_type.ARRAYS.items() <= arrays.items()
    natives = [f"'{kind.native.partition('(')[0]}'::regtype::oid" for kind in PLAIN]
    assert database.rows(f"SELECT {', '.join(natives)}") == [tuple(str(k.oid) for k in PLAIN)]


def test_what_is_not_taken() -> None:
    columns: list[tuple[int, Any]] = [
        (21, pl.Int32), (20, pl.UInt64), (23, pl.UInt32), (701, pl.Int16), (20, pl.Float64),
        (700, pl.Float64), (25, pl.Int64), (25, pl.Binary), (17, pl.String), (2950, pl.String),
        (1114, pl.Datetime("us", "UTC")), (1184, pl.Datetime("us")), (1114, pl.Datetime("ns")),
        (1186, pl.Duration("ms")), (16, pl.Int8), (1082, pl.Datetime("us")), (600, pl.String),
        (25, pl.List(pl.String)), (1009, pl.String), (1009, pl.List(pl.Int64)),
        (1009, pl.List(pl.List(pl.String))), (114, pl.Struct({"a": pl.Int64})), (25, pl.Object),
    ]  # fmt: skip
    for oid, dtype in columns:
        with pytest.raises(DataError, match=f"has no form as PostgreSQL's type {oid}"):
            laid(pl.DataFrame({"a": pl.Series([None], dtype=dtype)}), oid)
    with pytest.raises(DataError, match="'a' is Int64, which has no form as PostgreSQL's type 23"):
        laid(pl.DataFrame({"a": [1]}), 23)
