"""Folders where files keep arriving: each is read once, whatever comes when."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.run.support import planned
from tests.servers.objects import Emulator

from hygge import CSVHome, ParquetHome, ParquetStore, StateError
from hygge.core import registry
from hygge.core.arrivals import MEMO, Version, arrivals
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError, NothingThere, TransientError, UnsupportedError
from hygge.core.settings import build
from hygge.project.settings import EntitySettings
from hygge.run.attempt import Attempt, Moved
from hygge.run.planning import plan_entity
from hygge.run.pump import Meter
from hygge.testing.faults import raise_at
from hygge.testing.loading import state_of

NEW: dict[str, Any] = {"incremental": {"files": "new"}}

# What is decided, as values

versions = st.builds(Version, st.integers(0, 3), st.sampled_from(["", "a", "b"]), st.integers(1, 5))
folders = st.dictionaries(st.sampled_from("abcdef"), versions)


@given(st.lists(folders, min_size=1, max_size=8), st.booleans())
def test_each_version_is_read_once(history: list[dict[str, Version]], again: bool) -> None:
    """Over any history of a folder: a file is read when it is new, and a version of it that is not
    what the state remembers is told, and read only where that does no harm."""
    memo, known = None, dict[str, Version]()
    for lying in history:
        found = arrivals(memo, lying, again=again)
        new = {n for n in lying if n not in known}
        replaced = {n for n in lying if n in known and not lying[n].same(known[n])}
        assert set(found.files) == new | (replaced if again else set())
        assert set(found.replaced) == replaced
        assert set(found.late) <= new
        known = {
            n: known[n] if n in replaced and not again else version for n, version in lying.items()
        }
        memo = found.memo
        assert not arrivals(memo, known, again=again).files
        assert bool(found.notes()) == bool(found.replaced or found.late)


def test_a_memo_is_as_small_as_the_folder() -> None:
    many = {f"in/2026/05/01/{n:06d}.csv": Version(n, "", 10**18 + n) for n in range(20_000)}
    memo = arrivals(None, many, again=False).memo
    assert len(memo) < 40 * len(many)
    assert len(arrivals(memo, {}, again=False).memo) < 40


@pytest.mark.parametrize("memo", ["", "x", "eJw=", "eJyrBQAAhgB7"])
def test_a_damaged_memo(memo: str) -> None:
    with pytest.raises(StateError, match="damaged"):
        arrivals(memo, {}, again=False)


# Run after run


class Folder:
    """A folder that files arrive in, and a destination for them."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root, self.settings, self.notes = root, {"mode": "append", **NEW, **settings}, [""]
        (root / "in").mkdir()

    def put(self, name: str, *ids: int, age: int = 0) -> None:
        """A file with some ids, written `age` seconds ago."""
        path = self.root / "in" / name
        path.write_text("id\n" + "".join(f"{i}\n" for i in ids))
        at = path.stat().st_mtime - age
        os.utime(path, (at, at))

    def go(self, **more: Any) -> Moved:
        self.notes.clear()
        home = CSVHome("t", path="in/*.csv", types={"id": "int64"})
        plan = planned(home, ParquetStore("t", path="out"), self.root, **self.settings, **more)
        assert plan.errors == ()
        context = Context("run", note=lambda message, severity: self.notes.append(message))
        return Attempt(plan, context, meter=Meter()).run()

    def held(self) -> list[int]:
        found = pl.read_parquet(self.root / "out" / "part-*.parquet")
        return sorted(found["id"])

    def told(self, text: str) -> bool:
        return any(text in note for note in self.notes)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_new_files_are_read_once(folder: Folder) -> None:
    folder.put("a.csv", 1, 2)
    folder.put("b.csv", 3)
    assert folder.go().commit is not None
    again = folder.go()
    assert again.commit is None and again.reason == "no new files"
    folder.put("c.csv", 4)
    third = folder.go()
    assert third.proof is not None and third.proof.read == 1
    assert folder.held() == [1, 2, 3, 4]


def test_a_file_that_comes_late_is_read_and_told(folder: Folder) -> None:
    folder.put("b.csv", 1)
    folder.go()
    folder.put("a.csv", 2, age=3600)
    folder.go()
    assert folder.held() == [1, 2] and folder.told("arrived late, and read now: in/a.csv")


def test_a_file_that_was_replaced_is_told_and_not_doubled(folder: Folder) -> None:
    folder.put("a.csv", 1)
    folder.go()
    folder.put("a.csv", 1, 2)
    for _ in range(2):
        assert folder.go().commit is None
        assert folder.told("replaced since they were read: in/a.csv")
    folder.put("b.csv", 3)
    folder.go()
    assert folder.held() == [1, 3] and folder.told("in/a.csv")


def test_a_file_that_was_replaced_is_merged(tmp_path: Path) -> None:
    folder = Folder(tmp_path, mode="merge", key_column="id")
    folder.put("a.csv", 1)
    folder.go()
    folder.put("a.csv", 1, 2)
    folder.go()
    assert folder.held() == [1, 2] and folder.told("they are read again")
    assert folder.go().reason == "no new files"


def test_files_that_are_taken_away_are_forgotten(folder: Folder) -> None:
    folder.put("a.csv", 1)
    folder.go()
    (folder.root / "in" / "a.csv").unlink()
    assert folder.go().reason == "no new files"  # though the folder is empty
    folder.put("b.csv", 2)
    folder.go()
    state = state_of(ParquetStore("t", path="out").bind(Surroundings(folder.root)))
    assert state is not None
    lying = {"in/a.csv": Version(1, "", 1), "in/b.csv": Version(1, "", 1)}
    assert "in/a.csv" not in arrivals(state.memo[MEMO], lying, again=False).replaced
    assert folder.held() == [1, 2]


@pytest.mark.parametrize("change", ["another name", "another version"])
def test_a_session_beside_the_first_reads_what_that_one_chose(folder: Folder, change: str) -> None:
    """By names and versions: as many files are not the same files."""
    for name in ("a.csv", "b.csv"):
        folder.put(name, 1)
    home = CSVHome("t", path="in/*.csv").bind(Surroundings(folder.root))
    with home.open(Context()) as first:
        files = first.arrivals(None, again=False).files
    lying = folder.root / "in" / "b.csv"
    if change == "another name":
        lying.rename(lying.with_name("c.csv"))
    else:
        folder.put("b.csv", 2, age=60)
    with home.open(Context()) as beside, pytest.raises(TransientError, match=r"gone|changed"):
        list(beside.read(ReadRequest(files=files), WHOLE))


def test_an_empty_folder_at_first_is_an_error(folder: Folder) -> None:
    with pytest.raises(NothingThere) as caught:
        folder.go()
    assert caught.value.hint


def test_a_file_without_rows_is_read_once_too(folder: Folder) -> None:
    folder.put("a.csv", 1)
    folder.go()
    folder.put("b.csv")
    assert folder.go().commit is not None
    assert folder.go().reason == "no new files"
    assert folder.held() == [1]


@pytest.mark.parametrize("step", ["move.began", "move.written", "move.verified"])
def test_what_failed_is_read_again_with_what_came_since(folder: Folder, step: str) -> None:
    folder.put("a.csv", 1)
    folder.go()
    folder.put("b.csv", 2)
    folder.put("c.csv", 3)
    with raise_at(step, OSError("the lights went out")), pytest.raises(OSError):
        folder.go(chunks=2)
    folder.put("d.csv", 4)
    folder.go(chunks=2)
    assert folder.held() == [1, 2, 3, 4]
    assert folder.go().reason == "no new files"


def test_in_chunks_by_several_readers(folder: Folder) -> None:
    folder.put("old.csv", 0)
    folder.go()
    for number in range(1, 9):
        folder.put(f"{number}.csv", number)
    folder.go(chunks=4)
    assert folder.held() == list(range(9))


def test_what_hygge_loaded_is_no_such_folder(folder: Folder) -> None:
    folder.put("a.csv", 1)
    folder.go()
    plan = planned(
        ParquetHome("t", path="out"), ParquetStore("t", path="on"), folder.root,
        mode="append", **NEW,
    )  # fmt: skip
    with pytest.raises(UnsupportedError, match="joins and rewrites"):
        Attempt(plan, Context("run"), meter=Meter()).run()


def test_on_an_object_store(emulators: Callable[[str], Emulator], tmp_path: Path) -> None:
    emulator, own = emulators("s3"), f"a{uuid4().hex[:8]}"
    lake = build(registry.lookup("connection", "s3"), "the test", emulator.settings(), {})
    tree = lake.connect(lake.address("").at(""))
    around = Surroundings(tmp_path, {"lake": lake})
    settings = EntitySettings.model_validate({"mode": "append", **NEW})
    notes: list[str] = []

    def go() -> Moved:
        home = CSVHome("t", path=f"{own}/in", connection="lake", types={"id": "int64"})
        store = ParquetStore("t", path=f"{own}/out", connection="lake")
        plan = plan_entity(home, store, settings, full_name="test", around=around)
        assert plan.errors == ()
        context = Context("run", note=lambda message, severity: notes.append(message))
        return Attempt(plan, context, meter=Meter()).run()

    for name, number in (("a", 1), ("b", 2)):
        tree.create(f"{own}/in/{name}.csv", f"id\n{number}\n".encode())
        done = go()
        assert done.proof is not None and done.proof.read == 1
    assert go().reason == "no new files"
    tree.delete([f"{own}/in/a.csv"])
    tree.create(f"{own}/in/a.csv", b"id\n7\n")  # as large as before, and of the same second
    assert go().reason == "no new files"
    assert any("replaced since they were read" in note for note in notes)
    tree.delete([f"{own}/in/a.csv", f"{own}/in/b.csv"])
    assert go().reason == "no new files"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"mode": "replace", **NEW}, "would leave only the newest"),
        ({"mode": "delete_insert", "key_column": "id", "delete_by": "window", **NEW},
         "no window"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    home = CSVHome("t", path="in/*.csv")
    plan = planned(home, ParquetStore("t", path="out"), tmp_path, **settings)
    assert any(told in problem.message for problem in plan.errors)


@pytest.mark.parametrize(
    "incremental", [{}, {"column": "id", "files": "new"}, {"files": "new", "lag": 5}]
)
def test_one_way_or_the_other(incremental: dict[str, Any]) -> None:
    with pytest.raises((ConfigError, ValueError), match=r"give a `column`|exclude|of no use"):
        EntitySettings.model_validate({"incremental": incremental})
