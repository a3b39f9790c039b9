"""What a session of any database is to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hygge.core.fields import LogicalType


@dataclass(frozen=True)
class Source:
    """What is to be read.

    Parameters
    ----------
    table: a table or view, `users` or `main.users`; "" where there is a query.
    query: a SELECT; "" where there is a table.
    types: types declared in the configuration, by column, or by native type as the catalogue
        writes it.
    where: the database, for errors.
    schema: the schema the table is in; "" where the table's name says it, or none does.
    condition: an SQL condition that rows must meet; "" for all.
    chunk_column: the column by which it is split; "" for the primary key's.
    """

    table: str = ""
    query: str = ""
    types: Mapping[str, LogicalType] = field(default_factory=dict)
    where: str = ""
    schema: str = ""
    condition: str = ""
    chunk_column: str = ""

    @property
    def label(self) -> str:
        """The name used in errors."""
        if not self.table:
            return "query"
        return f"{self.schema}.{self.table}" if self.schema else self.table
