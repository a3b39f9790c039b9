"""What loads that died have left is cleared away by the next one; what lives is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from hygge import Schema, Store
from hygge.core.context import Context
from hygge.core.errors import VerifyError
from hygge.sql.settle.session import SQLStoreSession
from hygge.testing._store_base import some_rows
from hygge.testing.corpus import KEY
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

Make = Callable[..., Store]
FIELDS = Schema.of(some_rows(0, 0))


def stages(store: Any) -> list[str]:
    """The stages that lie beside a table."""
    with store.open(Context()) as session:
        settler, link, place = session._settler, session._lease.link, session._place
        return [n for n in settler.stages(link, place) if n.startswith("_hygge_stage_")]


def test_the_stage_of_a_load_that_lives_stays(make: Make) -> None:
    one, other = make("one"), make("other")
    with one.open(Context()) as session:
        load = session.begin(request_for(session.state(), FIELDS, "merge", [KEY]))
        write(load, [some_rows(0, 3)])
        (mine,) = stages(one)
        load_frames(other, [some_rows(0, 3)], "merge", [KEY])
        assert stages(one) == [mine]
    assert stages(one) == []


def test_the_stage_of_a_load_that_died_goes_with_the_next(make: Make) -> None:
    store = make("t")
    session = store.open(Context())
    assert isinstance(session, SQLStoreSession)
    load = session.begin(request_for(session.state(), FIELDS, "merge", [KEY]))
    write(load, [some_rows(0, 3)])
    assert len(stages(store)) == 1
    _die(session)
    assert len(stages(store)) == 1
    began = time.monotonic()
    while stages(store):  # the server notices after a moment that nobody is there
        assert time.monotonic() - began < 30
        load_frames(make("other"), [some_rows(0, 1)], "merge", [KEY])


def test_a_writer_that_has_not_finished(make: Make) -> None:
    """Its rows may be there in part, and it uses the connection."""
    store = make("t")
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), FIELDS, "append"))
        receipt = write(load, [some_rows(0, 3)])
        load.writer(1).write(some_rows(3, 6))
        with pytest.raises(VerifyError, match="a writer has not finished"):
            commit(load, [receipt])
    assert state_of(store) is None
    assert load_frames(store, [some_rows(0, 3)], "append").rows == 3


def _die(session: SQLStoreSession) -> None:
    """End a session's connection as a killed process does: nothing is cleaned."""
    assert session._load is not None
    session._load.over = True
    for table in session._load._own.names:
        if type(session._settler).__name__ == "DuckDBSettler":  # its memory dies with the process
            session._settler.unclaim(session._lease.link, table)
    session._lease.release(broken=True)
