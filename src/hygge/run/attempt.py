"""One attempt at one entity: ask, freeze, read | write, verify, commit. Raises; never retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hygge.core.arrivals import MEMO
from hygge.core.chunk import Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.ledger import Ledger
from hygge.core.load import Commit, Load, LoadRequest
from hygge.core.reading import HomeSession
from hygge.core.slots import together
from hygge.core.state import State, derive_load_id  # fmt: skip
from hygge.core.steps import reached
from hygge.core.watermark import Watermark
from hygge.run.asking import (
    arrivals_now,
    drift_now,
    held_now,
    nothing_to_read,
    request_now,
    shape_now,
    split_now,
    warn_unsteady,
    window_now,
)  # fmt: skip
from hygge.run.chunks import PROCESS_SEATS, Split, of_chunks
from hygge.run.crew import Crew
from hygge.run.keys import read_keys
from hygge.run.marks import marks_lost
from hygge.run.plan import Plan
from hygge.run.pump import Meter
from hygge.run.result import Proof
from hygge.run.resume import head_of, is_frozen, left_over, may_pass, resumed
from hygge.run.shape import Shape
from hygge.run.sieve import forget, told
from hygge.run.task import ChunkResult, ChunkTask
from hygge.run.terms import moment_now, terms_now
from hygge.run.verify import guard, proved

STEPS = ("move.began", "move.written", "move.verified", "move.committed")
"""Steps of one attempt around the Store's own, in order."""


@dataclass(frozen=True)
class Moved:
    """What an attempt came to.

    Parameters
    ----------
    commit: what the Store published; None where nothing had to be.
    proof: the counts that agreed; None without a commit.
    before, after: the watermark; None without one.
    held: what the destination held before.
    reason: why nothing was committed, in words; "" after a commit.
    """

    commit: Commit | None
    proof: Proof | None = None
    before: Watermark | None = None
    after: Watermark | None = None
    held: State | None = None
    reason: str = ""


class Attempt:
    """One attempt. Descriptions stay as they are; sessions are opened here and closed here.

    Parameters
    ----------
    plan: what to do.
    context: the run's identity, cancellation and voice.
    meter: counted up as rows come and go.
    tick: called after each batch written.
    started: called once with the estimate, when reading is about to begin.
    """

    def __init__(
        self,
        plan: Plan,
        context: Context,
        *,
        meter: Meter,
        tick: Callable[[], None] = lambda: None,
        started: Callable[[Estimate], None] = lambda estimate: None,
    ) -> None:
        self.plan, self.context, self.meter = plan, context, meter
        self._tick, self._started = tick, started
        self.load_id = ""
        """The load this attempt tried to commit; a next attempt passes it as `earlier`."""
        self.changes: list[str] = []
        """What is other at the destination once that load is committed, in words."""
        self.kept = ""
        """What a failed attempt has left for a next one to go on with, in words."""
        self._chunks = 1
        self._trusted = False  # whether a next attempt may take chunks of this one as they are
        self._committing = False  # from here on, a failure may hide that it was published

    def run(self, earlier: str = "") -> Moved:
        """Move the entity.

        Parameters
        ----------
        earlier: the load_id of an attempt whose commit may or may not have happened.
        """
        plan, context = self.plan, self.context
        needed = [*plan.store.slots(), *plan.home.slots()]
        with (
            together(needed, context),
            plan.store.open(context) as settling,
            plan.home.open(context) as reading,
        ):
            watched = [context.cancel.add(settling.cancel), context.cancel.add(reading.cancel)]
            try:
                held = held_now(plan, settling.state())
                if held is not None and earlier and (held.load_id, held.run_id) == (
                    earlier, context.run_id
                ):  # fmt: skip
                    return self._already(held)
                if earlier:
                    forget(plan.rules, context.run_id)
                at = moment_now(held)
                fresh = arrivals_now(plan, reading, held, context)
                if fresh is not None and not fresh.files and held is not None:
                    return Moved(None, held=held, reason="no new files")
                shape = shape_now(plan, reading, held, context, at)
                span, before, after = window_now(plan, reading, held, context)
                generation = held.generation if held else 0
                wanted = head_of(plan, shape, span, generation)
                # What is left of a load of files knows nothing of those that came since.
                left = left_over(plan, settling, reading, wanted, context) if not fresh else None
                if left is not None and (span := left.head.window) is not None:
                    assert span.upper is not None  # checked by `misfit`
                    after = Watermark(span.column, span.type, span.upper)
                drift, lost = drift_now(plan, shape, held), ""
                if plan.full_refresh and plan.mode == "replace":
                    lost = marks_lost(plan.settings, plan.usual, settling, held, done=True)
                self.changes = [f"fields changed: {drift}"] if drift else []
                self.changes += [lost] if lost else []
                self.load_id = derive_load_id(plan.fingerprint, generation, span)
                terms, memo = terms_now(
                    plan.settings, plan.mode, shape, span, held, at, full_refresh=plan.full_refresh
                )
                if fresh is not None:
                    memo[MEMO] = fresh.memo
                warn_unsteady(reading, terms, held, context)
                read = request_now(plan, shape, span, fresh)
                if not terms.finds and (reason := nothing_to_read(span, held)):
                    return Moved(None, held=held, before=before, after=before, reason=reason)
                estimate = reading.estimate(read)
                self._started(estimate)
                context.cancel.check()
                split = self._split(reading, read, left, estimate)
                self._chunks = len(split.chunks)
                request = LoadRequest(
                    entity=plan.full_name, mode=plan.mode, fields=shape.target,
                    fingerprint=plan.fingerprint, load_id=self.load_id, run_id=context.run_id,
                    keys=shape.keys if plan.takes_key else (), generation=generation,
                    terms=replace(terms, whole=split.is_whole), memo=memo,
                )  # fmt: skip
                load = settling.begin(request) if left is None else settling.resume(request)
                try:
                    reached("move.began")
                    commit, proof = self._load(reading, load, shape, split, held, after, left)
                except BaseException as error:
                    self._let_go(load, error)
                    if not self._committing:
                        # Else its rows may be published without those: the next attempt, which
                        # sees whether they are, tidies up.
                        forget(plan.rules, context.run_id)
                    raise
                if commit is None:
                    return Moved(None, held=held, before=before, after=before, reason="nothing new")
                reached("move.committed")
                return Moved(commit, proof, before, after, held)
            finally:
                for no_longer in watched:
                    no_longer()

    def _already(self, held: State) -> Moved:
        commit = Commit(state=held, rows=held.rows, bytes=0, place=self.plan.destination)
        count = held.loaded
        proof = Proof(read=count, written=count, staged=count, checksum=held.checksum)
        return Moved(commit, proof, None, held.watermark, held)

    def _load(
        self,
        reading: HomeSession,
        load: Load,
        shape: Shape,
        split: Split,
        held: State | None,
        after: Watermark | None,
        left: Ledger | None,
    ) -> tuple[Commit | None, Proof | None]:
        window = split.request.window
        if window is not None and window.upper is None:
            # No row has a position yet: those without are read once, with the first that has one.
            results, consistency = list[ChunkResult](), reading.consistency
        else:
            results, consistency = self._read(reading, load, shape, split, left)
        reached("move.written")
        terms = load.request.terms
        if terms.finds and not terms.whole:
            read_keys(self.plan, reading, load, shape, split, self.context)
        receipts = [r.receipt for r in results]
        proof = proved(self.plan.full_name, results, load.staged_rows(receipts))
        nulled = sum((Counter(r.nulled) for r in results), Counter())
        for note in told(nulled, proof.aside, self.plan.rules.folder):
            self.context.note(note, "warning")
        moved_on = after is not None and (not held or held.watermark != after)
        moved_on = moved_on or bool(split.request.files)  # though they may have no rows
        idle = not (proof.read or terms.finds or terms.window or moved_on)
        if idle and held is not None and self.plan.mode != "replace":
            load.abort()
            return None, None
        if self.plan.mode == "replace":
            settings = self.plan.settings
            guard(
                self.plan.full_name, proof.written or 0, held, allow_empty=settings.allow_empty,
                max_shrink=settings.max_shrink, aside=proof.aside,
            )  # fmt: skip
        reached("move.verified")
        self.context.cancel.check()  # the last moment at which a stop leaves the destination alone
        state = load.request.state(
            watermark=after, receipts=receipts,
            committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        self._committing = True
        commit = load.commit(receipts, state)
        return commit, replace(proof, checksum=state.checksum, consistency=consistency)

    def _read(
        self, reading: HomeSession, load: Load, shape: Shape, split: Split, left: Ledger | None
    ) -> tuple[list[ChunkResult], str]:
        """Every chunk's result, and what their rows are consistent with."""
        plan = self.plan
        frozen = is_frozen(plan, reading, split.request.window, split.chunks)
        self._trusted = left is not None
        keeps = len(split.chunks) > 1 and (left is not None or self._keeps(load, shape, split))

        def task(chunk: Chunk) -> ChunkTask:
            return ChunkTask(
                plan.home, plan.store, shape, split.request, chunk, load.ticket, plan.full_name,
                self.context.run_id, plan.rules, prove=keeps, frozen=frozen,
                earlier=left.done.get(chunk.index) if left else None,
            )  # fmt: skip

        def done(result: ChunkResult) -> None:
            if keeps and result.plain and not result.reused:
                load.finished(result.done)
                self._trusted |= frozen or result.done.fingerprint is not None

        with PROCESS_SEATS.first():
            crew = Crew(
                plan.home, reading, split, load, task, done=done, context=self.context,
                meter=self.meter, tick=self._tick,
            )  # fmt: skip
            results = crew.run()
        if crew.readers > 1 and not split.shared:
            self.context.note(
                "each chunk was read in a snapshot of its own: a row whose key changed meanwhile "
                "may be missing or double",
                "info",
            )
        if left is not None:
            self.context.note(resumed(results, left), "info")
        return results, split.consistency(reading, crew.readers)

    def _keeps(self, load: Load, shape: Shape, split: Split) -> bool:
        """Begin the ledger, where the Store can keep one and the chunks are plain values."""
        try:
            return load.keep(
                replace(
                    head_of(self.plan, shape, split.request.window, load.request.generation),
                    load_id=load.request.load_id, run_id=self.context.run_id,
                    chunks=tuple(split.chunks),
                )
            )  # fmt: skip
        except TypeError:
            return False

    def _let_go(self, load: Load, error: BaseException) -> None:
        """Leave what may be gone on with; drop what nobody could trust, or what would only fail in
        the same way again."""
        if not self._trusted or not may_pass(error):
            load.abort()
        elif kept := load.leave():
            self.kept = f"{kept} of {self._chunks} chunks are kept; run it again to go on"

    def _split(
        self, reading: HomeSession, read: ReadRequest, left: Ledger | None, estimate: Estimate
    ) -> Split:
        if left is None:
            return split_now(self.plan, reading, read, estimate)
        shared = replace(read, snapshot=reading.share())
        return of_chunks(shared, left.head.chunks, asked=self.plan.settings.chunks != "auto")
