"""Iceberg's reviewed type table, both ways.

The format: https://iceberg.apache.org/spec/#schemas-and-data-types
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pyiceberg import types as native
from pyiceberg.schema import Schema as NativeSchema

from hygge.core.errors import UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema, parse_type
from hygge.lake.types import Carrier, Rule, always, moment, same

_US, _UTC = parse_type("timestamp(us)"), parse_type("timestamp(us, UTC)")


RULES = (
    Rule(("bool",), same, "boolean"),
    Rule(("int8", "int16", "int32", "uint8", "uint16"), always("int32"), "int"),
    Rule(("int64", "uint32"), always("int64"), "long"),
    Rule(("uint64",), always("decimal(20,0)"), "decimal(20,0)"),
    Rule(("float32",), same, "float"),
    Rule(("float64",), same, "double"),
    Rule(("decimal",), same, "decimal(p,s)", shown="decimal(p,s)"),
    Rule(("date",), same, "date"),
    Rule(("time",), same, "time", "a time with a fraction of a microsecond is an error"),
    Rule(("timestamp",), moment, "timestamp; timestamptz where it has a zone",
         "of a zone the moment stays, and not its name; nanoseconds are refused",
         "timestamp(us), timestamp(ms)"),
    Rule(("duration",), always("int64"), "long",
         "Iceberg has no durations: a number of their units"),
    Rule(("string",), always("string"), "string"),
    Rule(("json",), always("string"), "string"),
    Rule(("uuid",), always("string"), "string", "as written"),
    Rule(("binary",), always("binary"), "binary"),
    Rule(("null",), always("string"), "string", "always NULL"),
)  # fmt: skip
CARRIER = Carrier("Iceberg", RULES)
_NATIVE: dict[str, native.IcebergType] = {
    "bool": native.BooleanType(), "int32": native.IntegerType(), "int64": native.LongType(),
    "float32": native.FloatType(), "float64": native.DoubleType(), "date": native.DateType(),
    "time": native.TimeType(), "string": native.StringType(), "binary": native.BinaryType(),
}  # fmt: skip
_LOGICAL = {str(kind): parse_type(name) for name, kind in _NATIVE.items()} | {
    "timestamp": _US, "timestamptz": _UTC, "timestamp_ns": parse_type("timestamp(ns)"),
    "timestamptz_ns": parse_type("timestamp(ns, UTC)"), "uuid": parse_type("uuid"),
}  # fmt: skip


def native_type(kind: LogicalType, number: Callable[[], int]) -> native.IcebergType:
    """Iceberg's type for one as it lies; `number` gives what is nested new ids."""
    if kind.kind == "list":
        inner = native_type(kind.inner[0].type, number)
        return native.ListType(number(), inner, element_required=False)
    if kind.kind == "struct":
        return native.StructType(*_members(Schema(kind.inner), number))
    if kind.kind == "decimal":
        return native.DecimalType(kind.precision or 38, kind.scale or 0)
    if kind.kind == "timestamp":
        return native.TimestamptzType() if kind.zone else native.TimestampType()
    return _NATIVE[kind.kind]


def _members(lying: Schema, number: Callable[[], int]) -> list[native.NestedField]:
    return [
        native.NestedField(number(), f.name, native_type(f.type, number), required=False)
        for f in lying
    ]


def counter() -> Callable[[], int]:
    """Ids from 1, which the catalog replaces by its own."""
    at = 0

    def number() -> int:
        nonlocal at
        at += 1
        return at

    return number


def native_schema(lying: Schema) -> NativeSchema:
    """Iceberg's schema of fields as they lie; every column may be NULL."""
    return NativeSchema(*_members(lying, counter()))


def logical_schema(schema: NativeSchema, place: str) -> Schema:
    """The fields of a table, from its own schema.

    Raises UnsupportedError, naming the column, for a type that hygge does not carry.
    """
    out = []
    for field in schema.fields:
        try:
            kind = _logical(field.field_type)
        except KeyError:
            raise UnsupportedError(
                f"{place}: the column '{field.name}' is of Iceberg's type {field.field_type}, "
                "which hygge does not read",
                hint="leave it out with `columns:`",
            ) from None
        shown = str(field.field_type).partition("<")[0]
        out.append(Field(field.name, kind, nullable=not field.required, origin=shown))
    return Schema(out)


def _logical(kind: native.IcebergType) -> LogicalType:
    """Raises KeyError for a type there is none for."""
    if isinstance(kind, native.DecimalType):
        return LogicalType("decimal", precision=kind.precision, scale=kind.scale)
    if isinstance(kind, native.FixedType):
        return parse_type("binary")
    if isinstance(kind, native.ListType):
        return _list(_logical(kind.element_type))
    if isinstance(kind, native.MapType):  # Arrow's form of a map, as it comes out of the reader
        members = (("key", kind.key_type), ("value", kind.value_type))
        return _list(LogicalType("struct", inner=tuple(Field(n, _logical(t)) for n, t in members)))
    if isinstance(kind, native.StructType):
        return LogicalType(
            "struct", inner=tuple(Field(f.name, _logical(f.field_type)) for f in kind.fields)
        )
    return _LOGICAL[str(kind)]


def _list(inner: LogicalType) -> LogicalType:
    return LogicalType("list", inner=(Field("item", inner),))


def arrow_schema(schema: NativeSchema, names: list[str]) -> pa.Schema:
    """How Parquet files of some columns are written: with the ids of the table's fields, by which
    readers know them."""
    return pa.schema([_arrow_field(schema.find_field(name)) for name in names])


def _arrow_field(field: native.NestedField) -> pa.Field:
    return _with_id(field.name, _arrow(field.field_type), field.field_id)


def _with_id(name: str, kind: Any, number: int) -> pa.Field:
    return pa.field(name, kind, metadata={"PARQUET:field_id": str(number)})


def _arrow(kind: native.IcebergType) -> Any:
    if isinstance(kind, native.ListType):
        return pa.large_list(_with_id("element", _arrow(kind.element_type), kind.element_id))
    if isinstance(kind, native.StructType):
        return pa.struct([_arrow_field(f) for f in kind.fields])
    if isinstance(kind, native.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    return _ARROW[str(kind)]


_ARROW = {
    "boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(),
    "double": pa.float64(), "date": pa.date32(), "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"), "timestamptz": pa.timestamp("us", "UTC"),
    "string": pa.large_string(), "binary": pa.large_binary(),
}  # fmt: skip


def widens_in_place(old: LogicalType, new: LogicalType) -> bool:
    """Whether a column may get the new type without its files being written anew.

    https://iceberg.apache.org/spec/#schema-evolution
    """
    if (old.kind, new.kind) in (("int32", "int64"), ("float32", "float64")):
        return True
    return (
        old.kind == new.kind == "decimal"
        and old.scale == new.scale
        and (old.precision or 0) <= (new.precision or 0)
    )
