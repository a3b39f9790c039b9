"""`hygge move`: one table from here to there, without any YAML."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from hygge.cli.places import Place, parse_place
from hygge.cli.running import exit_code, follower, tell_summary, watched
from hygge.core import events, registry
from hygge.core.context import CancelToken, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.settings import build
from hygge.project import EntitySettings
from hygge.run.ids import new_run_id
from hygge.run.mover import Mover
from hygge.run.plan import Plan
from hygge.run.planning import plan_entity
from hygge.run.result import RunResult, RunStatus


def move(
    *,
    source: str,
    destination: str,
    mode: str | None,
    key: tuple[str, ...],
    full_refresh: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Move one table and show it; returns the exit code. The parameters are the command's."""
    plan = plan_of(source, destination, mode=mode, key=key, full_refresh=full_refresh)
    shown = follower(quiet=quiet, verbose=verbose)
    token = CancelToken()

    def execute() -> RunResult:
        run_id, started = new_run_id(), datetime.now(UTC)
        shown(events.RunStarted(run_id, time.time(), (plan.full_name,), 1))
        token.check()
        result = Mover(plan, run_id=run_id, cancel=token, emit=shown).run()
        statuses: dict[str, RunStatus] = {"failed": "failed", "cancelled": "cancelled"}
        return RunResult(
            run_id, started, datetime.now(UTC), statuses.get(result.status, "ok"), (result,)
        )

    ended = watched(execute, token.cancel, shown)
    tell_summary(ended, quiet=quiet, verbose=verbose)
    return exit_code(ended)


def plan_of(
    source: str, destination: str, *, mode: str | None, key: tuple[str, ...], full_refresh: bool
) -> Plan:
    """The plan of a move. Raises ConfigError with everything that stands in its way."""
    start, end = parse_place(source, "home"), parse_place(destination, "store")
    if end.settings.get("table") == "":
        end = Place(end.type, start.name, {**end.settings, "table": start.name})
    home = registry.lookup("home", start.type)(start.name, **start.settings)
    store = registry.lookup("store", end.type)(end.name, **end.settings)
    given: dict[str, Any] = {"mode": mode, "key_column": key, "full_append": mode == "append"}
    settings: EntitySettings = build(EntitySettings, "move", None, given)
    plan = plan_entity(
        home, store, settings, full_name=start.name, around=Surroundings(),
        full_refresh=full_refresh,
    )  # fmt: skip
    if plan.errors:
        raise ConfigError(problems=plan.errors)
    return plan
