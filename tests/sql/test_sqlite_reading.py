"""Reading SQLite: exact values, or an error that names the one that is not."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sql.databases import ask, drain, make, open_home, read

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.errors import BadValue, Cancelled, ConfigError, ConnectError, DataError
from hygge.sql.sqlite import session as session_module
from hygge.sql.sqlite import twin, wanted

D = Decimal


@pytest.fixture(autouse=True, params=[False, True], ids=["one", "two"])
def connections(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by one connection, and, where a table lets them share it, by two."""
    if request.param:
        monkeypatch.setattr(session_module, "TWIN_BYTES", 0)
        monkeypatch.setattr(twin, "LONG", 0)
        monkeypatch.setattr(session_module, "FEWEST", 1)


def values(frame: pl.DataFrame, column: str = "x") -> list[Any]:
    return frame[column].to_list()


def test_declared_types_are_honoured_in_every_batch(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC(10,2), d DATETIME, b BOOLEAN, s TEXT)",
        rows={
            "t": [
                (1, None, None, None, None), (2, 3, "2024-01-31 10:00:00", 1, ""),
                (3, 2.5, "2024-01-31T10:00:00.25", 0, "a\0b"), (4, -0.01, "2024-01-31", 1, "é"),
            ]
        },
    )  # fmt: skip
    for size in (1, 2, 3, 100):
        frame = read(path, batch_size=size)
        assert frame.schema["n"] == pl.Decimal(10, 2)
        assert values(frame, "n") == [None, D("3.00"), D("2.50"), D("-0.01")]
        assert values(frame, "d")[2] == dt.datetime(2024, 1, 31, 10, 0, 0, 250_000)
        assert values(frame, "b") == [None, True, False, True]
        assert values(frame, "s") == [None, "", "a\0b", "é"]


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        ("INTEGER", 1, "abc"), ("INTEGER", 1, 2.5), ("INTEGER", 1, b"\x01"),
        ("REAL", 1.5, "abc"), ("NUMERIC(10,2)", 1.5, "abc"), ("NUMERIC(10,2)", 1.5, 1.999),
        ("NUMERIC(10,2)", 1.5, 10**9), ("NUMERIC(20,2)", 1.5, b"1"),
        ("NUMERIC", 1.5, 2**53 + 1), ("BOOLEAN", 1, 2), ("BOOLEAN", 1, "true"),
        ("DATETIME", "2024-01-31", 1_700_000_000), ("DATETIME", "2024-01-31", "yesterday"),
        ("DATE", "2024-01-31", 2024), ("TEXT", "a", b"a"), ("TEXT", "a", b"\xff"),
        ("BLOB", b"a", "a"), ("BLOB", b"a", 5),
        ("UUID", "00000000-0000-0000-0000-000000000000", "x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [2, 100])
def test_a_value_that_does_not_fit_is_named(
    declared: str, good: Any, bad: Any, size: int, tmp_path: Path
) -> None:
    path = make(
        tmp_path / "t.db", f"CREATE TABLE t (id INTEGER PRIMARY KEY, x {declared})",
        rows={"t": [(i, good) for i in range(1, 6)] + [(7, bad), (8, good)]},
    )  # fmt: skip
    with pytest.raises(BadValue) as caught:
        read(path, batch_size=size)
    assert (caught.value.entity, caught.value.column, caught.value.row) == ("t", "x", "id=7")


def test_epoch_numbers_in_a_date_column_come_with_a_hint(tmp_path: Path) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (x DATETIME)", rows={"t": [(1_700_000_000,)]})
    with pytest.raises(BadValue, match=r"types: \{x: int64\}") as caught:
        read(path)
    assert caught.value.row == "rowid=1"
    assert values(read(path, types={"x": "int64"})) == [1_700_000_000]


def test_text_that_is_not_utf8_is_named_and_never_passed_on(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (id TEXT PRIMARY KEY, x TEXT)",
        "INSERT INTO t VALUES ('a', 'fine'), ('b', CAST(x'ff41' AS TEXT))",
    )  # fmt: skip
    with pytest.raises(BadValue, match="UTF-8") as caught:
        read(path)
    assert (caught.value.row, caught.value.value) == ("id=b", b"\xffA")


@given(st.lists(st.decimals(D("-9999999999999.99"), D("9999999999999.99"), places=2), min_size=1))
def test_decimals_come_back_as_they_were_stored(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[Decimal]
) -> None:
    path = make(
        tmp_path_factory.mktemp("d") / "t.db", "CREATE TABLE t (x NUMERIC(15,2), y NUMERIC(18,2))",
        rows={"t": [(float(n), str(n)) for n in numbers]},
    )  # fmt: skip
    frame = read(path)
    assert values(frame) == numbers
    assert values(frame, "y") == numbers


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (2**62 + 1, str(2**62 + 1)), (0.00001, "0.00001"), (1.5e-7, "0.00000015"),
        (1e22, "1" + "0" * 22), (12345678901234.568, "12345678901234.568"),
        (-1e17, "-1" + "0" * 17),
    ],
)  # fmt: skip
def test_wide_decimals_are_read_without_a_double_between(
    stored: Any, shown: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (x NUMERIC(38,8))", rows={"t": [(stored,)]})
    for size in (1, 10):
        assert values(read(path, batch_size=size)) == [D(shown)]


def test_extremes_of_numbers(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (i INTEGER, r REAL, u)",
        rows={"t": [(2**63 - 1, float("inf"), -0.0), (-(2**63), float("-inf"), 5e-324)]},
    )  # fmt: skip
    frame = read(path)
    assert values(frame, "i") == [2**63 - 1, -(2**63)]
    assert values(frame, "r") == [float("inf"), float("-inf")]
    assert [str(v) for v in values(frame, "u")] == ["-0.0", "5e-324"]


def test_undeclared_columns_are_looked_at_whole(tmp_path: Path) -> None:
    rows = [(None, 1, 1, "a", b"a")] * 300 + [(None, 2, 2.5, "b", b"b")]
    path = make(tmp_path / "t.db", "CREATE TABLE t (n, i, r, s, b)", rows={"t": rows})
    with open_home(path) as session:
        types = [str(f.type) for f in session.schema()]
        assert types == ["string", "int64", "float64", "string", "binary"]
        assert session.inferred
    assert read(path, batch_size=10)["r"].sum() == 302.5


def test_undeclared_columns_of_several_types_need_a_declaration(tmp_path: Path) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (x)", rows={"t": [(1,), ("a",)]})
    with pytest.raises(DataError, match="integer and text") as caught:
        read(path)
    assert "types:" in (caught.value.hint or "")
    assert values(read(path, types={"x": "string"})) == ["1", "a"]


def test_types_win_over_the_catalogue(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (x TEXT, y TEXT)",
        rows={"t": [("12345678901234567.89", "2024-01-31T10:00:00Z")]},
    )  # fmt: skip
    frame = read(path, types={"x": "decimal(20,2)", "y": "timestamp(us, UTC)"})
    assert values(frame) == [D("12345678901234567.89")]
    assert values(frame, "y") == [dt.datetime(2024, 1, 31, 10, tzinfo=dt.UTC)]
    with pytest.raises(ConfigError, match="did you mean 'x'"):
        read(path, types={"X": "int64"})


def test_views_queries_generated_and_odd_names(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db",
        'CREATE TABLE "odd ""table"".x" ("a b" NUMERIC(6,2) NOT NULL, "select" DATE, '
        "\"twice\" GENERATED ALWAYS AS (\"a b\" * 2) VIRTUAL, "
        "stored INT GENERATED ALWAYS AS (1) STORED, "
        "PRIMARY KEY (\"select\", \"a b\")) WITHOUT ROWID",
        'INSERT INTO "odd ""table"".x" VALUES (1.5, \'2024-01-31\')',
        'CREATE VIEW v AS SELECT *, "a b" + 1 AS more FROM "odd ""table"".x"',
    )  # fmt: skip
    name = 'odd "table".x'
    with open_home(path, name) as session:
        schema = session.schema()
        assert schema.keys == ("select", "a b")
        assert not schema["select"].nullable  # WITHOUT ROWID
        assert drain(session).rows() == [(D("1.50"), dt.date(2024, 1, 31), 3.0, 1)]
        assert session.estimate(ReadRequest()).exact
    assert read(path, f"main.{name}").height == 1
    assert read(path, "V").rows() == [(D("1.50"), dt.date(2024, 1, 31), 3.0, 1, 2.5)]
    frame = read(path, "", query='SELECT "a b" AS n, count(*) AS k FROM v GROUP BY 1;')
    assert frame.rows() == [(D("1.50"), 1)]
    assert frame.schema["n"] == pl.Decimal(6, 2)


def test_what_may_be_null_in_a_key(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (k TEXT PRIMARY KEY, x INT)", rows={"t": [(None, 1)]}
    )
    with open_home(path) as session:
        assert session.schema()["k"].nullable  # as SQLite has it
        assert session.schema().keys == ("k",)
    make(tmp_path / "u.db", "CREATE TABLE t (k INTEGER PRIMARY KEY)")
    with open_home(tmp_path / "u.db") as session:
        assert not session.schema()["k"].nullable


def test_utf16_databases(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db",
        "PRAGMA encoding = 'UTF-16'",
        "CREATE TABLE t (x TEXT)",
        rows={"t": [("é€𝄞",)]},
    )
    assert values(read(path)) == ["é€𝄞"]


def test_no_rows_keep_their_types(tmp_path: Path) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (x NUMERIC(10,2), d DATE)")
    frame = read(path)
    assert frame.schema == {"x": pl.Decimal(10, 2), "d": pl.Date()}
    assert frame.height == 0


def test_columns_are_read_as_asked(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (a INT, b TEXT, c INT)", rows={"t": [(1, b"bad", 3)]}
    )
    with open_home(path) as session:
        assert drain(session, ReadRequest(columns=("c", "a"))).rows() == [(3, 1)]


def test_missing_files_and_tables_come_with_the_near_miss(tmp_path: Path) -> None:
    make(tmp_path / "shop.db", "CREATE TABLE users (id INT)")
    with pytest.raises(ConnectError, match=r"did you mean .*shop\.db"):
        read(tmp_path / "shp.db")
    assert not (tmp_path / "shp.db").exists()
    with pytest.raises(ConfigError, match="did you mean 'users'"):
        read(tmp_path / "shop.db", "user")
    (tmp_path / "text.db").write_text("not a database, " * 100)
    with pytest.raises(ConnectError, match="not an SQLite database"):
        read(tmp_path / "text.db")
    with pytest.raises(ConnectError, match="not a file"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="query does not work"):
        read(tmp_path / "shop.db", "", query="SELEC 1")


def test_one_snapshot_for_all_questions(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "PRAGMA journal_mode = WAL",
        "CREATE TABLE t (id INTEGER PRIMARY KEY)", rows={"t": [(i,) for i in range(1, 101)]},
    )  # fmt: skip
    with open_home(path) as session:
        assert session.maximum("id") == 100
        with open_home(path) as other:  # a connection of its own
            assert other.count(ReadRequest(), WHOLE) == 100
        _in_another_process(path, "INSERT INTO t VALUES (101)")
        assert session.maximum("id") == 100
        assert drain(session).height == 100
        assert session.count(ReadRequest(), WHOLE) == 100
        assert session.count(ReadRequest(), WHOLE) == 101  # counting what was read has ended it


def test_a_writer_is_held_up_no_longer_than_the_read(tmp_path: Path) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)", rows={"t": [(1,)]})
    with open_home(path) as session:
        drain(session)
        with pytest.raises(AssertionError, match="locked"):
            _in_another_process(path, "INSERT INTO t VALUES (2)")
        session.count(ReadRequest(), WHOLE)
        _in_another_process(path, "INSERT INTO t VALUES (2)")


def _in_another_process(path: Path, statement: str) -> None:
    """Locks hold between processes, not between two copies of SQLite in one."""
    import subprocess
    import sys

    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0.2); "
        "c.execute(sys.argv[2]); c.commit()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), statement], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_chunks_are_disjoint_and_together_the_whole(tmp_path: Path) -> None:
    ids = [-5, 0, 1, 2, 3, 50, 51, 99, 1000]
    path = make(
        tmp_path / "t.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        rows={"t": [(i,) for i in ids]},
    )
    request = ReadRequest()
    with open_home(path) as session:
        assert session.split(request, 1) == (WHOLE,)
        chunks = session.split(request, 4)
        assert session.estimate(request).rows == 1006
    seen = []
    for chunk in chunks:
        with open_home(path) as session:
            rows = [v for b in session.read(request, chunk) for v in b["id"].to_list()]
            assert session.count(request, chunk) == len(rows)
            seen += rows
    assert len(chunks) == 4
    assert sorted(seen) == ids


def test_wide_rows_make_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "BATCH_BYTES", 100_000)
    monkeypatch.setattr(wanted, "MOST_BYTES", 1_000_000)
    rows = [(i, "x" * 100) for i in range(3000)]
    rows[2000] = (2000, "y" * 60_000)
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)", rows={"t": rows}
    )
    with open_home(path) as session:
        batches = list(session.read(ReadRequest(), WHOLE))
    assert [v for b in batches for v in b.rows()] == rows
    assert max(b.estimated_size() for b in batches) < 200_000
    assert len(batches) > 3


def test_a_hot_journal_is_rolled_back(tmp_path: Path) -> None:
    """A writer that died in mid-transaction leaves a journal that only a writer may play back."""
    import subprocess
    import sys

    path = make(tmp_path / "t.db", "CREATE TABLE t (id INTEGER, x TEXT)", rows={"t": [(1, "a")]})
    code = (
        "import sqlite3, sys, os; c = sqlite3.connect(sys.argv[1]); "
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN'); "
        "c.execute('DELETE FROM t'); "
        "c.executemany('INSERT INTO t VALUES (?, ?)', ((i, 'x' * 900) for i in range(500))); "
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)])
    assert (tmp_path / "t.db-journal").stat().st_size > 0
    assert read(path).rows() == [(1, "a")]


def test_a_locked_database_is_transient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    from hygge.core.errors import TransientError
    from hygge.sql.sqlite import access

    path = make(tmp_path / "t.db", "CREATE TABLE t (id INTEGER)")
    monkeypatch.setattr(access.Database.__init__, "__defaults__", (0.1,))
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN EXCLUSIVE'); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(TransientError, match="locked"):
            read(path)
        holder.communicate()


def test_cancelling_stops_at_the_next_batch(tmp_path: Path) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (x INT)", rows={"t": [(i,) for i in range(100)]})
    with open_home(path) as session:
        batches = session.read(ReadRequest(batch_rows=10), WHOLE)
        next(batches)
        session.cancel()
        with pytest.raises(Cancelled):
            list(batches)


def test_against_the_standard_library(tmp_path: Path) -> None:
    """Chinook's kinds of tables, generated: every value equal to an independent reader's."""
    make(
        tmp_path / "t.db",
        "CREATE TABLE t ([TrackId] INTEGER NOT NULL, [Name] NVARCHAR(200) NOT NULL, "
        "[UnitPrice] NUMERIC(10,2) NOT NULL, [At] DATETIME, "
        "CONSTRAINT [PK] PRIMARY KEY ([TrackId]))",
        rows={
            "t": [
                (i, f"Näme {i}", round(i * 0.99, 2), f"2024-01-{i % 28 + 1:02d} 00:00:00")
                if i % 3
                else (i, f"Näme {i}", i, None)
                for i in range(1, 2001)
            ]
        },
    )  # fmt: skip
    frame = read(tmp_path / "t.db", batch_size=300)
    expected = ask(tmp_path / "t.db", "SELECT * FROM t")
    assert frame["UnitPrice"].cast(pl.String).to_list() == [f"{row[2]:.2f}" for row in expected]
    assert frame["Name"].to_list() == [row[1] for row in expected]
    assert frame["At"].dt.strftime("%Y-%m-%d %H:%M:%S").to_list() == [row[3] for row in expected]
    assert frame["TrackId"].to_list() == [row[0] for row in expected]


def test_a_view_whose_parts_differ_in_type(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (x TEXT)",
        "CREATE VIEW v AS SELECT x FROM t UNION ALL SELECT 0.1 + 0.2", rows={"t": [("a",)]},
    )  # fmt: skip
    with pytest.raises(DataError, match="real and text"):
        read(path, "v")
    for size in (1, 2, 100):  # the number is written out whole, whichever batch it is in
        frame = read(path, "v", batch_size=size, types={"x": "string"})
        assert values(frame) == ["a", "0.30000000000000004"]
