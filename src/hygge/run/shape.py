"""From the source's fields to the destination's: select, order, rename, cast, and add. Values in
and out.

Every setting uses the source's column names; `rename` and `name_case` give the destination's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches

import polars as pl

from hygge.core.errors import BadValue, ConfigError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.names import Case, cased
from hygge.core.sift import Policy, Sifted, sift


@dataclass(frozen=True)
class Stamp:
    """A column that hygge adds on the way.

    Parameters
    ----------
    field: it.
    value: of every row.
    when: a condition in SQL over the source's columns; rows that do not meet it have NULL. "" for
        none.
    """

    field: Field
    value: datetime | str
    when: str = ""

    def of(self, batch: pl.DataFrame) -> pl.Series:
        """The column for a batch as it was read. Raises ConfigError for a condition that fails."""
        value = pl.lit(self.value, dtype=self.field.type.physical)
        if self.when:
            value = pl.when(pl.sql_expr(self.when)).then(value)
        try:
            column = batch.select(value.alias(self.field.name)).to_series()
        except pl.exceptions.PolarsError as error:
            raise ConfigError(
                f"`deleted_when: {self.when}` fails: {error}",
                hint="it must be true, false or NULL for every row, by the columns that are read",
            ) from None
        return column if len(column) == batch.height else column.new_from_index(0, batch.height)


@dataclass(frozen=True)
class Shape:
    """What happens to each batch.

    Parameters
    ----------
    source: the fields read, with the source's names and types.
    target: the fields written, in the same order, and then those of the stamps.
    keys: the key's columns, by the destination's names.
    stamps: columns that are added.
    """

    source: Schema
    target: Schema
    keys: tuple[str, ...] = ()
    stamps: tuple[Stamp, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns to ask for, in order."""
        return tuple(self.source.names)

    def sift(self, batch: pl.DataFrame, policy: Policy, *, entity: str, offset: int) -> Sifted:
        """A batch as read, as it is to be written; see `core.sift.sift`."""
        held = sift(batch, self.source, policy, entity=entity, offset=offset)
        read = self._read
        new = {f.source_name: f.name for f in read}
        nulled = {new[column]: count for column, count in held.nulled.items()}
        if self.source == self.target:
            return replace(held, nulled=nulled)
        named = held.kept.clone()  # `kept` may be the very frame that the Home goes on using
        named.columns = [f.name for f in read]
        if self.stamps:
            named = named.hstack([stamp.of(held.kept) for stamp in self.stamps])
        try:
            cast = sift(
                named, self.target, policy, entity=entity, offset=offset, origin=held.origin
            )
        except BadValue as error:  # it fits the type that was read
            name = self.target[error.column].source_name
            ways = ["mend the row", f"choose another type under `cast: {{{name}: ...}}`"]
            if policy != "quarantine":
                ways.append("set `on_bad_value: quarantine`")
            why = f"'{name}' cannot become NULL: " if policy == "null" else ""
            error.hint = f"{why}{', '.join(ways[:-1])}, or {ways[-1]}"
            raise
        for column, count in cast.nulled.items():
            nulled[column] = nulled.get(column, 0) + count
        origin = held.origin if cast.origin is None else cast.origin
        return Sifted(cast.kept, origin, nulled, (*held.aside, *cast.aside))

    @property
    def _read(self) -> tuple[Field, ...]:
        """The fields written that were read."""
        return self.target[: len(self.source)]

    def name_of(self, source: str) -> str:
        """The destination's name of a column. Raises ConfigError where it is not moved."""
        for field in self._read:
            if field.source_name == source:
                return field.name
        raise ConfigError(f"the column '{source}' is not moved", hint="add it to `columns`")

    def of_keys(self) -> Shape:
        """The shape of the key alone."""
        chosen = [f for f in self._read if f.name in self.keys]
        return Shape(Schema(self.source[f.source_name] for f in chosen), Schema(chosen), self.keys)

    def apply(self, batch: pl.DataFrame, *, entity: str, offset: int) -> pl.DataFrame:
        """The same, where a value that does not fit is an error."""
        return self.sift(batch, "fail", entity=entity, offset=offset).kept


def shape_of(
    source: Schema,
    *,
    columns: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    cast: Mapping[str, LogicalType] | None = None,
    keys: Sequence[str] = (),
    case: Case = "keep",
    stamps: Sequence[Stamp] = (),
    entity: str = "",
) -> Shape:
    """Work out the shape of an entity.

    Parameters
    ----------
    source: all fields the Home has.
    columns: those wanted, in the order wanted; empty for all.
    rename: source name to destination name.
    cast: source name to the type wanted.
    keys: source names of the key; empty for the source's primary key.
    case: how columns without a new name are named.
    stamps: columns to add.

    Raises
    ------
    ConfigError: a column is not there, or two would have one name.
    """
    rename, cast = rename or {}, cast or {}
    for setting, names in (("columns", columns), ("rename", rename), ("cast", cast)):
        for name in names:
            if name not in source.names:
                raise unknown_column(name, source, f"`{setting}` of {entity}")
    chosen = tuple(columns) or tuple(source.names)
    if len(set(chosen)) != len(chosen):
        twice = next(n for n in chosen if chosen.count(n) > 1)
        raise ConfigError(f"{entity}: `columns` names '{twice}' twice")
    wanted = tuple(keys) or source.keys
    key_order = {name: at for at, name in enumerate(wanted, 1)}
    read = Schema(replace(source[n], key=key_order.get(n, 0)) for n in chosen)
    new = {f.name: rename.get(f.name) or cased(f.name, case) for f in read}
    written = [
        replace(
            field,
            name=new[field.name],
            source=field.name if field.name in rename or new[field.name] != field.name else "",
            type=cast.get(field.name, field.type),
        )
        for field in read
    ]
    written += [stamp.field for stamp in stamps]
    _refuse_twice(written, entity)
    for stamp in stamps:
        _check_condition(stamp, read, entity)
    present = [k for k in wanted if k in read.names]
    target_keys = tuple(new[k] for k in present) if len(present) == len(wanted) else ()
    return Shape(read, Schema(written), target_keys, tuple(stamps))


def _refuse_twice(fields: Sequence[Field], entity: str) -> None:
    seen: dict[str, Field] = {}
    for field in fields:
        other = seen.setdefault(field.name, field)
        if other is not field:
            one, two = (f"'{f.source_name}'" for f in (other, field))
            which = f": {one} and {two}" if one != two else ""
            raise ConfigError(
                f"{entity}: two columns would be named '{field.name}'{which}",
                hint="`rename` one of them",
            )


def _check_condition(stamp: Stamp, read: Schema, entity: str) -> None:
    if not stamp.when:
        return
    for name in pl.sql_expr(stamp.when).meta.root_names():
        if name not in read.names:
            raise unknown_column(name, read, f"`deleted_when` of {entity}")
    stamp.of(read.empty())


def unknown_column(name: str, source: Schema, where: str) -> ConfigError:
    """The error for a column that the source has not, with the near miss."""
    near = get_close_matches(name, source.names, n=1)
    known = ", ".join(source.names[:12]) + (", ..." if len(source.names) > 12 else "")
    return ConfigError(
        f"{where} names '{name}', which the source does not have",
        hint=f"did you mean '{near[0]}'?" if near else f"its columns: {known}",
    )
