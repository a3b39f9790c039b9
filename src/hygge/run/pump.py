"""The pump: reading and writing overlap, with a small queue between them, counted in bytes.

The reader has a thread of its own; the writer works in the caller's. Failure on either side
cancels the other at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import polars as pl

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.context import HEAR_EVERY_S, CancelToken
from hygge.core.errors import DataError, HyggeError
from hygge.core.load import Writer
from hygge.core.memory import tidy
from hygge.core.reading import HomeSession
from hygge.core.state import Receipt
from hygge.core.turns import writers_first
from hygge.run.budget import PROCESS_BUDGET, ByteBudget
from hygge.run.sieve import Sieve

STUCK_READER_S = 30.0  # how long a reader that was told to stop may take before it is left behind


@dataclass(slots=True)
class Meter:
    """Totals of one attempt, counted by the pump's two sides and read by who shows them.

    A chunk's meter counts into that of the `whole` attempt too.
    """

    rows_read: int = 0
    rows_written: int = 0
    bytes_read: int = 0
    whole: Meter | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def count(self, *, read: int = 0, written: int = 0, size: int = 0) -> None:
        """Add rows read, rows written and bytes read; from any thread."""
        with self._lock:
            self.rows_read += read
            self.rows_written += written
            self.bytes_read += size
        if self.whole is not None:
            self.whole.count(read=read, written=written, size=size)


@dataclass(frozen=True, slots=True)
class Pumped:
    """What moving a chunk proves.

    Parameters
    ----------
    receipt: the writer's.
    rows_source: the rows the source counts in it; None where it cannot.
    fingerprint: the source's digest of their versions; None where it was not asked or has none.
    aside: rows that were set aside, since they did not fit.
    nulled: values that became NULL for the same reason, by column.
    """

    receipt: Receipt
    rows_source: int | None
    fingerprint: str | None = None
    aside: int = 0
    nulled: Mapping[str, int] = field(default_factory=dict)


class _Channel:
    """A queue of batches with an end and a failure, bounded by the budget."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._condition = threading.Condition()
        self._batches: deque[tuple[pl.DataFrame, int]] = deque()
        self._done = False
        self._stopped = False
        self._error: BaseException | None = None

    def put(self, batch: pl.DataFrame, size: int) -> bool:
        """Queue a batch once the budget lets it; returns False if the other side has stopped."""
        granted = self._budget.acquire(
            size, urgent=lambda: not self._batches, stop=lambda: self._stopped
        )
        if not granted:
            return False
        with self._condition:
            if self._stopped:
                self._budget.release(size)
                return False
            self._batches.append((batch, size))
            self._condition.notify_all()
        return True

    def get(self) -> pl.DataFrame | None:
        """The next batch; None at the end. Raises the reader's error, once it has failed."""
        with self._condition:
            while not (self._batches or self._done or self._error):
                self._condition.wait(HEAR_EVERY_S)
            if self._error is not None:
                raise self._error
            if not self._batches:
                return None
            batch, size = self._batches.popleft()
        self._budget.release(size)
        return batch

    def check(self) -> None:
        """Raise the reader's error, if it has failed."""
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Say that all batches have been queued."""
        with self._condition:
            self._done = True
            self._condition.notify_all()

    def fail(self, error: BaseException) -> None:
        """End the queue with an error; the first one counts."""
        with self._condition:
            self._error = self._error or error
            self._condition.notify_all()
        self.stop()

    def stop(self) -> None:
        """Take nothing more, and give the bytes of what is queued back."""
        with self._condition:
            self._stopped = True
            waiting = sum(size for _, size in self._batches)
            self._batches.clear()
        if waiting:
            self._budget.release(waiting)
        self._budget.wake()


def pump(
    session: HomeSession,
    writer: Writer,
    sieve: Sieve,
    request: ReadRequest,
    chunk: Chunk,
    *,
    entity: str,
    cancel: CancelToken,
    meter: Meter,
    budget: ByteBudget = PROCESS_BUDGET,
    prove: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> Pumped:
    """Move one chunk from a session to a writer, and count it at the source.

    Parameters
    ----------
    session, writer: both open; closing them stays the caller's work.
    sieve: every batch goes through it; closed here.
    request, chunk: what to read.
    entity: the name used in errors.
    cancel: stops both sides.
    meter: counted up as rows come and go.
    budget: bytes that may wait between the two sides.
    prove: whether to ask the source for the fingerprint of the chunk, too.
    tick: called in the caller's thread after each batch written.

    Returns
    -------
    The writer's receipt, what the source says, asked while the last rows are written, and what the
    sieve held back.

    Raises
    ------
    Whatever either side raised first; Cancelled when told to stop. The writer is then aborted.
    """
    channel = _Channel(budget)
    counted: list[tuple[int | None, str | None]] = []

    def read() -> None:
        writers_first()
        try:
            for batch in session.read(request, chunk):
                meter.count(read=batch.height)
                shaped = sieve.apply(batch, session.at)
                size = int(shaped.estimated_size())
                meter.count(size=size)
                if not channel.put(shaped, size):
                    return
            channel.finish()
            rows = session.count(request, chunk)
            counted.append((rows, session.fingerprint(request, chunk) if prove else None))
        except BaseException as error:  # noqa: BLE001 - it is raised in the writer's thread
            channel.fail(error)

    def stop() -> None:
        channel.fail(_cancelled(cancel))
        session.cancel()

    reader = threading.Thread(target=read, name=f"read {entity}", daemon=True)
    forget = cancel.add(stop)
    pl.thread_pool_size()  # begins Polars' threads, which are both sides'; see `writers_first`
    reader.start()
    try:
        while (batch := channel.get()) is not None:
            with _telling(sieve):
                writer.write(batch)
            meter.count(written=batch.height)
            tidy()
            tick()
        cancel.check()
        with _telling(sieve):
            receipt = writer.finish()
        while reader.is_alive():
            reader.join(HEAR_EVERY_S)
            cancel.check()
        channel.check()
        sieve.close()
        return Pumped(receipt, *counted[0], sieve.aside, dict(sieve.nulled))
    except BaseException:
        channel.stop()
        # What went wrong first is what is told, though cleaning up after it fails too.
        with suppress(Exception):
            if reader.is_alive():
                session.cancel()
        with suppress(Exception):
            writer.abort()
        sieve.discard()
        raise
    finally:
        forget()
        reader.join(STUCK_READER_S)


@contextmanager
def _telling(sieve: Sieve) -> Iterator[None]:
    """Let what a writer says of a row name it as it was read."""
    try:
        yield
    except DataError as error:
        sieve.tell(error)
        raise


def _cancelled(cancel: CancelToken) -> HyggeError:
    from hygge.core.errors import Cancelled

    return Cancelled(cancel.reason or "stopped on request")
