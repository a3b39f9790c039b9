"""Settling in MySQL: keys to the last blank, what is there already, and servers that are strict."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.servers import Database

from hygge.core.context import Context, Surroundings
from hygge.core.errors import BadValue, DataError, HyggeError, SchemaDrift, UnsupportedError
from hygge.core.fields import Schema, parse_type
from hygge.sql.mysql import bulk
from hygge.sql.mysql.tables import takes
from hygge.stores.mysql import MySQLStore
from hygge.testing.faults import raise_at
from hygge.testing.loading import load_frames, request_for, state_of, write

FRAME = pl.DataFrame({"k": [1, 2], "v": ["a", None]})


def store(database: Database, table: str = "t") -> MySQLStore:
    return MySQLStore(table, url=database.url).bind(Surroundings())


def users(*names: str, at: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"name": names, "at": [at] * len(names)})


def test_keys_are_the_same_only_if_they_are(mysql: Database) -> None:
    """Neither case, nor accents, nor blanks at the end make two of them one."""
    names = ["a", "A", "á", "a ", "a  ", " a", "ß", "ss", "", "a\t"]
    kind = parse_type("string(20)")
    for table, fields in (("short", Schema.of(users("x")).changed({"name": kind})), ("long", None)):
        to = store(mysql, table)
        load_frames(to, [users(*names)], "merge", ["name"], fields=fields)
        load_frames(to, [users("A", "a ", at=1)], "merge", ["name"], fields=fields)
        assert mysql.rows(f"SELECT count(*), sum(at) FROM `{table}`") == [(str(len(names)), "2")]
    assert "PRIMARY KEY (`name`)" in str(mysql.rows("SHOW CREATE TABLE short"))
    assert "KEY `hygge_key` (`name`(191))" in str(mysql.rows("SHOW CREATE TABLE `long`"))


@pytest.mark.parametrize("mode", ["merge", "delete_insert"])
def test_a_table_whose_keys_know_no_case_is_refused(mysql: Database, mode: Any) -> None:
    mysql.execute("CREATE TABLE t (name longtext COLLATE utf8mb4_general_ci, at bigint)")
    with pytest.raises(DataError, match="utf8mb4_general_ci") as caught:
        load_frames(store(mysql), [users("a")], mode, ["name"])
    assert "COLLATE" in (caught.value.hint or "")
    load_frames(store(mysql), [users("a", "A")], "append")  # which asks of no key whether it is one
    assert mysql.rows("SELECT count(*) FROM t") == [("2",)]


def test_without_load_data_rows_go_by_inserts(mysql: Database) -> None:
    values = pl.DataFrame(
        {
            "k": [1, 2, 3], "text": ["'\\\"\n%s", "", None], "bytes": [b"\0\xff'\\", b"", None],
            "at": [datetime(2024, 2, 29, 23, 59, 59, 999_999), datetime(1969, 12, 31), None],
            "day": [date(1, 1, 1), date(9999, 12, 31), None],
            "time": [time(0, 0, 0, 1), time(23, 59, 59, 999_999), None],
            "f": [5e-324, -1.7976931348623157e308, None], "b": [True, False, None],
            "d": [Decimal("-0.0000000001"), Decimal("9999999999999999999999999999.9"), None],
            "u": [2**64 - 1, 0, None],
        },
        schema_overrides={"u": pl.UInt64, "d": pl.Decimal(38, 10)},
    )  # fmt: skip
    many = pl.concat([values.with_columns(pl.col("k") + 3 * n) for n in range(4_000)])
    load_frames(store(mysql, "by_load"), [many], "replace")
    mysql.execute("SET GLOBAL local_infile = 0")
    try:
        load_frames(store(mysql, "by_insert"), [many, values], "replace")
    finally:
        mysql.execute("SET GLOBAL local_infile = 1")
    load_frames(store(mysql, "by_load"), [values], "append")
    sums = [
        mysql.rows(f"SELECT count(*), sum(crc32(concat_ws('|', {', '.join(values.columns)}))), "
                   f"sum(text IS NULL), sum(bytes = '') FROM {table}")
        for table in ("by_load", "by_insert")
    ]  # fmt: skip
    assert sums[0] == sums[1]
    assert sums[0][0][0] == "12003"


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=6), min_size=1, max_size=5))
def test_inserts_are_literals(texts: list[str]) -> None:
    (made,) = bulk.tuples(pl.DataFrame({"t": texts}))
    escaped = (t.replace("\\", "\\\\").replace("'", "''") for t in texts)
    assert made == ", ".join(f"('{t}')" for t in escaped)


def test_inserts_are_cut_in_pieces() -> None:
    pieces = list(bulk.tuples(pl.DataFrame({"t": ["x" * 1000] * 3_000})))
    assert len(pieces) == 3
    assert sum(piece.count("(") for piece in pieces) == 3_000
    assert max(map(len, pieces)) < 2 * bulk.PIECE


def test_what_would_be_altered_is_an_error(mysql: Database) -> None:
    """Neither rounded, nor cut, nor a warning that nobody reads."""
    to = store(mysql)
    load_frames(to, [FRAME], "append")
    mysql.execute("ALTER TABLE t MODIFY v varchar(3) COLLATE utf8mb4_nopad_bin")
    with pytest.raises(HyggeError, match="would alter"):
        load_frames(to, [FRAME], "append")
    declared = Schema.of(FRAME).changed({"v": parse_type("string(2)")})
    long = pl.DataFrame({"k": [1, 2], "v": ["ab", "abc"]})
    with pytest.raises(BadValue, match="'abc' does not fit") as caught:
        load_frames(store(mysql, "u"), [long], "replace", fields=declared)
    assert "Data truncated" in (caught.value.hint or "")
    with pytest.raises(BadValue, match="finite"):
        load_frames(store(mysql, "u"), [pl.DataFrame({"x": [float("nan")]})], "replace")


@pytest.mark.parametrize(
    ("there", "coming", "fits"),
    [
        ("bigint(20)", "int(11)", True), ("int(11)", "bigint(20)", False),
        ("int(10) unsigned", "int(11)", False), ("bigint(20)", "int(10) unsigned", True),
        ("decimal(12,2)", "decimal(10,2)", True), ("decimal(12,0)", "decimal(10,2)", False),
        ("double", "float", True), ("double", "bigint(20)", False),
        ("datetime(6)", "datetime(3)", True), ("datetime", "datetime(6)", False),
        ("datetime(6)", "date", False), ("time(6)", "time(3)", True),
        ("longtext collate utf8mb4_bin", "varchar(5) collate utf8mb4_nopad_bin", True),
        ("varchar(5) collate utf8mb4_bin", "varchar(6) collate utf8mb4_bin", False),
        ("text collate latin1_swedish_ci", "varchar(5) collate utf8mb4_bin", False),
        ("text collate utf8mb4_bin", "longtext collate utf8mb4_bin", False),
        ("longblob", "varbinary(9)", True), ("longblob", "longtext collate utf8mb4_bin", False),
        ("varbinary(9)", "longblob", False), ("int(11)", "longtext collate utf8mb4_bin", False),
        ("char(40) collate utf8mb4_bin", "varchar(20) collate utf8mb4_bin", False),
        ("binary(20)", "varbinary(9)", False),
        ("varchar(40) collate utf8mb4_bin", "char(36) collate ascii_bin", True),
        ("char(40) collate utf8mb4_bin", "char(36) collate ascii_bin", True),
        ("float(7,3)", "float", False), ("double(10,2)", "float", False),
        ("double unsigned", "double", False), ("decimal(12,2) unsigned", "decimal(10,2)", False),
        ("year(4)", "smallint(6)", False), ("mediumint", "int", False),
        ("bit(8)", "bigint(20) unsigned", False),
    ],
)  # fmt: skip
def test_which_columns_take_which_values(there: str, coming: str, fits: bool) -> None:
    assert takes(there, coming) is fits
    assert takes(coming, coming)


def test_what_hangs_on_a_table_stays(mysql: Database) -> None:
    """A table with an index, a trigger or a foreign key keeps its place; its rows are replaced."""
    to = store(mysql)
    load_frames(to, [FRAME], "replace")
    mysql.execute(
        "CREATE INDEX mine ON t (v(5)); CREATE VIEW seen AS SELECT k FROM t; "
        "CREATE TABLE log (k bigint); "
        "CREATE TRIGGER told AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.k)"
    )
    load_frames(to, [FRAME.with_columns(k=pl.col("k") + 10)], "replace")
    assert mysql.rows("SELECT k FROM seen ORDER BY k") == [("11",), ("12",)]
    assert mysql.rows("SELECT k FROM log ORDER BY k") == [("11",), ("12",)]
    assert "mine" in str(mysql.rows("SHOW CREATE TABLE t"))
    with pytest.raises(DataError, match="other columns"):
        load_frames(to, [FRAME.rename({"v": "w"})], "replace")
    left = mysql.rows("SHOW TABLES LIKE '\\_hygge\\_stage%'")
    assert left == []


@pytest.mark.parametrize("right", ["", "t", "*"])
def test_triggers_that_the_user_may_not_see_stay(mysql: Database, right: str) -> None:
    """MySQL's catalogue shows them to those alone who have TRIGGER, as MariaDB's is said to; so
    without it a table stays, whether or not one is seen."""
    user = f"w_{mysql.database}"
    mysql.execute(
        "CREATE TABLE t (k bigint NOT NULL, v longtext); CREATE TABLE log (k bigint); "
        "CREATE TRIGGER told AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.k); "
        f"CREATE USER {user}@'%' IDENTIFIED BY 'quiet'; "
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP "
        f"ON `{mysql.database}`.* TO {user}@'%'"
    )
    if right:
        mysql.execute(f"GRANT TRIGGER ON `{mysql.database}`.{right} TO {user}@'%'")
    url = f"mysql://{user}:quiet@{mysql.host}:{mysql.port}/{mysql.database}"
    to = MySQLStore("t", url=url).bind(Surroundings())
    try:
        load_frames(to, [FRAME], "replace")
        assert mysql.rows("SELECT k FROM log ORDER BY k") == [("1",), ("2",)]
        mysql.execute("DROP TRIGGER told")
        if right:  # nothing hangs on it, so that it is replaced
            load_frames(to, [FRAME.rename({"v": "w"})], "replace")
        else:
            with pytest.raises(DataError, match="perhaps a trigger"):
                load_frames(to, [FRAME.rename({"v": "w"})], "replace")
    finally:
        mysql.execute(f"DROP USER {user}@'%'")


def test_deletions_that_a_foreign_key_passes_on_are_refused(mysql: Database) -> None:
    to = store(mysql)
    load_frames(to, [FRAME], "merge", ["k"])
    mysql.execute(
        "CREATE TABLE child (k bigint, FOREIGN KEY (k) REFERENCES t (k) ON DELETE CASCADE); "
        "INSERT INTO child VALUES (1)"
    )
    with pytest.raises(DataError, match="foreign key"):
        load_frames(to, [FRAME], "merge", ["k"])
    assert mysql.rows("SELECT * FROM child") == [("1",)]


def test_a_table_without_transactions_is_refused(mysql: Database) -> None:
    mysql.execute("CREATE TABLE t (k bigint, v longtext) ENGINE = MyISAM")
    with pytest.raises(UnsupportedError, match="MyISAM"):
        load_frames(store(mysql), [FRAME], "append")


def test_a_zero_stays_one_in_a_column_that_counts(mysql: Database) -> None:
    mysql.execute("CREATE TABLE t (k bigint AUTO_INCREMENT PRIMARY KEY, v longtext)")
    load_frames(store(mysql), [pl.DataFrame({"k": [0, 5], "v": ["a", "b"]})], "append")
    assert mysql.rows("SELECT k FROM t ORDER BY k") == [("0",), ("5",)]


def test_columns_that_a_dead_attempt_made_stand_in_no_way(mysql: Database) -> None:
    """A column is added before the transaction begins: tables are not part of it."""
    to, more = store(mysql), FRAME.with_columns(w=pl.lit("x"))
    load_frames(to, [FRAME], "append")
    with raise_at("sql.filled", RuntimeError("dead")), pytest.raises(RuntimeError):
        load_frames(to, [more], "append")
    assert mysql.rows("SELECT count(*), count(w) FROM t") == [("2", "0")]
    load_frames(to, [more], "append")
    assert mysql.rows("SELECT count(*), count(w) FROM t") == [("4", "2")]
    mysql.execute("ALTER TABLE t ADD COLUMN x int")
    with pytest.raises(SchemaDrift, match="'x' is int"):
        load_frames(to, [more.with_columns(x=pl.lit("y"))], "append")


def stages(database: Database) -> list[str]:
    """The stages that lie there."""
    return [str(t) for (t,) in database.rows("SHOW TABLES") if str(t).startswith("_hygge_stage_")]


def test_a_stage_goes_with_the_next_load_unless_its_own_lives(mysql: Database) -> None:
    session = store(mysql).open(Context())
    load = session.begin(request_for(session.state(), Schema.of(FRAME), "merge", ["k"]))
    write(load, [FRAME])
    (mine,) = stages(mysql)
    load_frames(store(mysql, "other"), [FRAME], "merge", ["k"])
    assert stages(mysql) == [mine]
    session._lease.link.close()  # type: ignore[attr-defined]
    session.close()  # which cannot drop it any more
    assert stages(mysql) == [mine]
    load_frames(store(mysql, "other"), [FRAME], "merge", ["k"])
    assert stages(mysql) == []


def test_tables_differ_in_case_and_may_have_long_names(mysql: Database) -> None:
    for table in ("t", "T", "a" * 64, "a" * 63 + "b"):
        load_frames(store(mysql, table), [FRAME], "replace")
        state = state_of(store(mysql, table))
        assert state is not None
        assert state.rows == 2
    with pytest.raises(UnsupportedError, match="65 characters"):
        load_frames(store(mysql, "a" * 65), [FRAME], "replace")


def test_rows_as_wide_as_a_row_can_be(mysql: Database) -> None:
    """Many texts of a known length do not all fit into the row; they lie outside of it."""
    wide = pl.DataFrame({"k": [1], **{f"c{n}": ["x" * 255] for n in range(90)}})
    short = {name: parse_type("string(255)") for name in wide.columns if name != "k"}
    for mode in ("replace", "append", "merge"):
        fields = Schema.of(wide).changed(short)
        load_frames(store(mysql, mode), [wide], mode, ["k"], fields=fields)  # type: ignore[arg-type]
        assert mysql.rows(f"SELECT length(c89) FROM `{mode}`") == [("255",)]
