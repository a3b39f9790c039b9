"""The servers for tests: up, shared by all processes of a run, fresh for each test."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.servers import KINDS, Broken, Database, Server, server_of

AWKWARD = "Zoë 'quoted' \"double\" back\\slash\ttab\r\nline 日本 🧣"


@pytest.fixture(params=["postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A fresh database of each kind."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Database)
    return found


@pytest.fixture(params=["postgres_server", "mysql_server"])
def server(request: pytest.FixtureRequest) -> Server:
    """The run's server of each kind."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Server)
    return found


def quoted(database: Database, text: str) -> str:
    """A text as a literal in the database's SQL."""
    if database.scheme == "mysql":
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def in_a_transaction(database: Database) -> Iterator[subprocess.Popen[str]]:
    """A client that has written a row into `t`, has not committed, and stays."""
    database.execute("CREATE TABLE t (v int);")
    sleep = "SLEEP(60)" if database.scheme == "mysql" else "pg_sleep(60)"
    with subprocess.Popen(
        [database.client, *database.arguments()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=dict(database.secrets()),
    ) as client:  # fmt: skip
        assert client.stdin is not None and client.stdout is not None
        client.stdin.write(f"BEGIN; INSERT INTO t VALUES (1); SELECT 'in'; SELECT {sleep};\n")
        client.stdin.close()
        assert client.stdout.readline() == "in\n"
        yield client
        client.kill()


def test_a_query_is_answered(database: Database) -> None:
    assert database.execute("SELECT 6 * 7, 'x';") == "42\tx\n"


def test_awkward_characters_come_back(database: Database) -> None:
    database.execute(
        "CREATE TABLE odd (v varchar(99));"
        f"INSERT INTO odd VALUES ({quoted(database, AWKWARD)}), (NULL), ('NULL'), ('');"
    )
    assert database.rows("SELECT v FROM odd") == [(AWKWARD,), (None,), ("NULL",), ("",)]


def test_a_script_stops_at_its_first_error(database: Database) -> None:
    with pytest.raises(Broken, match="nowhere"):
        database.execute("CREATE TABLE a (v int); SELECT * FROM nowhere; CREATE TABLE b (v int);")
    assert database.rows("SELECT count(*) FROM a") == [("0",)]
    with pytest.raises(Broken, match="b"):
        database.execute("SELECT * FROM b;")


def test_both_doors_are_open(database: Database) -> None:
    socket.create_connection((database.host, database.port), 5).close()
    if database.socket is None:
        pytest.skip("where the socket of a server named in the environment is, is not known")
    place = f"--host={database.socket}"
    if database.scheme == "mysql":
        place = f"--socket={database.socket}"
    arguments = [a for a in database.arguments() if not a.startswith(("--host", "--protocol"))]
    answer = subprocess.run(
        [database.client, *arguments, place],
        input="SELECT 'by the socket';",
        env=dict(database.secrets()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "by the socket\n"


def test_a_database_is_fresh_and_goes_again(server: Server) -> None:
    with server.database() as first, server.database() as second:
        first.execute("CREATE TABLE t (v int);")
        second.execute("CREATE TABLE t (v int);")
        assert first.url != second.url
    with pytest.raises(Broken, match=first.database):
        first.execute("SELECT 1;")


def test_a_database_goes_though_somebody_is_in_it(server: Server) -> None:
    database = server.new_database()
    with in_a_transaction(database) as client:
        server.admin.drop(database.database)
        assert client.wait(10) != 0


def test_connections_are_cut(database: Database) -> None:
    with in_a_transaction(database) as client:
        database.kill_backends()
        assert client.wait(10) != 0
    assert database.rows("SELECT count(*) FROM t") == [("0",)]


@pytest.mark.parametrize("key", KINDS)
def test_a_server_of_ones_own_can_crash_and_come_back(key: str) -> None:
    with server_of(KINDS[key], own=True) as server:
        database = server.new_database()
        database.execute("CREATE TABLE t (v int); INSERT INTO t VALUES (1);")
        server.restart()
        assert database.rows("SELECT v FROM t") == [("1",)]
    with pytest.raises(Broken):
        database.execute("SELECT 1;")
