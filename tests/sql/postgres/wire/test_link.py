"""The same rows through hygge's own client as through libpq, and the same ones laid down."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from decimal import Decimal

import polars as pl
import pytest
from tests.servers import Database, Server
from tests.sql.postgres.corpus import CORPUS, lay_down

from hygge import PostgresHome, PostgresStore
from hygge.core.context import Context, Surroundings
from hygge.core.errors import Cancelled, ConfigError, DataError, TransientError, VerifyError
from hygge.sql.pool import Pool
from hygge.sql.postgres.adbc import ADBCPostgresLink
from hygge.sql.postgres.connection import PostgresConnection
from hygge.sql.postgres.link import PostgresLink
from hygge.sql.postgres.wire.decode import strip
from hygge.sql.postgres.wire.link import WireLink


def connection(database: Database, driver: str = "native") -> PostgresConnection:
    return PostgresConnection.model_validate({"url": database.url, "driver": driver})


@pytest.fixture
def links(postgres: Database) -> Iterator[tuple[PostgresLink, PostgresLink]]:
    """hygge's own, and libpq's."""
    with connection(postgres).connect() as ours, connection(postgres, "libpq").connect() as theirs:
        assert isinstance(ours, WireLink)
        assert isinstance(theirs, ADBCPostgresLink)
        yield ours, theirs


def test_every_type_is_read_the_same(postgres_server: Server) -> None:
    with postgres_server.database() as database:
        lay_down(database)
        by_each = [
            Surroundings(connections={"it": connection(database, driver)})
            for driver in ("native", "libpq")
        ]
        compared = 0
        for number, kind in enumerate(CORPUS):
            table = f"t{number}"
            if database.rows(f"SELECT to_regclass('{table}')") == [(None,)]:
                continue
            ours, theirs = (
                pl.concat(PostgresHome(table, connection="it").bind(around).read_sync())
                for around in by_each
            )
            assert ours.schema == theirs.schema, kind.native
            assert ours.sort("k").equals(theirs.sort("k")), kind.native
            compared += 1
        assert compared > 50


ROWS = """
SELECT 1::int2, 2, 3::bigint, 1.5::real, 'NaN'::float8, 12.50::numeric, true, NULL::int,
  'text'::text, 'v'::varchar(3), 'name'::name, '\\x00ff'::bytea, '{"a": 1}'::json,
  DATE '2024-02-29', TIME '23:59:59.5', TIMESTAMP '0001-01-01 00:00:00.000001',
  TIMESTAMPTZ '9999-12-31 23:59:59.999999+00', 'ø, "quoted"'
"""


def test_values_in_python_are_the_same(links: tuple[PostgresLink, PostgresLink]) -> None:
    ours, theirs = (list(link.row(ROWS)) for link in links)
    assert math.isnan(ours[4])
    assert math.isnan(theirs[4])
    assert [*ours[:4], *ours[5:]] == [*theirs[:4], *theirs[5:]]
    assert [type(value) for value in ours] == [type(value) for value in theirs]
    assert ours[13:17] == [
        date(2024, 2, 29), time(23, 59, 59, 500_000), datetime(1, 1, 1, 0, 0, 0, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
    ]  # fmt: skip


def test_however_dates_are_to_be_shown(postgres: Database) -> None:
    """By a statement of the session's, or by a function while something is read."""
    session = {"url": postgres.url, "session": ["SET DateStyle = 'German, DMY'"]}
    with PostgresConnection.model_validate(session).open_link() as link:
        assert link.row("SELECT DATE '02.01.2020', TIMESTAMP '02.01.2020 03:04'") == (
            date(2020, 1, 2), datetime(2020, 1, 2, 3, 4),
        )  # fmt: skip
        sets = "SELECT set_config('DateStyle', 'SQL, MDY', false) AS s, DATE '2020-01-02' AS d"
        with link.stream(sets, 10) as frames:
            assert pl.concat(frames)["d"].to_list() == [date(2020, 1, 2)]
        assert link.row("SELECT DATE '01/02/2020'") == (date(2020, 1, 2),)


@pytest.mark.parametrize(
    "value", ["'infinity'::timestamp", "'10000-01-01'::date", "'0044-03-15 BC'::date"]
)
def test_times_that_python_has_not(links: tuple[PostgresLink, PostgresLink], value: str) -> None:
    for link in links:
        with pytest.raises(DataError, match="a time is infinite"):
            link.rows(f"SELECT {value}")


def test_what_a_query_gives_is_told_the_same(links: tuple[PostgresLink, PostgresLink]) -> None:
    sql = "SELECT 1.5::numeric(10,2) AS n, 'x'::varchar(5) AS v, now() AS at, 1.5::numeric AS free"
    assert links[0].describe(sql) == links[1].describe(sql)
    assert links[0].planned("SELECT generate_series(1, 77)") == links[1].planned(
        "SELECT generate_series(1, 77)"
    )


def test_frames_are_laid_down_the_same(
    postgres: Database, links: tuple[PostgresLink, PostgresLink]
) -> None:
    ints = [None, -1, 0, 1]
    frame = pl.DataFrame({
        "i2": pl.Series([-(2**15), 2**15 - 1, None, 0], dtype=pl.Int16),
        "i8": pl.Series([-(2**63), 2**63 - 1, None, 0], dtype=pl.Int64),
        "u8": pl.Series(["18446744073709551615", "0", None, "1"]).cast(pl.Decimal(20, 0)),
        "f4": pl.Series([1.5, -0.0, None, float("inf")], dtype=pl.Float32),
        "f8": [math.nan, 1e-308, None, 0.1],
        "n": pl.Series([Decimal("-0.01"), Decimal("99999999.99"), None, Decimal(0)],
                       dtype=pl.Decimal(10, 2)),
        "b": [True, False, None, True],
        "t": ["", "ø\t\n\\", None, "x" * 100],
        "y": [b"", b"\0\xff", None, b"x" * 100],
        "d": [date(1, 1, 1), date(9999, 12, 31), None, date(2000, 1, 1)],
        "tm": [time(0), time(23, 59, 59, 999_999), None, time(1)],
        "ts": [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None,
               datetime(1999, 12, 31, 23)],
        "li": [ints, [], None, [5]],
        "lt": [["", None, "ø"], [], None, ["x"]],
    }).with_columns(tz=pl.col("ts").dt.replace_time_zone("UTC"))  # fmt: skip
    columns = (
        "i2 int2, i8 int8, u8 numeric(20,0), f4 real, f8 float8, n numeric(10,2), b boolean, "
        "t text, y bytea, d date, tm time, ts timestamp, li bigint[], lt text[], tz timestamptz"
    )
    for name, link in zip(("ours", "theirs"), links, strict=True):
        postgres.execute(f'CREATE SCHEMA "{name} s"; CREATE TABLE "{name} s"."T ""1" ({columns})')
        assert link.append(f"{name} s", 'T "1', [frame, frame[:0], frame[1:3]]) == 6
    shown = [
        sorted(map(str, postgres.rows(f'SELECT t::text FROM "{name} s"."T ""1" AS t')))
        for name in ("ours", "theirs")
    ]
    assert shown[0] == shown[1]
    assert len(shown[0]) == 6


def test_what_the_server_refuses_of_a_copy(
    postgres: Database, links: tuple[PostgresLink, PostgresLink]
) -> None:
    postgres.execute("CREATE TABLE t (n int CHECK (n < 3), t text)")
    for link in links:
        with pytest.raises(DataError, match="check constraint"):
            link.append("", "t", [pl.DataFrame({"n": [1, 3]}, schema={"n": pl.Int32})])
        with pytest.raises(DataError, match="invalid byte sequence"):
            link.append("", "t", [pl.DataFrame({"t": ["a\0b"]})])
        assert link.rows("SELECT count(*) FROM t") == [(0,)]
    with pytest.raises(ConfigError, match="does not exist"):
        links[0].append("", "nowhere", [pl.DataFrame({"n": [1]})])


def test_a_connection_is_good_after_what_went_wrong(
    links: tuple[PostgresLink, PostgresLink],
) -> None:
    link = links[0]
    link.execute("BEGIN")
    with pytest.raises(DataError, match="division by zero"), link.stream(
        "SELECT 1 / (50000 - n) AS n FROM generate_series(1, 100000) n", 1000
    ) as frames:  # fmt: skip
        for _ in frames:
            pass
    link.reset()
    assert link.rows("SELECT 1") == [(1,)]
    with link.stream("SELECT n FROM generate_series(1, 10000000) n", 1000) as frames:
        assert next(frames).height == 0
        assert next(frames).height == 1000
    assert link.rows("SELECT 2") == [(2,)]


def test_rows_that_did_not_come_are_missed(
    links: tuple[PostgresLink, PostgresLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the server counts them: no block may get lost between it and the frames."""
    monkeypatch.setattr("hygge.sql.postgres.wire.link.strip", lambda *block, first: strip(
        *(part[1:] if n and not first else part for n, part in enumerate(block)), first=first
    ))  # fmt: skip
    with pytest.raises(VerifyError, match="of 200000 rows that were sent, 19"), links[0].stream(
        "SELECT n, repeat('x', 90) AS t FROM generate_series(1, 200000) n", 10_000
    ) as frames:  # fmt: skip
        for _ in frames:
            pass
    assert links[0].rows("SELECT 1") == [(1,)]


@pytest.mark.parametrize("driver", ["native", "libpq"])
def test_a_connection_that_broke_is_not_lent_again(postgres: Database, driver: str) -> None:
    pool = Pool(connection(postgres, driver))
    lease = pool.lease(Context())
    sql = "SELECT pid FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    ((pid,),) = lease.link.rows(sql)
    with pytest.raises(TransientError, match="administrator command"):
        lease.link.rows(f"SELECT pg_terminate_backend({pid}), pg_sleep(60)")
    lease.release()
    lease = pool.lease(Context())
    assert lease.link.rows(sql) != [(pid,)]
    lease.release()
    pool.close()


def test_rows_longer_than_a_block(links: tuple[PostgresLink, PostgresLink]) -> None:
    sql = "SELECT n, repeat('ø', n * 500000) AS t FROM generate_series(0, 12) n"
    with links[0].stream(sql, 5) as frames:
        found = pl.concat(frames)
    assert found["t"].str.len_chars().to_list() == [n * 500_000 for n in range(13)]


def test_cancelling_ends_what_is_under_way(links: tuple[PostgresLink, PostgresLink]) -> None:
    link, ended = links[0], threading.Event()

    def cancel() -> None:
        while not ended.wait(0.05):  # the first may come before there is anything to cancel
            link.cancel()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(cancel)
        with pytest.raises(Cancelled):
            link.rows("SELECT pg_sleep(60)")
        ended.set()
    link.cancel()  # nothing is under way
    assert link.rows("SELECT 1") == [(1,)]


def test_where_it_takes_libpq_it_is_asked(postgres: Database) -> None:
    """Several hosts are for libpq to try."""
    settings = PostgresConnection.model_validate({
        "url": f"postgresql:///?host=127.0.0.1,{postgres.host}&port={postgres.port},{postgres.port}",
        "user": postgres.user, "password": postgres.password, "database": postgres.database,
    })  # fmt: skip
    with settings.connect() as first, settings.connect() as second:
        assert isinstance(first, ADBCPostgresLink)
        assert isinstance(second, ADBCPostgresLink)
        assert second.rows("SELECT 1") == [(1,)]
        assert f"'{postgres.user}', by libpq (host=127.0.0.1," in second.who()


def test_who_the_server_takes_us_for(
    postgres: Database, links: tuple[PostgresLink, PostgresLink]
) -> None:
    ours, theirs = links
    assert ours.who().startswith(f"'{postgres.user}', on PostgreSQL ")
    assert theirs.who().startswith(f"'{postgres.user}', by libpq (`driver` says so), on ")
    around = Surroundings(connections={"it": connection(postgres)})
    postgres.execute("CREATE TABLE t (n int)")
    with PostgresHome("t", connection="it").bind(around).open(Context()) as home:
        assert home.who() == ours.who()
    with PostgresStore("t", connection="it").bind(around).open(Context()) as store:
        assert store.who() == ours.who()
