"""Parquet: footers, bounded reading, writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import polars as pl

from hygge.core.errors import StateError
from hygge.core.fields import Schema
from hygge.core.state import State
from hygge.core.watermark import Window
from hygge.files.format import Format
from hygge.files.opening import arrow_file
from hygge.storage.path import AnyPath, RemotePath

Compression = Literal["zstd", "snappy", "lz4", "gzip", "brotli", "uncompressed"]
PIECE_BYTES = 96 << 20
"""Bytes of uncompressed pages up to which a row group is decoded in one go."""
ROW_GROUP_ROWS = 65_536
"""Rows of a row group. Of rows of 440 bytes, parts of four such groups take 1 % more on disk than
parts of one, and a load a quarter less memory."""
_BUFFER_BYTES = 1 << 20
_KEY = "hygge"


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group as its footer tells: first row, rows, bytes, and a column's bounds if known."""

    start: int
    rows: int
    bytes: int
    lowest: Any = None
    highest: Any = None


def _footer(path: AnyPath) -> Any:
    """A file's footer, as pyarrow has it."""
    from pyarrow.parquet import read_metadata

    return _fetched(path) if isinstance(path, RemotePath) else read_metadata(path)


@lru_cache(maxsize=32)
def _fetched(path: RemotePath) -> Any:
    """A footer from elsewhere, kept for those who ask again: with its version it is the same."""
    from pyarrow.parquet import read_metadata

    with arrow_file(path) as file:
        return read_metadata(file)


def row_groups(path: AnyPath, column: str | None = None) -> list[RowGroup]:
    """A file's row groups; with a column, its least and greatest values where there are any."""
    footer, found, start = _footer(path), [], 0
    names = [footer.schema.column(i).path for i in range(footer.num_columns)]
    at = names.index(column) if column in names else None
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        statistics = group.column(at).statistics if at is not None else None
        bounds: tuple[Any, Any] = (None, None)
        # A group with NULLs in it must be read by the first window, so its bounds do not count.
        if statistics is not None and statistics.has_min_max and statistics.null_count == 0:
            with suppress(ValueError, OverflowError):  # times that Python's own cannot hold
                bounds = (statistics.min, statistics.max)
        found.append(RowGroup(start, group.num_rows, group.total_byte_size, *bounds))
        start += group.num_rows
    return found


def schema_of(path: AnyPath) -> Schema:
    """A file's fields, from its footer."""
    if isinstance(path, RemotePath):
        empty = _footer(path).schema.to_arrow_schema().empty_table()
        return Schema.of(pl.DataFrame(empty))
    return Schema.of(pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema())


def overlaps(group: RowGroup, window: Window) -> bool:
    """Whether a row group may have rows of a window; yes where its bounds do not tell."""
    for bound in (group.lowest, group.highest):
        # Only values of one Python type compare as their columns do.
        if type(bound) is not type(window.lower if window.lower is not None else window.upper):
            return True
    if window.lower is not None and group.highest < window.lower:
        return False
    return not (window.upper is not None and group.lowest >= window.upper)


def read_group(
    path: AnyPath, number: int, group: RowGroup, columns: Sequence[str] | None = None
) -> Iterator[pl.DataFrame]:
    """The rows of one row group in pieces of bounded size.

    Parameters
    ----------
    path: the file.
    number, group: which row group, and what its footer tells of it.
    columns: those wanted; None for all.
    """
    if isinstance(path, RemotePath):
        yield from _fetch_group(path, number, group, columns)
        return
    if group.bytes <= PIECE_BYTES:
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        if columns is not None:
            scan = scan.select(columns)
        yield scan.slice(group.start, group.rows).collect()
        return
    # Polars decodes whole row groups; Arrow goes through a large one page by page.
    from pyarrow.parquet import ParquetFile

    rows = max(1, group.rows * (PIECE_BYTES // 8) // group.bytes)
    with ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
        for batch in file.iter_batches(rows, row_groups=[number], columns=columns):
            yield pl.DataFrame(batch)


def _fetch_group(
    path: RemotePath, number: int, group: RowGroup, columns: Sequence[str] | None
) -> Iterator[pl.DataFrame]:
    """The rows of a row group elsewhere: its columns at once, or of a large one piece by piece."""
    from pyarrow.parquet import ParquetFile

    names = list(columns) if columns is not None else None
    small = group.bytes <= PIECE_BYTES
    with (
        arrow_file(path) as file,
        ParquetFile(
            file, metadata=_footer(path), pre_buffer=small,
            buffer_size=0 if small else 4 * _BUFFER_BYTES,
        ) as parquet,
    ):  # fmt: skip
        if small:
            yield pl.DataFrame(parquet.read_row_group(number, columns=names))
            return
        rows = max(1, group.rows * (PIECE_BYTES // 8) // group.bytes)
        for batch in parquet.iter_batches(rows, row_groups=[number], columns=names):
            yield pl.DataFrame(batch)


@dataclass(frozen=True)
class ParquetFormat(Format):
    """How Parquet parts are written.

    Parameters
    ----------
    compression, level: of the pages; None is level 1 for zstd, whose own level 3 takes two
        fifths more time for files 4 % smaller, and the codec's own level for the others.
    row_group_rows: rows a row group has at most; None makes each part one row group, up to
        Polars' own limit, and has all its rows held until it is written.
    """

    extension: ClassVar[str] = "parquet"
    carrier: ClassVar[str] = "_hygge.parquet"
    counted: ClassVar[bool] = True
    compression: Compression = "zstd"
    level: int | None = None
    row_group_rows: int | None = ROW_GROUP_ROWS

    @property
    def group_rows(self) -> int | None:
        return self.row_group_rows

    def _level(self) -> int | None:
        return 1 if self.level is None and self.compression == "zstd" else self.level

    def write(self, frame: pl.DataFrame, path: Path) -> None:
        frame.write_parquet(
            path, compression=self.compression, compression_level=self._level(),
            row_group_size=self.row_group_rows,
        )  # fmt: skip

    def write_from(self, frames: Iterator[pl.DataFrame], schema: pl.Schema, path: Path) -> None:
        from polars.io.plugins import register_io_source

        # Asked for as they are: no columns, filter or limit are ever pushed down to them.
        rows = register_io_source(lambda *_: frames, schema=schema)
        rows.sink_parquet(
            path, compression=self.compression, compression_level=self._level(),
            row_group_size=self.row_group_rows,
        )  # fmt: skip

    def rows(self, path: AnyPath, schema: Schema) -> int:
        if isinstance(path, RemotePath):
            return int(_footer(path).num_rows)
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        return int(scan.select(pl.len()).collect().item())

    def read(
        self, path: AnyPath, schema: Schema, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        for number, group in enumerate(row_groups(path)):
            yield from read_group(path, number, group, columns)

    def write_state(self, folder: Path, state: State) -> None:
        state.fields.empty().write_parquet(
            folder / self.carrier, metadata={_KEY: state.to_json()}, compression="uncompressed"
        )

    def read_state(self, folder: Path) -> State | None:
        path = folder / self.carrier
        try:
            footer = pl.read_parquet_metadata(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (pl.exceptions.PolarsError, OSError) as error:
            raise damaged_carrier(path, error) from error
        if _KEY not in footer:
            raise damaged_carrier(path, "its footer has no state")
        return State.from_json(footer[_KEY], place=str(folder))


def damaged_carrier(path: Path, why: object) -> StateError:
    """The error for a state carrier that cannot be read."""
    return StateError(
        f"{path} cannot be read: {why}",
        hint="restore the folder from a backup, or move it away and load anew",
    )
