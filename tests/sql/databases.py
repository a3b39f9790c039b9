"""SQLite files for tests, made and read by the standard library."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
from tests.files.driving import bound

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.reading import HomeSession
from hygge.homes.sqlite import SQLiteHome


def make(
    path: Path, *statements: str, rows: dict[str, Iterable[Sequence[Any]]] | None = None
) -> Path:
    """A database with what the statements make, and rows by table."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        for table, values in (rows or {}).items():
            for value in values:
                marks = ", ".join("?" * len(value))
                connection.execute(f"INSERT INTO {table} VALUES ({marks})", value)
        connection.commit()
    return path


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the standard library's SQLite answers."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def read(path: Path, table: str = "t", **settings: Any) -> pl.DataFrame:
    """All rows through a SQLiteHome, conformed."""
    batches = list(SQLiteHome(table, path=str(path), **settings).read_sync())
    if batches:
        return pl.concat(batches)
    with open_home(path, table, **settings) as session:
        return drain(session)


def drain(
    session: HomeSession, request: ReadRequest | None = None, chunk: Chunk = WHOLE
) -> pl.DataFrame:
    """All rows of a session, or of a chunk, conformed to its schema."""
    schema, request = session.schema(), request or ReadRequest()
    if request.columns:
        from hygge.core.fields import Schema

        schema = Schema(schema[n] for n in request.columns)
    frames = [conform(b, schema, entity="t") for b in session.read(request, chunk)]
    return pl.concat(frames) if frames else schema.empty()


def open_home(path: Path, table: str = "t", **settings: Any) -> HomeSession:
    """A session on a table."""
    session: HomeSession = bound(SQLiteHome(table, path=str(path), **settings)).open(Context())
    return session
