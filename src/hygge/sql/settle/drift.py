"""The fields that a table will have, given those that it has and those that come."""

from __future__ import annotations

from hygge.core.drift import compare, merged
from hygge.core.errors import FULL_REFRESH, ConfigError, SchemaDrift
from hygge.core.fields import Schema
from hygge.core.load import LoadRequest, State
from hygge.sql.settle.place import Place


def target_fields(held: State | None, request: LoadRequest, place: Place) -> Schema:
    """The fields the table will have. Raises SchemaDrift where a type cannot be bridged."""
    if held is None or request.mode == "replace":
        return request.stored
    if clashing := compare(held.fields, request.stored).clashing:
        name, old, new = clashing[0]
        raise SchemaDrift(
            f"{place}: '{name}' is {old} there and {new} at the source, and no type carries both "
            "exactly",
            hint=f"declare it (`cast: {{{name}: {old}}}`), or run with {FULL_REFRESH}",
        )
    return merged(held.fields, request.stored)


def is_altered(old: Schema, new: Schema) -> bool:
    """Whether a table must be altered to take rows of new fields."""
    return any(
        f.name not in old or old[f.name].type != f.type or (f.nullable and not old[f.name].nullable)
        for f in new
    )


def check_indexes(place: Place, fields: Schema) -> None:
    """Raise ConfigError for an index of a column that the table will not have."""
    for name in (n for columns in place.indexes for n in columns):
        if name not in fields:
            raise ConfigError(
                f"{place}: `indexes` names '{name}', which the table will not have",
                hint=f"its columns: {', '.join(fields.names[:12])}",
            )
