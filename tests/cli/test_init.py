"""`hygge init`: the promised tree, twice the same, and nobody else's files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import duckdb
import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.support import hygge


def tree(folder: Path) -> dict[str, str]:
    """Each file below a folder, with a digest of what it holds."""
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_what_it_writes_and_says(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    done = hygge("init", "my-project", cwd=tmp_path)
    assert done.text == snapshot(name="said")
    root = tmp_path / "my-project"
    for name in ("hygge.yml", ".gitignore", "flows/example_flow/flow.yml"):
        assert (root / name).read_text(encoding="utf-8") == snapshot(name=name)
    for entity in ("users", "products", "orders", "order_items"):
        text = (root / f"flows/example_flow/entities/{entity}.yml").read_text(encoding="utf-8")
        assert text == snapshot(name=entity)


def test_the_same_every_time(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        hygge("init", "shop", cwd=tmp_path / place)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_what_it_says_next_works(tmp_path: Path) -> None:
    hygge("init", "my-project", cwd=tmp_path)
    root = tmp_path / "my-project"
    hygge("debug", cwd=root)
    hygge("go", cwd=root / "flows")  # from any folder below
    with duckdb.connect() as db:
        for entity in ("users", "products", "orders", "order_items"):
            source = f"{root}/data/source/{entity}.parquet"
            there = f"{root}/data/destination/{entity}/*.parquet"
            (rows,) = db.execute(f"SELECT count(*) FROM '{source}'").fetchall()
            assert db.execute(f"SELECT count(*) FROM '{there}'").fetchall() == [rows]
        rename = f"SELECT unit_price FROM '{root}/data/destination/order_items/*.parquet' LIMIT 1"
        assert db.execute(rename).fetchall()


def test_the_sample_has_what_copies_go_wrong_on(tmp_path: Path) -> None:
    hygge("init", "p", cwd=tmp_path)
    source = tmp_path / "p" / "data" / "source"
    with duckdb.connect() as db:

        def holds(question: str) -> bool:
            (answer,) = db.execute(question).fetchone() or (None,)
            return bool(answer)

        users, orders = f"'{source}/users.parquet'", f"'{source}/orders.parquet'"
        items, products = f"'{source}/order_items.parquet'", f"'{source}/products.parquet'"
        assert holds(f"SELECT bool_or(email IS NULL) FROM {users}")
        assert holds(f"SELECT bool_or(name = '') FROM {users}")
        assert holds(f"SELECT bool_or(name LIKE '%🕯️%') FROM {users}")
        assert holds(f"SELECT bool_or(balance < 0) FROM {users}")
        assert holds(f"SELECT bool_or(birthday = DATE '2000-02-29') FROM {users}")
        assert holds(f"SELECT bool_or(note LIKE '%' || chr(10) || '%') FROM {orders}")
        assert holds(f"SELECT bool_or(quantity < 0) FROM {items}")
        assert holds(f"SELECT bool_or(len(tags) = 0) FROM {products}")
        types = dict(
            db.execute(
                f"SELECT name, type FROM (SELECT column_name AS name, "
                f"column_type AS type FROM (DESCRIBE {orders}))"
            ).fetchall()
        )
        assert types["total"] == "DECIMAL(12,2)"
        assert types["ordered_at"] == "TIMESTAMP WITH TIME ZONE"
        unknown = f"SELECT count(*) FROM {orders} WHERE user_id NOT IN (SELECT id FROM {users})"
        assert db.execute(unknown).fetchall() == [(0,)]


def test_another_flows_folder(tmp_path: Path) -> None:
    hygge("init", "p", "--flows-dir", "pipelines/nightly", cwd=tmp_path)
    root = tmp_path / "p"
    flow = root / "pipelines" / "nightly" / "example_flow"
    assert (flow / "flow.yml").exists()
    assert not (root / "flows").exists()
    for file in (flow / "flow.yml", flow / "entities" / "users.yml", root / "hygge.yml"):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        schema = (file.parent / first.partition("$schema=")[2]).resolve()
        assert json.loads(schema.read_text(encoding="utf-8"))["$ref"].startswith("#/$defs/")
    hygge("go", cwd=root)


def test_into_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    done = hygge("init", ".", cwd=tmp_path / "here")
    assert "cd " not in done.out
    assert 'name: "here"' in (tmp_path / "here" / "hygge.yml").read_text(encoding="utf-8")
    hygge("go", cwd=tmp_path / "here")


def test_never_over_what_is_there(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    root = tmp_path / "p"
    hygge("init", "p", cwd=tmp_path)
    fresh = tree(root)
    (root / "hygge.yml").write_text("name: mine\n", encoding="utf-8")
    (root / "data" / "source" / "users.parquet").unlink()
    (root / "mine.txt").write_text("mine", encoding="utf-8")
    before = tree(root)
    assert hygge("init", "p", cwd=tmp_path, code=2).text == snapshot
    assert tree(root) == before
    hygge("init", "p", "--force", cwd=tmp_path)
    assert tree(root) == {**fresh, "mine.txt": before["mine.txt"]}


def test_a_folder_with_other_things_in_it_is_fine(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "README.md").write_text("mine", encoding="utf-8")
    hygge("init", "p", cwd=tmp_path)
    assert (tmp_path / "p" / "README.md").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["../up", "a/b", "", "-x", ".hidden", "spaced out", "x" * 101])
def test_a_bad_name_writes_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    hygge("init", "--", name, cwd=tmp_path / "in", code=2)
    assert list(tmp_path.rglob("*")) == [tmp_path / "in"]


@pytest.mark.parametrize("folder", ["/tmp/flows", "../flows", ".", "data", "a b"])
def test_a_bad_flows_folder_writes_nothing(folder: str, tmp_path: Path) -> None:
    done = hygge("init", "p", "--flows-dir", folder, cwd=tmp_path, code=2)
    assert "--flows-dir" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_that_name_is_left(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("mine", encoding="utf-8")
    hygge("init", "p", "--force", cwd=tmp_path, code=2)
    assert (tmp_path / "p").read_text(encoding="utf-8") == "mine"
