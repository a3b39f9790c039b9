"""What a run is asked to do, beyond what the project says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Choices for one run; every default means "as the project says".

    Parameters
    ----------
    flows: run only these flows; names as in the project.
    entities: run only these entities, as `flow.entity`.
    select, exclude: names, globs (`sales.*`) or `tag:nightly`; a `flow.entity` is matched whole,
        and a pattern without a dot against the flow's name or the entity's.
    full_refresh: forget the stored position and replace what the destination holds.
    env: the environment; None for HYGGE_ENV, else the project's own choice.
    run_date: what `{run_date}` becomes; None for today (UTC).
    concurrency: entities at a time; None for the project's, else twice the processors, at most 8.
    fail_fast: start nothing more once an entity has failed.
    if_running: what to do with an entity that another run is moving: leave it out (`skip`), wait
        for it (`wait`), or call it failed (`fail`).
    max_duration: seconds after which nothing more is started; None for no limit.
    only: full names to run and no others, e.g. those that failed in an earlier run; None for all.
    """

    flows: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    full_refresh: bool = False
    env: str | None = None
    run_date: date | None = None
    concurrency: int | None = None
    fail_fast: bool = False
    if_running: Literal["skip", "wait", "fail"] = "skip"
    max_duration: float | None = None
    only: frozenset[str] | None = None
