"""Filling a table's files evenly, for each partition its own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO
from weakref import WeakSet

import polars as pl

from hygge.core.memory import tidy
from hygge.core.steps import reached
from hygge.lake.shelf import Shelf, digest_of

PIECE_ROWS = 100_000
"""Rows of a row group: what readers decode, and a writer lays together, in one go. With 250,000 a
load of rows of 360 bytes took 60 MB more, no less time, and 1 % less on disk."""


AT_ONCE = 1.5
"""So many full files' rows are held by all that gather some in this process, as for chunks side by
side: with two whole ones a load of 10 M rows of 440 bytes took 55 MB more."""
LEAST = 0.25
"""But so much of a file is held by each, that none gets too small."""
_gathering: WeakSet[Filler] = WeakSet()
"""Those of this process that have taken rows and are not at their end."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a file is: rows, and bytes in memory, whichever comes first."""

    rows: int
    bytes: int


@dataclass(frozen=True)
class Shape:
    """How a table's files are written.

    Parameters
    ----------
    sizes, compression: of a file.
    partition: columns of which every file has one value.
    """

    sizes: Sizes
    compression: str
    partition: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Datafile:
    """One file of a table, as receipts list it.

    Parameters
    ----------
    name: within the table's folder.
    rows, bytes, digest: of the file; the digest is blake2b-128, hex.
    facts: what the format wants to know of it, as plain values.
    """

    name: str
    rows: int
    bytes: int
    digest: str
    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "rows": self.rows, "bytes": self.bytes, "digest": self.digest,
                "facts": dict(self.facts)}  # fmt: skip

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Datafile:
        return cls(raw["name"], raw["rows"], raw["bytes"], raw["digest"], raw["facts"])


Key = tuple[Any, ...]
Facts = Callable[[pl.DataFrame, Key], Mapping[str, Any]]
Encode = Callable[[pl.DataFrame, BinaryIO], None]


def write_parquet(frame: pl.DataFrame, out: BinaryIO, compression: Any, **more: Any) -> None:
    """Rows as a Parquet file; `compression` as Polars names it, zstd at level 1, and `more` for
    its `write_parquet`."""
    frame.write_parquet(
        out, compression=compression, row_group_size=PIECE_ROWS,
        compression_level=1 if compression == "zstd" else None, **more,
    )  # fmt: skip


def no_facts(rows: pl.DataFrame, key: Key) -> Mapping[str, Any]:
    """For formats that find out by themselves."""
    return {}


class Filler:
    """Gathers rows into files of an even size. One is laid down while the next is gathered. Where
    several gather at once, in one process, files are full sooner; see AT_ONCE.

    Parameters
    ----------
    shelf: where the files go.
    stem: what their names begin with; a number and the ending follow.
    sizes: of a file.
    compression: the codec of its pages, as Polars names it; zstd at level 1.
    facts: given a file's rows and its partition's values, what the format wants to know of it;
        asked by another thread, while they are encoded.
    partition: the columns of which every file has one value each, and which it leaves out.
    encode: writes a file's rows, where that is not Polars' own Parquet.
    keep: whether files have the columns of their partition all the same.
    """

    def __init__(
        self,
        shelf: Shelf,
        stem: str,
        sizes: Sizes,
        compression: Any,
        facts: Facts,
        partition: Sequence[str] = (),
        encode: Encode | None = None,
        keep: bool = False,
    ) -> None:
        self._shelf, self._stem, self._sizes = shelf, stem, sizes
        self._facts, self._partition, self._keep = facts, list(partition), keep
        self._encode = encode or partial(write_parquet, compression=compression)
        # One is filled while the other is laid down. New ones would be new memory, which the
        # system has to clear first.
        self._buffers = [io.BytesIO(), io.BytesIO()]
        self._held: dict[Key, list[pl.DataFrame]] = {}
        self._rows: dict[Key, int] = {}
        self._memory: dict[Key, int] = {}
        self._begun = 0
        self._helpers: ThreadPoolExecutor | None = None
        self._laying: _Laying | None = None
        self.files: list[Datafile] = []
        """Those that lie there: all of them after `flush`."""

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows, as they lie; files are written as they fill."""
        if not frame.height:
            return
        size = int(frame.estimated_size())
        for piece in self._pieces(frame, size):
            shares: Mapping[Any, pl.DataFrame] = {(): piece}
            if self._partition:
                shares = piece.partition_by(self._partition, as_dict=True, include_key=self._keep)
            for key, share in shares.items():
                self._gather(key, share, size * share.height // frame.height)
        _gathering.add(self)
        while sum(self._memory.values()) >= self._room:
            self._flush(max(self._memory, key=self._memory.__getitem__))

    @property
    def _room(self) -> int:
        """How many bytes are held at most."""
        share = max(LEAST, min(1, AT_ONCE / len(_gathering)))
        return int(self._sizes.bytes * share)

    def _pieces(self, frame: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
        fits = frame.height * self._sizes.bytes // max(size, self._sizes.bytes)
        yield from frame.iter_slices(max(1, min(self._sizes.rows, fits)))

    def _gather(self, key: Key, frame: pl.DataFrame, size: int) -> None:
        self._held.setdefault(key, []).append(frame)
        self._rows[key] = self._rows.get(key, 0) + frame.height
        self._memory[key] = self._memory.get(key, 0) + size
        if self._rows[key] >= self._sizes.rows:
            self._flush(key)

    def _flush(self, key: Key) -> None:
        self._helpers = self._helpers or ThreadPoolExecutor(2, thread_name_prefix="laying")
        made = self._made(key, self._helpers)  # its rows are not held while it is laid down
        name = self._name(self._begun)
        self._settle()
        self._begun += 1
        self._laying = _Laying(name, *made, self._shelf, self._helpers)
        tidy()

    def _made(
        self, key: Key, helpers: ThreadPoolExecutor
    ) -> tuple[int, memoryview, Mapping[str, Any]]:
        """A file of what is gathered: its rows, its bytes, and what the format wants to know."""
        frame = pl.concat(self._held.pop(key))
        del self._rows[key], self._memory[key]
        facts = helpers.submit(self._facts, frame, key)
        out = self._buffer()
        self._encode(frame, out)
        return frame.height, out.getbuffer()[: out.tell()], facts.result()

    def _buffer(self) -> io.BytesIO:
        """That of the file before the last, or a new one where a thread still holds its bytes."""
        number = self._begun % 2
        try:
            self._buffers[number].seek(0)
            self._buffers[number].write(b"\0")  # refused while they are held
        except BufferError:
            self._buffers[number] = io.BytesIO()
        self._buffers[number].seek(0)
        return self._buffers[number]

    def _name(self, number: int) -> str:
        return f"{self._stem}-{number:05d}.parquet"

    def _settle(self) -> None:
        laying, self._laying = self._laying, None
        if laying is not None:
            self.files.append(laying.laid())
            reached("lake.file_written")

    def _rest(self) -> None:
        _gathering.discard(self)
        if self._helpers is not None:
            self._helpers.shutdown()
            self._helpers = None

    def flush(self) -> None:
        """Write what is left."""
        for key in list(self._held):
            self._flush(key)
        self._settle()
        self._rest()

    def discard(self) -> None:
        """Forget what is gathered and remove what was written."""
        self._held, self._rows, self._memory = {}, {}, {}
        self._rest()
        self._laying = None
        self._shelf.remove([self._name(number) for number in range(self._begun)])
        self.files = []


class _Laying:
    """A file that is being laid down, while its digest is found.

    Parameters
    ----------
    name, rows, data, facts: of the file; while the data are held, their buffer takes no more.
    shelf: where it goes.
    helpers: who do it.
    """

    def __init__(
        self,
        name: str,
        rows: int,
        data: memoryview,
        facts: Mapping[str, Any],
        shelf: Shelf,
        helpers: ThreadPoolExecutor,
    ) -> None:
        self._name, self._rows, self._data, self._facts = name, rows, data, facts
        self._written = helpers.submit(shelf.write, name, data)
        self._digest = helpers.submit(digest_of, data)

    def laid(self) -> Datafile:
        """The file, when it lies there. Raises what writing it did."""
        digest = self._digest.result()
        self._written.result()
        return Datafile(self._name, self._rows, len(self._data), digest, self._facts)
