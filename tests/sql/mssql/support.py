"""The SQL Server that HYGGE_TEST_MSSQL_URL names, for tests that need one.

Babelfish makes one database at a time, so tests against it run in one process, without `-n`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.link import MSSQLLink

URL = os.environ.get("HYGGE_TEST_MSSQL_URL", "")
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
DATABASE = "hygge_tests" + (f"_{_WORKER}" if _WORKER else "")
"""A database of this process's tests, made where it is not there."""
needs_server = pytest.mark.skipif(
    not URL or find_spec("mssql_python") is None,
    reason="SQL Server's driver is missing; hint: pip install mssql-python"
    if URL
    else "SQL Server is missing; hint: set HYGGE_TEST_MSSQL_URL=mssql://sa:...@host/master",
)


def url_of(database: str = DATABASE, options: str = "") -> str:
    """The address of a database on that server, whose certificate is trusted."""
    at = urlsplit(URL)
    query = "&".join(filter(None, [at.query or "trust_server_certificate=yes", options]))
    return f"mssql://{at.netloc}/{quote(database)}?{query}"


def by_odbc() -> str:
    """An address's options for Microsoft's ODBC driver, which mssql-python's wheel carries.

    The test is skipped on a system for which it carries none.
    """
    spec = find_spec("mssql_python_odbc")
    (root, *_) = (spec and spec.submodule_search_locations) or [""]
    found = sorted(Path(root).glob("libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18*"))
    if not found:
        pytest.skip("the wheel of mssql-python carries no driver for this system")
    return f"driver=odbc&odbc_driver={found[0]}"


def connect(database: str = DATABASE) -> MSSQLLink:
    """A connection of hygge's own."""
    link = MSSQLConnection(url=url_of(database)).open_link()
    assert isinstance(link, MSSQLLink)
    return link


@cache
def is_babelfish() -> bool:
    """Whether the server is Babelfish for PostgreSQL; the tests' database is there afterwards."""
    with connect("master") as link:
        (there,) = link.row(f"SELECT COUNT(*) FROM sys.databases WHERE name = '{DATABASE}'")
        if not there:
            link.execute(f"CREATE DATABASE {DATABASE}")
        return str(link.row("SELECT @@VERSION")[0]).startswith("Babelfish")


class Live:
    """The tests' database as `tests.servers` have theirs."""

    scheme = "mssql"

    def __init__(self) -> None:
        is_babelfish()
        self.url = url_of()

    def execute(self, sql: str) -> str:
        """Run a statement; what it gives, as text."""
        with connect() as link:
            if not sql.startswith("SELECT"):
                link.execute(sql)
                return ""
            return "\n".join("\t".join(map(str, row)) for row in link.rows(sql))

    def clear(self, like: str) -> None:
        """Drop the tables that are called so."""
        with connect() as link:
            for (name,) in link.rows(f"SELECT name FROM sys.tables WHERE name LIKE '{like}'"):
                link.execute(f"DROP TABLE {name}")
            there = link.row("SELECT OBJECT_ID('_hygge_state')")[0]
            if there is not None:
                link.execute(f"DELETE FROM _hygge_state WHERE [table] LIKE '{like}'")


@contextmanager
def table() -> Iterator[str]:
    """The name of a table of nobody else's, which goes at the end of the `with`."""
    is_babelfish()
    name = f"t_{secrets.token_hex(6)}"
    try:
        yield name
    finally:
        with connect() as link:
            link.execute(f"DROP TABLE IF EXISTS {name}")
