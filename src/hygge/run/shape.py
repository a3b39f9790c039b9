"""From the source's fields to the destination's: select, order, rename, cast. Values in and out.

Every setting uses the source's column names; `rename` alone gives the destination's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import polars as pl

from hygge.core.errors import ConfigError
from hygge.core.fields import LogicalType, Schema
from hygge.core.sift import Policy, Sifted, sift


@dataclass(frozen=True)
class Shape:
    """What happens to each batch.

    Parameters
    ----------
    source: the fields read, with the source's names and types.
    target: the fields written, in the same order.
    keys: the key's columns, by the destination's names.
    """

    source: Schema
    target: Schema
    keys: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns to ask for, in order."""
        return tuple(self.source.names)

    def sift(self, batch: pl.DataFrame, policy: Policy, *, entity: str, offset: int) -> Sifted:
        """A batch as read, as it is to be written; see `core.sift.sift`."""
        held = sift(batch, self.source, policy, entity=entity, offset=offset)
        new = {f.source_name: f.name for f in self.target}
        nulled = {new[column]: count for column, count in held.nulled.items()}
        if self.source == self.target:
            return replace(held, nulled=nulled)
        named = held.kept.clone()  # `kept` may be the very frame that the Home goes on using
        named.columns = self.target.names
        cast = sift(named, self.target, policy, entity=entity, offset=offset, origin=held.origin)
        for column, count in cast.nulled.items():
            nulled[column] = nulled.get(column, 0) + count
        return Sifted(cast.kept, nulled=nulled, aside=(*held.aside, *cast.aside))

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
    written = [
        replace(
            field,
            name=rename.get(field.name, field.name),
            source=field.name if field.name in rename else "",
            type=cast.get(field.name, field.type),
        )
        for field in read
    ]
    names = [f.name for f in written]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"{entity}: two columns would be named '{name}'", hint="mend `rename`"
            )
    present = [k for k in wanted if k in read.names]
    target_keys = tuple(rename.get(k, k) for k in present) if len(present) == len(wanted) else ()
    return Shape(source=read, target=Schema(written), keys=target_keys)


def unknown_column(name: str, source: Schema, where: str) -> ConfigError:
    """The error for a column that the source has not, with the near miss."""
    near = get_close_matches(name, source.names, n=1)
    known = ", ".join(source.names[:12]) + (", ..." if len(source.names) > 12 else "")
    return ConfigError(
        f"{where} names '{name}', which the source does not have",
        hint=f"did you mean '{near[0]}'?" if near else f"its columns: {known}",
    )
