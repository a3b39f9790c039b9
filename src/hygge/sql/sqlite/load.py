"""A load into an SQLite table: staged outside, then one transaction for data and state."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hygge.core.context import Context
from hygge.core.errors import ConflictError, HyggeError, UnsupportedError
from hygge.core.fields import LogicalType, Schema
from hygge.core.load import Commit, Load, LoadRequest
from hygge.core.settling import StoreSession
from hygge.core.state import Receipt, State, with_store_facts
from hygge.core.steps import reached
from hygge.sql.dialect import literal
from hygge.sql.settle.about import About
from hygge.sql.settle.drift import check_shape, recased, target_fields, with_names
from hygge.sql.settle.fill import tell_triggers
from hygge.sql.settle.look import Look
from hygge.sql.settle.shape import reindex, tell
from hygge.sql.sqlite.access import Database, open_reader
from hygge.sql.sqlite.encode import check
from hygge.sql.sqlite.settler import (
    KEYS,
    STAGED,
    SQLiteFilling,
    SQLiteLink,
    SQLitePlace,
    SQLiteSettler,
    stage,
)
from hygge.sql.sqlite.stage import Stage, StageWriter, Ticket
from hygge.sql.sqlite.state import read_state, write_state
from hygge.sql.sqlite.types import DIALECT, EXACT_DIGITS

STEPS = (
    "sqlite.begun", "sqlite.staged", "sqlite.attached", "sqlite.locked", "sqlite.filled",
    "sqlite.state_written", "sqlite.committed", "sqlite.cleaned",
)  # fmt: skip
"""The commit protocol, in order. What was committed is what `sqlite.committed` has seen."""
KEYS_CHUNK = 99_999
"""The number under which keys are staged."""
_ATTACHED = 8
"""Files read together; SQLite attaches 10 at most by default (sqlite.org/limits.html, 11)."""
_turns: dict[Path, threading.Lock] = {}
_turns_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a load goes: a file, absolute, a table in it, and the columns of each index that this
    is to have if it is made."""

    path: Path
    table: str
    indexes: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return f"{self.path}#{self.table}"

    @property
    def place(self) -> SQLitePlace:
        return SQLitePlace("", self.table, str(self.path), indexes=self.indexes)


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

    def valued(self, column: str) -> int:
        quote = DIALECT.quote
        with open_reader(self._to.path) as db:
            found = db.rows(f"SELECT COUNT({quote(column)}) FROM {quote(self._to.table)}")
        return int(found[0][0])

    def begin(self, request: LoadRequest) -> SQLiteLoad:
        """Begin a load. Raises UnsupportedError for fields that SQLite cannot hold."""
        check(request.stored)
        latest = request.fields.get(request.terms.latest)
        if latest is not None and not sorts(latest.type):
            raise UnsupportedError(
                f"{self._to}: `deduplicate` by '{latest.name}': SQLite keeps {latest.type} as "
                "text, which is not in the order of its values",
                hint="`cast` it, or choose another column",
            )
        held = self.state()
        self._load = SQLiteLoad(self._to, request, held, self._context)
        return self._load

    def close(self) -> None:
        if self._load is not None:
            self._load.abort()


class SQLiteLoad(Load):
    """See Load. Writers stage; `commit` copies what they staged within one transaction."""

    def __init__(
        self, destination: Destination, request: LoadRequest, held: State | None, context: Context
    ) -> None:
        self._to, self.request, self._context = destination, request, context
        held = with_names(held, recased(held, request, case_matters=False))
        self._fields = target_fields(held, request, destination.place)
        SQLiteSettler().check(self._fields, destination.place)
        check_shape(destination.place, self._fields, ())
        self._coming = Schema(self._fields.get(f.name) or f for f in request.fields)
        """The fields of what comes, as wide as the table's."""
        self._stage = Stage(destination.path, request.load_id)
        self._ticket = Ticket(self._stage.folder, replace(request, fields=self._coming))
        self._keys: Path | None = None
        """The file of the keys that the source has."""
        if self._stage.left > 1:
            context.note(
                f"an unfinished load had begun {self._stage.left} chunks, which are all read "
                "again: an SQLite file keeps no ledger of them",
                "info",
            )
        reached("sqlite.begun")

    def writer(self, chunk: int) -> StageWriter:
        return StageWriter(self._ticket, chunk, self._context)

    def key_writer(self) -> StageWriter:
        """See Load. The keys are staged as rows are."""
        request = replace(self.request, fields=self._of_keys)
        ticket = Ticket(self._stage.folder, request)
        self._keys = ticket.file(KEYS_CHUNK)
        return StageWriter(ticket, KEYS_CHUNK, self._context)

    def staged_keys(self) -> int:
        assert self._keys is not None  # a writer was made
        with Database(self._keys, "ro") as db:
            return int(db.row("SELECT count(*) FROM rows")[0])

    @property
    def _of_keys(self) -> Schema:
        return Schema(self._coming[key] for key in self.request.keys)

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
            link, settler = SQLiteLink(db), SQLiteSettler()
            self._attach(link, files)
            reached("sqlite.attached")
            settler.begin(link)
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
            look = Look(settler, link, self._to.place)
            tell_triggers(look, self._context.note)
            if self.request.mode != "replace":
                tell(look, self._context.note)
            names = recased(held, self.request, case_matters=False)
            held = with_names(held, names)
            about = About(
                settler, link, self._to.place, look, self.request, self._fields, self._coming, held,
                names, self._context.note,
            )  # fmt: skip
            filling = SQLiteFilling.of(
                about, stage=STAGED, staged=True, straight="", fresh="",
                keys=KEYS if self._keys else "", swap=False, hold=lambda: None,
                made_key=bool(held and held.extra.get("made_key")),
            )  # fmt: skip
            rows = filling.run(state.loaded).rows
            reindex(look, self._context.note)
            reached("sqlite.filled")
            extra = {"made_key": True} if filling.made[0] else {}
            stored = with_store_facts(replace(state, fields=self._fields), rows=rows, extra=extra)
            write_state(db, self._to.table, stored)
            reached("sqlite.state_written")
            try:
                settler.commit(link)
            except HyggeError as error:
                raise _Unsure(error) from error
            return stored

    def _attach(self, link: SQLiteLink, files: Sequence[Path]) -> None:
        """Have what was staged at hand; what is looked up by key, with an index."""
        request = self.request
        attached = [f"s{at}" for at in range(len(files))]
        for name, file in zip(attached, files, strict=True):
            link.execute(f"ATTACH {_read_only(file)} AS {name}")
        deletes = request.terms.deletes
        asked = request.terms.latest or request.terms.finds or (deletes and deletes.marked)
        looked_up = request.mode == "scd2" or asked
        stage(link, STAGED, self._coming, attached, request.keys if looked_up else ())
        if self._keys is not None:
            link.execute(f"ATTACH {_read_only(self._keys)} AS k")
            stage(link, KEYS, self._of_keys, ["k"], request.keys)

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
            db.execute(f"ATTACH {_read_only(file)} AS other")
            db.execute("INSERT INTO main.rows SELECT * FROM other.rows")
            db.execute("DETACH other")
    return files[:1]


def _read_only(file: Path) -> str:
    return literal(f"{file.absolute().as_uri()}?mode=ro")


def sorts(kind: LogicalType) -> bool:
    """Whether values of a type lie in their own order."""
    return kind.kind not in ("uint64", "list", "struct") and not (
        kind.kind == "decimal" and (kind.precision or 38) > EXACT_DIGITS
    )


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # pragma: no cover - folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
