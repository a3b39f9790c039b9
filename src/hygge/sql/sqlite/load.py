"""A load into an SQLite table: staged outside, then one transaction for data and state."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hygge.core.context import Context
from hygge.core.errors import ConflictError, DataError, HyggeError, UnsupportedError
from hygge.core.fields import Schema
from hygge.core.load import Commit, Load, LoadRequest, Receipt, State, with_store_facts
from hygge.core.steps import reached
from hygge.core.store import StoreSession
from hygge.sql.dialect import literal
from hygge.sql.sqlite import tables
from hygge.sql.sqlite.access import Database, open_reader
from hygge.sql.sqlite.catalogue import quote
from hygge.sql.sqlite.encode import check
from hygge.sql.sqlite.stage import Stage, StageWriter, Ticket
from hygge.sql.sqlite.state import read_state, write_state

STEPS = (
    "sqlite.begun", "sqlite.staged", "sqlite.attached", "sqlite.locked", "sqlite.filled",
    "sqlite.state_written", "sqlite.committed", "sqlite.cleaned",
)  # fmt: skip
"""The commit protocol, in order. What was committed is what `sqlite.committed` has seen."""
_ATTACHED = 8
"""Files read together; SQLite attaches 10 at most by default (sqlite.org/limits.html, 11)."""
_turns: dict[Path, threading.Lock] = {}
_turns_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a load goes: a file, absolute, and a table in it."""

    path: Path
    table: str

    def __str__(self) -> str:
        return f"{self.path}#{self.table}"


class SQLiteStoreSession(StoreSession):
    """One attempt's settling in a table of an SQLite file."""

    def __init__(self, destination: Destination, context: Context) -> None:
        self._to, self._context = destination, context
        self._load: SQLiteLoad | None = None

    def state(self) -> State | None:
        """See StoreSession. A table that was dropped holds nothing, whatever its state says."""
        if not self._to.path.exists():
            return None
        with open_reader(self._to.path) as db:
            db.execute("BEGIN")
            return read_state(db, self._to.table, place=str(self._to))

    def begin(self, request: LoadRequest) -> SQLiteLoad:
        """Begin a load. Raises UnsupportedError for fields that SQLite cannot hold."""
        check(request.fields)
        lower = [name.lower() for name in request.fields.names]
        for name in lower:
            if lower.count(name) > 1:
                raise UnsupportedError(
                    f"two columns are named '{name}', but for upper and lower case, which "
                    "SQLite does not tell apart",
                    hint="`rename` one of them",
                )
        self._load = SQLiteLoad(self._to, request, self._context)
        return self._load

    def close(self) -> None:
        if self._load is not None:
            self._load.abort()


class SQLiteLoad(Load):
    """See Load. Writers stage; `commit` copies what they staged within one transaction."""

    def __init__(self, destination: Destination, request: LoadRequest, context: Context) -> None:
        self._to, self.request, self._context = destination, request, context
        self._stage = Stage(destination.path, request.load_id)
        self._ticket = Ticket(self._stage.folder, request)
        if self._stage.left > 1:
            context.note(
                f"an unfinished load had begun {self._stage.left} chunks, which are all read "
                "again: an SQLite file keeps no ledger of them",
                "info",
            )
        reached("sqlite.begun")

    def writer(self, chunk: int) -> StageWriter:
        return StageWriter(self._ticket, chunk, self._context)

    @property
    def ticket(self) -> Ticket:
        return self._ticket

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        rows = 0
        for receipt in receipts:
            with Database(self._ticket.file(receipt.chunk), "ro") as db:
                rows += db.row("SELECT count(*) FROM rows")[0]
        return rows

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        """See Load. Raises TransientError where another program kept the database locked."""
        files = [self._ticket.file(r.chunk) for r in sorted(receipts, key=lambda r: r.chunk)]
        files = _few(files)
        with _turn(self._to.path, self._context):
            self._context.cancel.check()
            fresh = not self._to.path.exists()
            try:
                stored = self._transact(files, state)
            except _Unsure as unsure:
                stored = self._look_up(unsure.cause)
            if fresh:
                _sync_folder(self._to.path.parent)
        reached("sqlite.committed")
        self.abort()
        reached("sqlite.cleaned")
        return Commit(
            state=stored, rows=stored.rows, bytes=sum(r.bytes for r in receipts),
            place=str(self._to),
        )  # fmt: skip

    def _transact(self, files: Sequence[Path], state: State) -> State:
        with Database(self._to.path, "rwc") as db:
            if not db.row("PRAGMA page_count")[0]:
                # A file of our own making: with a write-ahead log, readers never wait.
                db.rows("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA legacy_alter_table = ON")  # renaming leaves views alone
            for at, file in enumerate(files):
                db.execute(f"ATTACH {literal(file.absolute().as_uri() + '?mode=ro')} AS s{at}")
            reached("sqlite.attached")
            staged = " UNION ALL ".join(f"SELECT * FROM s{at}.rows" for at in range(len(files)))
            staged = f"({staged or self._nothing()})"
            distinct = self._check_keys(db, staged)
            db.execute("BEGIN IMMEDIATE")
            reached("sqlite.locked")
            held = read_state(db, self._to.table, place=str(self._to))
            if held is not None and self._ours(held):
                return held  # an earlier attempt did commit, and never heard of it
            generation = held.generation if held else 0
            if generation != self.request.generation:
                raise ConflictError(
                    f"{self._to} is at generation {generation}, not {self.request.generation}: "
                    "another run has loaded it meanwhile; nothing was published",
                    hint="run again",
                )
            fields, made_key = self._fill(db, staged, distinct, held)
            reached("sqlite.filled")
            (rows,) = db.row(f"SELECT count(*) FROM main.{quote(self._to.table)}")
            extra = {"made_key": True} if made_key else {}
            stored = with_store_facts(replace(state, fields=fields), rows=rows, extra=extra)
            write_state(db, self._to.table, stored)
            reached("sqlite.state_written")
            try:
                db.execute("COMMIT")
            except HyggeError as error:
                raise _Unsure(error) from error
            return stored

    def _nothing(self) -> str:
        names = ", ".join(f"NULL AS c{at}" for at in range(len(self.request.fields)))
        return f"SELECT {names} WHERE 0"

    def _check_keys(self, db: Database, staged: str) -> bool:
        """Whether rows come twice, the same in every column. Raises DataError for bad keys."""
        request = self.request
        keys = request.keys if request.mode == "merge" else ()
        if request.mode == "replace":
            # SQLite makes up a number for a NULL in a key that is the rowid.
            keys = tuple(k for k in request.fields.keys if request.fields[k].type.kind == "int64")
        at = {name: f"c{i}" for i, name in enumerate(request.fields.names)}
        for key in keys:
            if request.fields[key].nullable and db.rows(
                f"SELECT 1 FROM {staged} WHERE {at[key]} IS NULL LIMIT 1"
            ):
                raise DataError(f"{request.entity}: the key '{key}' is NULL in some row")
        if request.mode != "merge":
            return False
        listed = ", ".join(at[k] for k in keys)
        twice = f"GROUP BY {listed} HAVING count(*) > 1 LIMIT 1"
        if not db.rows(f"SELECT 1 FROM {staged} {twice}"):
            return False
        shown = " || ', ' || ".join(f"{literal(k + '=')} || {at[k]}" for k in keys)
        found = db.rows(f"SELECT {shown} FROM (SELECT DISTINCT * FROM {staged}) {twice}")
        if found:
            raise DataError(
                f"{request.entity}: the key {found[0][0]} comes in rows that differ",
                hint="`key_column` must tell every row apart",
            )
        return True

    def _fill(
        self, db: Database, staged: str, distinct: bool, held: State | None
    ) -> tuple[Schema, bool]:
        """Bring the rows in; returns the fields that the table then holds, and whether it has a
        primary key that came from here."""
        request, table, place = self.request, self._to.table, str(self._to)
        fields, made_key = request.fields, bool(held and held.extra.get("made_key"))
        if request.mode == "replace":
            made_key |= tables.prepare_replace(db, table, fields, place=place)
        else:
            before = held.fields if held else None
            keys = request.keys if request.mode == "merge" else ()
            fields = tables.target_fields(before, fields, place=place)
            # Appended rows may well repeat a key: one that we made must not stand in their way.
            drop_key = made_key and not keys
            made_key = tables.prepare_keep(
                db, table, before, fields, keys, drop_key=drop_key, place=place
            ) or (made_key and not drop_key)
        name = f"main.{quote(table)}"
        if request.mode == "merge":
            names = request.fields.names
            left = ", ".join(quote(k) for k in request.keys)
            right = ", ".join(f"c{names.index(k)}" for k in request.keys)
            db.execute(f"DELETE FROM {name} WHERE ({left}) IN (SELECT {right} FROM {staged})")
        into = ", ".join(quote(n) for n in request.fields.names)
        every = "DISTINCT *" if distinct else "*"
        db.execute(f"INSERT INTO {name} ({into}) SELECT {every} FROM {staged}")
        return fields, made_key

    def _look_up(self, cause: HyggeError) -> State:
        """What a COMMIT of unknown end has left. Raises its error where it did not happen."""
        with open_reader(self._to.path) as db:
            held = read_state(db, self._to.table, place=str(self._to))
        if held is None or not self._ours(held):
            raise cause
        return held

    def _ours(self, held: State) -> bool:
        """Whether this very load committed a state: another run's of the same name has read the
        source at another moment."""
        return (held.load_id, held.run_id) == (self.request.load_id, self.request.run_id)

    def abort(self) -> None:
        self._stage.remove()


class _Unsure(Exception):
    def __init__(self, cause: HyggeError) -> None:
        self.cause = cause


@contextmanager
def _turn(path: Path, context: Context) -> Iterator[None]:
    """One commit at a time into one file within this process: in turn, without polling."""
    with _turns_lock:
        lock = _turns.setdefault(path, threading.Lock())
    while not lock.acquire(timeout=0.5):
        context.cancel.check()
    try:
        yield
    finally:
        lock.release()


def _few(files: list[Path]) -> list[Path]:
    """The staged files, brought together in so few that one statement can read them all."""
    if len(files) <= _ATTACHED:
        return files
    with Database(files[0], "rw") as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        for file in files[1:]:
            db.execute(f"ATTACH {literal(file.absolute().as_uri() + '?mode=ro')} AS other")
            db.execute("INSERT INTO main.rows SELECT * FROM other.rows")
            db.execute("DETACH other")
    return files[:1]


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # pragma: no cover - folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
