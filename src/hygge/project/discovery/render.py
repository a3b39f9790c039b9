"""A flow and its entities as YAML, as `hygge discover` writes them. Values in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hygge.core.fields import Field
from hygge.core.home import Table
from hygge.project.discovery.proposal import propose
from hygge.project.discovery.yaml_text import comment, in_home, setting, text, words
from hygge.project.templates import literal


def said_of(field: Field, table: Table) -> str:
    """What is said of a column behind its name: native type, place in the key, never NULL."""
    keys = table.fields.keys if table.fields else ()
    parts = [comment(field.origin, 60) or ("no declared type" if field.type.kind == "null" else "")]
    if field.key:
        parts.append("key" if len(keys) == 1 else f"key {field.key} of {len(keys)}")
    elif not field.nullable:
        parts.append("not null")
    return ", ".join(part for part in parts if part)


def item(column: str, said: str) -> str:
    """A column's line in the list, without its indentation."""
    return f"- {setting(column)}" + (f"  # {said}" if said else "")


def entity_text(table: Table, name: str, *, with_schema: bool, schema_line: str = "") -> str:
    """An entity's file.

    Parameters
    ----------
    table: with its fields.
    name: the entity's.
    with_schema: whether the Home has a setting of its own for the schema.
    schema_line: a first line that tells editors of the JSON Schema; "" for none.
    """
    lines = [schema_line] if schema_line else []
    lines.append(f"# {comment(str(table))}: {facts(table)}")
    if table.comment:
        lines.append(f"# {comment(table.comment)}")
    lines += [f"name: {setting(name)}", f"home: {_home(table, with_schema)}"]
    keys = table.fields.keys if table.fields else ()
    lines.append(f"key_column: {several(keys)}" if keys else "# There is no key.")
    proposal = propose(table)
    if proposal is not None:
        lag = f", lag: {proposal.lag}" if proposal.lag else ""
        lines += [
            f"# mode: {proposal.mode}",
            f"# incremental: {{column: {setting(proposal.column)}{lag}}}  # {proposal.why}",
        ]
    if table.fields:
        lines.append("columns:")
        lines += [f"  {item(field.name, said_of(field, table))}" for field in table.fields]
    else:
        lines.append(f"# The columns of this {table.kind} could not be found.")
    return "\n".join(lines) + "\n"


def several(keys: Sequence[str]) -> str:
    """One name by itself, more as a list."""
    return words([literal(key) for key in keys])


def _home(table: Table, with_schema: bool) -> str:
    if with_schema and table.schema:
        return f"{{table: {in_home(table.name)}, schema: {in_home(table.schema)}}}"
    return f"{{table: {in_home(str(table))}}}"


def facts(table: Table) -> str:
    """What a table is, and about how large."""
    parts = [table.kind]
    if table.rows is not None:
        parts.append(f"about {table.rows:,} row{'' if table.rows == 1 else 's'}")
    if table.bytes is not None:
        parts.append(f"{table.bytes / 1e6:,.1f} MB")
    return ", ".join(parts)


def flow_text(
    name: str, home: Mapping[str, Any], store: Mapping[str, Any], *, schema_line: str = ""
) -> str:
    """A flow's file, whose entities lie in files of their own."""
    lines = [schema_line] if schema_line else []
    lines += [f"name: {setting(name)}", f"home: {_inline(home)}", f"store: {_inline(store)}"]
    return "\n".join(lines) + "\n"


def _inline(settings: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {text(str(value))}" for key, value in settings.items()) + "}"
