"""Checks of Stores: writers wherever they run, what they prove, and dying on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from hygge.core.context import Context
from hygge.core.state import Mode, Receipt
from hygge.core.store import Store
from hygge.testing._store_base import (
    KEYED,
    LoadingContract,
    digest_of,
    equation,
    in_threads,
    some_rows,
)
from hygge.testing.corpus import KEY
from hygge.testing.faults import run_killed_at
from hygge.testing.loading import (
    commit,
    load_frames,
    state_of,
    write,
    write_by_ticket,
)
from hygge.testing.process import in_fresh_process, many_apart
from hygge.testing.quirks import skip


class WritersContract(LoadingContract):
    """Writers and faults."""

    steps: ClassVar[Sequence[str]] = ()

    def file(self, store: Store, name: str) -> Path | None:
        """Where a file lies that a receipt names; None for Stores that are not made of files."""
        return None

    # Writers --------------------------------------------------------------------------------------

    def test_chunks_in_threads(self) -> None:
        """Writers of several chunks work side by side; a chunk may be empty."""
        store, frame = self.new(), some_rows(0, 60)
        receipts: dict[int, Receipt] = {}
        with store.open(Context()) as session:
            load = self.begin(session, store.modes[0])

            def work(chunk: int) -> None:
                receipts[chunk] = write(
                    load, list(frame.slice(chunk * 20, 20).iter_slices(3)), chunk
                )

            in_threads([lambda c=c: work(c) for c in range(4)])  # type: ignore[misc]
            ordered = [receipts[c] for c in sorted(receipts)]
            assert [r.rows for r in ordered] == [20, 20, 20, 0]
            assert [r.chunk for r in ordered] == [0, 1, 2, 3]
            assert load.staged_rows(ordered) == 60
            commit(load, ordered)
        self.check_rows(store, frame)

    def test_a_chunk_in_a_process_of_its_own(self) -> None:
        """A bound Store and a ticket are all that another process needs."""
        store, frame = self.new(), some_rows(0, 40)
        if store.local:
            skip("this Store holds a live object")
        with store.open(Context()) as session:
            load = self.begin(session, store.modes[0])
            here = write(load, [frame.slice(0, 20)], 0)
            there = in_fresh_process(
                write_by_ticket, store, load.ticket, 1, list(frame.slice(20).iter_slices(7))
            )
            assert (there.chunk, there.rows) == (1, 20)
            assert load.staged_rows([here, there]) == 40
            commit(load, [there, here])
        self.check_rows(store, frame)

    def test_staged_rows_do_not_trust_receipts(self) -> None:
        """They are counted in what lies there."""
        store = self.new()
        with store.open(Context()) as session:
            load = self.begin(session, store.modes[0])
            receipt = write(load, list(some_rows(0, 25).iter_slices(4)))
            lying = replace(receipt, rows=receipt.rows + 5)
            assert load.staged_rows([lying]) == 25
            load.abort()

    def test_receipts_prove_what_was_written(self) -> None:
        """The same rows give the same proof, others another; files are as their receipts say."""
        proofs = []
        for at, frame in enumerate((some_rows(0, 30), some_rows(0, 30), some_rows(1, 30))):
            store = self.new(f"t{at}")
            with store.open(Context()) as session:
                load = self.begin(session, store.modes[0])
                receipt = write(load, [frame])
                assert (receipt.chunk, receipt.rows) == (0, 30)
                assert receipt.bytes > 0
                done = commit(load, [receipt])
            assert done.bytes > 0
            assert sum(f["rows"] for f in receipt.files) in (30, 0)
            for each in receipt.files:
                path = self.file(store, each["name"])
                if path is not None:
                    assert each["bytes"] == path.stat().st_size
                    assert each["digest"] == digest_of(path)
            assert done.state is not None
            proofs.append((done.state.checksum, len(receipt.files)))
        assert all(checksum for checksum, _ in proofs)
        if proofs[0][1]:  # receipts that list files prove what is in them
            assert proofs[0] != proofs[2]

    def test_many_small_batches_and_empty_ones(self) -> None:
        store, frame = self.new(), some_rows(0, 50)
        batches = [frame.slice(i, i % 2) for i in range(50)] + [frame.filter(pl.col(KEY) % 2 == 0)]
        load_frames(store, batches, store.modes[0], self.keys(store))
        self.check_rows(store, frame)

    # Killed at every step -------------------------------------------------------------------------

    @pytest.mark.parametrize("mode", ["replace", "append", "merge"])
    def test_killed_at_every_step(self, mode: Mode) -> None:
        """Whatever step a process dies at: the old rows or the new, and the next load works."""
        if not self.steps:
            skip("no steps are declared")
        if mode not in self.new().modes:
            skip(f"this Store does not {mode}")
        keys = [KEY] if mode in KEYED else []
        published: list[bool] = []
        with many_apart() as runner:
            for step in self.steps:
                store = self.new(f"{mode}_{step.replace('.', '_')}")
                held = self.first(store)
                coming = some_rows(5 if mode != "append" else 100, 10)
                ended = run_killed_at(step, load_frames, store, [coming], mode, keys, runner=runner)
                assert ended.error is None, f"at {step}: {ended.error}"
                assert ended.returncode in (0, -9), f"at {step}: {ended.output}"
                state = state_of(store)
                assert state is not None
                expected = held.to_dicts()
                if state.generation == 2:
                    expected = equation(mode, expected, coming.to_dicts())
                self.check_rows(store, pl.DataFrame(expected, schema=held.schema))
                assert state.rows in (len(expected), None)
                self.check_that_it_loads(store)
                if ended.returncode == -9:
                    published.append(state.generation == 2)
        assert len(published) >= len(self.steps) // 2, "few of the steps are reached"
        assert published == sorted(published), f"published, then not: {published}"
        assert not published[0], "published at the first step"
        assert published[-1], "not published at the last step"
