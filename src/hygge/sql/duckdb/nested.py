"""DuckDB's nested types as its catalogue writes them: `STRUCT(a INTEGER, "b c" VARCHAR[])[]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hygge.core.fields import Field, LogicalType

_LIST = re.compile(r"\[\d*\]$")
_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(),]|[^'"(),]+""")
_MEMBER = re.compile(
    r"""\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<bare>\S+))\s+(?P<type>.+)""", re.DOTALL
)


def is_nested(native: str) -> bool:
    """Whether a type is a list, an array or a struct."""
    return bool(_LIST.search(native)) or native.startswith("STRUCT(")


def nested(native: str, scalar: Callable[[str], LogicalType | None]) -> LogicalType | None:
    """The logical type of a nested one; None where it holds one that `scalar` has none for."""
    if _LIST.search(native):
        inner = nested(_LIST.sub("", native), scalar)
        return None if inner is None else LogicalType("list", inner=(Field("item", inner),))
    if not native.startswith("STRUCT("):
        return scalar(native)
    fields = []
    for member in _members(native.removeprefix("STRUCT(")[:-1]):
        found = _MEMBER.fullmatch(member)
        kind = nested(found["type"].strip(), scalar) if found else None
        if found is None or kind is None:
            return None
        quoted = found["quoted"]
        name = found["bare"] if quoted is None else quoted.replace('""', '"')
        fields.append(Field(name, kind))
    return LogicalType("struct", inner=tuple(fields)) if fields else None


def _members(text: str) -> Iterator[str]:
    """The members of a struct, parted at the commas that are in no bracket and no quotes."""
    depth, member = 0, ""
    for piece in _PIECE.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            yield member
            member = ""
        else:
            member += piece
    if member.strip():
        yield member
