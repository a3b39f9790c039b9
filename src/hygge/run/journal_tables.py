"""The journal's tables, and how they came to be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from hygge.core.errors import JournalError
from hygge.run.journal_link import Link

_VERSIONS = (
    'CREATE TABLE hygge_journal_version ("version" INTEGER PRIMARY KEY, '
    '"applied" VARCHAR(40) NOT NULL)'
)
_RUNS = """
CREATE TABLE hygge_runs (
  "run_id" VARCHAR(64) PRIMARY KEY,
  "status" VARCHAR(16) NOT NULL,
  "started" VARCHAR(40) NOT NULL,
  "finished" VARCHAR(40),
  "project" TEXT NOT NULL,
  "environment" TEXT,
  "fingerprint" VARCHAR(64) NOT NULL,
  "host" TEXT NOT NULL,
  "pid" INTEGER NOT NULL,
  "hygge_version" VARCHAR(40) NOT NULL,
  "rows" BIGINT NOT NULL,
  "bytes" BIGINT NOT NULL,
  "reason" TEXT NOT NULL,
  "warnings" TEXT
)"""
_ENTITIES = """
CREATE TABLE hygge_entities (
  "run_id" VARCHAR(64) NOT NULL,
  "entity" VARCHAR(255) NOT NULL,
  "position" INTEGER NOT NULL,
  "status" VARCHAR(16) NOT NULL,
  "started" VARCHAR(40),
  "finished" VARCHAR(40),
  "rows" BIGINT NOT NULL,
  "bytes" BIGINT NOT NULL,
  "seconds" DOUBLE PRECISION NOT NULL,
  "source" TEXT NOT NULL,
  "destination" TEXT NOT NULL,
  "mode" VARCHAR(16) NOT NULL,
  "watermark_before" TEXT,
  "watermark_after" TEXT,
  "proof" TEXT,
  "generation" BIGINT,
  "attempts" INTEGER NOT NULL,
  "error" TEXT,
  "error_class" VARCHAR(80),
  "retryable" INTEGER NOT NULL,
  "hint" TEXT,
  "holds" TEXT NOT NULL,
  "notes" TEXT,
  "warnings" TEXT,
  PRIMARY KEY ("run_id", "entity")
)"""


def _first(link: Link) -> None:
    if not link.has("hygge_runs"):
        link.run(_RUNS)
        link.run('CREATE INDEX hygge_runs_started ON hygge_runs ("started")')
    if not link.has("hygge_entities"):
        link.run(_ENTITIES)
        link.run('CREATE INDEX hygge_entities_entity ON hygge_entities ("entity")')


def _second(link: Link) -> None:
    """Which configuration file a run was of."""
    link.run('ALTER TABLE hygge_runs ADD "config" VARCHAR(255)')


def _third(link: Link) -> None:
    """Whether a run was of all entities of its flows (1) or of a part of some (0)."""
    link.run('ALTER TABLE hygge_runs ADD "whole" INTEGER')


MIGRATIONS: tuple[Callable[[Link], None], ...] = (_first, _second, _third)
"""Each takes the tables from the version before it to its own, counting from 1. Never changed once
released."""


def is_current(link: Link) -> bool:
    """Whether the tables are of the latest version."""
    return _version(link) == len(MIGRATIONS)


def migrate(link: Link, place: str) -> None:
    """Bring the tables to the latest version, from whichever they are at, or from none.

    Raises JournalError, which names the place, where they are of a newer hygge.
    """
    if not link.has("hygge_journal_version"):
        link.run(_VERSIONS)
    at = _version(link)
    if at > len(MIGRATIONS):
        raise JournalError(
            f"{place} has version {at}; this hygge knows up to {len(MIGRATIONS)}",
            hint="use the newer hygge that wrote it, or move it away: only history is lost",
        )
    for version in range(at + 1, len(MIGRATIONS) + 1):
        MIGRATIONS[version - 1](link)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        link.insert("hygge_journal_version", [{"version": version, "applied": now}])


def _version(link: Link) -> int:
    if not link.has("hygge_journal_version"):
        return 0
    return link.ask('SELECT max("version") AS "at" FROM hygge_journal_version')[0]["at"] or 0
