"""What a run knows of those before it: the tables that patterns chose, and which configuration of
a folder a run was of."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.support import hygge, numbers, project

from hygge.run.coordinator import Coordinator
from hygge.run.locks import Lock, lock_name

TABLES = """\
home: {type: sqlite, path: shop.db}
store: {type: parquet, path: lake}
tables: ["*"]
"""


def ask(root: Path, *statements: str) -> None:
    with closing(sqlite3.connect(root / "shop.db")) as db, db:
        for statement in statements:
            db.execute(statement)


def make(root: Path, *tables: str) -> None:
    for table in tables:
        ask(root, f"CREATE TABLE {table} (id INTEGER)", f"INSERT INTO {table} VALUES (1)")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    make(tmp_path, "album", "artist", "genre")
    root = project(tmp_path, flow=TABLES)
    hygge("go", "-q", "--warn-error", cwd=root)
    return root


def test_a_table_that_leaves_a_pattern_is_told_again_until_it_is_left_out(shop: Path) -> None:
    ask(shop, "ALTER TABLE album RENAME TO records", "DROP TABLE genre")
    gone = "main.album, main.genre were moved before"
    told = f"{gone}; the source has them no longer, or they may not be read"
    assert f"main: {told}" in hygge("debug", cwd=shop).out
    assert told in hygge("go", "--dry-run", cwd=shop).out
    for _ in range(2):  # who starts the run again is told again
        done = hygge("go", "-q", "--warn-error", cwd=shop, code=1)
        assert done.out.count("moved before") == 1
        assert "'!main.album'" in done.out
    # A run of a part of it forgets nothing.
    assert told in hygge("go", "-q", "--flow", "main", "--select", "artist", cwd=shop).out

    left_out = TABLES.replace('"*"', '"*", "!main.album", "!genre"')
    (shop / "flows" / "main" / "flow.yml").write_text(left_out, encoding="utf-8")
    for _ in range(2):
        assert hygge("go", "-q", "--warn-error", cwd=shop).out == ""


def test_only_what_was_moved_and_is_asked_for_is_told(shop: Path) -> None:
    make(shop, "never", "late")
    hygge("go", "-q", "--warn-error", "--select", "late", cwd=shop)
    ask(shop, "DROP TABLE never", "DROP TABLE genre", "DROP TABLE late")
    (shop / "flows" / "other").mkdir()
    files = "home: {type: parquet, path: x.parquet}\nstore: {type: parquet, path: y}\n"
    (shop / "flows" / "other" / "flow.yml").write_text(files, encoding="utf-8")
    numbers(shop / "x.parquet")
    assert hygge("go", "-q", "--warn-error", "--flow", "other", cwd=shop).out == ""
    # A run of a part, `--select late`, takes nothing away from what the whole one moved.
    assert ": main.genre, main.late were moved before" in hygge("go", "-q", cwd=shop).out


def test_another_source_is_not_missing_the_tables_of_the_first(shop: Path) -> None:
    make(shop / "flows", "artist", "fresh")
    (shop / "flows" / "shop.db").rename(shop / "second.db")
    flow = shop / "flows" / "main" / "flow.yml"
    flow.write_text(TABLES.replace("shop.db", "second.db").replace("lake", "pond"))
    assert hygge("go", "-q", "--warn-error", cwd=shop).out == ""


def test_all_tables_that_are_gone_are_told_where_nothing_is_left_to_run(shop: Path) -> None:
    ask(shop, *(f"DROP TABLE {name}" for name in ("album", "artist", "genre")))
    told = hygge("go", "--dry-run", cwd=shop).out
    assert "main.album, main.artist, main.genre were moved before" in told


def test_a_table_that_comes_back_is_told_no_more(shop: Path) -> None:
    ask(shop, "DROP TABLE genre")
    one = "main.genre was moved before; the source has it no longer, or it may not be read"
    assert one in hygge("go", "-q", cwd=shop).out
    make(shop, "genre")
    assert hygge("go", "-q", "--warn-error", cwd=shop).out == ""


def test_many_tables_that_are_gone_are_named_in_part(tmp_path: Path) -> None:
    names = [f"t{number:02}" for number in range(12)]
    make(tmp_path, "stays", *names)
    root = project(tmp_path, flow=TABLES)
    hygge("go", "-q", cwd=root)
    ask(root, *(f"DROP TABLE {name}" for name in names))
    said = hygge("go", "-q", cwd=root).out
    assert "main.t09 and 2 more were moved before" in said
    assert "t10" not in said


COPY = """\
flows:
  pg:
    home: {{type: parquet, path: {source}}}
    store: {{type: parquet, path: {store}}}
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """`hygge.yml`, and `bad.yml` beside it with a flow of the same name whose source is not there
    yet."""
    numbers(tmp_path / "in.parquet", rows=3)
    (tmp_path / "hygge.yml").write_text(COPY.format(source="in.parquet", store="out"))
    (tmp_path / "bad.yml").write_text(COPY.format(source="none.parquet", store="other"))
    return tmp_path


def test_what_failed_is_tried_again_of_the_same_configuration(two: Path) -> None:
    bad = ("--config", "bad.yml")
    done = hygge(*bad, "go", cwd=two, code=1)
    assert "`hygge --config bad.yml go --retry-failed` runs only" in done.out
    hygge("go", cwd=two)
    assert "Nothing to try again" in hygge("go", "--retry-failed", cwd=two).out
    hygge(*bad, "go", "--retry-failed", cwd=two, code=1)
    numbers(two / "none.parquet", rows=3)
    hygge(*bad, "go", "--retry-failed", cwd=two)
    assert (two / "other").is_dir()
    assert "Nothing to try again" in hygge(*bad, "go", "--retry-failed", cwd=two).out


def test_the_journal_shows_all_runs_and_says_of_which_configuration(two: Path) -> None:
    hygge("go", cwd=two)
    assert "config" not in hygge("journal", cwd=two).out
    hygge("--config", "bad.yml", "go", cwd=two, code=1)
    listed = hygge("journal", cwd=two).out.splitlines()
    assert [line.endswith("bad.yml") for line in listed] == [False, True, False]
    assert "failed" in hygge("--config", "bad.yml", "journal", "last", cwd=two).out
    assert "failed" not in hygge("journal", "last", cwd=two).out
    assert ", ok" in hygge("debug", cwd=two).out


def test_a_run_of_another_configuration_is_in_nobodys_way(two: Path) -> None:
    numbers(two / "none.parquet", rows=3)
    with Lock(two, lock_name("pg", "out", two)) as lock:
        assert lock.take()
        skipped = hygge("go", "-q", cwd=two)
        assert "Skipped 1 of 1 entity: another run is moving it" in skipped.err
        hygge("--config", "bad.yml", "go", "-q", cwd=two)
    assert (two / "other").is_dir()
    assert not (two / "out").exists()


def test_configurations_that_write_to_one_place_exclude_each_other(two: Path) -> None:
    (two / "nightly.yml").write_text(COPY.format(source="in.parquet", store=f"{two}/./out"))
    (two / "link.yml").symlink_to("hygge.yml")
    with Lock(two, lock_name("pg", "out", two)) as lock:
        assert lock.take()
        for config in ("hygge.yml", "nightly.yml", "link.yml"):
            skipped = hygge("--config", config, "go", "-q", cwd=two)
            assert "Skipped 1 of 1 entity: another run is moving it" in skipped.err, config
            assert "another run is moving it" in hygge("--config", config, "compact", cwd=two).out
    assert not (two / "out").exists()
    hygge("--config", "link.yml", "go", "-q", cwd=two)
    assert ", ok" in hygge("debug", cwd=two).out  # a link is the file it leads to


def test_all_days_of_a_dated_place_are_one(two: Path) -> None:
    (two / "hygge.yml").write_text(COPY.format(source="in.parquet", store='"out/{run_date}"'))
    with Lock(two, lock_name("pg", "out/{run_date}", two)) as lock:
        assert lock.take()
        for day in ("2026-01-30", "2026-01-31"):
            assert "Skipped 1 of 1" in hygge("go", "-q", "--run-date", day, cwd=two).err


def test_a_store_that_only_adds_is_written_by_one_run_at_a_time(two: Path) -> None:
    (two / "stores").mkdir()
    (two / "stores" / "heap.py").write_text(HEAP, encoding="utf-8")
    flow = COPY.format(source="in.parquet", store="x").replace("parquet, path: x", "heap")
    flow += "    full_append: true\n"
    for config in ("hygge.yml", "nightly.yml"):
        (two / config).write_text(flow)
    (plan,) = Coordinator(two / "hygge.yml").plan()
    with Lock(two, plan.lock) as lock:
        assert lock.take()
        for config in ("hygge.yml", "nightly.yml"):
            assert "Skipped 1 of 1" in hygge("--config", config, "go", "-q", cwd=two).err


HEAP = """\
from hygge import Store


class HeapStore(Store):
    async def write(self, df):
        raise AssertionError("another run is at it")
"""


def test_environments_have_last_runs_of_their_own(two: Path) -> None:
    more = "environments: {dev: {source: in.parquet}, prod: {source: none.parquet}}\n"
    flows = COPY.format(source='"{env.source}"', store="out")
    (two / "hygge.yml").write_text(more + flows)
    done = hygge("go", "--env", "prod", cwd=two, code=1)
    assert "`hygge go --retry-failed --env prod` runs only" in done.out
    hygge("go", "--env", "dev", cwd=two)
    hygge("go", "--retry-failed", "--env", "prod", cwd=two, code=1)
    assert "Nothing to try again" in hygge("go", "--retry-failed", "--env", "dev", cwd=two).out


def test_a_pattern_of_no_table_is_told_by_the_place_of_the_whole_source(shop: Path) -> None:
    flow = shop / "flows" / "main" / "flow.yml"
    flow.write_text(TABLES.replace('"*"', '"*", "nothing"'), encoding="utf-8")
    assert "'nothing' matches no table of shop.db\n" in hygge("go", "-q", cwd=shop).out
