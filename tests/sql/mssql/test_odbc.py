"""SQL Server by an ODBC driver, beside mssql-python: the same values, read and written.

The driver is Microsoft's ODBC Driver 18, from where mssql-python's wheel carries it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.files.driving import bound
from tests.sql.databases import drain
from tests.sql.mssql.support import by_odbc, connect, is_babelfish, needs_server, url_of

from hygge import MSSQLHome, MSSQLStore, Schema
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import Cancelled, ConnectError, DataError
from hygge.core.fields import parse_type
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.written import ROWS_A_STATEMENT, statements
from hygge.testing.loading import load_frames

TABLE = "dbo.by_odbc"


@pytest.fixture(scope="module")
def url() -> str:
    """The address by it."""
    is_babelfish()  # which makes the database
    return url_of(options=by_odbc())


ROW: dict[str, Any] = {
    "id": 1, "v": "ab'c é日😀", "m": "x" * 9000, "d": Decimal("-99999999999999999999.9999999999"),
    "e": Decimal("0." + "0" * 37 + "1"), "f": -1.7976931348623157e308, "r": 0.1, "b": True,
    "t": 255, "g": 2**63 - 1, "day": datetime(1, 1, 1).date(), "c": time(23, 59, 59, 999999),
    "at": datetime(9999, 12, 31, 23, 59, 59, 999999), "z": datetime(2024, 2, 29, 1, tzinfo=UTC),
    "u": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "x": b"\x00\xff'", "y": b"",
}  # fmt: skip
KINDS = {"u": "uuid", "r": "float32", "t": "uint8", "d": "decimal(38,10)", "e": "decimal(38,38)"}


def rows() -> pl.DataFrame:
    """One of all types, one without values, and enough for more than one statement."""
    least: dict[str, Any] = dict.fromkeys(ROW) | {"id": 2}
    more = [{**least, "id": 3 + n, "v": f"{n}"} for n in range(ROWS_A_STATEMENT)]
    casts = {name: parse_type(kind).physical for name, kind in KINDS.items() if kind != "uuid"}
    return pl.DataFrame([ROW, least, *more], infer_schema_length=None).cast(casts)  # type: ignore[arg-type]


@needs_server
def test_what_is_written_is_read(url: str) -> None:
    """By the driver, and the same by the other one; without bulk copy one connection is enough."""
    frame = rows()
    store: MSSQLStore = MSSQLStore("by_odbc", url=url, schema="dbo").bind(Surroundings())
    assert len(store.slots()) == 1
    load_frames(
        store,
        [frame],
        "replace",
        ["id"],
        fields=Schema.of(frame).changed({"u": parse_type("uuid")}),
    )
    for address in (url, url_of()):
        home: MSSQLHome = bound(MSSQLHome(TABLE, url=address))
        with home.open(Context()) as session:
            found = drain(session).sort("id")
        assert_frame_equal(found, frame.cast(found.schema))  # type: ignore[arg-type]
        assert found.schema["z"] == pl.Datetime("us", "UTC")
    with connect() as link:
        link.execute(f"DROP TABLE {TABLE}")


@needs_server
def test_who_we_are_is_said(url: str) -> None:
    for options, name in (("", "hygge"), ("&application_name=nightly loads", "nightly loads")):
        with MSSQLConnection(url=url + options).open_link() as link:
            assert link.row("SELECT APP_NAME()") == (name,)


@needs_server
def test_a_text_beyond_what_is_allowed(url: str) -> None:
    query = "SELECT CAST(REPLICATE(CAST('x' AS nvarchar(max)), 70000) AS nvarchar(max)) AS v"
    home: MSSQLHome = bound(MSSQLHome(url=url, query=query))
    with home.open(Context()) as session, pytest.raises(DataError) as caught:
        drain(session)
    assert "longest_text" in (caught.value.hint or "")


@needs_server
def test_a_read_that_is_stopped(url: str) -> None:
    """It ends before its next batch, and the connection is not used again."""
    home: MSSQLHome = bound(MSSQLHome(url=url, query="SELECT object_id FROM sys.all_columns"))
    with home.open(Context()) as session:

        def one_and_stop() -> Iterator[pl.DataFrame]:
            for batch in session.read(ReadRequest(batch_rows=100), WHOLE):
                yield batch
                session.cancel()

        with pytest.raises(Cancelled):
            list(one_and_stop())


def test_a_driver_that_is_not_there() -> None:
    with pytest.raises(ConnectError) as caught:
        bound(MSSQLHome("t", url="mssql://u:p@127.0.0.1/d?driver=odbc&odbc_driver=/nope.so")).open(
            Context()
        )
    assert caught.value.hint


@given(st.lists(st.text(max_size=5) | st.none(), min_size=1, max_size=40))
def test_literals_of_texts(values: list[str | None]) -> None:
    """What SQL's own grammar reads out of the literals is what was put in."""
    frame = pl.DataFrame({"n": range(len(values)), "v": pl.Series(values, dtype=pl.String)})
    (said,) = statements(frame)
    row = re.compile(
        r"\(N'(\d+)',(?:NULL|CAST\(NULL AS nvarchar\(1\)\)|N'((?:[^']|'')*)')\)(?:,|$)"
    )
    found = row.findall(said)
    assert [int(n) for n, _ in found] == list(range(len(values)))
    assert [v.replace("''", "'") for _, v in found] == [v or "" for v in values]
    assert said.count("NULL") - sum(v.count("NULL") for v in values if v) == values.count(None)


def test_statements_have_no_more_rows_than_the_server_takes() -> None:
    wide = pl.DataFrame({"v": ["x" * 100_000] * 30})
    assert sum(s.count("(N'") for s in statements(wide)) == 30
    assert max(map(len, statements(wide))) < 1_300_000
    narrow = pl.DataFrame({"v": range(2 * ROWS_A_STATEMENT + 1)})
    assert [s.count("(N'") for s in statements(narrow)] == [1000, 1000, 1]
