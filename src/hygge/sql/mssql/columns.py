"""How columns of SQL Server are asked for: as they are declared, and with what is beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hygge.core.errors import ConfigError
from hygge.core.fields import LogicalType, parse_type
from hygge.sql.mssql.types import (
    BASE_TYPE,
    DIALECT,
    MOMENT_TEXT,
    OFFSET_LOSS,
    VARIANT_LOSS,
    as_text,
)
from hygge.sql.relation import Column

_NS, _MINUTES = parse_type("timestamp(ns)"), parse_type("int16")
_NAME = parse_type("string(128)")
_TEXTS = ("string", "json", "uuid")


@dataclass(frozen=True, slots=True)
class Beside:
    """What is read beside columns, as columns of its own.

    Parameters
    ----------
    offsets: of each column in a zone its offset from UTC, in minutes.
    types: of each sql_variant the type that the value has.
    """

    offsets: bool = False
    types: bool = False


NOTHING = Beside()


def as_asked(
    columns: Sequence[Column], kinds: Mapping[str, LogicalType], fetches: Mapping[str, str],
    beside: Beside,
) -> tuple[Column, ...]:  # fmt: skip
    """Columns as they are fetched.

    Those that are declared as text come as the server's own text, with all digits, and so do
    moments declared in nanoseconds.

    Parameters
    ----------
    columns: as the catalogue has them.
    kinds: the types that are declared, by column.
    fetches: how the driver has types brought that it has no form for; see MSSQLLink.
    beside: what follows them; what it tells is then no loss.

    Raises ConfigError where the name of one that follows is another column's.
    """
    names = {column.name for column in columns}
    found: list[Column] = []
    for column in columns:
        asked = _asked(column, kinds.get(column.name), fetches)
        following, loss = _following(column, beside)
        if following is None:
            found.append(asked)
            continue
        if following.name in names:
            raise ConfigError(
                f"what is read beside '{column.name}' would be called '{following.name}', and so "
                "is a column that is there",
                hint="read it by a `query` that gives it another name",
            )
        kept = asked.loss.replace(loss, "").removeprefix("; ")
        found += [replace(asked, loss=kept), following]
    return tuple(found)


def _following(column: Column, beside: Beside) -> tuple[Column | None, str]:
    """What follows a column, if anything, and the loss that there is without it.

    https://learn.microsoft.com/sql/t-sql/functions/datepart-transact-sql
    https://learn.microsoft.com/sql/t-sql/functions/sql-variant-property-transact-sql
    """
    quoted = DIALECT.quote(column.name)
    if beside.offsets and column.native.startswith("datetimeoffset"):
        fetch = f"CAST(DATEPART(TZOFFSET, {quoted}) AS smallint)"
        name = f"{column.name}_offset"
        return Column(name, "smallint", _MINUTES, fetch, column.required), OFFSET_LOSS
    if beside.types and column.native == "sql_variant":
        fetch = BASE_TYPE.replace("{}", quoted)
        name = f"{column.name}_type"
        return Column(name, "nvarchar(128)", _NAME, fetch, column.required), VARIANT_LOSS
    return None, ""


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
