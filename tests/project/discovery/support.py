"""Tables as a catalogue gives them, in few words."""

from __future__ import annotations

from hygge.core.fields import Field, Schema, parse_type
from hygge.core.home import Table


def field(
    name: str, kind: str = "int64", *, key: int = 0, null: bool = True, of: str = ""
) -> Field:
    """A field whose native type is the logical one unless said otherwise."""
    return Field(name, parse_type(kind), nullable=null and not key, key=key, origin=of or kind)


def table(*fields: Field, name: str = "orders", schema: str = "main", counter: str = "") -> Table:
    return Table(schema, name, fields=Schema(fields), counter=counter)
