"""Columns that come by a name in other case, where databases take that for the same name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.sql.settle.test_indexes import executor, made

from hygge.core.errors import SchemaDrift
from hygge.core.fields import Schema
from hygge.core.state import Mode
from hygge.testing.loading import load_frames

NAMES = {
    "duckdb": "SELECT column_name FROM duckdb_columns() WHERE table_name = '{}'",
    "sqlite": "SELECT name FROM pragma_table_info('{}')",
    "sql": "SELECT name FROM pragma_table_info('{}')",
    "mysql": "SELECT column_name FROM information_schema.columns "
    "WHERE table_schema = DATABASE() AND table_name = '{}'",
}


@pytest.mark.parametrize("kind", list(NAMES))
@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_the_column_is_renamed(
    kind: str, mode: Mode, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With what is in it, an index of hygge's on it, and beside a column that is new."""
    store, ask = made(kind, request, tmp_path, indexes=[["Name"]])
    frame = pl.DataFrame({"id": [1], "Name": ["a"]})
    load_frames(store, [frame], mode, ["id"])
    other = store.copy_with(config=store.config.model_copy(update={"indexes": (("name",),)}))
    for id in (2, 3):
        after = pl.DataFrame({"id": [id], "name": ["b"], "new": [1]})
        load_frames(other, [after], mode, ["id"])
        assert sorted(ask(NAMES[kind])) == ["id", "name", "new"]
    told = [row[0] if isinstance(row, tuple) else row for row in ask("SELECT name FROM {}")]
    assert sorted(told) == (["b"] if mode == "replace" else ["a", "b", "b"])


@pytest.mark.parametrize("source", ["", "Name", "NAME"])
def test_where_it_cannot_be_renamed_that_is_told(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With a hint by the source's name, whichever the entity's own `rename` makes of it."""
    store, ask = made("duckdb", request, tmp_path)
    load_frames(store, [pl.DataFrame({"id": [1], "Name": ["a"]})], "append")
    execute: Callable[[str], Any] = executor("duckdb", request, tmp_path)
    execute(f"CREATE INDEX mine ON {store.name} (id)")
    after = pl.DataFrame({"id": [2], "name": ["b"]})
    fields = Schema(replace(f, source=source * (f.name == "name")) for f in Schema.of(after))
    with pytest.raises(SchemaDrift, match="'Name' comes as 'name' now, and cannot be") as caught:
        load_frames(store, [after], "append", fields=fields)
    assert f"`rename: {{{source or 'name'}: Name}}`" in (caught.value.hint or "")
    assert "such as an index" in (caught.value.hint or "")
    assert ask("SELECT count(*) FROM {}") == [1]
