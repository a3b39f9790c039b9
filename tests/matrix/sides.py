"""The sides of the matrix: each connector's suite, made ready outside of its own tests."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from tests.contract import (
    test_alchemy,
    test_databases,
    test_delta,
    test_duckdb,
    test_file_homes,
    test_file_stores,
    test_iceberg,
    test_mysql,
    test_mysql_store,
    test_object_stores,
    test_odbc,
    test_open_mirroring,
    test_postgres,
    test_postgres_store,
)

from hygge.testing.homes import HomeContract
from hygge.testing.quirks import Quirks
from hygge.testing.stores import StoreContract

S = TypeVar("S", bound=Quirks)


@dataclass(frozen=True)
class Side(Generic[S]):
    """A suite, and the fixtures it needs.

    Parameters
    ----------
    suite: the class.
    fixtures: its attributes to the fixtures that fill them.
    """

    suite: type[S]
    fixtures: Mapping[str, str] = field(default_factory=dict)

    def ready(self, folder: Path, request: pytest.FixtureRequest) -> S:
        """The suite with all it needs, in a folder of its own."""
        folder.mkdir()
        made = self.suite()
        made.folder = folder
        made.__dict__["prefix"] = f"{uuid.uuid4().hex[:12]}_"  # of tables in a shared database
        for name, fixture in self.fixtures.items():
            setattr(made, name, request.getfixturevalue(fixture))
        return made


class OnAzure(test_object_stores.TestParquetOnS3):
    on = "azure"


class OnGoogle(test_object_stores.TestParquetOnS3):
    on = "gcs"


IN_POSTGRES = {"database": "in_postgres"}
IN_MYSQL = {"database": "in_mysql"}
ON_S3, ON_AZURE, ON_GOOGLE = ({"emulator": f"on_{name}"} for name in ("s3", "azure", "gcs"))

HOMES: Mapping[str, Side[HomeContract]] = {
    "parquet": Side(test_file_homes.TestParquetHome),
    "csv": Side(test_file_homes.TestCSVHome),
    "ndjson": Side(test_file_homes.TestNDJSONHome),
    "ipc": Side(test_file_homes.TestIPCHome),
    "sqlite": Side(test_databases.TestSQLiteHome),
    "duckdb": Side(test_duckdb.TestDuckDBHome),
    "delta": Side(test_delta.TestDeltaHome),
    "iceberg": Side(test_iceberg.TestIcebergHome),
    "s3": Side(test_object_stores.TestParquetFromS3, ON_S3),
    "postgres": Side(test_postgres.TestPostgresHome, IN_POSTGRES),
    "mysql": Side(test_mysql.TestMySQLHome, IN_MYSQL),
    "odbc": Side(test_odbc.TestODBCHome, IN_POSTGRES),
    "sql_psycopg": Side(test_alchemy.TestSQLHomeByPsycopg, IN_POSTGRES),
    "sql_pymysql": Side(test_alchemy.TestSQLHomeByPyMySQL, IN_MYSQL),
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
    "postgres": Side(test_postgres_store.TestPostgresStore, IN_POSTGRES),
    "mysql": Side(test_mysql_store.TestMySQLStore, IN_MYSQL),
    "s3": Side(test_object_stores.TestParquetOnS3, ON_S3),
    "azure": Side(OnAzure, ON_AZURE),
    "gcs": Side(OnGoogle, ON_GOOGLE),
}
