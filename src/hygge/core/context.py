"""What an attempt is given from outside: identity, cancellation, surroundings, a voice."""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hygge.core.errors import Cancelled

if TYPE_CHECKING:
    import asyncio


T = TypeVar("T")
HEAR_EVERY_S = 0.5
"""Who waits in the main thread wakes so often, to hear of signals."""
CLOSING_SECONDS = 30.0
"""How long a custom connector's generator may take to close before it is left behind."""


class CancelToken:
    """Tells every part of an attempt to stop. Thread-safe; once cancelled it stays so.

    Since a C call cannot be interrupted from outside, sessions add their own `cancel()` as a
    callback: it runs at once, in the thread that cancels.
    """

    def __init__(self, parent: CancelToken | None = None) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0
        self.reason = ""
        if parent is not None:
            parent.add(lambda: self.cancel(parent.reason))

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def cancel(self, reason: str = "stopped on request") -> None:
        """Ask everything that holds this token to stop; further calls do nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self.reason = reason
            self._event.set()
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        for callback in callbacks:
            try:
                callback()
            except Exception:  # noqa: BLE001, S110 - one session that cannot stop must not shield the rest
                pass

    def add(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Run `callback` on cancellation, or now if that has been; returns a call to forget it."""
        with self._lock:
            if not self._event.is_set():
                key = self._next
                self._next += 1
                self._callbacks[key] = callback

                def forget() -> None:
                    with self._lock:
                        self._callbacks.pop(key, None)

                return forget
        callback()
        return lambda: None

    def check(self) -> None:
        """Raise Cancelled if cancelled."""
        if self._event.is_set():
            raise Cancelled(self.reason or "stopped on request")

    def wait(self, seconds: float) -> bool:
        """Sleep, but wake at once on cancellation; returns whether cancelled."""
        return self._event.wait(seconds)


@dataclass(frozen=True)
class Surroundings:
    """What a description resolves against: where relative paths start, and named connections.

    Parameters
    ----------
    root: the folder that relative paths are relative to.
    connections: name to Connection description.
    """

    root: Path = field(default_factory=Path.cwd)
    connections: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Context:
    """One attempt's surroundings at work.

    Parameters
    ----------
    run_id: names the run in the journal, the logs and the state.
    cancel: this attempt's token.
    loop: where a custom connector's coroutines run; None makes hygge's own loop serve.
    note: called with (message, severity) for what a person should know.
    reserved: slots (`core.slots`) that were taken for this attempt's sessions before they open.
    """

    run_id: str = ""
    cancel: CancelToken = field(default_factory=CancelToken)
    loop: asyncio.AbstractEventLoop | None = None
    note: Callable[[str, str], None] = lambda message, severity: None
    reserved: list[Any] = field(default_factory=list)

    def wait_for(self, awaitable: Awaitable[T]) -> T:
        """Run a coroutine on the loop from this (worker) thread and return its result.

        On cancellation the coroutine is cancelled, and this returns when it has ended.
        """
        import asyncio

        loop, tasks = self.loop or own_loop(), list[asyncio.Task[Any]]()

        async def whole() -> T:
            task = asyncio.current_task()
            assert task is not None  # a coroutine on a loop has one
            tasks.append(task)
            if self.cancel.cancelled:
                if inspect.iscoroutine(awaitable):
                    awaitable.close()
                raise asyncio.CancelledError
            return await awaitable

        def stop() -> None:
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])

        future = asyncio.run_coroutine_threadsafe(whole(), loop)
        forget = self.cancel.add(stop)
        try:
            return future.result()
        except BaseException as error:
            from concurrent.futures import CancelledError

            if isinstance(error, CancelledError):
                self.cancel.check()
            raise
        finally:
            forget()

    def drain(self, source: AsyncIterator[T]) -> Iterator[T]:
        """Iterate an asynchronous iterator from this (worker) thread, closing it at the end."""
        try:
            while True:
                try:
                    item = self.wait_for(anext(source))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                self._close(close)

    def _close(self, close: Callable[[], Awaitable[Any]]) -> None:
        import asyncio

        loop = self.loop or own_loop()

        async def closing() -> None:
            await close()

        if asyncio._get_running_loop() is loop:
            # The loop's own thread dropped the iterator: to wait for it here would be for ever.
            task = loop.create_task(closing())
            _closing.add(task)
            task.add_done_callback(_closing.discard)
        elif loop.is_running():
            asyncio.run_coroutine_threadsafe(closing(), loop).result(CLOSING_SECONDS)


_closing: set[asyncio.Task[None]] = set()


def void(_: object) -> None:
    """Take a value and give none, to make a callback of an expression."""


_loop_lock = threading.Lock()
_own: asyncio.AbstractEventLoop | None = None


def own_loop() -> asyncio.AbstractEventLoop:
    """hygge's own event loop, in a daemon thread: started when first needed."""
    import asyncio

    global _own
    with _loop_lock:
        if _own is None or _own.is_closed():
            _own = asyncio.new_event_loop()
            threading.Thread(target=_own.run_forever, name="hygge-loop", daemon=True).start()
        return _own


def in_own_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from synchronous code."""
    import asyncio

    return asyncio.run_coroutine_threadsafe(coroutine, own_loop()).result()


_surroundings: Callable[[], Surroundings] = Surroundings


def set_surroundings(provider: Callable[[], Surroundings]) -> None:
    """Say how descriptions used outside a project find theirs; the project room does."""
    global _surroundings
    _surroundings = provider


def surroundings() -> Surroundings:
    """The surroundings of descriptions used on their own, e.g. `SQLHome("users").read()`."""
    return _surroundings()
