"""How fields differ, and the type that carries two others without loss. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hygge.core.errors import FULL_REFRESH, SchemaDrift
from hygge.core.fields import FLOATS, INTEGERS, Field, LogicalType, Schema
from hygge.core.types import Kind

_WIDTH: dict[Kind, int] = {
    "int8": 7, "int16": 15, "int32": 31, "int64": 63,
    "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64,
}  # fmt: skip
_DIGITS = {
    "int8": 3, "int16": 5, "int32": 10, "int64": 19,
    "uint8": 3, "uint16": 5, "uint32": 10, "uint64": 20,
}  # fmt: skip


def wider(left: LogicalType, right: LogicalType) -> LogicalType | None:
    """The narrowest type that carries every value of both exactly; None where there is none."""
    if left == right:
        return left
    if left.kind == "null":
        return right
    if right.kind == "null":
        return left
    if left.kind in INTEGERS and right.kind in INTEGERS:
        return _wider_integer(left, right)
    if left.kind in FLOATS and right.kind in FLOATS:
        return LogicalType("float64")
    if {left.kind, right.kind} & FLOATS and {left.kind, right.kind} & INTEGERS:
        integer = left if left.kind in INTEGERS else right
        return LogicalType("float64") if _WIDTH[integer.kind] <= 32 else None
    if "decimal" in (left.kind, right.kind):
        return _wider_decimal(left, right)
    if left.kind == right.kind == "timestamp" and left.zone == right.zone:
        units = ["ms", "us", "ns"]
        unit = max(left.unit or "us", right.unit or "us", key=units.index)
        return None if unit == "ns" else replace(left, unit=unit)
    if left.kind == right.kind and left.kind in ("string", "binary"):
        length = max(left.length, right.length) if left.length and right.length else None
        return replace(left, length=length)
    if left.kind == right.kind == "list":
        inner = wider(left.inner[0].type, right.inner[0].type)
        return replace(left, inner=(Field("item", inner),)) if inner else None
    if left.kind == right.kind == "struct":
        return _wider_struct(left, right)
    if {left.kind, right.kind} <= {"string", "json", "uuid"}:
        return LogicalType("string")
    return None


def _wider_struct(left: LogicalType, right: LogicalType) -> LogicalType | None:
    others = {f.name: f.type for f in right.inner}
    if set(others) != {f.name for f in left.inner}:
        return None
    members = [(f.name, wider(f.type, others[f.name])) for f in left.inner]
    inner = tuple(Field(name, kind) for name, kind in members if kind is not None)
    return replace(left, inner=inner) if len(inner) == len(members) else None


def _wider_integer(left: LogicalType, right: LogicalType) -> LogicalType | None:
    signed = not (left.kind.startswith("u") and right.kind.startswith("u"))
    need = max(_WIDTH[left.kind], _WIDTH[right.kind])
    wide = (kind for kind, bits in _WIDTH.items() if bits >= need)
    found = next((kind for kind in wide if kind.startswith("u") is not signed), None)
    return LogicalType(found) if found else None


def _wider_decimal(left: LogicalType, right: LogicalType) -> LogicalType | None:
    def shape(kind: LogicalType) -> tuple[int, int] | None:
        if kind.kind == "decimal":
            return ((kind.precision or 38) - (kind.scale or 0), kind.scale or 0)
        return (_DIGITS[kind.kind], 0) if kind.kind in INTEGERS else None

    one, two = shape(left), shape(right)
    if one is None or two is None:
        return None
    whole, scale = max(one[0], two[0]), max(one[1], two[1])
    if whole + scale > 38:
        return None
    return LogicalType("decimal", precision=whole + scale, scale=scale)


def _is_number(kind: LogicalType) -> bool:
    return kind.kind in INTEGERS or kind.kind in FLOATS


def unify(schemas: Iterable[Schema]) -> tuple[Schema, str]:
    """One schema for batches that each have their own, and "" or what cannot be bridged."""
    merged: dict[str, Field] = {}
    for schema in schemas:
        for field in schema:
            known = merged.get(field.name)
            if known is None:
                merged[field.name] = field
                continue
            kind = wider(known.type, field.type)
            if kind is None and _is_number(known.type) and _is_number(field.type):
                kind = LogicalType("float64")  # conforming holds every integer to its exact float
            if kind is None:
                return Schema(merged.values()), (
                    f"'{field.name}' came as {known.type} and as {field.type}"
                )
            merged[field.name] = replace(
                known, type=kind, nullable=known.nullable or field.nullable
            )
    return Schema(merged.values()), ""


@dataclass(frozen=True, slots=True)
class Drift:
    """What is new in a schema, against what a destination holds.

    Parameters
    ----------
    added: fields the destination has not.
    missing: fields the destination has and the source no longer.
    widened: fields whose new type carries all that the old one does, with both types.
    clashing: fields whose types exclude each other, with both types.
    """

    added: tuple[Field, ...] = ()
    missing: tuple[Field, ...] = ()
    widened: tuple[tuple[str, LogicalType, LogicalType], ...] = ()
    clashing: tuple[tuple[str, LogicalType, LogicalType], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.missing or self.widened or self.clashing)

    def __str__(self) -> str:
        parts = [f"+{f.name} ({f.type})" for f in self.added]
        parts += [f"-{f.name}" for f in self.missing]
        parts += [f"{n}: {a} to {b}" for n, a, b in (*self.widened, *self.clashing)]
        return ", ".join(parts)


def compare(held: Schema, coming: Schema) -> Drift:
    """How `coming` differs from what is `held`; order and nullability do not count."""
    widened: list[tuple[str, LogicalType, LogicalType]] = []
    clashing: list[tuple[str, LogicalType, LogicalType]] = []
    for field in coming:
        old = held.get(field.name)
        if old is None or old.type.physical == field.type.physical:
            continue
        kind = wider(old.type, field.type)
        if kind is None:
            clashing.append((field.name, old.type, field.type))
        elif kind.physical != old.type.physical:  # else what is held carries it already
            widened.append((field.name, old.type, kind))
    return Drift(
        added=tuple(f for f in coming if f.name not in held),
        missing=tuple(f for f in held if f.name not in coming),
        widened=tuple(widened),
        clashing=tuple(clashing),
    )


def merged(held: Schema, coming: Schema) -> Schema:
    """The schema that carries both: held order first, new columns after, wider types, and every
    column that one side lacks nullable. Only for schemas whose `compare` has no clashes."""
    out = []
    for old in held:
        new = coming.get(old.name)
        if new is None:
            out.append(replace(old, nullable=True))
            continue
        kind = wider(old.type, new.type) or new.type
        out.append(replace(new, type=kind, nullable=old.nullable or new.nullable))
    out += [replace(f, nullable=True) for f in coming if f.name not in held]
    return Schema(out)


def target(held: Schema | None, coming: Schema, place: str) -> Schema:
    """The fields that a destination is to have, which holds these and keeps its rows; None where
    it holds nothing. Raises SchemaDrift, naming the place, where no type carries both."""
    if held is None:
        return coming
    if clashing := compare(held, coming).clashing:
        name, old, new = clashing[0]
        raise SchemaDrift(
            f"{place}: '{name}' is {old} there and {new} at the source, "
            "and no type carries both exactly",
            hint=f"declare it (`cast: {{{name}: {old}}}`), or run with {FULL_REFRESH}",
        )
    return merged(held, coming)
