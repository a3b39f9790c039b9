"""Two loads of one table, the one just where the other looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hygge import Store
from hygge.core.context import Context
from hygge.core.errors import ConflictError
from hygge.core.fields import Schema
from hygge.sql.settle import load as loads
from hygge.sql.settle import session as sessions
from hygge.testing._store_base import some_rows
from hygge.testing.loading import commit, load_frames, request_for, state_of, write


@pytest.mark.parametrize("where", [(sessions, "read_state"), (loads, "check_shape")])
def test_a_load_that_commits_while_another_begins(
    make: Callable[..., Store], where: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other has read is then of a generation that has passed: nothing is doubled."""
    store = make("t")
    load_frames(store, [some_rows(0, 3)], "append")
    request = request_for(state_of(store), Schema.of(some_rows(0, 0)), "append")
    original, others = getattr(*where), [1]

    def meanwhile(*arguments: object) -> object:
        found = original(*arguments)
        if others:
            others.clear()
            load_frames(store, [some_rows(3, 2)], "append")
        return found

    monkeypatch.setattr(*where, meanwhile)
    with store.open(Context()) as session, pytest.raises(ConflictError):
        load = session.begin(request)
        commit(load, [write(load, [some_rows(3, 2)])])
    state = state_of(store)
    assert state is not None
    assert (state.generation, state.rows) == (2, 5)
