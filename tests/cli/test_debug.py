"""`hygge debug`: what works, what does not, and how to mend it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.support import FILES, hygge, numbers, project

from hygge.cli.debug import Check, _show_checks


def test_all_well(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    numbers(tmp_path / "source" / "orders.parquet", rows=1)
    root = project(tmp_path, flow=FILES)
    assert hygge("debug", cwd=root).text == snapshot(name="before")
    assert not (root / "lake").exists()
    hygge("go", cwd=root)
    assert hygge("debug", "--verbose", cwd=root).text == snapshot(name="after")


def test_what_cannot_be_reached_is_1(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    root = project(tmp_path, flow=FILES + "columns: [id, nmae]\n")
    assert hygge("debug", cwd=root, code=1).text == snapshot


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("rename: {nme: x}", "`rename` names 'nme'"),
        ("cast: {nme: int64}", "`cast` names 'nme'"),
        ("mode: merge\nkey_column: nme", "`key_column` names 'nme'"),
        ("mode: append\nincremental: {column: nme}", "`incremental` names 'nme'"),
        ("mode: append\nincremental: {column: name}", "'name' is string; a watermark needs"),
    ],
)
def test_columns_that_go_would_stumble_over(setting: str, said: str, tmp_path: Path) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    root = project(tmp_path, flow=FILES.replace("  - orders\n", "") + f"{setting}\n")
    assert f"from source/users: error: {said}" in hygge("debug", cwd=root, code=1).out


def test_nothing_is_not_all_well(tmp_path: Path) -> None:
    (tmp_path / "hygge.yml").write_text("flows: {}\n", encoding="utf-8")
    assert "Nothing to move: there is no entity." in hygge("debug", cwd=tmp_path).out


def test_what_is_misconfigured_is_2(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    flow = FILES.replace(
        "  - orders", "  - {name: users, moed: merge}\n  - {name: x, mode: append}"
    )
    assert hygge("debug", cwd=project(tmp_path, flow=flow), code=2).text == snapshot


def test_tables_that_cannot_be_listed(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    flow = "home: {type: sqlite, path: no.db}\nstore: {type: parquet, path: lake}\ntables: ['*']\n"
    assert hygge("debug", cwd=project(tmp_path, flow=flow), code=1).text == snapshot


def test_a_damaged_journal_is_told(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    root = project(tmp_path, flow=FILES.replace("  - orders\n", ""))
    (root / ".hygge").mkdir()
    (root / ".hygge" / "journal.db").write_text("not a database at all " * 50)
    assert hygge("debug", cwd=root, code=1).text == snapshot


def test_a_destination_that_is_anothers_is_told(tmp_path: Path) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    numbers(tmp_path / "lake" / "users" / "mine.parquet")
    root = project(tmp_path, flow=FILES.replace("  - orders\n", ""))
    done = hygge("debug", cwd=root, code=1)
    assert "hint:" in done.out
    assert (tmp_path / "lake" / "users" / "mine.parquet").exists()


def test_a_destination_that_was_loaded_otherwise_is_told(tmp_path: Path) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    numbers(tmp_path / "other" / "users.parquet")
    root = project(tmp_path, flow=FILES.replace("  - orders\n", ""))
    hygge("go", cwd=root)
    flow = root / "flows" / "main" / "flow.yml"
    flow.write_text(flow.read_text().replace("path: source", "path: other"), encoding="utf-8")
    done = hygge("debug", cwd=root, code=1)
    assert "holds 'main.users' as it was configured differently" in done.out
    assert "replaces it; or give this entity another destination" in done.out


def test_tables_are_looked_up(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as db:
        db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE tmp_x (id INTEGER PRIMARY KEY)")
    db.close()
    flow = (
        "home: {type: sqlite, path: shop.db}\nstore: {type: parquet, path: lake}\n"
        "tables: ['main.*', '!main.tmp_*']\n"
    )
    done = hygge("debug", cwd=project(tmp_path, flow=flow))
    assert "main.users" in done.out
    assert "tmp_x" not in done.out


def test_whom_a_database_takes_us_for_is_told_once_of_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan: Any = type("Plan", (), {"full_name": "sales"})
    introduced: set[tuple[str, str]] = set()
    for place in ("postgres:a/shop#t", "postgres:a/shop#u", "postgres:b/shop#t"):
        check = Check("from", place, "1 column", "'app', on PostgreSQL 17.2")
        _show_checks(plan, [check], introduced, verbose=False)
    told = [line for line in capsys.readouterr().out.splitlines() if "known there as 'app'" in line]
    assert [line.split()[1] for line in told] == ["postgres:a/shop#t:", "postgres:b/shop#t:"]


def test_a_variable_that_is_not_set_is_told_once_where_it_stands(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        flow="home: {type: postgres, connection: shop, table: t}\nstore: {type: parquet}\n",
        extra="connections: {shop: {type: postgres, url: '${SHOP_URL}'}}\n",
    )
    for command in ("go", "debug"):
        said = hygge(command, cwd=root, code=2).text
        assert said.count("the environment variable SHOP_URL is not set") == 1
        assert "hygge.yml:3:" in said
