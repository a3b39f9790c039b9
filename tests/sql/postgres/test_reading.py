"""Names, views, partitions, queries, chunks and snapshots, against a server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from tests.servers import Database

from hygge import ConfigError, ConnectError, DataError, PostgresHome
from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.reading import HomeSession
from hygge.core.watermark import Window
from hygge.sql.postgres.session import PostgresSession
from hygge.sql.postgres.wire.link import WireLink


def home(database: Database, table: str = "t", **settings: Any) -> PostgresHome:
    return PostgresHome(table, url=database.url, **settings).bind(Surroundings())


def opened(database: Database, table: str = "t", **settings: Any) -> HomeSession:
    return home(database, table, **settings).open(Context())


def rows(session: HomeSession, chunk: Chunk = WHOLE, **asked: Any) -> pl.DataFrame:
    return pl.concat(list(session.read(ReadRequest(**asked), chunk)))


def split_and_read(
    session: HomeSession, parts: int, window: Window | None = None
) -> tuple[list[Chunk], list[pl.DataFrame]]:
    """The chunks, each read, counted and found at the source alike."""
    request = ReadRequest(window=window)
    chunks = list(session.split(request, parts))
    frames = [pl.concat(list(session.read(request, chunk))) for chunk in chunks]
    assert [session.count(request, c) for c in chunks] == [f.height for f in frames]
    return chunks, frames


def check_whole(database: Database, frames: list[pl.DataFrame], table: str = "t") -> None:
    """Each row once: `k` is unique in the table."""
    found = sorted(key for frame in frames for key in frame["k"])
    assert found == [int(k or 0) for (k,) in database.rows(f"SELECT k FROM {table} ORDER BY 1")]


# Names --------------------------------------------------------------------------------------------


def test_names(postgres: Database) -> None:
    postgres.execute("""
        CREATE SCHEMA sales; CREATE SCHEMA "Mixed Case";
        CREATE TABLE t (a int); CREATE TABLE sales.t (b int);
        CREATE TABLE "a.b" (c int); CREATE TABLE "Mixed Case"."Ta""ble" (d int);
    """)
    for name, settings, column in (
        ("t", {}, "a"), ("sales.t", {}, "b"), ("t", {"schema": "sales"}, "b"), ("a.b", {}, "c"),
        ('Mixed Case.Ta"ble', {}, "d"), ('Ta"ble', {"schema": "Mixed Case"}, "d"),
    ):  # fmt: skip
        with opened(postgres, name, **settings) as session:
            assert session.schema().names == [column], name
            assert rows(session).columns == [column]
    with opened(postgres, "sales.tt") as none, pytest.raises(ConfigError, match="did you mean"):
        none.schema()


def test_the_search_path_decides(postgres: Database) -> None:
    postgres.execute("CREATE SCHEMA one; CREATE TABLE one.t (a int); CREATE TABLE t (b int);")
    url = f"{postgres.url}?options=-c%20search_path%3Done"
    with PostgresHome("t", url=url).bind(Surroundings()).open(Context()) as session:
        assert session.schema().names == ["a"]


# The catalogue ------------------------------------------------------------------------------------


def test_kinds_keys_and_estimates(postgres: Database) -> None:
    postgres.execute("""
        CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY, b text NOT NULL,
          twice bigint GENERATED ALWAYS AS (length(b) * 2) STORED, PRIMARY KEY (b, id));
        COMMENT ON TABLE plain IS 'of all sorts';
        INSERT INTO plain (b) SELECT 'x' || i FROM generate_series(1, 5000) i;
        CREATE VIEW seen AS SELECT * FROM plain;
        CREATE MATERIALIZED VIEW kept AS SELECT * FROM plain;
        CREATE TABLE parted (at date, n serial, PRIMARY KEY (at, n)) PARTITION BY RANGE (at);
        CREATE TABLE p1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        CREATE TABLE p2 PARTITION OF parted FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
        INSERT INTO parted SELECT '2024-01-01'::date + i % 60, i FROM generate_series(0, 3000) i;
        CREATE TABLE empty (a int); CREATE TABLE unknown AS SELECT 1 AS a;
        ANALYZE plain; ANALYZE kept; ANALYZE p1; ANALYZE p2; ANALYZE empty;
    """)
    tables = {table.name: table for table in home(postgres).catalogue(Context())}
    assert {name: table.kind for name, table in tables.items()} == {
        "plain": "table", "seen": "view", "kept": "materialized view", "parted":
        "partitioned table", "empty": "table", "unknown": "table",
    }  # fmt: skip
    plain, parted = tables["plain"], tables["parted"]
    assert plain.fields is not None and parted.fields is not None
    assert plain.fields.keys == ("b", "id")
    assert parted.fields.keys == ("at", "n")
    assert (plain.counter, parted.counter, plain.comment) == ("id", "n", "of all sorts")
    assert [f.nullable for f in plain.fields] == [False, False, True]
    assert (plain.rows, parted.rows, tables["kept"].rows) == (5000, 3001, 5000)
    assert (plain.bytes or 0) > 5000 * 30
    assert tables["empty"].rows == 0
    assert tables["unknown"].rows is None
    assert tables["seen"].rows is None
    with opened(postgres, "plain") as session:
        assert rows(session)["twice"].sum() == sum(2 * len(f"x{i}") for i in range(1, 5001))


def test_many_tables_take_one_question(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.execute(
        "SELECT format('CREATE TABLE t%s (id bigint PRIMARY KEY, a text, b numeric(10,"
        "2), c timestamptz, d jsonb)', i) FROM generate_series(1, 100) i \\gexec"
    )
    asked: list[str] = []
    ask = WireLink.rows

    def counted(link: WireLink, sql: str) -> Sequence[tuple[Any, ...]]:
        asked.append(sql)
        return ask(link, sql)

    monkeypatch.setattr(WireLink, "rows", counted)
    tables = home(postgres).catalogue(Context())
    assert len(tables) == 100
    assert all(table.fields and table.fields.keys == ("id",) for table in tables)
    assert len([sql for sql in asked if "pg_class" in sql]) == 1
    assert len(asked) < 10


def test_what_may_not_be_read(postgres: Database) -> None:
    postgres.execute("CREATE TABLE mine (a int); CREATE TABLE theirs (a int); CREATE ROLE reader_"
                     f"{postgres.database} LOGIN PASSWORD 'pw1234'; GRANT SELECT ON mine TO reader_"
                     f"{postgres.database};")  # fmt: skip
    try:
        url = f"postgresql://reader_{postgres.database}:pw1234@{postgres.host}:{postgres.port}"
        mine = PostgresHome("theirs", url=f"{url}/{postgres.database}").bind(Surroundings())
        assert [table.name for table in mine.tables(Context())] == ["mine"]
        with pytest.raises(ConnectError, match=r"permission denied[^$]*GRANT SELECT"):
            list(mine.read_sync())
    finally:
        postgres.execute(f"DROP OWNED BY reader_{postgres.database};"
                         f"DROP ROLE reader_{postgres.database};")  # fmt: skip


def test_a_foreign_table_is_cut_by_its_key(postgres: Database) -> None:
    if not postgres.rows("SELECT 1 FROM pg_available_extensions WHERE name = 'postgres_fdw'"):
        pytest.skip("this server has no postgres_fdw")
    postgres.execute(f"""
        CREATE TABLE far AS SELECT i AS k, 'x' || i AS v FROM generate_series(1, 3000) i;
        CREATE EXTENSION postgres_fdw;
        CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw
          OPTIONS (host '{postgres.host}', port '{postgres.port}', dbname '{postgres.database}');
        CREATE USER MAPPING FOR CURRENT_USER SERVER here
          OPTIONS (user '{postgres.user}', password '{postgres.password}');
        CREATE FOREIGN TABLE t (k int, v text) SERVER here OPTIONS (table_name 'far');
        CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k);
        CREATE FOREIGN TABLE p0 PARTITION OF parted FOR VALUES FROM (0) TO (3001) SERVER here
          OPTIONS (table_name 'far');
        CREATE TABLE p1 PARTITION OF parted FOR VALUES FROM (3001) TO (10000);
        INSERT INTO parted SELECT i, 'y' FROM generate_series(3001, 9000) i;
    """)
    with opened(postgres, chunk_column="k") as session:
        chunks, frames = split_and_read(session, 3)
        assert len(chunks) == 3
        check_whole(postgres, frames)
    with opened(postgres, "parted") as session:
        chunks, frames = split_and_read(session, 3)
        assert len(chunks) > 1
        check_whole(postgres, frames, "parted")
        assert session.fingerprint(ReadRequest(), chunks[0]) is None


def test_generated_columns(postgres: Database) -> None:
    (version,) = postgres.rows("SHOW server_version_num")[0]
    kinds = ["STORED", *(["VIRTUAL"] if int(version or 0) >= 180000 else [])]
    columns = ", ".join(f"{k} int GENERATED ALWAYS AS (k * 2) {k}" for k in kinds)
    postgres.execute(f"CREATE TABLE t (k int, {columns}); INSERT INTO t VALUES (21);")
    with opened(postgres) as session:
        assert rows(session).rows() == [(21, *[42] * len(kinds))]


@pytest.mark.parametrize(
    ("native", "value"), [("timestamp", "'infinity'"), ("date", "'infinity'"), ("numeric", "'NaN'")]
)
def test_no_watermark_beyond_all_times(postgres: Database, native: str, value: str) -> None:
    """Rows beyond all bounds would never be read: that is told, not passed over."""
    postgres.execute(f"CREATE TABLE t (k int, v {native}); INSERT INTO t VALUES (1, {value});")
    with opened(postgres) as session, pytest.raises(DataError, match=r"infinite|no number"):
        session.maximum("v")


def test_money_is_no_watermark(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t (k int, v money); INSERT INTO t VALUES (1, '1.50');")
    with opened(postgres) as session, pytest.raises(ConfigError, match=r"t\.v is money"):
        session.maximum("v")


# Queries ------------------------------------------------------------------------------------------


def test_a_query_is_not_run_to_be_described(postgres: Database) -> None:
    with opened(postgres, query="SELECT 1 AS a, pg_sleep(60) AS b, 1.5::numeric(4,1) AS c") as s:
        began = time.monotonic()
        assert [str(f.type) for f in s.schema()] == ["int32", "string", "decimal(4,1)"]
        assert time.monotonic() - began < 10


def test_a_query_may_end_with_a_comment(postgres: Database) -> None:
    with opened(postgres, query="SELECT 1 AS a -- and no more") as session:
        assert [str(f.type) for f in session.schema()] == ["int32"]
        assert pl.concat(split_and_read(session, 1)[1]).rows() == [(1,)]


def test_queries_in_windows_and_chunks(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t AS SELECT i AS k, i % 7 AS v FROM generate_series(1, 2000) i")
    query = "SELECT k, v FROM t WHERE v >= :since AND v < :until AND k >= :lower AND k < :upper;"
    with opened(postgres, query=query, chunk_column="k", where="k <> 5") as session:
        kind = session.schema()["v"].type
        chunks, frames = split_and_read(session, 4, Window("v", kind, 2, 4))
        assert len(chunks) == 4
        assert sorted(pl.concat(frames)["k"]) == [k for k in range(1, 2001)
                                                  if 2 <= k % 7 < 4 and k != 5]  # fmt: skip
    with (
        opened(postgres, query="SELECT 1 AS k") as session,
        pytest.raises(ConfigError, match=":lo"),
    ):
        session.split(ReadRequest(), 2)


# Chunks -------------------------------------------------------------------------------------------


def test_a_heap_is_cut_by_pages(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t AS SELECT i AS k, repeat('x', 200) AS v "
                     "FROM generate_series(1, 5000) i; DELETE FROM t WHERE k % 3 = 0")  # fmt: skip
    with opened(postgres) as session:
        chunks, frames = split_and_read(session, 5)
        assert len(chunks) == 5
        assert max(f.height for f in frames) < 3333 / 2  # whatever pages lie empty at the end
        check_whole(postgres, frames)
        plan = postgres.execute(f"EXPLAIN {session.statement(ReadRequest(), chunks[1])}")
        assert "Tid Range Scan" in plan


def test_partitions_are_cut_end_to_end(postgres: Database) -> None:
    postgres.execute("""
        CREATE TABLE t (k int, v text, w int) PARTITION BY LIST (w);
        CREATE TABLE p0 PARTITION OF t FOR VALUES IN (0);
        CREATE TABLE p1 (w int, gone int, v text, k int);  -- other columns, in another order
        ALTER TABLE p1 DROP COLUMN gone; ALTER TABLE t ATTACH PARTITION p1 FOR VALUES IN (1);
        CREATE TABLE p2 PARTITION OF t FOR VALUES IN (2, 3) PARTITION BY RANGE (k);
        CREATE TABLE p2a PARTITION OF p2 FOR VALUES FROM (0) TO (10000);
        CREATE TABLE p3 PARTITION OF t DEFAULT;
        INSERT INTO t SELECT i, repeat('y', 150), CASE WHEN i < 4000 THEN 1 ELSE i % 5 END
        FROM generate_series(1, 6000) i;
    """)
    with opened(postgres) as session:
        chunks, frames = split_and_read(session, 4)
        assert len(chunks) == 4
        check_whole(postgres, frames)
        marks = [session.fingerprint(ReadRequest(), chunk) for chunk in chunks]
        assert len(set(marks)) == 4
    postgres.execute("CREATE TABLE p9 PARTITION OF t FOR VALUES IN (9); "
                     "INSERT INTO t VALUES (7000, 'new', 9)")  # fmt: skip
    with opened(postgres) as session:  # as a run that goes on with another's chunks
        check_whole(postgres, [rows(session, chunk) for chunk in chunks])


def test_who_may_read_only_the_whole(postgres: Database) -> None:
    role = f"part_{postgres.database}"
    postgres.execute(f"""
        CREATE TABLE t (k int PRIMARY KEY) PARTITION BY RANGE (k);
        CREATE TABLE p0 PARTITION OF t FOR VALUES FROM (0) TO (500);
        CREATE TABLE p1 PARTITION OF t FOR VALUES FROM (500) TO (2000);
        INSERT INTO t SELECT i FROM generate_series(0, 1999) i;
        CREATE ROLE {role} LOGIN PASSWORD 'pw1234'; GRANT SELECT ON t TO {role};
    """)
    url = f"postgresql://{role}:pw1234@{postgres.host}:{postgres.port}/{postgres.database}"
    try:
        with PostgresHome("t", url=url).bind(Surroundings()).open(Context()) as session:
            chunks, frames = split_and_read(session, 3)
            assert [list(chunk.bounds["key"]) for chunk in chunks] == [["k"]] * 3
            assert all(chunk.lasting for chunk in chunks)
            check_whole(postgres, frames)
            assert session.fingerprint(ReadRequest(), chunks[0]) is None
        postgres.execute(f"GRANT SELECT ON p0, p1 TO {role}; ALTER TABLE t ENABLE ROW LEVEL "
                         f"SECURITY; CREATE POLICY few ON t USING (k < 10)")  # fmt: skip
        with PostgresHome("t", url=url).bind(Surroundings()).open(Context()) as session:
            _, frames = split_and_read(session, 3)
            assert sorted(k for frame in frames for k in frame["k"]) == list(range(10))
    finally:
        postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role};")


def test_inherited_rows_are_read_once(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t (k int PRIMARY KEY); CREATE TABLE u () INHERITS (t); INSERT "
                     "INTO t SELECT generate_series(1, 500); INSERT INTO u SELECT generate_series("
                     "501, 900)")  # fmt: skip
    with opened(postgres) as session:
        chunks, frames = split_and_read(session, 3)
        assert len(chunks) == 3
        check_whole(postgres, frames)


KEYS = {
    "k int": "i",
    "k bigint": "i * i",
    'k text COLLATE "C"': "chr(97 + i % 26) || i",
    "k numeric": "i / 8.0",
    "k uuid": "md5(i::text)::uuid",
    "k date": "date '2024-01-01' + i",
    "k timestamptz": "now() + i * interval '1 s'",
    "k float8": "CASE i WHEN 9 THEN 'NaN'::float8 ELSE i END",
    "k bytea": "decode(md5(i::text), 'hex')",
    "k int, l text, m date, PRIMARY KEY (k, l, m)":
        "i % 3, 'a''b' || i % 5, date '2024-01-01' + i",
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("analyzed", [True, False])
def test_keys_of_any_type_cut_what_has_no_pages(
    postgres: Database, key: str, analyzed: bool
) -> None:
    column = key if "PRIMARY" in key else f"{key} PRIMARY KEY"
    postgres.execute(
        f"CREATE TABLE base ({column}); CREATE TABLE u () INHERITS (base);"
        f"INSERT INTO base SELECT {KEYS[key]} FROM generate_series(1, 3000) i;"
        + ("ANALYZE base;" if analyzed else "")
    )
    with opened(postgres, "base") as session:
        chunks, frames = split_and_read(session, 4)
        assert len(chunks) == 4
        whole = pl.concat(frames)
        assert whole.height == 3000 == whole.n_unique()
        assert max(f.height for f in frames) < 2 * 3000 / 4


def test_a_view_is_cut_by_a_column_with_nulls_and_skew(postgres: Database) -> None:
    postgres.execute("""
        CREATE TABLE b AS SELECT i AS k, CASE WHEN i % 10 = 0 THEN NULL WHEN i % 2 = 0 THEN 5 ELSE i
        END AS v FROM generate_series(1, 4000) i;
        CREATE VIEW t AS SELECT * FROM b;
    """)
    with opened(postgres, chunk_column="v") as session:
        chunks, frames = split_and_read(session, 5)
        assert len(chunks) >= 3
        check_whole(postgres, frames)
        assert not any(chunk.label == "all" for chunk in chunks)
    with opened(postgres) as session:
        assert list(session.split(ReadRequest(), 5)) == [WHOLE]
    with (
        opened(postgres, chunk_column="w") as session,
        pytest.raises(ConfigError, match="no column"),
    ):
        session.split(ReadRequest(), 5)


def test_small_windows_are_left_to_an_index(postgres: Database) -> None:
    postgres.execute("""
        CREATE TABLE t AS SELECT i AS k, repeat('x', 100) AS v FROM generate_series(1, 20000) i;
        CREATE INDEX ON t (k); ANALYZE t;
    """)
    with opened(postgres) as session:
        kind = session.schema()["k"].type
        assert list(session.split(ReadRequest(window=Window("k", kind, 19_900, None)), 4)) == [
            WHOLE
        ]
        window = Window("k", kind, 1_000, 15_000)
        chunks, frames = split_and_read(session, 4, window)
        assert len(chunks) == 4
        assert sorted(pl.concat(frames)["k"]) == list(range(1_000, 15_000))
        assert 13_000 < (session.estimate(ReadRequest(window=window)).rows or 0) < 15_000


@pytest.mark.parametrize("kind", ["heap", "partitions", "a filter", "an index"])
def test_a_scan_is_counted_by_the_server_as_it_goes(postgres: Database, kind: str) -> None:
    """And counted by a question where that is not what was read."""
    postgres.execute("""
        CREATE TABLE t (k int) PARTITION BY RANGE (k);
        CREATE TABLE p0 PARTITION OF t FOR VALUES FROM (0) TO (700);
        CREATE TABLE p1 PARTITION OF t FOR VALUES FROM (700) TO (9000);
        INSERT INTO t SELECT i FROM generate_series(1, 3000) i; DELETE FROM t WHERE k % 7 = 0;
        CREATE INDEX ON p0 (k);
    """)
    table = "t" if kind == "partitions" else "p1" if kind != "an index" else "p0"
    settings = {"where": "k % 2 = 0"} if kind == "a filter" else {}
    asked: list[str] = []
    with opened(postgres, table, **settings) as session:
        assert isinstance(session, PostgresSession)
        if kind == "an index":
            session.link.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"
            )
        for chunk in [WHOLE, *session.split(ReadRequest(), 3)]:
            read = pl.concat(list(session.read(ReadRequest(), chunk))).height
            before = session.link.rows
            session.link.rows = lambda sql, b=before: asked.append(sql) or b(sql)  # type: ignore
            assert session.count(ReadRequest(), chunk) == read
            session.link.rows = before  # type: ignore[method-assign]
    assert bool(asked) == (kind in ("a filter", "an index"))


# Snapshots ----------------------------------------------------------------------------------------


def test_sessions_share_a_snapshot(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t AS SELECT i AS k, 0 AS v FROM generate_series(1, 3000) i")
    place = home(postgres)
    with place.open(Context()) as first:
        assert first.consistency == "one snapshot"
        request = ReadRequest(snapshot=first.share())
        chunks = first.split(request, 4)
        assert request.snapshot
        postgres.execute(
            "UPDATE t SET v = 1; DELETE FROM t WHERE k < 100; INSERT INTO t VALUES (0)"
        )
        (second,) = place.beside(first, 1, Context())
        with second:
            frames = [
                pl.concat(list(session.read(request, chunk)))
                for session, chunk in zip([first, second] * 2, chunks, strict=True)
            ]
            whole = pl.concat(frames)
            assert sorted(whole["k"]) == list(range(1, 3001))
            assert whole["v"].sum() == 0
            assert second.count(request, chunks[0]) == frames[0].height
            one = [session.fingerprint(request, chunks[1]) for session in (first, second)]
            assert one[0] == one[1]
    with place.open(Context()) as later:
        assert rows(later)["v"].sum() == 2901


def test_a_server_that_shares_no_snapshot(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.execute("CREATE TABLE t AS SELECT 1 AS k; REVOKE EXECUTE ON FUNCTION pg_catalog."
                     "pg_export_snapshot() FROM PUBLIC; CREATE ROLE "
                     f"alone_{postgres.database} LOGIN PASSWORD 'pw1234'; GRANT SELECT ON t TO "
                     f"alone_{postgres.database}")  # fmt: skip
    try:
        url = f"postgresql://alone_{postgres.database}:pw1234@{postgres.host}:{postgres.port}"
        place = PostgresHome("t", url=f"{url}/{postgres.database}").bind(Surroundings())
        with place.open(Context()) as session:
            assert session.share() == ""
            assert "cannot be shared" in session.consistency
            assert rows(session)["k"].to_list() == [1]
    finally:
        postgres.execute(f"DROP OWNED BY alone_{postgres.database};"
                         f"DROP ROLE alone_{postgres.database};")  # fmt: skip


# Versions of rows ---------------------------------------------------------------------------------

SAME = ("SELECT 1", "SELECT * FROM t FOR UPDATE", "VACUUM t", "ANALYZE t", "VACUUM (FREEZE) t",
        "BEGIN; UPDATE t SET v = 'z'; ROLLBACK", "CREATE INDEX ON t (v)")  # fmt: skip
OTHER = ("UPDATE t SET v = v WHERE k = 1", "DELETE FROM t WHERE k = 1", "INSERT INTO t VALUES (0)",
         "DELETE FROM t WHERE k = 400; VACUUM t; INSERT INTO t VALUES (400, 'x')",
         "VACUUM FULL t", "CLUSTER t USING t_pkey", "ALTER TABLE t ADD COLUMN w int DEFAULT 7",
         "TRUNCATE t", "ALTER TABLE t ALTER v TYPE varchar")  # fmt: skip


@pytest.mark.parametrize("change", [*SAME, *OTHER])
def test_fingerprints_tell_whether_rows_are_the_same(postgres: Database, change: str) -> None:
    postgres.execute("CREATE TABLE t (k int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'x' || i "
                     "FROM generate_series(1, 400) i")  # fmt: skip
    marks = []
    for _ in range(2):
        with opened(postgres) as session:
            marks.append(session.fingerprint(ReadRequest(), WHOLE))
            assert session.count(ReadRequest(), WHOLE) == int(str(marks[-1]).split()[0])
        if len(marks) == 1:
            for statement in change.split("; "):
                if statement.startswith("BEGIN"):
                    postgres.execute(change)
                    break
                postgres.execute(statement)
    assert marks[0]
    assert (marks[0] == marks[1]) == (change in SAME)


def test_enum_labels_are_part_of_a_version(postgres: Database) -> None:
    postgres.execute("""
        CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (v mood); INSERT INTO t VALUES ('sad');
    """)
    with opened(postgres) as session:
        before = session.fingerprint(ReadRequest(), WHOLE)
    postgres.execute("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")
    with opened(postgres) as session:
        assert session.fingerprint(ReadRequest(), WHOLE) != before
        assert isinstance(session, PostgresSession)


def test_no_fingerprint_without_heaps(postgres: Database) -> None:
    postgres.execute("CREATE VIEW t AS SELECT 1 AS k")
    with opened(postgres) as session:
        assert session.fingerprint(ReadRequest(), WHOLE) is None
    with opened(postgres, query="SELECT 1 AS k") as session:
        assert session.fingerprint(ReadRequest(), WHOLE) is None
