"""Driving a file Store through its contract, as a run does but without one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from hygge.core.context import Context, Surroundings
from hygge.core.fields import Schema
from hygge.core.home import Home
from hygge.core.load import Commit, LoadRequest
from hygge.core.state import Mode, State
from hygge.core.store import Store
from hygge.core.watermark import Watermark

FINGERPRINT = "f" * 32


def bound(description: Any, root: Path | None = None) -> Any:
    """A Home or Store bound to a root."""
    return description.bind(Surroundings(root=root or Path.cwd()))


def load(
    store: Store,
    mode: Mode,
    frames: Sequence[pl.DataFrame],
    *,
    keys: tuple[str, ...] = (),
    fields: Schema | None = None,
    watermark: Watermark | None = None,
    load_id: str = "",
) -> Commit:
    """One load of some frames by one writer, verified and committed."""
    store = bound(store)
    with store.open(Context()) as session:
        held = session.state()
        request = LoadRequest(
            entity="flow.entity", mode=mode, fields=fields or Schema.of(frames[0]),
            fingerprint=FINGERPRINT, load_id=load_id or uuid.uuid4().hex[:20], keys=keys,
            generation=held.generation if held else 0,
        )  # fmt: skip
        task = session.begin(request)
        try:
            writer = task.writer(0)
            for frame in frames:
                writer.write(frame)
            receipt = writer.finish()
            assert task.staged_rows([receipt]) == sum(f.height for f in frames) == receipt.rows
            state = request.state(
                watermark=watermark, receipts=[receipt], committed_at="2024-01-01T00:00:00+00:00"
            )
            return task.commit([receipt], state)
        finally:
            task.abort()


def state_of(store: Store) -> State | None:
    """What the destination holds, or None."""
    with bound(store).open(Context()) as session:
        return session.state()


def everything(home: Home) -> pl.DataFrame:
    """All rows that a Home gives, by its own types."""
    frames = list(home.read_sync())
    if frames:
        return pl.concat(frames)
    with bound(home).open(Context()) as session:
        return session.schema().empty()


def by_duckdb(folder: Path, extension: str = "parquet") -> list[dict[str, Any]]:
    """All rows of a plain glob over a folder, as a reader sees them that knows nothing of hygge."""
    with duckdb.connect() as connection:
        table = connection.sql(f"select * from '{folder}/*.{extension}'").to_arrow_table()
        return table.to_pylist()
