"""What a load asks of the catalogue before, and what comes to be meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hygge import SQLStore, Store
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConflictError
from hygge.core.fields import Schema
from hygge.core.terms import Terms
from hygge.sql.alchemy.connection import SQLConnection
from hygge.sql.settle import session as sessions
from hygge.testing._store_base import some_rows
from hygge.testing.loading import commit, load_frames, request_for, state_of, write


def test_a_first_load_that_commits_while_another_begins(
    make: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table that has come to be meanwhile is no view: the later one runs again."""
    store, original, others = make("t"), sessions.read_state, [1]

    def meanwhile(*arguments: object) -> object:
        if others:
            others.clear()
            load_frames(store, [some_rows(0, 3)], "replace")
        return original(*arguments)  # type: ignore[arg-type]

    request = request_for(None, Schema.of(some_rows(0, 0)), "replace")
    with store.open(Context()) as session, pytest.raises(ConflictError):
        monkeypatch.setattr(sessions, "read_state", meanwhile)
        load = session.begin(request)
        commit(load, [write(load, [some_rows(3, 2)])])
    state = state_of(store)
    assert state is not None
    assert (state.generation, state.rows) == (1, 3)


def test_a_load_of_no_chunk_leaves_no_table_of_its_own(tmp_path: Path) -> None:
    connections = {"w": SQLConnection(url=f"sqlite:///{tmp_path / 'w.db'}")}
    store = SQLStore("t", connection="w").bind(Surroundings(connections=connections))
    load_frames(store, [some_rows(0, 3)], "replace")
    with store.open(Context()) as session:
        terms = Terms(allow_empty=True)
        held, fields = session.state(), Schema.of(some_rows(0, 0))
        load = session.begin(request_for(held, fields, "replace", terms=terms))
        commit(load, [])
    with closing(sqlite3.connect(tmp_path / "w.db")) as db:
        found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert {name for (name,) in found} == {"t", "_hygge_state"}
