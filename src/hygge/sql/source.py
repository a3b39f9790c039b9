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
    types: types declared in the configuration, by column.
    where: the database, for errors.
    """

    table: str = ""
    query: str = ""
    types: Mapping[str, LogicalType] = field(default_factory=dict)
    where: str = ""

    @property
    def label(self) -> str:
        """The name used in errors."""
        return self.table or "query"
