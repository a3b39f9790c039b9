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
from typing import Protocol, Self

from hygge.core.errors import JournalError
from hygge.core.secrets import Secret, blot, redact
from hygge.run.history import History
from hygge.run.journal_db import Database, database_of
from hygge.run.journal_link import Link
from hygge.run.locks import Lock
from hygge.run.records import Origin, as_text
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


class Journal(History):
    """A record of runs. Open it with `Journal.open`; it records one run at a time.

    Reading does not wait for writing, and several processes may write.
    """

    def __init__(self, database: Database, root: Path) -> None:
        super().__init__(database, root)
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
        database = database_of(settings.url if settings is not None else None, root / FILE)
        database.migrate()
        return cls(database, root)

    def begin_run(
        self,
        run_id: str,
        started: datetime,
        entities: Sequence[str],
        *,
        origin: Origin = Origin(),  # noqa: B008 - frozen
        fingerprint: str = "",
        whole: bool = True,
    ) -> None:
        """Record that a run has begun, and which entities it is about to move.

        Parameters
        ----------
        run_id: the run's name; unique.
        started: aware.
        entities: full names, in the order of the plan.
        origin: what it is a run of.
        fingerprint: of the configuration as it was resolved.
        whole: whether no entity of its flows is left out for this run.
        """
        self._lock = Lock(self._root, f"run.{run_id}")
        self._lock.take()
        row = {
            "run_id": run_id, "status": "running", "started": as_text(started),
            "project": origin.project, "environment": origin.environment,
            "config": origin.config, "fingerprint": fingerprint,
            "host": socket.gethostname(), "pid": os.getpid(), "hygge_version": _version(),
            "rows": 0, "bytes": 0, "reason": "",
            "whole": int(whole),
        }  # fmt: skip
        planned = [
            {"run_id": run_id, "entity": name, "position": at, **_UNTOUCHED}
            for at, name in enumerate(entities)
        ]
        self._database.keep()
        with self._database.writing() as link:
            self._settle_the_dead(link)
            _drop_old(link, started)
            link.insert("hygge_runs", [row])
            link.insert("hygge_entities", planned)
        self._under_way, self._failure = run_id, None
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
            with self._database.writing() as link:
                ended = link.ask(
                    'SELECT "entity" FROM hygge_entities '
                    'WHERE "run_id" = :run AND "finished" IS NOT NULL',
                    {"run": result.run_id},
                )
                known = {row["entity"] for row in ended}
                late = [e for e in result.entities if e.entity not in known]
                _finish(link, [_Report(result.run_id, e.entity, result.finished, e) for e in late])
                row = {
                    "run_id": result.run_id, "status": result.status,
                    "reason": redact(result.reason), "finished": as_text(result.finished),
                    "rows": result.rows, "bytes": result.bytes,
                    "warnings": [blot(w) for w in result.warnings],
                }  # fmt: skip
                link.update("hygge_runs", [row], "run_id")
        finally:
            self._free()

    def close(self) -> None:
        """Write what was reported and let go; safe more than once."""
        with suppress(JournalError):
            self.flush()
        self._free()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _free(self) -> None:
        if self._lock is not None:
            self._lock.free(remove=True)
            self._lock, self._under_way = None, ""

    def _settle_the_dead(self, link: Link) -> None:
        running = link.ask("""SELECT * FROM hygge_runs WHERE "status" = 'running'""")
        dead = [row["run_id"] for row in running if self._status(row) == "interrupted"]
        link.update(
            "hygge_runs", [{"run_id": one, "status": "interrupted"} for one in dead], "run_id"
        )

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
                with self._database.writing() as link:
                    _start(link, kept)
                    _finish(link, kept)
            except JournalError as error:
                self._failure = error


@dataclass(frozen=True, slots=True)
class _Report:
    run_id: str
    entity: str
    at: datetime
    result: EntityResult | None = None


_ONE = ("run_id", "entity")
_UNTOUCHED = {
    "status": "untouched", "rows": 0, "bytes": 0, "seconds": 0.0, "source": "", "destination": "",
    "mode": "", "attempts": 0, "retryable": False, "holds": "",
}  # fmt: skip


def _start(link: Link, reports: Iterable[_Report]) -> None:
    rows = [
        {"run_id": r.run_id, "entity": r.entity, "started": as_text(r.at)}
        for r in reports
        if r.result is None
    ]
    link.update("hygge_entities", rows, *_ONE)


def _finish(link: Link, reports: Iterable[_Report]) -> None:
    rows = [
        {"run_id": r.run_id, "finished": as_text(r.at), **r.result.to_json()}
        for r in reports
        if r.result is not None
    ]
    link.update("hygge_entities", rows, *_ONE)


def _drop_old(link: Link, now: datetime) -> None:
    old = """"started" < :before AND "status" <> 'running'"""
    before = [{"before": as_text(now - KEEP)}]
    link.run(
        'DELETE FROM hygge_entities WHERE "run_id" IN '
        f'(SELECT "run_id" FROM hygge_runs WHERE {old})',
        before,
    )
    link.run(f"DELETE FROM hygge_runs WHERE {old}", before)


def _version() -> str:
    from importlib.metadata import version

    return version("hygge")
