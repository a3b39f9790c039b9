"""Destinations of a day: `{run_date}` in a table's name, with one state for all days."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from hygge import Coordinator
from hygge.core.errors import ConfigError
from hygge.run.options import RunOptions

PROJECT = """
flows:
  shop:
    home: {{type: sqlite, path: shop.db}}
    store: {{type: duckdb, path: warehouse.duckdb, table: "{table}"}}
    entities:
      - name: users
        mode: {mode}
        key_column: id
        {more}
"""
INCREMENTAL = "incremental: {column: id, lag: 0}"


class Case:
    def __init__(self, folder: Path, table: str = "{entity}_{run_date}", **given: str) -> None:
        self.folder = folder
        values = {"mode": "append", "more": INCREMENTAL} | given
        (folder / "hygge.yml").write_text(PROJECT.format(table=table, **values))
        self.sql("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")

    def sql(self, script: str) -> None:
        with closing(sqlite3.connect(self.folder / "shop.db")) as db:
            db.executescript(script)

    def add(self, *ids: int) -> None:
        self.sql("".join(f"INSERT INTO users VALUES ({i}, 'user {i}');" for i in ids))

    def go(self, day: int, **options: Any) -> Any:
        chosen = RunOptions(run_date=date(2024, 3, day), **options)
        result = Coordinator(config_path=self.folder / "hygge.yml", options=chosen).run_sync()
        assert result.status == "ok", result
        return result.entities[0]

    def there(self, table: str) -> list[int]:
        with duckdb.connect(self.folder / "warehouse.duckdb") as connection:
            found = connection.sql(f'SELECT id FROM "{table}" ORDER BY id').fetchall()
        return [i for (i,) in found]


def test_each_day_goes_on_where_the_day_before_ended(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.add(1, 2)
    assert case.go(1).rows == 2
    case.add(3)
    assert case.go(2).rows == 1
    assert case.go(2).status == "unchanged"
    case.add(4, 5)
    assert case.go(2).rows == 2
    assert case.there("users_2024-03-01") == [1, 2]
    assert case.there("users_2024-03-02") == [3, 4, 5]
    case.add(6)
    case.go(1)  # a day that was loaded before
    assert case.there("users_2024-03-01") == [1, 2, 6]
    case.add(7)
    case.go(3)
    assert case.there("users_2024-03-03") == [7]


def test_a_snapshot_of_every_day(tmp_path: Path) -> None:
    """Days of a full read have nothing to do with each other, but that they are one entity."""
    case = Case(tmp_path, mode="replace", more="")
    case.add(1, 2)
    case.go(1)
    case.sql("DELETE FROM users WHERE id = 1")
    case.go(2)
    case.go(2)
    assert (case.there("users_2024-03-01"), case.there("users_2024-03-02")) == ([1, 2], [2])


def test_a_table_of_the_day_that_was_dropped_is_loaded_anew(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.add(1, 2)
    case.go(1)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute('DROP TABLE "users_2024-03-01"')
    case.go(1)
    assert case.there("users_2024-03-01") == [1, 2]


@pytest.mark.parametrize("how", ["DROP TABLE", "DELETE FROM"])
def test_a_later_table_that_is_gone_goes_on_from_the_day_before(how: str, tmp_path: Path) -> None:
    """What was loaded that day comes again, and nothing of the days before."""
    case = Case(tmp_path)
    case.add(1, 2)
    case.go(1)
    case.add(3)
    case.go(2)
    case.add(4)
    case.go(2)
    for later in (5, 6):  # again and again
        with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
            connection.execute(f'{how} "users_2024-03-02"')
        case.add(later)
        case.go(2)
        assert case.there("users_2024-03-02") == list(range(3, later + 1))
    case.add(7)
    case.go(3)
    assert case.there("users_2024-03-03") == [7]
    case.go(3, full_refresh=True)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(f'{how} "users_2024-03-03"')
    case.go(3)
    assert case.there("users_2024-03-03") == list(range(1, 8))  # as that had loaded


def test_schemas_of_a_day_are_refused(tmp_path: Path) -> None:
    case = Case(tmp_path, table="day_{run_date}.{entity}")
    case.add(1)
    with pytest.raises(ConfigError, match="run_date"):
        case.go(1)


def test_schema_and_table_in_one_name(tmp_path: Path) -> None:
    case = Case(tmp_path, table="{flow}__{table}", mode="merge")
    case.add(1, 2)
    case.go(1)
    case.add(3)
    assert case.go(2).rows == 1
    assert case.there("shop__users") == [1, 2, 3]
