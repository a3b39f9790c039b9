"""Delta's reviewed type table, both ways.

The format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#schema-serialization-format
"""

from __future__ import annotations

import json
from typing import Any

import deltalake

from hygge.core.errors import UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema, parse_type
from hygge.lake.delta.rules import RULES
from hygge.lake.types import Carrier

CARRIER = Carrier("Delta", RULES)
_NATIVE = {
    "bool": "boolean", "int8": "byte", "int16": "short", "int32": "integer", "int64": "long",
    "float32": "float", "float64": "double", "date": "date", "string": "string",
    "binary": "binary",
}  # fmt: skip
_LOGICAL = {native: kind for kind, native in _NATIVE.items()} | {
    "timestamp": "timestamp(us, UTC)", "timestamp_ntz": "timestamp(us)", "void": "null",
}  # fmt: skip


def _native(kind: LogicalType) -> Any:
    """A type as it lies, in Delta's JSON."""
    if kind.kind == "list":
        return {"type": "array", "elementType": _native(kind.inner[0].type), "containsNull": True}
    if kind.kind == "struct":
        return _struct(Schema(kind.inner))
    if kind.kind == "decimal":
        return f"decimal({kind.precision},{kind.scale})"
    if kind.kind == "timestamp":
        return "timestamp" if kind.zone else "timestamp_ntz"
    return _NATIVE[kind.kind]


def _struct(lying: Schema) -> dict[str, Any]:
    return {
        "type": "struct",
        "fields": [
            {"name": f.name, "type": _native(f.type), "nullable": True, "metadata": {}}
            for f in lying
        ],
    }


def native_schema(lying: Schema) -> deltalake.Schema:
    """Delta's schema of fields as they lie; every column may be NULL."""
    return deltalake.Schema.from_json(json.dumps(_struct(lying)))


def has_naive_times(lying: Schema) -> bool:
    """Whether a table of these needs Delta's feature `timestampNtz`."""
    return any(_is_naive(f.type) for f in lying)


def _is_naive(kind: LogicalType) -> bool:
    naive = kind.kind == "timestamp" and kind.zone is None
    return naive or any(_is_naive(f.type) for f in kind.inner)


def logical_schema(native: deltalake.Schema, place: str) -> Schema:
    """The fields of a table, from its own schema.

    Raises UnsupportedError, naming the column, for a type that hygge does not carry.
    """
    out = []
    for raw in json.loads(native.to_json())["fields"]:
        try:
            kind = _logical(raw["type"])
        except (KeyError, ValueError):
            raise UnsupportedError(
                f"{place}: the column '{raw['name']}' is of Delta's type {raw['type']}, which "
                "hygge does not read",
                hint="leave it out with `columns:`",
            ) from None
        shown = raw["type"] if isinstance(raw["type"], str) else raw["type"]["type"]
        out.append(Field(raw["name"], kind, nullable=raw["nullable"], origin=shown))
    return Schema(out)


def _logical(native: Any) -> LogicalType:
    """Raises KeyError or ValueError for a type there is none for."""
    if isinstance(native, str):
        return parse_type(native if native.startswith("decimal") else _LOGICAL[native])
    if native["type"] == "array":
        return _list(_logical(native["elementType"]))
    if native["type"] == "map":  # Arrow's form of a map, as it comes out of the reader
        members = (("key", native["keyType"]), ("value", native["valueType"]))
        return _list(LogicalType("struct", inner=tuple(Field(n, _logical(t)) for n, t in members)))
    if native["type"] == "struct":
        return LogicalType(
            "struct", inner=tuple(Field(f["name"], _logical(f["type"])) for f in native["fields"])
        )
    raise KeyError(native["type"])


def _list(inner: LogicalType) -> LogicalType:
    return LogicalType("list", inner=(Field("item", inner),))
