"""The fields that a table will have, given those that it has and those that come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hygge.core.drift import target
from hygge.core.errors import ConfigError
from hygge.core.fields import Schema
from hygge.core.load import LoadRequest
from hygge.core.state import State
from hygge.sql.settle.place import Place


def target_fields(held: State | None, request: LoadRequest, place: Place) -> Schema:
    """The fields the table will have. Raises SchemaDrift where a type cannot be bridged."""
    kept = held if request.mode != "replace" else None
    return target(kept.fields if kept else None, request.stored, str(place))


def recased(held: State | None, request: LoadRequest, *, case_matters: bool) -> dict[str, str]:
    """The columns that are held and now come by a name in other case, with that; none where such
    names are two columns' to the database."""
    if held is None or case_matters:
        return {}
    lower = {name.lower(): name for name in request.stored.names}
    new = {name: lower.get(name.lower(), name) for name in held.fields.names}
    return {old: name for old, name in new.items() if old != name}


def with_names(held: State | None, new: Mapping[str, str]) -> State | None:
    """A state by other names of some columns."""
    if held is None or not new:
        return held
    fields = Schema(replace(f, name=new.get(f.name, f.name)) for f in held.fields)
    return replace(held, fields=fields)


def is_altered(old: Schema, new: Schema) -> bool:
    """Whether a table must be altered to take rows of new fields."""
    return any(
        f.name not in old or old[f.name].type != f.type or (f.nullable and not old[f.name].nullable)
        for f in new
    )


def check_shape(place: Place, fields: Schema, keys: Sequence[str]) -> None:
    """Raise ConfigError for a column that the table will not have, or not in its key.

    Parameters
    ----------
    keys: of the load; none where the table gets no primary key.
    """
    named = {
        "indexes": [n for columns in place.indexes for n in columns],
        "cluster_by": place.cluster_by, "partition_by": place.partition_by,
    }  # fmt: skip
    for setting, names in named.items():
        if missing := [n for n in names if n not in fields]:
            raise ConfigError(
                f"{place}: `{setting}` names '{missing[0]}', which the table will not have",
                hint=f"its columns: {', '.join(fields.names[:12])}",
            )
    if keys and (outside := [n for n in place.partition_by if n not in keys]):
        raise ConfigError(
            f"{place}: `partition_by` names '{outside[0]}', which is not of its key "
            f"({', '.join(keys)}): a key is unique within each partition only",
            hint="partition by columns of the key",
        )
