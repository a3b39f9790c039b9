"""The columns of which every file of a table has one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hygge.core.errors import ConfigError
from hygge.core.fields import Schema


def parted_by(
    wanted: Sequence[str],
    there: Sequence[str] | None,
    lying: Schema,
    dtypes: Sequence[Any],
    place: str,
) -> tuple[str, ...]:
    """The columns that a table is partitioned by.

    Parameters
    ----------
    wanted: as configured; none says nothing of a table that is there.
    there: as it is; None where it is yet to be made.
    lying: its columns as they lie.
    dtypes: of columns that a table can be partitioned by.
    place: its name in errors.

    Raises
    ------
    ConfigError: no table can be partitioned by those, or this one is otherwise.
    """
    if there is not None and wanted and tuple(wanted) != tuple(there):
        raise ConfigError(
            f"{place} is partitioned by {', '.join(there) or 'nothing'}, and `partition_by` says "
            f"{', '.join(wanted)}",
            hint="set it as the table is, or move the table away and load anew",
        )
    columns = tuple(wanted if there is None else there)
    for name in columns:
        if name not in lying:
            raise ConfigError(
                f"{place}: `partition_by` names '{name}', which is none of its columns",
                hint=f"its columns: {', '.join(lying.names[:12])}",
            )
        if lying[name].type.physical not in dtypes:
            raise ConfigError(
                f"{place}: a table cannot be partitioned by '{name}', a {lying[name].type}",
                hint="partition by whole numbers, days, texts or truth values",
            )
    if columns and len(columns) == len(lying):
        raise ConfigError(f"{place}: `partition_by` leaves no other column")
    return columns
