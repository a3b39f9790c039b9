"""SQL Server itself: its types, texts, errors and ends, on the server of HYGGE_TEST_MSSQL_URL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from datetime import time as clock
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
from tests.files.driving import bound
from tests.sql.databases import drain
from tests.sql.mssql.support import DATABASE, connect, is_babelfish, needs_server, url_of

from hygge import ConfigError, ConnectError, DataError, HyggeError, MSSQLHome, TransientError
from hygge.core.chunk import ReadRequest
from hygge.core.context import Context
from hygge.core.errors import Cancelled
from hygge.core.fields import parse_type
from hygge.core.watermark import Window
from hygge.sql.mssql.connection import MSSQLConnection

pytestmark = needs_server
TABLE = "dbo.every_type"
MAKE = f"""
CREATE TABLE {TABLE} (
  id int IDENTITY PRIMARY KEY, m money, sm smallmoney, dt datetime, sdt smalldatetime,
  d2 datetime2(7), dto datetimeoffset(7), t time(7), g uniqueidentifier, c char(5), nc nchar(5),
  v varchar(20), x xml, tx text, nt ntext, b binary(4), vb varbinary(10), im image, sv sql_variant,
  rv rowversion, twice AS (id * 2), f float, sn sysname)
"""
FILL = f"""
INSERT INTO {TABLE} (m, sm, dt, sdt, d2, dto, t, g, c, nc, v, x, tx, nt, b, vb, im, sv, f, sn)
VALUES (922337203685477.5807, -214748.3648, '9999-12-31T23:59:59.997', '2079-06-06T23:59:00',
  '9999-12-31T23:59:59.999999', '2024-01-01T00:00:00.123456+02:00', '23:59:59.123456',
  '6F9619FF-8B86-D011-B42D-00C04FC964FF', 'ab', N'é', 'x', '<a>1</a>', 'tt', N'日本', 0x01, 0x0102,
  0xff, CAST(0.1 AS float), 0.1, N'name'),
 (NULL, NULL, '1753-01-01', NULL, '0001-01-01', NULL, '00:00', NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, CAST('2024-01-02T03:04:05.003' AS datetime), NULL, N'')
"""
READ: dict[str, tuple[str, Any, Any]] = {
    "m": ("decimal(19,4)", Decimal("922337203685477.5807"), None),
    "sm": ("decimal(10,4)", Decimal("-214748.3648"), None),
    "dt": ("timestamp(ms)", datetime(9999, 12, 31, 23, 59, 59, 997000), datetime(1753, 1, 1)),
    "sdt": ("timestamp(ms)", datetime(2079, 6, 6, 23, 59), None),
    "d2": ("timestamp(us)", datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(1, 1, 1)),
    "dto": ("timestamp(us, UTC)", datetime(2023, 12, 31, 22, 0, 0, 123456, tzinfo=UTC), None),
    "t": ("time", clock(23, 59, 59, 123456), clock()),
    "g": ("uuid", "6f9619ff-8b86-d011-b42d-00c04fc964ff", None),
    "c": ("string(5)", "ab   ", None), "nc": ("string(5)", "é    ", None),
    "v": ("string(20)", "x", None), "x": ("string", "<a>1</a>", None), "tx": ("string", "tt", None),
    "nt": ("string", "日本", None), "b": ("binary", b"\x01\x00\x00\x00", None),
    "vb": ("binary", b"\x01\x02", None), "im": ("binary", b"\xff", None),
    "twice": ("int32", 2, 4), "f": ("float64", 0.1, None),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    is_babelfish()  # which makes the database
    with connect() as link:
        link.execute(f"DROP TABLE IF EXISTS {TABLE}")
        link.execute(MAKE)
        link.execute(FILL)
        yield
        link.execute(f"DROP TABLE {TABLE}")


def home(options: str = "", **settings: Any) -> MSSQLHome:
    found: MSSQLHome = bound(MSSQLHome(url=url_of(options=options), **settings))
    return found


def read(**settings: Any) -> pl.DataFrame:
    with home(**settings).open(Context()) as session:
        return drain(session)


@pytest.mark.parametrize("by", ["table", "query"])
def test_every_type(by: str) -> None:
    """Of a table, and of a query, which the server describes."""
    asked = TABLE if by == "table" else f"SELECT {', '.join(('id', *READ))} FROM {TABLE}"
    with home(**{by: asked}).open(Context()) as session:
        schema, frame = session.schema(), drain(session).sort("id")
    for name, (kind, *values) in READ.items():
        assert schema[name].type == parse_type(kind), name
        assert frame[name].to_list() == values, name


def test_what_no_driver_has_a_type_for() -> None:
    """A sql_variant comes as text that has all digits; a rowversion as eight bytes."""
    frame = read(table=TABLE).sort("id")
    first, second = frame["sv"].to_list()
    assert float(first) == 0.1
    assert second == "2024-01-02 03:04:05.003"
    assert {len(v) for v in frame["rv"]} == {8}


def test_as_text_with_all_digits() -> None:
    names = ("m", "dt", "d2", "dto", "f")
    frame = read(table=TABLE, types=dict.fromkeys(names, "string")).sort("id")
    m, dt, d2, dto, f = (frame[name][0] for name in names)
    assert (m, dt, dto[-6:], float(f)) == (
        "922337203685477.5807", "9999-12-31 23:59:59.997", "+02:00", 0.1,
    )  # fmt: skip
    assert d2.startswith("9999-12-31 23:59:59.999999")


@pytest.mark.parametrize("by", ["table", "query"])
def test_offsets_as_columns(by: str) -> None:
    asked = TABLE if by == "table" else f"SELECT id, dto FROM {TABLE}"
    frame = read(**{by: asked}, offset_columns=True).sort("id")
    assert frame["dto_offset"].to_list() == [120, None]
    assert frame.schema["dto_offset"] == pl.Int16
    assert frame["dto"].to_list() == list(READ["dto"][1:])


@pytest.mark.parametrize("by", ["table", "query"])
def test_types_of_variants_as_columns(by: str) -> None:
    asked = TABLE if by == "table" else f"SELECT id, sv FROM {TABLE}"
    frame = read(**{by: asked}, variant_types=True).sort("id")
    assert frame["sv_type"].to_list() == ["float", "datetime"]


def test_a_window_of_datetime() -> None:
    """Thirds of a hundredth of a second are on the right side of a bound in milliseconds."""
    kind = parse_type("timestamp(ms)")
    cut = datetime(9999, 12, 31, 23, 59, 59, 997000)
    with home(table=TABLE).open(Context()) as session:
        assert session.maximum("dt") == cut
        below = drain(session, ReadRequest(window=Window("dt", kind, None, cut)))
        above = drain(session, ReadRequest(window=Window("dt", kind, cut, None)))
    assert (below["id"].to_list(), above["id"].to_list()) == ([2], [1])


def test_it_is_one_snapshot() -> None:
    """What is committed after the first question is not seen, where the database allows that."""
    with connect() as other, home(table=TABLE).open(Context()) as session:
        if session.consistency != "one snapshot":
            pytest.skip("the database does not allow snapshots")
        before = drain(session).height
        other.execute(f"INSERT INTO {TABLE} (dt, d2, t, sn) VALUES ('20240101', '20240101', 0, '')"
                      .replace(", 0,", ", '00:00',"))  # fmt: skip
        try:
            assert drain(session).height == before
        finally:
            other.execute(f"DELETE FROM {TABLE} WHERE id > 2")


def test_isolation_as_configured() -> None:
    with home(table=TABLE, options="isolation=read_uncommitted").open(Context()) as session:
        assert session.consistency.startswith("READ UNCOMMITTED")
        assert drain(session).height == 2


@pytest.mark.parametrize(
    ("settings", "kind", "says"),
    [
        ({"table": "dbo.every_tipe"}, ConfigError, "every_tipe"),
        ({"query": "SELEC 1"}, ConfigError, ""),
        ({"query": f"SELECT id, id FROM {TABLE}"}, ConfigError, "id"),
        ({"table": TABLE, "where": "nonsense = 1"}, ConfigError, "nonsense"),
        ({"query": f"SELECT 1 / (id - 2) AS x FROM {TABLE}"}, DataError, "zero"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(settings: dict[str, Any], kind: type[HyggeError], says: str) -> None:
    with pytest.raises(kind, match=f"(?i){says}"):
        read(**settings)


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ("/{}?", "/no_such_database?", "database"),
        ("trust_server_certificate=yes", "trust_server_certificate=no", "certificate"),
    ],
)
def test_who_is_not_let_in(before: str, after: str, hint: str) -> None:
    with pytest.raises(ConnectError) as told:
        MSSQLConnection(url=url_of().replace(before.format(DATABASE), after)).open_link()
    assert hint in (told.value.hint or "")


def test_a_wrong_password() -> None:
    url = url_of().replace(f":{urlsplit(url_of()).password}@", ":wrong@")
    with pytest.raises(ConnectError) as told:
        MSSQLConnection(url=url).open_link()
    assert "`password`" in (told.value.hint or "")


BUSY = (
    "SELECT COUNT_BIG(*) FROM sys.all_columns a, sys.all_columns b, sys.all_columns c "
    "WHERE a.column_id % 7 = c.column_id % 5"
)
LONG = "SELECT a.name FROM sys.all_columns a, sys.all_columns b, sys.all_columns c"


def test_cancelling_a_statement() -> None:
    with connect() as link:
        threading.Timer(0.5, link.cancel).start()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            link.rows(BUSY)
        assert time.monotonic() - started < 30


def test_a_statement_that_takes_too_long() -> None:
    """While it runs, and while its rows come; the connection is of use afterwards."""
    connection = MSSQLConnection(url=url_of(), statement_timeout="1s")
    with connection.open_link() as link:
        with pytest.raises(TransientError, match="longer than 1 s"):
            link.rows(BUSY)
        with (
            pytest.raises(TransientError, match="longer than 1 s"),
            link.stream(LONG, 1_000) as frames,
        ):
            for _ in frames:
                pass
        assert link.row("SELECT 1") == (1,)


def test_a_connection_comes_back_as_it_was() -> None:
    with connect() as link:
        link.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION")
        link.execute(f"UPDATE {TABLE} SET v = 'changed'")
        link.reset()
        assert link.row("SELECT @@TRANCOUNT") == (0,)
        assert link.row(f"SELECT COUNT(*) FROM {TABLE} WHERE v = 'changed'") == (0,)


def test_the_tables_of_a_database() -> None:
    found = {str(t): t for t in home(table=TABLE).catalogue(Context())}
    one = found[TABLE]
    assert (one.kind, one.counter) == ("table", "id")
    assert one.fields is not None
    assert one.fields.keys == ("id",)
    assert not one.fields["sn"].nullable


def test_a_name_left_in_the_sessions_context() -> None:
    """As the documentation says it: another session reads it beside the session's number."""
    leave = (
        "DECLARE @name varbinary(128) = CAST('nightly-loads' AS varbinary(128)); "
        "SET CONTEXT_INFO @name"
    )
    named = MSSQLConnection(url=url_of(), session=(leave,))
    with named.open_link() as link, connect() as other:
        (number,) = link.row("SELECT @@SPID")
        (told,) = other.row(
            "SELECT CAST(context_info AS varchar(128)) FROM sys.dm_exec_sessions "
            f"WHERE session_id = {number}"
        )
    assert told.rstrip("\0") == "nightly-loads"
