"""Fetching while what was fetched is being used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

DEPTH = 2
"""How many are fetched ahead: with one alone the fetching would stand still until whoever uses it
has got a processor again."""


def ahead(
    fetch: Callable[[], T | None], *, first: T | None = None, stop: Callable[[], None] | None = None
) -> Generator[T, None, None]:
    """What `fetch` gives until it gives None, fetched by a thread of its own.

    Parameters
    ----------
    fetch: may block, and may be called again after it gave None.
    first: what was fetched already.
    stop: ends what a `fetch` may be waiting for, where this is left before its end.

    Raises what `fetch` raises.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming = deque(pool.submit(fetch) for _ in range(DEPTH))
        ended = False
        try:
            if first is not None:
                yield first
            while (item := coming.popleft().result()) is not None:
                coming.append(pool.submit(fetch))
                yield item
            ended = True
        finally:
            if not ended and stop is not None:
                stop()
            pool.shutdown(cancel_futures=True)
