"""A connection of SQLAlchemy's that takes loads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import polars as pl
import sqlalchemy as sa

from hygge.core.errors import HyggeError
from hygge.sql.alchemy.link import AlchemyLink
from hygge.sql.settle.place import Place

T = TypeVar("T")


_BY_TEXT = {
    "postgresql": "BEGIN", "cockroachdb": "BEGIN", "mysql": "BEGIN", "mariadb": "BEGIN",
    "sqlite": "BEGIN IMMEDIATE",  # which another's end is waited for at once
}  # fmt: skip
"""Where transactions are begun and ended by statements, and each other one commits by itself."""


class WritingLink(AlchemyLink):
    """See AlchemyLink. Outside of `BEGIN` and `COMMIT` or `ROLLBACK` every statement is a
    transaction, in SQLite every batch; where a database has no such statements, they are
    SQLAlchemy's own."""

    def __init__(self, connection: sa.Connection, label: str, *, borrowed: bool = False) -> None:
        super().__init__(connection, label, borrowed=borrowed)
        self._held = False
        self._begin = _BY_TEXT.get(self.backend, "")
        if self._begin:
            connection.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def mariadb(self) -> bool:
        """Whether it is MariaDB, which speaks of itself as MySQL."""
        return bool(getattr(self.connection.dialect, "is_mariadb", False))

    def execute(self, sql: str) -> int | None:
        if sql not in ("BEGIN", "COMMIT", "ROLLBACK"):
            return self._do(lambda: self._changed(sql))
        if self._begin:
            self._do(lambda: self._changed(self._begin if sql == "BEGIN" else sql))
        else:
            with self._told():
                (self.connection.rollback if sql == "ROLLBACK" else self.connection.commit)()
        self._held = sql == "BEGIN"
        return None

    def _changed(self, sql: str) -> int | None:
        result = self._run(sql)
        found = result.rowcount
        result.close()
        return None if found < 0 else int(found)

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        return self._do(lambda: [tuple(row) for row in self._run(sql).fetchall()])

    def look(self, ask: Callable[[sa.Inspector], T]) -> T:
        """What the catalogue says."""
        return self._do(lambda: ask(sa.inspect(self.connection)))

    def append(self, place: Place, table: str, rows: pl.DataFrame) -> int:
        """Append rows to a table of a place's schema, by their columns' names, a batch in one
        `executemany`; how many the driver says were taken."""
        names = {column: f"c{at}" for at, column in enumerate(rows.columns)}
        values: dict[str, Any] = {column: sa.bindparam(name) for column, name in names.items()}
        target = sa.table(table, *map(sa.column, names), schema=place.schema or None)
        insert = sa.insert(target).values(values)
        given = rows.rename(names).to_dicts()

        def send() -> int:
            found = self.connection.execute(insert, given)
            return found.rowcount if found.rowcount >= 0 else rows.height

        if self._held or self.backend != "sqlite":
            return self._do(send)
        self.execute("BEGIN")  # else each row is a transaction, and SQLite waits for the disk
        try:
            taken = self._do(send)
            self.execute("COMMIT")
        except BaseException:
            with suppress(HyggeError):  # the line may be lost, and the first error counts
                self.execute("ROLLBACK")
            raise
        return taken

    def _do(self, work: Callable[[], T]) -> T:
        with self._told():
            done = work()
            if not (self._held or self._begin):
                self.connection.commit()
            return done

    def reset(self) -> None:
        self._held = False
        super().reset()
