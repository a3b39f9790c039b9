"""`hygge ls`: what there is, as text, as JSON, and where each value came from."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from syrupy.assertion import SnapshotAssertion
from tests.cli.support import environment, hygge, numbers, project

FLOW = """\
home: {type: parquet, path: "{env.base}/source"}
store: {type: parquet, path: lake}
key_column: id
entities:
  - {name: users, tags: [nightly, crm]}
  - {name: orders, mode: merge, incremental: {column: id}}
  - {name: old, enabled: false}
"""
EXTRA = """\
environments:
  dev: {base: .}
  prod: {base: /srv}
environment: dev
defaults: {retries: 1}
"""


def test_the_list(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    root = project(tmp_path, flow=FLOW, extra=EXTRA)
    assert hygge("ls", cwd=root / "flows" / "main").text == snapshot(name="plain")
    assert hygge("ls", "--verbose", cwd=root).text == snapshot(name="verbose")
    assert "/srv/source/users" in hygge("ls", "--env", "prod", cwd=root).out


def test_as_json(tmp_path: Path) -> None:
    root = project(tmp_path, flow=FLOW, extra=EXTRA)
    users, orders, old = json.loads(hygge("ls", "--output", "json", cwd=root).out)
    assert users["entity"] == "main.users"
    assert users["tags"] == ["nightly", "crm"]
    assert (orders["mode"], orders["incremental"]) == ("merge", "id")
    assert (users["enabled"], old["enabled"]) == (True, False)
    assert users["from"]["type"] == "parquet"
    (first, *_) = json.loads(hygge("ls", "--output", "json", "--verbose", cwd=root).out)
    assert first["settings"]["retries"] == {"value": "1", "location": "hygge.yml:7:21"}


def test_a_project_without_flows(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    (tmp_path / "hygge.yml").write_text("name: empty\n", encoding="utf-8")
    assert hygge("ls", cwd=tmp_path).text == snapshot
    assert json.loads(hygge("ls", "--output", "json", cwd=tmp_path).out) == []


def test_flows_that_match_no_table(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        db.execute("CREATE TABLE users (id INTEGER)")
    flow = (
        "home: {type: sqlite, path: shop.db}\nstore: {type: parquet, path: lake}\n"
        "tables: ['usres', 'o*']\n"
    )
    said = hygge("ls", cwd=project(tmp_path, flow=flow)).out
    assert "moves nothing: no table matches usres, o*." in said
    assert "hint: `hygge discover` shows the tables" in said


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    names = ", ".join(f"entity_with_a_long_name_{n:04d}" for n in range(1_500))
    flow = (
        "home: {type: parquet, path: source}\nstore: {type: parquet, path: lake}\n"
        f"entities: [{names}]\n"
    )
    root = project(tmp_path, flow=flow)
    command = f"set -o pipefail; {sys.executable} -m hygge ls | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=root, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("entity ")


def test_a_run_goes_on_when_its_reader_goes_away(tmp_path: Path) -> None:
    for name in ("users", "orders"):
        numbers(tmp_path / "source" / f"{name}.parquet")
    flow = (
        "home: {type: parquet, path: source}\nstore: {type: parquet, path: lake}\n"
        "entities: [users, orders]\n"
    )
    root = project(tmp_path, flow=flow)
    command = f"set -o pipefail; {sys.executable} -m hygge go | true"
    done = subprocess.run(
        ["bash", "-c", command], cwd=root, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (root / "lake" / "orders").is_dir()


def test_secrets_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SHOP_URL=postgresql://me:hunter2hunter2@db/shop\n")
    flow = "home: {type: sql, connection: shop}\nstore: {type: parquet, path: lake}\n"
    extra = "connections:\n  shop: {type: sql, url: '${SHOP_URL}'}\n"
    root = project(tmp_path, flow=flow + "entities: [users]\n", extra=extra)
    for arguments in (("ls",), ("ls", "-v"), ("ls", "--output", "json", "-v"), ("debug",)):
        done = hygge(*arguments, cwd=root, code=None)
        assert "main.users" in done.out
        assert "hunter2" not in done.out + done.err
