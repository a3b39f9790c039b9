"""A full disk, a wrong path: what Delta and Iceberg say of it, and that nothing changed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hygge import (
    ConnectError,
    DataError,
    DeltaHome,
    DeltaStore,
    Home,
    IcebergHome,
    IcebergStore,
    StateError,
    Store,
)
from hygge.core.context import Context, Surroundings
from hygge.core.errors import HyggeError
from hygge.core.fields import Schema
from hygge.lake.faults import telling
from hygge.lake.shelf import Folder, Shelf
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

FULL = """
import resource, sys
import polars as pl
from hygge.core.context import Surroundings
from hygge.core.errors import HyggeError
from hygge.core.registry import lookup
from hygge.testing.loading import load_frames

kind, folder, limit = sys.argv[1:]
rows = pl.DataFrame({"k": range(200_000)}).select(k="k", v=pl.col("k").hash().cast(pl.String))
store = lookup("store", kind)("t", path=folder, compression="uncompressed").bind(Surroundings())
load_frames(store, [rows.head(10)], "replace")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    load_frames(store, [rows], "replace")
except HyggeError as error:
    print(type(error).__name__, "told:", error, "hint:", error.hint)
"""
STORES = {"delta": DeltaStore, "iceberg": IcebergStore}
HOMES = {"delta": DeltaHome, "iceberg": IcebergHome}


def bound(kind: Callable[..., Any], path: Path) -> Any:
    return kind("t", path=path).bind(Surroundings(root=path.parent))


@pytest.mark.parametrize("kind", STORES)
def test_no_room_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    """The limit on a file's size is the disk that is full; EFBIG, as ENOSPC, ends the write."""
    folder = tmp_path / "t"
    done = subprocess.run(
        [sys.executable, "-c", FULL, kind, str(folder), "1000000"],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ConnectError told:" in done.stdout and "no room" in done.stdout
    assert "hint: free some space" in done.stdout
    held = state_of(bound(STORES[kind], folder))
    assert held is not None and held.rows == 10
    left = [path for path in folder.rglob("*.parquet") if path.stat().st_size > 100_000]
    assert left == []


@pytest.mark.parametrize("kind", STORES.values())
@pytest.mark.parametrize("below", [False, True])
def test_a_path_that_is_a_file(tmp_path: Path, kind: type[Store], below: bool) -> None:
    path = tmp_path / "t"
    path.write_text("not a folder")
    store: Store = bound(kind, path / "below" if below else path)
    with pytest.raises(ConnectError, match="is a file") as caught:
        load_frames(store, [pl.DataFrame({"k": [1]})], "replace")
    assert caught.value.hint and not caught.value.retryable
    assert path.read_text() == "not a folder"


@pytest.mark.parametrize("kind", [DeltaHome, IcebergHome])
@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_home_whose_path_is_wrong(tmp_path: Path, kind: type[Home], name: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConnectError) as caught:
        list(bound(kind, tmp_path / name).read_sync())
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_catalog_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("not a database, but long enough to be taken for one")
    with pytest.raises(HyggeError) as caught:
        state_of(bound(IcebergStore, tmp_path))
    assert isinstance(caught.value, ConnectError) and caught.value.hint


def test_a_catalog_whose_driver_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyhive", None)
    monkeypatch.setitem(sys.modules, "hive_metastore", None)
    store: Any = IcebergStore("t", catalog={"type": "hive", "uri": "thrift://127.0.0.1:9"})
    with pytest.raises(ConnectError, match="hive") as caught:
        state_of(store.bind(Surroundings()))
    assert caught.value.hint


FULL_AT_COMMIT = """
import resource, sys
from pathlib import Path
import polars as pl
from hygge.core.context import Surroundings
from hygge.core.errors import HyggeError
from hygge.core.registry import lookup
from hygge.testing.loading import load_frames
from pyiceberg.catalog import load_catalog

kind, folder = sys.argv[1:]
rows = pl.DataFrame({"k": range(100), "p": range(100)})
store = lookup("store", kind)("t", path=folder, partition_by=["p"]).bind(Surroundings())
load_frames(store, [rows.head(10)], "replace")
if kind == "iceberg":
    uri = f"sqlite:///{folder}/catalog.db"
    with load_catalog("hygge", type="sql", uri=uri) as catalog:
        with catalog.load_table("default.t").transaction() as change:
            change.set_properties({"long": "x" * 30_000})
    rows = rows.head(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    load_frames(store, [rows], "append")
except HyggeError as error:
    print(type(error).__name__, "told:", error, "hint:", error.hint)
"""
"""What a commit writes is larger than the limit: of Delta an entry of a hundred files, of Iceberg a
property; and no file before it is."""


@pytest.mark.parametrize("kind", STORES)
def test_no_room_for_the_commit_alone(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "t"
    done = subprocess.run(
        [sys.executable, "-c", FULL_AT_COMMIT, kind, str(folder)],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ConnectError told:" in done.stdout and "no room" in done.stdout
    assert "nothing was published" in done.stdout and "hint: free some space" in done.stdout
    held = state_of(bound(STORES[kind], folder))
    assert held is not None and held.rows == 10
    assert len(list(folder.rglob("*.parquet"))) == 10


def two_files(kind: str, folder: Path) -> tuple[Any, Path]:
    """A table of keys 0 to 9 and 10 to 19, and the file of the first ones."""
    store = bound(STORES[kind], folder / "t")
    load_frames(store, [some(0)], "append")
    (first,) = folder.rglob("*.parquet")
    load_frames(store, [some(10)], "append")
    return store, first


def some(first: int) -> pl.DataFrame:
    return pl.DataFrame({"k": range(first, first + 10)})


@pytest.mark.parametrize("kind", STORES)
def test_a_data_file_that_is_gone_is_told_before_anything_is_loaded(
    tmp_path: Path, kind: str
) -> None:
    store, first = two_files(kind, tmp_path)
    first.unlink()
    before = sorted(tmp_path.rglob("*"))
    for mode in ("append", "merge", "delete_insert"):
        with pytest.raises(StateError, match="1 of the 2 data files") as caught:
            load_frames(store, [some(30)], mode, [] if mode == "append" else ["k"])
        assert first.name in str(caught.value) and not caught.value.retryable
        assert "--full-refresh" in (caught.value.hint or "")
    assert sorted(tmp_path.rglob("*")) == before
    assert load_frames(store, [some(0)], "replace").rows == 10


@pytest.mark.parametrize("kind", STORES)
def test_a_data_file_that_goes_before_a_merge_reads_it(tmp_path: Path, kind: str) -> None:
    store, first = two_files(kind, tmp_path)
    with store.open(Context()) as session:
        fields = Schema.of(some(0))
        load = session.begin(request_for(session.state(), fields, "merge", ["k"]))
        receipt = write(load, [some(5)])
        first.unlink()
        with pytest.raises(DataError, match=f"not there: .*{first.name}") as caught:
            commit(load, [receipt])
    assert caught.value.hint and not caught.value.retryable
    held = state_of(store)
    assert held is not None and (held.generation, held.rows) == (2, 20)


class Shelved(Folder):
    """A folder that is listed, as a place elsewhere is."""

    amiss = Shelf.amiss


@pytest.mark.parametrize("kind", [Folder, Shelved])
def test_which_files_are_amiss(tmp_path: Path, kind: type[Folder]) -> None:
    shelf = kind(tmp_path)
    for name in ("a/x.parquet", "b/c/y.parquet", "z.parquet"):
        shelf.write(name, b"1")
    sizes = {"b/c/y.parquet": 1, "b/no/y.parquet": 1, "b/c/no.parquet": 1}
    assert list(shelf.amiss(sizes).items()) == [("b/c/no.parquet", None), ("b/no/y.parquet", None)]
    sizes = {"z.parquet": 1, "a/x.parquet": 2, "a/x.parquet/y": 1}
    assert shelf.amiss(sizes) == {"a/x.parquet": 1, "a/x.parquet/y": None}
    assert shelf.amiss({}) == {}


@pytest.mark.parametrize("kind", STORES)
def test_a_data_file_that_is_cut_is_told_before_anything_is_loaded(
    tmp_path: Path, kind: str
) -> None:
    store, first = two_files(kind, tmp_path)
    whole = first.read_bytes()
    first.write_bytes(whole[:-10])
    before = sorted(tmp_path.rglob("*"))
    for mode in ("append", "merge"):
        with pytest.raises(StateError, match=r"1 of the 2 .* are not as long") as caught:
            load_frames(store, [some(30)], mode, [] if mode == "append" else ["k"])
        told = f"{first.name} ({len(whole) - 10:,} bytes, not {len(whole):,})"
        assert told in str(caught.value) and not caught.value.retryable
        assert "--full-refresh" in (caught.value.hint or "")
    assert sorted(tmp_path.rglob("*")) == before
    assert load_frames(store, [some(0)], "replace").rows == 10


@pytest.mark.parametrize("kind", HOMES)
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: file.unlink(), r"1 of the 2 data files .* are not there: \S*{name}$"),
        (lambda file: file.write_bytes(file.read_bytes()[:-10]),
         r"1 of the 2 data files .* are not as long as it says: \S*{name} \([\d,]+ bytes, not "),
        (lambda file: file.write_bytes(b""), r"are not as long .*{name} \(0 bytes, not "),
        (lambda file: file.write_bytes(b"x" * file.stat().st_size), r"t cannot be read: "),
    ],
    ids=["gone", "cut", "empty", "other bytes"],
)  # fmt: skip
def test_a_home_names_the_data_file_that_is_not_whole(
    tmp_path: Path, kind: str, spoil: Callable[[Path], None], told: str
) -> None:
    _, first = two_files(kind, tmp_path)
    spoil(first)
    with pytest.raises(DataError) as caught:
        list(bound(HOMES[kind], tmp_path / "t").read_sync())
    assert re.search(told.format(name=first.name), caught.value.message)
    assert caught.value.hint and not caught.value.retryable


def test_a_cloud_without_credentials_is_told_as_that() -> None:
    """delta-rs says it in its second line, after one that is of no help."""
    said = (
        "Kernel error -> Operation not supported\n  an error occurred while loading credentials\n"
    )
    expected = pytest.raises(ConnectError, match="s3://b/x: there are no credentials")
    with expected as caught, telling("s3://b/x"):
        raise OSError(said)
    assert "`connection:`" in str(caught.value.hint)
