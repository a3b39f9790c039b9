"""Parts: the files a destination is made of, and the writer that fills them evenly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import polars as pl

from hygge.core.errors import StateError
from hygge.files.draft import Draft
from hygge.files.format import Format
from hygge.storage.path import AnyPath

PREFIX = "part-"
Bucket = tuple[int, int]
"""A depth and the lowest bits, so many, of the hashes of the keys it holds."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a destination, as its state lists it.

    Parameters
    ----------
    name: the file's name within the folder.
    rows: its rows.
    bytes: its size on disk.
    memory: about what its rows take in memory, in bytes.
    digest: blake2b-128 of the file, hex.
    bucket: whose keys it holds; None where rows are in order of arrival.
    """

    name: str
    rows: int
    bytes: int
    memory: int
    digest: str
    bucket: Bucket | None = None

    def to_json(self) -> dict[str, Any]:
        out = asdict(self)
        if self.bucket is None:
            del out["bucket"]
        return out

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a listed part. Raises StateError where it is damaged."""
        try:
            bucket = value.get("bucket")
            return cls(
                name=_plain_name(value["name"]), rows=int(value["rows"]),
                bytes=int(value["bytes"]), memory=int(value["memory"]), digest=value["digest"],
                bucket=(int(bucket[0]), int(bucket[1])) if bucket else None,
            )  # fmt: skip
        except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
            raise StateError(
                f"the list of parts is damaged ({type(error).__name__}: {error})",
                hint="restore the folder from a backup, or move it away and load anew",
            ) from None


def _plain_name(name: str) -> str:
    if Path(name).name != name or not name.startswith(PREFIX):
        raise ValueError(f"'{name}' is no part's name")
    return name


class PartWriter:
    """Gathers frames of any size into parts of an even one, each durable once written.

    Parameters
    ----------
    folder: where the parts go.
    stem: what their names begin with; a number and the extension follow.
    form: the format.
    part_rows: rows of a full part.
    part_bytes: bytes in memory at which a part is full, whatever its rows.
    bucket: noted in every part.
    """

    def __init__(
        self,
        folder: AnyPath,
        stem: str,
        form: Format,
        *,
        part_rows: int,
        part_bytes: int,
        bucket: Bucket | None = None,
    ) -> None:
        self._folder, self._stem, self._format = folder, stem, form
        self._part_rows, self._part_bytes, self._bucket = part_rows, part_bytes, bucket
        self._draft: Draft | None = None
        self._memory = self._begun = 0
        self._helper: ThreadPoolExecutor | None = None
        self._settling: Future[Part] | None = None
        self.parts: list[Part] = []
        """Those that are durable: all of them after `flush`."""

    def add(self, frame: pl.DataFrame) -> None:
        """Take some rows; parts are written as they fill."""
        if not frame.height:
            return
        size = int(frame.estimated_size())
        limit = self._limit(frame.height, size)
        for start in range(0, frame.height, limit):
            piece = frame.slice(start, limit) if frame.height > limit else frame
            self._add(piece, size * piece.height // frame.height)

    def _limit(self, rows: int, size: int) -> int:
        fits = rows * self._part_bytes // size if size > self._part_bytes else rows
        return max(1, min(self._part_rows, fits))

    def _add(self, frame: pl.DataFrame, size: int) -> None:
        while frame.height:
            draft = self._draft or self._begin()
            room = self._part_rows - draft.rows
            taken = frame.slice(0, room) if frame.height > room else frame
            share = size * taken.height // frame.height
            draft.add(taken)
            self._memory += share
            frame, size = frame.slice(taken.height), size - share
            if draft.rows >= self._part_rows or self._memory >= self._part_bytes:
                self._fill()

    def _begin(self) -> Draft:
        self._draft = Draft(self._folder / self._name(self._begun), self._format)
        self._begun += 1
        return self._draft

    def _fill(self) -> None:
        """Write what is gathered as a part, which is made durable while the next is gathered."""
        finish = self._written()
        self._settle()
        self._helper = self._helper or ThreadPoolExecutor(1, thread_name_prefix="durable")
        self._settling = self._helper.submit(finish)

    def flush(self, *, empty: pl.DataFrame | None = None) -> None:
        """Write what is gathered as one part; `empty` is written if there is nothing at all."""
        if self._draft is None and empty is not None:
            self._begin().add(empty)
        finish = self._written() if self._draft is not None else None
        self._settle()
        if self._helper is not None:
            self._helper.shutdown()
            self._helper = None
        if finish is not None:
            self.parts.append(finish())

    def _written(self) -> Callable[[], Part]:
        """Write what is left of a part; returns what makes it durable and lists it."""
        draft, name, memory = self._draft, self._name(self._begun - 1), self._memory
        assert draft is not None
        draft.close()
        self._draft, self._memory = None, 0

        def finish() -> Part:
            size, digest = draft.settle()
            return Part(name, draft.rows, size, memory, digest, self._bucket)

        return finish

    def _name(self, number: int) -> str:
        return f"{self._stem}-{number:05d}.{self._format.extension}"

    def _settle(self) -> None:
        settling, self._settling = self._settling, None
        if settling is not None:
            self.parts.append(settling.result())

    def discard(self) -> None:
        """Forget what is gathered and remove what was written."""
        if self._draft is not None:
            self._draft.drop()
            self._draft = None
        if self._helper is not None:
            self._helper.shutdown()
        self._helper = self._settling = None
        for number in range(self._begun):
            (self._folder / self._name(number)).unlink(missing_ok=True)
        self.parts = []


@contextmanager
def whole(writer: PartWriter) -> Iterator[None]:
    """While rows are given to a writer: it is flushed in the end, or discards all where that fails,
    so that no thread of its waits for more."""
    try:
        yield
        writer.flush()
    except BaseException:
        writer.discard()
        raise
