"""Every sample is planned as its snapshot says, and moves the demo's data."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.acceptance.support import Parquet, run

from hygge.cli.sample import write_sqlite, write_visits

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = sorted(p.name for p in SAMPLES.iterdir() if p.suffix == ".yaml" or p.is_dir())
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


@pytest.fixture
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A sample's configuration, in a folder with the demo's data."""
    name: str = request.param
    write_sqlite(tmp_path / "shop.db")
    write_visits(tmp_path / "visits.csv")
    if (SAMPLES / name).is_dir():
        shutil.copytree(SAMPLES / name, tmp_path, dirs_exist_ok=True)
        return "hygge.yml", tmp_path
    shutil.copy(SAMPLES / name, tmp_path)
    return name, tmp_path


def moved(config: str, folder: Path, *arguments: str) -> dict[str, tuple[str, int]]:
    """Run a sample; returns the status and rows of each entity."""
    run("--config", config, "go", "--report", "run.json", *arguments, cwd=folder)
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert not told["warnings"]
    return {e["entity"]: (e["status"], e["rows"]) for e in told["entities"]}


@pytest.mark.parametrize("sample", NAMES, indirect=True, ids=NAMES)
def test_the_plan(sample: tuple[str, Path], snapshot: SnapshotAssertion) -> None:
    config, folder = sample
    before = sorted(p.name for p in folder.iterdir())
    said = run("--config", config, "go", "--dry-run", cwd=folder).stdout
    assert re.sub(r"[ ]+$", "", said.replace(str(folder), "."), flags=re.MULTILINE) == snapshot
    assert sorted(p.name for p in folder.iterdir() if p.name != ".hygge") == before


@pytest.mark.parametrize("sample", NAMES, indirect=True, ids=NAMES)
def test_it_moves_the_data(request: pytest.FixtureRequest, sample: tuple[str, Path]) -> None:
    config, folder = sample
    first = moved(config, folder)
    assert first
    assert {status for status, _ in first.values()} == {"moved"}
    name = request.node.callspec.id
    if name in EXPECTED:
        assert {entity: rows for entity, (_, rows) in first.items()} == EXPECTED[name]
    again = moved(config, folder)
    assert again.keys() == first.keys()
    assert {status for status, _ in again.values()} <= {"moved", "unchanged"}


def test_what_the_shop_has_arrives(tmp_path: Path) -> None:
    write_sqlite(tmp_path / "shop.db")
    shutil.copy(SAMPLES / "sqlite_to_parquet.yaml", tmp_path)
    moved("sqlite_to_parquet.yaml", tmp_path)
    users = Parquet(tmp_path / "data" / "users")
    assert list(users.types) == ["id", "name", "email", "joined_at"]
    assert Parquet(tmp_path / "data" / "orders").types["total"] == "DECIMAL(18,4)"


def test_incremental_reads_leave_out_what_was_moved(tmp_path: Path) -> None:
    write_sqlite(tmp_path / "shop.db")
    shutil.copy(SAMPLES / "sqlite_incremental.yaml", tmp_path)
    moved("sqlite_incremental.yaml", tmp_path)
    again = moved("sqlite_incremental.yaml", tmp_path)
    assert again["orders"] == ("unchanged", 0)
    assert again["order_log"] == ("unchanged", 0)
    assert 0 < again["users"][1] < 20  # the two days of the lag
    for name, rows in (("orders", ORDERS), ("users", USERS), ("order_log", ORDERS)):
        assert Parquet(tmp_path / "data" / name).count == rows


def test_another_environment(tmp_path: Path) -> None:
    write_sqlite(tmp_path / "shop.db")
    shutil.copy(SAMPLES / "environments.yaml", tmp_path)
    found = moved("environments.yaml", tmp_path, "--env", "prod", "--select", "tag:nightly")
    assert found == {"shop.orders": ("moved", ORDERS)}
    assert Parquet(tmp_path / "data" / "prod" / "shop" / "orders").count == ORDERS


def test_every_sample_is_listed() -> None:
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"]({name}" in text
