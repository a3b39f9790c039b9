"""Housekeeping of a Delta table: small files are joined, and files no longer needed removed."""

from __future__ import annotations

from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError

from hygge.core.context import Context
from hygge.core.errors import HyggeError
from hygge.core.secrets import redact
from hygge.core.upkeep import due as is_due
from hygge.files.session import first_line
from hygge.lake.delta.table import FOLDER, opened, telling
from hygge.lake.place import Place
from hygge.lake.shelf import Shelf

KEY = "optimize"
"""Under which the state keeps when each was last begun (ISO 8601)."""
DAY = timedelta(days=1)
RETRIES = 5
SPILL_BYTES = 256 << 20
"""Memory that sorting rows may take before it goes on on the disk."""


@dataclass(frozen=True)
class Upkeep:
    """What is to be done after a load, and how often.

    Parameters
    ----------
    compact: how often small files are joined; None for never.
    vacuum: files that no version younger than this needs are removed, once a day; None for never.
    cluster: columns by which rows are laid together when files are joined.
    """

    compact: timedelta | None = None
    vacuum: timedelta | None = None
    cluster: tuple[str, ...] = ()

    def due(self, extra: Mapping[str, Any], now: datetime) -> frozenset[str]:
        """What is due, given what the state keeps. What was never done is due one period after
        the first load, which has nothing to tidy up."""
        since, out = _since(extra), set()
        for what, every in (("compact", self.compact), ("vacuum", self.vacuum and DAY)):
            if what in since and is_due(since[what], every, now):
                out.add(what)
        return frozenset(out)

    def noted(self, extra: Mapping[str, Any], due: Set[str], now: datetime) -> dict[str, Any]:
        """What the state is to keep once that is begun."""
        since = _since(extra)
        wanted = (("compact", self.compact), ("vacuum", self.vacuum))
        at = {
            what: (now if what in due else since.get(what, now)).isoformat(timespec="seconds")
            for what, every in wanted
            if every is not None
        }
        return {KEY: at} if at else {}

    def run(self, due: Set[str], place: Place, shelf: Shelf, context: Context) -> None:
        """Do what is due. The load stands whatever comes of it: what fails is told."""
        if not due:
            return
        try:
            table = opened(place)
            if table is None:
                return
            if "compact" in due:
                join_files(table, self.cluster)
            if "vacuum" in due and self.vacuum is not None:
                remove_old(table, shelf, self.vacuum, datetime.now(UTC))
        except (HyggeError, DeltaError, OSError) as error:
            told = redact(first_line(error))
            context.note(f"{place}: tidying up did not succeed, and is tried later: {told}", "info")


def _since(extra: Mapping[str, Any]) -> dict[str, datetime]:
    out = {}
    for what, at in dict(extra.get(KEY) or {}).items():
        with suppress(ValueError, TypeError):  # an unreadable time is none
            out[what] = datetime.fromisoformat(at)
    return out


def join_files(table: DeltaTable, cluster: tuple[str, ...] = ()) -> None:
    """Join small files, or lay all rows anew along a Z-order over some columns."""
    how = CommitProperties(max_commit_retries=RETRIES)
    if cluster:
        table.optimize.z_order(
            list(cluster), max_concurrent_tasks=1, max_spill_size=SPILL_BYTES,
            commit_properties=how,
        )  # fmt: skip
    else:
        table.optimize.compact(max_concurrent_tasks=2, commit_properties=how)


def remove_old(table: DeltaTable, shelf: Shelf, age: timedelta, now: datetime) -> None:
    """Remove files that no version of this age needs, and what dead loads left behind."""
    table.vacuum(
        retention_hours=int(age.total_seconds() // 3600), dry_run=False,
        enforce_retention_duration=False, full=True,
    )  # fmt: skip
    dead = [
        entry.name
        for entry in shelf.entries(FOLDER, deep=True)
        if entry.name.startswith(f"{FOLDER}/stage-") and now - entry.at >= age
    ]
    shelf.remove(dead)


def file_count(place: Place, table: DeltaTable) -> int:
    """How many files a version has."""
    with telling(place):
        return int(table.get_add_actions().num_rows)
