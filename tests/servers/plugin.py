"""The fixtures, and what becomes of a test whose server is missing: told, never passed over.

Where the environment variable CI is set, such a test fails; elsewhere it is skipped, and a line at
the end says how many were, and how to get the server.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
from tests.servers import KINDS, Database, Missing, Run, Server
from tests.servers.mariadb import MARIADB
from tests.servers.objects import KINDS as OBJECT_STORES
from tests.servers.objects import Emulator, emulator
from tests.servers.postgres import POSTGRES

RUN = pytest.StashKey[Run]()
INPUT = "hygge_servers"  # what a worker of pytest-xdist gets from its controller


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {})
    config.stash[RUN] = Run.join(given[INPUT]) if INPUT in given else Run.begin(small=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[INPUT] = str(node.config.stash[RUN].folder)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if run := config.stash.get(RUN, None):
        run.end()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for kind in KINDS.values():
        if count := sum(f"{kind.name} is missing" in reason for reason in skipped):
            tests = f"{count} test{'s' * (count != 1)}"
            terminalreporter.write_line(
                f"skipped {tests}: {kind.missing()}", yellow=True, bold=True
            )
    if count := sum("Azurite is missing" in reason for reason in skipped):
        terminalreporter.write_line(f"skipped {count} tests: Azurite is missing", bold=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    yield from without_server()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    yield from without_server()


def without_server() -> Generator[None]:
    """What becomes of a test that meets a missing server, in a fixture or by itself."""
    try:
        yield
        return
    except Missing as missing:
        told = str(missing)
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(told)
    pytest.fail(told, pytrace=False)


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The run's PostgreSQL, for databases that more than one test uses."""
    with pytestconfig.stash[RUN].server(POSTGRES) as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The run's MariaDB, for databases that more than one test uses."""
    with pytestconfig.stash[RUN].server(MARIADB) as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[Database]:
    """A fresh, empty database in PostgreSQL."""
    with postgres_server.database() as database:
        yield database


@pytest.fixture
def mysql(mysql_server: Server) -> Iterator[Database]:
    """A fresh, empty database in MariaDB."""
    with mysql_server.database() as database:
        yield database


@pytest.fixture
def postgres_url(postgres: Database) -> str:
    """The address of the test's database in PostgreSQL."""
    return postgres.url


@pytest.fixture
def mysql_url(mysql: Database) -> str:
    """The address of the test's database in MariaDB."""
    return mysql.url


@pytest.fixture(scope="session")
def emulators() -> Iterator[Callable[[str], Emulator]]:
    """Object stores by kind, emulated, each started when it is first asked for."""
    with ExitStack() as stack:
        yield cache(lambda kind: stack.enter_context(emulator(kind)))


@pytest.fixture(params=OBJECT_STORES)
def object_store(request: pytest.FixtureRequest, emulators: Callable[[str], Emulator]) -> Emulator:
    """Each object store, emulated, with one bucket."""
    return emulators(request.param)


@pytest.fixture
def s3(emulators: Callable[[str], Emulator]) -> Emulator:
    """S3, emulated, with one bucket."""
    return emulators("s3")
