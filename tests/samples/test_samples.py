"""Every sample is planned as its snapshot says, and moves the demo's data."""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import pytest
from syrupy.assertion import SnapshotAssertion
from tests.acceptance.support import Parquet

from hygge import Coordinator, RunOptions
from hygge.cli.render import plan_text
from hygge.cli.sample import write_sqlite, write_visits

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = sorted(p.name for p in SAMPLES.iterdir() if p.suffix == ".yaml" or p.is_dir())
LOCAL = [name for name in NAMES if not name.startswith("mssql_")]
"""Those that need no server; of SQL Server's see test_mssql.py."""
ORDERS, USERS, VISITS = 2_000, 400, 5_000
EXPECTED = {
    "csv_to_parquet.yaml": {"visits": VISITS},
    "custom": {"readings": 3, "readings_in_parquet": 7},
    "environments.yaml": {"shop.users": USERS, "shop.orders": ORDERS},
    "files_to_files.yaml": {"to_parquet": VISITS, "to_ndjson": VISITS, "to_ipc": VISITS},
    "sql_to_parquet.yaml": {"orders": ORDERS},
    "sqlite_incremental.yaml": {"orders": ORDERS, "users": USERS, "order_log": ORDERS},
    "sqlite_to_parquet.yaml": {"users": USERS, "orders": ORDERS},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the demo's data, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("HYGGE_ENV", "SHOP_URL", "SHOP_DATABASE", "LAKE"):
        monkeypatch.delenv(name, raising=False)
    write_sqlite(tmp_path / "shop.db")
    write_visits(tmp_path / "visits.csv")
    return tmp_path


def placed(name: str, folder: Path) -> Path:
    """Copy a sample into the folder; returns its configuration."""
    if (SAMPLES / name).is_dir():
        shutil.copytree(SAMPLES / name, folder, dirs_exist_ok=True)
        return folder / "hygge.yml"
    return Path(shutil.copy(SAMPLES / name, folder))


def moved(config: Path, options: RunOptions | None = None) -> dict[str, tuple[str, int]]:
    """Run a sample; returns the status and rows of each entity."""
    result = Coordinator(config_path=config, options=options).run_sync()
    assert not result.has_warnings
    return {e.entity: (e.status, e.rows) for e in result.entities}


@pytest.mark.parametrize("name", NAMES)
def test_the_plan(name: str, folder: Path, snapshot: SnapshotAssertion) -> None:
    config = placed(name, folder)
    before = sorted(folder.iterdir())
    plans = Coordinator(config_path=config).checked_plan()
    said = "\n\n".join(click.unstyle(plan_text(plan)) for plan in plans)
    assert said == snapshot
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", LOCAL)
def test_it_moves_the_data(name: str, folder: Path) -> None:
    config = placed(name, folder)
    first = moved(config)
    assert first
    assert {status for status, _ in first.values()} == {"moved"}
    if name in EXPECTED:
        assert {entity: rows for entity, (_, rows) in first.items()} == EXPECTED[name]
    again = moved(config)
    assert again.keys() == first.keys()
    assert {status for status, _ in again.values()} <= {"moved", "unchanged"}


def test_what_the_shop_has_arrives(folder: Path) -> None:
    moved(placed("sqlite_to_parquet.yaml", folder))
    users = Parquet(folder / "data" / "users")
    assert list(users.types) == ["id", "name", "email", "joined_at"]
    assert Parquet(folder / "data" / "orders").types["total"] == "DECIMAL(18,4)"


def test_incremental_reads_leave_out_what_was_moved(folder: Path) -> None:
    config = placed("sqlite_incremental.yaml", folder)
    moved(config)
    again = moved(config)
    assert again["orders"] == ("unchanged", 0)
    assert again["order_log"] == ("unchanged", 0)
    assert 0 < again["users"][1] < 20  # the two days of the lag
    for name, rows in (("orders", ORDERS), ("users", USERS), ("order_log", ORDERS)):
        assert Parquet(folder / "data" / name).count == rows


def test_another_environment(folder: Path) -> None:
    options = RunOptions(env="prod", select=("tag:nightly",))
    found = moved(placed("environments.yaml", folder), options)
    assert found == {"shop.orders": ("moved", ORDERS)}
    assert Parquet(folder / "data" / "prod" / "shop" / "orders").count == ORDERS


def test_every_sample_is_listed() -> None:
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"]({name}" in text
