"""The journal's reading side: past runs, all of them or those of one configuration."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hygge.core.errors import ConfigError
from hygge.core.home import Table
from hygge.run.journal_db import Database, Link
from hygge.run.locks import Lock
from hygge.run.records import Origin, RunRecord, run_record
from hygge.run.result import RunResult

LOOK_BACK = 1000
"""How many runs of a configuration file are looked through for the last of an environment."""


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

    def tables_before(self, origin: Origin) -> dict[str, list[Table]]:
        """By flow, the tables that its patterns chose in the latest run that asked a source."""
        found = next((row["run_id"] for row in self._latest(origin) if row["listed"]), None)
        if found is None:
            return {}
        with self._database.reading() as link:
            query = 'SELECT "tables" FROM hygge_runs WHERE "run_id" = :run'
            rows = link.ask(query, {"run": found})
        return {
            flow: [Table(*names) for names in tables]
            for row in rows
            for flow, tables in (row["tables"] or {}).items()
        }

    def _latest(
        self, origin: Origin | None, *, any_environment: bool = False
    ) -> list[dict[str, Any]]:
        """The latest runs of an origin, latest first, without what takes room."""
        query = (
            'SELECT "run_id", "status", "host", "project", "environment", '
            'CASE WHEN "tables" IS NULL THEN 0 ELSE 1 END AS "listed" FROM hygge_runs '
            """WHERE :any = 1 OR COALESCE("config", '') = :config """
            'ORDER BY "started" DESC, "run_id" DESC'
        )
        values = {"any": int(origin is None), "config": origin.config if origin else ""}
        with self._database.reading() as link:
            rows = link.ask(query, values, limit=LOOK_BACK)
        # Compared here: not every database compares texts of any length.
        return [
            row
            for row in rows
            if origin is None
            or (
                row["project"] == origin.project
                and (any_environment or row["environment"] == origin.environment)
            )
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
