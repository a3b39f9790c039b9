"""Whole runs of projects that settle into Fabric, by a stand-in for OneLake."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.fabric.onelake import Held
from tests.fabric.test_onelake import around, fabric, mirrored

from hygge import ConfigError, Coordinator, ParquetHome, RunOptions
from hygge.core.context import Surroundings

__all__ = ["around", "fabric"]

PROJECT = """\
connections:
  fabric: {{type: azure, auth: managed_identity, endpoint: "http://127.0.0.1:{port}/onelake"}}
flows:
  shop:
    home: {{type: sqlite, path: shop.db}}
    store:
      type: open_mirroring
      connection: fabric
      landing_zone: https://onelake.dfs.fabric.microsoft.com/ws/db/Files/LandingZone
      table: sales.t
    mode: merge
    key_column: id
    incremental: {{column: rev}}
    deleted_when: gone = 1
    deletes: {deletes}
    entities: [t]
"""


def project(folder: Path, fabric: Held, deletes: str = "{mode: hard}") -> Path:
    path = folder / "hygge.yml"
    path.write_text(PROJECT.format(port=fabric.port, deletes=deletes))
    return path


def change(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "shop.db") as base:
        for statement in statements:
            base.execute(statement)
    base.close()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    change(
        tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, gone INTEGER, rev INTEGER)",
        "INSERT INTO t VALUES (1, 'a', 0, 1), (2, 'b', 0, 2), (3, 'c', 0, 3)",
    )  # fmt: skip
    return tmp_path


def run(path: Path, **options: Any) -> Any:
    (entity,) = Coordinator(config_path=path, options=RunOptions(**options)).run_sync().entities
    return entity


def test_changes_and_deletes(shop: Path, fabric: Held, around: Surroundings) -> None:
    path = project(shop, fabric)
    run(path)
    assert mirrored(fabric) == [(1, "a", 0, 1), (2, "b", 0, 2), (3, "c", 0, 3)]
    change(
        shop, "UPDATE t SET v = 'new', rev = 4 WHERE id = 1",
        "UPDATE t SET gone = 1, rev = 5 WHERE id = 2", "INSERT INTO t VALUES (4, 'd', 0, 6)",
    )  # fmt: skip
    run(path)
    expected = [(1, "new", 0, 4), (3, "c", 0, 3), (4, "d", 0, 6)]
    assert mirrored(fabric) == expected
    before = set(fabric.files)
    run(path)
    assert set(fabric.files) == before, "there was nothing new"
    run(path, full_refresh=True)
    assert mirrored(fabric) == expected
    change(shop, "INSERT INTO t VALUES (5, 'e', 0, 7)")
    run(path)
    assert mirrored(fabric) == [*expected, (5, "e", 0, 7)]


def test_what_a_landing_zone_cannot_do_is_refused_at_once(
    shop: Path, fabric: Held, around: Surroundings
) -> None:
    path = project(shop, fabric, "{mode: hard, find: keys}")
    with pytest.raises(ConfigError, match="comparing keys"):
        run(path)
    assert fabric.asked == []


ONELAKE = """\
connections:
  fabric: {{type: azure, auth: managed_identity, endpoint: "http://127.0.0.1:{port}/onelake"}}
flows:
  tables:
    home: {{type: sqlite, path: shop.db}}
    store: {{type: onelake, connection: fabric, workspace: ws, item: shop.Lakehouse}}
    mode: merge
    key_column: id
    entities: [t]
  files:
    home: {{type: sqlite, path: shop.db}}
    store:
      {{type: onelake, connection: fabric, workspace: ws, item: shop.Lakehouse, files: landing}}
    entities: [t]
"""


def test_tables_and_files(shop: Path, fabric: Held, around: Surroundings) -> None:
    path = shop / "hygge.yml"
    path.write_text(ONELAKE.format(port=fabric.port))
    for _ in range(2):
        result = Coordinator(config_path=path).run_sync()
        assert [(e.status, e.rows) for e in result.entities] == [("moved", 3), ("moved", 3)]
    change(shop, "UPDATE t SET v = 'new' WHERE id = 1")
    assert Coordinator(config_path=path).run_sync().status == "ok"
    root = "abfss://ws@onelake.dfs.fabric.microsoft.com/shop.Lakehouse"
    files = ParquetHome("t", path=f"{root}/Files/landing/t", connection="fabric").bind(around)
    assert sorted(pl.concat(files.read_sync()).rows()) == [
        (1, "new", 0, 1), (2, "b", 0, 2), (3, "c", 0, 3),
    ]  # fmt: skip
    commits = [p for p in fabric.files if "Tables/t/_delta_log/" in p]
    assert len(commits) == 3
