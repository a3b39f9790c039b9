"""Fields: the exact, engine-neutral types that every batch is held to.

A `Field` says what the source's catalogue declared; its `physical` dtype is how Polars carries it.
Dialects map native types to logical ones and logical ones to their own DDL; nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, overload

import polars as pl

Kind = Literal[
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "decimal", "date", "time", "timestamp", "duration",
    "string", "binary", "json", "uuid", "list", "struct", "null",
]  # fmt: skip
Unit = Literal["ms", "us", "ns"]

_KINDS: frozenset[str] = frozenset(get_args(Kind))
_ALIASES = {
    "boolean": "bool", "integer": "int64", "int": "int64", "bigint": "int64", "smallint": "int16",
    "tinyint": "int8", "float": "float64", "double": "float64", "real": "float32",
    "numeric": "decimal", "datetime": "timestamp", "text": "string", "varchar": "string",
    "str": "string", "bytes": "binary", "blob": "binary",
}  # fmt: skip
_PLAIN: dict[str, Any] = {
    "bool": pl.Boolean, "int8": pl.Int8, "int16": pl.Int16, "int32": pl.Int32, "int64": pl.Int64,
    "uint8": pl.UInt8, "uint16": pl.UInt16, "uint32": pl.UInt32, "uint64": pl.UInt64,
    "float32": pl.Float32, "float64": pl.Float64, "date": pl.Date, "time": pl.Time,
    "string": pl.String, "binary": pl.Binary, "json": pl.String, "uuid": pl.String,
    "null": pl.Null,
}  # fmt: skip
INTEGERS: frozenset[str] = frozenset(k for k in _KINDS if "int" in k)
FLOATS: frozenset[str] = frozenset({"float32", "float64"})
MAX_PRECISION = 38  # decimal128: Apache Arrow columnar format, "Decimal"


@dataclass(frozen=True, slots=True)
class LogicalType:
    """One logical type.

    Parameters
    ----------
    kind: the family, e.g. `decimal`.
    precision, scale: of a decimal: digits in all, digits after the point.
    unit: of a timestamp or duration: `ms`, `us` or `ns`.
    zone: of a timestamp: an IANA zone name; None is naive.
    length: of a string or binary: the declared maximum in characters or bytes; None is unbounded.
    inner: of a list, its one element; of a struct, its members.
    """

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    unit: Unit | None = None
    zone: str | None = None
    length: int | None = None
    inner: tuple[Field, ...] = ()

    @property
    def physical(self) -> pl.DataType:
        """The Polars dtype that carries this type."""
        if self.kind == "decimal":
            return pl.Decimal(self.precision or MAX_PRECISION, self.scale or 0)
        if self.kind == "timestamp":
            return pl.Datetime(self.unit or "us", self.zone)
        if self.kind == "duration":
            return pl.Duration(self.unit or "us")
        if self.kind == "list":
            return pl.List(self.inner[0].type.physical)
        if self.kind == "struct":
            return pl.Struct([pl.Field(f.name, f.type.physical) for f in self.inner])
        dtype = _PLAIN[self.kind]
        return dtype()  # type: ignore[no-any-return]

    @property
    def is_integer(self) -> bool:
        return self.kind in INTEGERS

    @property
    def is_temporal(self) -> bool:
        return self.kind in ("date", "timestamp")

    def __str__(self) -> str:
        if self.kind == "decimal":
            return f"decimal({self.precision or MAX_PRECISION},{self.scale or 0})"
        if self.kind == "timestamp":
            return f"timestamp({self.unit or 'us'}{', ' + self.zone if self.zone else ''})"
        if self.kind == "duration":
            return f"duration({self.unit or 'us'})"
        if self.kind in ("string", "binary") and self.length:
            return f"{self.kind}({self.length})"
        if self.kind == "list":
            return f"list({self.inner[0].type})"
        if self.kind == "struct":
            return "struct(" + ", ".join(f"{f.name}: {f.type}" for f in self.inner) + ")"
        return self.kind


_TYPE = re.compile(r"^\s*(?P<name>[a-z_0-9]+)\s*(?:\((?P<args>.*)\))?\s*$", re.IGNORECASE)


def _split_arguments(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    if current.strip():
        parts.append(current.strip())
    return parts


def parse_type(text: str) -> LogicalType:
    """The type a configuration text names: `decimal(10,2)`, `timestamp(us, UTC)`, `list(int64)`.

    Raises ValueError that says what is wrong and what would do.
    """
    match = _TYPE.match(text)
    name = match["name"].lower() if match else ""
    kind = _ALIASES.get(name, name)
    if match is None or kind not in _KINDS:
        from difflib import get_close_matches

        near = get_close_matches(name, sorted(_KINDS | set(_ALIASES)), n=1)
        guess = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"'{text}' is not a type{guess} (types: {', '.join(sorted(_KINDS))})")
    args = _split_arguments(match["args"] or "")
    try:
        return _build_type(kind, args)
    except (ValueError, IndexError) as error:
        raise ValueError(f"'{text}' is not a type: {error}") from None


def _build_type(kind: Any, args: list[str]) -> LogicalType:
    if kind == "decimal":
        precision = int(args[0]) if args else MAX_PRECISION
        scale = int(args[1]) if len(args) > 1 else 0
        if not 1 <= precision <= MAX_PRECISION or not 0 <= scale <= precision:
            raise ValueError("precision is 1 to 38, and scale 0 to precision")
        return LogicalType("decimal", precision=precision, scale=scale)
    if kind in ("timestamp", "duration"):
        unit: Any = args[0] if args and args[0] in ("ms", "us", "ns") else "us"
        rest = [a for a in args if a not in ("ms", "us", "ns")]
        if kind == "duration":
            if rest:
                raise ValueError("a duration takes ms, us or ns")
            return LogicalType("duration", unit=unit)
        if rest:
            from zoneinfo import ZoneInfo

            try:
                ZoneInfo(rest[0])
            except (KeyError, ValueError, OSError):
                raise ValueError(f"'{rest[0]}' is neither a unit nor a time zone") from None
        return LogicalType("timestamp", unit=unit, zone=rest[0] if rest else None)
    if kind in ("string", "binary"):
        return LogicalType(kind, length=int(args[0]) if args else None)
    if kind == "list":
        return LogicalType("list", inner=(Field("item", parse_type(args[0])),))
    if kind == "struct":
        members = [a.split(":", 1) for a in args]
        return LogicalType(
            "struct", inner=tuple(Field(n.strip(), parse_type(t)) for n, t in members)
        )
    if args:
        raise ValueError(f"{kind} takes no arguments")
    return LogicalType(kind)


def from_polars(dtype: pl.DataType) -> LogicalType:
    """The logical type of a Polars dtype, for files that carry their own types."""
    if isinstance(dtype, pl.Decimal):
        return LogicalType("decimal", precision=dtype.precision or MAX_PRECISION, scale=dtype.scale)
    if isinstance(dtype, pl.Datetime):
        return LogicalType("timestamp", unit=dtype.time_unit, zone=dtype.time_zone)
    if isinstance(dtype, pl.Duration):
        return LogicalType("duration", unit=dtype.time_unit)
    if isinstance(dtype, pl.List | pl.Array):
        return LogicalType("list", inner=(Field("item", from_polars(_dtype(dtype.inner))),))
    if isinstance(dtype, pl.Struct):
        return LogicalType(
            "struct", inner=tuple(Field(f.name, from_polars(_dtype(f.dtype))) for f in dtype.fields)
        )
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return LogicalType("string")
    for kind, plain in _PLAIN.items():
        if dtype == plain:
            return LogicalType(kind)  # type: ignore[arg-type]
    raise ValueError(f"hygge has no logical type for Polars' {dtype}")


def _dtype(dtype: Any) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    Parameters
    ----------
    name: the column's name at the destination.
    type: its logical type.
    nullable: whether NULL may occur.
    key: its position in the primary key, from 1; 0 where it is no part of it.
    origin: the native type as the source names it, e.g. `NUMERIC(10,2)`.
    source: the column's name at the source where it was renamed, else "".
    loss: what the reviewed type table says is lost, e.g. "100 ns cut to 1 us"; else "".
    """

    name: str
    type: LogicalType
    nullable: bool = True
    key: int = 0
    origin: str = ""
    source: str = ""
    loss: str = ""

    @property
    def source_name(self) -> str:
        return self.source or self.name

    def to_json(self) -> dict[str, Any]:
        """A mapping of plain values that `from_json` reads back."""
        out: dict[str, Any] = {"name": self.name, "type": str(self.type)}
        for key in ("key", "origin", "source", "loss"):
            if getattr(self, key):
                out[key] = getattr(self, key)
        if not self.nullable:
            out["nullable"] = False
        return out

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Field:
        return cls(
            name=value["name"],
            type=parse_type(value["type"]),
            nullable=value.get("nullable", True),
            key=value.get("key", 0),
            origin=value.get("origin", ""),
            source=value.get("source", ""),
            loss=value.get("loss", ""),
        )


class Schema:
    """An ordered, immutable set of fields with unique names."""

    __slots__ = ("_by_name", "_fields")

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        self._fields = tuple(fields)
        self._by_name = {f.name: f for f in self._fields}
        if len(self._by_name) != len(self._fields):
            seen: set[str] = set()
            twice = next(f.name for f in self._fields if f.name in seen or seen.add(f.name))  # type: ignore[func-returns-value]
            raise ValueError(f"the column '{twice}' occurs twice")

    @classmethod
    def of(cls, frame: pl.DataFrame | pl.LazyFrame | Mapping[str, Any]) -> Schema:
        """The schema of a frame, or of a mapping from name to Polars dtype."""
        if isinstance(frame, pl.LazyFrame):
            items = list(frame.collect_schema().items())
        elif isinstance(frame, pl.DataFrame):
            items = list(frame.schema.items())
        else:
            items = list(frame.items())
        return cls(Field(name, from_polars(_dtype(dtype))) for name, dtype in items)

    @overload
    def __getitem__(self, index: int) -> Field: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Field, ...]: ...
    @overload
    def __getitem__(self, index: str) -> Field: ...
    def __getitem__(self, index: int | slice | str) -> Field | tuple[Field, ...]:
        if isinstance(index, str):
            return self._by_name[index]
        return self._fields[index]

    def get(self, name: str) -> Field | None:
        return self._by_name.get(name)

    def __len__(self) -> int:
        return len(self._fields)

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name if isinstance(name, str) else name in self._fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._fields)

    def __repr__(self) -> str:
        return "Schema(" + ", ".join(f"{f.name}: {f.type}" for f in self) + ")"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Schema, (self._fields,))

    @property
    def names(self) -> list[str]:
        return [f.name for f in self._fields]

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the primary key's columns, in key order."""
        return tuple(f.name for f in sorted(self._fields, key=lambda f: f.key) if f.key)

    @property
    def physical(self) -> pl.Schema:
        """Name to Polars dtype, in order."""
        return pl.Schema({f.name: f.type.physical for f in self._fields})

    def empty(self) -> pl.DataFrame:
        """A frame of these columns and no rows."""
        return pl.DataFrame(schema=self.physical)

    def changed(self, changes: Mapping[str, LogicalType]) -> Schema:
        """The same fields with some types replaced."""
        return Schema(
            replace(f, type=changes[f.name]) if f.name in changes else f for f in self._fields
        )

    def to_json(self) -> list[dict[str, Any]]:
        return [f.to_json() for f in self._fields]

    @classmethod
    def from_json(cls, value: Iterable[Mapping[str, Any]]) -> Schema:
        return cls(Field.from_json(v) for v in value)
