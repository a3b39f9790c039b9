"""The sides of the matrix: each connector's suite, made ready outside of its own tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.contract import (
    test_alchemy,
    test_databases,
    test_delta,
    test_duckdb,
    test_file_homes,
    test_file_stores,
    test_iceberg,
    test_mssql,
    test_mssql_store,
    test_mysql,
    test_mysql_store,
    test_object_stores,
    test_odbc,
    test_open_mirroring,
    test_postgres,
    test_postgres_store,
    test_sql_store,
    test_sql_store_mysql,
)

from hygge.testing.homes import HomeContract
from hygge.testing.quirks import Quirks
from hygge.testing.stores import StoreContract

S = TypeVar("S", bound=Quirks)
There = Callable[[str], Any]
"""What a side needs to be there, by what it is on: a database, a table or an emulator."""
FILLED = {
    "postgres": "database", "mysql": "database", "mssql": "table",
    "s3": "emulator", "azure": "emulator", "gcs": "emulator",
}  # fmt: skip
"""The attributes of suites that it fills."""


@dataclass(frozen=True)
class Side(Generic[S]):
    """A suite, and what it needs to be there.

    Parameters
    ----------
    suite: the class.
    on: `postgres`, `mysql`, `mssql`, `s3`, `azure` or `gcs`; "" for nothing.
    """

    suite: type[S]
    on: str = ""

    def ready(self, folder: Path, there: There) -> S:
        """The suite with all it needs, in a folder of its own. Raises Missing."""
        folder.mkdir()
        made = self.suite()
        made.folder = folder
        made.__dict__["prefix"] = f"{uuid.uuid4().hex[:12]}_"  # of tables in a shared database
        if self.on:
            setattr(made, FILLED[self.on], there(self.on))
        return made


class OnAzure(test_object_stores.TestParquetOnS3):
    on = "azure"


class OnGoogle(test_object_stores.TestParquetOnS3):
    on = "gcs"


HOMES: Mapping[str, Side[HomeContract]] = {
    "parquet": Side(test_file_homes.TestParquetHome),
    "csv": Side(test_file_homes.TestCSVHome),
    "ndjson": Side(test_file_homes.TestNDJSONHome),
    "ipc": Side(test_file_homes.TestIPCHome),
    "sqlite": Side(test_databases.TestSQLiteHome),
    "duckdb": Side(test_duckdb.TestDuckDBHome),
    "delta": Side(test_delta.TestDeltaHome),
    "iceberg": Side(test_iceberg.TestIcebergHome),
    "s3": Side(test_object_stores.TestParquetFromS3, "s3"),
    "postgres": Side(test_postgres.TestPostgresHome, "postgres"),
    "mysql": Side(test_mysql.TestMySQLHome, "mysql"),
    "odbc": Side(test_odbc.TestODBCHome, "postgres"),
    "sql_psycopg": Side(test_alchemy.TestSQLHomeByPsycopg, "postgres"),
    "sql_pymysql": Side(test_alchemy.TestSQLHomeByPyMySQL, "mysql"),
    "mssql": Side(test_mssql.TestMSSQLHome, "mssql"),
}
STORES: Mapping[str, Side[StoreContract]] = {
    "parquet": Side(test_file_stores.TestParquetStore),
    "csv": Side(test_file_stores.TestCSVStore),
    "ndjson": Side(test_file_stores.TestNDJSONStore),
    "ipc": Side(test_file_stores.TestIPCStore),
    "sqlite": Side(test_databases.TestSQLiteStore),
    "duckdb": Side(test_duckdb.TestDuckDBStore),
    "delta": Side(test_delta.TestDeltaStore),
    "iceberg": Side(test_iceberg.TestIcebergStore),
    "open_mirroring": Side(test_open_mirroring.TestOpenMirroringStore),
    "postgres": Side(test_postgres_store.TestPostgresStore, "postgres"),
    "mysql": Side(test_mysql_store.TestMySQLStore, "mysql"),
    "sql": Side(test_sql_store.TestSQLStoreOfUnknownDatabases),
    "sql_psycopg": Side(test_sql_store.TestSQLStoreByPsycopg, "postgres"),
    "sql_pymysql": Side(test_sql_store_mysql.TestSQLStoreByPyMySQL, "mysql"),
    "mssql": Side(test_mssql_store.TestMSSQLStore, "mssql"),
    "s3": Side(test_object_stores.TestParquetOnS3, "s3"),
    "azure": Side(OnAzure, "azure"),
    "gcs": Side(OnGoogle, "gcs"),
}
