"""The fields of many files that each have their own: those on which they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hygge.core.drift import unify
from hygge.core.errors import SchemaDrift
from hygge.core.fields import LogicalType, Schema
from hygge.core.state import State
from hygge.files.format import STATE_FILE
from hygge.files.paths import Input
from hygge.files.remote.manifest import latest
from hygge.storage.path import AnyPath, RemotePath


def unified(found: Sequence[tuple[AnyPath, Schema]], declared: Mapping[str, LogicalType]) -> Schema:
    """One schema for files that each have their own; declared columns are held to their types.

    Raises SchemaDrift, naming the files, where a column's types exclude each other.
    """
    so_far = _with_declared(found[0][1], declared)
    for path, own in found[1:]:
        schema = _with_declared(own, declared)
        if schema == so_far:
            continue
        so_far, clash = unify([so_far, schema])
        if clash:
            raise SchemaDrift(
                f"{path} does not go with {found[0][0]}: {clash}",
                hint="declare the column under `types:`, or read the files as two entities",
            )
    return so_far


def stored_fields(inputs: Sequence[Input]) -> Schema | None:
    """The fields of a folder of text files that hygge wrote, from the state beside them; else None.

    Raises StateError where the state is there and damaged.
    """
    folders = {i.path.parent for i in inputs}
    if len(folders) != 1:
        return None
    folder = next(iter(folders))
    if isinstance(folder, RemotePath):
        state = latest(folder)
        return state.fields if state is not None else None
    carrier = folder / STATE_FILE
    if not carrier.is_file():
        return None
    return State.from_json(carrier.read_bytes(), place=str(carrier)).fields


def _with_declared(schema: Schema, declared: Mapping[str, LogicalType]) -> Schema:
    return schema.changed({n: t for n, t in declared.items() if n in schema.names})
