"""Bulk copy: Arrow from this process's writers into one table, by a connection of the driver's.

The driver copies in one call that takes a stream, and can be stopped by that stream only. So the
call runs in a thread, and the batches are handed to it one at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pyarrow as pa

from hygge.core.errors import Cancelled, DataError, VerifyError

BATCH_ROWS = 131_072
"""Rows that the server takes in one transaction. From 102,400 on a columnstore takes them as they
are: https://learn.microsoft.com/sql/relational-databases/indexes/columnstore-indexes-data-loading-guidance"""
LEAVE_AFTER_S = 30.0
"""How long a stopped copy is waited for; it ends with the process at the latest."""


class Copy:
    """One bulk copy under way.

    Parameters
    ----------
    cursor: the driver's, on the connection whose address and identity are used.
    target: the table's quoted name.
    told: makes the driver's errors hygge's.
    label: the database, for errors.
    """

    def __init__(
        self, cursor: Any, target: str, told: Callable[[BaseException], Exception], label: str
    ) -> None:
        self._cursor, self._target, self._told, self._label = cursor, target, told, label
        self._turn = threading.Condition()
        self._next: pa.Table | None = None
        self._given = self._copied = 0
        self._ended = self._stopped = self._over = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def take(self, rows: pl.DataFrame) -> int:
        """Hand rows over, once the ones before are under way. Raises what became of the copy."""
        table = rows.to_arrow()
        with self._turn:
            self._check()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, args=(table.schema,), name="hygge bulk copy", daemon=True
                )
                self._thread.start()
            while self._next is not None and not self._over:
                self._turn.wait()
            self._check()
            self._next = table
            self._given += rows.height
            self._turn.notify_all()
        return rows.height

    def end(self) -> None:
        """Wait until all rows are there. Raises what became of the copy."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()
            while self._thread is not None and not self._over:
                self._turn.wait()
            self._check()
        if self._copied != self._given:
            raise VerifyError(
                f"{self._label}: bulk copy was given {self._given} rows, and took {self._copied}"
            )

    def stop(self) -> None:
        """End it soon, from any thread; rows may be in the table, and are of no use."""
        with self._turn:
            self._stopped = self._over = True
            self._next = None
            self._turn.notify_all()

    def join(self) -> None:
        """Wait until a stopped copy has let go of the table, if it does so in time."""
        if self._thread is not None:
            self._thread.join(LEAVE_AFTER_S)

    def _check(self) -> None:
        if self._error is not None:
            raise self._told(self._error) from None
        if self._stopped:
            raise Cancelled(f"{self._label}: stopped on request")

    def _run(self, schema: pa.Schema) -> None:
        source = pa.RecordBatchReader.from_batches(schema, self._batches())
        try:
            done = self._cursor.bulkcopy_arrow(
                self._target, source, batch_size=BATCH_ROWS, timeout=0,
                column_mappings=schema.names, keep_identity=True, keep_nulls=True,
                table_lock=True,
            )  # fmt: skip
            self._copied = int(done["rows_copied"])
        except BaseException as error:  # noqa: BLE001 - a panic of the driver's is no Exception
            self._error = None if self._stopped else error
        finally:
            with self._turn:
                self._over = True
                self._turn.notify_all()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while True:
            with self._turn:
                while self._next is None and not self._ended and not self._stopped:
                    self._turn.wait()
                table, self._next = self._next, None
                self._turn.notify_all()
            if self._stopped:
                raise DataError("stopped")  # all that makes the driver stop
            if table is None:
                return
            yield from table.to_batches()
