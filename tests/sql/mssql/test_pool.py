"""Many tables of SQL Server over a few connections, counted by the server itself."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sql.mssql import support
from tests.sql.mssql.support import connect, is_babelfish, needs_server, url_of

from hygge import Coordinator, RunFailed
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.native import NativeLink
from hygge.sql.pool import close_pools

pytestmark = needs_server
TABLES = int(os.environ.get("HYGGE_TEST_MSSQL_TABLES", "24"))
POOL, ROWS = 4, 50
SCHEMA = "hygge_pool"
# Babelfish goes on listing sessions that have ended, without a number.
# A run's own sessions are in a database of its own, so that nobody else's are counted.
DATABASE = f"{support.DATABASE}_pool"
COUNT = (
    "SELECT COUNT(*) FROM sys.dm_exec_sessions s JOIN sys.databases d "
    f"ON d.database_id = s.database_id WHERE d.name = '{DATABASE}' AND s.session_id IS NOT NULL"
)


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    is_babelfish()
    with connect("master") as link:
        link.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        link.execute(f"CREATE DATABASE {DATABASE}")
    with connect(DATABASE) as link:
        link.execute(f"CREATE SCHEMA {SCHEMA}")
        values = ", ".join(f"({n}, N'row {n}')" for n in range(ROWS))
        for number in range(TABLES):
            name = f"{SCHEMA}.t{number:03}"
            link.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, name nvarchar(20))")
            link.execute(f"INSERT INTO {name} VALUES {values}")
    yield
    with connect("master") as link:
        link.execute(f"DROP DATABASE {DATABASE}")


@pytest.fixture
def open_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many sessions the server had, as each of a run's connections was opened and ended."""
    seen: list[int] = []
    guard = threading.Lock()
    opened, closed = MSSQLConnection.connect, NativeLink.close
    with connect("master") as watch:

        def note() -> None:
            with guard:
                seen.append(int(watch.row(COUNT)[0]))

        def connect_noted(self: MSSQLConnection) -> NativeLink:
            link = opened(self)
            assert isinstance(link, NativeLink)
            note()
            return link

        def close_noted(self: NativeLink) -> None:
            note()
            closed(self)

        with monkeypatch.context() as patch:
            patch.setattr(MSSQLConnection, "connect", connect_noted)
            patch.setattr(NativeLink, "close", close_noted)
            yield seen
        close_pools()
        end = time.monotonic() + 20
        while left := int(watch.row(COUNT)[0]):  # the server takes a moment to notice
            assert time.monotonic() < end, f"{left} connections were leaked"


def project(folder: Path, entities: str) -> Path:
    config = folder / "hygge.yml"
    config.write_text(
        f"""\
connections:
  shop: {{type: mssql, url: "{url_of(DATABASE)}", pool_size: {POOL}}}
flows:
  shop:
    home: {{type: mssql, connection: shop}}
    store: {{type: parquet, path: lake}}
    {entities}
""",
        encoding="utf-8",
    )
    return config


def test_no_more_connections_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_at_once: list[int]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = project(tmp_path, f'tables: ["{SCHEMA}.*"]')
    result = Coordinator(config_path=config).run_sync()
    assert [e.rows for e in result.entities] == [ROWS] * TABLES
    assert 1 <= max(open_at_once) <= POOL


def test_failures_leak_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_at_once: list[int]
) -> None:
    """Half of the entities fail in the middle of their result; the others arrive."""
    monkeypatch.chdir(tmp_path)
    lines = ["entities:"]
    for number in range(TABLES):
        fails = f", query: 'SELECT id, 1 / (id - 40) AS x FROM {SCHEMA}.t{number:03}'"
        rest = fails if number % 2 else f", table: {SCHEMA}.t{number:03}"
        lines.append(f"      - {{name: e{number}, home: {{type: mssql{rest}}}}}")
    with pytest.raises(RunFailed) as failed:
        Coordinator(config_path=project(tmp_path, "\n".join(lines))).run_sync()
    states = [e.status for e in failed.value.result.entities]
    assert states.count("moved") == TABLES - TABLES // 2
    assert 1 <= max(open_at_once) <= POOL
