"""Coordinator: many flows in parallel, each on its own; one that fails never stops the others."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hygge.core import events
from hygge.core.chunk import ReadRequest
from hygge.core.context import CancelToken, Context
from hygge.core.errors import (
    Cancelled,
    ConfigError,
    HyggeError,
    JournalError,
    Problem,
    RunFailed,
)  # fmt: skip
from hygge.core.events import Event, Listener, Status
from hygge.core.load import derive_fingerprint
from hygge.core.secrets import redact
from hygge.project import EntitySpec, Project, check_places, expand_tables, load_project
from hygge.run.flow import Mover
from hygge.run.ids import new_run_id
from hygge.run.journal import Journal
from hygge.run.locks import Overlap, entity_lock
from hygge.run.options import RunOptions
from hygge.run.plan import Plan, plan_entity
from hygge.run.result import EntityResult, RunResult, RunStatus
from hygge.run.select import Candidate, chosen

MOST_AT_ONCE = 8
HEAR_EVERY_S = 0.5


class Coordinator:
    """Runs a project's flows.

    Parameters
    ----------
    config_path: a project's hygge.yml, its folder, or a single file with `flows:`; None finds the
        project that the current folder is in.
    options: choices for this run.
    project: one loaded already, instead of `config_path`.
    listeners: called with every event, one at a time.
    """

    def __init__(
        self,
        config_path: str | Path | None = None,
        *,
        options: RunOptions | None = None,
        project: Project | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.options = options or RunOptions()
        self._config_path = Path(config_path) if config_path is not None else None
        self._project = project
        self._listeners = list(listeners)
        self._unheard: list[str] = []
        self.problems: list[Problem] = []
        """What planning found wrong between entities, e.g. two that would settle in one place."""
        self.warnings: list[str] = []
        """What planning noticed that is no error, e.g. a pattern that matches no table."""
        self._emitting = threading.Lock()
        self._cancel = CancelToken()
        self._run_id = new_run_id()
        self._fingerprint = ""

    @property
    def project(self) -> Project:
        """The project, loaded when first asked for. Raises ConfigError where there is none."""
        if self._project is None:
            self._project = load_project(
                config_path=self._config_path, env=self.options.env, run_date=self.options.run_date
            )
        return self._project

    def plan(self) -> list[Plan]:
        """One plan for every entity that the options choose; disabled ones are left out.

        Raises ConfigError with every problem of the configuration, or where a name chosen means
        nothing. Problems of single plans are in the plans, and those between them in `problems`.
        """
        project = self.project
        project.check()
        context = Context(run_id=self._run_id, cancel=self._cancel, note=self._note)
        self.warnings.clear()
        specs: list[EntitySpec] = []
        for flow in project.flows:
            specs += expand_tables(flow, context)
        self.problems = check_places(specs, project.surroundings())
        by_name = {spec.full_name: spec for spec in specs}
        picked = chosen([Candidate(s.flow, s.name, tuple(s.tags)) for s in specs], self.options)
        around = project.surroundings()
        meant = [by_name[c.full_name] for c in picked if by_name[c.full_name].enabled]
        self._fingerprint = derive_fingerprint({s.full_name: s.fingerprint for s in meant})
        return [
            plan_entity(
                spec.home, spec.store, spec.settings, full_name=spec.full_name, around=around,
                full_refresh=self.options.full_refresh, tags=tuple(spec.tags),
                location=spec.location,
            )
            for spec in meant
        ]  # fmt: skip

    def checked_plan(self) -> list[Plan]:
        """`plan()`, raising ConfigError where any plan has an error."""
        plans = self.plan()
        problems = [*self.problems, *(p for plan in plans for p in plan.errors)]
        if problems:
            raise ConfigError(problems=problems)
        return plans

    def _note(self, message: str, severity: str) -> None:
        if severity == "warning":
            self.warnings.append(message)

    def cancel(self, reason: str = "stopped on request") -> None:
        """Stop every entity before its commit point, from any thread."""
        self._cancel.cancel(reason)

    async def run(self) -> RunResult:
        """Run all flows; custom connectors' coroutines run on this loop.

        Raises RunFailed, carrying all results, when anything failed; ConfigError before anything
        has moved. Cancelling the task stops every flow before its commit point.
        """
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(asyncio.to_thread(self.execute, loop))
        try:
            result = await asyncio.shield(work)
        except asyncio.CancelledError:
            self.cancel("the task was cancelled")
            await asyncio.wait([work])
            work.exception()  # looked at, so that the loop does not complain of it
            raise
        return raise_if_failed(result)

    def run_sync(self) -> RunResult:
        """`run()` for code without an event loop."""
        return raise_if_failed(self.execute())

    def execute(self, loop: asyncio.AbstractEventLoop | None = None) -> RunResult:
        """Run all flows and return what became of them, failures included.

        Raises ConfigError before anything has moved.
        """
        self._run_id = new_run_id()
        plans = self.checked_plan()
        self._cancel.check()
        run = _Run(self, plans, loop)
        return run.execute()

    def emit(self, event: Event) -> None:
        """Tell every listener, one event at a time; one that fails is told no more."""
        with self._emitting:
            for listener in tuple(self._listeners):
                try:
                    listener(event)
                except Exception as error:  # noqa: BLE001 - who watches must not stop the moving
                    self._listeners.remove(listener)
                    told = redact(f"{type(error).__name__}: {error}")
                    self._unheard.append(f"a listener failed and was told no more: {told}")


def raise_if_failed(result: RunResult) -> RunResult:
    """The result, or RunFailed carrying it."""
    if result.status == "ok":
        return result
    failed = result.failed
    if failed:
        first = failed[0]
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise RunFailed(
            f"{first.entity}{more} failed: {first.error}", result=result, hint=first.hint
        )
    raise RunFailed(f"the run was not finished: {result.reason}", result=result)


class _Run:
    """One execution: its order, its threads, its deadline and its record."""

    def __init__(
        self, owner: Coordinator, plans: list[Plan], loop: asyncio.AbstractEventLoop | None
    ) -> None:
        self._owner, self._plans, self._loop = owner, plans, loop
        self._options, self._cancel = owner.options, owner._cancel
        self._run_id = owner._run_id
        self._began = time.monotonic()
        self._results: dict[str, EntityResult] = {}
        self._warnings = owner._unheard = list(owner.warnings)
        project = owner.project
        self._at_once = self._options.concurrency or project.concurrency or default_concurrency()

    def execute(self) -> RunResult:
        started = datetime.now(UTC)
        project = self._owner.project
        with Journal.open(project.journal, project.root) as journal:
            journal.begin_run(
                self._run_id, started, [p.full_name for p in self._plans], project=project.name,
                environment=project.env, fingerprint=self._owner._fingerprint,
            )  # fmt: skip
            names = tuple(p.full_name for p in self._plans)
            self._emit(events.RunStarted(self._run_id, time.time(), names, self._at_once))
            with ThreadPoolExecutor(self._at_once, thread_name_prefix="flow") as pool:
                try:
                    self._work(pool, self._ordered(pool), journal)
                except BaseException:
                    self._owner.cancel("interrupted")  # the pool waits for what is under way
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

    def _emit(self, event: Event) -> None:
        self._owner.emit(event)

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
            with plan.home.open(Context(run_id=self._run_id, loop=self._loop)) as session:
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
                        self._owner.project.root, plan.full_name, self._options.if_running,
                        self._cancel,
                    )
                )  # fmt: skip
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
            try:
                journal.entity_finished(self._run_id, result)
            except JournalError as error:
                self._warnings.append(str(error))
        return result

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
            destination=plan.destination, mode=plan.mode, attempts=0, error=redact(reason),
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
        results = tuple(self._results[p.full_name] for p in self._plans)
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
    usable: Any = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable else os.cpu_count() or 1
    return min(MOST_AT_ONCE, 2 * count)
