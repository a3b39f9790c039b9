"""Fields: the exact, engine-neutral types that every batch is held to.

A `Field` says what the source's catalogue declared; its `physical` dtype is how Polars carries it.
Dialects map native types to logical ones and logical ones to their own DDL; nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, overload

import polars as pl

from hygge.core.errors import DataError
from hygge.core.types import (
    FLOATS,
    INTEGERS,
    MAX_PRECISION,
    PLAIN,
    Field,
    Kind,
    LogicalType,
    Unit,
    parse_type,
)  # fmt: skip

__all__ = [
    "FLOATS", "INTEGERS", "MAX_PRECISION", "Field", "Kind", "LogicalType", "Schema", "Unit",
    "from_polars", "parse_type",
]  # fmt: skip


def from_polars(dtype: pl.DataType) -> LogicalType:
    """The logical type of a Polars dtype, for files that carry their own types.

    Raises DataError for a dtype that hygge does not carry.
    """
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
    for kind, plain in PLAIN.items():
        if dtype == plain:
            return LogicalType(kind)
    if dtype == pl.Float16:
        return LogicalType("float32")
    raise DataError(
        f"hygge has no logical type for Polars' {dtype}",
        hint="cast the column before handing it on, e.g. to a decimal or a string",
    )


def _dtype(dtype: Any) -> pl.DataType:
    found: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return found


class Schema:
    """An ordered, immutable set of fields with unique names."""

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        self._fields = tuple(fields)
        self._by_name = {f.name: f for f in self._fields}
        if len(self._by_name) != len(self._fields):
            names = [f.name for f in self._fields]
            twice = next(name for at, name in enumerate(names) if name in names[:at])
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

    @cached_property
    def physical(self) -> pl.Schema:
        """Name to Polars dtype, in order; not to be changed."""
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
