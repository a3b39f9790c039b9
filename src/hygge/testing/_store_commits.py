"""Checks of Stores: data and state are published together, once, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from hygge.core.context import Context, Surroundings
from hygge.core.errors import (
    Cancelled,
    ConflictError,
    HyggeError,
)
from hygge.core.fields import Schema, parse_type
from hygge.core.state import Mode, State
from hygge.core.store import Store
from hygge.core.watermark import Watermark
from hygge.testing._store_base import KEYED, LoadingContract, equation, in_threads, some_rows
from hygge.testing.corpus import KEY, VALUE, Case
from hygge.testing.loading import (
    COMMITTED_AT,
    FINGERPRINT,
    commit,
    load_frames,
    request_for,
    state_of,
    write,
)
from hygge.testing.process import in_fresh_process
from hygge.testing.quirks import by_type, skip

MARKS = (
    Watermark("c", parse_type("int64"), 2**62),
    Watermark("c", parse_type("decimal(38,10)"), Decimal("1234567890123456789012345678.5")),
    Watermark("c", parse_type("timestamp(us, UTC)"), datetime(9999, 12, 31, 23, tzinfo=UTC)),
)


class CommitsContract(LoadingContract):
    """State, commits, writers, conflicts, kills."""

    # State ----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("mark", [*MARKS, None], ids=str)
    def test_state_reads_back(self, mark: Watermark | None) -> None:
        """What was committed is what a new session and a new process find."""
        store = self.new()
        assert state_of(store) is None
        frame = some_rows(0, 7)
        done = load_frames(
            store, [frame], store.modes[0], self.keys(store), watermark=mark, load_id="load-1"
        )
        state = state_of(store)
        assert state is not None and done.state is not None
        assert state.to_json() == done.state.to_json()
        assert (state.entity, state.fingerprint) == ("suite.entity", FINGERPRINT)
        assert (state.generation, state.load_id, state.run_id) == (1, "load-1", "run-1")
        assert (state.loaded, state.committed_at) == (7, COMMITTED_AT)
        assert state.watermark == mark
        assert state.fields.names == frame.columns
        assert state.fields.physical == frame.schema
        assert state.checksum
        assert State.from_json(state.to_json(), place="here") == state
        if not store.local:
            assert in_fresh_process(state_of, store) == state

    @by_type
    def test_state_keeps_fields(self, case: Case) -> None:
        """Logical types come back from the state as they were, with what a dtype cannot say."""
        store = self.new()
        load_frames(store, [case.frame], store.modes[0], self.keys(store), fields=case.schema)
        state = state_of(store)
        assert state is not None
        assert state.fields[VALUE].type == case.type

    def test_no_rows(self) -> None:
        """A load without rows commits; replaced by nothing, the columns stay."""
        store = self.new()
        frame = some_rows(0, 3)
        for mode in self.modes_of(store):
            load_frames(store, [frame.clear()], mode, [KEY] if mode in KEYED else [])
            self.check_rows(store, frame.clear())
        held = self.first(store, 3)
        for mode in self.modes_of(store):
            if mode != "replace":
                load_frames(store, [frame.clear()], mode, [KEY] if mode in KEYED else [])
                self.check_rows(store, held)
        if "replace" in store.modes:
            load_frames(store, [frame.clear()], "replace")
            self.check_rows(store, frame.clear())
            state = state_of(store)
            assert state is not None
            assert state.rows in (0, None)
            assert state.fields.names == frame.columns

    # Nothing until the commit ---------------------------------------------------------------------

    def test_nothing_is_visible_before_the_commit(self) -> None:
        store = self.new()
        for mode in self.modes_of(store):
            held, before = self.holding(store), state_of(store)
            with store.open(Context()) as session:
                load = self.begin(session, mode)
                receipt = write(load, [some_rows(5, 10)])
                load.staged_rows([receipt])
                self.check_rows(store, held)
                assert state_of(store) == before
                commit(load, [receipt])
            assert state_of(store) != before

    def test_a_first_load_is_not_visible_before_its_commit(self) -> None:
        store, frame = self.new(), some_rows(0, 5)
        with store.open(Context()) as session:
            load = self.begin(session, store.modes[0])
            receipt = write(load, [frame])
            self.check_rows(store, frame.clear())
            assert state_of(store) is None
            commit(load, [receipt])
        self.check_rows(store, frame)

    @pytest.mark.parametrize("end", ["abort", "abort twice", "close", "writer"])
    def test_what_is_not_committed_leaves_nothing(self, end: str) -> None:
        """After an abort, or a session closed too soon, all is as it was."""
        store = self.new()
        for mode in self.modes_of(store):
            held, before = self.holding(store), state_of(store)
            with store.open(Context()) as session:
                load = self.begin(session, mode)
                write(load, [some_rows(5, 10)], 0)
                writer = load.writer(1)
                writer.write(some_rows(20, 5))
                if end == "writer":
                    writer.abort()
                    writer.abort()
                if end.startswith("abort"):
                    load.abort()
                if end == "abort twice":
                    load.abort()
                session.close()
                session.close()
            self.check_rows(store, held)
            assert state_of(store) == before
            self.check_that_it_loads(store)

    def test_aborting_after_the_commit_is_harmless(self) -> None:
        store, frame = self.new(), some_rows(0, 5)
        with store.open(Context()) as session:
            load = self.begin(session, store.modes[0])
            commit(load, [write(load, [frame])])
            load.abort()
            load.abort()
        self.check_rows(store, frame)
        state = state_of(store)
        assert state is not None and state.generation == 1

    def test_cancelling_before_the_commit(self) -> None:
        """It stops with the old rows, or it finishes with the new: nothing between."""
        store = self.new()
        held, before = self.holding(store), state_of(store)
        context = Context()
        with store.open(context) as session:
            context.cancel.add(session.cancel)
            load = self.begin(session, "append" if "append" in store.modes else store.modes[0])
            receipt = write(load, [some_rows(1_000, 5)])
            context.cancel.cancel("enough")
            with pytest.raises(Cancelled):
                commit(load, [receipt])
            load.abort()
        self.check_rows(store, held)
        assert state_of(store) == before
        self.check_that_it_loads(store)

    def test_readers_see_whole_loads_only(self) -> None:
        """One who reads again and again sees some load's rows, or an error, but no mixture."""
        store = self.new()
        whole = [self.first(store)]
        seen, stop = list[list[int]](), threading.Event()

        def poll() -> None:
            last = False
            while not last:
                last = stop.is_set()  # once more when all is done, however fast that was
                try:
                    seen.append(sorted(self.keys_seen(store, Schema.of(whole[0]))))
                except Exception:  # noqa: BLE001, S112 - a reader who errs has seen nothing wrong
                    continue

        reader = threading.Thread(target=poll)
        reader.start()
        try:
            for at in range(1, 7):
                mode = self.modes_of(store)[at % len(self.modes_of(store))]
                coming = some_rows(100 * at, 10)
                frames = list(coming.iter_slices(3))
                load_frames(store, frames, mode, [KEY] if mode in KEYED else [])
                after = equation(mode, whole[-1].to_dicts(), coming.to_dicts())
                whole.append(pl.DataFrame(after, schema=coming.schema))
        finally:
            stop.set()
            reader.join()
        self.check_rows(store, whole[-1])
        known = [sorted(frame[KEY].to_list()) for frame in whole]
        assert seen
        for keys in seen:
            assert keys in known, f"{keys} is none of {known}"

    # Losing the line ------------------------------------------------------------------------------

    def fragile(self, name: str) -> tuple[Store, Callable[[bool], None]] | None:
        """A Store whose next commit loses its answer once the function is called, which is told
        whether the commit happens nevertheless; None for Stores whose commit has no answer."""
        return None

    @pytest.mark.parametrize("happens", [True, False])
    def test_the_answer_to_a_commit_is_lost(self, happens: bool) -> None:
        """A load that was committed is found to be; one that was not has changed nothing."""
        for mode in ("replace", "append", "merge", "delete_insert"):
            found = self.fragile(mode)
            if found is None:
                skip("its commit has no answer that could be lost")
                return
            store, lose = found[0].bind(Surroundings(root=self.folder)), found[1]
            if mode not in store.modes:
                continue
            held, coming = self.first(store), some_rows(500, 5)
            before, keys = state_of(store), [KEY] if mode in KEYED else []
            lose(happens)
            if happens:
                done = load_frames(store, [coming], mode, keys)
                after = equation(mode, held.to_dicts(), coming.to_dicts())
                self.check_rows(store, pl.DataFrame(after, schema=held.schema))
                assert done.state == state_of(store)
            else:
                with pytest.raises(HyggeError) as caught:
                    load_frames(store, [coming], mode, keys)
                assert caught.value.retryable
                self.check_rows(store, held)
                assert state_of(store) == before
            self.check_that_it_loads(store)

    # Two at once ----------------------------------------------------------------------------------

    def test_of_two_loads_one_wins(self) -> None:
        """Both began at the same generation: the second to commit publishes nothing."""
        store = self.new()
        for mode in self.modes_of(store):
            held = self.holding(store)
            with store.open(Context()) as one, store.open(Context()) as two:
                first, second = self.begin(one, mode), self.begin(two, mode)
                slow = write(second, [some_rows(500, 5)])
                commit(first, [write(first, [some_rows(100, 5)])])
                after = equation(mode, held.to_dicts(), some_rows(100, 5).to_dicts())
                winner = state_of(store)
                with pytest.raises(ConflictError):
                    commit(second, [slow])
                second.abort()
            self.check_rows(store, pl.DataFrame(after, schema=held.schema))
            assert state_of(store) == winner

    def test_of_two_loads_in_threads_one_wins(self) -> None:
        store = self.new()
        held = self.holding(store)
        mode: Mode = "append" if "append" in store.modes else store.modes[0]
        barrier, won, lost = threading.Barrier(3), list[int](), list[int]()

        def work(at: int) -> None:
            with store.open(Context()) as session:
                load = self.begin(session, mode)
                receipt = write(load, [some_rows(1_000 * at, 5)])
                barrier.wait(30)
                try:
                    commit(load, [receipt])
                    won.append(at)
                except ConflictError:
                    lost.append(at)
                    load.abort()

        in_threads([lambda a=a: work(a) for a in (1, 2, 3)])  # type: ignore[misc]
        assert (len(won), len(lost)) == (1, 2)
        after = equation(mode, held.to_dicts(), some_rows(1_000 * won[0], 5).to_dicts())
        self.check_rows(store, pl.DataFrame(after, schema=held.schema))

    def test_a_generation_that_has_passed(self) -> None:
        """A load for an older generation is refused, at begin or at commit."""
        store = self.new()
        self.first(store)
        held = self.first(store)
        before = state_of(store)
        assert before is not None
        stale = request_for(replace(before, generation=1), Schema.of(held), store.modes[0], [KEY])
        with store.open(Context()) as session, pytest.raises(ConflictError) as caught:
            load = session.begin(stale)
            commit(load, [write(load, [some_rows(50, 5)])])
        assert caught.value.retryable
        self.check_rows(store, held)
        assert state_of(store) == before
