"""SQLiteStore: exact values, modes, drift, state."""

from __future__ import annotations

import datetime as dt
import pickle
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sql.databases import ask, make, read
from tests.stores.sqlite_runs import FIELDS, frame, load, state_of

from hygge.core.context import Context, Surroundings
from hygge.core.errors import (
    BadValue,
    ConfigError,
    ConflictError,
    DataError,
    SchemaDrift,
    StateError,
    UnsupportedError,
)
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.load import LoadRequest
from hygge.sql.sqlite.access import Database
from hygge.sql.sqlite.connection import SQLiteConnection
from hygge.sql.sqlite.settler import STAGED, SQLiteLink, stage
from hygge.stores.sqlite import SQLiteStore

D = Decimal
COPENHAGEN = "Europe/Copenhagen"
CORPUS: list[tuple[str, list[Any]]] = [
    ("bool", [True, False]), ("int8", [-128, 127]), ("int16", [-(2**15), 2**15 - 1]),
    ("int32", [-(2**31), 2**31 - 1]), ("int64", [-(2**63), 2**63 - 1, 2**53 + 1]),
    ("uint8", [0, 255]), ("uint16", [0, 2**16 - 1]), ("uint32", [0, 2**32 - 1]),
    ("uint64", [0, 2**64 - 1, 2**63]), ("float32", [0.5, -1.5, float("inf")]),
    ("float64", [0.1, 1e300, 5e-324, float("-inf"), 2.0**53, 3.0]),
    ("decimal(15,2)", [D("9999999999999.99"), D("-0.01"), D("0.00"), D("5.00"), D("0.10")]),
    ("decimal(15,15)", [D("0.999999999999999"), D("0.000000000000001")]),
    ("decimal(38,10)", [D("9999999999999999999999999999.9999999999"), D("-0.0000000001")]),
    ("decimal(38,0)", [D(10**38 - 1), D(-1)]),
    ("date", [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1969, 12, 31)]),
    ("time", [dt.time(0), dt.time(23, 59, 59, 999_999)]),
    ("timestamp(ms)", [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_000)]),
    ("timestamp(us)", [dt.datetime(1969, 12, 31, 23, 59, 59, 999_999), dt.datetime(2024, 1, 1)]),
    ("timestamp(us, UTC)", [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]),
    ("duration(us)", [dt.timedelta(days=-1, microseconds=1), dt.timedelta(0)]),
    ("string", ["", "é€𝄞", "a\0b", "'; DROP TABLE t --", "12", "1e5"]),
    ("binary", [b"", b"\0\xff", b"text"]),
    ("json", ["1", "1.0", '{"a": 1e400}', "null"]),
    ("uuid", ["12345678-1234-5678-1234-567812345678"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), CORPUS, ids=[k for k, _ in CORPUS])
def test_every_value_comes_back_as_it_was(kind: str, values: list[Any], tmp_path: Path) -> None:
    fields = Schema([Field("x", parse_type(kind))])
    rows = frame([(v,) for v in [*values, None]], fields)
    load(tmp_path / "w.db", "replace", [rows], fields=fields)
    back = read(tmp_path / "w.db")
    assert back.schema == rows.schema
    assert back.equals(rows)


def test_nanoseconds_and_zones(tmp_path: Path) -> None:
    kinds = ["timestamp(ns)", f"timestamp(ns, {COPENHAGEN})", "time", "duration(ns)"]
    fields = Schema(Field(f"c{i}", parse_type(k)) for i, k in enumerate(kinds))
    # The last two are the same wall clock, an hour apart: summer time ended between them.
    ticks = [1_704_067_200_000_000_001, -1, 1_729_987_200_000_000_000, 1_729_990_800_000_000_000]
    rows = pl.DataFrame(
        [
            pl.Series("c0", ticks).cast(pl.Datetime("ns")),
            pl.Series("c1", ticks).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(COPENHAGEN),
            pl.Series("c2", [0, 1, 86_399_999_999_999, 5]).cast(pl.Time),
            pl.Series("c3", ticks).cast(pl.Duration("ns")),
        ]
    )
    load(tmp_path / "w.db", "replace", [rows], fields=fields)
    assert read(tmp_path / "w.db").equals(rows)
    stored = ask(tmp_path / "w.db", "SELECT c0, c1 FROM t")
    assert stored[0] == (
        "2024-01-01 00:00:00.000000001", "2024-01-01 00:00:00.000000001+00:00",
    )  # fmt: skip


@given(st.data())
def test_decimals_of_any_shape(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    precision = data.draw(st.integers(1, 38))
    scale = data.draw(st.integers(0, precision))
    edge = 10**precision - 1
    digits = data.draw(st.lists(st.integers(-edge, edge), min_size=1, max_size=8))
    fields = Schema([Field("x", parse_type(f"decimal({precision},{scale})"))])
    rows = frame([(D(n).scaleb(-scale) if n else D(0),) for n in digits], fields)
    path = tmp_path_factory.mktemp("d") / "w.db"
    load(path, "replace", [rows], fields=fields)
    assert read(path).equals(rows)


def test_lists_and_structs_lie_as_json(tmp_path: Path) -> None:
    rows = pl.DataFrame({"l": [[1, None], None, []], "s": [{"a": D("1.10"), "b": "x"}, None, None]})
    SQLiteStore("t", path=str(tmp_path / "w.db")).write_sync(rows)
    assert ask(tmp_path / "w.db", "SELECT l, s ->> 'b' FROM t") == [
        ("[1,null]", "x"), (None, None), ("[]", None),
    ]  # fmt: skip
    with pytest.raises(UnsupportedError, match="no bytes"):
        SQLiteStore("u", path=str(tmp_path / "w.db")).write_sync(pl.DataFrame({"b": [[b"x"]]}))


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("x", [1.0, float("nan")]), pl.Series("x", [[1.0], [float("inf")]]),
        pl.Series("x", [0, 2_932_897]).cast(pl.Int32).cast(pl.Date),
        pl.Series("x", [0, 253_402_300_800_000]).cast(pl.Datetime("ms")),
        pl.Series("x", [{"a": 1.0}, {"a": float("nan")}]),
    ],
)  # fmt: skip
def test_what_sqlite_would_lose_is_refused(values: pl.Series, tmp_path: Path) -> None:
    rows = pl.DataFrame([pl.Series("id", [1, 2]), values])
    with pytest.raises(BadValue, match="row 2"):
        SQLiteStore("t", path=str(tmp_path / "w.db")).write_sync(rows)
    assert state_of(tmp_path / "w.db") is None
    assert [p.name for p in tmp_path.iterdir() if "hygge-" in p.name] == []


def test_replace_append_merge(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    load(path, "replace", [frame([(1, "a"), (2, "b")])])
    first = load(path, "merge", [frame([(2, "B"), (3, "c")]), frame([(4, None)])], chunks=2)
    assert (first.rows, ask(path, "SELECT * FROM t ORDER BY id")) == (
        4, [(1, "a"), (2, "B"), (3, "c"), (4, None)],
    )  # fmt: skip
    load(path, "append", [frame([(9, "z")])], upper=10)
    assert ask(path, "SELECT count(*), max(id) FROM t") == [(5, 9)]
    held = state_of(path)
    assert held is not None
    assert (held.generation, held.rows, held.loaded) == (3, 5, 1)
    assert held.watermark is not None and held.watermark.value == 10
    assert held.fields == FIELDS
    load(path, "replace", [frame([])])
    assert ask(path, "SELECT count(*) FROM t") == [(0,)]


def test_many_chunks(tmp_path: Path) -> None:
    batches = [frame([(i, "x")]) for i in range(25)]
    commit = load(tmp_path / "w.db", "merge", batches, chunks=25)
    assert commit.rows == 25
    assert ask(tmp_path / "w.db", "SELECT id FROM t ORDER BY rowid") == [(i,) for i in range(25)]


def test_a_chunk_written_from_its_pickled_ticket(tmp_path: Path) -> None:
    store = SQLiteStore("t", path=str(tmp_path / "w.db"))
    with store.open(Context()) as session:
        request = LoadRequest("f.t", "append", FIELDS, "same", "load")
        begun = session.begin(request)
        again, ticket = pickle.loads(pickle.dumps((store, begun.ticket)))
        writer = again.writer(ticket, 3, Context())
        writer.write(frame([(1, "a")]))
        receipt = writer.finish()
        aborted = again.writer(ticket, 4, Context())
        aborted.abort()
        aborted.abort()
        state = request.state(watermark=None, receipts=[receipt], committed_at="")
        assert begun.commit([receipt], state).rows == 1


def test_keys_inside_one_load(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    load(path, "merge", [frame([(1, "a"), (1, "a"), (2, "b")])])
    assert ask(path, "SELECT count(*) FROM t") == [(2,)]
    with pytest.raises(DataError, match="the key id=1 comes in rows that differ"):
        load(path, "merge", [frame([(1, "a")]), frame([(1, "b")])], chunks=2)
    nullable = Schema([replace(FIELDS[0], nullable=True), FIELDS[1]])
    for mode in ("merge", "replace"):
        with pytest.raises(DataError, match="'id' is NULL"):
            load(path, mode, [frame([(None, "a")], nullable)], fields=nullable)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="UNIQUE"):
        load(path, "replace", [frame([(1, "a"), (1, "b")])])
    assert ask(path, "SELECT count(*) FROM t") == [(2,)]


def test_keys_of_several_columns_and_kinds(tmp_path: Path) -> None:
    fields = Schema(
        [Field("a", parse_type("string")), Field("b", parse_type("decimal(20,2)")),
         Field("x", parse_type("int64"))]
    )  # fmt: skip
    path, keys = tmp_path / "w.db", ("a", "b")
    for x in (1, 2):
        rows = [("k", D("1.50"), x), ("k", D("1.51"), x)]
        load(path, "merge", [frame(rows, fields)], fields=fields, keys=keys)
    assert ask(path, "SELECT a, b, x FROM t") == [("k", "1.50", 2), ("k", "1.51", 2)]


def test_what_users_made_on_a_table_stays(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    load(path, "replace", [frame([(1, "a")])])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE INDEX by_x ON t (x)")
        connection.execute("CREATE VIEW v AS SELECT x FROM t")
        connection.execute("CREATE TABLE log (id)")
        connection.execute(
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.id); END"
        )
        connection.commit()
    load(path, "replace", [frame([(2, "b")])])
    wider = Schema([FIELDS[0], FIELDS[1], Field("y", parse_type("date"))])
    load(path, "replace", [frame([(3, "c", dt.date(2024, 1, 1))], wider)], fields=wider)
    names = ask(path, "SELECT name FROM sqlite_master WHERE name IN ('by_x', 'v', 'g')")
    assert len(names) == 3
    assert ask(path, "SELECT * FROM v") == [("c",)]
    assert ask(path, "SELECT * FROM log") == [(2,), (3,)]
    narrower = Schema([FIELDS[0]])
    with pytest.raises(SchemaDrift, match="by_x"):
        load(path, "replace", [frame([(4,)], narrower)], fields=narrower)
    assert ask(path, "SELECT * FROM v") == [("c",)]


WIDENED = [
    ("int32", "int64", [1, None]), ("uint32", "uint64", [1, None]),
    ("float32", "float64", [1.5, None]),
    ("int64", "decimal(21,2)", [2**53 + 1, None]), ("int32", "float64", [7, None]),
    ("decimal(10,2)", "decimal(14,3)", [D("1.10"), None]),
    ("decimal(15,2)", "decimal(20,4)", [D("9999999999999.99"), D("-0.01"), D("5.00"), None]),
    ("decimal(15,0)", "decimal(20,4)", [D(7), None]),
    ("decimal(20,2)", "decimal(22,4)", [D("123456789012345678.91"), None]),
    ("decimal(20,0)", "decimal(22,2)", [D("12345678901234567891"), None]),
    ("uint64", "decimal(22,2)", [2**64 - 1, None]),
    ("timestamp(ms)", "timestamp(us)", [dt.datetime(2024, 1, 1, 1, 2, 3, 4000), None]),
    ("timestamp(ms, UTC)", "timestamp(us, UTC)", [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None]),
    ("null", "date", [None]), ("string(3)", "string(9)", ["abc", None]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "values"), WIDENED, ids=[f"{o} to {n}" for o, n, _ in WIDENED]
)
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_wider_types_are_taken_and_what_was_there_is_kept(
    old: str, new: str, values: list[Any], mode: Any, tmp_path: Path
) -> None:
    path = tmp_path / "w.db"
    before, after = (
        Schema([Field("id", parse_type("int64"), nullable=False), Field("x", parse_type(k))])
        for k in (old, new)
    )
    rows = frame(list(enumerate(values)), before)
    load(path, mode, [rows], fields=before, upper=1)
    load(path, mode, [frame([(100, None)], after)], fields=after, upper=2)
    held = state_of(path)
    assert held is not None
    assert held.fields.names == ["id", "x"]
    assert held.fields.physical == after.physical
    back = read(path)
    assert back.schema == after.physical
    assert back["x"].head(len(values)).to_list() == [
        v if v is None or old not in ("int32", "uint32", "int64", "uint64") else type(b)(v)
        for v, b in zip(values, back["x"], strict=False)
    ]


def test_columns_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    load(path, "append", [frame([(1, "a")])], upper=1)
    more = Schema([*FIELDS, Field("y", parse_type("decimal(20,2)"), nullable=False)])
    load(path, "append", [frame([(2, "b", D("1.50"))], more)], fields=more, upper=2)
    fewer = Schema([FIELDS[0]])
    load(path, "append", [frame([(3,)], fewer)], fields=fewer, upper=3)
    assert ask(path, "SELECT * FROM t") == [(1, "a", None), (2, "b", "1.50"), (3, None, None)]
    held = state_of(path)
    assert held is not None
    assert held.fields.names == ["id", "x", "y"]
    clash = Schema([FIELDS[0], Field("x", parse_type("date"))])
    with pytest.raises(SchemaDrift, match="'x' is string there and date at the source"):
        load(path, "append", [frame([(4, None)], clash)], fields=clash, upper=4)
    renamed = Schema([FIELDS[0], Field("X", parse_type("string"))])
    load(path, "append", [frame([(4, "d")], renamed)], fields=renamed, upper=4)
    assert ask(path, "SELECT id, X, y FROM t WHERE id > 2") == [(3, None, None), (4, "d", None)]
    held = state_of(path)
    assert held is not None
    assert held.fields.names == ["id", "X", "y"]
    with pytest.raises(UnsupportedError, match="upper and lower"):
        both = Schema([Field("x", parse_type("string")), Field("X", parse_type("string"))])
        load(path, "append", [frame([("a", "b")], both)], fields=both, upper=5)


def test_a_required_column_that_goes_missing(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    strict = Schema([FIELDS[0], replace(FIELDS[1], nullable=False)])
    load(path, "append", [frame([(1, "a")], strict)], fields=strict, upper=1)
    load(path, "append", [frame([(2,)], Schema([FIELDS[0]]))], fields=Schema([FIELDS[0]]), upper=2)
    assert ask(path, "SELECT * FROM t") == [(1, "a"), (2, None)]


def test_rows_of_others_are_left_alone(tmp_path: Path) -> None:
    path = make(tmp_path / "w.db", "CREATE TABLE t (id INT)", rows={"t": [(1,)]})
    with pytest.raises(StateError, match="hygge did not load") as caught:
        load(path, "replace", [frame([(2, "b")])])
    assert "rename or drop" in (caught.value.hint or "")
    make(path, "CREATE VIEW v AS SELECT 1 AS id")
    with pytest.raises(StateError, match="is a view"):
        load(path, "replace", [frame([(2, "b")])], table="v")
    assert ask(path, "SELECT * FROM t") == [(1,)]


def test_an_empty_table_of_ones_own_is_kept_if_it_fits(tmp_path: Path) -> None:
    path = make(
        tmp_path / "w.db", "CREATE TABLE t (id BIGINT, x NVARCHAR(9) DEFAULT 'd', note TEXT)",
        "CREATE TABLE u (id DATE, x TEXT)",
    )  # fmt: skip
    load(path, "append", [frame([(1, "a")])], upper=1)
    assert ask(path, "SELECT * FROM t") == [(1, "a", None)]
    with pytest.raises(SchemaDrift, match="not those that come"):
        load(path, "append", [frame([(1, "a")])], table="u", upper=1)
    load(path, "replace", [frame([(1, "a")])], table="u")
    assert read(path, "u").schema == FIELDS.physical


def test_a_damaged_state_is_an_error_and_a_dropped_table_is_none(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    load(path, "append", [frame([(1, "a")])], upper=1)
    make(path, "UPDATE _hygge_state SET state = '{}'")
    with pytest.raises(StateError, match="damaged"):
        state_of(path)
    make(path, "DROP TABLE t")
    assert state_of(path) is None
    load(path, "append", [frame([(2, "b")])], upper=1)
    assert ask(path, "SELECT * FROM t") == [(2, "b")]


def test_a_load_that_was_overtaken_publishes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    load(path, "append", [frame([(1, "a")])], upper=1)
    with pytest.raises(ConflictError, match="generation 1, not 0"):
        load(path, "append", [frame([(2, "b")])], upper=2, generation=0)
    assert ask(path, "SELECT * FROM t") == [(1, "a")]
    assert [p.name for p in tmp_path.iterdir()] == ["w.db"]


def test_the_same_load_twice_is_one(tmp_path: Path) -> None:
    """As when the word of a commit was lost: the load is recognised by its name."""
    path = tmp_path / "w.db"
    first = load(path, "append", [frame([(1, "a")])], upper=1, generation=0)
    again = load(path, "append", [frame([(1, "a")])], upper=1, generation=0)
    assert again.state == first.state
    assert ask(path, "SELECT * FROM t") == [(1, "a")]


def test_a_commit_whose_end_is_not_known_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hygge.core.errors import TransientError
    from hygge.sql.sqlite.access import Database

    path, real = tmp_path / "w.db", Database.execute

    def lost(happens: bool) -> Any:
        def execute(self: Database, sql: str, data: Any = None) -> None:
            if sql != "COMMIT" or self.label != str(path):
                return real(self, sql, data)
            if happens:
                real(self, sql, data)
            raise TransientError("the line dropped")

        return execute

    monkeypatch.setattr(Database, "execute", lost(happens=False))
    with pytest.raises(TransientError, match="dropped"):
        load(path, "append", [frame([(1, "a")])], upper=1)
    monkeypatch.setattr(Database, "execute", lost(happens=True))
    assert load(path, "append", [frame([(1, "a")])], upper=1).rows == 1
    monkeypatch.undo()
    assert ask(path, "SELECT * FROM t") == [(1, "a")]


ROW = st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", None]))
LOADS = st.lists(
    st.tuples(st.sampled_from(["replace", "append", "merge"]), st.lists(ROW, max_size=6)),
    max_size=6,
)


@given(LOADS)
def test_any_history_leaves_what_plain_python_says(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[Any, list[tuple[int, str | None]]]],
) -> None:
    path, plain = tmp_path_factory.mktemp("h") / "w.db", list[tuple[int, str | None]]()
    keyless = Schema([replace(FIELDS[0], key=0), FIELDS[1]])
    for number, (mode, rows) in enumerate(history):
        if mode == "merge":
            rows = list(dict(rows).items())
            plain = [r for r in plain if r[0] not in dict(rows)]
        plain = [*([] if mode == "replace" else plain), *rows]
        commit = load(path, mode, [frame(rows, keyless)], fields=keyless, upper=number)
        assert commit.rows == len(plain)
        assert sorted(ask(path, "SELECT * FROM t"), key=str) == sorted(plain, key=str)
        held = state_of(path)
        assert held is not None
        assert (held.generation, held.rows) == (number + 1, len(plain))


def test_a_key_that_we_made_stands_in_no_later_append_s_way(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    load(path, "replace", [frame([(1, "a"), (2, "b")])])
    load(path, "append", [frame([(1, "A")])], upper=1)
    assert ask(path, "SELECT * FROM t") == [(1, "a"), (2, "b"), (1, "A")]
    made = make(tmp_path / "u.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
    load(made, "append", [frame([(1, "a")])], upper=1)
    with pytest.raises(DataError, match="UNIQUE"):  # a person's own key is respected
        load(made, "append", [frame([(1, "A")])], upper=2)


def test_descriptions(tmp_path: Path) -> None:
    around = Surroundings(tmp_path, {"w": SQLiteConnection(path="w.db")})
    by_path = SQLiteStore("Users", path="w.db").bind(around)
    assert by_path.place() == f"{tmp_path / 'w.db'}#Users"
    by_connection = SQLiteStore("USERS", connection="w").bind(around)
    assert by_connection.place() == f"{tmp_path / 'w.db'}#USERS"  # as it is written
    assert by_connection.identity() == by_path.identity()
    assert SQLiteStore.place_entity({"path": "w.db"}, "users", shared=True)["table"] == "users"
    assert SQLiteStore("x", path="w.db").identity()["database"] == "w.db"
    with pytest.raises(ConfigError, match="needs a `table`"):
        SQLiteStore(path="w.db").bind(around)
    for name in ("sqlite_x", "_hygge_state"):
        with pytest.raises(ConfigError, match="taken"):
            SQLiteStore("x", path="w.db", table=name)
    with pytest.raises(ConfigError):
        SQLiteStore("x")


def test_keys_that_a_columns_collation_confuses_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute('CREATE TABLE t ("id" TEXT COLLATE NOCASE, "n" INTEGER)')
    store = SQLiteStore("t", path=str(path)).bind(Surroundings(root=tmp_path))
    fields = {"id": pl.String, "n": pl.Int64}
    for rows in ([("a", 1), ("b ", 1)], [("A", 2), ("b", 2), ("a", 3)]):
        with store.load("merge", key="id") as load:
            load.write_sync(pl.DataFrame(rows, schema=fields, orient="row"))
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT id, n FROM t").fetchall()
    assert sorted(found) == [("A", 2), ("a", 3), ("b", 2), ("b ", 1)]


@pytest.mark.parametrize(
    "kind", ["int64", "float64", "decimal(15,2)", "decimal(38,10)", "date", "timestamp(us)",
             "timestamp(us, UTC)", "bool", "string", "binary", "uuid"],
)  # fmt: skip
def test_what_is_staged_is_found_by_its_key_whatever_its_type(kind: str, tmp_path: Path) -> None:
    """Else a load that compares takes a time that grows by the square of its rows."""
    fields = Schema([Field("id", parse_type(kind), nullable=False, key=1)])
    load(tmp_path / "w.db", "replace", [frame([], fields)], fields=fields)
    make(tmp_path / "s.db", "CREATE TABLE rows (c0)")
    with Database(tmp_path / "w.db", "rwc") as db:
        db.execute(f"ATTACH '{tmp_path / 's.db'}' AS s0")
        stage(SQLiteLink(db), STAGED, fields, ["s0"], ["id"])
        plan = db.rows(
            "EXPLAIN QUERY PLAN SELECT 1 FROM main.t there WHERE NOT EXISTS "
            f"(SELECT 1 FROM temp.{STAGED} coming WHERE coming.id = there.id)"
        )
    assert any("SEARCH coming USING" in step[-1] for step in plan), plan
