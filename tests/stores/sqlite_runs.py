"""One load after another into an SQLite table, as a run makes them; also as a program to kill."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from hygge.core import steps
from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.fields import Field, LogicalType, Schema, parse_type
from hygge.core.load import Commit, LoadRequest
from hygge.core.state import Mode, State, derive_load_id
from hygge.core.watermark import Watermark, Window
from hygge.stores.sqlite import SQLiteStore

INT = LogicalType("int64")
FIELDS = Schema([Field("id", INT, nullable=False, key=1), Field("x", parse_type("string"))])


def frame(rows: Sequence[Sequence[Any]], fields: Schema = FIELDS) -> pl.DataFrame:
    """Rows as a batch of the fields."""
    made = pl.DataFrame([list(r) for r in rows], schema=fields.physical, orient="row")
    return conform(made, fields, entity="t")


def load(
    path: Path,
    mode: Mode,
    batches: Sequence[pl.DataFrame],
    *,
    fields: Schema = FIELDS,
    keys: tuple[str, ...] = ("id",),
    table: str = "t",
    upper: int | None = None,
    generation: int | None = None,
    chunks: int = 1,
) -> Commit:
    """One whole load: state, begin, write, verify, commit."""
    store = SQLiteStore(table, path=str(path))
    with store.open(Context()) as session:
        held = session.state()
        at = generation if generation is not None else (held.generation if held else 0)
        window = Window("id", INT, None, upper) if upper is not None else None
        request = LoadRequest(
            entity=f"f.{table}", mode=mode, fields=fields, fingerprint="same",
            load_id=derive_load_id("same", at, window), generation=at,
            keys=keys if mode == "merge" else (),
        )  # fmt: skip
        begun = session.begin(request)
        receipts = []
        for chunk in range(chunks):
            writer = begun.writer(chunk)
            for batch in batches[chunk::chunks]:
                writer.write(batch)
            receipts.append(writer.finish())
        assert begun.staged_rows(receipts) == sum(b.height for b in batches)
        mark = Watermark("id", INT, upper) if upper is not None else None
        state = request.state(watermark=mark, receipts=receipts, committed_at="now")
        return begun.commit(receipts, state)


def state_of(path: Path, table: str = "t") -> State | None:
    """What the destination says it holds."""
    with SQLiteStore(table, path=str(path)).open(Context()) as session:
        return session.state()


def run(path: Path, mode: Mode, upper: int) -> None:
    """Bring the table to what a run up to `upper` leaves, from whatever an earlier one left.

    The source is `id` 0 to `upper`, whose `x` says up to where the row was last seen; append and
    merge go on from the stored watermark, merge with an overlap of two.
    """
    held = state_of(path)
    last = int(held.watermark.value) if held and held.watermark else 0  # type: ignore[arg-type]
    if mode != "replace" and last == upper:
        return
    start = {"replace": 0, "append": last, "merge": max(0, last - 2)}[mode]
    load(path, mode, [frame([(i, f"to {upper}") for i in range(start, upper)])], upper=upper)


def expected(mode: Mode, first: int, second: int | None = None) -> list[tuple[int, str]]:
    """The rows after a run up to `first`, and then one up to `second`."""
    rows = dict.fromkeys(range(first), f"to {first}")
    if second is not None:
        start = {"replace": 0, "append": first, "merge": max(0, first - 2)}[mode]
        rows.update(dict.fromkeys(range(start, second), f"to {second}"))
    return sorted(rows.items())


def die_at(step: str) -> Callable[[str], None]:
    """A hook that kills this process, as `kill -9` does, when a step has been reached."""

    def hook(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


if __name__ == "__main__":
    database, how, bound, at_step = sys.argv[1:]
    steps.set_hook(die_at(at_step))
    run(Path(database), how, int(bound))  # type: ignore[arg-type]
