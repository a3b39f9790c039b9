"""The readers of one entity: the attempt's own session, and what further ones can be had.

All take chunks from one queue. The first failure stops every one of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hygge.core.chunk import Chunk
from hygge.core.context import CancelToken, Context
from hygge.core.errors import Cancelled
from hygge.core.home import Home
from hygge.core.load import Load
from hygge.core.reading import HomeSession
from hygge.run.chunks import PROCESS_SEATS, Seats, Split
from hygge.run.pump import Meter
from hygge.run.task import ChunkResult, ChunkTask, run_chunk


class Crew:
    """Moves the chunks of one load.

    Who holds a session never waits for another: the attempt's own reads chunks as well, and as
    many sessions help it as its Home gives at once and as there are seats. More are asked for
    before each chunk that the attempt's own session reads, since others may have gone meanwhile.

    Parameters
    ----------
    home: gives further sessions.
    reading: the attempt's own session.
    split: the chunks, and how many may be read side by side.
    load: gives the writers.
    task: makes a chunk's task.
    done: told of each chunk as it is done, from any thread.
    context: of the attempt.
    meter, tick: see `pump`.
    seats: readers of this process.
    """

    def __init__(
        self,
        home: Home,
        reading: HomeSession,
        split: Split,
        load: Load,
        task: Callable[[Chunk], ChunkTask],
        *,
        done: Callable[[ChunkResult], None],
        context: Context,
        meter: Meter,
        tick: Callable[[], None],
        seats: Seats = PROCESS_SEATS,
    ) -> None:
        self._home, self._reading, self._split, self._load = home, reading, split, load
        self._task, self._done, self._meter, self._tick = task, done, meter, tick
        self._context = replace(context, cancel=CancelToken(context.cancel), reserved=[])
        self._asked = context.cancel
        self._seats = seats
        self._lock = threading.Lock()
        self._waiting = deque(split.chunks)
        self._results: dict[int, ChunkResult] = {}
        self._error: BaseException | None = None
        self._helping = 0
        self.readers = 1
        """How many sessions have read."""

    def run(self) -> list[ChunkResult]:
        """Move every chunk; the results are in the chunks' order. Raises what failed first."""
        with ThreadPoolExecutor(self._split.workers, thread_name_prefix="chunk") as pool:
            try:
                while (chunk := self._next()) is not None:
                    self._hire(pool)
                    self._move(self._reading, chunk)
            except BaseException as error:  # noqa: BLE001 - raised when the others have stopped
                self._failed(error)
        if self._error is not None:
            raise self._error
        return [self._results[chunk.index] for chunk in self._split.chunks]

    def _next(self) -> Chunk | None:
        with self._lock:
            stop = self._error is not None or not self._waiting
            return None if stop else self._waiting.popleft()

    def _hire(self, pool: ThreadPoolExecutor) -> None:
        with self._lock:
            wanted = min(self._split.workers - 1 - self._helping, len(self._waiting))
        seats = self._seats.further(wanted, asked=self._split.asked) if wanted > 0 else 0
        sessions: list[HomeSession] = []
        try:
            if seats:
                sessions = self._home.beside(self._reading, seats, self._context)
        finally:
            self._seats.leave(seats - len(sessions))
        with self._lock:
            self._helping += len(sessions)
            self.readers += len(sessions)
        for session in sessions:
            pool.submit(self._help, session)

    def _help(self, session: HomeSession) -> None:
        try:
            with session:
                while self._stays and (chunk := self._next()) is not None:
                    self._move(session, chunk)
        except BaseException as error:  # noqa: BLE001 - raised by run()
            self._failed(error)
        finally:
            self._seats.leave(1)
            with self._lock:
                self._helping -= 1

    @property
    def _stays(self) -> bool:
        """Whether who helps may take another chunk, or others want the seat."""
        return self._split.asked or not self._seats.crowded

    def _move(self, session: HomeSession, chunk: Chunk) -> None:
        result = run_chunk(
            self._task(chunk), session=session, writer=self._load.writer(chunk.index),
            cancel=self._context.cancel, meter=self._meter, tick=self._tick,
        )  # fmt: skip
        self._done(result)
        with self._lock:
            self._results[chunk.index] = result

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            if self._error is None or self._follows(self._error, error):
                self._error = error
        self._context.cancel.cancel("another chunk failed")

    def _follows(self, first: BaseException, then: BaseException) -> bool:
        """Whether what came first was for what came then: writers that share a way are stopped with
        one that fails, and may be sooner at their end."""
        unasked = isinstance(first, Cancelled) and not self._asked.cancelled
        return unasked or first.__cause__ is then
