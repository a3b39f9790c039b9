"""SELECT statements: pure functions from what is asked to text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hygge.core.watermark import Window
from hygge.sql.dialect import Dialect
from hygge.sql.relation import Column


def columns_sql(dialect: Dialect, columns: Iterable[Column]) -> str:
    """A select list that brings columns under their own names."""
    parts = []
    for column in columns:
        name = dialect.quote(column.name)
        parts.append(f"{column.fetch} AS {name}" if column.fetch else name)
    return ", ".join(parts)


def where(*conditions: str) -> str:
    """A WHERE clause of the conditions that are not empty; "" where all are."""
    parts = [f"({condition})" for condition in conditions if condition]
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def in_window(dialect: Dialect, window: Window) -> str:
    """The condition for the rows of a window; "" for all.

    A NULL is in windows without a lower bound, and in no others; see `core.watermark.Window`.
    """
    name = dialect.quote(window.column)
    parts = []
    if window.lower is not None:
        parts.append(f"{name} >= {dialect.show(window.lower, window.type)}")
    if window.upper is not None:
        parts.append(f"{name} < {dialect.show(window.upper, window.type)}")
    inside = " AND ".join(parts)
    if window.lower is None and inside:
        return f"{inside} OR {name} IS NULL"
    return inside


def in_range(names: Sequence[str], lower: Sequence[str] | None, upper: Sequence[str] | None) -> str:
    """The condition for keys from `lower` up to, not including, `upper`, in the key's order.

    Parameters
    ----------
    names: the key's columns, quoted, in order.
    lower, upper: a literal for each of the first columns of the key; None is unbounded.

    It is written without row values, which several databases do not read by an index.
    """
    parts = []
    if lower is not None:
        parts.append(f"NOT ({_below(names, lower)})" if len(lower) > 1 else
                     f"{names[0]} >= {lower[0]}")  # fmt: skip
    if upper is not None:
        parts.append(_below(names, upper))
        if len(upper) > 1:  # what the index can use by itself
            parts.append(f"{names[0]} <= {upper[0]}")
    if lower is not None and len(lower) > 1:
        parts.append(f"{names[0]} >= {lower[0]}")
    return " AND ".join(f"({part})" for part in parts)


def _below(names: Sequence[str], bound: Sequence[str]) -> str:
    name, value = names[0], bound[0]
    if len(bound) == 1:
        return f"{name} < {value}"
    return f"{name} < {value} OR ({name} = {value} AND ({_below(names[1:], bound[1:])}))"
