"""The Journal: what ran, when, and what it proved. Losing it loses history, never correctness.

It lies in `.hygge/journal.db` in the project (SQLite, write-ahead log), or wherever an SQLAlchemy
URL says. One thread writes what a run reports, many reports to a transaction, so that a slow
journal does not slow the moving; what could not be written is raised when the run ends.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, Self

from sqlalchemy import Connection, Engine, bindparam, case, delete, func, insert, select, update

from hygge.core.errors import ConfigError, JournalError
from hygge.core.secrets import Secret, redact
from hygge.run.journal_db import entities as ENTITIES
from hygge.run.journal_db import migrate, open_engine, reading, writing
from hygge.run.journal_db import runs as RUNS
from hygge.run.locks import Lock
from hygge.run.records import RunRecord, as_text, run_record
from hygge.run.result import EntityResult, RunResult

FILE = Path(".hygge", "journal.db")
LINGER_S = 0.1
"""How long reports are gathered for one transaction: what a crash may lose of the history."""
KEEP = timedelta(days=90)
"""Runs older than this are dropped as a new one begins: 200 entities every ten minutes would
otherwise fill a disk."""


class JournalSettings(Protocol):
    """The part of a project's settings that the journal reads."""

    @property
    def url(self) -> Secret | None:
        """An SQLAlchemy URL; None for the file in the project."""


class Journal:
    """A record of runs. Open it with `Journal.open`; it records one run at a time.

    Reading does not wait for writing, and several processes may write.
    """

    def __init__(self, engine: Engine, place: str, root: Path) -> None:
        self.place = place
        self._engine, self._root = engine, root
        self._run_id = ""
        self._lock: Lock | None = None
        self._queue: queue.SimpleQueue[_Report | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._failure: JournalError | None = None

    @classmethod
    def open(cls, settings: JournalSettings | None, root: Path) -> Self:
        """The journal of the project in `root`, made or brought up to date if need be.

        Raises JournalError where it cannot be reached, is damaged, or is of a newer hygge;
        ConfigError where its URL names a variable that is not set.
        """
        engine, place = open_engine(settings.url if settings is not None else None, root / FILE)
        migrate(engine, place)
        return cls(engine, place, root)

    def begin_run(
        self,
        run_id: str,
        started: datetime,
        entities: Sequence[str],
        *,
        project: str = "",
        environment: str | None = None,
        fingerprint: str = "",
    ) -> None:
        """Record that a run has begun, and which entities it is about to move.

        Parameters
        ----------
        run_id: the run's name; unique.
        started: aware.
        entities: full names, in the order of the plan.
        project, environment: their names.
        fingerprint: of the configuration as it was resolved.
        """
        self._lock = Lock(self._root, f"run.{run_id}")
        self._lock.take()
        row = {
            "run_id": run_id, "status": "running", "started": as_text(started),
            "project": project, "environment": environment, "fingerprint": fingerprint,
            "host": socket.gethostname(), "pid": os.getpid(), "hygge_version": _version(),
        }  # fmt: skip
        planned = [
            {"run_id": run_id, "entity": name, "position": at, "status": "untouched"}
            for at, name in enumerate(entities)
        ]
        with writing(self._engine, self.place) as connection:
            self._settle_the_dead(connection)
            _drop_old(connection, started)
            connection.execute(insert(RUNS), row)
            if planned:
                connection.execute(insert(ENTITIES), planned)
        self._run_id, self._failure = run_id, None
        self._writer = threading.Thread(target=self._write, name="hygge-journal", daemon=True)
        self._writer.start()

    def entity_started(self, run_id: str, entity: str) -> None:
        """Report that an entity's turn has come. Returns at once; from any thread."""
        self._queue.put(_Report(run_id, entity, datetime.now(UTC)))

    def entity_finished(self, run_id: str, result: EntityResult) -> None:
        """Report what became of an entity. Returns at once; from any thread."""
        self._queue.put(_Report(run_id, result.entity, datetime.now(UTC), result))

    def flush(self) -> None:
        """Wait until all that was reported is written; nothing more is taken until the next run.

        Raises JournalError where any of it could not be.
        """
        if self._writer is not None:
            self._queue.put(None)
            self._writer.join()
            self._writer = None
        if self._failure is not None:
            raise self._failure

    def finish_run(self, result: RunResult) -> None:
        """Record how the run ended, with the results of entities not reported before.

        Raises JournalError where any part of the run could not be recorded.
        """
        try:
            self.flush()
            with writing(self._engine, self.place) as connection:
                ours = ENTITIES.c.run_id == result.run_id
                ended = select(ENTITIES.c.entity).where(ours, ENTITIES.c.finished.is_not(None))
                known = set(connection.scalars(ended))
                late = [e for e in result.entities if e.entity not in known]
                _finish(
                    connection, [_Report(result.run_id, e.entity, result.finished, e) for e in late]
                )
                connection.execute(
                    update(RUNS).where(RUNS.c.run_id == result.run_id),
                    {
                        "status": result.status, "reason": redact(result.reason),
                        "finished": as_text(result.finished),
                        "rows": result.rows, "bytes": result.bytes,
                        "warnings": [redact(w) for w in result.warnings],
                    },
                )  # fmt: skip
        finally:
            self._free()

    def runs(self, limit: int = 20) -> list[RunRecord]:
        """The latest runs, latest first, without their entities."""
        query = select(RUNS).order_by(RUNS.c.started.desc(), RUNS.c.run_id.desc()).limit(limit)
        with reading(self._engine, self.place) as connection:
            rows = connection.execute(query).mappings().all()
            counts = _counts(connection, [row["run_id"] for row in rows])
        return [run_record(dict(r), self._status(r), counts[r["run_id"]]) for r in rows]

    def run(self, run_id: str) -> RunRecord | None:
        """One run with its entities, by its id or by how its id begins; None: there is none such.

        Raises ConfigError where several begin so.
        """
        some = select(RUNS).where(RUNS.c.run_id.startswith(run_id, autoescape=True)).limit(50)
        with reading(self._engine, self.place) as connection:
            rows = connection.execute(some).mappings().all()
            rows = [r for r in rows if r["run_id"] == run_id] or rows
            if len(rows) > 1:
                raise ConfigError(
                    f"{len(rows)} runs begin with '{run_id}'", hint="give more of the run's id"
                )
            if not rows:
                return None
            query = select(ENTITIES).where(ENTITIES.c.run_id == rows[0]["run_id"])
            query = query.order_by(ENTITIES.c.position, ENTITIES.c.entity)
            found = connection.execute(query).mappings().all()
            counts = _counts(connection, [rows[0]["run_id"]])[rows[0]["run_id"]]
        return run_record(dict(rows[0]), self._status(rows[0]), counts, found)

    def last_result(self) -> RunResult | None:
        """The latest run that is over, interrupted ones included; None where there is none."""
        for record in self.runs(limit=100):
            if record.status != "running":
                whole = self.run(record.run_id)
                return whole.result() if whole is not None else None
        return None

    def close(self) -> None:
        """Write what was reported and let go; safe more than once."""
        with suppress(JournalError):
            self.flush()
        self._free()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _free(self) -> None:
        if self._lock is not None:
            self._lock.free(remove=True)
            self._lock = None

    def _status(self, row: Any) -> Any:
        """A run's status; `interrupted` where it is marked running and its process is gone."""
        if row["status"] != "running" or row["host"] != socket.gethostname():
            return row["status"]
        if self._lock is not None and row["run_id"] == self._run_id:
            return "running"
        lock = Lock(self._root, f"run.{row['run_id']}")
        if not lock.take():
            return "running"
        lock.free(remove=True)
        return "interrupted"

    def _settle_the_dead(self, connection: Connection) -> None:
        running = select(RUNS).where(RUNS.c.status == "running")
        for row in connection.execute(running).mappings().all():
            if self._status(row) == "interrupted":
                this = update(RUNS).where(RUNS.c.run_id == row["run_id"])
                connection.execute(this, {"status": "interrupted"})

    def _gather(self) -> list[_Report | None]:
        """What is reported within a moment of the first report, up to the end mark."""
        reports = [self._queue.get()]
        until = time.monotonic() + LINGER_S
        with suppress(queue.Empty):
            while reports[-1] is not None:
                reports.append(self._queue.get(timeout=max(0.0, until - time.monotonic())))
        return reports

    def _write(self) -> None:
        over = False
        while not over:
            reports = self._gather()
            over = None in reports
            kept = [r for r in reports if r is not None]
            if not kept or self._failure is not None:
                continue
            try:
                with writing(self._engine, self.place) as connection:
                    _start(connection, kept)
                    _finish(connection, kept)
            except JournalError as error:
                self._failure = error


@dataclass(frozen=True, slots=True)
class _Report:
    run_id: str
    entity: str
    at: datetime
    result: EntityResult | None = None


_ONE = (ENTITIES.c.run_id == bindparam("of_run"), ENTITIES.c.entity == bindparam("of_entity"))


def _start(connection: Connection, reports: Iterable[_Report]) -> None:
    rows = [
        {"of_run": r.run_id, "of_entity": r.entity, "started": as_text(r.at)}
        for r in reports
        if r.result is None
    ]
    if rows:
        connection.execute(update(ENTITIES).where(*_ONE), rows)


def _finish(connection: Connection, reports: Iterable[_Report]) -> None:
    rows = []
    for report in reports:
        if report.result is not None:
            plain = report.result.to_json()
            del plain["entity"]
            one = {"of_run": report.run_id, "of_entity": report.entity}
            rows.append({**one, "finished": as_text(report.at), **plain})
    if rows:
        connection.execute(update(ENTITIES).where(*_ONE), rows)


def _counts(connection: Connection, runs: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many entities of each run have each status, those under way called `running`."""
    began = ENTITIES.c.started.is_not(None) & ENTITIES.c.finished.is_(None)
    status = case((began, "running"), else_=ENTITIES.c.status).label("status")
    query = select(ENTITIES.c.run_id, status, func.count()).where(ENTITIES.c.run_id.in_(runs))
    counts: dict[str, dict[str, int]] = {run_id: {} for run_id in runs}
    for run_id, said, number in connection.execute(query.group_by(ENTITIES.c.run_id, status)):
        counts[run_id][said] = number
    return counts


def _drop_old(connection: Connection, now: datetime) -> None:
    old = select(RUNS.c.run_id).where(
        RUNS.c.started < as_text(now - KEEP), RUNS.c.status != "running"
    )
    expired = list(connection.scalars(old))
    for run_id in expired:
        connection.execute(delete(ENTITIES).where(ENTITIES.c.run_id == run_id))
        connection.execute(delete(RUNS).where(RUNS.c.run_id == run_id))


def _version() -> str:
    from importlib.metadata import version

    return version("hygge")
