"""The public face of reading: `async for df in home.read()`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

import polars as pl

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.errors import Cancelled, DataError
from hygge.core.reading import HomeSession
from hygge.core.standing import Standing

if TYPE_CHECKING:
    import asyncio


def checked(
    session: HomeSession, context: Context, *, size: int, entity: str
) -> Iterator[pl.DataFrame]:
    """All batches of a session, held to its fields, in pieces of at most `size` rows.

    Parameters
    ----------
    session, context: of one attempt.
    size: how many rows a piece has at most.
    entity: the name used in errors.
    """
    forget = context.cancel.add(session.cancel)
    try:
        schema, offset, standing = session.schema(), 0, Standing()
        for batch in session.read(ReadRequest(batch_rows=size), WHOLE):
            standing.began(session.at)
            try:
                held = conform(batch, schema, entity=entity, offset=offset)
            except DataError as error:
                standing.tell(error)
                raise
            offset += held.height
            standing.ended(held.height, ())
            for start in range(0, held.height, size):
                yield held.slice(start, size)
    finally:
        forget()


class BatchStream(AsyncIterator[pl.DataFrame]):
    """An asynchronous iterator over batches, read in a worker thread.

    It closes itself at the end, on an error, when dropped, and as an `async with` block ends.

    Parameters
    ----------
    batches: begins the reading, in the worker thread.
    """

    def __init__(self, batches: Callable[[Context], Iterator[pl.DataFrame]]) -> None:
        self._batches = batches
        self._context = Context()
        self._open: list[Iterator[pl.DataFrame]] = []
        self._begun = False
        self._step: asyncio.Future[pl.DataFrame | None] | None = None
        self._finalizer = weakref.finalize(self, _leave, self._context, self._open)
        self._finalizer.atexit = False

    def __aiter__(self) -> BatchStream:
        return self

    async def __anext__(self) -> pl.DataFrame:
        import asyncio

        if not self._begun:
            self._begun = True
            self._context.loop = asyncio.get_running_loop()
            self._open.append(self._batches(self._context))
        if not self._open:
            raise StopAsyncIteration
        # Shielded, since a thread cannot be interrupted: who awaits may go, the step ends.
        self._step = asyncio.ensure_future(asyncio.to_thread(next, self._open[0], None))
        self._step.add_done_callback(lambda step: step.cancelled() or step.exception())
        batch = await asyncio.shield(self._step)
        if batch is None:
            self._open.clear()
            raise StopAsyncIteration
        return batch

    async def aclose(self) -> None:
        """Stop reading and close the session; safe more than once."""
        import asyncio

        self._begun = True
        self._context.cancel.cancel("closed")
        if self._step is not None:
            await asyncio.wait([self._step])
        while self._open:
            await asyncio.to_thread(_close, self._open.pop())

    async def __aenter__(self) -> BatchStream:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


def _leave(context: Context, open_: list[Iterator[pl.DataFrame]]) -> None:
    """Stop and close from a thread of its own: whoever drops a stream must not wait for it."""
    context.cancel.cancel("the loop was left")
    if open_:
        threading.Thread(
            target=_close, args=(open_.pop(),), name="hygge-close", daemon=True
        ).start()


def _close(iterator: Iterator[pl.DataFrame]) -> None:
    close = getattr(iterator, "close", None)
    try:
        if close is not None:
            close()
    except Cancelled:  # what closing asked for
        pass
    except ValueError:  # still being read in a thread, which ends and closes it by itself
        pass
