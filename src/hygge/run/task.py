"""A chunk task: one chunk of one load, movable alone, in this process or another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.context import CancelToken, Context
from hygge.core.home import Home
from hygge.core.load import Receipt
from hygge.core.store import Store
from hygge.run.pump import Meter, Pumped, pump
from hygge.run.shape import Shape
from hygge.run.sieve import FAIL, Rules, Sieve


@dataclass(frozen=True)
class ChunkTask:
    """One chunk of one load: all that a worker needs, in this process or another. It pickles.

    Parameters
    ----------
    home, store: bound descriptions.
    shape, request, chunk: what to read, and what becomes of it.
    ticket: of the load to write into.
    entity: the name used in errors.
    run_id: of the run.
    rules: what becomes of values that do not fit.
    """

    home: Home
    store: Store
    shape: Shape
    request: ReadRequest
    chunk: Chunk
    ticket: Any
    entity: str
    run_id: str
    rules: Rules = FAIL


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What a chunk's worker proves: rows read, and what moving them came to."""

    rows_read: int
    moved: Pumped

    @property
    def receipt(self) -> Receipt:
        return self.moved.receipt


def run_chunk(
    task: ChunkTask,
    *,
    cancel: CancelToken | None = None,
    meter: Meter | None = None,
    tick: Callable[[], None] = lambda: None,
) -> ChunkResult:
    """Move one chunk with sessions of its own; raises what reading or writing raises."""
    context = Context(run_id=task.run_id, cancel=CancelToken(cancel))
    own = Meter(whole=meter)
    with task.home.open(context) as session:
        writer = task.store.writer(task.ticket, task.chunk.index, context)
        sieve = Sieve(
            task.shape, task.rules, entity=task.entity, name=f"{task.run_id}-{task.chunk.index:04d}"
        )
        pumped = pump(
            session, writer, sieve, task.request, task.chunk,
            entity=task.entity, cancel=context.cancel, meter=own, tick=tick,
        )  # fmt: skip
    return ChunkResult(own.rows_read, pumped)
