"""How columns of SQL Server are asked for: as they are declared, and with what is beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hygge.core.errors import ConfigError
from hygge.core.fields import LogicalType, parse_type
from hygge.sql.mssql.types import DIALECT, MOMENT_TEXT, OFFSET_LOSS, as_text
from hygge.sql.relation import Column

OFFSET = "_offset"
"""What the name of a column's offset ends with."""
_NS, _MINUTES = parse_type("timestamp(ns)"), parse_type("int16")
_TEXTS = ("string", "json", "uuid")


def as_asked(
    columns: Sequence[Column], kinds: Mapping[str, LogicalType], fetches: Mapping[str, str],
    *, offsets: bool = False,
) -> tuple[Column, ...]:  # fmt: skip
    """Columns as they are fetched.

    Those that are declared as text come as the server's own text, with all digits, and so do
    moments declared in nanoseconds.

    Parameters
    ----------
    columns: as the catalogue has them.
    kinds: the types that are declared, by column.
    fetches: how the driver has types brought that it has no form for; see MSSQLLink.
    offsets: whether a column in a zone is followed by one of its offset from UTC, in minutes.

    Raises ConfigError where an offset's name is another column's.
    """
    names = {column.name for column in columns}
    found: list[Column] = []
    for column in columns:
        asked = _asked(column, kinds.get(column.name), fetches)
        if not (offsets and column.native.startswith("datetimeoffset")):
            found.append(asked)
            continue
        beside = column.name + OFFSET
        if beside in names:
            raise ConfigError(
                f"`offset_columns`: the offset of '{column.name}' would be called '{beside}', and "
                "so is a column that is there",
                hint="read it by a `query` that gives it another name",
            )
        loss = asked.loss.replace(OFFSET_LOSS, "").removeprefix("; ")
        found += [replace(asked, loss=loss), _offset(column, beside)]
    return tuple(found)


def _asked(column: Column, kind: LogicalType | None, fetches: Mapping[str, str]) -> Column:
    quoted = DIALECT.quote(column.name)
    if kind is None or column.type is None:
        fetch = fetches.get(column.native.partition("(")[0])
        return replace(column, fetch=fetch.replace("{}", quoted)) if fetch else column
    if kind.kind == "string" and column.type.kind not in _TEXTS:
        return replace(column, fetch=as_text(column))
    if kind == _NS and column.native.startswith("datetime2"):
        return replace(column, fetch=MOMENT_TEXT.replace("{}", quoted))
    return column


def _offset(column: Column, name: str) -> Column:
    """https://learn.microsoft.com/sql/t-sql/functions/datepart-transact-sql"""
    quoted = DIALECT.quote(column.name)
    fetch = f"CAST(DATEPART(TZOFFSET, {quoted}) AS smallint)"
    return Column(name, "smallint", _MINUTES, fetch, column.required)
