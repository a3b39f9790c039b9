"""The kinds of destinations: how each is made, and how its rows are read by other means than it.

A database or a folder is read through one connection that stays open, where that is possible.
"""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import duckdb
import psycopg
import pymysql
from tests.contract import readers
from tests.contract.by_sdk import download
from tests.fabric import replicator
from tests.fabric.folder import FolderConnection
from tests.histories.history import FIELDS
from tests.servers import Database
from tests.servers.objects import Emulator
from tests.sql.mssql import support as mssql

from hygge import (
    CSVStore,
    DeltaStore,
    DuckDBStore,
    IcebergStore,
    IPCStore,
    MSSQLStore,
    MySQLStore,
    NDJSONStore,
    OpenMirroringStore,
    ParquetStore,
    PostgresStore,
    SQLiteStore,
    SQLStore,
    Store,
)
from hygge.core import registry
from hygge.core.context import Surroundings
from hygge.core.fields import Field, LogicalType, Schema, parse_type
from hygge.core.settings import build
from hygge.sql.alchemy.connection import SQLConnection
from hygge.testing.oracle import Row

TIMES = ("_hygge_valid_from", "_hygge_valid_to", "_hygge_deleted_at")
SCHEMA = Schema(
    [Field(n, parse_type("int64" if k.startswith("INTEGER") else "string"))
     for n, k in FIELDS.items()]
    + [Field(name, LogicalType("timestamp", unit="us", zone="UTC")) for name in TIMES]
    + [Field("_hygge_current", LogicalType("bool"))]
)  # fmt: skip
"""What there may be, for formats that tell types poorly."""


class Kind(ABC):
    """A kind of destination: `make` one by its name, and `read` all its rows.

    Parameters
    ----------
    folder: for files of its own.
    server: a database, or an emulator of an object store; what `on` says.
    """

    type: ClassVar[type[Store]]
    on: ClassVar[str] = ""
    """What it needs to be there: `postgres`, `mysql`, `s3`, `mssql`, or nothing."""

    def __init__(self, folder: Path, server: Any = None) -> None:
        self.folder = folder
        self.server = server
        self.held = ExitStack()

    def __enter__(self) -> Kind:
        return self

    def __exit__(self, *_: object) -> None:
        self.held.close()

    @abstractmethod
    def make(self, name: str) -> Store:
        """A Store of this kind."""

    @abstractmethod
    def read(self, store: Store) -> list[Row]:
        """All its rows, by other means than hygge's."""


class Folder(Kind):
    """A folder for each name."""

    def make(self, name: str) -> Store:
        return self.type(name, path=self.folder / name)


class Parquet(Folder):
    type = ParquetStore

    def read(self, store: Store) -> list[Row]:
        return readers.parquet(self.folder / store.name).to_dicts()


class CSV(Folder):
    type = CSVStore

    def read(self, store: Store) -> list[Row]:
        return readers.csv_files(self.folder / store.name, SCHEMA).to_dicts()


class NDJSON(Folder):
    type = NDJSONStore

    def read(self, store: Store) -> list[Row]:
        return readers.ndjson(self.folder / store.name, SCHEMA).to_dicts()


class IPC(Folder):
    type = IPCStore

    def read(self, store: Store) -> list[Row]:
        return readers.ipc(self.folder / store.name).to_dicts()


class Delta(Folder):
    type = DeltaStore

    def read(self, store: Store) -> list[Row]:
        return readers.delta(self.folder / store.name).to_dicts()


class Iceberg(Kind):
    """In a catalog of each history's own."""

    type = IcebergStore

    def make(self, name: str) -> Store:
        return IcebergStore(name, path=self.folder / name)

    def read(self, store: Store) -> list[Row]:
        return readers.iceberg(self.folder / store.name, store.name).to_dicts()


class S3(Kind):
    """Parquet in an object store, under a prefix of each history's own."""

    type = ParquetStore
    on = "s3"
    server: Emulator

    def make(self, name: str) -> Store:
        self.prefix = uuid4().hex
        connection = registry.lookup("connection", self.on)
        lake = build(connection, "the histories", self.server.settings(), {})
        path = f"{self.prefix}/{name}"
        return ParquetStore(name, path=path, connection="lake").bind(
            Surroundings(self.folder, {"lake": lake})
        )

    def read(self, store: Store) -> list[Row]:
        return readers.parquet(
            download(self.server, f"{self.prefix}/{store.name}", self.folder)
        ).to_dicts()


class GCS(S3):
    on = "gcs"


class Azure(S3):
    on = "azure"


class DuckDB(Kind):
    """In a file of each history's own: what a table is looked up in stays small."""

    type = DuckDBStore

    def make(self, name: str) -> Store:
        return DuckDBStore(name, path=str(self.folder / f"{name}.duckdb"))

    def read(self, store: Store) -> list[Row]:
        with duckdb.connect(self.folder / f"{store.name}.duckdb") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.sql(f'SELECT * FROM "{store.name}"')
            return [
                told(dict(zip(found.columns, row, strict=True))) for row in found.fetchall()
            ]  # fmt: skip


class SQLite(Kind):
    type = SQLiteStore

    def make(self, name: str) -> Store:
        return SQLiteStore(name, path=str(self.folder / f"{name}.db"))

    def read(self, store: Store) -> list[Row]:
        with closing(sqlite3.connect(self.folder / f"{store.name}.db")) as connection:
            found = connection.execute(f'SELECT * FROM "{store.name}"')
            names = [column[0] for column in found.description]
            return [told(dict(zip(names, row, strict=True))) for row in found]


class OnSQLite(SQLite):
    """Through SQLAlchemy, as any database that hygge knows nothing of."""

    type = SQLStore

    def make(self, name: str) -> Store:
        here = SQLConnection(url=f"sqlite:///{self.folder / name}.db")
        return SQLStore(name, connection="w").bind(Surroundings(self.folder, {"w": here}))


class Postgres(Kind):
    type = PostgresStore
    on = "postgres"
    scheme = "postgresql"
    server: Database

    def make(self, name: str) -> Store:
        place = self.server.url.partition("://")[2]
        return self.type(name, url=f"{self.scheme}://{place}")

    def read(self, store: Store) -> list[Row]:
        if not hasattr(self, "reader"):
            self.reader = self.held.enter_context(
                psycopg.connect(self.server.url, autocommit=True, prepare_threshold=None)
            )
        query = f"SELECT coalesce(json_agg(whole), '[]')::text FROM \"{store.name}\" AS whole"
        row = self.reader.execute(query.encode()).fetchone()
        assert row is not None
        return [told(each) for each in json.loads(row[0])]


class OnPostgres(Postgres):
    """Through SQLAlchemy and psycopg."""

    type = SQLStore
    scheme = "postgresql+psycopg"


class MySQL(Kind):
    type = MySQLStore
    on = "mysql"
    scheme = "mysql"
    server: Database

    def make(self, name: str) -> Store:
        place = self.server.url.partition("://")[2]
        return self.type(name, url=f"{self.scheme}://{place}")

    def read(self, store: Store) -> list[Row]:
        if not hasattr(self, "reader"):
            at = self.server
            self.reader = self.held.enter_context(
                closing(pymysql.connect(host=at.host, port=at.port, user=at.user,
                        password=at.password, database=at.database, autocommit=True))
            )  # fmt: skip
        with self.reader.cursor() as cursor:
            cursor.execute(f"SELECT * FROM `{store.name}`")
            names = [column[0] for column in cursor.description]
            return [told(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


class OnMySQL(MySQL):
    """Through SQLAlchemy and PyMySQL."""

    type = SQLStore
    scheme = "mysql+pymysql"


class MSSQL(Kind):
    type = MSSQLStore
    on = "mssql"

    def make(self, name: str) -> Store:
        with mssql.connect() as link:
            for table in (name, "_hygge_state"):
                link.execute(f"DROP TABLE IF EXISTS [{table}]")
        return MSSQLStore(name, url=mssql.url_of())

    def read(self, store: Store) -> list[Row]:
        with mssql.connect() as link:
            names, found = link.table(f"SELECT * FROM [{store.name}]")
        return [told(dict(zip(names, row, strict=True))) for row in found]


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


def told(row: Row) -> Row:
    """A row whose moments may be texts or without their zone, which is UTC, and whose truth may be
    a number."""
    for name in TIMES:
        value = row.get(name)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            row[name] = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if "_hygge_current" in row:
        row["_hygge_current"] = bool(row["_hygge_current"])
    return row


KINDS: Mapping[str, type[Kind]] = {
    "postgres": Postgres, "duckdb": DuckDB, "parquet": Parquet, "delta": Delta, "sqlite": SQLite,
    "mysql": MySQL, "iceberg": Iceberg, "open_mirroring": OpenMirroring, "mssql": MSSQL,
    "sql_sqlite": OnSQLite, "sql_postgres": OnPostgres, "sql_mysql": OnMySQL, "s3": S3,
    "gcs": GCS, "azure": Azure, "csv": CSV, "ndjson": NDJSON, "ipc": IPC,
}  # fmt: skip
