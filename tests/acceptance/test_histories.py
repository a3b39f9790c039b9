"""Any history of changes and runs leaves what the modes' equations say, in every Store.

`HYGGE_HISTORIES` says how many histories of each mode there are, and `HYGGE_HISTORY_STEPS` how long
they are. Without them, as in CI, it is one of 8 steps.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from tests.acceptance.histories import SCENARIOS, History, Scenario
from tests.contract import readers
from tests.fabric import replicator
from tests.fabric.folder import FolderConnection
from tests.servers import Database, Server
from tests.sql.mssql import support as mssql

from hygge import (
    DuckDBStore,
    MSSQLStore,
    MySQLStore,
    OpenMirroringStore,
    ParquetStore,
    PostgresStore,
    SQLiteStore,
    Store,
)
from hygge.core.context import Surroundings
from hygge.testing.oracle import Row

HISTORIES = int(os.environ.get("HYGGE_HISTORIES", "1"))
STEPS = int(os.environ.get("HYGGE_HISTORY_STEPS", "8"))
TIMES = ("_hygge_valid_from", "_hygge_valid_to", "_hygge_deleted_at")


class Kind:
    """A kind of destination: `make` one by its name, and `read` all its rows."""

    type: type[Store]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, name: str) -> Store:
        raise NotImplementedError

    def read(self, store: Store) -> list[Row]:
        raise NotImplementedError


class Parquet(Kind):
    type = ParquetStore

    def make(self, name: str) -> Store:
        return ParquetStore(name, path=self.folder / name)

    def read(self, store: Store) -> list[Row]:
        return readers.parquet(self.folder / store.name).to_dicts()


class DuckDB(Kind):
    type = DuckDBStore

    def make(self, name: str) -> Store:
        return DuckDBStore(name, path=str(self.folder / "warehouse.duckdb"))

    def read(self, store: Store) -> list[Row]:
        with duckdb.connect(self.folder / "warehouse.duckdb") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.sql(f'SELECT * FROM "{store.name}"')
            return [
                {n: v.astimezone(UTC) if isinstance(v, datetime) else v
                 for n, v in zip(found.columns, row, strict=True)}
                for row in found.fetchall()
            ]  # fmt: skip


class SQLite(Kind):
    type = SQLiteStore

    def make(self, name: str) -> Store:
        return SQLiteStore(name, path=str(self.folder / "warehouse.db"))

    def read(self, store: Store) -> list[Row]:
        with closing(sqlite3.connect(self.folder / "warehouse.db")) as connection:
            found = connection.execute(f'SELECT * FROM "{store.name}"')
            names = [column[0] for column in found.description]
            return [told(dict(zip(names, row, strict=True))) for row in found]


class Postgres(Kind):
    type = PostgresStore
    database: Database

    def make(self, name: str) -> Store:
        return PostgresStore(name, url=self.database.url)

    def read(self, store: Store) -> list[Row]:
        text = self.database.execute(
            f"SELECT coalesce(json_agg(whole), '[]') FROM \"{store.name}\" AS whole"
        )
        return [told(row) for row in json.loads(text)]


class MySQL(Kind):
    type = MySQLStore
    database: Database

    def make(self, name: str) -> Store:
        return MySQLStore(name, url=self.database.url)

    def read(self, store: Store) -> list[Row]:
        names = [row[0] for row in self.database.rows(f"SHOW COLUMNS FROM `{store.name}`")]
        shown = ", ".join(f"'{name}', `{name}`" for name in names)
        found = self.database.rows(f"SELECT json_object({shown}) FROM `{store.name}`")
        rows = [json.loads(str(text)) for (text,) in found]
        return [told({n: _zoned(n, v) for n, v in row.items()}) for row in rows]


def _zoned(name: str, value: object) -> object:
    return f"{value}+00:00" if name in TIMES and value is not None else value


def told(row: Row) -> Row:
    """A row whose moments are texts and whose truth may be a number."""
    for name in TIMES:
        if isinstance(value := row.get(name), str):
            row[name] = datetime.fromisoformat(value).astimezone(UTC)
    if "_hygge_current" in row:
        row["_hygge_current"] = bool(row["_hygge_current"])
    return row


class OpenMirroring(Kind):
    """A landing zone, replayed by a stand-in for Fabric."""

    type = OpenMirroringStore

    def make(self, name: str) -> Store:
        zone = "folder://zone/Files/LandingZone"
        found = FolderConnection(root=self.folder)
        return OpenMirroringStore(name, landing_zone=zone, connection="here").bind(
            Surroundings(connections={"here": found})
        )

    def read(self, store: Store) -> list[Row]:
        folder = self.folder / "zone" / "Files" / "LandingZone" / store.name
        return replicator.in_folder(folder).to_dicts()


@pytest.fixture(scope="module")
def warehouse(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        yield database


@pytest.fixture(scope="module")
def mysql_warehouse(mysql_server: Server) -> Iterator[Database]:
    with mysql_server.database() as database:
        yield database


class MSSQL(Kind):
    type = MSSQLStore

    def make(self, name: str) -> Store:
        with mssql.connect() as link:
            for table in (name, "_hygge_state"):
                link.execute(f"DROP TABLE IF EXISTS [{table}]")
        return MSSQLStore(name, url=mssql.url_of())

    def read(self, store: Store) -> list[Row]:
        with mssql.connect() as link:
            names, found = link.table(f"SELECT * FROM [{store.name}]")
        rows = (dict(zip(names, row, strict=True)) for row in found)
        return [
            {n: v.astimezone(UTC) if isinstance(v, datetime) else v for n, v in row.items()}
            for row in rows
        ]


KINDS = [
    Parquet, DuckDB, SQLite, OpenMirroring, Postgres, MySQL,
    pytest.param(MSSQL, marks=[mssql.needs_server, pytest.mark.timeout(900)]),
]  # fmt: skip


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__.lower())
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    made: Kind = request.param(tmp_path)
    if isinstance(made, Postgres):
        made.database = request.getfixturevalue("warehouse")
    if isinstance(made, MSSQL):
        mssql.is_babelfish()
    if isinstance(made, MySQL):
        made.database = request.getfixturevalue("mysql_warehouse")
    return made


@pytest.mark.timeout(120 + 10 * HISTORIES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_any_history(kind: Kind, scenario: Scenario, tmp_path: Path) -> None:
    wanted = ["deduplicate"] if "deduplicate" in scenario.settings else []
    wanted += ["marked"] if "deleted_when" in scenario.settings else []
    wanted += ["deletes"] if "deletes" in scenario.settings and scenario.compares else []
    wanted += ["by_window"] if "delete_by" in scenario.settings else []
    if scenario.mode not in kind.type.modes or not kind.type.abilities.issuperset(wanted):
        pytest.skip("this Store says that it cannot")
    for seed in range(HISTORIES):
        store = kind.make(f"{scenario.name} {seed}")
        History(scenario, tmp_path, store, kind.read, seed).go(STEPS)
