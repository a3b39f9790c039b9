"""What SQL Server's Store says and sends; no server."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sql.mssql.recorded import Recorded

from hygge.core.errors import BadValue, UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema, parse_type
from hygge.sql.mssql.hanging import index_statements, permission_statements
from hygge.sql.mssql.settler import MSSQLSettler
from hygge.sql.mssql.tables import COLUMNSTORE
from hygge.sql.mssql.types import DIALECT
from hygge.sql.mssql.written import ddl, encoded, takes
from hygge.sql.settle import modes
from hygge.sql.settle.about import About
from hygge.sql.settle.look import Look
from hygge.sql.settle.place import Place
from hygge.sql.settle.ready import prepare
from hygge.testing.loading import request_for


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        ("bool", "bit"), ("int8", "smallint"), ("uint8", "tinyint"), ("uint64", "decimal(20,0)"),
        ("decimal(38,10)", "decimal(38,10)"), ("timestamp(ms)", "datetime2(3)"),
        ("timestamp(us)", "datetime2(6)"), ("timestamp(ns)", "datetime2(7)"),
        ("timestamp(us, Europe/Paris)", "datetimeoffset(6)"), ("string(50)", "nvarchar(100)"),
        ("string(2000)", "nvarchar(4000)"), ("string(2001)", "nvarchar(max)"),
        ("uuid", "uniqueidentifier"), ("list(int64)", "nvarchar(max)"), ("time", "time(7)"),
    ],
)  # fmt: skip
def test_declared_types(kind: str, declared: str) -> None:
    assert ddl(parse_type(kind)) == declared


def test_keys_are_types_that_an_index_takes() -> None:
    assert ddl(parse_type("string"), key=True) == "nvarchar(450)"
    assert ddl(parse_type("binary"), key=True) == "varbinary(900)"
    assert ddl(parse_type("string(5)"), key=True) == "nvarchar(10)"
    with pytest.raises(UnsupportedError, match="spans of time"):
        ddl(parse_type("duration(us)"))


@pytest.mark.parametrize(
    ("kind", "key", "values", "why"),
    [
        ("float64", 0, [1.0, float("nan")], "finite"),
        ("float32", 0, [float("inf")], "finite"),
        ("timestamp(ns)", 0, [100, 199], "100 ns"),
        ("time", 0, [time(12), None], ""),
        ("string", 1, ["x" * 450], ""),
        ("string", 1, ["x" * 449 + "\U0001f469"], "900 bytes"),
        ("binary", 1, [b"x" * 901], "900 bytes"),
        ("string", 1, ["x", None], "never NULL"),
        ("string", 0, ["x" * 5_000, None], ""),
    ],
)
def test_values_that_cannot_be_held(kind: str, key: int, values: list[Any], why: str) -> None:
    logical = parse_type(kind)
    frame = pl.DataFrame({"v": pl.Series(values, dtype=logical.physical, strict=False)})
    fields = Schema([Field("v", logical, key=key)])
    if not why:
        assert encoded(frame, fields, entity="e", offset=0).height == len(values)
        return
    with pytest.raises(BadValue, match="v") as caught:
        encoded(frame, fields, entity="e", offset=0)
    assert caught.value.hint is not None and why in caught.value.hint


_NUMBERS = st.sampled_from(["tinyint", "smallint", "int", "bigint"]) | st.builds(
    lambda p, s: f"decimal({p},{min(p, s)})", st.integers(1, 38), st.integers(0, 38)
)
_LIMITS = {"tinyint": (0, 255), "smallint": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1),
           "bigint": (-(2**63), 2**63 - 1)}  # fmt: skip


def ends(text: str) -> tuple[Decimal, Decimal, int]:
    """The least and the largest number of a type, and its digits behind the point."""
    if text in _LIMITS:
        return (*map(Decimal, _LIMITS[text]), 0)  # type: ignore[return-value]
    precision, scale = map(int, text.removeprefix("decimal(").rstrip(")").split(","))
    most = Decimal((0, (9,) * precision, -scale))
    return -most, most, scale


@given(_NUMBERS, _NUMBERS)
def test_a_column_takes_what_it_holds_exactly(there: str, coming: str) -> None:
    low, high, scale = ends(there)
    least, most, digits = ends(coming)
    holds = low <= least and most <= high and digits <= scale
    if takes(there, coming):
        assert holds
    else:
        assert not holds or (coming.startswith("decimal") and there in _LIMITS) or there == coming


def test_texts_and_times_that_a_column_takes() -> None:
    assert takes("nvarchar(max)", "nvarchar(10)") and not takes("nvarchar(10)", "nvarchar(11)")
    assert not takes("varchar(max)", "nvarchar(5)"), "of a code page"
    assert takes("datetime2(7)", "datetime2(6)") and not takes("datetime2(3)", "datetime2(6)")
    assert takes("float", "real") and not takes("real", "float")
    assert not takes("datetime", "datetime2(3)"), "of 300ths"
    for there, coming in (("nchar(40)", "nvarchar(10)"), ("binary(8)", "varbinary(8)")):
        assert not takes(there, coming), "filled up"


def test_keys_are_compared_exactly() -> None:
    """Neither case nor blanks at the end make two keys one, and an index is still of use."""
    statement = modes.delete_coming(DIALECT, "[t]", "[s]", [Field("k", parse_type("string"))])
    assert statement == (
        "DELETE FROM [t] WHERE EXISTS (SELECT 1 FROM [s] hygge_coming WHERE "
        "hygge_coming.[k] = [t].[k] AND hygge_coming.[k] COLLATE Latin1_General_100_BIN2 = "
        "[t].[k] COLLATE Latin1_General_100_BIN2 AND DATALENGTH(hygge_coming.[k]) = "
        "DATALENGTH([t].[k]))"
    )


class Said:
    """A link that writes down what is run, and finds nothing."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sql: str) -> None:
        self.statements.append(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return []


def test_a_table_with_a_columnstore() -> None:
    """Babelfish has none, so this is what SQL Server is to be told."""
    settler, link = MSSQLSettler(columnstore=True), Said()
    fields = Schema(
        [Field("id", parse_type("int64"), nullable=False), Field("v", parse_type("string"))]
    )
    settler.create(link, Place("dbo", "t", "d"), "t", fields, ("id",))  # type: ignore[arg-type]
    assert link.statements == [
        "CREATE TABLE [dbo].[t] ([id] bigint NOT NULL, [v] nvarchar(max) NULL, "
        "PRIMARY KEY NONCLUSTERED ([id]))",
        f"CREATE CLUSTERED COLUMNSTORE INDEX {COLUMNSTORE} ON [dbo].[t]",
    ]
    link.statements.clear()
    settler.take_over(link, Place("dbo", "t", "d"), "s")  # type: ignore[arg-type]
    assert link.statements == [
        f"CREATE CLUSTERED COLUMNSTORE INDEX {COLUMNSTORE} ON [dbo].[s]",
        "EXEC sp_rename N'[dbo].[s]', N't', 'OBJECT'",
    ]


def test_indexes_are_handed_on() -> None:
    rows = [
        ("by name", 2, False, False, None, "name", True, False),
        ("by name", 2, False, False, None, "age", False, False),
        ("by name", 2, False, False, None, "more", False, True),
        ("one", 1, True, False, "([a]>(0))", "a", False, False),
        ("named", 2, True, True, None, "b", False, False),
        ("wide", 6, False, False, None, "c", False, True),
    ]
    before, after = index_statements(rows, "[dbo].[t]", "[dbo].[s]")
    assert before == [
        "CREATE NONCLUSTERED INDEX [by name] ON [dbo].[s] ([name] DESC, [age]) INCLUDE ([more])",
        "CREATE UNIQUE CLUSTERED INDEX [one] ON [dbo].[s] ([a]) WHERE ([a]>(0))",
        "CREATE NONCLUSTERED COLUMNSTORE INDEX [wide] ON [dbo].[s] ([c])",
    ]
    assert after == ["ALTER TABLE [dbo].[t] ADD CONSTRAINT [named] UNIQUE NONCLUSTERED ([b])"]


def test_permissions_are_handed_on() -> None:
    rows = [
        ("GRANT", "SELECT", "public", None),
        ("GRANT_WITH_GRANT_OPTION", "UPDATE", "it's ] me", "a"),
        ("DENY", "DELETE", "guest", None),
    ]
    assert permission_statements(rows, "[t]") == [
        "GRANT SELECT ON [t] TO [public]",
        "GRANT UPDATE ([a]) ON [t] TO [it's ]] me] WITH GRANT OPTION",
        "DENY DELETE ON [t] TO [guest]",
    ]


def test_what_is_sent() -> None:
    """In types that bulk copy takes for the columns' own."""
    frame = pl.DataFrame(
        {"a": [1], "b": [2**64 - 1], "c": [[1, None]], "d": [datetime(2024, 1, 1, tzinfo=UTC)],
         "e": [None]},
        schema={"a": pl.Int8, "b": pl.UInt64, "c": pl.List(pl.Int64),
                "d": pl.Datetime("us", "UTC"), "e": pl.Null},
    )  # fmt: skip
    sent = encoded(frame, Schema.of(frame), entity="e", offset=0)
    assert sent.row(0) == (
        1, Decimal(2**64 - 1), "[1,null]", datetime(2024, 1, 1, tzinfo=UTC), None,
    )  # fmt: skip
    assert sent.dtypes[:2] == [pl.Int16, pl.Decimal(20, 0)]
    assert sent.dtypes[4] == LogicalType("string").physical


def test_the_lock_of_a_table_has_one_name() -> None:
    """However the table's is written: most databases know no case, and names of locks do."""
    said = list[list[str]]()
    for schema, table in (("Sales", "Orders"), ("sales", "ORDERS")):
        link = Recorded(sp_getapplock=[(0,)])
        MSSQLSettler().lock(link, Place(schema, table, "shop"))
        said.append(link.said)
    assert said[0] == said[1] and "N'hygge sales.orders'" in said[0][0]


def test_columns_that_the_server_fills_are_left_to_it() -> None:
    """Computed ones, row versions, and the period of a table with a history."""
    link = Recorded(generated_always_type=[
        ("id", False, 56, 0), ("twice", True, 56, 0), ("rv", False, 189, 0),
        ("since", False, 42, 1), ("till", False, 42, 2),
    ])  # fmt: skip
    assert MSSQLSettler().names(link, Place("dbo", "t", "shop")) == ["id"]


def test_a_new_table_lies_in_its_order() -> None:
    """In every mode, the stage is brought into one that has its clustered index already."""
    fields = Schema([Field("id", parse_type("int32"), nullable=False, key=1),
                     Field("v", parse_type("string(20)"))])  # fmt: skip
    link = Recorded(**{
        "generated_always_type": [], "collation_name": [], "sys.indexes": [],
        "c.max_length": [("id", "int", 4, 10, 0), ("v", "nvarchar", 80, 0, 0)],
    })  # fmt: skip
    place = Place("dbo", "t", "shop", cluster_by=("v",))
    request = request_for(None, fields, "merge", ["id"])
    notes: list[str] = []
    look = Look(MSSQLSettler(), link, place)
    about = About(
        MSSQLSettler(), link, place, look, request, fields, fields, None, {},
        note=lambda message, _: notes.append(message),
    )  # fmt: skip
    prepare(about)
    assert not notes
    made, order = (sql for sql in link.said if sql.startswith("CREATE"))
    assert "PRIMARY KEY NONCLUSTERED ([id])" in made
    assert order.startswith("CREATE CLUSTERED INDEX") and order.endswith("ON [dbo].[t] ([v])")
