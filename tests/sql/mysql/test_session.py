"""Snapshots, clocks, chunks, cancelling and lost connections, on a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pymysql
import pytest
from tests.servers import Database
from tests.sql.mysql.support import drain, home, open_home, read

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import (
    Cancelled,
    ConfigError,
    ConnectError,
    HyggeError,
    TransientError,
    UnsupportedError,
)
from hygge.core.fields import parse_type
from hygge.core.watermark import Window
from hygge.homes.mysql import MySQLHome
from hygge.sql.mysql.session import MySQLSession
from hygge.sql.pool import close_pools

NUMBERS = "SELECT seq AS k, seq * 7 AS v, REPEAT('x', 500) AS w FROM seq_1_to_{}"
"""MariaDB's tables of numbers: https://mariadb.com/kb/en/sequence-storage-engine/"""


@contextmanager
def client(database: Database) -> Iterator[Any]:
    """Another program's connection."""
    connection = pymysql.connect(
        host=database.host, port=database.port, user=database.user, password=database.password,
        database=database.database,
    )  # fmt: skip
    try:
        yield connection.cursor()
    finally:
        connection.close()


def filled(database: Database, rows: int, key: str = "k int PRIMARY KEY") -> None:
    database.execute(
        f"CREATE TABLE t ({key}, v bigint, w varchar(999)); INSERT INTO t {NUMBERS.format(rows)};"
    )


# Snapshots ----------------------------------------------------------------------------------------


def test_all_answers_are_of_one_snapshot(mysql: Database) -> None:
    filled(mysql, 1000)
    with open_home(mysql) as session:
        assert session.maximum("k") == 1000
        mysql.execute("DELETE FROM t WHERE k <= 10; INSERT INTO t VALUES (5000, 0, ''); "
                      "UPDATE t SET v = -1")  # fmt: skip
        assert session.count(ReadRequest(), WHOLE) == 1000
        got = drain(session)
        assert got.height == 1000 and got["v"].min() == 7
        assert session.maximum("k") == 1000
    assert session.consistency == "one snapshot"
    assert read(mysql).height == 991


def test_chunks_beside_are_of_one_snapshot(mysql: Database) -> None:
    """While somebody moves amounts between rows, the sum of all rows stays the same."""
    filled(mysql, 2000)
    mysql.execute("UPDATE t SET v = 100")
    stop = threading.Event()

    def move() -> None:
        with client(mysql) as other:
            at = 0
            while not stop.is_set():
                at = (at + 997) % 1000
                other.execute(f"UPDATE t SET v = v - 1 WHERE k = {at + 1}")
                other.execute(f"UPDATE t SET v = v + 1 WHERE k = {2000 - at}")
                other.connection.commit()

    source = home(mysql)
    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(5):
            with source.open(Context()) as first:
                name = first.share()
                assert name
                request = ReadRequest(snapshot=name)
                chunks = first.split(request, 4)
                assert len(chunks) == 4
                others = source.beside(first, 9, Context())
                assert 1 <= len(others) <= 3
                assert source.beside(first, 9, Context()) == []
                sessions = [first, *others]
                frames = [
                    drain(sessions[n % len(sessions)], request, chunk)
                    for n, chunk in enumerate(chunks)
                ]
                for session in others:
                    session.close()
                whole = pl.concat(frames)
                assert sorted(whole["k"]) == list(range(1, 2001))
                assert whole["v"].sum() == 200_000
    finally:
        stop.set()
        mover.join()


def test_a_snapshot_is_not_shared_where_somebody_goes_on_writing(mysql: Database) -> None:
    filled(mysql, 100)
    source = home(mysql)
    with client(mysql) as other:
        other.execute("UPDATE t SET v = 0 WHERE k = 1")  # and no commit
        with source.open(Context()) as session:
            assert session.share() == ""
            assert session.count(ReadRequest(), WHOLE) == 100
    with source.open(Context()) as session:
        assert session.share()


def test_nothing_is_shared_of_a_query_or_without_free_connections(mysql: Database) -> None:
    filled(mysql, 100)
    with open_home(mysql, query="SELECT * FROM t") as session:
        assert session.share() == ""
    mysql.execute("CREATE TABLE a (k int PRIMARY KEY) ENGINE = Aria; INSERT INTO a VALUES (1)")
    with open_home(mysql, "a") as session:
        assert session.share() == ""
        assert drain(session).rows() == [(1,)]
        assert "Aria has no snapshots" in session.consistency


def test_a_snapshot_has_no_name_for_strangers(mysql: Database) -> None:
    filled(mysql, 1)
    with open_home(mysql) as session, pytest.raises(UnsupportedError, match="snapshot"):
        list(session.read(ReadRequest(snapshot="of connection 1"), WHOLE))


# Clocks -------------------------------------------------------------------------------------------


def test_a_late_commit_is_not_passed_over(mysql: Database) -> None:
    """What was written before the bound, and is not committed yet, comes with the next window."""
    mysql.execute(
        "CREATE TABLE t (k int PRIMARY KEY, at timestamp(6) NULL DEFAULT NOW(6));"
        "INSERT INTO t VALUES (1, NOW(6) - INTERVAL 1 MINUTE)"
    )
    kind = parse_type("timestamp(us, UTC)")

    def window(lower: Any, upper: Any) -> list[int]:
        request = ReadRequest(window=Window("at", kind, lower, upper))
        return drain(session, request)["k"].to_list()

    with client(mysql) as late:
        late.execute("INSERT INTO t (k) VALUES (2)")
        with open_home(mysql) as session:
            assert session.settled_clock
            bound = session.clock()
            assert window(None, bound) == [1]
        late.connection.commit()
        with open_home(mysql) as session:
            assert window(bound, None) == [2]


def test_the_clock_is_held_by_open_transactions(mysql: Database) -> None:
    mysql.execute("CREATE TABLE t (k int PRIMARY KEY)")
    with client(mysql) as other:
        other.execute("INSERT INTO t VALUES (1)")
        other.execute("SELECT UTC_TIMESTAMP(6)")
        ((began,),) = other.fetchall()
        mysql.execute("DO SLEEP(1.5)")  # the server tells whole seconds, and its clock must go on
        with open_home(mysql) as session:
            bound = session.clock()
            assert bound is not None and bound <= began.replace(tzinfo=UTC)
            assert datetime.now(UTC) - bound < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("own", "machine", "said"),
    [("+02:00", "UTC", "+02:00"), ("Europe/Paris", "CET", "Europe/Paris"), ("SYSTEM", "UTC", "UTC"),
     ("SYSTEM", "GMT", "the machine's (GMT)")],  # which in summer is London's
)  # fmt: skip
def test_the_zone_of_the_server(
    own: str, machine: str, said: str, mysql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's is shared with others, so that what it answers is not changed but put in."""
    filled(mysql, 1)
    with open_home(mysql) as session:
        assert session.zone()  # the statement is one
        assert isinstance(session, MySQLSession)
        monkeypatch.setattr(type(session.link), "row", lambda *_: (own, machine))
        assert session.zone() == said


def test_without_the_right_to_look_the_clock_is_not_settled(mysql: Database) -> None:
    filled(mysql, 3)
    name = mysql.database
    mysql.execute(
        f"CREATE OR REPLACE USER {name}@'%' IDENTIFIED BY 'x';"
        f"GRANT SELECT ON {name}.* TO {name}@'%'"
    )
    url = f"mysql://{name}:x@{mysql.host}:{mysql.port}/{name}"
    try:
        with MySQLHome("t", url=url).bind(Surroundings()).open(Context()) as session:
            assert not session.settled_clock
            assert session.clock() is not None
            assert drain(session).height == 3
            assert session.share() == ""  # nor may it lock tables
    finally:
        close_pools()
        mysql.execute(f"DROP USER {name}@'%'")


# Chunks -------------------------------------------------------------------------------------------

KEYS = {
    "numbers with a gap": ("bigint", "IF(seq <= 1000, seq, seq * 1000000000)"),
    "texts": ("varchar(40)", "MD5(seq)"),
    "bytes": ("binary(16)", "UNHEX(MD5(seq))"),
    "times": ("datetime(6)", "'2020-01-01' + INTERVAL seq SECOND"),
    "decimals": ("decimal(20,4)", "seq / 7"),
}


@pytest.mark.parametrize("name", KEYS)
def test_tables_are_cut_by_keys_of_any_type(mysql: Database, name: str) -> None:
    kind, value = KEYS[name]
    mysql.execute(
        f"CREATE TABLE t (k {kind} NOT NULL PRIMARY KEY, v bigint);"
        f"INSERT INTO t SELECT {value}, seq FROM seq_1_to_4000; ANALYZE TABLE t"
    )
    with open_home(mysql) as session:
        chunks = session.split(ReadRequest(), 4)
        frames = [drain(session, ReadRequest(), chunk) for chunk in chunks]
        assert [f.height for f in frames] == [session.count(ReadRequest(), c) for c in chunks]
    assert len(chunks) == 4
    assert sorted(pl.concat(frames)["v"]) == list(range(1, 4001))
    assert max(f.height for f in frames) < 2000


def test_a_key_of_several_columns_is_cut_by_its_index(mysql: Database) -> None:
    mysql.execute(
        "CREATE TABLE t (tenant int, day date, n int, PRIMARY KEY (tenant, day, n)); INSERT INTO t "
        "SELECT IF(seq <= 3800, 1, seq), '2024-01-01' + INTERVAL (seq % 300) DAY, seq "
        "FROM seq_1_to_4000; ANALYZE TABLE t"
    )
    with open_home(mysql) as session:
        chunks = session.split(ReadRequest(), 4)
        frames = [drain(session, ReadRequest(), chunk) for chunk in chunks]
        plans = [session.statement(ReadRequest(), chunk) for chunk in chunks]
    assert sorted(pl.concat(frames)["n"]) == list(range(1, 4001))
    assert max(f.height for f in frames) < 2000
    for plan in plans:  # a range of the primary key, not a look at every row
        assert mysql.rows(f"EXPLAIN {plan}")[0][3] == "range"


def test_rows_without_the_column_go_with_the_first_chunk(mysql: Database) -> None:
    mysql.execute(
        "CREATE TABLE t (k int, v int, KEY (k)); "
        "INSERT INTO t SELECT IF(seq % 5 = 0, NULL, seq), seq FROM seq_1_to_2000"
    )
    with open_home(mysql, chunk_column="k") as session:
        chunks = session.split(ReadRequest(), 3)
        frames = [drain(session, ReadRequest(), chunk) for chunk in chunks]
    assert len(chunks) == 3
    assert sorted(pl.concat(frames)["v"]) == list(range(1, 2001))


def test_a_query_in_chunks(mysql: Database) -> None:
    query = "SELECT seq AS k FROM seq_1_to_1000 WHERE seq >= :lower AND seq < :upper"
    with open_home(mysql, query=query, chunk_column="k") as session:
        chunks = session.split(ReadRequest(), 4)
        frames = [drain(session, ReadRequest(), chunk) for chunk in chunks]
    assert [f.height for f in frames] == [250] * 4


# Ends that come early -----------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["SELECT SLEEP(60) AS s", NUMBERS.format(5_000_000)])
def test_another_thread_stops_a_statement(mysql: Database, query: str) -> None:
    context = Context()
    with home(mysql, query=query).open(context) as session:
        session.schema()
        timer = threading.Timer(0.3, session.cancel)
        timer.start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            for _ in session.read(ReadRequest(), WHOLE):
                pass
        assert time.monotonic() - began < 10
        timer.join()
    running = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(60)%' "
    assert mysql.rows(running + "AND id <> connection_id()") == [("0",)]


def test_a_connection_killed_in_mid_read_is_transient(mysql: Database) -> None:
    with open_home(mysql, query=NUMBERS.format(500_000)) as session:
        batches = session.read(ReadRequest(batch_rows=100), WHOLE)
        next(iter(batches))
        mysql.kill_backends()
        with pytest.raises(TransientError) as caught:
            for _ in batches:
                pass
    assert caught.value.hint
    assert read(mysql, query=NUMBERS.format(10)).height == 10  # the pool has another one


def test_a_killed_read_is_tried_again(mysql: Database, tmp_path: Path, monkeypatch: Any) -> None:
    """The whole of a flow: the connection is cut once while it reads."""
    from hygge import Flow, ParquetStore

    filled(mysql, 200_000)
    real, cuts = MySQLSession.read, []

    def cut_once(self: MySQLSession, *arguments: Any) -> Iterator[pl.DataFrame]:
        for batch in real(self, *arguments):
            yield batch
            if not cuts:
                cuts.append(1)
                mysql.kill_backends()

    monkeypatch.setattr(MySQLSession, "read", cut_once)
    Flow(MySQLHome("t", url=mysql.url), ParquetStore(path=str(tmp_path / "t"))).start_sync()
    assert cuts
    got = pl.read_parquet(tmp_path / "t" / "*.parquet")
    assert sorted(got["k"]) == list(range(1, 200_001))


def test_statements_have_a_limit(mysql: Database) -> None:
    from hygge.sql.mysql.connection import MySQLConnection

    connection = MySQLConnection(url=mysql.url, statement_timeout="1s")
    with connection.open_link() as link, pytest.raises(TransientError, match="1969") as caught:
        list(link.rows("SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b"))
    assert "statement_timeout" in str(caught.value.hint)


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "kind", "says", "hint"),
    [
        ({"password": "wrong"}, ConnectError, "1045", "password"),
        ({"database": "nowhere"}, ConnectError, "1049", "`database`"),
        ({"port": 1}, ConnectError, "2003", "`host` and `port`"),
        ({"tls": "verify-full"}, ConnectError, "", "tls"),
    ],
)
def test_where_it_does_not_connect(
    mysql: Database, change: dict[str, Any], kind: type[HyggeError], says: str, hint: str
) -> None:
    from hygge.sql.mysql.connection import MySQLConnection

    keys = {n: getattr(mysql, n) for n in ("host", "port", "user", "password", "database")}
    connection = MySQLConnection(**{**keys, **change})
    with pytest.raises(kind) as caught:
        connection.open_link()
    assert says in str(caught.value) and hint in str(caught.value.hint)
    assert "wrong" not in str(caught.value)


def test_a_table_that_is_not_there_and_the_near_miss(mysql: Database) -> None:
    mysql.execute("CREATE TABLE customers (k int)")
    with pytest.raises(ConfigError) as caught:
        read(mysql, "custommers")
    assert "customers'?" in str(caught.value.hint)


def test_a_wrong_query_is_told(mysql: Database) -> None:
    for query, says in (("SELECT nothing FROM", "1064"), ("SELECT 1 AS a FROM nowhere", "1146")):
        with pytest.raises(ConfigError, match=says):
            read(mysql, query=query)


def test_connecting_by_socket_and_by_options(mysql: Database) -> None:
    from hygge.sql.mysql.connection import MySQLConnection

    assert mysql.socket
    for settings in (
        {"host": mysql.socket, "user": mysql.user, "password": mysql.password,
         "database": mysql.database},
        {"url": f"{mysql.url}?unix_socket={mysql.socket}&charset=utf8mb4&ssl-mode=DISABLED"},
        {"url": mysql.url.replace("mysql://", "mariadb+pymysql://")},
    ):  # fmt: skip
        with MySQLConnection(**settings).open_link() as link:
            assert link.row("SELECT DATABASE()") == (mysql.database,)


# The catalogue ------------------------------------------------------------------------------------


def test_the_catalogue_in_one_pass(mysql: Database) -> None:
    mysql.execute(
        "CREATE TABLE a (x int, y varchar(5) NOT NULL, PRIMARY KEY (y, x)) COMMENT = 'all of it';"
        "INSERT INTO a SELECT seq, 'a' FROM seq_1_to_1000; ANALYZE TABLE a;"
        "CREATE VIEW b AS SELECT x FROM a; CREATE SEQUENCE s;"
        "CREATE TABLE `odd``name.x` (`co``l` json, k int PRIMARY KEY)"
    )
    found = {t.name: t for t in home(mysql).catalogue(Context())}
    assert set(found) == {"a", "b", "odd`name.x"}
    assert [(f.name, f.key, f.nullable) for f in found["a"].fields or ()] == [
        ("x", 2, False), ("y", 1, False),
    ]  # fmt: skip
    assert found["a"].comment == "all of it" and found["b"].kind == "view"
    assert 900 < (found["a"].rows or 0) < 1100 and found["a"].bytes
    assert found["b"].rows is None
    odd = found["odd`name.x"].fields
    assert odd is not None and str(odd["co`l"].type) == "json"
    assert read(mysql, "odd`name.x").height == 0
    assert read(mysql, f"{mysql.database}.a").height == 1000
    assert read(mysql, "a", schema=mysql.database).height == 1000
