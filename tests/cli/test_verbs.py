"""The smaller verbs: journal, move, demo, compact, schema."""

from __future__ import annotations

import json
import sqlite3
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.support import FILES, hygge, numbers, project


def ask(question: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as db:
        return db.execute(question).fetchall()


def test_the_journal(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    numbers(tmp_path / "source" / "users.parquet", rows=1_000)
    root = project(tmp_path, flow=FILES + "retries: 0\n")
    assert hygge("journal", cwd=root).text == snapshot(name="empty")
    hygge("journal", "last", cwd=root, code=2)
    hygge("go", cwd=root, code=1)
    assert hygge("journal", cwd=root).text == snapshot(name="list")
    assert hygge("journal", "last", cwd=root).text == snapshot(name="one")
    (listed,) = json.loads(hygge("journal", "--output", "json", cwd=root).out)
    one = json.loads(hygge("journal", listed["run_id"], "--output", "json", cwd=root).out)
    assert one["counts"] == {"moved": 1, "failed": 1}
    assert [e["status"] for e in one["entities"]] == ["moved", "failed"]
    assert one["entities"][0]["proof"]["source"] == 1_000
    assert "no run is called 'x'" in hygge("journal", "x", cwd=root, code=2).err


def test_losing_the_journal_loses_only_history(tmp_path: Path) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    flow = (
        FILES.replace("  - orders\n", "")
        + "mode: merge\nkey_column: id\nincremental: {column: id}\n"
    )
    root = project(tmp_path, flow=flow)
    hygge("go", cwd=root)
    for file in (root / ".hygge").glob("journal.db*"):
        file.unlink()
    done = hygge("go", cwd=root)
    assert "nothing new" in done.out
    assert ask(f"SELECT count(*) FROM '{root}/lake/users/*.parquet'") == [(3,)]


def test_a_damaged_journal_does_not_pass_for_success(
    tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    root = project(tmp_path, flow=FILES.replace("  - orders\n", ""))
    (root / ".hygge").mkdir()
    (root / ".hygge" / "journal.db").write_text("not a database at all " * 50)
    assert hygge("go", cwd=root, code=1).text == snapshot


def test_move_a_table(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as db:
        db.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, total NUMERIC(10,2), ordered DATETIME)"
        )
        db.execute("INSERT INTO orders VALUES (1, 12.5, '2024-02-29 12:00:00'), (2, NULL, NULL)")
    db.close()
    done = hygge("move", "sqlite:///shop.db#orders", "data/orders", cwd=tmp_path)
    assert done.text == snapshot
    there = f"'{tmp_path}/data/orders/*.parquet'"
    assert ask(f"SELECT id, total::VARCHAR, ordered::VARCHAR FROM {there} ORDER BY id") == [
        (1, "12.50", "2024-02-29 12:00:00"), (2, None, None),
    ]  # fmt: skip
    assert not (tmp_path / ".hygge").exists()
    hygge("move", "-q", "sqlite:///shop.db#orders", "data/orders", cwd=tmp_path)
    assert ask(f"SELECT count(*) FROM {there}") == [(2,)]


def test_move_through_every_kind(tmp_path: Path) -> None:
    numbers(tmp_path / "in" / "n.parquet", rows=7)
    steps = ("in/n.parquet", "csv://a", "ndjson://b", "ipc://c", "sqlite:///d.db#n", "e")
    for source, destination in pairwise(steps):
        hygge("move", "--quiet", source, destination, cwd=tmp_path)
    question = f"SELECT id, name FROM '{tmp_path}/{{}}' ORDER BY id"
    assert ask(question.format("e/*.parquet")) == ask(question.format("in/n.parquet"))


@pytest.mark.parametrize(
    ("source", "destination", "said"),
    [
        ("shop.db", "out", "shop.db#orders"),
        ("no.db#orders", "out", "no.db"),
        ("in.parquet", "out.csv", "csv://out"),
        ("in.xyz", "out", "known endings"),
        ("gopher://x/y", "out", "no source that is known"),
        ("in.parquet", "parquet://", "names no path"),
    ],
)
def test_move_says_what_would_do(source: str, destination: str, said: str, tmp_path: Path) -> None:
    numbers(tmp_path / "in.parquet")
    done = hygge("move", source, destination, cwd=tmp_path, code=None)
    assert done.code in (1, 2)
    assert said in done.out + done.err
    assert not (tmp_path / "out").exists()
    assert "--retry-failed" not in done.out  # no run of a project failed


def test_the_demo(tmp_path: Path) -> None:
    done = hygge("demo", cwd=tmp_path)
    assert "Moved all of 5 entities" in done.out
    assert "What arrived" in done.out
    assert "decimal[12,2]" in done.out
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_kept(tmp_path: Path) -> None:
    done = hygge("demo", "--keep", "shop", cwd=tmp_path)
    root = tmp_path / "shop"
    assert "  cd shop\n  hygge go       # again" in done.out
    with sqlite3.connect(root / "shop.db") as db:
        ((total,),) = db.execute("SELECT printf('%.2f', sum(total)) FROM orders")
    db.close()
    there = f"'{root}/lake/shop/orders/*.parquet'"
    assert ask(f"SELECT sum(total)::VARCHAR FROM {there}") == [(total,)]
    assert ask(f"SELECT count(*) FROM {there} WHERE note IS NULL") != [(0,)]
    visits = f"'{root}/lake/visits/*.parquet'"
    assert ask(f"SELECT count(*), count(seconds) < count(*) FROM {visits}") == [(5_000, True)]
    hygge("go", cwd=root)
    hygge("demo", "--keep", "shop", cwd=tmp_path, code=2)


def test_compact(tmp_path: Path) -> None:
    flow = FILES.replace("  - orders\n", "") + "mode: append\nincremental: {column: id}\n"
    root = project(tmp_path, flow=flow)
    for turn in range(1, 4):
        numbers(root / "source" / "users.parquet", rows=turn * 10)
        hygge("go", "-q", cwd=root)
    there = root / "lake" / "users"
    rows = ask(f"SELECT id, name FROM '{there}/*.parquet' ORDER BY id")
    before = len(list(there.glob("part-*.parquet")))
    assert before == 3
    done = hygge("compact", "users", cwd=root)
    assert "3 files are now 1" in done.out
    assert len(list(there.glob("part-*.parquet"))) == 1
    assert ask(f"SELECT id, name FROM '{there}/*.parquet' ORDER BY id") == rows
    assert "well filled" in hygge("compact", cwd=root).out
    numbers(root / "source" / "users.parquet", rows=40)
    hygge("go", cwd=root)
    assert ask(f"SELECT count(*) FROM '{there}/*.parquet'") == [(40,)]
    assert "did you mean" in hygge("compact", "usres", cwd=root, code=2).err


def test_compact_where_there_is_nothing_to_join(tmp_path: Path) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    flow = FILES.replace("  - orders\n", "").replace(
        "{type: parquet, path: lake}", "{type: sqlite, path: out.db}"
    )
    root = project(tmp_path, flow=flow)
    hygge("go", "-q", cwd=root)
    assert "has no files to join" in hygge("compact", cwd=root).out


@pytest.mark.parametrize("kind", ["project", "flow", "entity"])
def test_the_schema(kind: str, tmp_path: Path) -> None:
    schema = json.loads(hygge("schema", kind, cwd=tmp_path).out)
    assert schema["$ref"] == f"#/$defs/{kind}"


FORGETFUL = '''
"""Takes the journal's tables away while it reads."""
import sqlite3
from contextlib import closing

import polars as pl

from hygge import Home


class ForgetfulHome(Home):
    def fields(self):
        return {"id": "int64"}

    def read_batches(self):
        with closing(sqlite3.connect(".hygge/journal.db")) as db, db:
            db.execute("DROP TABLE hygge_entities")
        yield pl.DataFrame({"id": [1]})
'''


def test_a_run_that_could_not_be_recorded_moves_and_is_no_success(tmp_path: Path) -> None:
    flow = "home: {type: forgetful}\nstore: {type: parquet, path: lake}\nentities: [a]\n"
    root = project(tmp_path, flow=flow)
    (root / "homes" / "forgetful.py").write_text(FORGETFUL, encoding="utf-8")
    done = hygge("go", cwd=root, code=1)
    assert "moved main.a" in done.out
    assert "Warnings\n  .hygge/journal.db is damaged" in done.out
    assert ask(f"SELECT count(*) FROM '{root}/lake/a/*.parquet'") == [(1,)]
