"""Finding the value that does not fit, once it is known that there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hygge.core.errors import BadValue
from hygge.sql.sqlite.catalogue import Relation, quote

Rows = Callable[[str], Sequence[tuple[Any, ...]]]


def blame(
    rows: Rows, source: Relation, column: str, wrong: str, *, declared: str, where: str, entity: str
) -> None:
    """Raise BadValue for a row in which a condition holds; return where there is none.

    Parameters
    ----------
    rows: runs a query.
    source: what to search.
    column: the column the condition is about.
    wrong: the SQL condition that is true for bad values.
    declared: the declared type, as text.
    where: an SQL condition for the rows in question, or "".
    entity: the name used in errors.
    """
    name = quote(column)
    keys = [(c.name, quote(c.name)) for c in sorted(source.columns, key=lambda c: c.key) if c.key]
    if not keys and source.rowid:
        keys = [("rowid", source.rowid)]
    shown = "".join(f", quote({sql})" for _, sql in keys)
    found = rows(
        f"SELECT CAST(substr(quote({name}), 1, 200) AS BLOB), typeof({name}){shown} "
        f"FROM {source.sql}{both(wrong, where)} LIMIT 1"
    )
    if not found:
        return
    raw, stored, *at = found[0]
    row = ", ".join(f"{k}={v}" for (k, _), v in zip(keys, at, strict=True)) or "one row"
    raise BadValue(
        entity=entity, column=column, row=row,
        value=Stored(raw.decode(errors="backslashreplace"), stored), declared=declared,
        hint=hint(column, stored, declared),
    )  # fmt: skip


def both(*conditions: str) -> str:
    """A WHERE clause of the conditions that are not empty; "" where all are."""
    parts = [f"({condition})" for condition in conditions if condition]
    return f" WHERE {' AND '.join(parts)}" if parts else ""


class Stored:
    """A value as SQLite has it: an SQL literal, and its storage class."""

    def __init__(self, text: str, stored: str) -> None:
        self._text, self._stored = text, stored

    def __repr__(self) -> str:
        return f"{self._text} ({self._stored})"


def hint(column: str, stored: str, declared: str) -> str | None:
    """What to do about a value of a storage class its type does not have; None: the usual."""
    if stored in ("integer", "real") and declared.startswith(("timestamp", "date", "time")):
        other = "int64" if stored == "integer" else "float64"
        return (
            "times kept as numbers are not guessed at: take them as they are with "
            f"`types: {{{column}: {other}}}`"
        )
    return None
