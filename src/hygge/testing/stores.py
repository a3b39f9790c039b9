"""The contract of Stores, as suites of checks to subclass; see `hygge.testing`."""

from __future__ import annotations

from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.testing._store_base import AnyStoreContract, some_rows
from hygge.testing._store_commits import CommitsContract
from hygge.testing._store_resume import ResumingContract
from hygge.testing._store_rows import RowsContract
from hygge.testing._store_terms import TermsContract
from hygge.testing._store_writers import WritersContract
from hygge.testing.loading import (
    commit,
    load_frames,
    request_for,
    state_of,
    write,
)


class WriteOnlyContract(AnyStoreContract):
    """Checks a custom Store of one method, `write(df)`: it appends, at least once."""

    def test_it_declares_no_more_than_it_can(self) -> None:
        store = self.new()
        assert store.modes == ("append",)
        assert not store.keeps_state
        assert state_of(store) is None

    def test_every_batch_of_every_chunk_arrives(self) -> None:
        store, frame = self.new(), some_rows(0, 30)
        with store.open(Context()) as session:
            load = session.begin(request_for(None, Schema.of(frame), "append"))
            receipts = [write(load, list(frame.slice(c * 10, 10).iter_slices(4)), c) for c in
                        range(3)]  # fmt: skip
            assert [r.rows for r in receipts] == [10, 10, 10]
            assert load.staged_rows(receipts) == 30
            assert commit(load, receipts).state is None
        self.check_rows(store, frame)

    def test_no_rows_are_no_error(self) -> None:
        store = self.new()
        frame = some_rows(0, 3)
        load_frames(store, [frame.clear()], "append")
        load_frames(store, [frame], "append")
        self.check_rows(store, frame)


class StoreContract(
    RowsContract, TermsContract, CommitsContract, WritersContract, ResumingContract
):
    """Checks every Store that keeps state; subclass it and say how to read what lies there.

    Parameters
    ----------
    steps: the steps of its commit protocol; a process is killed at each, in every mode.
    """
