"""A session over answers that were recorded, for what no server at hand has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import polars as pl

from hygge.core.context import Context
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.session import MSSQLSession, MSSQLSource
from hygge.sql.pool import Lease

COLUMNS = [
    (1, "dbo", "t", "U ", "id", "int", 4, 10, 0, False, True),
    (1, "dbo", "t", "U ", "rv", "timestamp", 8, 0, 0, False, False),
]
ANSWERS: dict[str, Sequence[tuple[Any, ...]]] = {
    "'sys.security_predicates'": [(-500,)],
    "security_policies": [],
    "EngineEdition": [(3, "16.0.4085.2", "Microsoft SQL Server 2022")],
    "SYSUTCDATETIME": [(datetime(2024, 1, 1),)],
    "snapshot_isolation_state": [(1, True)],
    "o.type, c.name": COLUMNS,
    "is_primary_key = 1": [(1, "id", 1)],
    "sys.partitions": [(1, 5)],
    "MIN_ACTIVE_ROWVERSION": [(2001, 2000, "READ_WRITE")],
}


class Recorded(MSSQLLink):
    """A connection that writes down what is asked, and answers what was recorded."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("recorded")
        self.answers = {**ANSWERS, **answers}
        self.said: list[str] = []

    def execute(self, sql: str) -> int | None:
        self.said.append(sql)
        return None

    def table(self, sql: str) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        raise AssertionError(f"nothing is recorded for {sql}")

    def insert(self, into: str, rows: pl.DataFrame) -> int:
        raise AssertionError(f"nothing is to be written into {into}")

    def cancel(self) -> None:
        """Nothing is under way."""

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        self.said.append(sql)
        for words, answer in self.answers.items():
            if words in sql:
                if isinstance(answer, Exception):
                    raise answer
                return list(answer)
        raise AssertionError(f"nothing is recorded for {sql}")

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        self.said.append(sql)
        yield iter([pl.DataFrame({"id": [1], "rv": [b"\0" * 8]})])

    def close(self) -> None:
        self.said.append("closed")


def session(link: Recorded, notes: list[str] | None = None, chunk_column: str = "") -> MSSQLSession:
    said = [] if notes is None else notes
    context = Context(note=lambda message, severity: said.append(message))
    source = MSSQLSource(where="mssql://server/shop", schema="dbo", table="t",
                         chunk_column=chunk_column)  # fmt: skip
    return MSSQLSession(Lease(link, lambda link, broken: None), source, context)
