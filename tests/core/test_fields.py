"""Types, their notation and schemas."""

from __future__ import annotations

import json
import pickle
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.errors import DataError
from hygge.core.fields import Field, Kind, LogicalType, Schema, from_polars, parse_type

PLAIN = [k for k in get_args(Kind) if k not in (
    "decimal", "timestamp", "duration", "string", "binary", "list", "struct",
)]  # fmt: skip
UNITS = st.sampled_from(["ms", "us", "ns"])
ZONES = st.sampled_from([None, "UTC", "Europe/Paris", "Etc/GMT+5", "America/Argentina/Salta"])
names = st.one_of(
    st.text(min_size=1, max_size=6),
    st.sampled_from(["a", "größe", "a b", 'say "x"', "a:b", "a,b", "(", "int64", "\n", " ", '"']),
)


@st.composite
def decimals(draw: Any) -> LogicalType:
    precision = draw(st.integers(1, 38))
    return LogicalType("decimal", precision=precision, scale=draw(st.integers(0, precision)))


scalars = st.one_of(
    st.sampled_from(PLAIN).map(lambda k: LogicalType(k)),
    decimals(),
    st.builds(LogicalType, st.just("timestamp"), unit=UNITS, zone=ZONES),
    st.builds(LogicalType, st.just("duration"), unit=UNITS),
    st.builds(
        LogicalType,
        st.sampled_from(["string", "binary"]),
        length=st.none() | st.integers(1, 10**6),
    ),
)


def nested(inner: st.SearchStrategy[LogicalType]) -> st.SearchStrategy[LogicalType]:
    members = st.lists(st.tuples(names, inner), max_size=3, unique_by=lambda m: m[0])
    return st.one_of(
        inner.map(lambda t: LogicalType("list", inner=(Field("item", t),))),
        members.map(lambda m: LogicalType("struct", inner=tuple(Field(n, t) for n, t in m))),
    )


types = st.recursive(scalars, nested, max_leaves=5)


@given(types)
def test_the_notation_reads_back(kind: LogicalType) -> None:
    assert parse_type(str(kind)) == kind
    assert parse_type(f"  {kind}  ") == kind


@given(types)
def test_every_type_has_a_dtype_that_tells_it_back_but_for_what_polars_lacks(
    kind: LogicalType,
) -> None:
    back = from_polars(kind.physical)
    assert back.physical == kind.physical
    if kind.kind not in ("json", "uuid", "string", "binary", "list", "struct"):
        assert back == kind
    column = pl.Series("c", [None], dtype=kind.physical)
    assert column.dtype == kind.physical


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_a_notation(kind: str) -> None:
    text = {"list": "list(int8)", "struct": "struct(a: int8)"}.get(kind, kind)
    assert parse_type(text).kind == kind
    assert parse_type(text.upper() if kind not in ("struct", "timestamp") else text).kind == kind


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("integer", "int64"), ("NUMERIC(10,2)", "decimal(10,2)"), ("decimal", "decimal(38,0)"),
        ("decimal(5)", "decimal(5,0)"), ("datetime", "timestamp(us)"), ("text", "string"),
        ("timestamp(UTC)", "timestamp(us, UTC)"), ("timestamp(UTC, ns)", "timestamp(ns, UTC)"),
        ("varchar( 20 )", "string(20)"), ("double", "float64"), ("boolean", "bool"),
        ("struct(a:int8,b:list(decimal(3,1)))", "struct(a: int8, b: list(decimal(3,1)))"),
    ],
)  # fmt: skip
def test_other_ways_to_say_it(text: str, meaning: str) -> None:
    assert str(parse_type(text)) == meaning


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is not a type"),
        ("decimel(10,2)", "did you mean 'decimal'"),
        ("timestmp", "did you mean 'timestamp'"),
        ("decimal(39,0)", "precision is 1 to 38"),
        ("decimal(5,6)", "precision is 1 to 38"),
        ("decimal(0)", "precision is 1 to 38"),
        ("decimal(-1)", "precision is 1 to 38"),
        ("decimal(1,2,3)", "precision is 1 to 38"),
        ("decimal(a)", "precision is 1 to 38"),
        ("decimal(٣)", "precision is 1 to 38"),
        ("decimal(5,2", "is not a type"),
        ("decimal(5,2)x", "is not a type"),
        ("string(0)", "length is a whole number from 1"),
        ("string(-1)", "length is a whole number from 1"),
        ("string(1,2)", "length is a whole number from 1"),
        ("timestamp(ps)", "neither a unit nor a time zone"),
        ("timestamp(Mars/Olympus)", "neither a unit nor a time zone"),
        ("timestamp(../../etc/passwd)", "neither a unit nor a time zone"),
        ("timestamp(us, ms)", "a unit and a time zone"),
        ("timestamp(us, UTC, UTC)", "a unit and a time zone"),
        ("duration(UTC)", "takes ms, us or ns"),
        ("int8(5)", "takes no arguments"),
        ("list", "has one type inside"),
        ("list()", "has one type inside"),
        ("list(int8, int8)", "has one type inside"),
        ("list(intt8)", "did you mean 'int8'"),
        ("struct(a)", "members are `name: type`"),
        ("struct(a: int8, a: int8)", "different names"),
        ("struct(a: int8,)", "members are `name: type`"),
        ("list(" * 5_000, "is not a type"),
        ("list(" * 5_000 + "int8" + ")" * 5_000, "nested at most"),
    ],
)
def test_what_is_no_type_says_why(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match="type") as caught:
        parse_type(text)
    assert wrong in str(caught.value)


@given(st.text(alphabet='abcdefgilmnrstu(),:" 0123456789\n', max_size=30))
def test_any_text_is_a_type_or_a_value_error(text: str) -> None:
    try:
        kind = parse_type(text)
    except ValueError:
        return
    assert parse_type(str(kind)) == kind


@pytest.mark.parametrize("dtype", [pl.Int128(), pl.UInt128(), pl.Object()])
def test_a_dtype_that_is_not_carried_is_an_error_with_a_hint(dtype: pl.DataType) -> None:
    with pytest.raises(DataError, match="cast the column"):
        from_polars(dtype)


def test_dtypes_that_become_others() -> None:
    assert from_polars(pl.Categorical()).kind == "string"
    assert from_polars(pl.Enum(["a"])).kind == "string"
    assert from_polars(pl.Float16()).kind == "float32"
    assert str(from_polars(pl.Array(pl.Array(pl.Int8, 2), 3))) == "list(list(int8))"


fields = st.builds(
    Field, names, types, nullable=st.booleans(), key=st.integers(0, 3), origin=st.text(max_size=4),
    source=st.text(max_size=4), loss=st.text(max_size=4),
)  # fmt: skip
schemas = st.lists(fields, max_size=5, unique_by=lambda f: f.name).map(Schema)


@given(schemas)
def test_schemas_survive_json_and_pickle(schema: Schema) -> None:
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    again = pickle.loads(pickle.dumps(schema))
    assert again == schema
    assert hash(again) == hash(schema)


@given(schemas)
def test_a_schema_is_ordered_and_known_by_name(schema: Schema) -> None:
    assert schema.names == [f.name for f in schema]
    assert all(schema[n].name == n and n in schema for n in schema.names)
    assert schema.get("no such column") is None
    empty = schema.empty()
    assert empty.height == 0
    assert empty.schema == schema.physical


def test_keys_come_in_key_order() -> None:
    whole = LogicalType("int64")
    schema = Schema([Field("a", whole, key=2), Field("b", whole), Field("c", whole, key=1)])
    assert schema.keys == ("c", "a")


def test_a_name_given_twice_is_named() -> None:
    with pytest.raises(ValueError, match="'a' occurs twice"):
        Schema([Field("a", LogicalType("int8")), Field("a", LogicalType("int16"))])


def test_schema_of_frames_and_mappings() -> None:
    frame = pl.DataFrame({"a": [1], "b": ["x"]})
    expected = Schema([Field("a", LogicalType("int64")), Field("b", LogicalType("string"))])
    assert Schema.of(frame) == Schema.of(frame.lazy()) == expected
    assert Schema.of({"a": pl.Int64, "b": pl.String()}) == expected
