"""Cutting a table of SQL Server at keys of any type, of one column or of several.

The server itself puts a sample of the keys in order and names those that cut it into equal parts.
Each comes as text that has all of it, or as bytes, and goes back as a literal of the column's own
type: compared with another, the column would be made that one, by another order maybe, and its
index be of no use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hygge.core.errors import ConfigError, DataError
from hygge.sql.cuts import SAMPLE
from hygge.sql.dialect import literal
from hygge.sql.link import Link
from hygge.sql.mssql.types import DIALECT, as_text, text_literal
from hygge.sql.relation import Column

ROWS_A_PAGE = 40
"""How many rows a page of 8 KB is thought to have. A sample is of whole pages, and so of as many
places in the table as it has pages."""

_WIDE, _NARROW = ("nvarchar", "nchar", "sysname"), ("varchar", "char")
_BYTES = ("binary", "varbinary", "timestamp", "rowversion")
_MOMENTS = ("date", "time", "datetime", "smalldatetime", "datetime2", "datetimeoffset")
_OTHERS = (
    "bit", "tinyint", "smallint", "int", "bigint", "decimal", "numeric", "money", "smallmoney",
    "real", "float", "uniqueidentifier",
)  # fmt: skip


def literal_of(native: str) -> Callable[[Any], str] | None:
    """What makes a key's text, or its bytes, a literal of its type, or "" where it can be none;
    None for a type that no table is cut by.

    Parameters
    ----------
    native: the declared type, e.g. `nvarchar(50)`.

    A text of a code page is taken where it is ASCII, which all of them have alike.
    """
    name = native.partition("(")[0]
    if name in _WIDE:
        return lambda text: text_literal(text) if text.isprintable() else ""
    if name in _NARROW:
        return lambda text: literal(text) if text.isascii() and text.isprintable() else ""
    if name in _BYTES:
        return lambda value: f"0x{value.hex()}"
    if name in _MOMENTS:  # by its style: else `2024-01-02` is what the session's language says
        return lambda text: f"CONVERT({native}, '{text}', 121)"
    return (lambda text: f"CAST('{text}' AS {native})") if name in _OTHERS else None


def share_of(rows: int, parts: int) -> float | None:
    """The percentage of a table's pages that a sample takes; None for all rows, of a small table.

    Parameters
    ----------
    rows: about how many the table has.
    parts: how many chunks are wanted.
    """
    wanted = SAMPLE * parts * ROWS_A_PAGE
    return 100 * wanted / rows if rows > 2 * wanted else None


def sampled(table: str, percent: float | None) -> str:
    """A table, or some of its pages.

    https://learn.microsoft.com/sql/t-sql/queries/from-transact-sql, TABLESAMPLE
    """
    return table if percent is None else f"{table} TABLESAMPLE SYSTEM ({percent:.6f} PERCENT)"


def cuts_sql(key: Sequence[Column], rows: str, parts: int) -> str:
    """What asks for the keys at which equal parts of some rows begin, but for the first.

    Parameters
    ----------
    key: its columns.
    rows: what stands after FROM.
    """
    names = [DIALECT.quote(column.name) for column in key]
    texts = ", ".join(f"{_brought(c)} AS k{n}" for n, c in enumerate(key))
    listed = ", ".join(names)
    known = ", ".join(f"k{n}" for n in range(len(key)))
    return (
        f"SELECT {known} FROM (SELECT {texts}, "
        f"ROW_NUMBER() OVER (ORDER BY {listed}) AS hygge_at, "
        f"COUNT_BIG(*) OVER () AS hygge_of FROM {rows}) hygge_keys "
        f"WHERE (hygge_at - 1) * {parts} / hygge_of <> (hygge_at - 2) * {parts} / hygge_of "
        "AND hygge_at > 1 ORDER BY hygge_at"
    )


def _brought(column: Column) -> str:
    binary = column.native.partition("(")[0] in _BYTES
    return DIALECT.quote(column.name) if binary else as_text(column)


def find_cuts(link: Link, key: Sequence[Column], rows: str, parts: int) -> list[tuple[str, ...]]:
    """Keys as literals that cut some rows into equal parts, in order; fewer, or none, where they
    cannot be told, or a key is of a type that no table is cut by.

    Parameters
    ----------
    key, rows, parts: see `cuts_sql`.
    """
    makers = [literal_of(column.native) for column in key]
    if None in makers:
        return []
    try:
        found = link.rows(cuts_sql(key, rows, parts))
    except (ConfigError, DataError):  # what speaks the protocol may have no samples
        return []
    cuts = [
        tuple(make(text) if make else "" for make, text in zip(makers, row, strict=True))
        for row in found
    ]
    return list(dict.fromkeys(cut for cut in cuts if all(cut)))
