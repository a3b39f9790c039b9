"""How a table format carries logical types: exactly as they are, or as another that holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from hygge.core.errors import DataError, UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema, parse_type

CLOCK = "%H:%M:%S%.f"
"""Times of day as text, ISO 8601, with as many digits of the fraction as they have, by threes."""


@dataclass(frozen=True)
class Rule:
    """How logical types of some kinds lie in a table.

    Parameters
    ----------
    kinds: of the types.
    lies: the type as it lies; None for one that cannot.
    native: what the format calls that, for people.
    note: what is to be known about it: what is lost, or how it is written.
    shown: the types, for people; their kinds if not given.
    """

    kinds: tuple[str, ...]
    lies: Callable[[LogicalType], LogicalType | None]
    native: str
    note: str = ""
    shown: str = ""


def same(kind: LogicalType) -> LogicalType:
    """For types that lie as they are."""
    return kind


def always(text: str) -> Callable[[LogicalType], LogicalType]:
    """For types that lie as one and the same."""
    kind = parse_type(text)
    return lambda _: kind


def moment(kind: LogicalType) -> LogicalType | None:
    """For formats whose times are in microseconds, with or without UTC."""
    if kind.unit == "ns":
        return None
    return LogicalType("timestamp", unit="us", zone="UTC" if kind.zone else None)


class Carrier:
    """A table format's reviewed type table.

    Parameters
    ----------
    name: of the format, for errors.
    rules: for every kind but lists and structs, whose insides follow them too.
    """

    def __init__(self, name: str, rules: Sequence[Rule]) -> None:
        self._name, self.rules = name, tuple(rules)
        self._by_kind = {kind: rule for rule in rules for kind in rule.kinds}

    def lies(self, kind: LogicalType) -> LogicalType:
        """The type as it lies. Raises UnsupportedError for one that the format has no form for."""
        if kind.inner:
            return replace(
                kind, inner=tuple(replace(f, type=self.lies(f.type)) for f in kind.inner)
            )
        found = self._by_kind[kind.kind].lies(kind)
        if found is None:
            raise UnsupportedError(
                f"{self._name} has no form for {kind} that holds all its values",
                hint="`cast` the column, e.g. to timestamp(us) or string",
            )
        return found

    def schema(self, fields: Schema, place: str) -> Schema:
        """The fields as they lie, all nullable.

        Raises UnsupportedError, naming the column, for types without a form and for names that
        differ in their case only.
        """
        out, seen = [], dict[str, str]()
        for field in fields:
            if (other := seen.setdefault(field.name.lower(), field.name)) != field.name:
                raise UnsupportedError(
                    f"{place}: the columns '{other}' and '{field.name}' differ in their case "
                    f"only, which readers of {self._name} do not tell apart",
                    hint="`rename` one of them",
                )
            try:
                kind = self.lies(field.type)
            except UnsupportedError as error:
                raise UnsupportedError(
                    f"{place}: the column '{field.name}': {error.message}", hint=error.hint
                ) from None
            out.append(Field(field.name, kind))
        return Schema(out)


def packed(frame: pl.DataFrame, fields: Schema, lying: Schema) -> pl.DataFrame:
    """Rows in the types in which they lie; exactly the columns of `fields`, in order."""
    if frame.columns == fields.names and fields.physical == lying.physical:
        return frame
    columns = [
        _packed(pl.col(f.name), f.type, lying[f.name].type).alias(f.name) for f in fields
    ]  # fmt: skip
    try:
        return frame.select(columns)
    except pl.exceptions.InvalidOperationError as error:
        raise DataError(f"a value has no form in the table: {error}") from error


def _packed(column: pl.Expr, kind: LogicalType, lying: LogicalType) -> pl.Expr:
    if kind.inner and not lying.inner:
        return _as_json(column)
    if not _has_clock(kind) or kind.physical == lying.physical:
        return column if kind.physical == lying.physical else column.cast(lying.physical)
    if kind.kind == "list":
        return column.list.eval(_packed(pl.element(), kind.inner[0].type, lying.inner[0].type))
    if kind.kind == "struct":
        members = [
            _packed(column.struct.field(f.name), f.type, to.type).alias(f.name)
            for f, to in zip(kind.inner, lying.inner, strict=True)
        ]
        return pl.when(column.is_not_null()).then(pl.struct(members))
    return column.dt.to_string(CLOCK)


def _as_json(column: pl.Expr) -> pl.Expr:
    """Lists and structs as JSON; NULL stays NULL."""
    text = pl.struct(column.alias("v")).struct.json_encode()
    return pl.when(column.is_not_null()).then(text.str.slice(len('{"v":')).str.head(-1))


def _has_clock(kind: LogicalType) -> bool:
    """Whether a time of day lies in it, which Polars' own cast to text cuts to the second."""
    return kind.kind == "time" or any(_has_clock(f.type) for f in kind.inner)
