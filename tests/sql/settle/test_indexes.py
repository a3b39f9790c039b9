"""Indexes that a table is given when it is made."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from tests.servers import Database

from hygge import PostgresStore
from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError
from hygge.testing._store_base import some_rows
from hygge.testing.corpus import KEY, VALUE
from hygge.testing.loading import load_frames

NUMBERS = count()
MINE = (
    "SELECT count(*), min(c.oid::int) FROM pg_class c JOIN pg_indexes i ON c.relname = i.tablename "
    "WHERE i.tablename = '{}' AND i.indexname LIKE '~_hygge~_index~_%' ESCAPE '~'"
)


def made(warehouse: Database, indexes: list[list[str]]) -> PostgresStore:
    name = f"indexed{next(NUMBERS)}"
    return PostgresStore(name, url=warehouse.url, indexes=indexes).bind(Surroundings())


@pytest.mark.parametrize("mode", ["append", "replace", "merge", "scd2"])
def test_a_table_that_is_made_has_its_indexes(warehouse: Database, mode: Any) -> None:
    """Hygge's own are no reason to keep an old table."""
    store = made(warehouse, [[VALUE], [KEY, VALUE]])
    load_frames(store, [some_rows(0, 5)], mode, [KEY])
    (before,) = warehouse.rows(MINE.format(store.name))
    load_frames(store, [some_rows(5, 5)], mode, [KEY])
    (after,) = warehouse.rows(MINE.format(store.name))
    assert before[0] == after[0] == "2"
    assert (before[1] == after[1]) is (mode != "replace")


def test_a_column_that_is_not_there_is_told(warehouse: Database) -> None:
    with pytest.raises(ConfigError, match="`indexes` names 'nope'") as caught:
        load_frames(made(warehouse, [["nope"]]), [some_rows(0, 1)], "append")
    assert VALUE in (caught.value.hint or "")
