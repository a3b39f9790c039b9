"""Housekeeping of a Delta table: small files are joined, and files no longer needed removed."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError

from hygge.core.context import Context
from hygge.lake.delta.table import FOLDER, opened, telling, writing
from hygge.lake.place import Place
from hygge.lake.shelf import Shelf
from hygge.lake.upkeep import Upkeep, tidying

RETRIES = 5
SPILL_BYTES = 256 << 20
"""Memory that sorting rows may take before it goes on on the disk."""


@dataclass(frozen=True)
class DeltaUpkeep(Upkeep):
    """See Upkeep.

    Parameters
    ----------
    cluster: columns by which rows are laid together when files are joined.
    compression: of the files that come of that.
    """

    cluster: tuple[str, ...] = ()
    compression: str = "zstd"

    def run(self, due: Set[str], place: Place, shelf: Shelf, context: Context) -> None:
        """Do what is due. The load stands whatever comes of it: what fails is told."""
        if not due:
            return
        with tidying(place, context, DeltaError):
            table = opened(place)
            if table is not None and "compact" in due:
                self.join(table)
            if table is not None and "vacuum" in due and self.vacuum is not None:
                remove_old(table, shelf, self.vacuum, datetime.now(UTC))

    def join(self, table: DeltaTable) -> None:
        """Join small files, or lay all rows anew along a Z-order over some columns."""
        how = CommitProperties(max_commit_retries=RETRIES)
        files = writing(self.compression)
        if self.cluster:
            table.optimize.z_order(
                list(self.cluster), max_concurrent_tasks=1, max_spill_size=SPILL_BYTES,
                writer_properties=files, commit_properties=how,
            )  # fmt: skip
        else:
            table.optimize.compact(
                max_concurrent_tasks=2, writer_properties=files, commit_properties=how
            )


def remove_old(table: DeltaTable, shelf: Shelf, age: timedelta, now: datetime) -> None:
    """Remove files that no version of this age needs, and what dead loads left behind.

    Where a folder is found by its name in other case, the library may have put two partitions,
    `country=DK` and `country=dk`, into one, of which it then takes the files of one for nobody's:
    there it removes only those that the log says are of no use.
    """
    folds_case = bool(shelf.entries("_DELTA_LOG"))
    table.vacuum(
        retention_hours=int(age.total_seconds() // 3600), dry_run=False,
        enforce_retention_duration=False, full=not folds_case,
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
