"""Two writers, foreign files, damaged state, a full disk: the destination is as it was."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.files.crashing import without_exchange
from tests.files.driving import bound, by_duckdb, load, state_of
from tests.files.remains import check_swept

from hygge.core.context import Context
from hygge.core.errors import ConflictError, ConnectError, HyggeError, StateError
from hygge.core.fields import Schema
from hygge.core.load import LoadRequest
from hygge.core.state import Mode
from hygge.core.steps import set_hook
from hygge.files import local
from hygge.files.stage import stage_root
from hygge.stores.csv import CSVStore
from hygge.stores.ndjson import NDJSONStore
from hygge.stores.parquet import ParquetStore

ROWS = pl.DataFrame({"id": [1, 2, 3]})


def begun(store: Any, mode: Any = "append", load_id: str = "x" * 20) -> Any:
    """A session, and a load in it with one row written: (session, load, receipt, request)."""
    session = bound(store).open(Context())
    held = session.state()
    request = LoadRequest(
        entity="e", mode=mode, fields=Schema.of(ROWS), fingerprint="f", load_id=load_id,
        generation=held.generation if held else 0,
    )  # fmt: skip
    task = session.begin(request)
    writer = task.writer(0)
    writer.write(ROWS.head(1))
    return session, task, writer.finish(), request


@pytest.mark.parametrize("first_load", [True, False])
@pytest.mark.parametrize("exchange", [True, False])
def test_of_two_loads_one_wins(
    tmp_path: Path, first_load: bool, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "exchange", local.exchange)
    if not exchange:
        without_exchange()
    store = ParquetStore("t", path=tmp_path / "t")
    if not first_load:
        load(store, "replace", [ROWS])
    one, two = begun(store, load_id="a" * 20), begun(store, load_id="b" * 20)
    for session, task, receipt, request in (one,):
        task.commit([receipt], request.state(watermark=None, receipts=[receipt], committed_at=""))
        session.close()
    session, task, receipt, request = two
    with pytest.raises(ConflictError) as caught:
        task.commit([receipt], request.state(watermark=None, receipts=[receipt], committed_at=""))
    assert caught.value.retryable
    session.close()
    held = state_of(store)
    assert held is not None
    assert held.load_id == "a" * 20
    assert held.rows == (1 if first_load else 4)
    check_swept(tmp_path / "t")


def test_many_threads_racing_lose_no_row_and_double_none(tmp_path: Path) -> None:
    store = ParquetStore("t", path=tmp_path / "t")
    load(store, "replace", [ROWS.head(0)])
    won: list[int] = []
    lost: list[HyggeError] = []

    def run(number: int) -> None:
        for turn in range(12):
            try:
                load(store, "append", [pl.DataFrame({"id": [number * 100 + turn]})])
                won.append(number * 100 + turn)
            except ConflictError as error:
                lost.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) + len(lost) == 48
    assert won
    assert sorted(r["id"] for r in by_duckdb(tmp_path / "t")) == sorted(won)


@pytest.mark.parametrize("mode", ["append", "merge"])
def test_kept_parts_that_another_load_took_away(tmp_path: Path, mode: Any) -> None:
    store = ParquetStore("t", path=tmp_path / "t")
    load(store, "merge", [ROWS], keys=("id",))
    with bound(store).open(Context()) as session:
        held = session.state()
        assert held is not None
        request = LoadRequest(
            entity="e", mode=mode, fields=Schema.of(ROWS), fingerprint="f", load_id="z" * 20,
            generation=held.generation, keys=("id",),
        )  # fmt: skip
        task = session.begin(request)
        writer = task.writer(0)
        writer.write(ROWS.head(1))
        receipt = writer.finish()
        load(store, "replace", [ROWS.head(2)])
        with pytest.raises(ConflictError):
            task.commit(
                [receipt], request.state(watermark=None, receipts=[receipt], committed_at="")
            )
    assert len(by_duckdb(tmp_path / "t")) == 2


def test_another_generation_that_came_in_between_is_put_back(tmp_path: Path) -> None:
    """A program that does not heed the lock replaces the folder just before the exchange."""
    store, other = ParquetStore("t", path=tmp_path / "t"), tmp_path / "other"
    load(store, "replace", [ROWS])
    load(ParquetStore("t", path=other), "replace", [ROWS])
    load(ParquetStore("t", path=other), "replace", [ROWS.head(2)])
    real = local.exchange

    def exchange(left: Path, right: Path) -> None:
        if other.exists():
            local.remove_folder(right)
            other.rename(right)
        real(left, right)

    session, task, receipt, request = begun(store)
    local.exchange = exchange
    try:
        with pytest.raises(ConflictError):
            task.commit(
                [receipt], request.state(watermark=None, receipts=[receipt], committed_at="")
            )
    finally:
        local.exchange = real
    session.close()
    held = state_of(store)
    assert held is not None
    assert (held.generation, held.rows) == (2, 2)


def test_a_stage_of_a_living_load_is_left_alone(tmp_path: Path) -> None:
    store = ParquetStore("t", path=tmp_path / "t")
    session, task, receipt, request = begun(store)
    other, other_task, _, _ = begun(store, load_id="y" * 20)
    assert len([p for p in stage_root(tmp_path / "t").iterdir() if p.is_dir()]) == 2
    other_task.abort()
    other.close()
    commit = task.commit(
        [receipt], request.state(watermark=None, receipts=[receipt], committed_at="")
    )
    session.close()
    assert commit.rows == 1


@pytest.mark.parametrize("kind", [ParquetStore, CSVStore, NDJSONStore])
def test_files_that_are_not_ours_are_never_touched(tmp_path: Path, kind: Any) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "report.xlsx").write_text("precious")
    store = kind("t", path=folder)
    with pytest.raises(StateError, match=r"report\.xlsx") as caught:
        load(store, "replace", [ROWS])
    assert caught.value.hint
    (folder / "report.xlsx").rename(tmp_path / "report.xlsx")
    load(store, "replace", [ROWS])
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(StateError, match=r"notes\.txt"):
        load(store, "append", [ROWS])
    assert (folder / "notes.txt").read_text() == "precious"


def test_a_file_put_there_during_a_load_stops_it(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    store = ParquetStore("t", path=folder)
    load(store, "replace", [ROWS])

    def put(step: str) -> None:
        if step == "files.synced":
            (folder / "notes.txt").write_text("precious")

    set_hook(put)
    try:
        with pytest.raises(StateError, match=r"notes\.txt"):
            load(store, "append", [ROWS])
    finally:
        set_hook(None)
    assert (folder / "notes.txt").read_text() == "precious"


def test_dotfiles_of_others_are_carried_along(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / ".gitignore").write_text("*")
    store = ParquetStore("t", path=folder)
    for _ in range(3):
        load(store, "replace", [ROWS])
    assert (folder / ".gitignore").read_text() == "*"


def test_hidden_folders_and_links_of_others_are_carried_along(tmp_path: Path) -> None:
    """A repository, a notebook's checkpoints, a link to somewhere: none of them is ours to drop."""
    store = ParquetStore("t", path=tmp_path / "d")
    load(store, "replace", [ROWS])
    (tmp_path / "d" / ".git" / "refs").mkdir(parents=True)
    (tmp_path / "d" / ".git" / "refs" / "main").write_text("abc")
    (tmp_path / "d" / ".git" / "HEAD").symlink_to("refs/main")
    (tmp_path / "d" / ".latest").symlink_to("nowhere")
    (tmp_path / "d" / ".home").symlink_to(tmp_path, target_is_directory=True)
    modes: tuple[Mode, ...] = ("replace", "append")
    for mode in modes:
        load(store, mode, [ROWS])
        assert (tmp_path / "d" / ".git" / "HEAD").read_text() == "abc"
        assert (tmp_path / "d" / ".git" / "HEAD").is_symlink()
        assert (tmp_path / "d" / ".latest").readlink() == Path("nowhere")
        assert (tmp_path / "d" / ".home").is_symlink()


@pytest.mark.parametrize(
    "damage",
    ["part missing", "part cut", "state cut", "state gone", "state of nothing", "newer state"],
)
@pytest.mark.parametrize("kind", [ParquetStore, CSVStore])
def test_damage_is_an_error_with_a_way_out(tmp_path: Path, damage: str, kind: Any) -> None:
    folder = tmp_path / "t"
    store = kind("t", path=folder)
    load(store, "replace", [ROWS])
    part = next(folder.glob("part-*"))
    carrier = folder / store.form().carrier
    if damage == "part missing":
        part.unlink()
    elif damage == "part cut":
        part.write_bytes(part.read_bytes()[:-3])
    elif damage == "state cut":
        carrier.write_bytes(carrier.read_bytes()[:50])
    elif damage == "state gone":
        carrier.unlink()
    elif damage == "state of nothing" and kind is ParquetStore:
        ROWS.head(0).write_parquet(carrier)
    elif damage == "state of nothing":
        carrier.write_text("{}")
    elif kind is ParquetStore:
        ROWS.head(0).write_parquet(carrier, metadata={"hygge": '{"format_version": 999}'})
    else:
        carrier.write_text('{"format_version": 999}')
    there = sorted((p.name, p.read_bytes()) for p in folder.iterdir())
    for mode in ("replace", "append"):
        with pytest.raises(StateError) as caught:
            load(store, mode, [ROWS])  # type: ignore[arg-type]
        assert caught.value.hint
        assert "t" in caught.value.message
    assert sorted((p.name, p.read_bytes()) for p in folder.iterdir()) == there


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import polars as pl
from hygge.core.errors import ConnectError
from hygge.core.registry import lookup
from tests.files.driving import load
kind, folder, limit = sys.argv[1:]
rows = pl.DataFrame({"id": range(200_000)}).with_columns(text=pl.col("id").hash().cast(pl.String))
store = lookup("store", kind)("t", path=folder, part_rows=100_000)
load(store, "replace", [rows.head(10)])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    load(store, "replace", [rows])
except ConnectError as error:
    print("told:", error)
"""


@pytest.mark.parametrize("kind", ["parquet", "ipc", "csv", "ndjson"])
def test_no_room_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    """The limit on a file's size is the disk that is full; EFBIG, as ENOSPC, ends the write."""
    folder = tmp_path / "t"
    done = subprocess.run(
        [sys.executable, "-c", FULL, kind, str(folder), "100000"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "told:" in done.stdout
    assert "no room" in done.stdout
    from hygge.core.registry import lookup

    held = state_of(lookup("store", kind)("t", path=folder))
    assert held is not None
    assert held.rows == 10
    check_swept(folder)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectError) as caught:
        load(ParquetStore("t", path=tmp_path / "file" / "t"), "replace", [ROWS])
    assert caught.value.hint


def test_a_path_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("precious")
    with pytest.raises(StateError, match="is a file"):
        load(ParquetStore("t", path=tmp_path / "t"), "replace", [ROWS])
    assert (tmp_path / "t").read_text() == "precious"


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "t").symlink_to(tmp_path / "real")
    for _ in range(2):
        load(ParquetStore("t", path=tmp_path / "t"), "append", [ROWS])
    assert (tmp_path / "t").is_symlink()
    assert len(by_duckdb(tmp_path / "real")) == 6


@pytest.mark.parametrize("mode", ["replace", "append"])
@pytest.mark.parametrize("exchange", [True, False])
def test_who_lists_an_old_folder_never_finds_less(
    tmp_path: Path, mode: str, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that opened the folder before a load lists it afterwards: it sees the old names, and
    by them, in the new folder, all of the old rows or a part that is missing."""
    monkeypatch.setattr(local, "exchange", local.exchange)
    if not exchange:
        without_exchange()
    folder = tmp_path / "t"
    store = ParquetStore("t", path=folder)
    load(store, "append", [ROWS])
    load(store, "append", [ROWS])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        load(store, mode, [ROWS])
        listed = os.listdir(descriptor)
    finally:
        os.close(descriptor)
    parts = {name for name in before if name.startswith("part-")}
    assert len(parts) == 2
    # The state's name, which both generations have, must not be found alone.
    assert sorted(listed) == sorted(before if mode == "append" else parts)
    there = {name for name in parts if (folder / name).exists()}
    assert there == (parts if mode == "append" else set())
    assert all((folder / name).read_bytes() == before[name] for name in there)
    check_swept(folder)
