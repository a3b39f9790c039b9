"""Into how many chunks an entity is split, and how many of them are read side by side.

Pure but for `Seats`, the process-wide count of readers at work.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.reading import HomeSession

AUTO_BYTES = 256 << 20
"""What `auto` gives a chunk at least: a second of work at the 250 MB/s that one reader was seen to
do, beside which a statement and a part that is not full cost nothing; and about what a crash costs
per reader, since finished chunks are kept."""
AUTO_ROWS = 2_000_000
"""The same in rows: narrow rows cost by their number (600,000 to 900,000 a second were seen)."""
AUTO_MOST = 256
"""More chunks than this would only make more statements: beyond 64 GB chunks grow instead."""
MOST_WORKERS = 4
"""Readers of one entity under `auto`. Each holds a connection, and the rows of a file in the
making: 0.14 GB were seen for each reader beyond the first."""
MOST_ASKED = 8
"""Readers of one entity where `chunks: N` asks for more than there are processors."""

Setting = int | Literal["auto", "off"]


@dataclass(frozen=True)
class Split:
    """How an entity is read.

    Parameters
    ----------
    request: what every chunk is read with; it names the snapshot, if one is shared.
    chunks: disjoint, together the whole.
    workers: how many may be read side by side.
    asked: whether a number was asked for, so that processors do not bound the workers.
    """

    request: ReadRequest
    chunks: Sequence[Chunk] = (WHOLE,)
    workers: int = 1
    asked: bool = False

    @property
    def shared(self) -> bool:
        """Whether all workers read one snapshot."""
        return bool(self.request.snapshot)

    @property
    def is_whole(self) -> bool:
        """Whether what is read is all that the source has: what is not read is not there."""
        return self.request.window is None and (self.shared or len(self.chunks) == 1)

    def consistency(self, session: HomeSession, readers: int) -> str:
        """What the rows are consistent with, in words, when so many sessions have read them."""
        if self.shared or readers < 2:
            return session.consistency
        return f"each chunk by itself ({session.consistency})"


def split_up(
    session: HomeSession, request: ReadRequest, setting: Setting, estimate: Estimate
) -> Split:
    """Split what is to be read, as its setting and its size ask for.

    `auto` splits only where the sessions can share a snapshot: a row whose key changes while
    chunks are read one by one in snapshots of their own could be lost or doubled.

    Parameters
    ----------
    session: the attempt's own, whose snapshot is shared.
    request: what is to be read.
    setting: `chunks` of the entity.
    estimate: of the same request.
    """
    wanted = pieces(setting, estimate)
    if wanted < 2:
        return Split(request)
    snapshot = session.share()
    if setting == "auto" and not snapshot:
        return Split(request)
    request = replace(request, snapshot=snapshot)
    asked = setting != "auto"
    return of_chunks(request, session.split(request, wanted), asked=asked)


def of_chunks(request: ReadRequest, chunks: Sequence[Chunk], *, asked: bool) -> Split:
    """A split into chunks that are known. Where nobody asked for them and no snapshot is shared,
    one session reads them all."""
    most = MOST_ASKED if asked else MOST_WORKERS if request.snapshot else 1
    chunks = tuple(chunks) or (WHOLE,)
    return Split(request, chunks, min(most, len(chunks)), asked)


def pieces(setting: Setting, estimate: Estimate) -> int:
    """How many chunks to ask for; 1 for one whose size is unknown."""
    if setting == "off":
        return 1
    if isinstance(setting, int):
        return setting
    by_bytes = (estimate.bytes or 0) // AUTO_BYTES
    by_rows = (estimate.rows or 0) // AUTO_ROWS
    return max(1, min(AUTO_MOST, max(by_bytes, by_rows)))


class Seats:
    """How many readers this process has at work, over all entities.

    An entity's first reader always sits down; further ones only where a processor is free, so that
    many entities at once are read by one reader each, and the last big one by several.

    Parameters
    ----------
    most: readers that may be at work before nobody takes a second.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken = 0
        self._lock = threading.Lock()

    @contextmanager
    def first(self) -> Any:
        """An entity's first reader, for a block."""
        with self._lock:
            self._taken += 1
        try:
            yield
        finally:
            self.leave(1)

    def further(self, wanted: int, *, asked: bool = False) -> int:
        """Take up to so many more seats; returns how many were free. `asked` takes them anyway."""
        with self._lock:
            given = wanted if asked else max(0, min(wanted, self.most - self._taken))
            self._taken += given
            return given

    def leave(self, count: int) -> None:
        """Give seats back."""
        with self._lock:
            self._taken -= count

    @property
    def crowded(self) -> bool:
        """Whether there are more readers than seats, so that further ones should go."""
        with self._lock:
            return self._taken > self.most


def processors() -> int:
    """How many processors this process may use."""
    usable: Callable[[int], Any] | None = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


PROCESS_SEATS = Seats(processors())
