"""One open connection to a database: what every driver is brought to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

import polars as pl


class Link(ABC):
    """One open connection. Used by one thread at a time, but for `cancel()`, which any may call.

    Every method raises the driver's errors as hygge's: ConnectError (access), TransientError (the
    moment), ConfigError (the statement), DataError (a value), Cancelled (after `cancel()`); secrets
    are redacted.
    """

    label: str
    """The database, for errors; never a secret."""
    statement_s: float = 0
    """How long one statement may take, as the connection says; 0 for any time."""

    @abstractmethod
    def execute(self, sql: str) -> int | None:
        """Run a statement that gives no rows; how many it changed, where the driver tells."""

    @abstractmethod
    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """All rows of a small result, as Python values."""

    @abstractmethod
    def stream(self, sql: str, batch_rows: int) -> AbstractContextManager[Iterator[pl.DataFrame]]:
        """A result as frames of about `batch_rows` rows, in the driver's own types.

        The result is given up when the block ends, read to its end or not. There is at least one
        frame, without rows where the result has none.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Stop the statement under way, from any thread; nothing where there is none."""

    @abstractmethod
    def close(self) -> None:
        """Close it; what was not committed is rolled back. Safe more than once."""

    def row(self, sql: str) -> tuple[Any, ...]:
        """The one row of a result that has one."""
        (only,) = self.rows(sql)
        return only

    def reset(self) -> None:
        """Bring it back to how it was opened, before it is used for something else."""

    def check(self) -> None:
        """Raise where the server no longer answers."""
        self.rows("SELECT 1")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
