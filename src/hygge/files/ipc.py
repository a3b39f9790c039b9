"""Arrow IPC files: footers, bounded reading, writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import polars as pl

from hygge.core.fields import Schema
from hygge.core.state import State
from hygge.files.format import Format
from hygge.files.opening import arrow_file
from hygge.files.parquet import damaged_carrier
from hygge.storage.path import AnyPath, RemotePath

if TYPE_CHECKING:
    import pyarrow as pa

Compression = Literal["zstd", "lz4", "uncompressed"]
_KEY = b"hygge"


def open_file(source: Any, columns: Sequence[str] | None = None) -> pa.RecordBatchFileReader:
    """A reader of an Arrow IPC file, which decodes one record batch at a time.

    Parameters
    ----------
    source: an open Arrow file.
    columns: those to decode; None for all.
    """
    import pyarrow as pa
    from pyarrow import ipc

    options = ipc.IpcReadOptions(use_threads=False)
    reader = ipc.open_file(source, options=options)
    if columns is None:
        return reader
    wanted = [reader.schema.get_field_index(name) for name in columns]
    assert isinstance(source, pa.NativeFile)  # which can go back to its start
    source.seek(0)
    options.included_fields = wanted
    return ipc.open_file(source, options=options)


def batches(
    path: AnyPath, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
) -> Iterator[pl.DataFrame]:
    """The record batches of a file, one at a time.

    Parameters
    ----------
    path: the file.
    columns: those wanted; None for all.
    span: the first record batch wanted, and the one to stop before; None for all.
    """
    with arrow_file(path) as source:
        reader = open_file(source, columns)
        for number in range(*(span or (0, reader.num_record_batches))):
            frame = pl.DataFrame(reader.get_batch(number))
            yield frame.select(columns) if columns is not None else frame


def batch_count(path: AnyPath) -> int:
    """How many record batches a file has."""
    with arrow_file(path) as source:
        return int(open_file(source).num_record_batches)


def row_count(path: AnyPath, span: tuple[int, int] | None = None) -> int:
    """How many rows a file, or some of its record batches, have: from the batches' headers."""
    if span is None and not isinstance(path, RemotePath):
        return int(pl.scan_ipc(path, glob=False).select(pl.len()).collect().item())
    return sum(frame.height for frame in batches(path, schema_of(path).names[:1], span))


def schema_of(path: AnyPath) -> Schema:
    """A file's fields, from its footer."""
    if isinstance(path, RemotePath):
        with arrow_file(path) as source:
            return Schema.of(pl.DataFrame(open_file(source).schema.empty_table()))
    return Schema.of(pl.Schema(pl.read_ipc_schema(path)))


@dataclass(frozen=True)
class IPCFormat(Format):
    """How Arrow IPC parts are written.

    Parameters
    ----------
    compression: of the buffers.
    batch_rows: rows a record batch has at most.
    """

    extension: ClassVar[str] = "arrow"
    carrier: ClassVar[str] = "_hygge.arrow"
    counted: ClassVar[bool] = True
    compression: Compression = "zstd"
    batch_rows: int | None = 65_536

    def write(self, frame: pl.DataFrame, path: Path) -> None:
        frame.write_ipc(path, compression=self.compression, record_batch_size=self.batch_rows)

    def rows(self, path: AnyPath, schema: Schema) -> int:
        return row_count(path)

    def read(
        self, path: AnyPath, schema: Schema, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        return batches(path, columns)

    def write_state(self, folder: Path, state: State) -> None:
        import pyarrow as pa

        buffer = BytesIO()
        state.fields.empty().write_ipc(buffer)
        with pa.ipc.open_file(pa.BufferReader(buffer.getvalue())) as reader:
            schema = reader.schema.with_metadata({_KEY: state.to_json()})
        with pa.ipc.new_file(str(folder / self.carrier), schema):
            pass  # no batches: the schema and its metadata are all

    def read_state(self, folder: Path) -> State | None:
        import pyarrow as pa

        path = folder / self.carrier
        if not path.exists():
            return None
        try:
            with pa.OSFile(str(path)) as source:
                metadata = open_file(source).schema.metadata or {}
        except (pa.ArrowInvalid, OSError) as error:
            raise damaged_carrier(path, error) from error
        if _KEY not in metadata:
            raise damaged_carrier(path, "its footer has no state")
        return State.from_json(metadata[_KEY], place=str(folder))
