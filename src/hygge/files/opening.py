"""Opening a file for Arrow, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hygge.storage.path import AnyPath, RemotePath

if TYPE_CHECKING:
    import pyarrow as pa


@contextmanager
def arrow_file(path: AnyPath) -> Iterator[pa.NativeFile]:
    """A file for Arrow to read, closed with the block. Raises FileNotFoundError."""
    import pyarrow as pa

    if isinstance(path, RemotePath):
        with path.raw() as raw, pa.PythonFile(raw, mode="r") as file:
            yield file
        return
    with pa.OSFile(str(path)) as file:
        yield file
