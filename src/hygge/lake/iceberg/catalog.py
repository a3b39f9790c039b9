"""Catalogs of Iceberg tables: one of hygge's own in a SQLite file, or any that pyiceberg knows.

pyiceberg is imported where it is used: a place can be described where it is not installed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from hygge.core.errors import ConfigError, ConnectError, HyggeError, TransientError
from hygge.core.secrets import Secret, redact
from hygge.core.told import revealed
from hygge.files import local
from hygge.files.reading import first_line
from hygge.lake import faults
from hygge.storage.connection import StorageConnection

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

NAME = "hygge"
"""Of the catalog, under which SQLite's rows are kept."""
FILE = "catalog.db"
_first = threading.Lock()


@dataclass(frozen=True)
class Place:
    """A table in a catalog. It pickles.

    Parameters
    ----------
    namespace, table: its name; a namespace may have dots.
    folder: of hygge's own catalog; None for another.
    properties: of another catalog, as pyiceberg names them.
    name: for people; never a secret.
    warehouse: the URL below which the tables of hygge's own catalog lie; "" for its folder.
    connection: by which the tables' files are reached; None for the library's own ways.
    """

    namespace: str
    table: str
    folder: Path | None = None
    properties: Mapping[str, str | Secret] = field(default_factory=dict)
    name: str = ""
    warehouse: str = ""
    connection: StorageConnection | None = None

    @property
    def identifier(self) -> tuple[str, ...]:
        return (*self.namespace.split("."), self.table)

    def __str__(self) -> str:
        return f"{self.name}: {self.namespace}.{self.table}"

    def catalog(self, *, make: bool = True) -> Catalog:
        """The catalog, opened; to be closed by who asked.

        Parameters
        ----------
        make: whether hygge's own is made where it is not there.

        Raises
        ------
        ConnectError: it is not reached. ConfigError: there is no such catalog.
        """
        from pyiceberg.catalog import load_catalog

        from hygge.lake.iceberg.io import by

        files = by(self.connection) if self.connection is not None else {}
        with telling(self):
            if self.folder is None:
                return self._theirs(files)
            if not make and not (self.folder / FILE).is_file():
                raise ConnectError(
                    f"{self}: there is no catalog in that folder", hint="is the path right?"
                )
            if make:
                faults.check_folder(self.folder, self)
                local.make_folder(self.folder)
            uri = URL.create("sqlite", database=str(self.folder / FILE)).render_as_string()
            with _first:  # of two that find no tables in it, one makes them
                return load_catalog(
                    NAME, type="sql", uri=uri,
                    warehouse=self.warehouse or f"file://{self.folder}", **files,
                )  # fmt: skip

    def _theirs(self, files: Mapping[str, Any]) -> Catalog:
        from pyiceberg.catalog import load_catalog

        try:
            return load_catalog(NAME, **revealed(self.properties), **files)
        except ValueError as error:  # which the library raises for properties that it does not take
            raise ConfigError(
                f"{self}: {redact(first_line(error))}",
                hint="`catalog` takes the properties that pyiceberg documents",
            ) from error


@contextmanager
def telling(place: Place) -> Iterator[None]:
    """Turn what pyiceberg, its catalogs' drivers and the operating system say into errors for
    people."""
    from pyiceberg.exceptions import NotInstalledError, RESTError

    try:
        with faults.telling(place, RESTError, NotInstalledError):
            yield
    except SQLAlchemyError as error:
        raise _of_sql(place, error) from error
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):  # of Glue; it may not be installed
            raise
        raise ConnectError(
            f"{place}: {redact(first_line(error))}", hint="is the catalog reached, and by whom?"
        ) from error


def _of_sql(place: Place, error: SQLAlchemyError) -> HyggeError:
    """The error for one of a catalog in a database."""
    told = f"{place}: {redact(first_line(getattr(error, 'orig', None) or error))}"
    code = faults.code_of_sqlite(error)
    if not code:  # of a server, with which the line may have dropped
        return TransientError(told, hint="run it again; is the catalog's database up?")
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TransientError(told, hint="run it again")
    full = code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return ConnectError(
        told,
        hint="free some space; what the table held is untouched" if full
        else "is the path right, and may hygge's user read and write there?",
    )  # fmt: skip


def found(catalog: Catalog, place: Place) -> Table | None:
    """The table as it is now; None where there is none."""
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

    with telling(place):
        try:
            return catalog.load_table(place.identifier)
        except (NoSuchTableError, NoSuchNamespaceError):
            return None


def make_namespace(catalog: Catalog, place: Place) -> None:
    """Make the table's namespace, unless it is there."""
    from pyiceberg.exceptions import NamespaceAlreadyExistsError, RESTError

    names = place.identifier[:-1]
    with telling(place):
        try:
            catalog.create_namespace_if_not_exists(names)
        except (NamespaceAlreadyExistsError, SQLAlchemyError, RESTError):
            if not catalog.namespace_exists(names):  # it was not made by another just now
                raise
