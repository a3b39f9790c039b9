"""Reading a table of files at one version: its fields, windows, batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import polars as pl

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.errors import DataError
from hygge.core.fields import Schema
from hygge.core.watermark import Window
from hygge.files.reading import ReadThrough, as_declared
from hygge.files.windows import within


class LakeSession(ReadThrough, ABC):
    """One attempt's reading of the version that was newest, or chosen, when it was opened.

    Parameters
    ----------
    home: of the table.
    context: of the attempt.
    """

    settled_clock = False

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
            self._check()
            if window is not None:
                frame = within(frame, window, schema, self._home.name).select(wanted)
            yield from frame.iter_slices(request.batch_rows)
