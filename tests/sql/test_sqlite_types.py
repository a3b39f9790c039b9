"""SQLite's type table, both ways."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.sql.databases import make, read

from hygge.core.fields import parse_type
from hygge.sql.sqlite.types import TYPE_TABLE, affinity, ddl, logical


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ("INTEGER", "int64"), ("smallint", "int64"), ("UNSIGNED BIG INT", "int64"),
        ("INT_16", "int16"), ("UINT_32", "uint32"), ("BOOLEAN", "bool"),
        ("NUMERIC(10,2)", "decimal(10,2)"),
        ("decimal(5)", "decimal(5,0)"), ("NUMERIC", "float64"), ("DECIMAL(40,2)", "float64"),
        ("REAL", "float64"), ("double precision", "float64"), ("FLOAT32", "float32"),
        ("VARCHAR(20)", "string"), ("NVARCHAR ( 20 )", "string"), ("CLOB", "string"),
        ("character  varying (20)", "string"), ("BLOB", "binary"), ("VARBINARY(8)", "binary"),
        ("DATE", "date"), ("TIME", "time"), ("DATETIME", "timestamp(us)"),
        ("TIMESTAMP(6)", "timestamp(us)"), ("TIMESTAMP(9)", "timestamp(ns)"),
        ("TIMESTAMP(3) WITH TIME ZONE", "timestamp(us, UTC)"),
        ("timestamptz", "timestamp(us, UTC)"), ("timestamp(ms, Europe/Copenhagen)",
        "timestamp(ms, Europe/Copenhagen)"), ("JSON", "json"), ("UUID", "uuid"),
        ("MONEY", "decimal(19,4)"), ("DECIMAL_TEXT(38,10)", "decimal(38,10)"),
    ],
)  # fmt: skip
def test_a_declared_type_is_read_as(declared: str, kind: str) -> None:
    found = logical(declared)
    assert found is not None
    assert found[0] == parse_type(kind)


@pytest.mark.parametrize("declared", ["", "XML", "ENUM('a','b')", "timestamp(us, Nowhere/Land)"])
def test_what_the_data_must_tell(declared: str) -> None:
    assert logical(declared) is None


WRITTEN = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
    "float64", "decimal(15,4)", "decimal(16,0)", "decimal(38,38)", "date", "time", "timestamp(ms)",
    "timestamp(us)", "timestamp(ns)", "timestamp(us, UTC)", "timestamp(ns, UTC)",
    "timestamp(us, America/St_Vincent)", "duration(ms)", "duration(us)", "duration(ns)", "string",
    "binary", "json", "uuid", "null",
]  # fmt: skip


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_is_written_is_read_back_as_the_same_type(kind: str, tmp_path: Path) -> None:
    path = make(tmp_path / "t.db", f"CREATE TABLE t (x {ddl(parse_type(kind))})")
    assert read(path).schema["x"] == parse_type(kind).physical
    with closing(sqlite3.connect(path)) as connection:
        ((declared,),) = connection.execute("SELECT type FROM pragma_table_info('t')").fetchall()
    found = logical(declared)
    assert found is not None
    assert found[0] == parse_type(kind)


@pytest.mark.parametrize(
    "declared",
    ["INT", "CHARINT", "FLOATING POINT", "TEXT", "BLOBTEXT", "BLOB", "", "REAL", "STRING", "DOUBLE",
     "NUMERIC", "DATE", "VARBINARY", "UNSIGNED_TEXT", "DECIMAL_TEXT(38,2)", "JSON_TEXT"],
)  # fmt: skip
def test_affinity_is_what_sqlite_makes_of_it(declared: str) -> None:
    """`'1.0'` is stored as an integer, a real or text, according to the column's affinity."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (x {declared})")
        connection.execute("INSERT INTO t VALUES ('1.0'), (2)")
        seen = [kind for (kind,) in connection.execute("SELECT typeof(x) FROM t")]
    expected = {
        "INTEGER": ["integer", "integer"], "NUMERIC": ["integer", "integer"],
        "REAL": ["real", "real"], "TEXT": ["text", "text"], "BLOB": ["text", "integer"],
    }  # fmt: skip
    assert seen == expected[affinity(declared)]


def test_the_table_can_be_printed() -> None:
    for rule in TYPE_TABLE:
        assert rule.native and rule.logical and rule.stored
