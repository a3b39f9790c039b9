"""Lakes read by ClickHouse, which has readers of Delta and Iceberg of its own.

It runs in a process of its own: it reads files below its working folder only, and has handlers of
signals that pytest would lose to it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

SETTINGS = (
    "output_format_arrow_string_as_string = 0, output_format_arrow_compression_method = 'none'"
)
SERVES = """
import struct, sys
import chdb
while size := sys.stdin.buffer.read(4):
    query = sys.stdin.buffer.read(*struct.unpack("<i", size)).decode()
    try:
        told = chdb.query(query, "Arrow").bytes()
        sign = 1
    except Exception as error:
        told, sign = str(error).encode(), -1
    sys.stdout.buffer.write(struct.pack("<i", sign * len(told)) + told)
    sys.stdout.buffer.flush()
"""


class ClickHouse:
    """A process that answers queries; see `clickhouse`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, query: str) -> pl.DataFrame:
        """The rows of a query; texts as bytes. Raises RuntimeError with what the engine says."""
        asked = f"{query} SETTINGS {SETTINGS}".encode()
        into, out = self._process.stdin, self._process.stdout
        assert into is not None and out is not None  # pipes
        into.write(len(asked).to_bytes(4, "little") + asked)
        into.flush()
        size = int.from_bytes(out.read(4), "little", signed=True)
        told = out.read(abs(size))
        if size <= 0:
            raise RuntimeError(told.decode() or "it is gone")
        return pl.read_ipc(told)

    def delta(self, folder: Path) -> pl.DataFrame:
        """A Delta table's newest version."""
        return self.ask(f"SELECT * FROM deltaLakeLocal('{folder}')")

    def iceberg(self, folder: Path) -> pl.DataFrame:
        """An Iceberg table's newest version, by the newest metadata in its folder."""
        return self.ask(f"SELECT * FROM icebergLocal('{folder}')")


@contextmanager
def clickhouse() -> Iterator[ClickHouse]:
    """One, until the end of the `with`."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVES], cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield ClickHouse(process)
        finally:
            process.kill()
