"""Real database servers for tests and benchmarks, started here from what the machine offers.

In a test, ask for a fixture: `postgres` or `mysql` is a fresh, empty database (`Database`) on a
server that the whole run shares, `postgres_url` or `mysql_url` its address, and `postgres_server`
or `mysql_server` the server, for databases that live longer than one test. Elsewhere:

    with postgres_server() as server:
        database = server.new_database()
        database.execute("CREATE TABLE t (id integer)")
        print(database.url)

By hand: `python -m tests.servers postgres` prints an address and stays up until Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.servers.base import Broken, Database, Kind, Missing
from tests.servers.mariadb import MARIADB
from tests.servers.postgres import POSTGRES
from tests.servers.run import Run, Server

__all__ = [
    "KINDS", "Broken", "Database", "Kind", "Missing", "Run", "Server", "mariadb_server",
    "postgres_server", "server_of",
]  # fmt: skip

KINDS: dict[str, Kind] = {kind.key: kind for kind in (POSTGRES, MARIADB)}


@contextmanager
def server_of(kind: Kind, *, own: bool = False) -> Iterator[Server]:
    """A server until the end of the `with`: one that the environment names, or a new one.

    With `own` always a new one, that may be crashed. Raises Missing where there is none.
    """
    with Run.begin() as run, run.server(kind, own=own) as server:
        yield server


def postgres_server(*, own: bool = False) -> AbstractContextManager[Server]:
    """A PostgreSQL until the end of the `with`; see `server_of`."""
    return server_of(POSTGRES, own=own)


def mariadb_server(*, own: bool = False) -> AbstractContextManager[Server]:
    """A MariaDB until the end of the `with`; see `server_of`."""
    return server_of(MARIADB, own=own)
