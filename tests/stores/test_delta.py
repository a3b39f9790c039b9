"""Delta as a Store: what the suite does not ask of every Store."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError
from hypothesis import given
from hypothesis import strategies as st
from tests.contract import readers

from hygge import (
    ConfigError,
    ConflictError,
    ConnectError,
    DataError,
    DeltaHome,
    DeltaStore,
    HyggeError,
    SchemaDrift,
    StateError,
    Store,
    TransientError,
)
from hygge.core.context import Context, Surroundings
from hygge.core.fields import Schema
from hygge.lake.delta import load as loading
from hygge.lake.delta.facts import partition_values, statistics
from hygge.lake.delta.table import opened
from hygge.lake.delta.upkeep import DeltaUpkeep, remove_old
from hygge.lake.upkeep import KEY, Upkeep
from hygge.testing.faults import pause_at
from hygge.testing.loading import commit, load_frames, request_for, state_of, write


def bound(folder: Path, **settings: Any) -> Store:
    return DeltaStore("t", path=folder / "t", **settings).bind(Surroundings(root=folder))


def rows_of(folder: Path, **sorted_by: Any) -> list[dict[str, Any]]:
    return readers.delta(folder / "t").sort("k", "v").to_dicts()


def some(ids: list[int], text: str) -> pl.DataFrame:
    return pl.DataFrame({"k": ids, "v": [text] * len(ids)}, schema={"k": pl.Int64, "v": pl.String})


# Commits whose answer is lost ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["replace", "append", "merge", "delete_insert"])
@pytest.mark.parametrize("error", [DeltaError("timed out"), CommitFailedError("lost"), OSError()])
def test_a_commit_whose_answer_is_lost_is_one_load(
    tmp_path: Path, mode: Any, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1, 2], "old")], "replace")
    whole = loading.DeltaLoad._commit

    def and_lost(self: Any, *given: Any) -> None:
        whole(self, *given)
        raise error

    monkeypatch.setattr(loading.DeltaLoad, "_commit", and_lost)
    keys = [] if mode in ("append", "replace") else ["k"]
    done = load_frames(store, [some([2, 3], "new")], mode, keys)
    state = state_of(store)
    assert state == done.state and state is not None and state.generation == 2
    expected = {
        "replace": [(2, "new"), (3, "new")],
        "append": [(1, "old"), (2, "new"), (2, "old"), (3, "new")],
    }.get(mode, [(1, "old"), (2, "new"), (3, "new")])
    assert [(r["k"], r["v"]) for r in rows_of(tmp_path)] == expected


def test_a_commit_that_failed_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    before = sorted(p.name for p in (tmp_path / "t").rglob("*"))

    def failing(self: Any, *given: Any) -> None:
        raise DeltaProtocolError("a writer of version 9 is needed")

    monkeypatch.setattr(loading.DeltaLoad, "_commit", failing)
    with pytest.raises(ConnectError, match="a writer of version 9"):
        load_frames(store, [some([2], "new")], "append")
    assert sorted(p.name for p in (tmp_path / "t").rglob("*")) == before
    assert rows_of(tmp_path) == [{"k": 1, "v": "old"}]


@pytest.mark.parametrize("error", [DeltaError, CommitFailedError])
def test_what_may_be_published_is_not_removed(
    tmp_path: Path, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost, and so is the place itself: the files stay, and the next run sees it."""
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    whole = loading.DeltaLoad._commit

    def and_gone(self: Any, *given: Any) -> None:
        whole(self, *given)
        monkeypatch.setattr(loading, "opened", unreachable)
        raise error("connection reset")

    def unreachable(place: object) -> None:
        raise ConnectError("it cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(loading.DeltaLoad, "_commit", and_gone)
        with pytest.raises(TransientError, match="not known: connection reset"):
            load_frames(store, [some([2], "new")], "append")
    assert len(rows_of(tmp_path)) == 2
    state = state_of(store)
    assert state is not None and state.generation == 2


@pytest.mark.parametrize(
    "error",
    [OSError("timed out"), DeltaError("timed out"), ValueError("value error"),
     CommitFailedError("Transaction failed: dynamodb is busy")],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_a_commit_that_lands_late(
    tmp_path: Path, mode: Any, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error comes, the table is looked at, the load is given up, and only then is it done."""
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    given: list[Any] = []

    def late(*args: Any, **named: Any) -> None:
        given.append((args, named))
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTable, "create_write_transaction", late)
        with pytest.raises(TransientError, match="not known"):
            load_frames(store, [some([2], "new")], mode, load_id="late")
    args, named = given[0]
    DeltaTable.create_write_transaction(*args, **named)
    assert rows_of(tmp_path)[-1] == {"k": 2, "v": "new"}
    state = state_of(store)
    assert state is not None and state.load_id == "late"
    load_frames(store, [some([5], "next")], "append")
    assert rows_of(tmp_path)[-1] == {"k": 5, "v": "next"}


# Others who write ---------------------------------------------------------------------------------


def test_an_append_goes_on_top_of_what_others_commit(tmp_path: Path) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), Schema.of(some([], "")), "append"))
        receipt = write(load, [some([2], "new")])
        write_deltalake(tmp_path / "t", some([9], "theirs"), mode="append")
        commit(load, [receipt])
    assert [r["k"] for r in rows_of(tmp_path)] == [1, 2, 9]


@pytest.mark.parametrize("mode", ["replace", "merge", "delete_insert"])
def test_other_modes_conflict_with_what_others_commit(tmp_path: Path, mode: Any) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    before = state_of(store)
    with store.open(Context()) as session:
        fields = Schema.of(some([], ""))
        load = session.begin(request_for(session.state(), fields, mode, ["k"]))
        receipt = write(load, [some([1], "new")])
        write_deltalake(tmp_path / "t", some([9], "theirs"), mode="append")
        with pytest.raises(ConflictError) as caught:
            commit(load, [receipt])
        assert caught.value.retryable
        load.abort()
    assert rows_of(tmp_path) == [{"k": 1, "v": "old"}, {"k": 9, "v": "theirs"}]
    after = state_of(store)
    assert after is not None and before is not None and after.load_id == before.load_id


def test_two_runs_one_of_which_pauses_at_its_commit(tmp_path: Path) -> None:
    """Both have written their states; exactly one load is published."""
    store = bound(tmp_path)
    load_frames(store, [some([1], "old")], "replace")
    lost: list[BaseException] = []

    def slow() -> None:
        try:
            load_frames(store, [some([2], "slow")], "append")
        except ConflictError as error:
            lost.append(error)

    with pause_at("delta.state_written") as pause:
        thread = threading.Thread(target=slow)
        thread.start()
        pause.wait()
        load_frames(store, [some([3], "quick")], "append")
        pause.go.set()
        thread.join()
    assert len(lost) == 1
    assert [r["k"] for r in rows_of(tmp_path)] == [1, 3]
    assert len(list((tmp_path / "t" / "_hygge").glob("state-*"))) == 1


def test_a_table_that_others_made(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", some([1], "theirs"))
    store = bound(tmp_path)
    assert state_of(store) is None
    with pytest.raises(SchemaDrift, match="other columns"):
        load_frames(store, [some([2], "x").rename({"v": "w"})], "append")
    load_frames(store, [some([1, 2], "ours")], "merge", ["k"])
    assert rows_of(tmp_path) == [{"k": 1, "v": "ours"}, {"k": 2, "v": "ours"}]


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "theirs.parquet").write_bytes(b"")
    with pytest.raises(StateError, match=r"theirs\.parquet"):
        load_frames(bound(tmp_path), [some([1], "x")], "replace")


def test_a_state_that_is_missing_or_of_another_generation(tmp_path: Path) -> None:
    store = bound(tmp_path)
    load_frames(store, [some([1], "x")], "replace")
    (state,) = (tmp_path / "t" / "_hygge").glob("state-*")
    text = json.loads(state.read_text())
    state.write_text(json.dumps(text | {"generation": 7}))
    with pytest.raises(StateError, match="generation 7"):
        state_of(store)
    state.unlink()
    with pytest.raises(StateError, match="is missing"):
        state_of(store)


# Modes and shapes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"partition_by": ["p"]}])
def test_keys_that_come_in_several_rows(tmp_path: Path, settings: dict[str, Any]) -> None:
    store = bound(tmp_path, **settings)
    old = pl.DataFrame({"k": [1, 1, 2, 3], "v": ["a", "b", "c", "d"], "p": ["x", "y", "x", "y"]})
    new = pl.DataFrame({"k": [1, 4, 4, 1], "v": ["e", "f", "f", "g"], "p": ["x", "x", "x", "z"]})
    load_frames(store, [old], "delete_insert", ["k"])
    load_frames(store, list(new.iter_slices(3)), "delete_insert", ["k"])
    expected = [(1, "e"), (1, "g"), (2, "c"), (3, "d"), (4, "f"), (4, "f")]
    assert [(r["k"], r["v"]) for r in rows_of(tmp_path)] == expected
    wide = new.with_columns(pl.lit(1.5).alias("w"), k=pl.col("k").cast(pl.Decimal(25, 2)))
    load_frames(store, [wide.head(1)], "delete_insert", ["k"])
    assert [r["v"] for r in rows_of(tmp_path)] == ["e", "c", "d", "f", "f"]


@pytest.mark.parametrize("mode", ["append", "merge"])
@pytest.mark.parametrize("coming", [{"n": [5]}, {"v": [b"x"]}])
def test_partitions_and_fields_that_change(tmp_path: Path, mode: Any, coming: Any) -> None:
    store = bound(tmp_path, partition_by=["p", "day"])
    kinds = {"k": pl.Int32, "p": pl.Int16, "day": pl.Date, "n": pl.Int32}
    old = pl.DataFrame(
        {"k": [1, 2, 3], "p": [1, None, 1], "day": [date(2024, 2, 29), None, date(1, 1, 1)],
         "n": [1, 2, 3]}, schema=kinds,
    )  # fmt: skip
    load_frames(store, [old], "merge", ["k"])
    assert len(DeltaTable(tmp_path / "t").file_uris()) == 3
    new = old.tail(1).with_columns(n=pl.lit(2**40, dtype=pl.Int64), k=pl.lit(9, dtype=pl.Int64))
    if "v" in coming:
        new = new.with_columns(v=pl.lit(b"x"), n=pl.lit(7, dtype=pl.Int32))
    load_frames(store, [new], mode, ["k"])
    got = DeltaTable(tmp_path / "t").to_pyarrow_table()
    assert sorted(got["k"].to_pylist()) == [1, 2, 3, 9]
    assert DeltaTable(tmp_path / "t").metadata().partition_columns == ["p", "day"]
    with pytest.raises(ConfigError, match="partitioned by p, day"):
        load_frames(bound(tmp_path, partition_by=["p"]), [new], mode, ["k"])


@pytest.mark.parametrize(
    ("column", "told"), [("nowhere", "none of its columns"), ("x", "cannot be partitioned")]
)
def test_columns_that_no_table_is_parted_by(tmp_path: Path, column: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_frames(
            bound(tmp_path, partition_by=[column]), [pl.DataFrame({"x": [1.5], "k": [1]})], "append"
        )


def test_an_empty_text_in_a_partition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty text"):
        load_frames(bound(tmp_path, partition_by=["v"]), [some([1], "")], "append")
    assert state_of(bound(tmp_path)) is None


def test_awkward_texts_in_partitions(tmp_path: Path) -> None:
    texts = ["a/b", "a b", "é", "%20", "..", "=", "'", '"', "NULL", "\n", "a" * 300, None]
    frame = pl.DataFrame({"k": range(len(texts)), "v": texts})
    load_frames(bound(tmp_path, partition_by=["v"]), [frame], "append")
    assert [r["v"] for r in readers.delta(tmp_path / "t").sort("k").to_dicts()] == texts
    got = DeltaTable(tmp_path / "t").to_pyarrow_table().sort_by("k")
    assert got["v"].to_pylist() == texts


@pytest.mark.parametrize(("codec", "shown"), [("zstd", "ZSTD"), ("lz4", "LZ4"), ("gzip", "GZIP"),
                         ("brotli", "BROTLI"), ("uncompressed", "UNCOMPRESSED")])  # fmt: skip
def test_the_library_writes_files_as_they_are_to_be_written(
    tmp_path: Path, codec: str, shown: str
) -> None:
    store = bound(tmp_path, compression=codec)
    load_frames(store, [some([1, 2], "old")], "replace")
    load_frames(store, [some([2, 3], "new")], "merge", ["k"])
    load_frames(store, [some([4], "new").with_columns(more=pl.lit("x"))], "append")
    store.compact(Context())
    names = DeltaTable(tmp_path / "t").file_uris()
    found = {pq.read_metadata(name).row_group(0).column(1).compression for name in names}
    assert (len(names), found) == (1, {shown})


def test_names_that_differ_in_their_case_only(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1], "A": [2]})
    with pytest.raises(ConfigError, match="differ in their case"):
        load_frames(bound(tmp_path), [frame], "append")


def test_a_reader_sees_whole_merges_only(tmp_path: Path) -> None:
    """The suite polls by reading the log; here deltalake itself does, over many merges."""
    store = bound(tmp_path, part_rows=50)
    load_frames(store, [some(list(range(200)), "0")], "replace")
    seen, stop = set[tuple[str, ...]](), threading.Event()

    def poll() -> None:
        while not stop.is_set():
            texts = DeltaTable(tmp_path / "t").to_pyarrow_table(columns=["v"])["v"]
            seen.add(tuple(sorted(set(texts.to_pylist()))))

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        for at in range(1, 6):
            load_frames(store, [some(list(range(200)), str(at))], "merge", ["k"])
    finally:
        stop.set()
        reader.join()
    assert seen and all(len(texts) == 1 for texts in seen)


# Housekeeping -------------------------------------------------------------------------------------


def test_files_are_joined_when_that_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    monkeypatch.setattr(loading, "datetime", Clock)
    store = bound(tmp_path, cluster=["k"], optimize={"compact": "24h", "vacuum": "7d"})
    counts = []
    for at in range(5):
        load_frames(store, [some([at], "x")], "append")
        counts.append(len(DeltaTable(tmp_path / "t").file_uris()))
        now += timedelta(hours=10)
    assert counts == [1, 2, 3, 1, 2]
    state = state_of(store)
    assert state is not None and state.rows == 5
    assert state.extra[KEY]["compact"] == "2024-01-02T06:00:00+00:00"


def test_vacuum_removes_by_age(tmp_path: Path) -> None:
    store = bound(tmp_path, optimize={"vacuum": "1d"})
    load_frames(store, [some([1], "x")], "replace")
    load_frames(store, [some([2], "y")], "replace")
    dead = [
        tmp_path / "t" / name for name in ("data-dead/0.parquet", "_hygge/stage-dead/0.parquet")
    ]
    young = tmp_path / "t" / "data-young" / "0.parquet"
    for path in (*dead, young):
        path.parent.mkdir()
        path.write_bytes(b"")
    for path in dead:
        os.utime(path, (0, 0))
    with store.open(Context()) as session:
        shelf, place = session._look()[0], store.table  # type: ignore[attr-defined]
        assert shelf is not None
        DeltaUpkeep(vacuum=timedelta(days=1)).run(
            {"vacuum"}, place, place.shelf(), Context()
        )  # fmt: skip
    assert young.exists() and not any(path.exists() for path in dead)
    assert rows_of(tmp_path) == [{"k": 2, "v": "y"}]


def test_vacuum_where_names_are_not_told_apart_by_case(tmp_path: Path) -> None:
    """A folder may have files there that the log names otherwise: only what the log says goes."""
    store = bound(tmp_path)
    load_frames(store, [some([1], "x")], "replace")
    (old,) = (tmp_path / "t").rglob("*.parquet")
    load_frames(store, [some([2], "y")], "replace")
    other = tmp_path / "t" / "v=X" / "0.parquet"  # of which the log says `v=x/0.parquet`
    other.parent.mkdir()
    other.write_bytes(b"")
    os.utime(other, (0, 0))
    if not (tmp_path / "t" / "_DELTA_LOG").exists():
        (tmp_path / "t" / "_DELTA_LOG").symlink_to("_delta_log")
    place = store.table  # type: ignore[attr-defined]
    table = opened(place)
    assert table is not None
    remove_old(table, place.shelf(), timedelta(0), datetime.now(UTC) + timedelta(minutes=1))
    assert other.exists() and not old.exists()
    assert rows_of(tmp_path) == [{"k": 2, "v": "y"}]


def test_tidying_up_that_fails_is_told_and_no_failure(tmp_path: Path) -> None:
    load_frames(bound(tmp_path), [some([1], "x")], "replace")
    told: list[str] = []
    store = bound(tmp_path)
    place = store.table  # type: ignore[attr-defined]
    DeltaUpkeep(timedelta(hours=1), None, ("nowhere",)).run(
        {"compact"}, place, place.shelf(), Context(note=lambda m, _: told.append(m))
    )
    assert len(told) == 1 and "tidying up" in told[0]


@given(
    st.dictionaries(st.sampled_from(["compact", "vacuum"]), st.integers(0, 200)),
    st.integers(1, 100),
)
def test_what_is_due(ago: dict[str, int], every: int) -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)
    extra = {KEY: {what: (now - timedelta(hours=h)).isoformat() for what, h in ago.items()}}
    upkeep = Upkeep(compact=timedelta(hours=every), vacuum=timedelta(days=7))
    due = upkeep.due(extra, now)
    assert ("compact" in due) == (ago.get("compact", -1) >= every)
    assert ("vacuum" in due) == (ago.get("vacuum", -1) >= 24)
    noted = upkeep.noted(extra, due, now)
    assert not upkeep.due(noted, now)
    assert upkeep.due(noted, now + timedelta(days=10)) == {"compact", "vacuum"}
    assert Upkeep().noted(extra, due, now) == {}


def test_compacting_on_request(tmp_path: Path) -> None:
    store = bound(tmp_path)
    with pytest.raises(StateError, match="nothing that hygge loaded"):
        store.compact(Context())
    for at in range(4):
        load_frames(store, [some([at], "x")], "append")
    before = state_of(store)
    assert store.compact(Context()) == (4, 1)
    assert state_of(store) == before
    assert len(rows_of(tmp_path)) == 4


@pytest.mark.parametrize(
    "settings",
    [
        {"optimize": {"vacuum": "2h"}},
        {"optimize": {"compact": "often"}},
        {"partition_by": ["a"], "cluster": ["a"]},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        DeltaStore("t", **settings)


# What the log says of files -----------------------------------------------------------------------


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    height = draw(st.integers(0, 6))

    def column(values: st.SearchStrategy[Any], kind: Any) -> pl.Series:
        return pl.Series(
            draw(st.lists(st.none() | values, min_size=height, max_size=height)), dtype=kind
        )

    return pl.DataFrame(
        {
            "i": column(st.integers(-(2**63), 2**63 - 1), pl.Int64),
            "t": column(st.text(max_size=80), pl.String),
            "d": column(st.dates(), pl.Date),
            "at": column(st.datetimes(), pl.Datetime("us")),
            "f": column(st.floats(), pl.Float64),
        }
    )


@given(frames())
def test_statistics_bound_what_is_there(frame: pl.DataFrame) -> None:
    """Every value lies within them, as they read back from JSON."""
    told = json.loads(statistics(frame))
    assert told["numRecords"] == frame.height
    read: dict[str, Any] = {
        "i": int, "t": str, "d": date.fromisoformat, "at": datetime.fromisoformat,
    }  # fmt: skip
    assert set(told["minValues"]) == set(told["maxValues"]) <= set(read)
    for name in frame.columns:
        assert told["nullCount"][name] == frame[name].null_count()
        if name in told["minValues"]:
            low, high = (read[name](told[end][name]) for end in ("minValues", "maxValues"))
            values = frame[name].drop_nulls().to_list()
            encoded = [v.encode() if isinstance(v, str) else v for v in (low, high)]
            held = [v.encode() if isinstance(v, str) else v for v in values]
            assert all(encoded[0] <= v <= encoded[1] for v in held)


def test_partition_values_are_text() -> None:
    names = ["a", "b", "c", "d"]
    found = partition_values(names, [True, -1, date(2024, 2, 29), None], "e")
    assert found == {"a": "true", "b": "-1", "c": "2024-02-29", "d": None}


# The Home -----------------------------------------------------------------------------------------


@pytest.fixture
def versions(tmp_path: Path) -> Iterator[Path]:
    write_deltalake(tmp_path / "t", some([1, 2], "one"))
    write_deltalake(tmp_path / "t", some([3], "two"), mode="append")
    yield tmp_path / "t"


def test_an_older_version(versions: Path) -> None:
    assert pl.concat(DeltaHome(path=versions, version=0).read_sync()).height == 2
    assert pl.concat(DeltaHome(path=versions).read_sync()).height == 3
    with pytest.raises(ConnectError, match="version"):
        list(DeltaHome(path=versions, version=7).read_sync())


def test_what_a_home_reads_is_its_identity() -> None:
    """So that a watermark of some rows is not taken for one of all."""
    assert DeltaHome("t", path="lake/t").identity() == {"type": "delta", "path": "lake/t"}
    told = [
        str(DeltaHome("t", path="lake/t", **settings).identity())
        for settings in ({}, {"where": "c = 'DK'"}, {"version": 0}, {"version": 3},
                         {"connection": "a"}, {"connection": "b"})
    ]  # fmt: skip
    assert len(set(told)) == len(told)
    stores = [DeltaStore("t", path="t", connection=name).identity() for name in ("a", "b", None)]
    assert len({str(each) for each in stores}) == 3


def test_rows_that_meet_a_condition(versions: Path) -> None:
    home = DeltaHome(path=versions, where="k > 1 AND v = 'one' OR k = 3")
    assert sorted(pl.concat(home.read_sync())["k"].to_list()) == [2, 3]
    with pytest.raises(HyggeError, match="where"):
        list(DeltaHome(path=versions, where="nowhere = 1").read_sync())


def test_a_reader_stays_with_its_version(versions: Path) -> None:
    home = DeltaHome(path=versions).bind(Surroundings(root=versions))
    with home.open(Context()) as session:
        assert "version 1" in session.consistency
        write_deltalake(versions, some([4], "three"), mode="append")
        from hygge.core.chunk import WHOLE, ReadRequest

        assert session.count(ReadRequest(), WHOLE) == 3
        assert sum(f.height for f in session.read(ReadRequest(), WHOLE)) == 3
