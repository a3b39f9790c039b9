"""The journal's tables, how they came to be, and how trouble with their database is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    insert,
    select,
)  # fmt: skip
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from hygge.core.errors import JournalError
from hygge.core.secrets import Secret, redact

BUSY_TIMEOUT_S = 30

metadata = MetaData()

versions = Table(
    "hygge_journal_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied", String(40), nullable=False),
)

runs = Table(
    "hygge_runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("started", String(40), nullable=False, index=True),
    Column("finished", String(40)),
    Column("project", Text, nullable=False, default=""),
    Column("environment", Text),
    Column("fingerprint", String(64), nullable=False, default=""),
    Column("host", Text, nullable=False, default=""),
    Column("pid", Integer, nullable=False, default=0),
    Column("hygge_version", String(40), nullable=False, default=""),
    Column("rows", BigInteger, nullable=False, default=0),
    Column("bytes", BigInteger, nullable=False, default=0),
    Column("reason", Text, nullable=False, default=""),
    Column("warnings", JSON),
)

entities = Table(
    "hygge_entities",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("entity", String(255), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("started", String(40)),
    Column("finished", String(40)),
    Column("rows", BigInteger, nullable=False, default=0),
    Column("bytes", BigInteger, nullable=False, default=0),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("source", Text, nullable=False, default=""),
    Column("destination", Text, nullable=False, default=""),
    Column("mode", String(16), nullable=False, default=""),
    Column("watermark_before", JSON),
    Column("watermark_after", JSON),
    Column("proof", JSON),
    Column("generation", BigInteger),
    Column("attempts", Integer, nullable=False, default=0),
    Column("error", Text),
    Column("error_class", String(80)),
    Column("retryable", Boolean, nullable=False, default=False),
    Column("hint", Text),
    Column("holds", Text, nullable=False, default=""),
    Column("notes", JSON),
    Column("warnings", JSON),
    Index("hygge_entities_entity", "entity"),
)


def _first(connection: Connection) -> None:
    for table in (runs, entities):
        table.create(connection, checkfirst=True)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_first,)
"""Each takes the tables from the version before it to its own, counting from 1. Never changed once
released; the tables above show the latest."""


def open_engine(url: Secret | None, file: Path) -> tuple[Engine, str]:
    """The database of a journal, and its place in words.

    Parameters
    ----------
    url: an SQLAlchemy URL; None for the file.
    file: the SQLite file used without a URL; its folder is made.

    Raises JournalError where it cannot be reached, or its driver is not installed.
    """
    place = str(file) if url is None else f"the journal at {url}"
    with told(place):
        if url is None:
            file.parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(
                f"sqlite:///{file}",
                poolclass=NullPool,
                connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
            )
        else:
            engine = create_engine(url.reveal(), pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        _tune(engine)
    return engine, place


def _tune(engine: Engine) -> None:
    """SQLite: readers and one writer at a time side by side, each waiting for its turn.

    https://sqlite.org/wal.html: with `synchronous=NORMAL` a power cut may undo the last
    transactions of a write-ahead log, and never damages it.
    """

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # hygge begins its transactions itself, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        kind = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {kind}")


@contextmanager
def reading(engine: Engine, place: str) -> Iterator[Connection]:
    """A connection for reading, which waits for no writer."""
    with told(place), engine.connect() as plain:
        yield plain.execution_options(sqlite_begin="DEFERRED")


@contextmanager
def writing(engine: Engine, place: str) -> Iterator[Connection]:
    """One short transaction, committed at the end of the block."""
    with told(place), engine.begin() as connection:
        yield connection


def migrate(engine: Engine, place: str) -> None:
    """Bring the tables to the latest version.

    Raises JournalError where they are of a newer hygge, or cannot be read or written.
    """
    with reading(engine, place) as connection:
        if _version(connection, engine) == len(MIGRATIONS):
            return
    with writing(engine, place) as connection:
        versions.create(connection, checkfirst=True)
        at = connection.scalar(select(func.max(versions.c.version))) or 0
        if at > len(MIGRATIONS):
            raise JournalError(
                f"{place} has version {at}; this hygge knows up to {len(MIGRATIONS)}",
                hint="use the newer hygge that wrote it, or move it away: only history is lost",
            )
        for version in range(at + 1, len(MIGRATIONS) + 1):
            MIGRATIONS[version - 1](connection)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            connection.execute(insert(versions), {"version": version, "applied": now})


def _version(connection: Connection, engine: Engine) -> int:
    if not engine.dialect.has_table(connection, versions.name):
        return 0
    return connection.scalar(select(func.max(versions.c.version))) or 0


@contextmanager
def told(place: str) -> Iterator[None]:
    """Turn the database's errors into JournalErrors that say what to do."""
    try:
        yield
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise _journal_error(place, error) from None


def _journal_error(place: str, error: Exception) -> JournalError:
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
