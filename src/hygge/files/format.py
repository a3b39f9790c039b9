"""What a file format must know, for one commit protocol to serve them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from hygge.core.fields import Schema
from hygge.core.state import State
from hygge.storage.path import AnyPath

STATE_FILE = ".hygge.json"


class Format(ABC):
    """One format with its settings. Plain values only, so that it pickles."""

    extension: ClassVar[str]
    """Of its files, without the dot."""
    carrier: ClassVar[str] = STATE_FILE
    """The file in a destination that carries the state."""
    counted: ClassVar[bool] = False
    """Whether a file says how many rows it has, so that counting them takes no reading."""
    needs_part: ClassVar[bool] = False
    """Whether an empty table needs a part without rows, to have its columns or be found at all."""

    @property
    def group_rows(self) -> int | None:
        """How many rows the format lays together. A part that has so many is written while the
        others come, by `write_from`. None: a part is written once all its rows are there."""
        return None

    @abstractmethod
    def write(self, frame: pl.DataFrame, path: Path) -> None:
        """Write one part."""

    def write_from(self, frames: Iterator[pl.DataFrame], schema: pl.Schema, path: Path) -> None:
        """Write one part of frames that may be long in coming, holding few of them at a time."""
        self.write(pl.concat(frames), path)

    @abstractmethod
    def rows(self, path: AnyPath, schema: Schema) -> int:
        """Count a part's rows from what lies there, reading as little as will do."""

    @abstractmethod
    def read(
        self, path: AnyPath, schema: Schema, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """A part's rows in bounded pieces, exactly as the schema has them.

        Parameters
        ----------
        path: of the part.
        schema: all fields that it was written with.
        columns: those wanted, at least one; None for all.
        """

    def check(self, schema: Schema, place: str) -> None:
        """Raise UnsupportedError, naming the column, for a type the format cannot hold."""

    def check_values(self, batch: pl.DataFrame, entity: str, offset: int) -> None:
        """Raise BadValue for a value the format cannot hold, though it has the type.

        Parameters
        ----------
        batch: rows to be written.
        entity: the name used in errors.
        offset: rows that came before, so that errors can count.
        """

    def write_state(self, folder: Path, state: State) -> None:
        """Write the state's carrier into a folder; making it durable is the caller's."""
        (folder / self.carrier).write_text(state.to_json(), encoding="utf-8")

    def read_state(self, folder: Path) -> State | None:
        """The state a folder carries; None where it carries none.

        Raises StateError where the carrier is there and cannot be read.
        """
        path = folder / self.carrier
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return State.from_json(text, place=str(folder))


def in_utc(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every zoned time in UTC, inside lists and structs too: offsets in text have no
    seconds, and those of many zones had them (Paris: +00:09:21 until 1911)."""
    changed = {n: utc for n, dtype in frame.schema.items() if (utc := _utc(dtype)) != dtype}
    return frame.cast(changed) if changed else frame  # type: ignore[arg-type]


def _utc(dtype: Any) -> Any:
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return pl.Datetime(dtype.time_unit, "UTC")
    if isinstance(dtype, pl.List):
        return pl.List(_utc(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct([pl.Field(f.name, _utc(f.dtype)) for f in dtype.fields])
    return dtype
