"""Where rows lie until they are committed: one SQLite file a chunk, in a hidden folder beside the
database, owned by the load that made it.

The folder of a load whose process died is removed by the next load into the same database; that of
one at work never is, since its owner holds a lock on it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.load import LoadRequest, Writer
from hygge.core.locks import try_lock
from hygge.core.state import Receipt
from hygge.core.steps import reached
from hygge.core.telling import telling
from hygge.sql.sqlite.access import Database
from hygge.sql.sqlite.encode import encode

_LOCK = "owner.lock"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a writer needs, in whichever process: the stage's folder and the load."""

    folder: Path
    request: LoadRequest

    def file(self, chunk: int) -> Path:
        """The file that a chunk's rows are staged in."""
        return self.folder / f"chunk-{chunk:05d}.db"


class Stage:
    """The folder of one load, held by its lock until it is removed.

    Parameters
    ----------
    database: the file that the load is for; its folder is made if need be.
    load_id: names the folder, for people.

    Raises
    ------
    ConnectError: the folder cannot be made.
    """

    def __init__(self, database: Path, load_id: str) -> None:
        prefix = f".{database.name}.hygge-"
        with telling(str(database.parent)):
            database.parent.mkdir(parents=True, exist_ok=True)
            self.left = _clear_dead(database.parent, prefix, load_id)
            """How many chunks a dead attempt at this load had begun."""
            while True:
                self.folder = database.parent / f"{prefix}{load_id[:12]}-{uuid.uuid4().hex[:8]}"
                self.folder.mkdir()
                held = _hold(self.folder)
                if held is not None:
                    break
        self._descriptor: int | None = held

    def remove(self) -> None:
        """Remove the folder and give up its lock. Safe more than once."""
        if self._descriptor is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._descriptor)
            self._descriptor = None


def _hold(folder: Path) -> int | None:
    """Lock a folder just made; None where another load, clearing up, was quicker."""
    path = folder / _LOCK
    try:
        descriptor = try_lock(path)
    except FileNotFoundError:
        return None
    if descriptor is not None and not path.exists():
        os.close(descriptor)
        return None
    return descriptor


def _clear_dead(parent: Path, prefix: str, load_id: str) -> int:
    """Remove the folders of dead loads; how many chunks of a load there were in them."""
    left = 0
    for folder in parent.glob(f"{prefix}*"):
        try:
            descriptor = try_lock(folder / _LOCK)
        except OSError:
            continue
        if descriptor is not None:
            if folder.name.startswith(f"{prefix}{load_id[:12]}-"):
                left = max(left, len(list(folder.glob("chunk-*.db"))))
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)
    return left


class StageWriter(Writer):
    """Stages one chunk: columns c0, c1, ... of a table `rows`, in the form they will lie in."""

    def __init__(self, ticket: Ticket, chunk: int, context: Context) -> None:
        self._ticket, self._chunk, self._context = ticket, chunk, context
        self._path = ticket.file(chunk)
        self._path.unlink(missing_ok=True)
        self._rows = 0
        self._db: Database | None = Database(self._path, "rwc")
        fields = ticket.request.fields
        names = ", ".join(f"c{at}" for at in range(len(fields)))
        self._insert = f"INSERT INTO rows VALUES ({', '.join('?' * len(fields))})"
        try:
            # Nothing here outlives the process that owns it, so nothing is made durable.
            self._db.execute("PRAGMA journal_mode = OFF")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute(f"CREATE TABLE rows ({names})")
            self._db.execute("BEGIN")
        except BaseException:
            self.abort()
            raise

    def write(self, batch: pl.DataFrame) -> None:
        """Stage a batch. Raises BadValue for a value that SQLite cannot hold."""
        self._context.cancel.check()
        assert self._db is not None  # neither finished nor aborted
        if not batch.height:
            return
        request = self._ticket.request
        if batch.schema != request.fields.physical:  # the table's types may be wider
            batch = conform(batch, request.fields, entity=request.entity, offset=self._rows)
        data = encode(batch, request.fields, entity=request.entity, offset=self._rows)
        self._db.execute(self._insert, data)
        self._rows += batch.height

    def finish(self) -> Receipt:
        assert self._db is not None  # neither finished nor aborted
        self._db.execute("COMMIT")
        self._db.close()
        self._db = None
        size = self._path.stat().st_size
        reached("sqlite.staged")
        with self._path.open("rb") as lying:
            digest = hashlib.file_digest(lying, lambda: hashlib.blake2b(digest_size=16))
        file = {"name": self._path.name, "rows": self._rows, "bytes": size,
                "digest": digest.hexdigest()}  # fmt: skip
        return Receipt(self._chunk, self._rows, size, (file,))

    def abort(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        self._path.unlink(missing_ok=True)
