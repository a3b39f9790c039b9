"""What a database's catalogue says of a table, a view or a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from hygge.core.errors import ConfigError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.home import Table

UNTOLD = LogicalType("null")
"""The type of a field in discovery whose own is not told; see `core.home.Table`."""


OWN = "_hygge_"
"""How the names of tables begin that hygge keeps for itself where it settles."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Parameters
    ----------
    name: as the catalogue has it.
    native: its type as the catalogue writes it, e.g. `numeric(10,2)`.
    type: the logical type that the reviewed table gives; None where it says too little, so that
        the configuration must.
    fetch: the SQL expression that brings it, e.g. `"at"::text`; "" for the quoted name alone.
    required: whether it cannot be NULL.
    key: its position in the primary key, from 1; 0 for none.
    loss: what the reviewed table says is lost.
    """

    name: str
    native: str
    type: LogicalType | None
    fetch: str = ""
    required: bool = False
    key: int = 0
    loss: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view, or a query.

    Parameters
    ----------
    schema, name: as the catalogue has them; "" for a query.
    kind: `table`, `view`, `query`, or what else the database calls it.
    columns: in order.
    rows, bytes: the catalogue's estimate; None where it has none.
    comment: what the catalogue says about it.
    counter: the column that the database numbers new rows by; "" for none.
    filtered: whether row security may hide rows of it from who reads.
    """

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    rows: int | None = None
    bytes: int | None = None
    comment: str = ""
    counter: str = ""
    filtered: bool = False

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key's columns, in key order."""
        return tuple(c.name for c in sorted(self.columns, key=lambda c: c.key) if c.key)

    def schema_of(self, types: Mapping[str, LogicalType], *, entity: str) -> Schema:
        """Its fields, with declared types in place.

        Parameters
        ----------
        types: by column's name or, for all columns of one, by native type.
        entity: the name used in errors.

        Raises
        ------
        ConfigError: `types` names what is not there, or a type is known to nobody.
        """
        declared = by_column(types, {c.name: c.native for c in self.columns}, entity=entity)
        fields, unknown = [], []
        for column in self.columns:
            kind = declared.get(column.name) or column.type
            if kind is None:
                native = f" ({column.native})" if column.native else ""
                unknown.append(f"{column.name}{native}")
                continue
            other = kind != column.type
            fields.append(
                Field(
                    column.name, kind, nullable=not column.required, key=column.key,
                    origin=column.native, loss="" if other else column.loss,
                )
            )  # fmt: skip
        if unknown:
            raise ConfigError(
                f"{entity}: hygge knows no type for {_some(unknown)}",
                hint="declare it under the home's `types:`, e.g. `types: "
                f"{{{unknown[0].partition(' (')[0]}: string}}`",
            )
        return Schema(fields)

    def table(self) -> Table:
        """It, as discovery shows it."""
        fields = Schema(
            Field(c.name, c.type or UNTOLD, nullable=not c.required, key=c.key, origin=c.native,
                  loss=c.loss)
            for c in self.columns
        )  # fmt: skip
        return Table(self.schema, self.name, self.rows, self.bytes, self.kind, fields, self.comment,
                     self.counter)  # fmt: skip


def meanings(schema: str, name: str) -> list[tuple[str, str]]:
    """What a name may mean, as schema and name: `a.b` is first a table called so, then b of a."""
    head, dot, tail = name.partition(".")
    return [(schema, name), *([(head, tail)] if dot and not schema else [])]


def by_column(
    types: Mapping[str, LogicalType], natives: Mapping[str, str], *, entity: str
) -> dict[str, LogicalType]:
    """Declared types by column's name, those declared by native type among them.

    Parameters
    ----------
    types: by column's name or, for all columns of one, by native type in any case.
    natives: each column's native type, in the columns' order.
    entity: the name used in errors.

    Raises ConfigError, with the near miss, for a name that is neither.
    """
    known = {native.lower() for native in natives.values() if native}
    for name in types:
        if name not in natives and name.lower() not in known:
            names = list(natives)
            near = [n for n in names if n.lower() == name.lower()]
            near = near or get_close_matches(name, [*names, *sorted(known)], n=1)
            raise ConfigError(
                f"`types` of {entity} names '{name}', which is neither a column nor the type of "
                "one",
                hint=f"did you mean '{near[0]}'?" if near else f"its columns: {_some(names)}",
            )
    by_native = {name.lower(): kind for name, kind in types.items() if name not in natives}
    found = {name: types.get(name) or by_native.get(n.lower()) for name, n in natives.items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def not_there(name: str, known: Sequence[str], place: str) -> ConfigError:
    """The error for a table that a database does not have, with the near miss."""
    bare = [n.rpartition(".")[2] for n in known]
    near = get_close_matches(name.rpartition(".")[2], bare, n=1)
    guess = known[bare.index(near[0])] if near else ""
    return ConfigError(
        f"there is no table or view '{name}' in {place}",
        hint=f"did you mean '{guess}'?" if near else f"tables there: {_some(known) or 'none'}",
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
