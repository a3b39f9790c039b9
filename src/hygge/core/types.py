"""Logical types, their notation, and the field that has one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

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
PLAIN: dict[Kind, type[pl.DataType]] = {
    "bool": pl.Boolean, "int8": pl.Int8, "int16": pl.Int16, "int32": pl.Int32, "int64": pl.Int64,
    "uint8": pl.UInt8, "uint16": pl.UInt16, "uint32": pl.UInt32, "uint64": pl.UInt64,
    "float32": pl.Float32, "float64": pl.Float64, "date": pl.Date, "time": pl.Time,
    "string": pl.String, "binary": pl.Binary, "json": pl.String, "uuid": pl.String,
    "null": pl.Null,
}  # fmt: skip
"""Polars' dtype for each kind that has no parameters."""
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
        return PLAIN[self.kind]()

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
            return "struct(" + ", ".join(f"{_quoted(f.name)}: {f.type}" for f in self.inner) + ")"
        return self.kind


_TYPE = re.compile(r"\s*(?P<name>[a-z_0-9]+)\s*(?:\((?P<args>.*)\))?\s*", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"\w+")
_ARGUMENT = re.compile(r'"(?:[^"]|"")*"|[^",()]+|[(),]', re.DOTALL)
_MEMBER = re.compile(
    r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<word>[^":]+?))\s*:(?P<type>.*)', re.DOTALL
)
_MAX_DEPTH = 32


def _quoted(name: str) -> str:
    """A struct member's name as it stands in a type's text: bare, or in double quotes."""
    return name if _WORD.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _split_arguments(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for piece in _ARGUMENT.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += piece
    if current.strip() or parts:
        parts.append(current.strip())
    return parts


def parse_type(text: str) -> LogicalType:
    """The type a configuration text names: `decimal(10,2)`, `timestamp(us, UTC)`, `list(int64)`.

    A struct's members are `name: type`; a name that is not one word stands in double quotes, with
    quotes inside it doubled. Raises ValueError that says what is wrong and what would do.
    """
    return _parse(text, _MAX_DEPTH)


def _parse(text: str, depth: int) -> LogicalType:
    if depth == 0:
        raise ValueError(f"types are nested at most {_MAX_DEPTH} deep")
    match = _TYPE.fullmatch(text)
    name = match["name"].lower() if match else text.partition("(")[0].strip().lower()
    kind = _ALIASES.get(name, name)
    if match is None or kind not in _KINDS:
        from difflib import get_close_matches

        near = get_close_matches(name, sorted(_KINDS | set(_ALIASES)), n=1)
        guess = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"'{text}' is not a type{guess} (types: {', '.join(sorted(_KINDS))})")
    args = _split_arguments(match["args"] or "")
    try:
        return _build_type(kind, args, depth)
    except ValueError as error:
        if "is not a type" in str(error) or "nested" in str(error):
            raise
        raise ValueError(f"'{text}' is not a type: {error}") from None


def _build_type(kind: Any, args: list[str], depth: int) -> LogicalType:
    if kind == "decimal":
        sizes = _whole(args, "precision is 1 to 38, and scale 0 to precision", most=2)
        precision, scale = [*sizes, 0][:2] if sizes else (MAX_PRECISION, 0)
        if not 1 <= precision <= MAX_PRECISION or not 0 <= scale <= precision:
            raise ValueError("precision is 1 to 38, and scale 0 to precision")
        return LogicalType("decimal", precision=precision, scale=scale)
    if kind in ("timestamp", "duration"):
        return _build_time(kind, args)
    if kind in ("string", "binary"):
        sizes = _whole(args, "a length is a whole number from 1", most=1)
        if sizes and sizes[0] < 1:
            raise ValueError("a length is a whole number from 1")
        return LogicalType(kind, length=sizes[0] if sizes else None)
    if kind == "list":
        if len(args) != 1:
            raise ValueError("a list has one type inside, e.g. list(int64)")
        return LogicalType("list", inner=(Field("item", _parse(args[0], depth - 1)),))
    if kind == "struct":
        return LogicalType("struct", inner=_members(args, depth))
    if args:
        raise ValueError(f"{kind} takes no arguments")
    return LogicalType(kind)


def _whole(args: list[str], rule: str, *, most: int) -> list[int]:
    if len(args) > most or not all(a.isascii() and a.isdigit() for a in args):
        raise ValueError(rule)
    return [int(a) for a in args]


def _build_time(kind: Any, args: list[str]) -> LogicalType:
    units = [a for a in args if a in ("ms", "us", "ns")]
    rest = [a for a in args if a not in units]
    unit: Any = units[0] if units else "us"
    if kind == "duration":
        if rest or len(units) > 1:
            raise ValueError("a duration takes ms, us or ns")
        return LogicalType("duration", unit=unit)
    if len(units) > 1 or len(rest) > 1:
        raise ValueError("a timestamp takes a unit and a time zone")
    if rest:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(rest[0])
        except (KeyError, ValueError, OSError):
            raise ValueError(f"'{rest[0]}' is neither a unit nor a time zone") from None
    return LogicalType("timestamp", unit=unit, zone=rest[0] if rest else None)


def _members(args: list[str], depth: int) -> tuple[Field, ...]:
    fields = []
    for arg in args:
        match = _MEMBER.fullmatch(arg)
        if match is None:
            raise ValueError("a struct's members are `name: type`")
        quoted = match["quoted"]
        name = match["word"] if quoted is None else quoted.replace('""', '"')
        fields.append(Field(name, _parse(match["type"], depth - 1)))
    if len({f.name for f in fields}) != len(fields):
        raise ValueError("a struct's members have different names")
    return tuple(fields)


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
