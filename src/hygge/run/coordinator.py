"""Coordinator: many flows in parallel, each on its own; one that fails never stops the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hygge.core.context import CancelToken, Context
from hygge.core.errors import (
    Cancelled,
    ConfigError,
    HyggeError,
    Problem,
    RunFailed,
)  # fmt: skip
from hygge.core.events import Event, Listener
from hygge.core.secrets import redact
from hygge.core.state import derive_fingerprint
from hygge.project import EntitySpec, Project, check_places, expand, load_project
from hygge.run.earlier import moved_before
from hygge.run.execution import Execution
from hygge.run.ids import new_run_id
from hygge.run.options import RunOptions
from hygge.run.plan import Plan
from hygge.run.planning import plan_entity
from hygge.run.result import RunResult
from hygge.run.select import Candidate, all_of, chosen, idle, is_out, may_hold

if TYPE_CHECKING:
    import asyncio


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
        self.unlisted: dict[str, HyggeError] = {}
        """Of the flows chosen, those whose `tables:` could not be listed, and why."""
        self._emitting = threading.Lock()
        self._cancel = CancelToken()
        self._run_id = new_run_id()
        self._fingerprint = ""
        self._whole = True

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
        nothing, and what listing the tables of a flow chosen raises. Problems of single plans are
        in the plans, and those between them in `problems`.
        """
        plans = self.plan_listed()
        for error in self.unlisted.values():
            raise error
        return plans

    def plan_listed(self) -> list[Plan]:
        """`plan()` of what could be listed; flows chosen whose tables could not are `unlisted`."""
        project = self.project
        if project.errors:
            problems = dict.fromkeys([*project.errors, *self._planned(project)])
            raise ConfigError(problems=sorted(problems, key=lambda p: p.sort_key))
        context = Context(run_id=self._run_id, cancel=self._cancel, note=self._note)
        self.warnings.clear()
        specs, gone, unlisted = self._expanded(project, context)
        self.problems = check_places(specs, project.surroundings())
        by_name = {spec.full_name: spec for spec in specs}
        known = [Candidate(s.flow, s.name, tuple(s.tags)) for s in specs]
        candidates = [*known, *map(all_of, unlisted)]
        try:
            picked = chosen(candidates, self.options, [flow.name for flow in project.flows])
        except ConfigError:
            for error in unlisted.values():
                raise error from None  # whose tables may have been meant
            raise
        self.warnings += idle(candidates, self.options)
        flows = {c.flow for c in picked}
        everything = len(picked) == len(candidates)
        for name, problem in gone.items():
            if everything or name in flows:
                context.note(str(problem), "warning")
        names = {c.full_name for c in picked}
        self.unlisted = {f: e for f, e in unlisted.items() if all_of(f).full_name in names}
        for flow, error in unlisted.items():
            if flow not in self.unlisted and may_hold(flow, self.options):
                self.warnings.append(f"{flow}: which of its tables are meant is unknown: {error}")
        self._whole = not any(
            c.flow in flows and by_name[c.full_name].enabled
            for c in known
            if c.full_name not in names
        )
        meant = [by_name[c.full_name] for c in known if c.full_name in names]
        meant = [spec for spec in meant if spec.enabled]
        self._fingerprint = derive_fingerprint({s.full_name: s.fingerprint for s in meant})
        return [self._plan(spec, project) for spec in meant]

    def _expanded(
        self, project: Project, context: Context
    ) -> tuple[list[EntitySpec], dict[str, Problem], dict[str, HyggeError]]:
        """All entities, and by flow what is told of tables that are gone, and why those of others
        could not be listed. Flows that the run is not for are not asked. Raises ConfigError."""
        specs: list[EntitySpec] = []
        before = moved_before(project)
        gone: dict[str, Problem] = {}
        unlisted: dict[str, HyggeError] = {}
        for flow in project.flows:
            if is_out(flow.name, self.options):
                specs += flow.entities
                continue
            try:
                expansion = expand(flow, context, before.get(flow.name, ()))
            except (ConfigError, Cancelled):
                raise
            except HyggeError as error:
                specs += flow.entities
                unlisted[flow.name] = error
                continue
            specs += expansion.heard(context)
            if expansion.gone is not None:
                gone[flow.name] = expansion.gone
        return specs, gone, unlisted

    def _plan(self, spec: EntitySpec, project: Project) -> Plan:
        return plan_entity(
            spec.home, spec.store, spec.settings, full_name=spec.full_name,
            around=project.surroundings(), full_refresh=self.options.full_refresh,
            tags=tuple(spec.tags), location=spec.location,
        )  # fmt: skip

    def _planned(self, project: Project) -> Iterator[Problem]:
        """What planning finds wrong with the entities of a project that has errors already; those
        that cannot be bound, as loading has told, are left out, and no source is asked."""
        around = project.surroundings()
        for spec in project.entities:
            if spec.enabled:
                with suppress(ConfigError):
                    spec.home.bind(around)
                    spec.store.bind(around)
                    plan = self._plan(spec, project)
                    yield from (p for p in plan.untold(project.errors) if p.severity == "error")

    def checked_plan(self) -> list[Plan]:
        """`plan_listed()`, raising ConfigError where any plan has an error."""
        plans = self.plan_listed()
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
        import asyncio

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
        self._unheard = list(self.warnings)
        execution = Execution(
            self.project, plans, self.options, run_id=self._run_id, fingerprint=self._fingerprint,
            cancel=self._cancel, emit=self.emit, warnings=self._unheard, loop=loop,
            whole=self._whole, unlisted=self.unlisted,
        )  # fmt: skip
        return execution.execute()

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
