"""A chunk task: one chunk of one load, movable alone, in this process or another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.context import CancelToken, Context
from hygge.core.home import Home
from hygge.core.ledger import Done, may_reuse
from hygge.core.load import Writer
from hygge.core.reading import HomeSession
from hygge.core.state import Receipt
from hygge.core.store import Store
from hygge.run.pump import Meter, pump
from hygge.run.shape import Shape
from hygge.run.sieve import FAIL, Rules, Sieve

Why = Literal["", "changed", "damaged"]


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
    prove: whether the source is to be asked which versions of rows were read, for a ledger.
    earlier: what an earlier run staged of this chunk; None for nothing.
    frozen: whether that may be trusted without the source's word; see `may_reuse`.
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
    prove: bool = False
    earlier: Done | None = None
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What a chunk's worker proves.

    Parameters
    ----------
    done: its receipt, what it read, and what the source counted and says of the rows' versions.
    aside: rows that were set aside, since they did not fit.
    nulled: values that became NULL for the same reason, by column.
    reused: whether an earlier run had read it, and nothing was read.
    why: why what an earlier run had read was read again.
    """

    done: Done
    aside: int = 0
    nulled: Mapping[str, int] = field(default_factory=dict)
    reused: bool = False
    why: Why = ""

    @property
    def agrees(self) -> bool:
        """Whether rows read, kept and counted at the source are as many."""
        rows = self.rows_read
        return rows - self.aside == self.receipt.rows and self.rows_source in (None, rows)

    @property
    def plain(self) -> bool:
        """Whether its rows lie staged as they were read, so that a later run may take them: what
        was set aside, or said of values that became NULL, belongs to the run that did it."""
        return self.agrees and not self.aside and not self.nulled

    @property
    def receipt(self) -> Receipt:
        return self.done.receipt

    @property
    def rows_read(self) -> int:
        return self.done.rows_read

    @property
    def rows_source(self) -> int | None:
        return self.done.rows_source


def run_chunk(
    task: ChunkTask,
    *,
    session: HomeSession | None = None,
    writer: Writer | None = None,
    cancel: CancelToken | None = None,
    meter: Meter | None = None,
    tick: Callable[[], None] = lambda: None,
) -> ChunkResult:
    """Move one chunk, unless an earlier run has and its rows are still the same.

    Parameters
    ----------
    session: to read in; without one, one is opened and closed.
    writer: to write with; without one, the Store makes it from the ticket.
    cancel: stops it.
    meter, tick: see `pump`.

    Raises what reading or writing raises.
    """
    context = Context(run_id=task.run_id, cancel=CancelToken(cancel))
    if writer is None:
        writer = task.store.writer(task.ticket, task.chunk.index, context)
    if session is not None:
        return _moved(task, session, writer, context.cancel, meter, tick)
    with task.home.open(context) as own:
        return _moved(task, own, writer, context.cancel, meter, tick)


def _moved(
    task: ChunkTask,
    session: HomeSession,
    writer: Writer,
    cancel: CancelToken,
    meter: Meter | None,
    tick: Callable[[], None],
) -> ChunkResult:
    why: Why = ""
    if task.earlier is not None:
        forget = cancel.add(session.cancel)
        try:
            why = _obstacle(task, task.earlier, session, writer)
        finally:
            forget()
        if not why:
            return ChunkResult(task.earlier, reused=True)
        writer.drop(task.earlier.receipt)
    own = Meter(whole=meter)
    sieve = Sieve(
        task.shape, task.rules, entity=task.entity, name=f"{task.run_id}-{task.chunk.index:04d}",
        unheld=task.store.unheld(),
    )  # fmt: skip
    pumped = pump(
        session, writer, sieve, task.request, task.chunk,
        entity=task.entity, cancel=cancel, meter=own, prove=task.prove, tick=tick,
    )  # fmt: skip
    done = Done(pumped.receipt, own.rows_read, pumped.rows_source, pumped.fingerprint)
    return ChunkResult(done, pumped.aside, pumped.nulled, why=why)


def _obstacle(task: ChunkTask, earlier: Done, session: HomeSession, writer: Writer) -> Why:
    """Why what an earlier run staged of a chunk is not to be trusted; "" where it is."""
    now = session.fingerprint(task.request, task.chunk)
    if not may_reuse(earlier.fingerprint, now, frozen=task.frozen):
        return "changed"
    return "" if writer.holds(earlier.receipt) else "damaged"
