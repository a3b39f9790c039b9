"""What a table is given when it is made: indexes, partitions."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.servers import Database

from hygge import DuckDBStore, MySQLStore, PostgresStore, SQLiteStore, SQLStore, Store
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError, SchemaDrift
from hygge.core.fields import Schema
from hygge.sql.alchemy.connection import SQLConnection
from hygge.sql.settle.place import index_name
from hygge.sql.settle.shape import changes
from hygge.testing._store_base import some_rows
from hygge.testing.corpus import KEY, VALUE
from hygge.testing.loading import commit, load_frames, request_for, write

NUMBERS = count()
KINDS = ("sqlite", "duckdb", "postgres", "mysql")
OWN = "LIKE '~_hygge~_index~_%' ESCAPE '~'"
INDEXES = {
    "sqlite": f"SELECT name FROM sqlite_master WHERE tbl_name = '{{}}' AND name {OWN}",
    "sql": f"SELECT name FROM sqlite_master WHERE tbl_name = '{{}}' AND name {OWN}",
    "duckdb": "SELECT index_name FROM duckdb_indexes() "
    f"WHERE table_name = '{{}}' AND index_name {OWN}",
    "postgres": f"SELECT indexname FROM pg_indexes WHERE tablename = '{{}}' AND indexname {OWN}",
    "mysql": "SELECT DISTINCT index_name FROM information_schema.statistics "
    f"WHERE table_schema = DATABASE() AND table_name = '{{}}' AND index_name {OWN}",
}
Asked = Callable[[str], list[Any]]
Made = tuple[Store, Asked]


def made(kind: str, request: pytest.FixtureRequest, folder: Path, **settings: Any) -> Made:
    """A bound Store of a new table, and what asks its database."""
    name = f"shaped{next(NUMBERS)}"
    if kind in ("sqlite", "sql"):
        path = str(folder / "w.db")

        def ask_sqlite(query: str) -> list[Any]:
            with closing(sqlite3.connect(path)) as db:
                return [row[0] for row in db.execute(query.format(name))]

        if kind == "sql":
            around = Surroundings(connections={"w": SQLConnection(url=f"sqlite:///{path}")})
            return SQLStore(name, connection="w", **settings).bind(around), ask_sqlite
        return SQLiteStore(name, path=path, **settings).bind(Surroundings(root=folder)), ask_sqlite
    if kind == "duckdb":
        path = str(folder / "w.duckdb")

        def ask_duckdb(query: str) -> list[Any]:
            with duckdb.connect(path) as db:
                return [row[0] for row in db.execute(query.format(name)).fetchall()]

        return DuckDBStore(name, path=path, **settings).bind(Surroundings(root=folder)), ask_duckdb
    database: Database = request.getfixturevalue("warehouse" if kind == "postgres" else "mysql")
    types: dict[str, Any] = {"postgres": PostgresStore, "mysql": MySQLStore}

    def ask(query: str) -> list[Any]:
        return [row[0] for row in database.rows(query.format(name))]

    return types[kind](name, url=database.url, **settings).bind(Surroundings()), ask


@pytest.mark.parametrize("kind", [*KINDS, "sql"])
@pytest.mark.parametrize("mode", ["append", "replace", "merge", "scd2"])
def test_a_table_that_is_made_has_its_indexes(
    kind: str, mode: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Hygge's own are no reason to keep an old table, nor in the way of the next load."""
    store, ask = made(kind, request, tmp_path, indexes=[[VALUE], [KEY, VALUE]])
    load_frames(store, [some_rows(0, 5)], mode, [KEY])
    before = ask(INDEXES[kind])
    load_frames(store, [some_rows(5, 5)], mode, [KEY])
    after = ask(INDEXES[kind])
    assert len(before) == len(after) == 2
    anew = mode == "replace" and kind not in ("sqlite", "sql")  # which empty the table they have
    assert (set(before) == set(after)) is not anew


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_with_indexes_can_be_altered(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A column is widened and one is added; a text is as long as it likes."""
    store, ask = made(kind, request, tmp_path, indexes=[["text"]])
    for dtype, more in ((pl.Int32, {}), (pl.Int64, {"new": "x"})):
        frame = pl.DataFrame({"n": [1], "text": ["a" * 2000], **more}).cast({"n": dtype})
        load_frames(store, [frame], "append")
    assert ask("SELECT count(*) FROM {}") in ([2], ["2"])
    assert len(ask(INDEXES[kind])) == 1


def test_a_table_that_is_exchanged_has_its_indexes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By SQLAlchemy a table stays, but in SQLite where its columns become others."""
    store, ask = made("sql", request, tmp_path, indexes=[["n"]])
    more = store.copy_with(config=store.config.model_copy(update={"indexes": (("new",), ("n",))}))
    for each, frame in (
        (store, pl.DataFrame({"n": [1]})),
        (more, pl.DataFrame({"n": ["a", "b"], "new": [1, 2]})),
        (store, pl.DataFrame({"n": [1]})),
    ):
        load_frames(each, [frame], "replace")
        assert ask("SELECT count(*) FROM {}") == [frame.height]
        assert len(ask(INDEXES["sql"])) == frame.width


def test_duckdb_widens_no_column_of_an_index(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store, ask = made("duckdb", request, tmp_path, indexes=[["n"]])
    load_frames(store, [pl.DataFrame({"n": [1]}, schema={"n": pl.Int32})], "append")
    with pytest.raises(SchemaDrift, match="'n' must become int64, and is in an index"):
        load_frames(store, [pl.DataFrame({"n": [2]})], "append")
    assert ask("SELECT count(*) FROM {}") == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_is_not_there_is_told(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store, _ = made(kind, request, tmp_path, indexes=[["nope"]])
    with pytest.raises(ConfigError, match="`indexes` names 'nope'") as caught:
        load_frames(store, [some_rows(0, 1)], "append")
    assert VALUE in (caught.value.hint or "")


PARTS = {
    "postgres": "SELECT count(*) FROM pg_inherits WHERE inhparent = '{}'::regclass",
    "mysql": "SELECT count(*) FROM information_schema.partitions "
    "WHERE table_schema = DATABASE() AND table_name = '{}' AND partition_method = 'KEY'",
}


@pytest.mark.parametrize("kind", list(PARTS))
@pytest.mark.parametrize("mode", ["append", "replace", "merge", "scd2"])
def test_a_table_that_is_made_has_its_partitions(
    kind: str, mode: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """And an index beside; rows lie in it as in any other, and a load that replaces has it anew."""
    shape = {"partition_by": [KEY], "partitions": 3, "indexes": [[VALUE]]}
    store, ask = made(kind, request, tmp_path, **shape)
    for start in (0, 5):
        load_frames(store, [some_rows(start, 5)], mode, [KEY])
        assert ask(PARTS[kind]) == ["3"]
    # One that is replaced has the last five; scd2 keeps those that are gone.
    assert ask("SELECT count(*) FROM {}") == ["5" if mode == "replace" else "10"]
    assert ask(INDEXES[kind])
    if mode == "replace":  # one that stays would refuse another column
        load_frames(store, [some_rows(0, 5).with_columns(n=1)], mode, [KEY])
        assert ask(PARTS[kind]) == ["3"]


@pytest.mark.parametrize(
    ("made_there", "asked"),
    [
        ("CREATE INDEX ON {} (v)", "count(*) FROM pg_index WHERE indrelid = '{}'::regclass"),
        ("COMMENT ON TABLE {} IS 'mine'", "obj_description('{}'::regclass)"),
        ("CREATE FUNCTION nop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
         "CREATE TRIGGER mine BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION nop()",
         "tgname FROM pg_trigger WHERE tgrelid = '{}'::regclass"),
        ("CREATE VIEW {}_view AS SELECT count(*) FROM {}", "count(*) FROM {}_view"),
        ("ALTER TABLE {0} RENAME TO mine{0}", "count(*) FROM mine{}"),
    ],
)  # fmt: skip
def test_what_hangs_on_a_partition_stays(
    made_there: str, asked: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store, ask = made("postgres", request, tmp_path, partition_by=[KEY], partitions=2)
    load_frames(store, [some_rows(0, 5)], "replace", [KEY])
    (part, _) = ask("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '{}'::regclass")
    warehouse: Database = request.getfixturevalue("warehouse")
    warehouse.execute(made_there.format(part, part))
    before = ask(f"SELECT {asked.format(part)}")
    load_frames(store, [some_rows(0, 5)], "replace", [KEY])
    assert ask(f"SELECT {asked.format(part)}") == before
    assert ask("SELECT count(*) FROM {}") == ["5"]


BY_RANGE = {
    "postgres": "CREATE TABLE {0} (k bigint NOT NULL, v text) PARTITION BY RANGE (k); "
    "CREATE TABLE {0}_mine PARTITION OF {0} FOR VALUES FROM (0) TO (100)",
    "mysql": "CREATE TABLE {} (k bigint NOT NULL, v longtext) "
    "PARTITION BY RANGE (k) (PARTITION mine VALUES LESS THAN (100))",
}


@pytest.mark.parametrize("kind", list(PARTS))
def test_partitions_that_people_made_stay(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store, ask = made(kind, request, tmp_path, partition_by=[KEY], partitions=2)
    database: Database = request.getfixturevalue("warehouse" if kind == "postgres" else "mysql")
    database.execute(BY_RANGE[kind].format(store.name))
    for start in (0, 5):
        load_frames(store, [some_rows(start, 5)], "replace")
        mine = "{}_mine" if kind == "postgres" else "{} PARTITION (mine)"
        assert ask(f"SELECT count(*) FROM {mine}") == ["5"]


@pytest.mark.parametrize("kind", list(PARTS))
def test_partitions_by_what_is_no_key_are_told(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store, _ = made(kind, request, tmp_path, partition_by=[VALUE])
    with pytest.raises(ConfigError, match="which is not of its key"):
        load_frames(store, [some_rows(0, 1)], "merge", [KEY])


def test_how_many_partitions_of_nothing() -> None:
    with pytest.raises(ConfigError, match="`partitions` is of no use"):
        PostgresStore("t", url="postgresql://h/d", partitions=3)


def notes_of(store: Store, mode: Any, frame: pl.DataFrame) -> list[str]:
    """What a load says on its way."""
    said: list[str] = []
    context = Context(note=lambda message, _: said.append(message))
    with store.open(context) as session:
        fields = Schema.of(frame)
        load = session.begin(request_for(session.state(), fields, mode, [KEY]))
        commit(load, [write(load, [frame])])
    return said


@pytest.mark.parametrize("kind", [*KINDS, "sql"])
@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_indexes_follow_the_settings(
    kind: str, mode: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """On a table that is there: new ones are made, hygge's own that are named no more go, others
    stay, and so do people's."""
    store, ask = made(kind, request, tmp_path, indexes=[["n"], ["n", "m"]])
    frame = pl.DataFrame({KEY: [1], "n": [1], "m": [2]})
    load_frames(store, [frame], mode, [KEY])
    before = set(ask(INDEXES[kind]))
    other = store.copy_with(config=store.config.model_copy(update={"indexes": (("n",), ("m",))}))
    load_frames(store, [frame.with_columns(pl.lit(2).cast(pl.Int64).alias(KEY))], mode, [KEY])
    said = notes_of(other, mode, frame.with_columns(pl.lit(3).cast(pl.Int64).alias(KEY)))
    after = set(ask(INDEXES[kind]))
    assert len(before) == len(after) == 2
    if mode != "replace":
        assert len(before & after) == 1
        assert sum("an index of m is made" in line for line in said) == 1
        assert sum("an index that `indexes` no longer names" in line for line in said) == 1
        assert not any("index" in line for line in notes_of(other, mode, frame.head(0)))
    none = store.copy_with(config=store.config.model_copy(update={"indexes": ()}))
    load_frames(none, [frame], mode, [KEY])
    assert ask(INDEXES[kind]) == []
    assert ask("SELECT count(*) FROM {}") in (([1], ["1"]) if mode == "replace" else
                                              ([3], ["3"], [4], ["4"]))  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres", "mysql", "sql"])
def test_indexes_follow_on_a_table_that_stays(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """One that is replaced and stays, since somebody has made an index on it; that stays too."""
    store, ask = made(kind, request, tmp_path)
    frame = pl.DataFrame({KEY: [1], "n": [1]})
    load_frames(store, [frame], "replace")
    execute = executor(kind, request, tmp_path)
    execute(f"CREATE INDEX mine{store.name} ON {store.name} (n)")
    other = store.copy_with(config=store.config.model_copy(update={"indexes": (("n",),)}))
    load_frames(other, [frame, frame], "replace")
    assert len(ask(INDEXES[kind])) == 1
    all_of_them = INDEXES[kind].replace(OWN, f"LIKE 'mine{store.name}'")
    assert ask(all_of_them) == [f"mine{store.name}"]
    assert ask("SELECT count(*) FROM {}") in ([2], ["2"])


def test_an_index_that_a_foreign_key_needs_stays(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """In MySQL, which drops none of those; it goes once another can stand in for it."""
    store, ask = made("mysql", request, tmp_path, indexes=[["n"]])
    frame = pl.DataFrame({KEY: [1], "n": [1], "m": [1]})
    load_frames(store, [frame], "merge", [KEY])
    (index,) = ask(INDEXES["mysql"])
    execute, other = executor("mysql", request, tmp_path), f"{store.name}_other"
    execute(f"CREATE TABLE {other} (id bigint PRIMARY KEY)")
    execute(f"INSERT INTO {other} VALUES (1)")
    execute(f"ALTER TABLE {store.name} ADD FOREIGN KEY (n) REFERENCES {other} (id)")
    none = store.copy_with(config=store.config.model_copy(update={"indexes": ()}))
    for mode in ("append", "merge", "replace"):
        said = notes_of(none, mode, frame.with_columns(pl.lit(len(mode)).alias(KEY)))
        assert ask(INDEXES["mysql"]) == [index]
        (told,) = [line for line in said if "cannot be dropped" in line]
        assert "foreign key" in told and index in told
    both = store.copy_with(config=store.config.model_copy(update={"indexes": (("n", "m"),)}))
    assert not any("cannot be dropped" in line for line in notes_of(both, "merge", frame))
    assert len(ask(INDEXES["mysql"])) == 1 and index not in ask(INDEXES["mysql"])


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "mysql", "sql"])
def test_a_load_fails_for_no_index_that_cannot_be_dropped(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, ask = made(kind, request, tmp_path, indexes=[["n"]])
    frame = pl.DataFrame({KEY: [1], "n": [1]})
    load_frames(store, [frame], "merge", [KEY])
    settler = vars(sys.modules[SETTLERS[kind][0]])[SETTLERS[kind][1]]
    whole = settler.drop_index
    monkeypatch.setattr(
        settler, "drop_index", lambda self, link, place, name: whole(self, link, place, "gone")
    )
    none = store.copy_with(config=store.config.model_copy(update={"indexes": ()}))
    said = notes_of(none, "merge", frame.with_columns(pl.lit(2).cast(pl.Int64).alias(KEY)))
    assert any("cannot be dropped" in line for line in said)
    assert ask("SELECT count(*) FROM {}") in ([2], ["2"])
    assert len(ask(INDEXES[kind])) == 1


SETTLERS = {
    "sqlite": ("hygge.sql.sqlite.settler", "SQLiteSettler"),
    "postgres": ("hygge.sql.postgres.settler", "PostgresSettler"),
    "mysql": ("hygge.sql.mysql.settler", "MySQLSettler"),
    "sql": ("hygge.sql.alchemy.settler", "AlchemySettler"),
}


@pytest.mark.parametrize("kind", ["sqlite", "mysql", "duckdb"])
def test_a_name_in_other_case_leaves_indexes_as_they_are(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store, ask = made(kind, request, tmp_path, indexes=[["Name"]])
    load_frames(store, [pl.DataFrame({KEY: [1], "Name": [1]})], "merge", [KEY])
    before = ask(INDEXES[kind])
    other = store.copy_with(config=store.config.model_copy(update={"indexes": (("name",),)}))
    load_frames(other, [pl.DataFrame({KEY: [2], "name": [1]})], "merge", [KEY])
    assert ask(INDEXES[kind]) == before


def executor(kind: str, request: pytest.FixtureRequest, folder: Path) -> Callable[[str], object]:
    """Runs a statement, as a person would."""
    if kind in ("postgres", "mysql"):
        server: Database = request.getfixturevalue("warehouse" if kind == "postgres" else "mysql")
        return server.execute

    def execute(sql: str) -> None:
        if kind == "duckdb":
            with duckdb.connect(str(folder / "w.duckdb")) as there:
                there.execute(sql)
            return
        with closing(sqlite3.connect(folder / "w.db")) as db, db:
            db.execute(sql)

    return execute


@pytest.mark.parametrize("kind", list(PARTS))
def test_partitions_that_are_others_are_told(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A load that does not replace leaves them, and says so; one that does makes them anew."""
    store, ask = made(kind, request, tmp_path, partition_by=[KEY], partitions=2)
    frame = some_rows(0, 5)
    assert notes_of(store, "merge", frame) == []
    assert notes_of(store, "merge", frame) == []
    for update, there, said in (
        ({"partitions": 3}, "3", "is not partitioned as `partition_by` and `partitions` say"),
        ({"partition_by": ()}, "0", "is partitioned, as an earlier `partition_by` said"),
        ({"partition_by": (KEY,)}, "2", "is not partitioned as"),
    ):
        before = ask(PARTS[kind])
        other = store.copy_with(config=store.config.model_copy(update=update))
        (told,) = notes_of(other, "merge", frame)
        assert said in told
        assert "--full-refresh" in told
        dry: list[tuple[str, str]] = []
        with other.open(Context(note=lambda *note, dry=dry: dry.append(note))) as session:
            session.rehearse("merge")
        assert dry == [(told, "warning")]
        assert ask(PARTS[kind]) == before
        assert notes_of(other, "replace", frame) == []
        assert ask(PARTS[kind]) == [there]
        assert notes_of(other, "merge", frame) == []


@pytest.mark.parametrize("kind", list(PARTS))
def test_partitions_of_a_table_that_stays_are_told(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """It keeps them though a load replaces its rows: that is told until it is made anew."""
    store, ask = made(kind, request, tmp_path, partition_by=[KEY], partitions=2)
    frame = some_rows(0, 5)
    load_frames(store, [frame], "replace", [KEY])
    (name,) = ask("SELECT '{}'")
    execute = executor(kind, request, tmp_path)
    execute(f"CREATE INDEX by_value_{name} ON {name} ({VALUE})")
    assert notes_of(store, "replace", frame) == []
    other = store.copy_with(config=store.config.model_copy(update={"partitions": 3}))
    (told,) = notes_of(other, "replace", frame)
    assert "is not partitioned as" in told and "and has an index: so the table stays" in told
    dry: list[tuple[str, str]] = []
    with other.open(Context(note=lambda *note: dry.append(note))) as session:
        session.rehearse("replace")
    assert dry == [(told, "warning")]
    assert ask(PARTS[kind]) in ([2], ["2"])
    execute(f"DROP TABLE {name}")
    assert notes_of(other, "replace", frame) == []
    assert ask(PARTS[kind]) in ([3], ["3"])


@given(st.lists(st.tuples(st.sampled_from("abc")) | st.just(("a", "b"))), st.data())
def test_changes_of_indexes(wanted: list[tuple[str, ...]], data: st.DataObject) -> None:
    """What is there, less what goes, with what is new, is what is wanted, once each."""
    held = data.draw(st.lists(st.sampled_from([("a",), ("b",), ("a", "b"), ("d",)])))
    names = {index_name(columns): columns for columns in held}
    gone, new = changes(names, wanted)
    after = [*(columns for name, columns in names.items() if name not in gone), *new]
    assert sorted(after) == sorted(set(wanted))
    assert changes([index_name(c) for c in after], wanted) == ([], [])
