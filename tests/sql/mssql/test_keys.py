"""Tables cut at keys of any type."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.files.driving import bound
from tests.sql.mssql.recorded import Recorded, session
from tests.sql.mssql.support import connect, is_babelfish, needs_server, table, url_of

from hygge import MSSQLHome
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import Cancelled, ConfigError, ConnectError, DataError, TransientError
from hygge.sql.mssql import catalogue, chunked, split
from hygge.sql.mssql.keys import cuts_sql, find_cuts, literal_of, sampled, share_of
from hygge.sql.mssql.types import column_of, text_literal

KEYS = [column_of("a", "nvarchar(9)", required=True, key=1),
        column_of("b", "datetime2(7)", required=True, key=2)]  # fmt: skip


@pytest.mark.parametrize(
    ("native", "text", "literal"),
    [
        ("nvarchar(9)", "it's é", "N'it''s é'"), ("nchar(2)", "日", "N'日'"),
        ("nvarchar(9)", "", "N''"), ("nvarchar(9)", "a\0", ""), ("nvarchar(9)", "\ud800", ""),
        ("varchar(9)", "it's", "'it''s'"), ("varchar(9)", "é", ""), ("char(2)", "a ", "'a '"),
        ("binary(2)", b"\x00\xff", "0x00ff"), ("timestamp", b"\7\xd1", "0x07d1"),
        ("datetime", "2024-01-02 03:04:05.003",
         "CONVERT(datetime, '2024-01-02 03:04:05.003', 121)"),
        ("decimal(9,2)", "-1.50", "CAST('-1.50' AS decimal(9,2))"),
        ("uniqueidentifier", "6F", "CAST('6F' AS uniqueidentifier)"),
    ],
)  # fmt: skip
def test_literals(native: str, text: Any, literal: str) -> None:
    """Of the column's own type: a text of a code page is not compared as one of Unicode."""
    make = literal_of(native)
    assert make is not None
    assert make(text) == literal


def test_types_that_no_table_is_cut_by() -> None:
    assert literal_of("hierarchyid") is literal_of("sql_variant") is None
    link: Any = Recorded()
    key = [KEYS[0], column_of("h", "hierarchyid", required=True)]
    assert find_cuts(link, key, "[t]", 4) == []
    assert not link.said, "nothing is asked"


@given(st.text(max_size=9))
def test_a_literal_is_its_text(text: str) -> None:
    made = literal_of("nvarchar(9)")(text)  # type: ignore[misc]
    assert made in ("", text_literal(text))
    assert bool(made) == text.isprintable()


def test_what_is_asked() -> None:
    assert cuts_sql(KEYS, "[dbo].[t]", 4) == (
        "SELECT k0, k1 FROM (SELECT CAST([a] AS nvarchar(max)) AS k0, "
        "CONVERT(nvarchar(40), [b], 121) AS k1, "
        "ROW_NUMBER() OVER (ORDER BY [a], [b]) AS hygge_at, COUNT_BIG(*) OVER () AS hygge_of "
        "FROM [dbo].[t]) hygge_keys "
        "WHERE (hygge_at - 1) * 4 / hygge_of <> (hygge_at - 2) * 4 / hygge_of "
        "AND hygge_at > 1 ORDER BY hygge_at"
    )
    assert share_of(64_000, 8) is None
    assert share_of(32_000_000, 8) == 0.1
    assert sampled("[t]", 0.1) == "[t] TABLESAMPLE SYSTEM (0.100000 PERCENT)"
    assert sampled("[t]", None) == "[t]"


def test_what_is_answered() -> None:
    """A key that can be no literal cuts nothing; a server without samples has none."""
    rows = [
        ("a", "2024-01-02 00:00:00.0000001"),
        ("a\n", "x"),
        ("a", "2024-01-02 00:00:00.0000001"),
    ]
    found = find_cuts(Recorded(ROW_NUMBER=rows), KEYS, "[t]", 4)
    assert found == [("N'a'", "CONVERT(datetime2(7), '2024-01-02 00:00:00.0000001', 121)")]
    for refused in (DataError("no samples"), ConfigError("Incorrect syntax near 'TABLESAMPLE'")):
        assert find_cuts(Recorded(ROW_NUMBER=refused), KEYS, "[t]", 4) == []


@pytest.mark.parametrize("kind", [Cancelled, TransientError, ConnectError])
def test_what_is_no_answer_is_an_error(kind: type[Exception]) -> None:
    """A deadlock, say, has ended the transaction that the snapshot is of."""
    with pytest.raises(kind):
        find_cuts(Recorded(ROW_NUMBER=kind("ended")), KEYS, "[t]", 4)


TEXTS = [
    (1, "dbo", "t", "U ", "id", "nvarchar", 40, 0, 0, False, False),
    (1, "dbo", "t", "U ", "at", "datetime2", 8, 27, 7, True, False),
]


def test_a_big_table_is_sampled() -> None:
    link = Recorded(**{
        "o.type, c.name": TEXTS, "sys.partitions": [(1, 20_000_000)], "i.type = 1": [(1,)],
        "ROW_NUMBER": [("g",), ("p",)],
    })  # fmt: skip
    with session(link) as reading:
        chunks = reading.split(ReadRequest(), 3)
        said = [reading.statement(ReadRequest(columns=("id",)), chunk) for chunk in chunks]
    assert said == [
        "SELECT [id] FROM [dbo].[t] WHERE (([id] < N'g'))",
        "SELECT [id] FROM [dbo].[t] WHERE (([id] >= N'g') AND ([id] < N'p'))",
        "SELECT [id] FROM [dbo].[t] WHERE (([id] >= N'p'))",
    ]
    assert [chunk.rows for chunk in chunks] == [6_666_666] * 3
    (asked,) = (sql for sql in link.said if "ROW_NUMBER" in sql)
    assert "FROM [dbo].[t] TABLESAMPLE SYSTEM (0.060000 PERCENT)) hygge_keys" in asked


@pytest.mark.parametrize("counted", [[], [(1, 0)]])
def test_a_table_that_nobody_has_counted_is_not_cut(counted: list[tuple[int, int]]) -> None:
    link = Recorded(**{"o.type, c.name": TEXTS, "sys.partitions": counted, "i.type = 1": [(1,)]})
    with session(link) as reading:
        assert list(reading.split(ReadRequest(), 3)) == [WHOLE]
    assert not any("ROW_NUMBER" in sql for sql in link.said)


def test_a_column_that_is_not_there() -> None:
    with (
        session(Recorded(), chunk_column="nope") as reading,
        pytest.raises(ConfigError, match=r"nope.* no column"),
    ):
        reading.split(ReadRequest(), 3)


VALUES = {
    "a nvarchar(20)": [f"N'{c}{n}'" for n in range(20) for c in "aBéß日Z_-"],
    "a varchar(20)": [f"'{c}{n}'" for n in range(40) for c in "aBz-"],
    "a uniqueidentifier": [
        f"CAST('{n:08X}-1111-4111-8111-{n * 7 % 97:012X}' AS uniqueidentifier)" for n in range(97)
    ],
    "a datetime": [f"'2024-01-{n:02} 00:00:00.{n:02}7'" for n in range(1, 29)],
    "a decimal(9,3)": [f"{n * 1.125:.3f}" for n in range(-40, 40)],
    "a varbinary(8)": [f"0x{n:02X}FF" for n in range(90)],
    "a int, b nvarchar(9)": [f"{n % 3}, N'{n}'" for n in range(90)],
    "a date, b int, c char(3)": [f"'2024-01-0{n % 3 + 1}', {n % 4}, 'k{n}'" for n in range(90)],
}


COUNTED = (
    "SELECT o.object_id, 100 FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id "
    "WHERE {which}"
)


@pytest.fixture
def with_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that are clustered, and whose rows are counted, also where the server does neither."""
    if is_babelfish():
        monkeypatch.setattr(split, "CLUSTERED_SQL", "SELECT 1 AS one -- {table} {column}")
        monkeypatch.setattr(catalogue, "_ROWS", COUNTED)


@needs_server
@pytest.mark.usefixtures("with_counts")
@pytest.mark.parametrize("columns", VALUES)
@pytest.mark.parametrize("big", [False, True], ids=["all", "sampled"])
def test_chunks_are_disjoint_and_together_the_whole(
    columns: str, big: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if big:
        monkeypatch.setattr(chunked, "share_of", lambda rows, parts: 100.0)
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    made = ", ".join(f"{column} NOT NULL" for column in columns.split(", "))
    with table() as name:
        with connect() as link:
            link.execute(f"CREATE TABLE {name} ({made}, n int, PRIMARY KEY ({names}))")
            rows = ", ".join(f"({value}, {n})" for n, value in enumerate(VALUES[columns]))
            link.execute(f"INSERT INTO {name} VALUES {rows}")
        home: MSSQLHome = bound(MSSQLHome(name, url=url_of()))
        with home.open(Context()) as reading:
            request = ReadRequest(columns=("n",))
            chunks = reading.split(request, 4)
            frames = [pl.concat(reading.read(request, chunk))["n"] for chunk in chunks]
    assert len(chunks) == 4
    assert sorted(n for frame in frames for n in frame) == list(range(len(VALUES[columns])))
    assert max(map(len, frames)) - min(map(len, frames)) <= 1


@needs_server
@pytest.mark.usefixtures("with_counts")
def test_a_column_that_may_be_null() -> None:
    """Its rows without a value are in the first chunk."""
    with table() as name:
        with connect() as link:
            link.execute(f"CREATE TABLE {name} (a nvarchar(9) NULL)")
            link.execute(f"INSERT INTO {name} VALUES (NULL), (N'a'), (N'b'), (NULL), (N'c')")
        home: MSSQLHome = bound(MSSQLHome(name, url=url_of(), chunk_column="a"))
        with home.open(Context()) as reading:
            chunks = reading.split(ReadRequest(), 3)
            frames = [pl.concat(reading.read(ReadRequest(), chunk)) for chunk in chunks]
    assert [sorted(f["a"].drop_nulls()) for f in frames] == [["a"], ["b"], ["c"]]
    assert frames[0]["a"].null_count() == 2
