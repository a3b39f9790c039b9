"""Stores of databases that settle alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.servers import Database, Server

from hygge import DuckDBStore, PostgresStore, Store
from hygge.core.context import Surroundings

NUMBERS = count()


@pytest.fixture(scope="module")
def warehouse(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        yield database


@pytest.fixture(params=["duckdb", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Store]:
    """Makes a bound Store of a name, which is made unlike all others, with more settings."""

    def made(name: str, **settings: object) -> Store:
        named = f"{name}{next(NUMBERS)}"
        if request.param == "duckdb":
            store: Store = DuckDBStore(named, path=str(tmp_path / "w.duckdb"), **settings)
        else:
            url = request.getfixturevalue("warehouse").url
            store = PostgresStore(named, url=url, **settings)
        return store.bind(Surroundings(root=tmp_path))

    return made
