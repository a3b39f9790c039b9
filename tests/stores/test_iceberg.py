"""Iceberg as a Store and a Home: what the suites do not ask of every one."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    ForbiddenError,
    RESTError,
)  # fmt: skip
from tests.contract import readers

from hygge import (
    ConfigError,
    ConflictError,
    ConnectError,
    DataError,
    IcebergHome,
    IcebergStore,
    SchemaDrift,
    Store,
    TransientError,
)
from hygge.core.context import Context, Surroundings
from hygge.core.fields import Schema
from hygge.core.secrets import redact
from hygge.lake.iceberg import load as loading
from hygge.lake.iceberg.upkeep import remove_old
from hygge.testing.faults import pause_at
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

KINDS = {"k": pl.Int64, "v": pl.String}


def bound(folder: Path, **settings: Any) -> Store:
    return IcebergStore("t", path=folder, **settings).bind(Surroundings(root=folder))


def rows_of(folder: Path) -> list[tuple[Any, ...]]:
    return readers.iceberg(folder, "t").select("k", "v").sort("k", "v").rows()


def some(ids: list[int], text: str) -> pl.DataFrame:
    return pl.DataFrame({"k": ids, "v": [text] * len(ids)}, schema=KINDS)


# Commits whose answer is lost ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["replace", "append", "merge", "delete_insert"])
@pytest.mark.parametrize(
    "error", [CommitStateUnknownException("503"), CommitFailedException("409"), OSError("reset")]
)
def test_a_commit_whose_answer_is_lost_is_one_load(
    tmp_path: Path, mode: Any, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1, 2], "old")], "replace")
    whole = loading.Transaction.commit_transaction

    def and_lost(self: Any) -> Any:
        whole(self)
        raise error

    monkeypatch.setattr(loading.Transaction, "commit_transaction", and_lost)
    keys = [] if mode in ("append", "replace") else ["k"]
    done = load_frames(store, [some([2, 3], "new")], mode, keys)
    monkeypatch.undo()
    state = state_of(store)
    assert state == done.state and state is not None and state.generation == 2
    expected = {
        "replace": [(2, "new"), (3, "new")],
        "append": [(1, "old"), (2, "new"), (2, "old"), (3, "new")],
    }.get(mode, [(1, "old"), (2, "new"), (3, "new")])
    assert rows_of(tmp_path) == expected


@pytest.mark.parametrize(
    ("error", "stays"),
    [(CommitStateUnknownException("503"), True), (ForbiddenError("403"), False)],
)
def test_a_commit_that_did_not_happen(
    tmp_path: Path, error: Exception, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are removed only where it is known that the commit is not on its way."""
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")

    def failing(self: Any) -> None:
        raise error

    monkeypatch.setattr(loading.Transaction, "commit_transaction", failing)
    with pytest.raises(TransientError if stays else ConnectError):
        load_frames(store, [some([2], "new")], "append")
    monkeypatch.undo()
    assert rows_of(tmp_path) == [(1, "old")]
    assert (len(list((tmp_path / "default" / "t" / "data").rglob("*.parquet"))) == 2) == stays
    load_frames(store, [some([2], "new")], "append")
    assert rows_of(tmp_path) == [(1, "old"), (2, "new")]


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
@pytest.mark.parametrize("error", [OSError("read timed out"), RESTError("?"), ValueError("html")])
def test_a_commit_that_lands_late(
    tmp_path: Path, mode: Any, error: Exception, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error comes, the table is looked at, the load is given up, and only then is it done."""
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    given: list[Any] = []

    def late(self: Any, *args: Any) -> None:
        given.append(args)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(SqlCatalog, "commit_table", late)
        with pytest.raises(TransientError, match="not known"):
            load_frames(store, [some([1], "new")], mode, ["k"], load_id="late")
    catalog.commit_table(*given[0])
    assert ("new" in {v for _, v in rows_of(tmp_path)}) and len(rows_of(tmp_path)) <= 2
    state = state_of(store)
    assert state is not None and state.load_id == "late"
    load_frames(store, [some([5], "next")], "append")
    assert (5, "next") in rows_of(tmp_path)


# Others who write ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_what_others_commit_meanwhile_is_a_conflict(
    tmp_path: Path, mode: Any, catalog: Catalog
) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    with store.open(Context()) as session:
        fields = Schema.of(some([], ""))
        load = session.begin(request_for(session.state(), fields, mode, ["k"]))
        receipt = write(load, [some([1], "new")])
        theirs = some([9], "theirs").to_arrow()
        catalog.load_table("default.t").append(theirs)
        with pytest.raises(ConflictError) as caught:
            commit(load, [receipt])
        assert caught.value.retryable
        load.abort()
    assert rows_of(tmp_path) == [(1, "old"), (9, "theirs")]


def test_two_runs_one_of_which_pauses_at_its_commit(tmp_path: Path) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    lost: list[BaseException] = []

    def slow() -> None:
        try:
            load_frames(store, [some([2], "slow")], "append")
        except ConflictError as error:
            lost.append(error)

    with pause_at("iceberg.staged") as pause:
        thread = threading.Thread(target=slow)
        thread.start()
        pause.wait()
        load_frames(store, [some([3], "quick")], "append")
        pause.go.set()
        thread.join()
    assert len(lost) == 1
    assert rows_of(tmp_path) == [(1, "old"), (3, "quick")]


def test_two_first_loads_of_one_table(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is second leaves nothing, and vacuum finds no strange table: it has looked
    whether the table is there, and writes its metadata, before the first one has made it."""
    store, written = bound(tmp_path), list[str]()
    whole = SqlCatalog._write_metadata

    def late(metadata: Any, io: Any, metadata_path: str) -> None:
        written.append(metadata_path)
        if len(written) == 1:
            load_frames(store, [some([2], "first")], "replace")
        whole(metadata, io, metadata_path)

    monkeypatch.setattr(SqlCatalog, "_write_metadata", staticmethod(late))
    with pytest.raises(ConflictError):
        load_frames(store, [some([1], "second")], "replace")
    assert len(written) == 2
    assert rows_of(tmp_path) == [(2, "first")]
    table = catalog.load_table("default.t")
    lying = [path for path in (tmp_path / "default" / "t").rglob("*.*") if path.is_file()]
    assert [path.suffix for path in lying].count(".parquet") == 1
    assert [path.suffix for path in lying].count(".json") == 1
    gone = remove_old(table, store.found, datetime.now(UTC) + timedelta(minutes=1))  # type: ignore[attr-defined]
    assert {Path(name).suffix for name in gone} <= {".avro"}
    assert rows_of(tmp_path) == [(2, "first")]


def test_an_error_of_tidying_up_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, said = bound(tmp_path), list[str]()

    def forget(*_: Any) -> None:
        raise RuntimeError("the store is away")

    monkeypatch.setattr(loading, "forget", forget)
    with store.open(Context(note=lambda message, _: said.append(message))) as session:
        load = session.begin(
            request_for(session.state(), Schema.of(some([], "")), "replace", ["k"])
        )
        write(load, [some([1], "x")])
        load.abort()
    assert [line for line in said if "the store is away" in line]


def test_first_loads_of_many_tables_at_once(tmp_path: Path) -> None:
    """All of them make the same catalog."""
    errors: list[BaseException] = []

    def work(at: int) -> None:
        try:
            store = IcebergStore(f"t{at}", path=tmp_path).bind(Surroundings())
            load_frames(store, [some([at], "x")], "replace")
        except BaseException as error:  # noqa: BLE001 - asserted below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [readers.iceberg(tmp_path, f"t{at}")["k"].to_list() for at in range(6)] == [
        [at] for at in range(6)
    ]


def test_a_table_that_others_made(tmp_path: Path, catalog: Catalog) -> None:
    catalog.create_namespace("default")
    theirs = some([1, 5], "theirs").to_arrow()
    catalog.create_table("default.t", schema=theirs.schema).append(theirs)
    store = bound(tmp_path)
    assert state_of(store) is None
    with pytest.raises(SchemaDrift, match="other columns"):
        load_frames(store, [some([2], "x").rename({"v": "w"})], "append")
    load_frames(store, [some([1, 2], "ours")], "merge", ["k"])
    got = catalog.load_table("default.t").scan().to_arrow().sort_by("k")
    assert got["v"].to_pylist() == ["ours", "ours", "theirs"]


# Modes and shapes ---------------------------------------------------------------------------------


def test_files_without_the_keys_that_come_stay(tmp_path: Path) -> None:
    store = bound(tmp_path)
    for at in range(3):
        load_frames(store, [some(list(range(10 * at, 10 * at + 10)), "old")], "append")
    data = tmp_path / "default" / "t" / "data"
    before = {p.name for p in data.rglob("*.parquet")}
    done = load_frames(store, [some([15, 40], "new")], "merge", ["k"])
    assert len(done.files) == 2  # what came, and the one file that was touched, without it
    assert before <= {p.name for p in data.rglob("*.parquet")}
    assert done.rows == 31
    assert [k for k, v in rows_of(tmp_path) if v == "new"] == [15, 40]


@pytest.mark.parametrize("settings", [{}, {"partition_by": ["p"]}])
def test_keys_that_come_in_several_rows(tmp_path: Path, settings: dict[str, Any]) -> None:
    store = bound(tmp_path, **settings)
    old = pl.DataFrame({"k": [1, 1, 2, 3], "v": ["a", "b", "c", "d"], "p": ["x", "", "x", None]})
    new = pl.DataFrame({"k": [1, 4, 4, 1], "v": ["e", "f", "f", "g"], "p": ["x", "x", "x", "z"]})
    load_frames(store, [old], "delete_insert", ["k"])
    load_frames(store, list(new.iter_slices(3)), "delete_insert", ["k"])
    expected = [(1, "e"), (1, "g"), (2, "c"), (3, "d"), (4, "f"), (4, "f")]
    assert rows_of(tmp_path) == expected
    wide = new.with_columns(pl.lit(1.5).alias("w"), k=pl.col("k").cast(pl.Decimal(25, 2)))
    done = load_frames(store, [wide.head(1)], "delete_insert", ["k"])
    assert [v for _, v in rows_of(tmp_path)] == ["e", "c", "d", "f", "f"]
    assert done.rows == 5


def test_partitions(tmp_path: Path, catalog: Catalog) -> None:
    store = bound(tmp_path, partition_by=["p", "day"])
    frame = pl.DataFrame(
        {"k": [1, 2, 3], "v": ["a", "b", "c"], "p": [1, None, 1],
         "day": [date(2024, 2, 29), None, date(1, 1, 1)]}
    )  # fmt: skip
    load_frames(store, [frame], "merge", ["k"])
    load_frames(store, [frame.with_columns(v=pl.lit("z"))], "merge", ["k"])
    found = catalog.load_table("default.t")
    partitions = found.inspect.partitions()["partition"].to_pylist()
    assert sorted(map(str, partitions)) == sorted(map(str, frame.select("p", "day").to_dicts()))
    assert rows_of(tmp_path) == [(1, "z"), (2, "z"), (3, "z")]
    with pytest.raises(ConfigError, match="partitioned by p, day"):
        load_frames(bound(tmp_path, partition_by=["p"]), [frame], "append")
    with pytest.raises(SchemaDrift, match="partitioned by"):
        load_frames(store, [frame.with_columns(p=pl.lit("text"))], "replace")
    with pytest.raises(ConfigError, match="cannot be partitioned"):
        load_frames(
            IcebergStore("u", path=tmp_path, partition_by=["f"]).bind(Surroundings()),
            [pl.DataFrame({"f": [1.5]})], "append",
        )  # fmt: skip


def test_a_time_finer_than_microseconds_is_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"at": pl.Series([1_001], dtype=pl.Int64).cast(pl.Time)})
    with pytest.raises(DataError, match="fraction of a microsecond"):
        load_frames(bound(tmp_path), [frame], "append")
    load_frames(bound(tmp_path), [pl.DataFrame({"k": [1], "v": ["x"], "at": [time(1, 2, 3, 4)]})],
                "append")  # fmt: skip
    assert readers.iceberg(tmp_path, "t")["at"].to_list() == [time(1, 2, 3, 4)]


@pytest.mark.parametrize("settings", [{}, {"partition_by": ["v"]}])
def test_a_long_text_whose_bound_would_be_no_text(
    tmp_path: Path, catalog: Catalog, settings: dict[str, Any]
) -> None:
    """After U+D7FF come numbers that are no characters."""
    long = "a" * 15 + "\ud7ff" * 5
    for _ in range(2):
        load_frames(bound(tmp_path, **settings), [some([1, 2], long)], "merge", ["k"])
    assert rows_of(tmp_path) == [(1, long), (2, long)]
    files = catalog.load_table("default.t").inspect.files()
    assert {file["v"]["upper_bound"] for file in files["readable_metrics"].to_pylist()} == {long}


def test_a_null_list_of_structs_survives_a_merge(tmp_path: Path) -> None:
    """pyiceberg's own reader would make an empty list of it."""
    store = bound(tmp_path)
    frame = pl.DataFrame(
        {"k": [1, 2, 3], "v": [None, [], [{"a": 1}]]},
        schema={"k": pl.Int64, "v": pl.List(pl.Struct({"a": pl.Int64}))},
    )
    load_frames(store, [frame], "merge", ["k"])
    load_frames(store, [frame.tail(1)], "merge", ["k"])
    assert readers.iceberg(tmp_path, "t").sort("k").equals(frame)


def test_a_reader_sees_whole_merges_only(tmp_path: Path, catalog: Catalog) -> None:
    """The suite polls by reading the metadata; here pyiceberg itself does, over many merges."""
    store = bound(tmp_path, part_rows=50)
    load_frames(store, [some(list(range(200)), "0")], "replace")
    seen, stop = set[tuple[str, ...]](), threading.Event()

    def poll() -> None:
        while not stop.is_set():
            texts = catalog.load_table("default.t").scan(selected_fields=("v",)).to_arrow()["v"]
            seen.add((*sorted(set(texts.to_pylist())), str(len(texts))))

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        for at in range(1, 5):
            load_frames(store, [some(list(range(200)), str(at))], "merge", ["k"])
    finally:
        stop.set()
        reader.join()
    assert seen and all(len(texts) == 2 and texts[-1] == "200" for texts in seen)


# Settings -----------------------------------------------------------------------------------------


def test_another_catalog_by_its_properties(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'theirs.db'}"
    given = {"type": "sql", "uri": uri, "warehouse": f"file://{tmp_path / 'w'}"}
    (tmp_path / "w").mkdir()
    store = IcebergStore("t", catalog=given, namespace="raw").bind(Surroundings(root=tmp_path))
    load_frames(store, [some([1], "x")], "replace")
    assert "raw.t" in store.place()
    catalog = load_catalog("hygge", **given)
    try:
        assert catalog.load_table(("raw", "t")).scan().to_arrow().num_rows == 1
    finally:
        catalog.close()


def test_a_catalog_that_is_not_reached_and_its_secrets() -> None:
    given = {"type": "rest", "uri": "http://127.0.0.1:9/", "token": "Zq7-not-to-be-seen"}
    store = IcebergStore("t", catalog=given).bind(Surroundings())
    with pytest.raises(ConnectError) as caught:
        state_of(store)
    for text in (repr(store), store.place(), str(store.identity()), repr(store.config),
                 str(caught.value)):  # fmt: skip
        assert "Zq7" not in text


def test_ordinary_properties_stay_readable() -> None:
    given = {"type": "restful", "uri": "http://h:9/", "s3.connect-timeout": "10009"}
    store = IcebergStore("t", catalog=given)
    found: Any = store.bind(Surroundings())
    with pytest.raises(ConfigError, match="restful"):
        found.found.catalog()
    assert redact("10009 rows of restful http://h:9/") == "10009 rows of restful http://h:9/"
    assert "restful" in IcebergStore("t", catalog={"type": "restful"}).place()


def test_what_a_home_reads_is_its_identity() -> None:
    """So that a watermark of some rows is not taken for one of all."""
    home = IcebergHome("t", path="lake")
    assert home.identity() == {"type": "iceberg", "table": "default.t", "path": "lake"}
    others = [
        IcebergHome("t", path="lake", where="c = 'DK'"), IcebergHome("t", path="lake", snapshot=1),
        *(IcebergHome("t", catalog={"type": "rest", "uri": uri, "warehouse": "w"})
          for uri in ("https://a.example", "https://b.example", "${URI}", "https://u:Zq7@c.example")),
    ]  # fmt: skip
    told = [str(sorted(each.identity().items())) for each in (home, *others)]
    assert len(set(told)) == len(told)
    assert "Zq7" not in str(told)
    options = {"type": "rest", "uri": "https://a.example", "token": "x", "s3.connect-timeout": "9"}
    other = {"type": "rest", "uri": "https://a.example", "token": "${TOKEN}"}
    assert (
        IcebergHome("t", catalog=options).identity() == IcebergHome("t", catalog=other).identity()
    )


def test_settings_that_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        IcebergStore("t", path=tmp_path, catalog={"type": "rest"})
    for kind in (IcebergStore, IcebergHome):
        with pytest.raises(ConfigError, match=r"set `warehouse: s3://bucket/x`, or `connection`"):
            kind("t", path="s3://bucket/x")
    assert IcebergStore("t", path=tmp_path.as_uri()).identity()["path"] == str(tmp_path)


def test_a_folder_with_odd_characters(tmp_path: Path) -> None:
    odd = tmp_path / "wär%20 e@x:;[y]"
    load_frames(bound(odd), [some([1], "one")], "replace")
    load_frames(bound(odd), [some([1, 2], "two")], "merge", ["k"])
    assert pl.concat(IcebergHome("t", path=odd).read_sync()).height == 2
    assert [path.name for path in tmp_path.iterdir()] == [odd.name]
    for name in ("a#b", "a?b"):
        for settings in ({"path": tmp_path / name}, {"path": odd, "warehouse": tmp_path / name}):
            with pytest.raises(ConfigError, match="cannot lie in") as caught:
                IcebergStore("t", **settings).bind(Surroundings(root=tmp_path))
            assert caught.value.hint
        apart = bound(tmp_path / name, warehouse=tmp_path / "tables")
        load_frames(apart, [some([1], "one")], "replace")
        assert (tmp_path / name / "catalog.db").is_file()


# The Home -----------------------------------------------------------------------------------------


def test_an_older_snapshot_and_a_condition(tmp_path: Path, catalog: Catalog) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1, 2], "one")], "replace")
    load_frames(store, [some([3], "two")], "append")
    first = catalog.load_table("default.t").snapshots()[0].snapshot_id
    read = IcebergHome("t", path=tmp_path)
    assert pl.concat(read.read_sync()).height == 3
    assert pl.concat(IcebergHome("t", path=tmp_path, snapshot=first).read_sync()).height == 2
    some_rows = IcebergHome("t", path=tmp_path, where="k > 1 and v = 'one' or k = 3")
    assert sorted(pl.concat(some_rows.read_sync())["k"].to_list()) == [2, 3]
    with pytest.raises(ConnectError, match="no snapshot 7"):
        list(IcebergHome("t", path=tmp_path, snapshot=7).read_sync())
    with pytest.raises(ConfigError, match="where"):
        list(IcebergHome("t", path=tmp_path, where="k >").read_sync())


def test_files_that_others_have_written_are_read(tmp_path: Path, catalog: Catalog) -> None:
    """Columns that were renamed or came later, files without ids, and UUIDs."""
    catalog.create_namespace("default")
    rows = pa.table({"k": [1], "v": ["x"], "u": pa.array([b"\x00" * 15 + b"\x01"], pa.uuid())})
    table = catalog.create_table("default.t", schema=rows.schema)
    table.append(rows)
    with table.update_schema() as update:
        update.rename_column("v", "w")
        update.add_column("n", table.schema().find_type("k"))
    loose = pl.DataFrame({"k": [2], "w": ["y"]})
    loose.write_parquet(tmp_path / "loose.parquet")
    table = catalog.load_table("default.t")
    table.add_files([f"file://{tmp_path / 'loose.parquet'}"])
    got = pl.concat(IcebergHome("t", path=tmp_path).read_sync()).sort("k")
    assert got.to_dicts() == [
        {"k": 1, "w": "x", "u": "00000000-0000-0000-0000-000000000001", "n": None},
        {"k": 2, "w": "y", "u": None, "n": None},
    ]
