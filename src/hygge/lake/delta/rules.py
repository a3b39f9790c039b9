"""How logical types lie in Delta tables, reviewed.

The format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#schema-serialization-format
"""

from __future__ import annotations

from collections.abc import Callable

from hygge.core.fields import LogicalType, parse_type
from hygge.lake.types import Rule

_US, _UTC = parse_type("timestamp(us)"), parse_type("timestamp(us, UTC)")


def _same(kind: LogicalType) -> LogicalType:
    return kind


def _as(text: str) -> Callable[[LogicalType], LogicalType]:
    kind = parse_type(text)
    return lambda _: kind


def _moment(kind: LogicalType) -> LogicalType | None:
    if kind.unit == "ns":
        return None
    return _UTC if kind.zone else _US


RULES = (
    Rule(("bool",), _same, "boolean"),
    Rule(("int8",), _same, "byte"),
    Rule(("int16",), _same, "short"),
    Rule(("int32",), _same, "integer"),
    Rule(("int64",), _same, "long"),
    Rule(("uint8",), _as("int16"), "short"),
    Rule(("uint16",), _as("int32"), "integer"),
    Rule(("uint32",), _as("int64"), "long"),
    Rule(("uint64",), _as("decimal(20,0)"), "decimal(20,0)"),
    Rule(("float32",), _same, "float"),
    Rule(("float64",), _same, "double"),
    Rule(("decimal",), _same, "decimal(p,s)", shown="decimal(p,s)"),
    Rule(("date",), _same, "date"),
    Rule(("time",), _as("string"), "string", "Delta has no times of day: `12:30:00.000001`"),
    Rule(("timestamp",), _moment, "timestamp_ntz; timestamp, in UTC, where it has a zone",
         "of a zone the moment stays, and not its name; nanoseconds are refused",
         "timestamp(us), timestamp(ms)"),
    Rule(("duration",), _as("int64"), "long", "Delta has no durations: a number of their units"),
    Rule(("string",), _as("string"), "string"),
    Rule(("json",), _as("string"), "string"),
    Rule(("uuid",), _as("string"), "string", "as written"),
    Rule(("binary",), _as("binary"), "binary"),
    Rule(("null",), _as("string"), "string", "always NULL"),
)  # fmt: skip
