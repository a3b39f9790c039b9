"""What SQLite does to take a load: the modes' SQL is that of all databases; rows wait in files of
their own, attached while they are brought in, since SQLite lets one write at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import polars as pl

from hygge.core.errors import DataError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.load import check_kept
from hygge.core.watermark import Position
from hygge.sql.dialect import Dialect, literal
from hygge.sql.link import Link
from hygge.sql.settle.bringing import Filled
from hygge.sql.settle.fill import Filling
from hygge.sql.settle.modes import replace as replacing
from hygge.sql.settle.modes import words
from hygge.sql.settle.place import Place
from hygge.sql.settle.ready import primary_key, recase
from hygge.sql.settle.replacing import check_strange, rows_there
from hygge.sql.settle.settler import Settler
from hygge.sql.sqlite import tables
from hygge.sql.sqlite.access import Database
from hygge.sql.sqlite.catalogue import find, indexes_of, triggers_of
from hygge.sql.sqlite.types import DIALECT, show

STAGED, KEYS = "hygge_staged", "hygge_keys"
"""The temporary view or table of the rows that come, and that of the keys that the source has."""


@dataclass(frozen=True, slots=True)
class SQLitePlace(Place):
    """A table of a file; what waits is temporary."""

    def __str__(self) -> str:
        return f"{self.database}#{self.table}"

    def sql(self, dialect: Dialect, table: str = "") -> str:
        schema = "temp" if table in (STAGED, KEYS) else "main"
        return f"{schema}.{dialect.quote(table or self.table)}"


class SQLiteLink(Link):
    """A `Database` as the modes want one."""

    def __init__(self, db: Database) -> None:
        self.db, self.label = db, db.label

    def execute(self, sql: str) -> None:
        self.db.execute(sql)

    def rows(self, sql: str) -> Sequence[tuple[object, ...]]:
        return self.db.rows(sql)

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with self.db.stream(sql, batch_rows) as reader:
            yield (pl.DataFrame(batch) for batch in reader)

    def cancel(self) -> None:
        """Nothing: SQLite's statements cannot be stopped from another thread here."""

    def close(self) -> None:
        self.db.close()


def _stored(value: Position, kind: LogicalType) -> str:
    """A moment as `encode` lays it down, so that it compares with others; else as `types.show`."""
    if kind.kind != "timestamp" or not isinstance(value, datetime):
        return show(value, kind)
    plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    digits = "milliseconds" if kind.unit == "ms" else "microseconds"
    text = plain.isoformat(sep=" ", timespec=digits)
    return literal(text + ("000" if kind.unit == "ns" else "") + ("+00:00" if kind.zone else ""))


class SQLiteSettler(Settler):
    """See the module; all of it within one transaction, tables too."""

    dialect = replace(DIALECT, show=_stored)
    straight = False
    case_matters = False
    longest_name = 1 << 16

    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        """See Settler; of rows that are encoded."""
        assert isinstance(link, SQLiteLink)
        names = ", ".join(map(self.dialect.quote, rows.columns))
        marks = ", ".join("?" * rows.width)
        link.db.execute(f"INSERT INTO {self.dialect.quote(table)} ({names}) VALUES ({marks})", rows)
        return rows.height

    def begin(self, link: Link) -> None:
        link.execute("BEGIN IMMEDIATE")

    def names(self, link: Link, place: Place, table: str = "") -> list[str] | None:
        name = self.dialect.text(table or place.table)
        within = "" if table else ", 'main'"  # a file of rows that wait may have one of the name
        found = link.rows(f"SELECT name FROM pragma_table_info({name}{within})")
        return [str(column) for (column,) in found] or None

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        """None that would need a look: `tables` sees to it that a table takes what comes."""
        return {}

    def is_table(self, link: Link, place: Place) -> bool:
        found = find(link.rows, place.table, "main")
        return found is not None and found[2] == "table"

    def stages(self, link: Link, place: Place) -> list[str]:
        """None: rows wait in files."""
        return []

    def triggers(self, link: Link, place: Place) -> list[str]:
        return triggers_of(link.rows, place.table)

    def indexes(self, link: Link, place: Place) -> list[str]:
        return indexes_of(link.rows, place.table)

    def index_sql(self, place: Place, table: str, name: str, columns: Sequence[str]) -> str:
        """See Settler. It is the index whose name says which file it is in."""
        quote = self.dialect.quote
        listed = ", ".join(map(quote, columns))
        return f"CREATE INDEX main.{quote(name)} ON {quote(table)} ({listed})"

    def delete_coming(self, target: str, stage: str, keys: Sequence[Field], also: str = "") -> str:
        """See Settler; without a condition by a list of keys, which SQLite makes an index of."""
        if also:
            return super().delete_coming(target, stage, keys, also)
        listed = ", ".join(self.dialect.quote(key.name) for key in keys)
        # Whatever collation somebody gave a column, texts that differ are different keys.
        held = ", ".join(
            self.dialect.quote(key.name) + " COLLATE BINARY" * (key.type.kind == "string")
            for key in keys
        )
        return f"DELETE FROM {target} WHERE ({held}) IN (SELECT {listed} FROM {stage})"


@dataclass(frozen=True)
class SQLiteFilling(Filling):
    """See Filling. Tables are kept as they are as far as can be, and what was made on them stays.

    Parameters
    ----------
    made_key: whether the table has a primary key that came from here.
    made: the same for what it is afterwards, once it has run.
    """

    made_key: bool = False
    made: list[bool] = field(default_factory=list)

    @property
    def _db(self) -> Database:
        assert isinstance(self.link, SQLiteLink)
        return self.link.db

    def replace(self, loaded: int) -> Filled:
        place = self.place
        check_strange(self)
        for key in (f for f in self.fields if f.key and f.nullable and f.type.kind == "int64"):
            # SQLite makes up a number for a NULL in a key that is the rowid.
            stage = place.sql(self.settler.dialect, self.stage)
            if self.link.rows(words.null_key(self.settler.dialect, stage, key.name)):
                raise DataError(f"{self.request.entity}: the key '{key.name}' is NULL in some row")
        held, there = self.held, rows_there(self)
        if held is not None and there is not None:  # somebody may have changed it since
            held = replace(held, rows=there)
        made = tables.prepare_replace(self._db, place.table, self.fields, place=str(place))
        self.look.again()
        self.made.append(self.made_key or made)
        self.watch.none(words.count(self.settler.dialect, place.sql(self.settler.dialect)))
        doubled = bool(self.request.terms.latest) and self.check_keys()
        self.run_steps(replacing.plan(self.rows_of(place.table, doubled=doubled)))
        rows = self.count(place.table)
        check_kept(self.request.entity, rows, held, self.request.terms)
        return Filled(rows, True, {})

    def prepare(self) -> None:
        keys = primary_key(self.request)
        # Appended rows may well repeat a key: one that we made must not stand in their way.
        drop_key = self.made_key and not keys
        recase(self, self.look.names or [])
        made = tables.prepare_keep(
            self._db, self.place.table, self.held.fields if self.held else None, self.fields, keys,
            drop_key=drop_key, place=str(self.place),
        )  # fmt: skip
        self.look.again()
        self.made.append(made or (self.made_key and not drop_key))


def stage(
    link: SQLiteLink, name: str, fields: Schema, files: Sequence[str], keys: Sequence[str]
) -> None:
    """Have the rows of attached files as one temporary view; or as a table with an index, if they
    are to be looked up by keys.

    Parameters
    ----------
    files: the names by which they are attached.
    keys: columns; none for a view.
    """
    quote = DIALECT.quote
    named = ", ".join(f"c{at} AS {quote(f.name)}" for at, f in enumerate(fields))
    nothing = ", ".join(f"NULL AS {quote(f.name)}" for f in fields)
    rows = " UNION ALL ".join(f"SELECT {named} FROM {file}.rows" for file in files)
    rows = rows or f"SELECT {nothing} WHERE 0"
    if not keys:
        link.execute(f"CREATE TEMP VIEW {name} AS {rows}")
        return
    # An index serves only those who compare by its column's affinity, which for keys is that of the
    # table (https://sqlite.org/datatype3.html#affinity_of_operands).
    columns = (f"{quote(f.name)} {DIALECT.ddl(f.type) if f.name in keys else ''}" for f in fields)
    link.execute(f"CREATE TEMP TABLE {name} ({', '.join(columns)})")
    link.execute(f"INSERT INTO temp.{name} {rows}")
    link.execute(f"CREATE INDEX temp.{name}_by ON {name} ({', '.join(map(quote, keys))})")
