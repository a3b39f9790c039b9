"""One execution of many plans: largest first, so many at a time, each on its own, all recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hygge.core import events
from hygge.core.chunk import ReadRequest
from hygge.core.context import HEAR_EVERY_S, CancelToken, Context
from hygge.core.errors import (
    Cancelled,
    ConfigError,
    HyggeError,
    JournalError,
    TransientError,
)  # fmt: skip
from hygge.core.events import Event, Listener, Status
from hygge.core.secrets import redact, redact_about
from hygge.project import Project
from hygge.run.chunks import processors
from hygge.run.earlier import origin_of
from hygge.run.journal import Journal
from hygge.run.locks import Overlap, entity_lock
from hygge.run.mover import Mover
from hygge.run.options import RunOptions
from hygge.run.plan import Plan
from hygge.run.result import EntityResult, RunResult, RunStatus
from hygge.run.select import all_of

if TYPE_CHECKING:
    import asyncio


MOST_AT_ONCE = 8


class Execution:
    """One execution: its order, its threads, its deadline and its record.

    Parameters
    ----------
    project: where the plans come from.
    plans: what to run; without errors.
    options: choices for this run.
    run_id: names it.
    fingerprint: of the configuration of what it runs.
    cancel: stops it before every commit point.
    emit: takes events.
    warnings: of the run as a whole; added to while it goes on.
    loop: where custom connectors' coroutines run; None for hygge's own.
    whole: whether no entity of its flows is left out, for the record.
    unlisted: flows whose entities could not be found out, and why: each fails, as `flow.*`.
    """

    def __init__(
        self,
        project: Project,
        plans: list[Plan],
        options: RunOptions,
        *,
        run_id: str,
        fingerprint: str,
        cancel: CancelToken,
        emit: Listener,
        warnings: list[str],
        loop: asyncio.AbstractEventLoop | None,
        whole: bool = True,
        unlisted: Mapping[str, HyggeError] | None = None,
    ) -> None:
        self._project, self._plans, self._options = project, plans, options
        self._run_id, self._fingerprint = run_id, fingerprint
        self._cancel, self._emit, self._warnings, self._loop = cancel, emit, warnings, loop
        self._whole = whole
        self._unlisted = {all_of(flow).full_name: e for flow, e in (unlisted or {}).items()}
        self._names = (*(p.full_name for p in plans), *self._unlisted)
        self._began = time.monotonic()
        self._results: dict[str, EntityResult] = {}
        self._at_once = options.concurrency or project.concurrency or default_concurrency()

    def execute(self) -> RunResult:
        started = datetime.now(UTC)
        project = self._project
        with Journal.open(project.journal, project.root) as journal:
            journal.begin_run(
                self._run_id, started, self._names,
                origin=origin_of(project), fingerprint=self._fingerprint, whole=self._whole,
            )  # fmt: skip
            self._emit(events.RunStarted(self._run_id, time.time(), self._names, self._at_once))
            for name, error in self._unlisted.items():
                self._fail(name, error, journal)
            with ThreadPoolExecutor(self._at_once, thread_name_prefix="flow") as pool:
                try:
                    self._work(pool, self._ordered(pool), journal)
                except BaseException:
                    self._cancel.cancel("interrupted")  # the pool waits for what is under way
                    raise
            result = self._result(started)
            try:
                journal.finish_run(result)
            except JournalError as error:
                self._warnings.append(str(error))
                result = self._result(started, unrecorded=error.message)
        self._emit(
            events.RunFinished(
                self._run_id, time.time(), result.status, result.seconds, result.counts
            )
        )
        return result

    def _fail(self, name: str, error: HyggeError, journal: Journal) -> None:
        """A flow whose tables could not be listed."""
        told = f"its tables cannot be listed: {error.message}"
        result = EntityResult(
            entity=name, status="failed", attempts=0, error=redact_about(name, told),
            error_class=type(error).__name__, hint=redact(error.hint) if error.hint else None,
            retryable=isinstance(error, TransientError),
        )  # fmt: skip
        self._results[name] = result
        self._emit(self._finished(result))
        self._record(result, journal)

    def _ordered(self, pool: ThreadPoolExecutor) -> list[Plan]:
        """Largest first, so that the longest does not begin last; unknown sizes before all."""
        if len(self._plans) <= self._at_once:
            return list(self._plans)
        sizes = list(pool.map(self._size, self._plans))
        order = sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))
        return [self._plans[i] for i in order]

    def _size(self, plan: Plan) -> float:
        if self._cancel.cancelled:
            return 0
        try:
            cancel = CancelToken(self._cancel)
            context = Context(run_id=self._run_id, cancel=cancel, loop=self._loop)
            with plan.home.open(context) as session:
                estimate = session.estimate(ReadRequest())
        except Exception:  # noqa: BLE001 - it will fail again, and be told, when its turn comes
            return 0
        size = estimate.rows if estimate.bytes is None else estimate.bytes
        return float("inf") if size is None else size

    def _work(self, pool: ThreadPoolExecutor, plans: list[Plan], journal: Journal) -> None:
        waiting = list(reversed(plans))
        running: dict[Future[EntityResult], Plan] = {}
        while waiting or running:
            while waiting and len(running) < self._at_once and not self._stopping():
                plan = waiting.pop()
                running[pool.submit(self._one, plan, journal)] = plan
            if not running:
                break
            # In short steps: Python hears a signal only when its main thread wakes.
            done, _ = wait(running, HEAR_EVERY_S, return_when=FIRST_COMPLETED)
            for future in done:
                plan = running.pop(future)
                self._results[plan.full_name] = future.result()
        reason = self._stopping()
        for plan in reversed(waiting):
            result = self._untouched(plan, "untouched", reason)
            self._results[plan.full_name] = result
            journal.entity_finished(self._run_id, result)

    def _stopping(self) -> str:
        """Why nothing more is started; "" while more is."""
        if self._cancel.cancelled:
            return self._cancel.reason
        limit = self._options.max_duration
        if limit is not None and time.monotonic() - self._began >= limit:
            return f"the time of {limit:g} s was up"
        if self._options.fail_fast and any(r.status == "failed" for r in self._results.values()):
            return "another entity failed, and --fail-fast was asked for"
        return ""

    def _one(self, plan: Plan, journal: Journal) -> EntityResult:
        with ExitStack() as held:
            try:
                held.enter_context(
                    entity_lock(
                        self._project.root, plan.lock, self._options.if_running, self._cancel
                    )
                )
            except HyggeError as error:
                result = self._untouched(plan, self._without_lock(error), error.message, error)
                self._emit(self._finished(result))
            else:
                mover = Mover(
                    plan, run_id=self._run_id, cancel=self._cancel, loop=self._loop,
                    emit=self._emit,
                )  # fmt: skip
                journal.entity_started(self._run_id, plan.full_name)
                result = mover.run()
            self._record(result, journal)
        return result

    def _record(self, result: EntityResult, journal: Journal) -> None:
        try:
            journal.entity_finished(self._run_id, result)
        except JournalError as error:
            self._warnings.append(str(error))

    def _without_lock(self, error: HyggeError) -> Status:
        """What becomes of an entity whose lock was not to be had."""
        if isinstance(error, Cancelled):
            return "cancelled"
        skip = isinstance(error, Overlap) and self._options.if_running == "skip"
        return "skipped" if skip else "failed"

    def _untouched(
        self, plan: Plan, status: Status, reason: str, error: HyggeError | None = None
    ) -> EntityResult:
        return EntityResult(
            entity=plan.full_name, status=status, source=plan.source,
            destination=plan.destination, mode=plan.mode, attempts=0,
            error=redact_about(plan.full_name, reason),
            error_class=type(error).__name__ if error else None,
            hint=redact(error.hint) if error and error.hint else None,
            retryable=not isinstance(error, ConfigError), holds="what it held before",
        )  # fmt: skip

    def _finished(self, result: EntityResult) -> Event:
        return events.EntityFinished(
            self._run_id, time.time(), result.entity, result.status, result.rows, result.bytes,
            result.seconds, result.destination, result.error, result.hint,
        )  # fmt: skip

    def _result(self, started: datetime, *, unrecorded: str = "") -> RunResult:
        results = tuple(self._results[name] for name in self._names)
        statuses = {r.status for r in results}
        status: RunStatus = "ok"
        reason = self._stopping() or unrecorded
        if self._cancel.cancelled and statuses & {"cancelled", "untouched"}:
            status = "cancelled"
        elif "failed" in statuses or unrecorded:
            status = "failed"
        elif "untouched" in statuses:
            status = "deadline"
        return RunResult(
            run_id=self._run_id, started=started, finished=datetime.now(UTC), status=status,
            entities=results, reason="" if status == "ok" else reason,
            warnings=tuple(self._warnings),
        )  # fmt: skip


def default_concurrency() -> int:
    """Twice the processors this process may use, at most MOST_AT_ONCE."""
    return min(MOST_AT_ONCE, 2 * processors())
