"""A full disk, a wrong path: what Delta and Iceberg say of it, and that nothing changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hygge import ConnectError, DeltaHome, DeltaStore, Home, IcebergHome, IcebergStore, Store
from hygge.core.context import Surroundings
from hygge.core.errors import HyggeError
from hygge.testing.loading import load_frames, state_of

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
