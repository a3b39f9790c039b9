"""The two kinds of database that a journal lies in.

The file in the project is reached by Python's own `sqlite3`; SQLAlchemy takes longer to import than
a small run takes, so it serves only the URLs that need it. Both are told the same SQL.
"""

from __future__ import annotations

import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygge.core.errors import JournalError
from hygge.core.secrets import Secret, redact
from hygge.run.journal_link import Link, Row
from hygge.run.journal_tables import is_current, migrate

if TYPE_CHECKING:
    from sqlalchemy import Connection

BUSY_TIMEOUT_S = 30


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

    def keep(self) -> None:
        """Have transactions up to `close` be quick, one after another."""

    def close(self) -> None:
        """Let go of what is kept open."""

    def migrate(self) -> None:
        """Bring the tables to the latest version.

        Raises JournalError where they are of a newer hygge, or cannot be read or written.
        """
        with self.reading() as link:
            if is_current(link):
                return
        with self.writing() as link:
            migrate(link, self.place)


class FileDatabase(Database):
    """A journal in an SQLite file; its folder is made."""

    errors = (sqlite3.Error, OSError)

    def __init__(self, file: Path, place: str) -> None:
        self._file, self.place = file, place
        self._kept: sqlite3.Connection | None = None

    def keep(self) -> None:
        """See Database: who is the last to close a file has its log brought into it, and waits for
        the disk four times."""
        if self._kept is None:
            with self._told(write=False):
                self._kept = sqlite3.connect(
                    self._file, timeout=BUSY_TIMEOUT_S, check_same_thread=False
                )
                self._kept.execute("SELECT 1 FROM sqlite_master").close()  # now the log is open

    def close(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

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
