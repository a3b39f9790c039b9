"""Fetching while what was fetched is being used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from hygge.core.turns import writers_first

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
    with ThreadPoolExecutor(1, "ahead", writers_first) as pool:
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


def side_by_side(calls: Iterable[Callable[[], T]], workers: int) -> Generator[T, None, None]:
    """What several calls give, in their order, so many of them made at the same time.

    Parameters
    ----------
    calls: taken one by one, as results are; never more than `workers` and one ahead of them.
    workers: threads.

    Raises what the first call to fail raises, in its turn and when the others have ended.
    """
    todo = iter(calls)
    with ThreadPoolExecutor(workers, "beside", writers_first) as pool:
        coming = deque(pool.submit(call) for call in islice(todo, workers + 1))
        try:
            while coming:
                found = coming.popleft().result()
                coming.extend(pool.submit(call) for call in islice(todo, 1))
                yield found
        finally:
            pool.shutdown(cancel_futures=True)
