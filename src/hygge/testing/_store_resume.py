"""Checks of Stores: an unfinished load that is left, and gone on with by another session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hygge.core.chunk import Chunk
from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.core.ledger import Done, Head, Ledger
from hygge.core.load import LoadRequest
from hygge.core.state import Mode, Receipt
from hygge.core.store import Store
from hygge.testing._store_base import KEYED, LoadingContract, equation, some_rows
from hygge.testing.corpus import KEY
from hygge.testing.loading import commit, request_for, state_of, write
from hygge.testing.quirks import skip

FRAME = some_rows(5, 30)
FIELDS = Schema.of(FRAME)
CHUNKS = tuple(Chunk(n, f"rows from {n * 10}", {"from": n * 10}) for n in range(3))


class ResumingContract(LoadingContract):
    """For Stores that keep no ledger there is nothing to hold to, but that they say so."""

    def cut_off(self, store: Store, mode: Mode) -> tuple[LoadRequest, Receipt]:
        """A load that is left with the first of three chunks done, and the second half written."""
        with store.open(Context()) as session:
            keys = [KEY] if mode in KEYED else []
            request = request_for(session.state(), FIELDS, mode, keys)
            assert session.unfinished(mode, FIELDS) is None
            load = session.begin(request)
            if not load.keep(head_of(request)):
                assert load.leave() == 0
                skip("this Store keeps no ledger")
            receipt = write(load, [FRAME.slice(0, 10)], 0)
            load.finished(Done(receipt, 10, 10, "a digest"))
            load.writer(1).write(FRAME.slice(10, 4))
            write(load, [FRAME.slice(20, 10)], 2)  # all of it, but nobody said so
            assert load.leave() == 1
        return request, receipt

    @pytest.mark.parametrize("mode", ["replace", "append", "merge"])
    def test_an_unfinished_load_is_gone_on_with(self, mode: Mode) -> None:
        store = self.new()
        if mode not in store.modes:
            skip(f"this Store cannot {mode}")
        held = self.holding(store)
        before = state_of(store)
        request, receipt = self.cut_off(store, mode)
        self.check_rows(store, held)
        assert state_of(store) == before
        with store.open(Context()) as session:
            assert session.state() == before
            left = session.unfinished(mode, FIELDS)
            assert left is not None and not left.obstacle
            assert replace(left.head, store="") == head_of(request)
            assert left.done == {0: Done(receipt, 10, 10, "a digest")}
            load = session.resume(request)
            assert load.writer(0).holds(receipt)
            receipts = [receipt, *(write(load, [FRAME.slice(n * 10, 10)], n) for n in (1, 2))]
            assert load.staged_rows(receipts) == 30
            commit(load, receipts)
        after = equation(mode, held.to_dicts(), FRAME.to_dicts())
        self.check_rows(store, type(FRAME)(after, schema=FRAME.schema))
        assert self.left(store) is None

    def test_what_was_left_is_one_sessions_only(self) -> None:
        store = self.new()
        self.holding(store)
        self.cut_off(store, store.modes[0])
        with store.open(Context()) as session:
            assert session.unfinished(store.modes[0], FIELDS) is not None
            assert self.left(store) is None, "another session has it"
        assert self.left(store) is not None, "nobody has it, and it lies there still"

    def test_beginning_drops_what_was_left(self) -> None:
        store = self.new()
        held = self.holding(store)
        self.cut_off(store, store.modes[0])
        with store.open(Context()) as session:
            assert session.unfinished(store.modes[0], FIELDS) is not None
            self.begin(session, store.modes[0]).abort()
        assert self.left(store) is None
        self.check_rows(store, held)

    def test_what_is_dropped_is_not_trusted(self) -> None:
        store = self.new()
        request, receipt = self.cut_off(store, store.modes[0])
        with store.open(Context()) as session:
            assert session.unfinished(request.mode, FIELDS) is not None
            load = session.resume(request)
            load.writer(0).drop(receipt)
            assert not load.writer(0).holds(receipt)
            receipts = [write(load, [FRAME.slice(n * 10, 10)], n) for n in range(3)]
            assert load.staged_rows(receipts) == 30
            commit(load, receipts)
        self.check_rows(store, FRAME)

    def left(self, store: Store) -> Ledger | None:
        with store.open(Context()) as session:
            return session.unfinished(store.modes[0], FIELDS)


def head_of(request: LoadRequest) -> Head:
    """What a load of three chunks sets out to do."""
    return Head(
        entity=request.entity, fingerprint=request.fingerprint, load_id=request.load_id,
        run_id=request.run_id, generation=request.generation, mode=request.mode,
        keys=request.keys, source=FIELDS, fields=FIELDS, window=None, asked="3", chunks=CHUNKS,
    )  # fmt: skip
