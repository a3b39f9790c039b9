"""What goes wrong between hygge and a server: refusals, cuts, cancelling, limits; and the clock."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.servers import Database

from hygge import (
    Cancelled,
    ConfigError,
    ConnectError,
    Coordinator,
    Flow,
    HyggeError,
    ParquetStore,
    PostgresHome,
    RunOptions,
    TransientError,
)
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import MissingDriver, UnsupportedError
from hygge.sql.pool import close_pools
from hygge.sql.postgres.connection import PostgresConnection
from hygge.sql.postgres.errors import explain, message_of

PATIENCE_S = 60.0


def wait_for(what: Callable[[], Any]) -> Any:
    """What it gives once it gives something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline
    return found


@contextmanager
def client(database: Database, script: str) -> Iterator[subprocess.Popen[bytes]]:
    """psql in a process of its own, which has run a script and waits for more on its input."""
    process = subprocess.Popen(
        [database.client, *database.arguments()], env=dict(database.secrets()),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{script}\n\\echo done\n".encode())
    process.stdin.flush()
    while process.stdout.readline() != b"done\n":
        assert process.poll() is None
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def says(process: subprocess.Popen[bytes], script: str) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{script}\n\\echo done\n".encode())
    process.stdin.flush()
    while process.stdout.readline() != b"done\n":
        assert process.poll() is None


def bound(database: Database, table: str = "t", **settings: Any) -> PostgresHome:
    return PostgresHome(table, url=database.url, **settings).bind(Surroundings())


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "told", "hint"),
    [
        ({"password": "wrong-one"}, ConnectError, "password authentication", "pg_hba.conf"),
        ({"user": "nobody-known"}, ConnectError, "password authentication", "`user`"),
        ({"database": "nowhere"}, ConnectError, '"nowhere" does not exist', "check `database`"),
        ({"host": "no-such-host.invalid"}, ConnectError, "could not translate", "check `host`"),
        ({"port": 1}, ConnectError, "refused", "`port`"),
        ({"host": "/no/such/folder"}, ConnectError, "No such file", "socket"),
        ({"tls": "require"}, ConnectError, "does not support SSL", "tls: prefer"),
    ],
)
def test_refusals(
    postgres: Database, change: dict[str, Any], error: type[HyggeError], told: str, hint: str
) -> None:
    keys = {"host": postgres.host, "port": postgres.port, "database": postgres.database,
            "user": postgres.user, "password": postgres.password}  # fmt: skip
    connection = PostgresConnection.model_validate({**keys, **change})
    with pytest.raises(error) as caught:
        connection.connect()
    assert told in caught.value.message
    assert hint in str(caught.value.hint)
    assert "wrong-one" not in str(caught.value)


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    for told in ({"host": "db", "driver": "libpq"}, {"host": "one,other"}):
        connection = PostgresConnection.model_validate({"database": "shop", **told})
        with pytest.raises(MissingDriver, match=r"hygge\[postgres\]"):
            connection.connect()


def test_leaving_early_does_not_wait_for_the_server(postgres: Database) -> None:
    began = time.monotonic()
    with bound(postgres, query=SLOW).open(Context()) as session:
        session.schema()
        batches = iter(session.read(ReadRequest(batch_rows=100), WHOLE))
        next(batches)
        next(batches)
        del batches
    assert time.monotonic() - began < 30


def test_every_key_reaches_the_server(postgres: Database) -> None:
    connection = PostgresConnection.model_validate(
        {"host": postgres.socket or postgres.host, "port": postgres.port, "user": postgres.user,
         "database": postgres.database, "password": postgres.password, "tls": "disable",
         "application_name": "it's mine", "statement_timeout": "2m", "connect_timeout": "3s",
         "session": ["SET TimeZone = 'Asia/Tokyo'"]}
    )  # fmt: skip
    with connection.open_link() as link:
        names = ("application_name", "statement_timeout", "TimeZone", "IntervalStyle")
        names = ("application_name", "statement_timeout", "TimeZone", "IntervalStyle")
        shown = [str(link.row(f"SELECT current_setting('{name}')")[0]) for name in names]
    assert shown == ["it's mine", "2min", "Asia/Tokyo", "iso_8601"]


@pytest.mark.parametrize(
    ("state", "text", "kind", "hint"),
    [
        ("40001", "could not serialize access", TransientError, "trying again"),
        ("40P01", "deadlock detected", TransientError, "trying again"),
        ("40001", "canceling statement due to conflict with recovery", TransientError, "standby"),
        ("57P01", "terminating connection due to administrator command", TransientError, "stopped"),
        ("57014", "canceling statement due to statement timeout", TransientError, "_timeout"),
        ("57014", "canceling statement due to user request", Cancelled, ""),
        ("53300", "too many connections for role", TransientError, "pool_size"),
        (None, "FATAL:  sorry, too many clients already", TransientError, "pool_size"),
        (None, "FATAL:  the database system is shutting down", TransientError, "starting"),
        (None, 'FATAL:  no pg_hba.conf entry for host "::1"', ConnectError, "lets nobody in"),
        (None, "server closed the connection unexpectedly", TransientError, "broke"),
        (None, "something nobody has seen", ConnectError, "log"),
        ("42501", "permission denied for table t", ConnectError, "GRANT SELECT"),
        ("42601", "syntax error", ConfigError, ""),
        ("72000", "snapshot too old", TransientError, "snapshot"),
    ],
)
def test_kinds_of_errors(state: str | None, text: str, kind: type[HyggeError], hint: str) -> None:
    error = explain(f"IO: [libpq] Failed to connect: {text}", state, "shop")
    assert type(error) is kind
    assert hint in (error.hint or "")


def test_messages_are_the_servers_own() -> None:
    text = (
        "INVALID_DATA: [libpq] Failed to execute query: could not begin COPY: ERROR:  division by "
        "zero\n\nQuery was: COPY (select 1/0) TO STDOUT (FORMAT binary). SQLSTATE: 22012"
    )
    assert message_of(text) == "division by zero"
    cut = "IO: [libpq] Execution error [PGRES_FATAL_ERROR]: FATAL:  bye\n. SQLSTATE: 57P01"
    assert message_of(cut) == "bye"
    refused = "connection failed: Connection refused\n\tIs the server running on that host?"
    assert (
        message_of(refused) == "connection failed: Connection refused. Is the server running on "
        "that host?"
    )


# In the middle of a read --------------------------------------------------------------------------

SLOW = "SELECT i AS k, pg_sleep(CASE WHEN i > 20000 THEN 100 ELSE 0 END)::text AS v FROM generate_series(1, 30000) i"  # noqa: E501


def test_cancelling_stops_the_server_too(postgres: Database) -> None:
    context = Context()
    with bound(postgres, query=SLOW).open(context) as session:
        context.cancel.add(session.cancel)
        session.schema()
        threading.Timer(0.3, context.cancel.cancel, ["enough"]).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            for _ in session.read(ReadRequest(batch_rows=100), WHOLE):
                pass
        assert time.monotonic() - began < 20
    assert wait_for(lambda: not _busy(postgres))


def _busy(database: Database) -> list[tuple[str | None, ...]]:
    return database.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND "
        "pid <> pg_backend_pid() AND query LIKE '%pg_sleep%' AND state = 'active'"
    )


def test_a_backend_that_is_ended_is_transient(postgres: Database) -> None:
    with bound(postgres, query=SLOW).open(Context()) as session:
        session.schema()
        batches = iter(session.read(ReadRequest(batch_rows=100), WHOLE))
        assert next(batches) is not None
        wait_for(lambda: _busy(postgres))
        postgres.kill_backends()
        with pytest.raises(TransientError, match=r"terminating|closed the connection"):
            list(batches)


def test_a_load_whose_backend_is_ended_is_tried_again(postgres: Database, tmp_path: Path) -> None:
    """The first attempt sleeps in mid-read until its backend is ended; the next one does not."""
    postgres.execute("""
        CREATE TABLE calm (a int); CREATE TABLE t AS SELECT i AS k FROM generate_series(1, 9000) i;
        CREATE FUNCTION slow(k int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
          IF k = 8000 AND NOT EXISTS (SELECT FROM calm) THEN PERFORM pg_sleep(100); END IF;
          RETURN k; END $$;
        CREATE VIEW v AS SELECT slow(k) AS k FROM t;
    """)

    def disturb() -> None:
        wait_for(lambda: postgres.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                                       " AND datname = current_database()"))  # fmt: skip
        postgres.execute("INSERT INTO calm VALUES (1)")
        postgres.kill_backends()

    thread = threading.Thread(target=disturb)
    thread.start()
    flow = Flow(PostgresHome("v", url=postgres.url), ParquetStore("v", path=str(tmp_path / "v")))
    result = asyncio.run(flow.start())
    thread.join()
    assert result.rows == 9000
    assert pl.read_parquet(tmp_path / "v" / "*.parquet")["k"].sum() == 9000 * 9001 // 2


def test_a_statement_that_takes_too_long(postgres: Database) -> None:
    connection = PostgresConnection.model_validate(
        {"url": postgres.url, "statement_timeout": "200ms"}
    )
    with connection.open_link() as link, pytest.raises(TransientError, match="timeout") as caught:
        link.rows("SELECT pg_sleep(30)::text")
    assert "statement_timeout" in str(caught.value.hint)


def test_never_more_connections_than_the_pool_has(postgres: Database, tmp_path: Path) -> None:
    """As the server itself counts them while many entities are read at once."""
    names = [f"t{number}" for number in range(8)]
    postgres.execute("".join(
        f"CREATE TABLE {n} AS SELECT i AS k, repeat('x', 500) AS v FROM generate_series(1, 4000) i;"
        for n in names
    ))  # fmt: skip
    role = f"few_{postgres.database}"
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw1234' CONNECTION LIMIT 2;"
                     f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};")  # fmt: skip
    (tmp_path / "hygge.yml").write_text(f"""
connections:
  shop: {{type: postgres, host: {postgres.host}, port: {postgres.port}, user: {role},
         database: {postgres.database}, password: "pw1234", pool_size: 2}}
flows:
  all:
    home: {{type: postgres, connection: shop}}
    store: {{type: parquet, path: out}}
    tables: ["public.t*"]
    chunks: 3
""")
    try:
        options = RunOptions(concurrency=8)
        result = Coordinator(tmp_path / "hygge.yml", options=options).run_sync()
        assert result.rows == 8 * 4000
    finally:
        close_pools()
        wait_for(lambda: not postgres.rows(
            f"SELECT 1 FROM pg_stat_activity WHERE usename = '{role}'"))  # fmt: skip
        postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role};")


# The clock ----------------------------------------------------------------------------------------

SETUP = "CREATE TABLE t (k int, at timestamptz DEFAULT now()); INSERT INTO t VALUES (0);"


def clock(database: Database) -> tuple[datetime, bool]:
    with bound(database).open(Context()) as session:
        found = session.clock()
        assert found is not None
        return found, session.settled_clock


def test_open_transactions_hold_the_clock(postgres: Database) -> None:
    postgres.execute(SETUP)
    before = datetime.now(UTC)
    at, settled = clock(postgres)
    assert settled
    assert before - timedelta(seconds=5) < at <= datetime.now(UTC)
    with client(postgres, "BEGIN; SELECT 1;") as early:  # it has not written yet
        began = datetime.fromisoformat(
            str(postgres.rows("SELECT min(xact_start) AT TIME ZONE 'UTC' FROM pg_stat_activity "
                              "WHERE state = 'idle in transaction' AND datname = "
                              "current_database()")[0][0])
        ).replace(tzinfo=UTC)  # fmt: skip
        with client(postgres, "BEGIN; INSERT INTO t VALUES (1);"):
            at, settled = clock(postgres)
            assert settled
            assert at < began
        says(early, "INSERT INTO t VALUES (2); COMMIT;")
    wait_for(lambda: clock(postgres)[0] > began)


def test_sessions_that_read_do_not_hold_it(postgres: Database) -> None:
    postgres.execute(SETUP)
    with bound(postgres).open(Context()) as session:
        session.schema()
        began = datetime.now(UTC)
        wait_for(lambda: clock(postgres)[0] > began)


def test_a_prepared_transaction_unsettles_it(postgres: Database) -> None:
    postgres.execute(SETUP)
    with client(postgres, "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'held';"):
        at, settled = clock(postgres)
        assert not settled
        prepared = postgres.rows(f"SELECT prepared > '{at}' FROM pg_prepared_xacts")
        assert prepared == [("t",)]
    postgres.execute("ROLLBACK PREPARED 'held'")
    assert clock(postgres)[1]


def test_who_does_not_see_others_has_no_settled_clock(postgres: Database) -> None:
    role = f"blind_{postgres.database}"
    postgres.execute(
        SETUP + f"CREATE ROLE {role} LOGIN PASSWORD 'pw1234'; GRANT SELECT ON t TO {role}"
    )
    url = f"postgresql://{role}:pw1234@{postgres.host}:{postgres.port}/{postgres.database}"
    try:
        for grant, settled in ((False, False), (True, True)):
            if grant:
                postgres.execute(f"GRANT pg_read_all_stats TO {role}")
            with PostgresHome("t", url=url).bind(Surroundings()).open(Context()) as session:
                session.schema()
                assert session.settled_clock is settled
    finally:
        postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role};")


NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("kind", "said"), [("timestamptz", {}), ("timestamp", {"timezone": NEW_YORK})]
)
def test_a_row_that_is_committed_late_is_not_lost(
    kind: str, said: dict[str, str], postgres: Database, tmp_path: Path
) -> None:
    """Transactions that began before a run and commit after it: the next run has their rows."""
    postgres.execute(
        f"ALTER DATABASE {postgres.database} SET timezone = '{NEW_YORK}'"  # for the next session
    )
    postgres.execute(
        f"CREATE TABLE t (k serial PRIMARY KEY, at {kind} DEFAULT now());"
        "INSERT INTO t (at) SELECT now() - interval '1 h' FROM generate_series(1, 10);"
    )

    def move() -> int:
        flow = Flow(
            PostgresHome("t", url=postgres.url), ParquetStore("t", path=str(tmp_path / "t")),
            mode="append", incremental={"column": "at", **said},
        )  # fmt: skip
        asyncio.run(flow.start())
        return pl.read_parquet(tmp_path / "t" / "*.parquet").height

    with (
        client(postgres, "BEGIN; INSERT INTO t DEFAULT VALUES;") as late,
        client(postgres, "BEGIN; SELECT 1;") as later,
    ):
        postgres.execute("INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES;")
        assert move() == 10  # what came after the open transactions began has to wait
        says(later, "INSERT INTO t DEFAULT VALUES; COMMIT;")
        assert move() == 10
        says(late, "COMMIT;")
    wait_for(lambda: move() == 14)
    keys = pl.read_parquet(tmp_path / "t" / "*.parquet")["k"]
    assert sorted(keys) == list(range(1, 15))


@pytest.mark.parametrize("kind", ["timestamp", "date"])
def test_whose_clock_a_column_without_a_zone_shows_must_be_said(
    kind: str, postgres: Database, tmp_path: Path
) -> None:
    """Where the server's own zone is not UTC, its bound would be above times yet to come."""
    postgres.execute(
        f"ALTER DATABASE {postgres.database} SET timezone = '{NEW_YORK}';"
        f"CREATE TABLE t (k int PRIMARY KEY, at {kind}); INSERT INTO t VALUES (1, '2024-05-01');"
    )

    def move(**said: str) -> None:
        flow = Flow(
            PostgresHome("t", url=postgres.url), ParquetStore("t", path=str(tmp_path / "t")),
            mode="merge", incremental={"column": "at", **said},
        )  # fmt: skip
        asyncio.run(flow.start())

    with pytest.raises(UnsupportedError, match=NEW_YORK) as told:
        move()
    assert f"timezone: {NEW_YORK}" in (told.value.hint or "")
    assert not list(tmp_path.glob("t/*.parquet"))
    move(timezone="UTC")
    move(lag="1d")
    postgres.execute(f"ALTER DATABASE {postgres.database} SET timezone = 'Etc/UTC'")
    close_pools()
    move()


@pytest.mark.parametrize(
    ("said", "told"),
    [({}, "timezone: Asia/Tokyo"), ({"timezone": "UTC"}, "is not past it")],
)
def test_times_that_are_left_for_later_are_told(
    said: dict[str, str], told: str, postgres: Database, tmp_path: Path
) -> None:
    postgres.execute(
        f"ALTER DATABASE {postgres.database} SET timezone = 'Asia/Tokyo';"
        "CREATE TABLE t (k int PRIMARY KEY, at timestamp);"
        "INSERT INTO t VALUES (1, now() AT TIME ZONE 'Asia/Tokyo');"
    )
    flow = Flow(
        PostgresHome("t", url=postgres.url), ParquetStore("t", path=str(tmp_path / "t")),
        mode="merge", incremental={"column": "at", "lag": "15m", **said},
    )  # fmt: skip
    result = asyncio.run(flow.start())
    assert result.rows == 0
    (note,) = (n for n in (*result.warnings, *result.notes) if "left for later" in n)
    assert told in note
