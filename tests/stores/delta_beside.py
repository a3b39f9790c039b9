"""All that hygge asks of deltalake, beside a MERGE that draws its rows from Python.

    TOKIO_WORKER_THREADS=1 python -m tests.stores.delta_beside FOLDER

The one thread that deltalake has here needs the interpreter's lock for every row of a stream
without end, and this thread gives that lock up only where a call does so by itself: a call that
waits for deltalake's thread and keeps the lock waits for ever. Whoever started this must end it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from hygge import DeltaHome, DeltaStore
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.lake.delta.upkeep import DeltaUpkeep, remove_old
from hygge.testing.loading import load_frames, state_of

ROWS = 200_000
"""More than deltalake reads ahead."""


def rows(first: int, count: int) -> pl.DataFrame:
    """Rows with keys from `first` on; the times make the table need a feature."""
    start = datetime(2024, 1, 1)
    end = start + timedelta(microseconds=count)
    at = pl.datetime_range(start, end, "1us", closed="left", eager=True)
    return pl.DataFrame({"k": range(first, first + count), "at": at})


class Beside:
    """A MERGE into a table of its own that does not end before `over` is set."""

    def __init__(self, folder: Path) -> None:
        self._path, self._row = str(folder), rows(0, 1).to_arrow()
        write_deltalake(self._path, self._row)
        self.drawn, self.over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._merge)

    def _rows(self) -> Iterator[pa.RecordBatch]:
        while not self.over.is_set():
            self.drawn.set()
            yield from self._row.to_batches()

    def _merge(self) -> None:
        source = pa.RecordBatchReader.from_batches(self._row.schema, self._rows())
        merge = DeltaTable(self._path).merge(
            source, "t.k = s.k AND s.k < 0", source_alias="s", target_alias="t", streamed_exec=True
        )
        merge.when_matched_update_all().execute()

    def __enter__(self) -> Beside:
        self._thread.start()
        self.drawn.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._thread.join()


def ask_all(folder: Path) -> None:
    """Ask everything of a table in a folder, and print what has been answered."""
    around = Surroundings(root=folder)
    store: Any = DeltaStore("t", path=folder / "t", cluster=("k",)).bind(around)
    home: Any = DeltaHome("t", path=folder / "t").bind(around)
    load_frames(store, [rows(0, ROWS)], "replace")
    print("made", flush=True)
    load_frames(store, [rows(ROWS, 10)], "append")
    load_frames(store, [rows(5, 10)], "merge", ["k"])
    load_frames(store, [rows(5, 10)], "delete_insert", ["k"])
    load_frames(store, [rows(5, 10).with_columns(more=pl.lit("x"))], "append")
    load_frames(store, [rows(5, 10).with_columns(more=pl.lit("x"))], "append")
    print("loaded", flush=True)
    with home.open(Context()) as session:
        assert session.estimate(ReadRequest()).bytes > 0
        assert session.count(ReadRequest(), WHOLE) == ROWS + 30
        read = session.read(ReadRequest(), WHOLE)
        assert sum(frame.height for frame in read) == ROWS + 30
        next(session.read(ReadRequest(), WHOLE))  # and is left
    print("read", flush=True)
    table = DeltaTable(folder / "t")
    DeltaUpkeep().join(table)
    DeltaUpkeep(cluster=("k",)).join(table)
    remove_old(table, store.table.shelf(), timedelta(0), datetime.now(UTC))
    load_frames(store, [rows(0, 10)], "replace")
    state = state_of(store)
    assert state is not None and state.rows == 10
    print("tidied", flush=True)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    with Beside(place / "beside"):
        every, _ = sys.getswitchinterval(), sys.setswitchinterval(1e6)
        try:
            ask_all(place)
        finally:
            sys.setswitchinterval(every)
    print("done", flush=True)
    os._exit(0)
