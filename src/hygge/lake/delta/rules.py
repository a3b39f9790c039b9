"""How logical types lie in Delta tables, reviewed.

The format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#schema-serialization-format
"""

from __future__ import annotations

from hygge.lake.types import Rule, always, moment, same

RULES = (
    Rule(("bool",), same, "boolean"),
    Rule(("int8",), same, "byte"),
    Rule(("int16",), same, "short"),
    Rule(("int32",), same, "integer"),
    Rule(("int64",), same, "long"),
    Rule(("uint8",), always("int16"), "short"),
    Rule(("uint16",), always("int32"), "integer"),
    Rule(("uint32",), always("int64"), "long"),
    Rule(("uint64",), always("decimal(20,0)"), "decimal(20,0)"),
    Rule(("float32",), same, "float"),
    Rule(("float64",), same, "double"),
    Rule(("decimal",), same, "decimal(p,s)", shown="decimal(p,s)"),
    Rule(("date",), same, "date"),
    Rule(("time",), always("string"), "string", "Delta has no times of day: `12:30:00.000001`"),
    Rule(("timestamp",), moment, "timestamp_ntz; timestamp, in UTC, where it has a zone",
         "of a zone the moment stays, and not its name; nanoseconds are refused",
         "timestamp(us), timestamp(ms)"),
    Rule(("duration",), always("int64"), "long",
         "Delta has no durations: a number of their units"),
    Rule(("string",), always("string"), "string"),
    Rule(("json",), always("string"), "string"),
    Rule(("uuid",), always("string"), "string", "as written"),
    Rule(("binary",), always("binary"), "binary"),
    Rule(("null",), always("string"), "string", "always NULL"),
)  # fmt: skip
