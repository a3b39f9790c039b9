"""hygge: move tables, comfortably. A Home to a Store by a Flow, many by a Coordinator.

Names load when first used, so that `import hygge` is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hygge.core.errors import BadValue as BadValue
    from hygge.core.errors import Cancelled as Cancelled
    from hygge.core.errors import ConfigError as ConfigError
    from hygge.core.errors import ConflictError as ConflictError
    from hygge.core.errors import ConnectError as ConnectError
    from hygge.core.errors import DataError as DataError
    from hygge.core.errors import GuardError as GuardError
    from hygge.core.errors import HyggeError as HyggeError
    from hygge.core.errors import JournalError as JournalError
    from hygge.core.errors import MissingDriver as MissingDriver
    from hygge.core.errors import NothingThere as NothingThere
    from hygge.core.errors import RunFailed as RunFailed
    from hygge.core.errors import SchemaDrift as SchemaDrift
    from hygge.core.errors import StateError as StateError
    from hygge.core.errors import TransientError as TransientError
    from hygge.core.errors import UnsupportedError as UnsupportedError
    from hygge.core.errors import VerifyError as VerifyError
    from hygge.core.fields import Field as Field
    from hygge.core.fields import Schema as Schema
    from hygge.core.home import Home as Home
    from hygge.core.settings import HomeConfig as HomeConfig
    from hygge.core.settings import StoreConfig as StoreConfig
    from hygge.core.store import Store as Store
    from hygge.homes.csv import CSVHome as CSVHome
    from hygge.homes.delta import DeltaHome as DeltaHome
    from hygge.homes.duckdb import DuckDBHome as DuckDBHome
    from hygge.homes.iceberg import IcebergHome as IcebergHome
    from hygge.homes.ipc import IPCHome as IPCHome
    from hygge.homes.mssql import MSSQLHome as MSSQLHome
    from hygge.homes.mysql import MySQLHome as MySQLHome
    from hygge.homes.ndjson import NDJSONHome as NDJSONHome
    from hygge.homes.odbc import ODBCHome as ODBCHome
    from hygge.homes.oracle import OracleHome as OracleHome
    from hygge.homes.parquet import ParquetHome as ParquetHome
    from hygge.homes.postgres import PostgresHome as PostgresHome
    from hygge.homes.sql import SQLHome as SQLHome
    from hygge.homes.sqlite import SQLiteHome as SQLiteHome
    from hygge.run.coordinator import Coordinator as Coordinator
    from hygge.run.flow import Flow as Flow
    from hygge.run.options import RunOptions as RunOptions
    from hygge.stores.csv import CSVStore as CSVStore
    from hygge.stores.delta import DeltaStore as DeltaStore
    from hygge.stores.duckdb import DuckDBStore as DuckDBStore
    from hygge.stores.iceberg import IcebergStore as IcebergStore
    from hygge.stores.ipc import IPCStore as IPCStore
    from hygge.stores.mssql import MSSQLStore as MSSQLStore
    from hygge.stores.mysql import MySQLStore as MySQLStore
    from hygge.stores.ndjson import NDJSONStore as NDJSONStore
    from hygge.stores.onelake import OneLakeStore as OneLakeStore
    from hygge.stores.open_mirroring import OpenMirroringStore as OpenMirroringStore
    from hygge.stores.parquet import ParquetStore as ParquetStore
    from hygge.stores.postgres import PostgresStore as PostgresStore
    from hygge.stores.sql import SQLStore as SQLStore
    from hygge.stores.sqlite import SQLiteStore as SQLiteStore

_WHERE = {
    "hygge.core.errors": (
        "BadValue", "Cancelled", "ConfigError", "ConflictError", "ConnectError", "DataError",
        "GuardError", "HyggeError", "JournalError", "MissingDriver", "NothingThere", "RunFailed",
        "SchemaDrift", "StateError", "TransientError", "UnsupportedError", "VerifyError",
    ),
    "hygge.core.fields": ("Field", "Schema"),
    "hygge.core.home": ("Home",),
    "hygge.core.settings": ("HomeConfig", "StoreConfig"),
    "hygge.core.store": ("Store",),
    "hygge.homes.csv": ("CSVHome",),
    "hygge.homes.delta": ("DeltaHome",),
    "hygge.homes.duckdb": ("DuckDBHome",),
    "hygge.homes.iceberg": ("IcebergHome",),
    "hygge.homes.ipc": ("IPCHome",),
    "hygge.homes.mssql": ("MSSQLHome",),
    "hygge.homes.mysql": ("MySQLHome",),
    "hygge.homes.ndjson": ("NDJSONHome",),
    "hygge.homes.odbc": ("ODBCHome",),
    "hygge.homes.oracle": ("OracleHome",),
    "hygge.homes.parquet": ("ParquetHome",),
    "hygge.homes.postgres": ("PostgresHome",),
    "hygge.homes.sql": ("SQLHome",),
    "hygge.homes.sqlite": ("SQLiteHome",),
    "hygge.run.coordinator": ("Coordinator",),
    "hygge.run.flow": ("Flow",),
    "hygge.run.options": ("RunOptions",),
    "hygge.stores.csv": ("CSVStore",),
    "hygge.stores.delta": ("DeltaStore",),
    "hygge.stores.duckdb": ("DuckDBStore",),
    "hygge.stores.iceberg": ("IcebergStore",),
    "hygge.stores.ipc": ("IPCStore",),
    "hygge.stores.ndjson": ("NDJSONStore",),
    "hygge.stores.onelake": ("OneLakeStore",),
    "hygge.stores.open_mirroring": ("OpenMirroringStore",),
    "hygge.stores.parquet": ("ParquetStore",),
    "hygge.stores.mysql": ("MySQLStore",),
    "hygge.stores.mssql": ("MSSQLStore",),
    "hygge.stores.postgres": ("PostgresStore",),
    "hygge.stores.sql": ("SQLStore",),
    "hygge.stores.sqlite": ("SQLiteStore",),
}  # fmt: skip
_MODULES = {name: module for module, group in _WHERE.items() for name in group}

__all__ = ["__version__", *sorted(_MODULES)]  # noqa: PLE0604 - the names are all strings


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("hygge")
    if name not in _MODULES:
        raise AttributeError(f"module 'hygge' has no attribute '{name}'")
    _know_projects()
    from hygge.core.registry import imported

    value = getattr(imported(_MODULES[name]), name)
    globals()[name] = value
    return value


def _know_projects() -> None:
    """Let descriptions used on their own resolve against the project they are used in."""
    from hygge.core.context import Surroundings, set_surroundings

    def nearest() -> Surroundings:
        from hygge.project import nearest_surroundings

        return nearest_surroundings()

    set_surroundings(nearest)


def __dir__() -> list[str]:
    return sorted(__all__)
