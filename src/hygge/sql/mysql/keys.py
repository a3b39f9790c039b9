"""A table's key, as its server has it: literals, ranges, and estimates of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hygge.core.fields import LogicalType
from hygge.sql.mysql.link import MySQLLink
from hygge.sql.mysql.split import Index, Key
from hygge.sql.mysql.types import show, text_literal

_ROWS = re.compile(r'"(?:rows|rows_examined_per_scan|estimated_rows)":\s*(?P<rows>\d+)')


def literal(value: Any) -> str:
    """A value of a key, as PyMySQL gives it, as a literal that equals it.

    Raises TypeError for a type that no key is cut by.
    """
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, date | datetime):
        return show(value, LogicalType("timestamp" if isinstance(value, datetime) else "date"))
    if isinstance(value, int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    raise TypeError(f"{type(value).__name__} is no type of a key's bound")


def literals(key: Key | None) -> list[str] | None:
    return None if key is None else [literal(value) for value in key]


def in_range(names: Sequence[str], lower: Sequence[str] | None, upper: Sequence[str] | None) -> str:
    """The condition for keys from `lower` up to, not including, `upper`; "" for all.

    It is written so that MySQL reads it as ranges of the index: with ORs, not with NOT or rows.

    Parameters
    ----------
    names: the key's columns, quoted, in order.
    lower, upper: literals for the first of them; None is unbounded.
    """
    parts = []
    if lower is not None:
        parts.append(_beyond(names, lower, ">", ">="))
    if upper is not None:
        parts.append(_beyond(names, upper, "<", "<"))
    return " AND ".join(f"({part})" for part in parts)


def _beyond(names: Sequence[str], bound: Sequence[str], beyond: str, last: str) -> str:
    name, value = names[0], bound[0]
    if len(bound) == 1:
        return f"{name} {last} {value}"
    inner = _beyond(names[1:], bound[1:], beyond, last)
    return f"{name} {beyond} {value} OR ({name} = {value} AND ({inner}))"


class TableIndex(Index):
    """See `Index`.

    Parameters
    ----------
    link: a connection in its snapshot.
    table: the table's name, quoted.
    names: the key's columns, quoted.
    """

    def __init__(self, link: MySQLLink, table: str, names: Sequence[str]) -> None:
        self._link, self._table, self._names = link, table, names

    def rows(self, lower: Key | None, upper: Key | None) -> int:
        where = self._where(in_range(self._names, literals(lower), literals(upper)))
        (plan,) = self._link.row(f"EXPLAIN FORMAT=JSON SELECT {self._names[0]} {where}")
        found = _ROWS.search(plan)
        return int(found["rows"]) if found else 0

    def ends(self, lower: Key | None, upper: Key | None) -> tuple[Key, Key] | None:
        where = self._where(in_range(self._names, literals(lower), literals(upper)))
        low, high = (self._first(where, len(self._names), way) for way in ("ASC", "DESC"))
        return None if low is None or high is None else (low, high)

    def at(self, low: Key, near: Key, high: Key) -> Key | None:
        *same, column = self._names[: len(near)]
        *values, beginning = [literal(value) for value in low]
        fixed = [f"{name} = {value}" for name, value in zip(same, values, strict=True)]
        inside = [f"{column} > {beginning}", f"{column} >= {literal(near[-1])}",
                  f"{column} <= {literal(high[-1])}"]  # fmt: skip
        return self._first(self._where(" AND ".join(fixed + inside)), len(near), "ASC")

    def _first(self, where: str, width: int, way: str) -> Key | None:
        """The first key of some rows, one way or the other; the index has them in order."""
        names = self._names[:width]
        order = ", ".join(f"{name} {way}" for name in names)
        found = self._link.rows(f"SELECT {', '.join(names)} {where} ORDER BY {order} LIMIT 1")
        return found[0] if found else None

    def _where(self, condition: str) -> str:
        known = condition or f"{self._names[0]} IS NOT NULL"
        return f"FROM {self._table} WHERE {known}"
