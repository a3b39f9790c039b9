"""Files elsewhere, as Homes and Stores need them: listed, read, uploaded, created once."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK_BYTES = 8 << 20
"""What is asked for at a time by a reader that goes through a file from its beginning."""


class Taken(Exception):
    """The name is taken, or may be: another try to create it is under way."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file.

    Parameters
    ----------
    key: its whole name in the bucket or on the server.
    size: in bytes.
    changed: when it was written, in ns since 1970.
    tag: what the server tells one version of it from another by; "" where it has nothing.
    """

    key: str
    size: int
    changed: int
    tag: str = ""

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition("/")[2]


class Tree(ABC):
    """The files of one bucket or server. Thread-safe; closed with the process.

    Every call raises ConnectError where access is refused and TransientError where the moment is
    wrong; one that names a file raises FileNotFoundError where there is none.
    """

    @abstractmethod
    def below(self, folder: str, *, deep: bool = False) -> list[Entry]:
        """The files in a folder, in order of their names; with `deep` those in its folders too.

        None where there is no such folder: an object store has none that are empty.
        """

    @abstractmethod
    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, in order."""

    @abstractmethod
    def entry(self, key: str) -> Entry:
        """What is known of one file now."""

    @abstractmethod
    def fetch(self, key: str, start: int, stop: int) -> bytes:
        """Some bytes of a file, at least one; fewer where it ends before `stop`."""

    @abstractmethod
    def upload(self, source: Path, key: str) -> None:
        """Put a local file there, in pieces; its name is there once all of it is."""

    @abstractmethod
    def create(self, key: str, data: bytes) -> None:
        """Put some bytes under a name that is free, all at once. Raises Taken where it is not.

        After any other error the name may or may not be there.
        """

    @abstractmethod
    def delete(self, keys: Sequence[str]) -> None:
        """Remove files; those that are not there are not missed."""

    def read(self, key: str) -> bytes:
        """A whole (small) file."""
        size = self.entry(key).size
        return self.fetch(key, 0, size) if size else b""

    def open(self, key: str, size: int | None = None) -> RangedFile:
        """A file to read from; `size` in bytes where it is known."""
        length = self.entry(key).size if size is None else size
        return RangedFile(lambda start, stop: self.fetch(key, start, stop), length)


class RangedFile(io.RawIOBase):
    """A file that is read by asking for ranges, and ahead of a reader that goes straight on.

    Parameters
    ----------
    fetch: gives the bytes of a range.
    size: of the file.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch, self._size = fetch, size
        self._at = self._straight = 0  # where a reader that goes straight on would be
        self._block, self._start = memoryview(b""), 0
        self._coming: tuple[int, Future[bytes]] | None = None
        self._pool: ThreadPoolExecutor | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def size(self) -> int:
        """In bytes."""
        return self._size

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self.closed:
            raise ValueError("the file is closed")
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._at))
        done = 0
        while done < wanted:  # all of it: Arrow takes less for the file's end
            offset = self._at - self._start
            if not 0 <= offset < len(self._block):
                self._load(wanted - done)
                offset = self._at - self._start
            piece = self._block[offset : offset + wanted - done]
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._at += len(piece)
            self._straight = self._at
        return done

    def _load(self, wanted: int) -> None:
        """Have a block that holds the position: one read ahead, or one asked for now."""
        at, straight = self._at, self._at == self._straight
        if self._coming is not None and self._coming[0] == at:
            data = self._coming[1].result()
        else:
            # A reader that jumps about is given what it asks for and no more.
            stop = at + max(wanted, BLOCK_BYTES if straight else 0)
            data = self._fetch(at, min(stop, self._size))
        if not data:
            raise EOFError(f"the file ended at {at} and should have {self._size} bytes")
        self._coming = None
        self._block, self._start = memoryview(data), at
        ahead = at + len(data)
        if straight and len(data) >= BLOCK_BYTES and ahead < self._size:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="hygge-ahead")
            stop = min(ahead + BLOCK_BYTES, self._size)
            self._coming = ahead, self._pool.submit(self._fetch, ahead, stop)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._block, self._coming = memoryview(b""), None
        super().close()


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Entries by their keys."""
    return sorted(entries, key=lambda entry: entry.key)
