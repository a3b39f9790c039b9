"""SQL Server's Store beyond the suite, against the server that HYGGE_TEST_MSSQL_URL names."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from tests.sql.mssql.support import connect, is_babelfish, needs_server, url_of

from hygge import MSSQLStore
from hygge.core.context import Context, Surroundings
from hygge.core.errors import Cancelled, ConfigError, DataError, UnsupportedError
from hygge.core.fields import Field, Schema, parse_type
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.link import MSSQLLink
from hygge.testing._store_base import some_rows
from hygge.testing.corpus import KEY
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

pytestmark = needs_server
SCHEMA = "hygge_own"
TABLE = f"{SCHEMA}.s"
STAGES = (
    f"SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID('{SCHEMA}') "
    "AND name LIKE '[_]hygge[_]stage%'"
)


@pytest.fixture
def link() -> Any:
    """A connection to a database without the table."""
    is_babelfish()
    with connect() as link:
        clear(link)
        yield link
        clear(link)


def clear(link: MSSQLLink) -> None:
    link.execute(f"DROP TABLE IF EXISTS {TABLE}; DROP TABLE IF EXISTS {SCHEMA}._hygge_state")


def store(**settings: Any) -> MSSQLStore:
    return MSSQLStore(TABLE, url=url_of(), **settings).bind(Surroundings())


def keyed(frame: pl.DataFrame) -> Schema:
    return Schema(Field(f.name, f.type, nullable=f.name != KEY, key=int(f.name == KEY))
                  for f in Schema.of(frame))  # fmt: skip


def keys(link: MSSQLLink) -> list[int]:
    return sorted(k for (k,) in link.rows(f"SELECT {KEY} FROM {TABLE}"))


def test_indexes_and_permissions_are_handed_on(link: MSSQLLink) -> None:
    frame = some_rows(0, 5)
    kept = store(keep=["permissions", "indexes"])
    load_frames(kept, [frame], "replace", fields=keyed(frame))
    link.execute(f"CREATE INDEX by_v ON {TABLE} ({KEY} DESC)")
    link.execute(f"GRANT SELECT ON {TABLE} TO public")
    before = link.row(f"SELECT OBJECT_ID('{TABLE}')")
    load_frames(kept, [some_rows(7, 2)], "replace", fields=keyed(frame))
    assert keys(link) == [7, 8]
    assert link.row(f"SELECT OBJECT_ID('{TABLE}')") != before, "swapped by name"
    indexes = link.rows(
        f"SELECT is_primary_key FROM sys.indexes WHERE object_id = OBJECT_ID('{TABLE}') "
        "AND type > 0 ORDER BY is_primary_key"
    )
    assert indexes == [(False,), (True,)]


SHAPES = [
    ({"indexes": [["v"], [KEY, "v"]]}, {(1, True), (2, False)}, 3),
    ({"cluster_by": ["v", KEY], "indexes": [["v"]]}, {(1, False), (2, True), (2, False)}, 3),
]


@pytest.mark.parametrize(("shape", "kinds", "count"), SHAPES)
@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_a_table_that_is_made_has_its_indexes(
    link: MSSQLLink, shape: dict[str, Any], kinds: set[tuple[int, bool]], count: int, mode: Any
) -> None:
    """Hygge's own are no reason to keep an old table; with `cluster_by` the key is another one."""
    frame = some_rows(0, 5)
    fields = Schema(
        Field(f.name, parse_type("string(20)") if f.name == "v" else f.type, nullable=f.nullable,
              key=f.key)
        for f in keyed(frame)
    )  # fmt: skip
    made, before = store(**shape), None
    for start in (0, 7):
        load_frames(made, [some_rows(start, 5)], mode, [KEY], fields=fields)
        after = link.row(f"SELECT OBJECT_ID('{TABLE}')")
        assert (after != before) is (mode == "replace" or before is None)
        before = after
        found = link.rows(
            "SELECT type, is_primary_key FROM sys.indexes "
            f"WHERE object_id = OBJECT_ID('{TABLE}') AND type > 0"
        )
        assert len(found) == count
        if not is_babelfish():  # which calls every index nonclustered
            assert {(int(kind), bool(key)) for kind, key in found} == kinds


def test_no_index_of_a_text_without_a_length(link: MSSQLLink) -> None:
    with pytest.raises(UnsupportedError, match=r"'v' is nvarchar\(max\)") as caught:
        load_frames(store(cluster_by=["v"]), [some_rows(0, 1)], "append")
    assert "cast" in (caught.value.hint or "")
    assert not link.rows(f"SELECT 1 FROM sys.tables WHERE object_id = OBJECT_ID('{TABLE}')")


def test_a_table_that_something_hangs_on_stays(link: MSSQLLink) -> None:
    frame = some_rows(0, 5)
    load_frames(store(), [frame], "replace")
    link.execute(f"CREATE INDEX by_v ON {TABLE} ({KEY})")
    before = link.row(f"SELECT OBJECT_ID('{TABLE}')")
    load_frames(store(), [some_rows(7, 2)], "replace")
    assert keys(link) == [7, 8]
    assert link.row(f"SELECT OBJECT_ID('{TABLE}')") == before
    with pytest.raises(DataError, match="has an index, and other columns"):
        load_frames(store(), [some_rows(0, 1).with_columns(more=1)], "replace")
    assert keys(link) == [7, 8]


def test_numbers_of_an_identity_come_with_the_rows(link: MSSQLLink) -> None:
    link.execute(f"IF SCHEMA_ID('{SCHEMA}') IS NULL EXEC ('CREATE SCHEMA {SCHEMA}')")
    link.execute(f"CREATE TABLE {TABLE} ({KEY} bigint IDENTITY PRIMARY KEY, v nvarchar(max) NULL)")
    load_frames(store(), [some_rows(40, 2)], "append")
    assert keys(link) == [40, 41]
    link.execute(f"INSERT INTO {TABLE} (v) VALUES (N'its own')")
    assert len(keys(link)) == 3


def test_keys_that_the_collation_takes_for_one(link: MSSQLLink) -> None:
    """They are refused, and nothing is changed; with a collation that tells them apart, taken."""
    fields = Schema(
        [Field("id", parse_type("string"), nullable=False), Field("n", parse_type("int64"))]
    )
    one = pl.DataFrame({"id": ["a"], "n": [1]})
    other = pl.DataFrame({"id": ["A"], "n": [2]})
    load_frames(store(), [one], "merge", ["id"], fields=fields)
    with pytest.raises(DataError):
        load_frames(store(), [other], "merge", ["id"], fields=fields)
    assert link.rows(f"SELECT id, n FROM {TABLE}") == [("a", 1)]
    clear(link)
    exact = store(collation="Latin1_General_100_BIN2")
    load_frames(exact, [one], "merge", ["id"], fields=fields)
    load_frames(exact, [other], "merge", ["id"], fields=fields)
    assert sorted(link.rows(f"SELECT id, n FROM {TABLE}")) == [("A", 2), ("a", 1)]


ROW = {
    "k": 2**62 + 1, "b": True, "f": 0.1, "d": Decimal("-123456789012345678.0123456789"),
    "t": "é 👩 ' \ufeff", "x": b"\x00\xff", "day": date(1, 1, 1),
    "at": datetime(9999, 12, 31, 23, 59, 59, 999999), "zoned": datetime(2024, 2, 29, tzinfo=UTC),
    "time": time(12, 30, 0, 1), "u": "6f9619ff-8b86-d011-b42d-00c04fc964ff",
}  # fmt: skip


def test_rows_as_parameters(link: MSSQLLink) -> None:
    """Without bulk copy the values are the same, and one connection is enough."""
    empty = {name: None if name != "k" else 1 for name in ROW}
    frame = pl.DataFrame([ROW, empty]).with_columns(
        pl.col("d").cast(pl.Decimal(38, 10)), zoned=pl.col("zoned").dt.convert_time_zone("UTC")
    )
    fields = Schema.of(frame).changed({"u": parse_type("uuid")})
    plain = store(bulk_copy=False)
    assert len(plain.slots()) == 1 and len(store().slots()) == 2
    load_frames(plain, [frame], "replace", fields=fields)
    named = ", ".join(f"[{n}]" for n in frame.columns)
    (found,) = link.rows(f"SELECT {named} FROM {TABLE} WHERE k > 1")
    got = dict(zip(frame.columns, found, strict=True))
    assert str(got.pop("u")).lower() == ROW["u"]
    assert got.pop("zoned").astimezone(UTC) == ROW["zoned"]
    assert got == {n: v for n, v in ROW.items() if n in got}


def test_a_pool_of_one_is_too_small_for_bulk_copy() -> None:
    """And large enough for a look at what the table holds."""
    from hygge.core.slots import together

    one = MSSQLConnection(url=url_of(), pool_size=1)
    small = MSSQLStore("t", connection="one").bind(Surroundings(connections={"one": one}))
    context = Context()
    with together(small.slots(), context), small.open(context) as session:
        assert session.state() is None
        session.rehearse("append")
        with pytest.raises(ConfigError, match="2 connections"):
            session.begin(request_for(None, Schema.of(some_rows(0, 1)), "append"))
    assert state_of(small) is None


def test_a_load_that_is_cancelled_in_the_middle_of_a_copy(link: MSSQLLink) -> None:
    """It ends at once, and leaves nothing, not even its stage."""
    frame, context = some_rows(0, 5_000), Context()
    with store().open(context) as session:
        context.cancel.add(session.cancel)
        load = session.begin(request_for(None, Schema.of(frame), "append"))
        writer = load.writer(0)
        writer.write(frame)
        context.cancel.cancel("enough")
        with pytest.raises(Cancelled):
            for _ in range(50):
                writer.write(frame)
        writer.abort()
        load.abort()
    assert state_of(store()) is None
    assert link.rows(STAGES) == []


def test_writers_of_several_chunks_share_one_copy(link: MSSQLLink) -> None:
    """The server sees one connection more than the load's own, whatever the number of chunks."""
    frame = some_rows(0, 300)
    with store().open(Context()) as session:
        load = session.begin(request_for(None, Schema.of(frame), "replace"))
        writers = [load.writer(at) for at in range(3)]
        for at, writer in enumerate(writers):
            writer.write(frame.slice(at * 100, 100))
        copies = [t for t in threading.enumerate() if t.name == "hygge bulk copy"]
        assert len(copies) == 1
        receipts = [writer.finish() for writer in writers]
        assert load.staged_rows(receipts) == 300
        commit(load, receipts)
    assert keys(link) == list(range(300))


def test_rows_that_nobody_wrote_are_not_published(link: MSSQLLink) -> None:
    """What a stopped writer elsewhere left in the stage is found by counting it."""
    from hygge.core.errors import VerifyError

    with store().open(Context()) as session:
        load = session.begin(request_for(None, Schema.of(some_rows(0, 1)), "append"))
        receipt = write(load, [some_rows(0, 3)])
        (stage,) = link.row(STAGES)
        link.execute(f"INSERT INTO {SCHEMA}.[{stage}] VALUES (9, N'x')")
        with pytest.raises(VerifyError, match="3 rows were written, and 4 are staged"):
            commit(load, [receipt])
        load.abort()
    assert state_of(store()) is None


def test_rows_that_triggers_leave_out_stop_the_load(link: MSSQLLink) -> None:
    """Nothing is lost: what was there stays, and the trigger is named."""
    frame = some_rows(0, 2)
    load_frames(store(), [frame], "append")
    link.execute(f"CREATE TRIGGER {SCHEMA}.drops ON {TABLE} INSTEAD OF INSERT AS BEGIN RETURN; END")
    with pytest.raises(DataError, match="nothing was published") as caught:
        load_frames(store(), [some_rows(2, 2)], "append")
    assert "(drops)" in (caught.value.hint or "")
    assert keys(link) == [0, 1]
