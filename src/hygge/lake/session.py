"""Reading a table of files at one version: its fields, windows, batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import polars as pl

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import Cancelled, DataError
from hygge.core.fields import Schema
from hygge.core.home import Home, HomeSession
from hygge.core.watermark import Position, Window
from hygge.files.session import as_declared, largest
from hygge.files.windows import within


class LakeSession(HomeSession, ABC):
    """One attempt's reading of the version that was newest, or chosen, when it was opened.

    Parameters
    ----------
    home: of the table.
    context: of the attempt.
    """

    settled_clock = False

    def __init__(self, home: Home, context: Context) -> None:
        self._home, self._context = home, context
        self._schema: Schema | None = None
        self._nulls: dict[str, int] = {}
        self._stopped = False

    @abstractmethod
    def _fields(self) -> Schema:
        """The table's fields, from its own schema."""

    @abstractmethod
    def _frames(self, columns: Sequence[str], window: Window | None) -> Iterator[pl.DataFrame]:
        """The rows, at least those of the window, with just these columns."""

    def schema(self) -> Schema:
        if self._schema is None:
            self._schema = as_declared(self._fields(), self._home.config, self._home.place())
        return self._schema

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        schema, window = self.schema(), request.window
        wanted = list(request.columns or schema.names)
        for name in wanted:
            if name not in schema:
                raise DataError(
                    f"{self._home.place()} has no column '{name}'",
                    hint=f"its columns: {', '.join(schema.names[:12])}",
                )
        asked = wanted if window is None or window.column in wanted else [*wanted, window.column]
        for frame in self._frames(asked, window):
            self._context.cancel.check()
            if self._stopped:
                raise Cancelled("stopped on request")
            if window is not None:
                frame = within(frame, window, schema, self._home.name).select(wanted)
            yield from frame.iter_slices(request.batch_rows)

    def maximum(self, column: str) -> Position | None:
        frames = self.read(ReadRequest(columns=(column,)), WHOLE)
        found, self._nulls[column] = largest(frames, column, self.schema(), self._home.place())
        return found

    def nulls(self, column: str) -> int | None:
        return self._nulls.get(column)  # counted while the maximum was looked for

    def clock(self) -> datetime | None:
        return datetime.now(UTC)

    def cancel(self) -> None:
        self._stopped = True
