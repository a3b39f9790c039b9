"""Columns that somebody gives a table: before they come, or of other types than hygge's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.sql.mssql.support import Live, needs_server
from tests.sql.settle.test_indexes import executor, made

from hygge import MSSQLStore, Store
from hygge.core.context import Context, Surroundings
from hygge.core.errors import DataError, SchemaDrift, VerifyError
from hygge.core.fields import Schema, parse_type
from hygge.core.state import Mode
from hygge.sql.settle.place import is_stage
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

NUMBERS = count()
KINDS = ["postgres", "mysql", "duckdb", "sqlite", "sql", pytest.param("mssql", marks=needs_server)]
TEXT = {"postgres": "text", "duckdb": "VARCHAR", "sqlite": "TEXT", "sql": "TEXT",
        "mssql": "nvarchar(max)",
        "mysql": "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"}  # fmt: skip
Run = Callable[[str], object]
Ask = Callable[[str], list[Any]]


@pytest.fixture
def at(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Store, Run, Ask]:
    """The kind of a database, a Store of a new table there, and what changes and asks it."""
    kind = request.param
    if kind != "mssql":
        store, ask = made(kind, request, tmp_path)
        run = executor(kind, request, tmp_path)
        return kind, store, lambda sql: run(sql.format(store.name)), ask
    live, name = Live(), f"met{next(NUMBERS)}"
    request.addfinalizer(lambda: live.clear("met%"))
    bound = MSSQLStore(name, url=live.url).bind(Surroundings())
    return (
        kind, bound, lambda sql: live.execute(sql.format(name)),
        lambda sql: live.execute(sql.format(name)).split("\n"),
    )  # fmt: skip


def rows(*ids: int, **more: str) -> pl.DataFrame:
    frame = pl.DataFrame({"id": ids}, schema={"id": pl.Int64})
    return frame.with_columns(pl.lit(value).alias(name) for name, value in more.items())


def add(kind: str, column: str, native: str) -> str:
    return f"ALTER TABLE {{}} ADD {'' if kind == 'mssql' else 'COLUMN '}{column} {native}"


@pytest.mark.parametrize("at", KINDS, indirect=True)
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_a_column_that_is_there_before_it_comes(at: Any, mode: Mode) -> None:
    """It is taken for the one that comes; rows that do not come again keep what is in it."""
    kind, store, run, ask = at
    keys = ("id",) if mode == "merge" else ()
    load_frames(store, [rows(1, 2)], mode, keys)
    run(add(kind, "note", TEXT[kind]))
    run("UPDATE {} SET note = 'theirs' WHERE id = 1")
    load_frames(store, [rows(3)], mode, keys)
    load_frames(store, [rows(4, note="ours")], mode, keys)
    found = ask("SELECT COALESCE(note, '-') FROM {} ORDER BY id")
    assert found == ["theirs", "-", "-", "ours"]
    state = state_of(store)
    assert state is not None
    assert (state.fields.names, state.rows) == (["id", "note"], 4)


@pytest.mark.parametrize(
    ("at", "what"),
    [(kind, "type") for kind in TEXT if kind != "mssql"]
    + [(kind, "case") for kind in TEXT if kind not in ("mssql", "postgres")]  # there they are two
    + [pytest.param("mssql", what, marks=needs_server) for what in ("type", "case")],
    indirect=["at"],
)
def test_a_column_that_cannot_be_taken_for_the_one_that_comes(at: Any, what: str) -> None:
    kind, store, run, ask = at
    load_frames(store, [rows(1, 2)], "merge", ("id",))
    column = ("note", "INTEGER") if what == "type" else ("NOTE", TEXT[kind])
    run(add(kind, *column))
    with pytest.raises(SchemaDrift, match=r"(?i)note") as caught:
        load_frames(store, [rows(2, 3, note="ours")], "merge", ("id",))
    assert caught.value.hint
    assert ask("SELECT COUNT(*) FROM {}") in ([2], ["2"])
    load_frames(store, [rows(2, 3)], "merge", ("id",))  # it stands in nobody's way otherwise
    assert ask("SELECT COUNT(*) FROM {}") in ([3], ["3"])


def test_nothing_of_others_is_lost_where_a_table_is_made_again(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As SQLite's is whose columns become wider."""
    store, ask = made("sqlite", request, tmp_path)
    run = executor("sqlite", request, tmp_path)
    narrow = rows(1, 2).with_columns(pl.col("id").cast(pl.Int16).alias("n"))
    load_frames(store, [narrow], "merge", ("id",))
    run(f"ALTER TABLE {store.name} ADD COLUMN mine TEXT")
    run(f"UPDATE {store.name} SET mine = 'x'")
    wide = narrow.with_columns(pl.col("n").cast(pl.Int64))
    with pytest.raises(SchemaDrift, match=r"'mine'.*would be lost"):
        load_frames(store, [wide], "merge", ("id",))
    assert ask("SELECT mine FROM {}") == ["x", "x"]
    taken = wide.with_columns(mine=pl.lit("y"))[1:]
    load_frames(store, [taken], "merge", ("id",))
    assert ask("SELECT mine FROM {} ORDER BY id") == ["x", "y"]


CHAR = {
    "postgres": "ALTER TABLE {} ALTER COLUMN v TYPE char(40)",
    "mysql": "ALTER TABLE {} MODIFY v CHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    "mssql": "ALTER TABLE {} ALTER COLUMN v nchar(40)",
}


@pytest.mark.parametrize(
    "at", ["postgres", "mysql", pytest.param("mssql", marks=needs_server)], indirect=True
)
@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_a_column_that_pads_texts(at: Any, mode: Mode) -> None:
    """PostgreSQL and SQL Server fill such a column up with blanks, MySQL takes them off."""
    kind, store, run, ask = at
    keys = ("id",) if mode == "merge" else ()
    load_frames(store, [rows(1, v="x" * 40)], mode, keys)
    run(CHAR[kind])
    if mode == "replace":  # so that the table stays
        run("CREATE INDEX theirs{0} ON {0} (id)")
    for _ in range(2):
        with pytest.raises(DataError, match="'v' is"):
            load_frames(store, [rows(2, v="short " if kind == "mysql" else "short")], mode, keys)
    assert ask("SELECT COUNT(*) FROM {}") in ([1], ["1"])


@pytest.mark.parametrize("at", ["postgres"], indirect=True)
@pytest.mark.parametrize("native", ["char(2)", "code_of_{0}"])
def test_a_column_that_holds_texts_of_its_own_length(at: Any, native: str) -> None:
    """Each value is looked at, in every load, not in the first one alone."""
    _, store, run, ask = at
    load_frames(store, [rows(1, v="DE")], "append")
    run("CREATE DOMAIN code_of_{0} AS char(2)")
    run(f"ALTER TABLE {{0}} ALTER COLUMN v TYPE {native}")
    load_frames(store, [rows(2, v="FR")], "append")
    for wrong in ("F", "F ", "FRA"):
        with pytest.raises(DataError, match=r"'v' is (character|code_of)"):
            load_frames(store, [rows(3, v=wrong)], "append")
    load_frames(store, [rows(3, v="IT")], "append")
    assert ask("SELECT v FROM {} ORDER BY id") == ["DE", "FR", "IT"]


NARROW = {
    "postgres": "ALTER TABLE {} ALTER COLUMN n TYPE numeric(8,1)",
    "duckdb": "ALTER TABLE {} ALTER COLUMN n TYPE DECIMAL(8,1)",
}


@pytest.mark.parametrize("at", ["postgres", "duckdb"], indirect=True)
def test_values_are_looked_at_as_long_as_a_column_may_alter_them(at: Any) -> None:
    """Though rows of which none was altered, and a load of none, have gone into it."""
    kind, store, run, ask = at

    def of(*numbers: str) -> pl.DataFrame:
        return pl.DataFrame({"n": numbers}).cast(pl.Decimal(12, 4))

    load_frames(store, [of("1.5")], "append")
    run(NARROW[kind])
    load_frames(store, [of("2.5")], "append")
    load_frames(store, [of()], "append")
    for _ in range(2):
        with pytest.raises(DataError, match="'n' is"):
            load_frames(store, [of("3.25")], "append")
    load_frames(store, [rows(1)], "append", fields=Schema.of(rows(1)))  # the column does not come
    with pytest.raises(DataError, match="'n' is"):
        load_frames(store, [of("3.25")], "append")
    assert [str(n).rstrip("0") for n in ask("SELECT n FROM {} WHERE n IS NOT NULL")] == [
        "1.5", "2.5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "mode"),
    [
        *product(["postgres", "mysql", "duckdb"], ["append", "merge", "delete_insert", "scd2"]),
        ("mysql", "replace"),  # elsewhere those rows go straight into the transaction
    ],
    indirect=["at"],
)
def test_a_stage_that_somebody_changes_is_not_published(at: Any, mode: Mode) -> None:
    """Between what was counted there and the commit."""
    kind, store, run, ask = at
    keys = ("id",) if mode in ("merge", "delete_insert", "scd2") else ()
    load_frames(store, [rows(1, 2)], mode, keys)
    more = rows(3, 4).with_columns(more=pl.lit("x"))  # which has append stage its rows
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), Schema.of(more), mode, keys))
        receipt = write(load, [more])
        (stage,) = (n for n in load._own.names if is_stage(n))
        change = load._link.execute if kind == "duckdb" else run  # whose file is its own
        change(f"DELETE FROM {stage} WHERE id = 4")
        with pytest.raises(VerifyError, match="2 rows were written, and 1 are staged"):
            commit(load, [receipt])
        load.abort()
    assert ask("SELECT COUNT(*) FROM {}") in ([2], ["2"])


@pytest.mark.parametrize("at", ["postgres", "mysql", "duckdb"], indirect=True)
@pytest.mark.parametrize("mode", ["append", "replace", "merge"])
def test_rows_go_straight_into_a_table_of_hygge_s_own_making(at: Any, mode: Mode) -> None:
    """Whatever made it, and whatever columns somebody has added; not once one is another."""
    kind, store, run, _ = at
    load_frames(store, [rows(1, v="x")], mode, ("id",) if mode == "merge" else ())
    run(add(kind, "theirs", "INTEGER"))

    def goes_straight() -> bool:
        frame = rows(100 + next(NUMBERS), v="x")
        with store.open(Context()) as session:
            load = session.begin(request_for(session.state(), Schema.of(frame), "append"))
            receipt = write(load, [frame])
            straight = load._incoming.in_place
            commit(load, [receipt])
        return straight

    assert [goes_straight() for _ in range(3)] == [False, True, True]
    how = "MODIFY v" if kind == "mysql" else "ALTER COLUMN v TYPE"
    wide = {"postgres": "varchar", "duckdb": "BLOB", "mysql": TEXT[kind].replace("LONG", "MEDIUM")}
    run(f"ALTER TABLE {{}} {how} {wide[kind]}")
    if kind != "mysql":
        assert [goes_straight() for _ in range(2)] == [False, False]
        run(f"ALTER TABLE {{}} {how} {TEXT[kind]}")
        assert [goes_straight() for _ in range(2)] == [True, True]
    else:
        with pytest.raises(DataError):
            goes_straight()


LOOSE = {
    "postgres": [
        "CREATE COLLATION IF NOT EXISTS loose (provider = icu, locale = 'und-u-ks-level2', "
        "deterministic = false)",
        "ALTER TABLE {} ALTER v TYPE text COLLATE loose",
    ],
    "mysql": ["ALTER TABLE {} MODIFY v VARCHAR(20) COLLATE utf8mb4_general_ci"],
    "duckdb": [
        "CREATE TABLE made AS FROM {0}", "DROP TABLE {0}",
        "CREATE TABLE {0} (id BIGINT, v VARCHAR COLLATE NOCASE)", "INSERT INTO {0} FROM made",
    ],
}  # fmt: skip


@pytest.mark.parametrize("at", ["postgres", "mysql", "duckdb"], indirect=True)
def test_keys_that_a_column_takes_for_the_same(at: Any) -> None:
    """A row whose key differs in case alone would go when the other one comes."""
    kind, store, run, ask = at
    fields = Schema.of(rows(1, v="a")).changed({"v": parse_type("string(20)")})
    load_frames(store, [rows(1, v="a")], "delete_insert", ("v",), fields=fields)
    for statement in LOOSE[kind]:
        run(statement)
    with pytest.raises(DataError, match="its key 'v'") as caught:
        load_frames(store, [rows(2, v="A")], "delete_insert", ("v",), fields=fields)
    assert caught.value.hint
    assert ask("SELECT v FROM {}") == ["a"]
    load_frames(store, [rows(2, v="A")], "delete_insert", ("id",), fields=fields)
