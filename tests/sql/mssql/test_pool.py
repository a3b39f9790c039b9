"""Many tables of SQL Server over a few connections, counted by the server itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from tests.sql.mssql import support
from tests.sql.mssql.support import connect, is_babelfish, needs_server, url_of

from hygge import Coordinator, HyggeError, MSSQLStore, RunFailed
from hygge.core.context import Context, Surroundings
from hygge.core.fields import Schema
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.copying import Copy
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.native import NativeLink
from hygge.sql.pool import close_pools, pool_of
from hygge.testing._store_base import in_threads, some_rows
from hygge.testing.loading import load_frames, request_for

pytestmark = [needs_server, pytest.mark.timeout(400)]
TABLES = int(os.environ.get("HYGGE_TEST_MSSQL_TABLES", "24"))
POOL, ROWS = 8, 50
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


def until(watch: MSSQLLink, enough: Callable[[int], bool]) -> None:
    """Wait until the server has as many sessions of a run's; it takes a moment to notice."""
    end = time.monotonic() + 90
    while not enough(there := int(watch.row(COUNT)[0])):
        assert time.monotonic() < end, f"the server has {there} sessions"


@dataclass
class Seen:
    """How many sessions the server had, as each of a run's connections was opened.

    Parameters
    ----------
    links: as hygge opened one.
    copies: as the driver did, for a bulk copy.
    """

    links: list[int] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)

    @property
    def most(self) -> int:
        return max(self.links + self.copies)


@pytest.fixture
def open_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """Counts; see Seen.

    A connection that is closed is waited for: the server ends its session a moment later, and would
    else be found to have one more than are open.
    """
    seen = Seen()
    numbers: dict[int, int] = {}
    copying = 0
    guard, asking = threading.Lock(), threading.Lock()
    opened, closed, copied = MSSQLConnection.connect, NativeLink.close, NativeLink.copy_into
    with connect("master") as watch:

        def connect_noted(self: MSSQLConnection) -> NativeLink:
            link = opened(self)
            assert isinstance(link, NativeLink)
            number = int(link.row("SELECT @@SPID")[0])
            with guard:
                numbers[id(link)] = number
            seen.links.append(there())
            return link

        def there(also: str = "") -> int:
            with asking:
                return int(watch.row(COUNT + also)[0])

        def close_noted(self: NativeLink) -> None:
            closed(self)
            with guard:
                number = numbers.pop(id(self), None)
            end = time.monotonic() + 90
            while number and there(f" AND s.session_id = {number}"):
                assert time.monotonic() < end, f"session {number} does not end"

        class Noted:
            """A cursor whose copy is counted while it goes on, and waited for as it ends."""

            def __init__(self, cursor: Any) -> None:
                self._cursor = cursor

            def bulkcopy_arrow(self, target: str, source: Any, **settings: Any) -> Any:
                nonlocal copying
                with guard:
                    copying += 1
                try:
                    return self._cursor.bulkcopy_arrow(target, counted(source), **settings)
                finally:
                    with guard:
                        copying -= 1
                    end = time.monotonic() + 90
                    while ending():
                        assert time.monotonic() < end, "a copy's session does not end"

        def counted(source: Any) -> Any:
            def batches() -> Iterator[Any]:  # by now the driver has connected
                seen.copies.append(there())
                yield from source

            return pyarrow.RecordBatchReader.from_batches(source.schema, batches())

        def ending() -> bool:
            """Whether the server has more sessions than are known to be open."""
            with guard:
                return there() > len(numbers) + copying

        def copy_noted(self: NativeLink, target: str) -> Copy:
            copy = copied(self, target)
            copy._cursor = Noted(copy._cursor)
            return copy

        with monkeypatch.context() as patch:
            patch.setattr(MSSQLConnection, "connect", connect_noted)
            patch.setattr(NativeLink, "close", close_noted)
            patch.setattr(NativeLink, "copy_into", copy_noted)
            yield seen
        close_pools()
        until(watch, lambda there: there == 0)


def project(folder: Path, entities: str) -> Path:
    config = folder / "hygge.yml"
    config.write_text(
        f"""\
concurrency: {2 * POOL}
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


def entities(*, fails_every: int) -> str:
    """One for each table, of which the last of so many fails in the middle of its result."""
    lines = ["entities:"]
    for number in range(TABLES):
        name = f"{SCHEMA}.t{number:03}"
        fails = f", query: 'SELECT id, 1 / (id - 40) AS x FROM {name}'"
        rest = fails if number % fails_every == fails_every - 1 else f", table: {name}"
        lines.append(f"      - {{name: e{number}, home: {{type: mssql{rest}}}}}")
    return "\n".join(lines)


def test_no_more_connections_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_at_once: Seen
) -> None:
    monkeypatch.chdir(tmp_path)
    config = project(tmp_path, f'tables: ["{SCHEMA}.*"]')
    result = Coordinator(config_path=config).run_sync()
    assert [e.rows for e in result.entities] == [ROWS] * TABLES
    assert 1 <= open_at_once.most <= POOL


def test_failures_leak_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_at_once: Seen
) -> None:
    """Half of the entities fail in the middle of their result; the others arrive."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFailed) as failed:
        Coordinator(config_path=project(tmp_path, entities(fails_every=2))).run_sync()
    states = [e.status for e in failed.value.result.entities]
    assert states.count("moved") == TABLES - TABLES // 2
    assert 1 <= open_at_once.most <= POOL


def test_loads_take_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_at_once: Seen
) -> None:
    """Homes and Stores of one connection, some of which fail, and the driver's bulk copies."""
    monkeypatch.chdir(tmp_path)
    config = project(tmp_path, entities(fails_every=4))
    store = "store: {type: mssql, connection: shop, schema: hygge_copied}"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("store: {type: parquet, path: lake}", store), encoding="utf-8")
    with pytest.raises(RunFailed) as failed:
        Coordinator(config_path=config).run_sync()
    results = failed.value.result.entities
    assert [e.rows for e in results if e.status == "moved"] == [ROWS] * (TABLES - TABLES // 4)
    assert len(open_at_once.copies) >= TABLES - TABLES // 4
    assert 3 <= open_at_once.most <= POOL


def test_loads_from_python_take_no_more(open_at_once: Seen) -> None:
    """Without a run nobody has set aside what they need: they do so themselves."""
    four = MSSQLConnection(url=url_of(DATABASE), pool_size=4)
    around = Surroundings(connections={"four": four})

    def load(number: int) -> None:
        store = MSSQLStore(f"p{number}", connection="four", schema="hygge_python").bind(around)
        for at in range(3):
            load_frames(store, [some_rows(10 * at, 10)], "append")

    MSSQLStore("p", connection="four", schema="hygge_python").bind(around).write_sync(
        some_rows(0, 1)
    )
    in_threads([partial(load, number) for number in range(6)])
    assert 2 <= open_at_once.most <= 4


def test_a_writer_elsewhere_counts_for_two(open_at_once: Seen) -> None:
    store = MSSQLStore("w", url=url_of(DATABASE)).bind(Surroundings())
    slots = pool_of(store._server).slots
    with store.open(Context()) as session:
        assert slots.taken == 2
        load = session.begin(request_for(None, Schema.of(some_rows(0, 1)), "replace"))
        context = Context()
        writer = store.writer(load.ticket, 0, context)
        writer.write(some_rows(0, 3))
        assert slots.taken == 4
        writer.finish()
        assert slots.taken == 2
    assert slots.taken == 0


def endless(folder: Path) -> Path:
    """A project of more entities than connections, whose results do not end."""
    tables = ", ".join(f"sys.all_columns {name}" for name in "abcd")
    query = f"SELECT a.column_id FROM {tables}"
    lines = ["entities:"]
    for number in range(2 * POOL):
        lines.append(f"      - {{name: e{number}, home: {{type: mssql, query: '{query}'}}}}")
    return project(folder, "\n".join(lines))


def test_a_run_that_is_cancelled_leaks_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_at_once: Seen
) -> None:
    """In the middle of as many results as there are connections."""
    monkeypatch.chdir(tmp_path)
    coordinator = Coordinator(config_path=endless(tmp_path))
    ended: list[BaseException] = []

    def go() -> None:
        try:
            coordinator.run_sync()
        except HyggeError as error:
            ended.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        with connect("master") as watch:
            until(watch, lambda there: there == POOL)
    finally:
        coordinator.cancel()
        thread.join(60)
    assert not thread.is_alive()
    assert len(ended) == 1
    assert open_at_once.most <= POOL


def test_ctrl_c_leaks_none(tmp_path: Path) -> None:
    endless(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-m", "hygge", "go"], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        with connect("master") as watch:
            until(watch, lambda there: there == POOL)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
            assert child.returncode == 130, out + err
            assert "Stopped by Ctrl-C." in out and "Traceback" not in err
            until(watch, lambda there: there == 0)
    finally:
        child.kill()
        child.communicate()
