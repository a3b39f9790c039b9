"""Loads onto object stores that go wrong: refusals, lost answers, two at once, and tidying up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from tests.servers.objects import Emulator
from tests.servers.proxy import Proxy, proxy

from hygge import (
    CSVHome,
    CSVStore,
    Home,
    IPCHome,
    IPCStore,
    NDJSONHome,
    NDJSONStore,
    ParquetHome,
    ParquetStore,
    Schema,
    Store,
)
from hygge.core import registry
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import (
    ConfigError,
    ConflictError,
    ConnectError,
    StateError,
    TransientError,
    UnsupportedError,
)
from hygge.core.settings import build
from hygge.files.remote import manifest, upkeep
from hygge.storage.connection import StorageConnection, tree_of
from hygge.storage.tree import Tree
from hygge.testing.faults import at_step
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

FORMATS = {
    "parquet": (ParquetStore, ParquetHome), "ipc": (IPCStore, IPCHome),
    "csv": (CSVStore, CSVHome), "ndjson": (NDJSONStore, NDJSONHome),
}  # fmt: skip


class There:
    """A folder of its own on an object store, perhaps behind a proxy."""

    def __init__(self, emulator: Emulator, port: int | None = None, **changes: Any) -> None:
        self.emulator = emulator
        kind = registry.lookup("connection", emulator.kind)
        settings = {**emulator.settings(port), **changes}
        lake: StorageConnection = build(kind, "the test", settings, {})
        self.around = Surroundings(Path("/"), {"lake": lake})
        self.tree: Tree = tree_of(lake, lake.address("").at(""))
        self.path = f"e{uuid4().hex[:12]}"

    def store(self, kind: type[Store] = ParquetStore, **settings: Any) -> Store:
        return kind("t", path=self.path, connection="lake", **settings).bind(self.around)

    def home(self, kind: type[Home] = ParquetHome, path: str = "", **settings: Any) -> Home:
        home = kind("t", path=f"{self.path}{path}", connection="lake", **settings)
        return home.bind(self.around)

    def names(self, below: str = "") -> list[str]:
        return [e.name for e in self.tree.below(self.path + below)]

    def manifests(self) -> list[str]:
        at = self.store().folder / manifest.FOLDER  # type: ignore[attr-defined]
        return [e.name for e in at.tree.below(at.key)]


@pytest.fixture
def there(s3: Emulator) -> There:
    return There(s3)


@pytest.fixture
def between(object_store: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr("hygge.storage.cloud.RETRIES", 0)
    monkeypatch.setattr(manifest, "_WAIT_S", 0.01)
    with proxy(object_store.port) as found:
        yield found


@pytest.fixture
def behind(object_store: Emulator, between: Proxy) -> There:
    return There(object_store, between.port, timeout="30s")


def rows(start: int, height: int = 10) -> pl.DataFrame:
    kinds = {"k": pl.Int64, "v": pl.String}
    return pl.DataFrame({"k": range(start, start + height), "v": ["é"] * height}, schema=kinds)


def read(home: Home) -> list[int]:
    return sorted(k for batch in home.read_sync() for k in batch["k"])


# Every format, there and back


@pytest.mark.parametrize("kind", FORMATS)
def test_there_and_back(there: There, kind: str) -> None:
    to, source = FORMATS[kind]
    store = there.store(to, part_rows=15)
    load_frames(store, [rows(0, 40)], "replace")
    load_frames(store, [rows(40, 5)], "append")
    home = there.home(source, **({} if kind in ("parquet", "ipc") else {"types": {"k": "int64"}}))
    assert read(home) == list(range(45))
    with home.open(Context()) as session:
        request = ReadRequest(batch_rows=7)
        chunks = session.split(request, 3)
        assert len(chunks) > 1
        found = [k for c in chunks for b in session.read(request, c) for k in b["k"].cast(int)]
        assert sorted(found) == list(range(45))
        assert session.schema().names == ["k", "v"]


@pytest.mark.parametrize("kind", FORMATS)
def test_no_rows_there_and_back(there: There, kind: str) -> None:
    to, source = FORMATS[kind]
    load_frames(there.store(to), [rows(0, 0)], "replace")
    with there.home(source).open(Context()) as session:
        assert session.schema().physical == rows(0, 0).schema
        assert not any(
            b.height for b in session.read(ReadRequest(), session.split(ReadRequest(), 2)[0])
        )


def test_what_a_glob_sees_and_what_a_home_sees(there: There) -> None:
    """A Home reads what the manifest lists; a glob whatever lies there."""
    store = there.store()
    load_frames(store, [rows(0)], "replace")
    load_frames(store, [rows(100)], "replace")
    assert read(there.home()) == list(range(100, 110))
    assert read(there.home(path="/*.parquet")) == [*range(10), *range(100, 110)]
    assert "not atomic; use delta" in store.readers("replace")


def test_folders_of_others(there: There, tmp_path: Path) -> None:
    """Hive folders, one file, endings left out, hidden files, and what is not there."""
    for name, start in (("year=2024/a.parquet", 0), ("year=2025/b.parquet", 10)):
        rows(start).write_parquet(tmp_path / "x")
        there.tree.upload(tmp_path / "x", f"{there.path}/in/{name}")
        there.tree.upload(tmp_path / "x", f"{there.path}/in/_{start}.parquet")
    found = pl.concat(there.home(path="/in", hive=True).read_sync())
    assert found.group_by("year").len().sort("year").rows() == [(2024, 10), (2025, 10)]
    assert read(there.home(path="/in/year=2025/b")) == list(range(10, 20))
    assert read(there.home(path="/in/*/b.parquet")) == list(range(10, 20))
    assert read(there.home(path="/**/a.*")) == list(range(10))
    assert [t.name for t in there.home().tables(Context())] == ["in"]
    for path, told in (("/in", "without any .parquet"), ("/inn", "did you mean in?"),
                       ("/in/*.csv", "no file matches")):  # fmt: skip
        with pytest.raises(ConnectError) as caught:
            read(there.home(path=path))
        assert told in str(caught.value)


def test_a_file_that_changes_while_it_is_read(there: There) -> None:
    there.tree.create(f"{there.path}/x.csv", b"k\n1\n")
    home = there.home(CSVHome, path="/x.csv", types={"k": "int64"})
    with home.open(Context()) as session:
        session.schema()
        there.tree.delete([f"{there.path}/x.csv"])
        there.tree.create(f"{there.path}/x.csv", b"k\n2\n")
        with pytest.raises(TransientError, match="was changed while it was read"):
            list(session.read(ReadRequest(), WHOLE))
        there.tree.delete([f"{there.path}/x.csv"])
        with pytest.raises(TransientError, match="is gone"):
            list(session.read(ReadRequest(), WHOLE))


def test_a_whole_bucket_is_no_destination(s3: Emulator) -> None:
    with pytest.raises(ConfigError, match="whole bucket"):
        ParquetStore("t", path=s3.url).bind(Surroundings())


# What is wrong with a destination


def test_files_that_are_not_hygges(there: There) -> None:
    there.tree.create(f"{there.path}/notes.txt", b"mine")
    with pytest.raises(StateError, match=r"did not put there: notes\.txt"):
        state_of(there.store())


def test_a_part_that_is_gone(there: There) -> None:
    done = load_frames(there.store(), [rows(0)], "replace")
    there.tree.delete([f"{there.path}/{done.files[0]}"])
    with pytest.raises(StateError, match="is missing"):
        state_of(there.store())


def test_a_manifest_that_is_damaged(there: There) -> None:
    load_frames(there.store(), [rows(0)], "replace")
    there.tree.create(f"{there.path}/_hygge/{manifest.name_of(2)}", b'{"format_version": 1')
    for ask in (lambda: state_of(there.store()), lambda: read(there.home())):
        with pytest.raises(StateError, match="damaged"):
            ask()


# Answers of the server


def test_a_success_whose_answer_is_lost(behind: There, between: Proxy) -> None:
    """It is read back, compared, and known for what it was."""
    between.fail("lose", method="PUT", path="_hygge/0")
    done = load_frames(behind.store(), [rows(0)], "replace")
    assert done.rows == 10
    assert state_of(behind.store()) == done.state
    assert read(behind.home()) == list(range(10))


def test_a_request_that_never_got_there(behind: There, between: Proxy) -> None:
    between.fail("drop", method="PUT", path="_hygge/0", times=2)
    load_frames(behind.store(), [rows(0)], "replace")
    assert read(behind.home()) == list(range(10))


def test_a_time_out(object_store: Emulator, between: Proxy) -> None:
    behind = There(object_store, between.port, timeout="5s")
    between.fail("hang", method="PUT", path="_hygge/0")
    load_frames(behind.store(), [rows(0)], "replace")
    assert read(behind.home()) == list(range(10))


@pytest.mark.parametrize("code", [409, 412])
def test_refused_though_nobody_was_quicker(behind: There, between: Proxy, code: int) -> None:
    """A conflict between requests, not between loads: nothing lies there, so it is tried again."""
    between.fail(code, method="PUT", path="_hygge/0")
    load_frames(behind.store(), [rows(0)], "replace")
    assert state_of(behind.store()) is not None
    assert read(behind.home()) == list(range(10))


@pytest.mark.parametrize("fault", ["lose", 409, 412])
def test_refused_because_another_was_quicker(behind: There, between: Proxy, fault: Any) -> None:
    """Whatever the answer says: what lies there is another load's, so nothing was published."""
    store = behind.store()
    load_frames(store, [rows(0)], "replace")
    with store.open(Context()) as session:
        held = session.state()
        load = session.begin(request_for(held, Schema.of(rows(0)), "append"))
        receipt = write(load, [rows(50)])
        load_frames(behind.store(), [rows(100)], "append")
        between.fail(fault, method="PUT", path="_hygge/0")
        with pytest.raises(ConflictError):
            commit(load, [receipt])
    assert read(behind.home()) == [*range(10), *range(100, 110)]


def test_no_answer_to_the_end(behind: There, between: Proxy) -> None:
    """What was uploaded stays, since it may be published yet; another try finds out."""
    store = behind.store()
    puts = iter(["lose"])

    def rule(method: str, path: str) -> Any:
        if "_hygge/0" not in path:
            return None
        return next(puts, "drop") if method == "PUT" else "drop"

    between.rule = rule
    with pytest.raises(manifest.Unknown, match="is not known"):
        load_frames(store, [rows(0)], "replace", load_id="load-1")
    between.rule = lambda method, path: None
    state = state_of(behind.store())
    parts = [n for n in behind.names() if n.startswith("part-")]
    assert len(parts) == 1
    assert state is not None and state.load_id == "load-1"  # the first try had got through
    assert read(behind.home()) == list(range(10))


def test_503_and_a_cut_line_while_uploading(behind: There, between: Proxy) -> None:
    for fault in (503, "drop"):
        between.fail(fault, method="PUT", path="part-")
        with pytest.raises(TransientError):
            load_frames(behind.store(), [rows(0)], "replace")
        assert behind.names() == []
    assert state_of(behind.store()) is None


def test_access_that_is_refused(behind: There, between: Proxy) -> None:
    between.fail(403, method="PUT", path="_hygge/0")
    with pytest.raises(ConnectError) as caught:
        load_frames(behind.store(), [rows(0)], "replace")
    assert caught.value.hint
    assert state_of(behind.store()) is None and behind.names() == []


# Two at once


def test_a_name_that_was_tidied_away_is_no_way_in(there: There) -> None:
    """A load that slept while others came and went does not publish under an old generation."""
    store = there.store()
    load_frames(store, [rows(0)], "replace")
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), Schema.of(rows(0)), "append"))
        receipt = write(load, [rows(50)])
        for start in (100, 200):
            load_frames(there.store(), [rows(start)], "replace")
        there.tree.delete([f"{there.path}/_hygge/{manifest.name_of(2)}"])
        with pytest.raises(ConflictError):
            commit(load, [receipt])
    assert read(there.home()) == list(range(200, 210))


def test_a_reader_during_replace_sees_whole_loads(there: There) -> None:
    store = there.store(part_rows=4, optimize={"vacuum": "0"})
    load_frames(store, [rows(0)], "replace")
    seen, failed, stop = list[list[int]](), list[Exception](), threading.Event()

    def poll() -> None:
        while not stop.is_set():
            try:
                seen.append(read(there.home()))
            except (TransientError, ConnectError):
                continue  # a part went while it was read
            except Exception as error:  # noqa: BLE001 - whatever it is, the test fails by it
                failed.append(error)

    reader = threading.Thread(target=poll)
    reader.start()
    for load in range(1, 6):
        load_frames(store, [rows(100 * load)], "replace")
    stop.set()
    reader.join()
    assert not failed and seen
    assert all(keys == list(range(keys[0], keys[0] + 10)) for keys in seen)


# Tidying up


def test_what_is_old_goes_and_what_is_young_stays(there: There) -> None:
    for load in range(3):
        load_frames(there.store(), [rows(100 * load)], "replace")
    assert len([n for n in there.names() if n.startswith("part-")]) == 3
    load_frames(there.store(optimize={"vacuum": "0"}), [rows(300)], "replace")
    assert len([n for n in there.names() if n.startswith("part-")]) == 1
    assert len(there.names("/_hygge")) == 4  # manifests stay for an hour
    assert read(there.home()) == list(range(300, 310))


def test_manifests_go_too(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "MANIFESTS_STAY", timedelta())
    for load in range(3):
        load_frames(there.store(optimize={"vacuum": "0"}), [rows(load)], "replace")
    assert there.names("/_hygge") == [manifest.name_of(3)]


def test_what_never_became_a_manifest_goes(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SFTP server has it under a hidden name first; one that is to come may be under way."""
    monkeypatch.setattr(upkeep, "MANIFESTS_STAY", timedelta())
    dead = [f".{manifest.name_of(1)}.0a1b2c3d", ".probe-0a1b", "..probe-0a1b.0a1b2c3d"]
    coming = f".{manifest.name_of(2)}.0a1b2c3d"
    for name in (*dead, coming, ".mine"):
        there.tree.create(f"{there.path}/_hygge/{name}", b"x")
    load_frames(there.store(), [rows(0)], "replace")  # which leaves what is younger than a day
    assert {*dead} < {*there.names("/_hygge")}
    state = state_of(there.store())
    assert state is not None
    assert upkeep.vacuum(there.store().folder, state, timedelta()) == 3  # type: ignore[attr-defined]
    assert there.names("/_hygge") == [coming, ".mine", manifest.name_of(1)]


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_a_server_that_creates_a_name_twice_is_refused(
    emulators: Callable[[str], Emulator], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = There(emulators(kind))
    with monkeypatch.context() as patched:
        if kind == "sftp":
            import asyncssh

            patched.setattr(asyncssh.SFTPClient, "rename", asyncssh.SFTPClient.posix_rename)
        else:
            import obstore

            put = obstore.put
            patched.setattr(obstore, "put", lambda store, key, data, mode: put(store, key, data))
        with pytest.raises(UnsupportedError, match="created again") as caught:
            load_frames(there.store(), [rows(0)], "append")
        assert caught.value.hint and there.manifests() == []
    load_frames(there.store(), [rows(0)], "append")
    assert there.manifests() == [manifest.name_of(1)], "nothing is left of the probe"


def test_parts_of_loads_that_may_still_commit_stay(there: There) -> None:
    """Those of a later generation; a load that has lost loses its parts too."""
    store = there.store(optimize={"vacuum": "0"})
    load_frames(store, [rows(0)], "replace")
    with store.open(Context()) as slow:
        load = slow.begin(request_for(slow.state(), Schema.of(rows(0)), "append"))
        receipt = write(load, [rows(50)])
        state = state_of(there.store())
        assert state is not None
        assert upkeep.vacuum(there.store().folder, state, timedelta()) == 0  # type: ignore[attr-defined]
        commit(load, [receipt])
    assert read(there.home()) == [*range(10), *range(50, 60)]


def test_tidying_up_that_fails_is_told(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def fail(*_: object) -> int:
        raise TransientError("not now")

    monkeypatch.setattr("hygge.files.remote.load.vacuum", fail)
    context = Context(note=lambda message, severity: told.append(message))
    with there.store().open(context) as session:
        load = session.begin(request_for(None, Schema.of(rows(0)), "replace"))
        commit(load, [write(load, [rows(0)])])
    assert told == ["what is old was not tidied away: not now"]
    assert read(there.home()) == list(range(10))


# Upkeep


def test_compacting(there: There) -> None:
    for load in range(4):
        load_frames(there.store(), [rows(10 * load)], "append")
    assert there.store().compact(Context()) == (4, 1)
    state = state_of(there.store())
    assert state is not None and (state.generation, state.rows) == (5, 40)
    assert read(there.home()) == list(range(40))
    assert there.store().compact(Context()) == (1, 1)


@pytest.mark.parametrize(
    ("every", "counts"),
    # Joined at the third load, for the first time; the suite's loads are of 2024, so after a day
    # it is due each time, and after 20 years not again.
    [("24h", [1, 2, 2, 2, 2]), ("7300d", [1, 2, 2, 3, 4])],
)
@pytest.mark.parametrize("where", ["here", "there"])
def test_compacting_when_it_is_due(
    there: There, tmp_path: Path, where: str, every: str, counts: list[int]
) -> None:
    settings: dict[str, Any] = {"optimize": {"compact": every}}
    here = ParquetStore("t", path=tmp_path / "t", **settings).bind(Surroundings(tmp_path))
    store = here if where == "here" else there.store(**settings)
    found = []
    for load in range(5):
        load_frames(store, [rows(10 * load)], "append")
        state = state_of(store)
        assert state is not None and state.rows == 10 * (load + 1)
        found.append(len(state.extra["parts"]))
    assert found == counts


def test_a_dead_loads_parts_are_not_in_the_way(there: There) -> None:
    class Died(BaseException):
        pass

    def die() -> None:
        raise Died

    store = there.store()
    with at_step("objects.uploaded", die), pytest.raises(Died):
        session = store.open(Context())
        load = session.begin(request_for(None, Schema.of(rows(0)), "replace"))
        write(load, [rows(0)])
    assert len(there.names()) == 1
    load_frames(there.store(optimize={"vacuum": "0"}), [rows(7)], "replace")
    assert read(there.home()) == list(range(7, 17))
    assert len([n for n in there.names() if n.startswith("part-")]) == 1
