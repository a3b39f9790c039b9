"""A part on its way: written here while its rows come, then made durable, or sent elsewhere."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue

import polars as pl

from hygge.core.errors import VerifyError
from hygge.core.fields import Schema
from hygge.core.scratch import Scratch
from hygge.core.steps import reached
from hygge.files.format import Format
from hygge.files.local import sync
from hygge.storage.path import AnyPath

_LOOK_S = 0.1
"""How often who waits to hand rows over looks whether they are still being written."""


def digest_of(path: Path) -> str:
    """blake2b-128 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


class Draft:
    """One part: `add` rows, `close` it, then `settle` it, which another thread may do.

    A large part is written while its rows come, where the format can: they need not all be held,
    and little is left to do at its end. A small one is written at its end.

    Parameters
    ----------
    path: where it is to lie, here or elsewhere.
    form: the format.
    """

    def __init__(self, path: AnyPath, form: Format) -> None:
        self._path, self._form = path, form
        self._scratch = None if isinstance(path, Path) else Scratch()
        here = self._scratch.path / f"part.{form.extension}" if self._scratch else path
        assert isinstance(here, Path)
        self._here = here
        self._frames: list[pl.DataFrame] = []
        self._stream: _Stream | None = None
        self._schema: pl.Schema | None = None
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take some rows, all of one schema."""
        schema = self._schema = self._schema or frame.schema
        if frame.schema != schema:
            raise ValueError(f"{self._path}: rows of {frame.schema} came after those of {schema}")
        self._frames.append(frame)
        self.rows += frame.height
        group = self._form.group_rows
        if self._stream is None and group is not None and self.rows >= group:
            self._stream = _Stream(self._form, self._here, schema)
        if self._stream is not None:
            self._hand_over(self._stream)

    def _hand_over(self, stream: _Stream) -> None:
        frames, self._frames = self._frames, []
        for frame in frames:
            stream.put(frame)

    def close(self) -> None:
        """Have all its rows written. One that took no frame, not even an empty one, is none."""
        if self._stream is not None:
            self._stream.close()
        else:
            frames, self._frames = self._frames, []
            self._form.write(pl.concat(frames), self._here)
        reached("files.part_written")

    def settle(self) -> tuple[int, str]:
        """Make it durable where it is to lie; returns its size in bytes and its digest.

        Raises VerifyError where its file has not the rows it should.
        """
        if self._stream is not None or self._scratch is not None:
            self._count()
        if isinstance(self._path, Path):
            sync(self._here)
            size, digest = self._here.stat().st_size, digest_of(self._here)
            reached("files.part_synced")
            return size, digest
        assert self._scratch is not None
        with self._scratch:
            size, digest = self._here.stat().st_size, digest_of(self._here)
            self._path.tree.upload(self._here, self._path.key)
        reached("objects.uploaded")
        return size, digest

    def _count(self) -> None:
        assert self._schema is not None
        rows = self._form.rows(self._here, Schema.of(self._schema))
        if rows != self.rows:
            raise VerifyError(f"{self._path}: {self.rows} rows were written, {rows} are there")

    def drop(self) -> None:
        """Stop writing it, and remove what lies here."""
        self._frames = []
        if self._stream is not None:
            self._stream.drop()
        self._here.unlink(missing_ok=True)
        if self._scratch is not None:
            self._scratch.remove()


class _Dropped(Exception):
    """The rest of the rows will not come."""


class _Stream:
    """A file that a thread writes from frames as they come, one of them waiting at most."""

    def __init__(self, form: Format, path: Path, schema: pl.Schema) -> None:
        self._queue: Queue[pl.DataFrame | None] = Queue(1)
        self._dropped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._write, args=(form, path, schema), name=f"write {path.name}", daemon=True
        )
        self._thread.start()

    def _write(self, form: Format, path: Path, schema: pl.Schema) -> None:
        try:
            form.write_from(self._frames(), schema, path)
        except BaseException as error:  # noqa: BLE001 - raised where rows are handed over
            self._error = error

    def _frames(self) -> Iterator[pl.DataFrame]:
        while (frame := self._queue.get()) is not None:
            if self._dropped:
                break
            yield frame
        if self._dropped:
            raise _Dropped

    def put(self, frame: pl.DataFrame | None) -> None:
        """Hand rows over; None is the end. Raises what writing has raised."""
        while self._thread.is_alive():
            try:
                self._queue.put(frame, timeout=_LOOK_S)
            except Full:
                continue
            return
        raise self._error or RuntimeError("a part was ended before all its rows were taken")

    def close(self) -> None:
        """Wait until all is written. Raises what writing has raised."""
        self.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def drop(self) -> None:
        """Stop; what writing raises is nobody's matter."""
        self._dropped = True
        with suppress(Exception):
            self.put(None)
        self._thread.join()
