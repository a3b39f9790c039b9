"""The journal's reading side: past runs, all of them or those of one configuration."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hygge.core.errors import ConfigError
from hygge.run.journal_db import Database
from hygge.run.journal_link import Link
from hygge.run.locks import Lock
from hygge.run.records import Origin, RunRecord, as_text, run_record
from hygge.run.result import RunResult

LOOK_BACK = 1000
"""How many runs of one origin are looked through for the last that is over."""
TOLD_FOR = timedelta(hours=12)
"""For how long a table that is gone is told after the first run without it has told it: whoever
starts that run again is told again."""
MOST_MOVED = 20_000
"""How many reports of moved entities are looked through, the latest first: those of TOLD_FOR, of
200 entities every ten minutes, and more. Each costs some 10 us, and where an entity fails in every
run there is no run that succeeded to stop at."""

# Of runs, called r. Not every database compares texts of any length.
_PROJECT = """COALESCE(r."config", '') = :config AND CAST(r."project" AS CHAR(255)) = :project"""
_ORIGIN = f"""{_PROJECT} AND COALESCE(CAST(r."environment" AS CHAR(255)), '') = :environment"""
_OF_FLOW = """(e."entity" = :flow OR e."entity" LIKE :begins ESCAPE '!')"""
_OF_RUN = f"""SELECT 1 FROM hygge_entities e WHERE e."run_id" = r."run_id" AND {_OF_FLOW}"""
_MOVED = """e."status" IN ('moved', 'unchanged')"""
_LAST_WHOLE = (
    'SELECT r."started" FROM hygge_runs r '
    f"""WHERE {_ORIGIN} AND r."whole" = 1 AND r."started" < :until """
    f"AND EXISTS ({_OF_RUN}) AND NOT EXISTS ({_OF_RUN} AND NOT {_MOVED}) "
    'ORDER BY r."started" DESC'
)
_MOVED_SINCE = (
    'SELECT r."project", r."environment", e."entity", e."source" '
    'FROM hygge_runs r JOIN hygge_entities e ON e."run_id" = r."run_id" '
    f"""WHERE {_ORIGIN} AND r."started" >= :since AND {_OF_FLOW} AND {_MOVED} """
    'ORDER BY r."started" DESC'
)


class History:
    """What is recorded of past runs. Reading does not wait for writing.

    Parameters
    ----------
    database: where the record lies, its tables up to date.
    root: the project's folder, whose locks tell which runs still go on.
    """

    def __init__(self, database: Database, root: Path) -> None:
        self.place = database.place
        self._database, self._root = database, root
        self._under_way = ""
        """The run that this object itself records; "" for none."""

    def runs(self, limit: int = 20) -> list[RunRecord]:
        """The latest runs of all configurations, latest first, without their entities."""
        query = 'SELECT * FROM hygge_runs ORDER BY "started" DESC, "run_id" DESC'
        with self._database.reading() as link:
            rows = link.ask(query, limit=limit)
            counts = _counts(link, [row["run_id"] for row in rows])
        return [run_record(r, self._status(r), counts[r["run_id"]]) for r in rows]

    def run(self, run_id: str) -> RunRecord | None:
        """One run with its entities, by its id or by how its id begins; None: there is none such.

        Raises ConfigError where several begin so.
        """
        begins = re.sub("([!%_])", r"!\1", run_id) + "%"
        with self._database.reading() as link:
            rows = link.ask(
                """SELECT * FROM hygge_runs WHERE "run_id" LIKE :begins ESCAPE '!'""",
                {"begins": begins}, limit=50,
            )  # fmt: skip
            rows = [r for r in rows if r["run_id"] == run_id] or rows
            if len(rows) > 1:
                raise ConfigError(
                    f"{len(rows)} runs begin with '{run_id}'", hint="give more of the run's id"
                )
            if not rows:
                return None
            found = link.ask(
                'SELECT * FROM hygge_entities WHERE "run_id" = :run ORDER BY "position", "entity"',
                {"run": rows[0]["run_id"]},
            )
            counts = _counts(link, [rows[0]["run_id"]])[rows[0]["run_id"]]
        return run_record(rows[0], self._status(rows[0]), counts, found)

    def last_result(self, origin: Origin | None = None) -> RunResult | None:
        """The latest run that is over, interrupted ones included; None where there is none.

        Parameters
        ----------
        origin: what it was a run of; None for any.
        """
        for row in self._latest(origin):
            if self._status(row) != "running":
                whole = self.run(row["run_id"])
                return whole.result() if whole is not None else None
        return None

    def last_run(self, origin: Origin, *, any_environment: bool = False) -> RunRecord | None:
        """The latest run of an origin, over or not; None where there is none."""
        row = next(iter(self._latest(origin, any_environment=any_environment)), None)
        return self.run(row["run_id"]) if row is not None else None

    def moved_before(self, origin: Origin, flow: str, now: datetime) -> list[tuple[str, str]]:
        """What a flow moved of late: the names of its entities, each with its source in words.

        That is what any run has moved since the last run of the whole flow that succeeded and is
        older than TOLD_FOR, that run included; all that is recorded where there is no such run.
        """
        begins = re.sub("([!%_])", r"!\1", f"{flow}.") + "%"
        values = {
            **_named(origin), "flow": flow, "begins": begins, "until": as_text(now - TOLD_FOR),
        }  # fmt: skip
        with self._database.reading() as link:
            whole = link.ask(_LAST_WHOLE, values, limit=1)
            del values["until"]
            values["since"] = whole[0]["started"] if whole else ""
            rows = link.ask(_MOVED_SINCE, values, limit=MOST_MOVED)
        found = {
            (flow if r["entity"] == flow else r["entity"].removeprefix(f"{flow}."), r["source"])
            for r in rows
            if _is_of(r, origin) and (r["entity"] == flow or r["entity"].startswith(f"{flow}."))
        }
        return sorted(found)

    def _latest(
        self, origin: Origin | None, *, any_environment: bool = False
    ) -> list[dict[str, Any]]:
        """The latest runs of an origin, latest first, without what takes room."""
        which = "" if origin is None else f"WHERE {_ORIGIN if not any_environment else _PROJECT} "
        query = (
            'SELECT "run_id", "status", "host", "project", "environment" FROM hygge_runs r '
            f"""{which}ORDER BY "started" DESC, "run_id" DESC"""
        )
        values = {} if origin is None else _named(origin, any_environment=any_environment)
        with self._database.reading() as link:
            rows = link.ask(query, values, limit=LOOK_BACK)
        return [
            row
            for row in rows
            if origin is None or _is_of(row, origin, any_environment=any_environment)
        ]

    def _status(self, row: Any) -> Any:
        """A run's status; `interrupted` where it is marked running and its process is gone."""
        if row["status"] != "running" or row["host"] != socket.gethostname():
            return row["status"]
        if row["run_id"] == self._under_way:
            return "running"
        lock = Lock(self._root, f"run.{row['run_id']}")
        if not lock.take():
            return "running"
        lock.free(remove=True)
        return "interrupted"


def _named(origin: Origin, *, any_environment: bool = False) -> dict[str, str]:
    """The values of _ORIGIN, or of _PROJECT."""
    named = {"config": origin.config, "project": origin.project[:255]}
    return named if any_environment else {**named, "environment": (origin.environment or "")[:255]}


def _is_of(row: Any, origin: Origin, *, any_environment: bool = False) -> bool:
    """Whether it is so to the letter: some databases compare without regard to case."""
    same = any_environment or (row["environment"] or "") == (origin.environment or "")
    return same and bool(row["project"] == origin.project)


def _counts(link: Link, runs: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many entities of each run have each status, those under way called `running`."""
    counts: dict[str, dict[str, int]] = {run_id: {} for run_id in runs}
    if not runs:
        return counts
    named = {f"run{at}": run_id for at, run_id in enumerate(runs)}
    seen = link.ask(
        """SELECT "run_id", "status", count(*) AS "number" FROM (SELECT "run_id", """
        """CASE WHEN "started" IS NOT NULL AND "finished" IS NULL THEN 'running' """
        """ELSE "status" END AS "status" FROM hygge_entities """
        f"""WHERE "run_id" IN ({", ".join(f":{n}" for n in named)})) AS seen """
        """GROUP BY "run_id", "status" """,
        named,
    )
    for row in seen:
        counts[row["run_id"]][row["status"]] = row["number"]
    return counts
