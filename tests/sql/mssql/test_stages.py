"""What killed loads have left goes with the next one at once; what a load that lives has stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.sql.mssql.support import by_odbc, connect, is_babelfish, needs_server, url_of
from tests.sql.settle.test_stages import (  # run here too
    stages,
    test_the_stage_of_a_load_that_died_goes_with_the_next,
    test_the_stage_of_a_load_that_lives_stays,
)

from hygge import MSSQLStore, Store
from hygge.core.context import Context, Surroundings
from hygge.core.fields import Schema
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.settle.session import SQLStoreSession
from hygge.testing._store_base import some_rows
from hygge.testing.corpus import KEY
from hygge.testing.faults import run_killed_at
from hygge.testing.loading import load_frames, request_for, write

__all__ = [
    "test_the_stage_of_a_load_that_died_goes_with_the_next",
    "test_the_stage_of_a_load_that_lives_stays",
]
pytestmark = needs_server
SCHEMA = "hygge_stages"
Make = Callable[..., Store]


@pytest.fixture(params=["native", "odbc"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes bound Stores in a schema of nobody else's."""
    options = by_odbc() if request.param == "odbc" else ""
    is_babelfish()
    with connect() as link:
        clear(link)
        yield lambda name, **settings: MSSQLStore(
            name, url=url_of(options=options), schema=SCHEMA, **settings
        ).bind(Surroundings())
        clear(link)


def clear(link: MSSQLLink) -> None:
    for (name,) in link.rows(
        f"SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID('{SCHEMA}')"
    ):
        link.execute(f"DROP TABLE {SCHEMA}.[{name}]")


@pytest.mark.parametrize("step", ["sql.written", "sql.filled"])
def test_what_a_killed_process_has_left_goes_at_once(make: Make, step: str) -> None:
    store, other = make("t"), make("other")
    load_frames(store, [some_rows(0, 3)], "merge", [KEY])
    ended = run_killed_at(step, load_frames, store, [some_rows(3, 3)], "merge", [KEY])
    assert ended.returncode == -9
    began = time.monotonic()
    while stages(store):  # the server notices after a moment that nobody is there
        assert time.monotonic() - began < 30
        load_frames(other, [some_rows(0, 1)], "merge", [KEY])
    load_frames(store, [some_rows(3, 3)], "merge", [KEY])


def test_a_writer_elsewhere_is_of_the_load_that_lives(make: Make) -> None:
    """Its rows are the load's, whose session has claimed the stage, before it is made too."""
    one, other = make("one"), make("other")
    with one.open(Context()) as session:
        load = session.begin(
            request_for(session.state(), Schema.of(some_rows(0, 0)), "merge", [KEY])
        )
        load_frames(other, [some_rows(0, 1)], "merge", [KEY])
        writer = one.writer(load.ticket, 0, Context())
        writer.write(some_rows(0, 3))
        load_frames(other, [some_rows(1, 1)], "merge", [KEY])
        receipt = writer.finish()
        load_frames(other, [some_rows(2, 1)], "merge", [KEY])
        assert load.staged_rows([receipt]) == 3


def test_a_connection_goes_back_without_claims(make: Make) -> None:
    """Whatever its load could not let go: as long as it lies idle, the stage would stay."""
    store, name = make("t"), "_hygge_stage_20240101t000000_0123456789"
    session: Any = store.open(Context())
    assert isinstance(session, SQLStoreSession)
    link = session._lease.link
    settler = session._settler
    settler.claim(link, name)
    with store.open(Context()) as beside:
        assert isinstance(beside, SQLStoreSession)
        assert not settler.is_left(link, name), "its own"
        for _ in range(12):  # the sixth is one too many for Babelfish, if it is not helped
            assert not settler.is_left(beside._lease.link, name), "another's"
        session.close()
        assert settler.is_left(beside._lease.link, name)
        settler.claim(beside._lease.link, name)
        settler.unclaim(beside._lease.link, name)
        assert settler.is_left(link, name)


def test_stages_of_a_load_that_fails_are_let_go(make: Make) -> None:
    """Its connection goes back to the pool, and holds none of their names."""
    store = make("t")
    with store.open(Context()) as session:
        load: Any = session.begin(
            request_for(session.state(), Schema.of(some_rows(0, 0)), "merge", [KEY])
        )
        write(load, [some_rows(0, 3)])
        (name,) = load._own.names
        load.abort()
        assert isinstance(session, SQLStoreSession)
        assert session._settler.is_left(session._lease.link, name)
    assert stages(store) == []
