"""One attempt at one entity: ask, freeze, read | write, verify, commit. Raises; never retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.context import CancelToken, Context
from hygge.core.drift import compare
from hygge.core.errors import (
    GuardError,
    StateError,
    UnsupportedError,
    VerifyError,
)  # fmt: skip
from hygge.core.fields import LogicalType, Schema, parse_type
from hygge.core.home import HomeSession
from hygge.core.load import (
    Commit,
    Load,
    LoadRequest,
    State,
    derive_load_id,
)  # fmt: skip
from hygge.core.slots import together
from hygge.core.steps import reached
from hygge.core.watermark import (
    Watermark,
    Window,
    check_type,
    freeze_upper,
    window,
    zone_of,
)  # fmt: skip
from hygge.run.plan import KEYED, Plan
from hygge.run.pump import Meter, pump
from hygge.run.result import Proof
from hygge.run.shape import Shape, shape_of, unknown_column
from hygge.run.sieve import Sieve, forget, told
from hygge.run.task import ChunkResult, ChunkTask, run_chunk

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
                held = self._held(settling.state())
                if held is not None and earlier and (held.load_id, held.run_id) == (
                    earlier, context.run_id
                ):  # fmt: skip
                    return self._already(held)
                shape = self._shape(reading, held)
                span, before, after = self._window(reading, shape.source, held)
                self.load_id = derive_load_id(
                    plan.fingerprint, held.generation if held else 0, span
                )
                request = LoadRequest(
                    entity=plan.full_name, mode=plan.mode, fields=shape.target,
                    fingerprint=plan.fingerprint, load_id=self.load_id, run_id=context.run_id,
                    keys=shape.keys if plan.mode in KEYED else (),
                    generation=held.generation if held else 0,
                )  # fmt: skip
                read = ReadRequest(
                    columns=shape.columns,
                    window=span,
                    batch_rows=self._batch_rows(),
                    lenient=plan.rules.policy != "fail",
                )
                if span is not None and span.upper is None and held is not None:
                    return Moved(None, held=held, before=before, after=before, reason="no rows yet")
                if span is not None and held is not None and span.lower == span.upper:
                    return Moved(None, held=held, before=before, after=before, reason="nothing new")
                self._started(reading.estimate(read))
                context.cancel.check()
                load = settling.begin(request)
                try:
                    reached("move.began")
                    commit, proof = self._load(reading, load, shape, read, held, after)
                except BaseException:
                    load.abort()
                    forget(plan.rules, context.run_id)
                    raise
                if commit is None:
                    return Moved(None, held=held, before=before, after=before, reason="nothing new")
                reached("move.committed")
                return Moved(commit, proof, before, after, held)
            finally:
                for no_longer in watched:
                    no_longer()

    def _held(self, held: State | None) -> State | None:
        if held is None or self.plan.full_refresh or held.fingerprint == self.plan.fingerprint:
            return held
        raise StateError(
            f"{self.plan.destination} holds '{held.entity}' as it was configured differently "
            "(another source, key or watermark column)",
            hint="--full-refresh replaces it; or give this entity another destination",
        )

    def _already(self, held: State) -> Moved:
        commit = Commit(state=held, rows=held.rows, bytes=0, place=self.plan.destination)
        count = held.loaded
        proof = Proof(read=count, written=count, staged=count, checksum=held.checksum)
        return Moved(commit, proof, None, held.watermark, held)

    def _shape(self, reading: HomeSession, held: State | None) -> Shape:
        plan, settings = self.plan, self.plan.settings
        source = reading.schema()
        if reading.inferred and held is not None and not plan.full_refresh:
            source = pinned(source, held.fields)
        casts = {name: parse_type(text) for name, text in settings.cast.items()}
        for key in settings.keys:
            if key not in source.names:
                if plan.mode in KEYED:
                    raise unknown_column(key, source, f"`key_column` of {plan.full_name}")
                self.context.note(f"the key column '{key}' is not in the source", "warning")
        keys = [k for k in settings.keys if k in source.names]
        shape = shape_of(
            source, columns=settings.columns, rename=settings.rename, cast=casts, keys=keys,
            entity=plan.full_name,
        )  # fmt: skip
        if plan.mode in KEYED and not shape.keys:
            raise UnsupportedError(
                f"{plan.full_name}: mode '{plan.mode}' needs a key, and the source has no primary "
                "key among the columns chosen",
                hint="set `key_column`",
            )
        for field in shape.target:
            if field.loss:
                self.context.note(f"{field.name}: {field.loss}", "info")
        if held is not None and (drift := compare(held.fields, shape.target)):
            self.context.note(f"fields changed: {drift}", "warning")
        return shape

    def _window(
        self, reading: HomeSession, source: Schema, held: State | None
    ) -> tuple[Window | None, Watermark | None, Watermark | None]:
        """The rows to read, the stored watermark, and the one to store."""
        by = self.plan.settings.incremental
        if by is None:
            return None, None, None
        field = reading.schema().get(by.column)
        if field is None:
            raise unknown_column(
                by.column, reading.schema(), f"`incremental` of {self.plan.full_name}"
            )
        check_type(by.column, field.type)
        if field.type.is_temporal and by.lag is None and not reading.settled_clock:
            raise UnsupportedError(
                f"{self.plan.full_name}: '{by.column}' is a time, and this source cannot tell what "
                "open transactions may still write: a row committed late would never be read",
                hint="set `lag: 15m` (longer than the longest transaction) with `mode: merge`, or "
                "`lag: 0` if no row can ever arrive late",
            )
        last = None if held is None or self.plan.full_refresh else held.watermark
        upper = freeze_upper(
            field.type, maximum=reading.maximum(by.column), clock=reading.clock(),
            last=last.value if last else None, zone=zone_of(by.timezone),
        )  # fmt: skip
        span = window(by.column, field.type, last=last, lag=by.lag_value, upper=upper)
        after = Watermark(by.column, field.type, upper) if upper is not None else None
        if last is not None and (missing := reading.nulls(by.column)):
            self.context.note(
                f"{missing:,} rows have no '{by.column}': only the first load read such rows, and "
                "those that came later are never read; --full-refresh takes them",
                "warning",
            )
        return span, last, after

    def _load(
        self,
        reading: HomeSession,
        load: Load,
        shape: Shape,
        read: ReadRequest,
        held: State | None,
        after: Watermark | None,
    ) -> tuple[Commit | None, Proof | None]:
        nothing = read.window is not None and read.window.upper is None
        chunks = () if nothing else self._chunks(reading, read)
        if nothing:
            # No row has a position yet: those without are read once, with the first that has one.
            results: list[ChunkResult] = []
        elif len(chunks) == 1:
            results = [self._whole(reading, load, shape, read, chunks[0])]
        else:
            results = self._parallel(load, shape, read, chunks)
        reached("move.written")
        receipts = [r.receipt for r in results]
        proof = self._verify(load, results)
        moved_on = after is not None and (not held or held.watermark != after)
        if not proof.read and held is not None and self.plan.mode != "replace" and not moved_on:
            load.abort()
            return None, None
        self._guard(proof.read or 0, held)
        reached("move.verified")
        self.context.cancel.check()  # the last moment at which a stop leaves the destination alone
        state = load.request.state(
            watermark=after, receipts=receipts,
            committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        commit = load.commit(receipts, state)
        return commit, replace(proof, checksum=state.checksum)

    def _batch_rows(self) -> int:
        """What the Home says itself goes before what the entity says."""
        home = self.plan.home.config
        if "batch_size" in home.model_fields_set:
            return int(home.batch_size)
        return self.plan.settings.batch_size or int(home.batch_size)

    def _chunks(self, reading: HomeSession, read: ReadRequest) -> Sequence[Chunk]:
        wanted = self.plan.settings.chunks
        if self.plan.local or not isinstance(wanted, int) or wanted < 2:
            return (WHOLE,)
        return reading.split(read, wanted) or (WHOLE,)

    def _whole(
        self, reading: HomeSession, load: Load, shape: Shape, read: ReadRequest, chunk: Chunk
    ) -> ChunkResult:
        sieve = Sieve(
            shape, self.plan.rules, entity=self.plan.full_name,
            name=f"{self.context.run_id}-{chunk.index:04d}",
        )  # fmt: skip
        pumped = pump(
            reading, load.writer(chunk.index), sieve, read, chunk, entity=self.plan.full_name,
            cancel=self.context.cancel, meter=self.meter, tick=self._tick,
        )  # fmt: skip
        return ChunkResult(self.meter.rows_read, pumped)

    def _parallel(
        self, load: Load, shape: Shape, read: ReadRequest, chunks: Sequence[Chunk]
    ) -> list[ChunkResult]:
        token = CancelToken(self.context.cancel)
        wanted = self.plan.settings.chunks
        with ThreadPoolExecutor(int(wanted), thread_name_prefix="chunk") as pool:
            futures = [
                pool.submit(
                    run_chunk,
                    ChunkTask(
                        self.plan.home, self.plan.store, shape, read, chunk, load.ticket,
                        self.plan.full_name, self.context.run_id, self.plan.rules,
                    ),
                    cancel=token, meter=self.meter, tick=self._tick,
                )
                for chunk in chunks
            ]  # fmt: skip
            try:
                for future in as_completed(futures):
                    future.result()  # raises what failed first, whichever chunk it was
            except BaseException:
                for future in futures:
                    future.cancel()
                token.cancel("another chunk failed")
                raise
        return [future.result() for future in futures]

    def _verify(self, load: Load, results: Sequence[ChunkResult]) -> Proof:
        read = sum(r.rows_read for r in results)
        written = sum(r.receipt.rows for r in results)
        aside = sum(r.moved.aside for r in results)
        counted = [r.moved.rows_source for r in results]
        source = sum(c for c in counted if c is not None) if None not in counted else None
        staged = load.staged_rows([r.receipt for r in results])
        if not read - aside == written == staged or source not in (None, read):
            said = "" if source is None else f"the source counts {source} rows, "
            kept = f"{aside} set aside, " if aside else ""
            raise VerifyError(
                f"{self.plan.full_name}: {said}{read} were read, {kept}{written} written and "
                f"{staged} lie staged; nothing was published",
                hint="run it again; if it stays so, the source changes while it is read",
            )
        nulled = sum((Counter(r.moved.nulled) for r in results), Counter())
        for note in told(nulled, aside, self.plan.rules.folder):
            self.context.note(note, "warning")
        return Proof(read=read, written=written, staged=staged, source=source, aside=aside)

    def _guard(self, rows: int, held: State | None) -> None:
        if self.plan.mode != "replace" or held is None or not held.rows:
            return
        settings = self.plan.settings
        if rows == 0 and not settings.allow_empty:
            raise GuardError(
                f"{self.plan.full_name}: the source has no rows, and the destination holds "
                f"{held.rows:,}; they were kept",
                hint="if the source is meant to be empty, set `allow_empty: true`",
            )
        least = held.rows * (1 - settings.max_shrink)
        if rows and rows < least:
            raise GuardError(
                f"{self.plan.full_name}: the source has {rows:,} rows, and the destination holds "
                f"{held.rows:,}; they were kept",
                hint=f"if so many rows may go at once, raise `max_shrink` ({settings.max_shrink})",
            )


def pinned(found: Schema, held: Schema) -> Schema:
    """A schema inferred now, with the types that were pinned when the entity was first loaded.

    Only for sources without a catalogue: what was text stays text, though today's rows look
    like numbers. A source name is matched where the destination renamed the column. A column that
    held nothing but NULL had no type to pin.
    """
    known: dict[str, LogicalType] = {f.source_name: f.type for f in held if f.type.kind != "null"}
    return found.changed({f.name: known[f.name] for f in found if f.name in known})
