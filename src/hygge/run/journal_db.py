"""The journal's tables, how they came to be, and the two kinds of database they lie in.

The file in the project is reached by Python's own `sqlite3`; SQLAlchemy takes longer to import than
a small run takes, so it serves only the URLs that need it. Both are told the same SQL.
"""

from __future__ import annotations

import json
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygge.core.errors import JournalError
from hygge.core.secrets import Secret, redact

if TYPE_CHECKING:
    from sqlalchemy import Connection

BUSY_TIMEOUT_S = 30
Row = Mapping[str, Any]

_VERSIONS = (
    'CREATE TABLE hygge_journal_version ("version" INTEGER PRIMARY KEY, '
    '"applied" VARCHAR(40) NOT NULL)'
)
_RUNS = """
CREATE TABLE hygge_runs (
  "run_id" VARCHAR(64) PRIMARY KEY,
  "status" VARCHAR(16) NOT NULL,
  "started" VARCHAR(40) NOT NULL,
  "finished" VARCHAR(40),
  "project" TEXT NOT NULL,
  "environment" TEXT,
  "fingerprint" VARCHAR(64) NOT NULL,
  "host" TEXT NOT NULL,
  "pid" INTEGER NOT NULL,
  "hygge_version" VARCHAR(40) NOT NULL,
  "rows" BIGINT NOT NULL,
  "bytes" BIGINT NOT NULL,
  "reason" TEXT NOT NULL,
  "warnings" TEXT
)"""
_ENTITIES = """
CREATE TABLE hygge_entities (
  "run_id" VARCHAR(64) NOT NULL,
  "entity" VARCHAR(255) NOT NULL,
  "position" INTEGER NOT NULL,
  "status" VARCHAR(16) NOT NULL,
  "started" VARCHAR(40),
  "finished" VARCHAR(40),
  "rows" BIGINT NOT NULL,
  "bytes" BIGINT NOT NULL,
  "seconds" DOUBLE PRECISION NOT NULL,
  "source" TEXT NOT NULL,
  "destination" TEXT NOT NULL,
  "mode" VARCHAR(16) NOT NULL,
  "watermark_before" TEXT,
  "watermark_after" TEXT,
  "proof" TEXT,
  "generation" BIGINT,
  "attempts" INTEGER NOT NULL,
  "error" TEXT,
  "error_class" VARCHAR(80),
  "retryable" INTEGER NOT NULL,
  "hint" TEXT,
  "holds" TEXT NOT NULL,
  "notes" TEXT,
  "warnings" TEXT,
  PRIMARY KEY ("run_id", "entity")
)"""
_AS_JSON = ("watermark_before", "watermark_after", "proof", "notes", "warnings")
"""Columns that hold JSON."""


class Link(ABC):
    """A transaction. Names are quoted with `"`, values named `:so`."""

    @abstractmethod
    def run(self, sql: str, rows: Sequence[Row] = ({},)) -> None:
        """Run a statement once per row of values."""

    @abstractmethod
    def _ask(self, sql: str, values: Row, limit: int | None) -> list[dict[str, Any]]: ...

    @abstractmethod
    def has(self, table: str) -> bool:
        """Whether there is such a table."""

    def ask(
        self, sql: str, values: Row | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The first rows of a result, or all of them, with JSON read."""
        rows = self._ask(sql, values or {}, limit)
        for name in (n for n in _AS_JSON if rows and n in rows[0]):
            for row in rows:
                if isinstance(row[name], str):
                    row[name] = json.loads(row[name])
        return rows

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows that all have the same columns."""
        names = list(rows[0]) if rows else []
        values = ", ".join(f":{n}" for n in names)
        columns = ", ".join(f'"{n}"' for n in names)
        if rows:
            self.run(f"INSERT INTO {table} ({columns}) VALUES ({values})", [plain(r) for r in rows])

    def update(self, table: str, rows: Sequence[Row], *keys: str) -> None:
        """Set, for each row, its other columns where the columns named `keys` are as in the row."""
        if rows:
            changed = ", ".join(f'"{n}" = :{n}' for n in rows[0] if n not in keys)
            those = " AND ".join(f'"{n}" = :{n}' for n in keys)
            self.run(f"UPDATE {table} SET {changed} WHERE {those}", [plain(r) for r in rows])


def plain(row: Row) -> dict[str, Any]:
    """A row's values as both kinds of database take them."""
    return {
        name: json.dumps(value, ensure_ascii=False)
        if name in _AS_JSON and value is not None
        else int(value) if isinstance(value, bool) else value
        for name, value in row.items()
    }  # fmt: skip


def _first(link: Link) -> None:
    if not link.has("hygge_runs"):
        link.run(_RUNS)
        link.run('CREATE INDEX hygge_runs_started ON hygge_runs ("started")')
    if not link.has("hygge_entities"):
        link.run(_ENTITIES)
        link.run('CREATE INDEX hygge_entities_entity ON hygge_entities ("entity")')


def _second(link: Link) -> None:
    """Which configuration file a run was of."""
    link.run('ALTER TABLE hygge_runs ADD "config" VARCHAR(255)')


def _third(link: Link) -> None:
    """Whether a run was of all entities of its flows (1) or of a part of some (0)."""
    link.run('ALTER TABLE hygge_runs ADD "whole" INTEGER')


MIGRATIONS: tuple[Callable[[Link], None], ...] = (_first, _second, _third)
"""Each takes the tables from the version before it to its own, counting from 1. Never changed once
released."""


class Database(ABC):
    """Where a journal lies; `place` says it in words."""

    place: str
    errors: tuple[type[Exception], ...]
    """What it raises when there is trouble."""

    @abstractmethod
    def _transaction(self, *, write: bool) -> AbstractContextManager[Link]: ...

    def reading(self) -> AbstractContextManager[Link]:
        """A transaction for reading, which waits for no writer where that can be."""
        return self._told(write=False)

    def writing(self) -> AbstractContextManager[Link]:
        """One short transaction, committed at the end of the block."""
        return self._told(write=True)

    @contextmanager
    def _told(self, *, write: bool) -> Iterator[Link]:
        try:
            with self._transaction(write=write) as link:
                yield link
        except self.errors as error:
            raise trouble(self.place, error) from None

    def close(self) -> None:
        """Let go of what is kept open."""

    def migrate(self) -> None:
        """Bring the tables to the latest version.

        Raises JournalError where they are of a newer hygge, or cannot be read or written.
        """
        with self.reading() as link:
            if _version(link) == len(MIGRATIONS):
                return
        with self.writing() as link:
            if not link.has("hygge_journal_version"):
                link.run(_VERSIONS)
            at = _version(link)
            if at > len(MIGRATIONS):
                raise JournalError(
                    f"{self.place} has version {at}; this hygge knows up to {len(MIGRATIONS)}",
                    hint="use the newer hygge that wrote it, or move it away: only history is lost",
                )
            for version in range(at + 1, len(MIGRATIONS) + 1):
                MIGRATIONS[version - 1](link)
                now = datetime.now(UTC).isoformat(timespec="seconds")
                link.insert("hygge_journal_version", [{"version": version, "applied": now}])


def _version(link: Link) -> int:
    if not link.has("hygge_journal_version"):
        return 0
    return link.ask('SELECT max("version") AS "at" FROM hygge_journal_version')[0]["at"] or 0


class FileDatabase(Database):
    """A journal in an SQLite file; its folder is made."""

    errors = (sqlite3.Error, OSError)

    def __init__(self, file: Path, place: str) -> None:
        self._file, self.place = file, place

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Link]:
        """Readers and one writer at a time side by side, each writer waiting for its turn.

        https://sqlite.org/wal.html: with `synchronous=NORMAL` a power cut may undo the last
        transactions of a write-ahead log, and never damages it.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        opened = sqlite3.connect(self._file, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        with closing(opened) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN DEFERRED")
            with connection:  # commits, or rolls back after an error
                yield _FileLink(connection)


class _FileLink(Link):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, rows: Sequence[Row] = ({},)) -> None:
        if len(rows) == 1:
            self._connection.execute(sql, rows[0])
        else:
            self._connection.executemany(sql, rows)

    def _ask(self, sql: str, values: Row, limit: int | None) -> list[dict[str, Any]]:
        with closing(self._connection.execute(sql, values)) as cursor:
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def has(self, table: str) -> bool:
        return bool(self.ask("SELECT 1 FROM sqlite_master WHERE name = :name", {"name": table}))


class ServerDatabase(Database):
    """A journal wherever SQLAlchemy reaches."""

    def __init__(self, url: str, place: str) -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import SQLAlchemyError

        self.errors = (SQLAlchemyError, OSError)
        self.place = place
        try:
            self._engine = create_engine(url, pool_pre_ping=True)
        except (*self.errors, ImportError) as error:
            raise trouble(place, error) from None

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Link]:
        with self._engine.begin() as connection:
            yield _ServerLink(connection)

    def close(self) -> None:
        self._engine.dispose()


class _ServerLink(Link):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._quote = connection.dialect.identifier_preparer.initial_quote
        self._mysql = connection.dialect.name in ("mysql", "mariadb")

    def _text(self, sql: str) -> Any:
        from sqlalchemy import text

        return text(sql.replace('"', "`") if self._quote == "`" else sql)

    def run(self, sql: str, rows: Sequence[Row] = ({},)) -> None:
        if self._mysql and sql.lstrip().startswith("CREATE TABLE"):
            sql = sql.replace(" TEXT", " LONGTEXT")  # its TEXT ends at 64 KB
        self._connection.execute(self._text(sql), [dict(row) for row in rows])

    def _ask(self, sql: str, values: Row, limit: int | None) -> list[dict[str, Any]]:
        found = self._connection.execute(self._text(sql), dict(values)).mappings()
        return [dict(r) for r in (found.all() if limit is None else found.fetchmany(limit))]

    def has(self, table: str) -> bool:
        return self._connection.dialect.has_table(self._connection, table)


def database_of(url: Secret | None, file: Path) -> Database:
    """The database of a journal, not yet opened.

    Parameters
    ----------
    url: an SQLAlchemy URL; None for the file.
    file: the SQLite file used without a URL.

    Raises JournalError where its driver is not installed, ConfigError where the URL names a
    variable that is not set.
    """
    if url is None:
        return FileDatabase(file, str(file))
    plain_url, place = url.reveal(), f"the journal at {url}"
    if plain_url.startswith("sqlite:///") and plain_url[10:] and "?" not in plain_url:
        return FileDatabase(Path(plain_url[10:]), place)
    return ServerDatabase(plain_url, place)


def trouble(place: str, error: Exception) -> JournalError:
    """A database's error as one that says what to do."""
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    if re.search(r"malformed|not a database|no such (?:table|column)|file is encrypted", cause):
        return JournalError(
            f"{place} is damaged: {cause}",
            hint=f"move {place}* away, and a new one is begun; only history is lost",
        )
    hint = "see that it can be reached and written; the data itself does not depend on it"
    if isinstance(error, ImportError):
        hint = "install the driver that the journal's URL asks for"
    return JournalError(redact(f"{place} cannot be used: {cause}"), hint=hint)
