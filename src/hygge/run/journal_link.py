"""A transaction of the journal's: every kind of database that it lies in is told the same SQL."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
_AS_JSON = ("watermark_before", "watermark_after", "proof", "notes", "warnings")
"""Columns that hold JSON."""


class Link(ABC):
    """A transaction. Names are quoted with `"`, values named `:so`."""

    @abstractmethod
    def run(self, sql: str, rows: Sequence[Row] = ({},)) -> None:
        """Run a statement once per row of values."""

    @abstractmethod
    def _ask(self, sql: str, values: Row, limit: int | None) -> list[dict[str, Any]]: ...

    @abstractmethod
    def has(self, table: str) -> bool:
        """Whether there is such a table."""

    def ask(
        self, sql: str, values: Row | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The first rows of a result, or all of them, with JSON read."""
        rows = self._ask(sql, values or {}, limit)
        for name in (n for n in _AS_JSON if rows and n in rows[0]):
            for row in rows:
                if isinstance(row[name], str):
                    row[name] = json.loads(row[name])
        return rows

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows that all have the same columns."""
        names = list(rows[0]) if rows else []
        values = ", ".join(f":{n}" for n in names)
        columns = ", ".join(f'"{n}"' for n in names)
        if rows:
            self.run(f"INSERT INTO {table} ({columns}) VALUES ({values})", [plain(r) for r in rows])

    def update(self, table: str, rows: Sequence[Row], *keys: str) -> None:
        """Set, for each row, its other columns where the columns named `keys` are as in the row."""
        if rows:
            changed = ", ".join(f'"{n}" = :{n}' for n in rows[0] if n not in keys)
            those = " AND ".join(f'"{n}" = :{n}' for n in keys)
            self.run(f"UPDATE {table} SET {changed} WHERE {those}", [plain(r) for r in rows])


def plain(row: Row) -> dict[str, Any]:
    """A row's values as both kinds of database take them."""
    return {
        name: json.dumps(value, ensure_ascii=False)
        if name in _AS_JSON and value is not None
        else int(value) if isinstance(value, bool) else value
        for name, value in row.items()
    }  # fmt: skip
