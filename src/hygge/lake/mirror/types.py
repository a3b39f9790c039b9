"""What types Fabric's mirrored tables have: Delta's, but for nested ones.

FORMAT, "Column types": simple types of Parquet; complex ones as JSON.
"""

from __future__ import annotations

from hygge.core.errors import UnsupportedError
from hygge.core.fields import LogicalType, Schema, parse_type
from hygge.lake.delta.rules import RULES
from hygge.lake.mirror.marks import MARKER
from hygge.lake.types import Carrier

_TEXT = parse_type("string")


class _Flat(Carrier):
    """Lists and structs lie as JSON."""

    def lies(self, kind: LogicalType) -> LogicalType:
        if not kind.inner:
            return super().lies(kind)
        if _has_binary(kind):
            raise UnsupportedError(
                f"{kind} holds binary values, for which JSON has no form",
                hint="leave the column out with `columns:`",
            )
        return _TEXT

    def schema(self, fields: Schema, place: str) -> Schema:
        if any(f.name.lower() == MARKER.lower() for f in fields):
            raise UnsupportedError(
                f"{place}: '{MARKER}' is Fabric's own column", hint="`rename` the column"
            )
        return super().schema(fields, place)


def _has_binary(kind: LogicalType) -> bool:
    return kind.kind == "binary" or any(_has_binary(f.type) for f in kind.inner)


CARRIER = _Flat("Fabric", RULES)
