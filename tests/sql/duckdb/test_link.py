"""Connections to DuckDB: locks, deadlines, cancelling, memory, and what is not there."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import CancelToken, Context, Surroundings
from hygge.core.errors import (
    BadValue,
    Cancelled,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.fields import Field, Schema, parse_type
from hygge.homes.duckdb import DuckDBHome
from hygge.sql.duckdb import room as room_module
from hygge.sql.duckdb import settler as settler_module
from hygge.sql.duckdb.connection import DuckDBConnection
from hygge.sql.duckdb.link import DuckDBLink
from hygge.sql.duckdb.settler import DuckDBSettler
from hygge.stores.duckdb import DuckDBStore
from hygge.testing.loading import load_frames

ENDLESS = "SELECT max(a.range * b.range) AS x FROM range(1000000) a, range(1000000) b"
"""A trillion rows before the first result."""
MANY = 600_000
LIMIT = "SELECT current_setting('memory_limit')"
HOLD = """
import sys, duckdb
db = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("CREATE TABLE t AS SELECT range AS id, 'n' || range AS name FROM range(300000)")
    return path


@pytest.fixture
def held(file: Path) -> Iterator[Path]:
    """The file, while another process has it open to write."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield file
    process.communicate()


def test_a_file_that_another_program_writes_to_is_a_passing_trouble(held: Path) -> None:
    with pytest.raises(TransientError) as caught:
        DuckDBLink.open(str(held), None)
    assert caught.value.hint == "another program has the file open to write"
    assert str(held) in str(caught.value)


def test_a_file_that_this_process_only_reads_is_written_to_after_that(file: Path) -> None:
    with closing(DuckDBLink.open(str(file), None)):
        with pytest.raises(TransientError) as caught:
            DuckDBLink.open(str(file), None, writing=True)
        assert "to read only" in (caught.value.hint or "")
    with closing(DuckDBLink.open(str(file), None, writing=True)) as link:
        link.execute("INSERT INTO t VALUES (-1, 'new')")


def test_what_can_be_used_no_more_is_told_in_our_words(file: Path) -> None:
    """As a file is in all its connections where one of them has failed for good."""
    link = DuckDBLink.open(str(file), None, writing=True)
    link.close()
    link.room.make(1 << 20)
    link.room.lower()
    with pytest.raises(HyggeError, match="closed"):
        link.append("t", [pl.DataFrame({"id": [1], "name": ["a"]})])


def test_what_is_no_database_is_no_passing_trouble(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("not a database" * 1000)
    with pytest.raises(ConnectError):
        DuckDBLink.open(str(tmp_path / "x.duckdb"), None)
    with pytest.raises(ConnectError, match="there is no DuckDB file"):
        DuckDBLink.open(str(tmp_path / "nowhere.duckdb"), None)


def test_a_file_is_opened_to_read_and_left_as_it_was(file: Path) -> None:
    before = file.read_bytes()
    with closing(DuckDBLink.open(str(file), None)) as link:
        assert link.rows("SELECT count(*) FROM t") == [(300_000,)]
        with pytest.raises(HyggeError, match="read-only"):
            link.execute("DROP TABLE t")
    assert file.read_bytes() == before
    assert not list(file.parent.glob("*.wal"))


def test_a_file_that_this_process_writes_to_is_read_beside(file: Path) -> None:
    with duckdb.connect(str(file)) as db:
        db.execute("INSERT INTO t VALUES (-1, 'new')")
        frame = pl.concat(DuckDBHome("t", path=str(file)).read_sync())
    assert frame.height == 300_001


def test_a_statement_that_takes_too_long_is_stopped(file: Path) -> None:
    with closing(DuckDBLink.open(str(file), None, timeout_s=0.2)) as link:
        began = time.monotonic()
        with pytest.raises(TransientError, match=r"took longer than 0\.2 seconds") as caught:
            link.rows(ENDLESS)
        assert time.monotonic() - began < 10
        assert caught.value.hint == "raise `statement_timeout`"
        assert link.rows("SELECT 1") == [(1,)]
        with pytest.raises(TransientError, match="took longer"), link.stream(ENDLESS, 10) as frames:
            list(frames)
        assert link.rows("SELECT 2") == [(2,)]


def test_the_time_for_a_statement_goes_on_while_its_rows_are_read(file: Path) -> None:
    many = "SELECT a.range FROM range(1000000) a, range(1000000) b"
    seen = 0
    with (
        closing(DuckDBLink.open(str(file), None, timeout_s=0.3)) as link,
        pytest.raises(TransientError, match="took longer"),
        link.stream(many, 1000) as frames,
    ):
        for frame in frames:
            seen += frame.height
    assert seen


def test_the_connection_says_how_long(tmp_path: Path, file: Path) -> None:
    connection = DuckDBConnection(path=file.name, statement_timeout="50ms").bind(tmp_path)
    with closing(connection.connect()) as link, pytest.raises(TransientError):
        link.rows(ENDLESS)


def test_a_slow_source_does_not_use_up_the_time_for_a_statement(tmp_path: Path) -> None:
    class Slow(list[pl.DataFrame]):
        def __iter__(self) -> Iterator[pl.DataFrame]:
            for frame in super().__iter__():
                time.sleep(0.05)
                yield frame

    connection = DuckDBConnection(path=str(tmp_path / "w.duckdb"), statement_timeout="2s")
    store = DuckDBStore("t", connection="w").bind(Surroundings(connections={"w": connection}))
    frames = Slow(pl.DataFrame({"n": [n]}) for n in range(45))
    assert load_frames(store, frames, "append").rows == 45


@pytest.mark.parametrize("streamed", [False, True])
def test_cancelling_stops_a_statement_within_seconds(file: Path, streamed: bool) -> None:
    link = DuckDBLink.open(str(file), None)
    timer = threading.Timer(0.2, link.cancel)
    timer.start()
    began = time.monotonic()
    with closing(link), pytest.raises(Cancelled):
        if streamed:
            with link.stream(ENDLESS, 10) as frames:
                list(frames)
        else:
            link.rows(ENDLESS)
    assert time.monotonic() - began < 10


def test_a_statement_after_cancelling_does_not_begin(file: Path) -> None:
    with closing(DuckDBLink.open(str(file), None)) as link:
        link.cancel()
        with pytest.raises(Cancelled):
            link.rows("SELECT 1")


def test_a_session_is_cancelled_in_the_middle_of_its_query(file: Path) -> None:
    token = CancelToken()
    home = DuckDBHome("t", path=str(file), query=ENDLESS).bind(Surroundings())
    with home.open(Context(cancel=token)) as session:
        token.add(session.cancel)
        threading.Timer(0.2, token.cancel).start()
        with pytest.raises(Cancelled):
            list(session.read(ReadRequest(), WHOLE))


def test_leaving_early_leaves_the_connection_usable(file: Path) -> None:
    with closing(DuckDBLink.open(str(file), None)) as link:
        with link.stream("SELECT * FROM t", 1000) as frames:
            next(frames)
            assert next(frames).height == 1000
        assert link.rows("SELECT count(*) FROM t") == [(300_000,)]


def test_a_query_that_needs_more_memory_says_what_to_raise(tmp_path: Path, file: Path) -> None:
    small = DuckDBConnection(path=str(file), memory_limit="4MB")
    whole = "SELECT list(name ORDER BY name DESC) FROM t"
    with closing(small.connect()) as link, pytest.raises(DataError) as caught:
        link.rows(whole)
    assert caught.value.hint == "raise the connection's `memory_limit`"
    home = DuckDBHome("t", path=str(file), query=whole).bind(Surroundings())
    with home.open(Context()) as session:
        assert pl.concat(session.read(ReadRequest(), WHOLE)).item().len() == 300_000
    with closing(DuckDBConnection(path=str(file)).connect()) as link:
        assert link.rows(LIMIT) == [("122.0 MiB",)]


def test_times_are_in_utc_unless_a_session_statement_says_otherwise(file: Path) -> None:
    asked = "SELECT (TIMESTAMPTZ '2024-06-01 12:00:00+02')::VARCHAR"
    with closing(DuckDBConnection(path=str(file)).open_link()) as link:
        assert link.rows(asked) == [("2024-06-01 10:00:00+00",)]
    paris = DuckDBConnection(path=str(file), session=("SET TimeZone = 'Europe/Paris'",))
    with closing(paris.open_link()) as link:
        assert link.rows(asked) == [("2024-06-01 12:00:00+02",)]


def test_two_sessions_do_not_share_a_snapshot(file: Path) -> None:
    """Why a table is one chunk: DuckDB reads it with all processors by itself."""
    with duckdb.connect(str(file)) as db:
        first, second = db.cursor(), db.cursor()
        first.execute("BEGIN")
        assert first.execute("SELECT count(*) FROM t").fetchall() == [(300_000,)]
        db.execute("INSERT INTO t VALUES (-1, 'new')")
        second.execute("BEGIN")
        assert first.execute("SELECT count(*) FROM t").fetchall() == [(300_000,)]
        assert second.execute("SELECT count(*) FROM t").fetchall() == [(300_001,)]
    home = DuckDBHome("t", path=str(file)).bind(Surroundings())
    with home.open(Context()) as session:
        assert session.share() == ""
        assert list(session.split(ReadRequest(), 4)) == [WHOLE]


@pytest.mark.parametrize("mode", ["append", "replace", "merge"])
@pytest.mark.parametrize("given", [None, "300MB"])
def test_memory_is_enough_for_keys(
    tmp_path: Path, mode: Any, given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loads without a key keep to a limit; those with one have room, unless a limit was set."""
    told: list[str] = []
    set_it = room_module.Room._try

    def spy(self: room_module.Room, statement: str) -> None:
        told.append(statement)
        set_it(self, statement)

    monkeypatch.setattr(room_module.Room, "_try", spy)
    connection = DuckDBConnection(path=str(tmp_path / "w.duckdb"), memory_limit=given)
    rows = pl.DataFrame({"k": [1, 2], "v": ["a", "b"]})
    around = Surroundings(connections={"w": connection})
    limits = []
    for keyed in (False, True):
        fields = Schema(
            Field(f.name, f.type, nullable=f.name != "k", key=int(keyed and f.name == "k"))
            for f in Schema.of(rows)
        )
        store = DuckDBStore(f"t{keyed}", connection="w").bind(around)
        with closing(connection.for_writing().connect()) as link:  # so that the file stays open
            for at in (0, 2):
                frame = rows.with_columns(k=pl.col("k") + at)
                load_frames(store, [frame], mode, ["k"] if mode == "merge" else [], fields=fields)
            limits.append(str(link.row(LIMIT)[0]))
    lifted = told.count("RESET memory_limit")
    if given:
        assert limits == ["286.1 MiB"] * 2
        assert not lifted
    else:  # lifted for what needs it, and lowered again; two small indexes are held
        compared = [mode == "merge", mode != "append"]
        assert [float(limit.split()[0]) for limit in limits] == [
            pytest.approx(200.2 if keys else 156.2, abs=4) for keys in compared
        ]
        assert lifted == {"append": 0, "replace": 2, "merge": 4}[mode]


@pytest.mark.parametrize("mode", ["append", "merge"])
def test_what_commits_into_an_index_has_the_memory_for_it(
    mode: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB puts together what is new of an index, but a key's, when the transaction commits."""
    for name in ("WRITING_KB", "KEYS_KB"):
        monkeypatch.setattr(room_module, name, 24 * 1024)
    monkeypatch.setattr(settler_module, "KEYS_KB", 24 * 1024)
    connection = DuckDBConnection(path=str(tmp_path / "w.duckdb"))
    around = Surroundings(connections={"w": connection})
    store = DuckDBStore("t", connection="w", indexes=[["v"]]).bind(around)
    numbers = pl.int_range(MANY, eager=True)
    with closing(connection.for_writing().connect()) as link:  # so that the file stays open
        for at in (0, MANY):
            rows = pl.DataFrame({"k": numbers + at, "v": numbers * 654_435_761_003 % (1 << 40)})
            load_frames(store, [rows], mode, ["k"] if mode == "merge" else [])
        assert link.row("SELECT count(*) FROM t WHERE v = 654435761003") == (2,)
        assert str(link.row(LIMIT)[0]).endswith("MiB")  # lowered again


def test_wide_tables_are_filled_with_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "WRITING_KB", 8 * 1024)
    connection = DuckDBConnection(path=str(tmp_path / "w.duckdb")).for_writing()
    around = Surroundings(connections={"w": connection})
    limits = []
    with closing(connection.connect()) as link:  # so that the file stays open
        link.execute("SET threads = 2")
        for columns in (10, 40, 20):
            rows = pl.DataFrame({f"c{n}": [n] for n in range(columns)})
            store = DuckDBStore(f"t{columns}", connection="w").bind(around)
            load_frames(store, [rows], "append")
            limits.append(str(link.row("SELECT current_setting('memory_limit')")[0]))
    assert [float(limit.split()[0]) for limit in limits] == [
        pytest.approx(mib, abs=2) for mib in (10, 40, 40)
    ]


def test_there_is_room_for_all_that_is_filled_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "WRITING_KB", 8 * 1024)
    settler, rows = DuckDBSettler(), pl.DataFrame({f"c{n}": [n] for n in range(20)})
    listed = ", ".join(f"{name} BIGINT" for name in rows.columns)
    connection = DuckDBConnection(path=str(tmp_path / "w.duckdb")).for_writing()
    limits = []
    with closing(connection.connect()) as link:
        link.execute("SET threads = 2")
        for n in range(3):
            link.execute(f"CREATE TABLE t{n} ({listed})")
        for end in (settler.commit, settler.rollback, None):  # one after another add nothing up
            with closing(connection.connect()) as other:
                settler.begin(other)
                assert other.append("t0", [rows]) == other.append("t0", [rows]) == 1
                if end is not None:
                    end(other)
            limits += link.rows(LIMIT)
        with ExitStack() as held:
            for n in range(3):
                other = held.enter_context(closing(connection.connect()))
                settler.begin(other)
                assert other.append(f"t{n}", [rows]) == 1
                limits += link.rows(LIMIT)
    assert [limit for (limit,) in limits] == [*["20.0 MiB"] * 4, "30.0 MiB", "40.0 MiB"]


def test_what_is_written_has_few_threads_and_need_not_be_in_order(tmp_path: Path) -> None:
    path, many = tmp_path / "w.duckdb", "SET threads = 7"
    for writing, given in ((True, None), (False, None), (True, "1GB"), (False, "1GB")):
        connection = DuckDBConnection(path=str(path), memory_limit=given, session=[many])
        connection = connection.for_writing() if writing else connection
        with closing(connection.connect()) as link:
            before = _settings(link)
            link.execute(many)
            with closing(connection.connect()):
                after = _settings(link)
        cores = before[0] if given else max(before[0], 4)
        assert before == (min(cores, before[0]), not (writing and given is None))
        assert after == ((7 if given else 4), before[1])


def test_rows_go_in_where_settings_are_locked(tmp_path: Path) -> None:
    with closing(DuckDBConnection(path=str(tmp_path / "w.duckdb")).for_writing().connect()) as link:
        link.execute("CREATE TABLE t (n BIGINT)")
        link.execute("SET lock_configuration = true")
        link.room.make(1 << 20)
        assert link.append("t", [pl.DataFrame({"n": [1]}), pl.DataFrame({"n": [2, 3]})]) == 3
        assert link.row(LIMIT) == ("156.2 MiB",)


def test_what_fails_on_the_way_in_is_raised_as_it_is(tmp_path: Path) -> None:
    class Stopped(BaseException):
        pass

    def frames(error: BaseException, before: int) -> Iterator[pl.DataFrame]:
        for n in range(before):
            yield pl.DataFrame({"n": [n]})
        raise error

    with closing(DuckDBConnection(path=str(tmp_path / "w.duckdb")).for_writing().connect()) as link:
        link.execute("CREATE TABLE t (n BIGINT)")
        for error in (Stopped(), Cancelled("on request"), DataError("no number")):
            for before in (0, 1, 7):
                with pytest.raises(type(error)) as caught:
                    link.append("t", frames(error, before))
                assert caught.value is error
        assert link.row("SELECT count(*) FROM t") == (0,)


def test_a_value_that_is_refused_is_named_wherever_it_stands(tmp_path: Path) -> None:
    """While one thread has its batch, others take many."""
    store = DuckDBStore("t", path=str(tmp_path / "w.duckdb")).bind(Surroundings())
    fields = Schema([Field("id", parse_type("int64"), key=1), Field("j", parse_type("json"))])
    last = 299_999
    rows = pl.select(id=pl.int_range(last + 1)).with_columns(j=pl.format("[{}]", "id"))
    for bad in (0, 4_999, 123_456, 130_001, last):
        this = pl.col("id") == bad
        rows = rows.with_columns(j=pl.when(this).then(pl.lit("[")).otherwise("j"))
        with pytest.raises(BadValue, match=rf"j, id={bad}: '\['"):
            load_frames(store, list(rows.iter_slices(5_000)), "append", fields=fields)
        rows = rows.with_columns(j=pl.when(this).then(pl.lit("[]")).otherwise("j"))
    assert load_frames(store, list(rows.head(5).iter_slices(2)), "append", fields=fields).rows == 5


def _settings(link: DuckDBLink) -> tuple[Any, ...]:
    return tuple(
        link.row("SELECT current_setting('threads'), current_setting('preserve_insertion_order')")
    )


def test_memory_is_enough_for_wide_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, columns = tmp_path / "wide.duckdb", 60
    chosen = ", ".join(f"hash(i * {n + 1}) AS c{n}" for n in range(columns))
    with duckdb.connect(str(path)) as db:
        db.execute(f"CREATE TABLE w AS SELECT {chosen} FROM range(130_000) r(i)")
    monkeypatch.setattr(room_module, "READING_KB", 8 * 1024)
    connection = DuckDBConnection(path=str(path))
    for _ in range(2):  # the second opens it with what the first has raised it to
        with closing(connection.connect()) as link, link.stream("FROM w", 8192) as batches:
            assert sum(batch.height for batch in batches) == 130_000
    small = DuckDBConnection(path=str(path), memory_limit="8MB")
    with (
        closing(small.connect()) as link, pytest.raises(DataError) as caught,
        link.stream("FROM w", 8192) as batches,
    ):  # fmt: skip
        list(batches)
    assert caught.value.hint == "raise the connection's `memory_limit`"


def test_long_values_are_given_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB holds those of a part of a table all at once as it commits them."""
    monkeypatch.setattr(room_module, "WRITING_KB", 20 << 10)
    path, size = tmp_path / "long.duckdb", 1 << 20
    store = DuckDBStore("t", path=str(path)).bind(Surroundings())
    rows = [pl.DataFrame({"k": [n], "v": [chr(97 + n % 26) * size]}) for n in range(80)]
    assert load_frames(store, rows, "append").rows == 80
    with duckdb.connect(str(path)) as db:
        assert db.sql("SELECT sum(length(v)) FROM t").fetchall() == [(80 * size,)]


def test_what_needs_more_memory_has_it_when_it_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "long.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("CREATE TABLE t AS SELECT repeat('abcdefgh', 10 << 20) AS v")
    connection = DuckDBConnection(path=str(path))
    with (
        closing(connection.connect()) as link, pytest.raises(TransientError) as caught,
        link.stream("FROM t", 8192) as batches,
    ):  # fmt: skip
        list(batches)
    assert "what is tried again has most of the memory" in (caught.value.hint or "")
    with closing(connection.connect()) as link, link.stream("FROM t", 8192) as batches:
        assert sum(batch["v"].str.len_bytes().sum() for batch in batches) == 80 << 20


def test_a_limit_that_was_lifted_does_not_sink(tmp_path: Path) -> None:
    connection = DuckDBConnection(path=str(tmp_path / "w.duckdb")).for_writing()
    with closing(connection.connect()) as link:
        link.room.lift()
        most = link.row(LIMIT)
        link.room.make(300_000)  # asked for just before
        assert link.row(LIMIT) == most


def test_where_settings_are_locked_tables_are_filled_all_the_same(tmp_path: Path) -> None:
    locked = ("SET lock_configuration = true",)
    connection = DuckDBConnection(path=str(tmp_path / "w.duckdb"), session=locked).for_writing()
    store = DuckDBStore("t", connection="w").bind(Surroundings(connections={"w": connection}))
    rows = pl.DataFrame({"k": [1, 2]})
    for _ in range(2):
        assert load_frames(store, [rows], "merge", ["k"]).rows == 2


def test_there_is_room_for_all_that_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "some.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute(f"CREATE TABLE t AS SELECT {', '.join(f'1 AS c{n}' for n in range(20))}")
        db.execute("CREATE VIEW v AS FROM t")
    connection = DuckDBConnection(path=str(path))
    with closing(connection.connect()) as link:
        for _ in range(2):
            with closing(connection.connect()) as other, other.stream("FROM t", 8192):
                assert link.rows(LIMIT) == [("61.0 MiB",)]
        with (
            closing(connection.connect()) as one, one.stream("FROM t", 8192),
            closing(connection.connect()) as two, two.stream("FROM t", 8192),
        ):  # fmt: skip
            assert link.rows(LIMIT) == [("80.0 MiB",)]
        with DuckDBHome("v", path=str(path)).bind(Surroundings()).open(Context()) as session:
            assert pl.concat(session.read(ReadRequest(), WHOLE)).height == 1
        assert link.rows(LIMIT) == [("122.0 MiB",)]


def test_duckdb_draws_no_progress_bar_of_its_own(file: Path) -> None:
    """It would where no script is run, as in a notebook or with `python -c`."""
    shown = "SELECT current_setting('enable_progress_bar')"
    told = subprocess.run(
        [
            sys.executable, "-c",
            "import sys, duckdb\nfrom hygge.sql.duckdb.link import DuckDBLink\n"
            f'print(*duckdb.connect().execute("{shown}").fetchone(),'
            f' *DuckDBLink.open(sys.argv[1], None).rows("{shown}")[0])',
            str(file),
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split() == ["True", "False"]


@pytest.mark.parametrize("late", [True, False])
def test_an_interruption_that_duckdb_forgot_is_repeated(
    late: bool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one may come between two steps of a statement that has not begun."""
    asked = threading.Event()

    class Forgetful:
        """A connection whose first interruption comes to nothing."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def interrupt(self) -> None:
            if asked.is_set():
                self._connection.interrupt()
            asked.set()

    with closing(DuckDBLink.open(str(file), None, timeout_s=0.2 if late else 0)) as link:
        monkeypatch.setattr(link, "_connection", Forgetful(link._connection))
        if not late:
            threading.Timer(0.2, link.cancel).start()
        with pytest.raises(TransientError if late else Cancelled):
            link.rows(ENDLESS)
    assert asked.is_set()
