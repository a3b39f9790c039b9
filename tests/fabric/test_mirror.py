"""Loads into a landing zone: what Fabric finds there, whatever happens on the way."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from tests.fabric import replicator
from tests.fabric.folder import FolderConnection, Watched, WatchedTree

from hygge import (
    ConflictError,
    OpenMirroringStore,
    SchemaDrift,
    StateError,
    Store,
    TransientError,
)
from hygge.core.context import Context, Surroundings
from hygge.core.durations import parse_duration
from hygge.core.errors import UnsupportedError
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.terms import DELETED_AT, MOMENT, Deletes, Terms
from hygge.lake.mirror import publish
from hygge.storage.address import Address
from hygge.storage.connection import StorageConnection, tree_of
from hygge.testing.faults import raise_at
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

KINDS = {"k": pl.Int64, "v": pl.String}
T1, T2, T3 = ("00000000000000000001.parquet", "00000000000000000002.parquet",
              "00000000000000000003.parquet")  # fmt: skip


def rows(*ids: int, text: str = "x") -> pl.DataFrame:
    return pl.DataFrame({"k": ids, "v": [text] * len(ids)}, schema=KINDS)


def made(found: StorageConnection, **settings: Any) -> OpenMirroringStore:
    around = Surroundings(connections={"here": found})
    return OpenMirroringStore(
        "t", landing_zone="folder://ws/db/Files/LandingZone", connection="here", **settings
    ).bind(around)


@pytest.fixture
def here(tmp_path: Path) -> FolderConnection:
    return FolderConnection(root=tmp_path)


@pytest.fixture
def store(here: FolderConnection) -> OpenMirroringStore:
    return made(here)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ws" / "db" / "Files" / "LandingZone" / "t"


def mirrored(folder: Path) -> list[tuple[Any, ...]]:
    return sorted(replicator.in_folder(folder).rows())


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# What lies there ----------------------------------------------------------------------------------


def test_the_layout(store: Store, folder: Path) -> None:
    load_frames(store, [rows(1, 2)], "replace")
    assert names(folder) == [T1, "_metadata.json"]
    assert json.loads((folder / "_metadata.json").read_text()) == {}
    assert pq.read_schema(folder / T1).names == ["k", "v"], "an initial load has no markers"
    load_frames(store, [rows(3)], "append")
    assert pq.read_schema(folder / T2).names == ["k", "v"], "inserts only, still"
    done = load_frames(store, [rows(3, 4, text="new")], "merge", ["k"])
    assert json.loads((folder / "_metadata.json").read_text()) == {"keyColumns": ["k"]}
    assert done.files == (T3,)
    table = pq.read_table(folder / T3)
    assert table.schema.names == ["k", "v", "__rowMarker__"]
    assert table["__rowMarker__"].to_pylist() == [4, 4]
    load_frames(store, [rows(5)], "append")
    assert pq.read_table(folder / "00000000000000000004.parquet")["__rowMarker__"][0].as_py() == 0
    assert mirrored(folder) == [(1, "x"), (2, "x"), (3, "new"), (4, "new"), (5, "x")]
    own = folder.parent / "_hygge" / "t"
    assert names(own) == [f"published-{4:020d}", f"state-{4:020d}.json"]


def test_many_files_are_one_load(here: FolderConnection, folder: Path) -> None:
    store = made(here, part_rows=4, source_type="PostgreSQL", table="sales.t")
    done = load_frames(store, [rows(*range(10))], "append")
    assert done.files == (T1, T2, T3)
    assert [pq.read_metadata(folder.parent / "sales.schema" / "t" / n).num_rows
            for n in done.files] == [4, 4, 2]  # fmt: skip
    events = json.loads((folder.parent / "_partnerEvents.json").read_text())
    assert events == {"partnerName": "hygge", "sourceInfo": {"sourceType": "PostgreSQL"}}
    load_frames(store, [rows(11)], "append")  # which finds it there


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(Watched, "made", [])
    monkeypatch.setattr(Watched, "fails", lambda number, key: "")
    return Watched(root=tmp_path)


def test_the_order_of_things(watched: Watched) -> None:
    """Files wait, the state commits, metadata is there before a file, files come in order."""
    store = made(watched, part_rows=2)
    load_frames(store, [rows(1, 2, 3)], "merge", ["k"])
    kinds = [name.rpartition("/")[2] for name in Watched.made]
    assert kinds == [
        "0000-00000.parquet", "0000-00001.parquet", f"state-{1:020d}.json", "_metadata.json",
        T1, T2, f"published-{1:020d}",
    ]  # fmt: skip
    assert [n for n in Watched.made if n.startswith("t/")] == ["t/_metadata.json", f"t/{T1}",
                                                               f"t/{T2}"]  # fmt: skip


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_every_answer_is_lost_once(
    watched: Watched, folder: Path, how: str, mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load is there once, or not at all; whoever comes next finds out which."""
    monkeypatch.setattr(publish.Publisher, "grace", timedelta())
    store = made(watched, part_rows=2)
    load_frames(store, [rows(1, 2)], "append")
    expected, failed = [(1, "x"), (2, "x")], 0
    for step in range(1, 40):
        Watched.made.clear()
        monkeypatch.setattr(
            Watched, "fails", lambda number, key, n=step: how if number == n else ""
        )
        coming = rows(*range(100 + 10 * step, 103 + 10 * step), text=f"load {step}")
        new = coming.rows() if mode == "replace" else [*expected, *coming.rows()]
        try:
            load_frames(store, [coming], mode, ["k"], load_id=f"load {step}")
        except TransientError:
            failed += 1
            state = state_of(store)
            assert state is not None
            expected = new if state.load_id == f"load {step}" else expected
        else:
            expected = new
            if len(Watched.made) < step:
                break
        assert mirrored(folder) == sorted(expected)
    assert failed >= 5 and mirrored(folder) == sorted(expected)


def test_a_state_that_lands_late(
    watched: Watched, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer does not come, nothing is there yet, the load is given up, and then it is."""
    store = made(watched)
    load_frames(store, [rows(1)], "append")
    given: list[Any] = []

    def late(tree: WatchedTree, key: str, data: bytes) -> None:
        if "state-" in key:
            given.append((tree, key, data))
            raise TransientError("timed out")
        put(tree, key, data)

    put = WatchedTree.create
    with monkeypatch.context() as patch:
        patch.setattr(WatchedTree, "create", late)
        with pytest.raises(TransientError, match="timed out"):
            load_frames(store, [rows(2)], "append", load_id="late")
    put(*given[0])
    state = state_of(store)
    assert state is not None and state.load_id == "late"
    assert mirrored(folder) == [(1, "x"), (2, "x")]
    load_frames(store, [rows(3)], "append")
    assert mirrored(folder) == [(1, "x"), (2, "x"), (3, "x")]


def test_of_two_that_go_on_with_a_load_each_file_is_there_once(
    watched: Watched, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made(watched, part_rows=1)
    monkeypatch.setattr(Watched, "fails", lambda number, key: "before" if key.endswith(T2) else "")
    with pytest.raises(TransientError):
        load_frames(store, [rows(1, 2, 3)], "append", load_id="cut")
    monkeypatch.setattr(Watched, "fails", lambda number, key: "")
    # Another publishes number 2 between this one's look and its own try.
    put = WatchedTree.create
    other = list[str]()

    def overtaken(tree: WatchedTree, key: str, data: bytes) -> None:
        if key.endswith(T2) and not other:
            other.append(key)
            put(tree, key, data)
        put(tree, key, data)

    monkeypatch.setattr(WatchedTree, "create", overtaken)
    state = state_of(store)
    assert state is not None and state.load_id == "cut" and other
    assert mirrored(folder) == [(1, "x"), (2, "x"), (3, "x")]


# What Fabric does meanwhile -----------------------------------------------------------------------


@pytest.mark.parametrize("into", ["_ProcessedFiles", "_FilesReadyToDelete"])
def test_numbers_go_on_after_a_clean_up(store: Store, folder: Path, into: str) -> None:
    for at in range(3):
        load_frames(store, [rows(at)], "append")
    assert replicator.put_aside(folder, into=into) == [T1, T2]
    assert load_frames(store, [rows(7)], "append").files == ("00000000000000000004.parquet",)
    replicator.put_aside(folder, into=into)
    replicator.purge(folder)
    assert load_frames(store, [rows(8)], "append").files == ("00000000000000000005.parquet",)
    replicator.put_aside(folder, keep=0)  # even the last, as long as it can be seen
    assert load_frames(store, [rows(9)], "append").files == ("00000000000000000006.parquet",)


def test_a_load_that_was_cut_off_is_not_published_again(
    watched: Watched, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first files may have been read, put aside and removed when somebody goes on with it."""
    store = made(watched, part_rows=1)
    monkeypatch.setattr(Watched, "fails", lambda number, key: "before" if key.endswith(T3) else "")
    with pytest.raises(TransientError):
        load_frames(store, [rows(1, 2, 3)], "append")
    monkeypatch.setattr(Watched, "fails", lambda number, key: "")
    replicator.put_aside(folder)
    replicator.purge(folder)
    assert state_of(store) is not None
    assert [n for n in names(folder) if n[0] == "0"] == [T2, T3]


def test_a_full_reload_makes_the_folder_anew(store: Store, folder: Path) -> None:
    load_frames(store, [rows(1)], "merge", ["k"])
    load_frames(store, [rows(2)], "merge", ["k"])
    replicator.put_aside(folder)
    opened = os.open(folder, os.O_RDONLY)
    load_frames(store, [pl.DataFrame({"other": [1.5]})], "replace")
    assert names(folder) == [T1, "_metadata.json"]
    assert os.fstat(opened).st_nlink == 0, "Fabric tells by the folder itself that it is another"
    os.close(opened)
    assert json.loads((folder / "_metadata.json").read_text()) == {}
    assert mirrored(folder) == [(1.5,)]
    load_frames(store, [pl.DataFrame({"other": [2.5]})], "merge", ["other"])
    assert mirrored(folder) == [(1.5,), (2.5,)]


def test_a_full_reload_waits_until_fabric_has_dropped_the_table(
    here: FolderConnection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made(here, drop_timeout="1h")
    load_frames(store, [rows(1)], "replace")
    log = folder.parents[2] / "Tables" / "dbo" / "t" / "_delta_log"
    log.mkdir(parents=True)
    (log / "0.json").touch()
    looks = list[bool]()

    def wait(self: Any, seconds: float) -> bool:
        """Fabric drops the table at the third look."""
        looks.append(folder.exists())
        if len(looks) == 3:
            (log / "0.json").unlink()
        return False

    monkeypatch.setattr("hygge.core.context.CancelToken.wait", wait)
    load_frames(store, [rows(2)], "replace")
    assert looks == [False] * 3
    assert mirrored(folder) == [(2, "x")]


def test_fabric_does_not_drop_the_table(here: FolderConnection, folder: Path) -> None:
    """The load is committed, and the next run publishes it."""
    store = made(here, drop_timeout="0")
    load_frames(store, [rows(1)], "replace")
    log = folder.parents[2] / "Tables" / "t" / "_delta_log"
    log.mkdir(parents=True)
    (log / "0.json").touch()
    with pytest.raises(TransientError, match="not dropped the table yet") as caught:
        load_frames(store, [rows(2)], "replace")
    assert caught.value.hint and not folder.exists()
    with pytest.raises(TransientError, match="run-1 began to replace"):
        state_of(store)  # another run leaves it to that one for some time
    with store.open(Context(run_id="run-1")) as again, pytest.raises(TransientError, match="yet"):
        again.state()
    (log / "0.json").unlink()
    with store.open(Context(run_id="run-1")) as again:
        state = again.state()
    assert state is not None and state.generation == 2
    assert mirrored(folder) == [(2, "x")]


@pytest.mark.parametrize("patience", ["10m", "2h"])
def test_a_run_that_waits_for_fabric_is_not_overtaken(
    here: FolderConnection, folder: Path, patience: str
) -> None:
    """Others go on with its load when it has given up, and not before."""
    store = made(here, drop_timeout=patience)
    load_frames(store, [rows(1)], "replace")
    with raise_at("mirror.dropped", RuntimeError("dead")), pytest.raises(RuntimeError):
        load_frames(store, [rows(2)], "replace")
    own = folder.parent / "_hygge" / "t"
    (own / f"dropped-{2:020d}").unlink()
    written = own / f"state-{2:020d}.json"
    longest = parse_duration(patience).total_seconds()
    for age, gone_on in ((longest + 1, False), (longest + 601, True)):
        at = time.time() - age
        os.utime(written, (at, at))
        if not gone_on:
            with pytest.raises(TransientError, match="began to replace") as caught:
                state_of(store)
            assert f"with {longest / 60 + 10:g} minutes after" in (caught.value.hint or "")
        else:
            assert state_of(store) is not None
    assert mirrored(folder) == [(2, "x")]


def test_what_one_publishes_into_a_folder_that_another_has_emptied(
    watched: Watched, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every number is published that does not lie there, not only those after the last."""
    monkeypatch.setattr(publish.Publisher, "grace", timedelta())
    store = made(watched, part_rows=1)
    load_frames(store, [rows(0)], "replace")
    with raise_at("mirror.dropped", RuntimeError("dead")), pytest.raises(RuntimeError):
        load_frames(store, [rows(1, 2, 3)], "replace")
    own = folder.parent / "_hygge" / "t"
    (own / f"dropped-{2:020d}").unlink()
    drop = publish.Publisher._drop

    def overtaken(self: publish.Publisher) -> None:
        """One that was held up publishes its third file after this one has removed the others."""
        drop(self)
        waiting = sorted(own.glob("*/*.parquet"))
        self.zone.tree.create(f"{self.zone.folder}/{T3}", waiting[2].read_bytes())

    monkeypatch.setattr(publish.Publisher, "_drop", overtaken)
    assert state_of(store) is not None
    assert mirrored(folder) == [(1, "x"), (2, "x"), (3, "x")]


# What others do there -----------------------------------------------------------------------------


def test_a_folder_of_another(store: Store, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / T1).write_bytes(b"another's")
    with pytest.raises(StateError, match="did not write") as caught:
        state_of(store)
    assert caught.value.hint


@pytest.mark.parametrize("what", ["gone", "altered", "more"])
def test_a_folder_that_is_not_as_it_was_left(store: Store, folder: Path, what: str) -> None:
    load_frames(store, [rows(1)], "append")
    if what == "gone":
        (folder / T1).unlink()
    elif what == "altered":
        (folder / T1).write_bytes(b"another's")
    else:
        (folder / T2).write_bytes(b"another's")
    with pytest.raises(StateError, match="hygge has written") as caught:
        state_of(store)
    assert caught.value.hint


def test_another_takes_the_number(store: Store, folder: Path) -> None:
    """It stops there: nothing is overwritten."""
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), Schema.of(rows()), "append"))
        receipt = write(load, [rows(1)])
        folder.mkdir(parents=True)
        (folder / "_metadata.json").write_text("{}")

        def create(self: Any, number: int, file: Any, *, anew: bool) -> None:
            (folder / T1).write_bytes(b"another's")
            before(self, number, file, anew=anew)

        before = publish.Publisher._publish
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(publish.Publisher, "_publish", create)
            with pytest.raises(StateError, match="is another's"):
                commit(load, [receipt])
    assert (folder / T1).read_bytes() == b"another's"


def test_a_load_from_long_ago_commits_nothing(store: Store, folder: Path) -> None:
    """Though the state that stood in its way is gone by now."""
    load_frames(store, [rows(1)], "append")
    with store.open(Context()) as slow:
        load = slow.begin(request_for(slow.state(), Schema.of(rows()), "append"))
        receipt = write(load, [rows(2)])
        for at in (3, 4, 5):
            load_frames(store, [rows(at)], "append")
        with pytest.raises(ConflictError):
            commit(load, [receipt])
    assert mirrored(folder) == [(1, "x"), (3, "x"), (4, "x"), (5, "x")]
    load_frames(store, [rows(6)], "append")


def test_dead_stages_go_by_age(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = folder.parent / "_hygge" / "t" / "stage-dead" / "0000-00000.parquet"
    dead.parent.mkdir(parents=True)
    dead.touch()
    load_frames(store, [rows(1)], "append")
    assert dead.exists()
    monkeypatch.setattr(publish, "DEAD", timedelta())
    load_frames(store, [rows(2)], "append")
    assert not dead.exists()


# Keys, deletes, types -----------------------------------------------------------------------------


def test_a_key_is_added_and_not_changed(store: Store, folder: Path) -> None:
    load_frames(store, [rows(1)], "append")
    load_frames(store, [rows(1, text="new")], "merge", ["k"])
    before = names(folder)
    with pytest.raises(StateError, match="cannot change a table's key") as caught:
        load_frames(store, [rows(1)], "merge", ["k", "v"])
    assert caught.value.hint and names(folder) == before
    assert mirrored(folder) == [(1, "new")]


def test_a_key_that_was_named_before(store: Store, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "_metadata.json").write_text('{"keyColumns": ["k"]}')
    load_frames(store, [rows(1)], "merge", ["k"])
    with pytest.raises(StateError, match="key"):
        load_frames(store, [rows(1)], "merge", ["v"])
    (folder / "_metadata.json").write_text('{"isUpsertDefaultRowMarker": true}')
    with pytest.raises(StateError, match="isUpsertDefaultRowMarker"):
        load_frames(store, [rows(1)], "append")


def marked_request(store: Store, deletes: Deletes) -> Any:
    fields = Schema([*Schema.of(rows()), Field(DELETED_AT, MOMENT)])
    held = state_of(store)
    request = request_for(held, fields, "merge", ["k"])
    return replace(request, terms=Terms(deletes=deletes))


@pytest.mark.parametrize("hard", [True, False])
def test_rows_that_say_they_are_gone(store: Store, folder: Path, hard: bool) -> None:
    load_frames(store, [rows(1, 2, 3)], "merge", ["k"])
    at = datetime(2026, 2, 3, tzinfo=UTC)
    coming = rows(2, 3, 4).with_columns(
        pl.Series(DELETED_AT, [at, None, at], dtype=pl.Datetime("us", "UTC"))
    )
    with store.open(Context()) as session:
        load = session.begin(marked_request(store, Deletes(hard=hard, marked=True)))
        receipt = write(load, [coming])
        assert load.staged_rows([receipt]) == 3
        commit(load, [receipt])
    table = pq.read_table(folder / T2)
    state = state_of(store)
    assert state is not None and (DELETED_AT in state.fields) == (not hard)
    if hard:
        assert table.schema.names == ["k", "v", "__rowMarker__"]
        assert table["__rowMarker__"].to_pylist() == [2, 4, 2]
        assert mirrored(folder) == [(1, "x"), (3, "x")]
    else:
        assert table["__rowMarker__"].to_pylist() == [4, 4, 4]
        assert mirrored(folder)[1] == (2, "x", at)


def test_rows_are_not_looked_for(store: Store) -> None:
    for deletes in (Deletes(find=True), Deletes(hard=True, find=True, marked=True), Deletes()):
        with (
            store.open(Context()) as session,
            pytest.raises(UnsupportedError, match="comparing keys") as caught,
        ):
            session.begin(marked_request(store, deletes))
        assert caught.value.hint
    for mode in ("delete_insert", "scd2"):
        with pytest.raises(UnsupportedError):
            store.check(mode, ["k"])
    with pytest.raises(UnsupportedError, match="deduplicate"):
        store.check("merge", ["k"], ["deduplicate"])


@pytest.mark.parametrize(
    ("frame", "kind", "why"),
    [
        (pl.DataFrame({"__ROWmarker__": [1]}), "", "Fabric's own column"),
        (pl.DataFrame({"a": [1], "A": [1]}), "", "differ in their case only"),
        (pl.DataFrame({"a": [[b"x"]]}), "", "binary values"),
        (pl.DataFrame({"a": [1]}).cast(pl.Datetime("ns")), "timestamp(ns)", "no form"),
    ],
)
def test_columns_that_cannot_be(store: Store, frame: pl.DataFrame, kind: str, why: str) -> None:
    with store.open(Context()) as session, pytest.raises(UnsupportedError, match=why) as caught:
        session.begin(request_for(None, Schema.of(frame), "append"))
    assert caught.value.hint


def test_a_column_does_not_change_its_type(store: Store, folder: Path) -> None:
    load_frames(store, [rows(1)], "append")
    wide = rows(1).with_columns(pl.col("k").cast(pl.Decimal(20, 2)))
    with pytest.raises(SchemaDrift, match="column's type changes") as caught:
        load_frames(store, [wide], "append")
    assert "--full-refresh" in str(caught.value.hint)
    narrow = rows(2).with_columns(pl.col("k").cast(pl.Int32))
    load_frames(store, [narrow], "append", fields=Schema.of(narrow))
    assert mirrored(folder) == [(1, "x"), (2, "x")]
    assert pq.read_schema(folder / T2).field("k").type == "int64"


def test_nested_values_lie_as_json(store: Store, folder: Path) -> None:
    frame = pl.DataFrame({"a": [[1, None], None, []], "b": [{"x": "é"}, None, {"x": None}]})
    load_frames(store, [frame], "append")
    found = replicator.in_folder(folder)
    assert found["a"].to_list() == ["[1,null]", None, "[]"]
    assert found["b"].to_list() == ['{"x":"é"}', None, '{"x":null}']
    state = state_of(store)
    assert state is not None and state.fields["a"].type == parse_type("list(int64)")


def test_a_connection_is_found_once(here: FolderConnection) -> None:
    store = made(here)
    assert store.bind(Surroundings()) is store
    assert tree_of(here, Address.parse("folder://ws")) is store._bound.tree
