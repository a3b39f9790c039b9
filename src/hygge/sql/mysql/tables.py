"""Tables as hygge makes them in MySQL and MariaDB: columns, keys, and whether one takes another's
values as they are. Pure functions, from fields to SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hygge.core.drift import wider
from hygge.core.fields import Field, LogicalType, Schema
from hygge.sql.dialect import declared
from hygge.sql.mysql.types import column_of, ddl

KEY = "hygge_key"
"""The index on keys that cannot be a primary key."""
_TEXTS = ("string", "json", "list", "struct", "null")
_INDEX, _ROW = 3072, 60_000
"""Bytes of an index (InnoDB, ROW_FORMAT=DYNAMIC), and of a row's values that lie in the row (of
65,535): https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html,
https://dev.mysql.com/doc/refman/8.4/en/column-count-limit.html"""
_WIDE = 4
"""Bytes that a character may have."""
_PREFIX = 191
_FIXED = 20
"""Bytes of the longest value that is neither text nor bytes: a decimal of 38 digits has 17."""
_CAPACITY = {
    "tinytext": 255, "text": 65_535, "mediumtext": 1 << 24, "longtext": 1 << 32,
    "tinyblob": 255, "blob": 65_535, "mediumblob": 1 << 24, "longblob": 1 << 32,
}  # fmt: skip
"""Bytes that a column has room for."""


def columns(
    fields: Schema, keys: Sequence[str], quote: Callable[[str], str], collation: str,
    *, required: bool = True,
) -> list[str]:  # fmt: skip
    """The definitions of a table's columns, and of its key: what stands in the brackets.

    Parameters
    ----------
    keys: of the key; none for no key.
    collation: of texts; see `collation_of`.
    required: whether the key must tell every row apart.
    """
    most = sum(_bytes(f) for f in fields)
    found = [
        definition(f, quote, collation, long=most > _ROW and f.name not in keys) for f in fields
    ]
    if keys:
        found.append(key_of([part(fields[k]) for k in keys], quote, primary=required))
    return found


def definition(
    field: Field, quote: Callable[[str], str], collation: str, *, long: bool = False
) -> str:
    """A column: its name, type, collation, and whether it may be NULL.

    Parameters
    ----------
    long: whether a text of a known length lies outside the row, since the row is full.
    """
    kind = ddl(field.type)
    if long and kind.startswith("VARCHAR"):
        kind = "LONGTEXT"
    parts = [quote(field.name), kind]
    if field.type.kind in _TEXTS:
        parts.append(f"CHARACTER SET utf8mb4 COLLATE {collation}")
    parts.append("NULL" if field.nullable else "NOT NULL")
    if field.type.kind == "json":  # as MariaDB's own JSON is; MySQL's rewrites what it is given
        parts.append(f"CHECK (json_valid({quote(field.name)}))")
    return " ".join(parts)


class Part(NamedTuple):
    """A column of a key: its name, and of texts and bytes how many bytes it may have, and of texts
    their character set; None of other columns."""

    name: str
    octets: int | None = None
    charset: str | None = None

    @property
    def size(self) -> int:
        """Bytes in an index, at most; 0 for what can be longer than one."""
        if self.octets is None:
            return _FIXED
        return self.octets if self.octets <= _INDEX else 0


def part(field: Field) -> Part:
    """A column that hygge makes, as part of a key or an index."""
    size = _bytes(field)
    if field.type.kind in (*_TEXTS, "binary"):
        charset = None if field.type.kind == "binary" else "utf8mb4"
        return Part(field.name, size or _INDEX + 1, charset)
    return Part(field.name, size)


def key_of(parts: Sequence[Part], quote: Callable[[str], str], *, primary: bool) -> str:
    """The primary key, or an index on as much of the values as one can hold."""
    sizes = [part.size for part in parts]
    if primary and all(sizes) and sum(sizes) <= _INDEX:
        return f"PRIMARY KEY ({', '.join(quote(part.name) for part in parts)})"
    return index_of(KEY, parts, quote)


def index_of(name: str, parts: Sequence[Part], quote: Callable[[str], str]) -> str:
    """An index on as much of the values as one can hold."""
    room = _INDEX // len(parts)
    listed = [
        quote(part.name) if 0 < part.size <= room else f"{quote(part.name)}({_length(part, room)})"
        for part in parts
    ]
    return f"KEY {name} ({', '.join(listed)})"


def _length(part: Part, room: int) -> int:
    """How much of a long value is in an index: characters of a text, bytes of bytes."""
    return max(1, min(_PREFIX, room // _WIDE if part.charset else room))


def _bytes(field: Field) -> int:
    """What a value takes in a row and an index, at most; 0 for what lies outside of it."""
    shape = declared(ddl(field.type))
    if shape.name.startswith("LONG"):
        return 0
    if shape.name == "VARCHAR":
        return shape.arguments[0] * _WIDE
    if shape.name == "VARBINARY":
        return shape.arguments[0]
    return 36 if field.type.kind == "uuid" else _FIXED


def takes(there: str, coming: str) -> bool:
    """Whether a column of one type takes all values of another as they are.

    A CHAR does not keep blanks at the end, which only texts may have that are no CHAR themselves.

    Parameters
    ----------
    there, coming: as `types_of` writes them: `bigint(20)`, `varchar(20) collate utf8mb4_bin`.
    """
    if there == coming:
        return True
    if _is_narrow(there) or (_base(there) == "char" != _base(coming)):
        return False
    (old, _, held), (new, _, _) = there.partition(" collate "), coming.partition(" collate ")
    room, need = _room(old), _room(new)
    if room is not None and need is not None:
        text = held.startswith("utf8mb4") or not held
        return room >= need and text and bool(held) == (" collate " in coming)
    if room is not None or need is not None:
        return False
    left, right = declared(old), declared(new)
    one, other = (_logical(text) for text in (old, new))
    if one is None or other is None or wider(one, other) != one:
        return False
    return (
        one.kind == "decimal"
        or (not one.is_temporal and one.kind != "duration")
        or ((left.arguments or (0,)) >= (right.arguments or (0,)))
    )


def _base(native: str) -> str:
    """A type's name alone."""
    return declared(native).name.lower().split()[0]


def _is_narrow(native: str) -> bool:
    """Whether a number's column does not hold every value of the logical type by which it is read:
    FLOAT(7,3) rounds, YEAR makes 2069 of 69, a MEDIUMINT has three bytes.

    https://dev.mysql.com/doc/refman/8.4/en/floating-point-types.html
    https://dev.mysql.com/doc/refman/8.4/en/year.html
    """
    base = _base(native)
    if base in ("year", "mediumint", "bit"):
        return True
    if base in ("float", "double") and declared(native).arguments:
        return True
    return base in ("float", "double", "decimal") and " unsigned" in native


def _room(native: str) -> int | None:
    """How long a text or bytes may be, in bytes; None for what is neither."""
    shape, base = declared(native), _base(native)
    if base in ("char", "varchar"):
        return shape.arguments[0] * _WIDE
    if base == "varbinary":
        return shape.arguments[0]
    return _CAPACITY.get(base)


def _logical(native: str) -> LogicalType | None:
    return column_of("x", _base(native), native, required=False).type


def collation_of(mariadb: bool) -> str:
    """The collation in which two texts are the same only if they are, to the last blank.

    MySQL has it from 8.0.17 on: https://dev.mysql.com/doc/refman/8.4/en/charset-unicode-sets.html,
    https://mariadb.com/kb/en/supported-character-sets-and-collations/
    """
    return "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"
