"""Change Tracking: which rows of a table have changed since a version, and which are gone.

A version is given to each transaction that changes a tracked table, when it commits: what has a
version up to the current one is all there, so that a read goes on from where the last one ended.
The server keeps what it knows for a time only (`CHANGE_RETENTION`). A position stands before the
first version that was not read: that of the last read, and one.

https://learn.microsoft.com/sql/relational-databases/track-changes/work-with-change-tracking-sql-server
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hygge.core.errors import FULL_REFRESH, ConfigError, StateError
from hygge.core.fields import Field, parse_type
from hygge.sql.link import Link
from hygge.sql.mssql.types import DIALECT, text_literal

VERSION = Field("SYS_CHANGE_VERSION", parse_type("int64"), nullable=False)
"""What positions are of: a version, which is no column of the table's own."""
GONE = "gone"
"""The bound of a chunk that is the keys of rows that are gone."""
STATE_SQL = (
    "SELECT CHANGE_TRACKING_CURRENT_VERSION(), "
    "CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID({table}))"
)


@dataclass(frozen=True, slots=True)
class Tracked:
    """What the server knows.

    Parameters
    ----------
    current: the version of the last transaction that was committed.
    oldest: the version from which on all changes of the table are known.
    """

    current: int
    oldest: int


def read_state(link: Link, table: str, label: str) -> Tracked:
    """Ask for it. Raises ConfigError where the table's changes are not tracked.

    Parameters
    ----------
    table: its quoted name.
    label: the table, for people.
    """
    current, oldest = link.row(STATE_SQL.format(table=text_literal(table)))
    if current is None or oldest is None:
        raise ConfigError(
            f"the changes of {label} are not tracked",
            hint="`ALTER DATABASE ... SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS)`, then "
            f"`ALTER TABLE {label} ENABLE CHANGE_TRACKING`, and GRANT VIEW CHANGE TRACKING on it",
        )
    return Tracked(int(current), int(oldest))


def expired(known: Tracked, last: int, label: str) -> str:
    """Why the changes since a stored position are not all known any more; "" where they are.

    Raises StateError for a position that is above all versions.
    """
    if last > known.current + 1:
        raise StateError(
            f"{label}: was the database restored? The destination was loaded up to change "
            f"{last - 1}, and the database has come to {known.current} only",
            hint=f"{FULL_REFRESH} reads all again, and goes on by the database's own versions",
        )
    if last - 1 >= known.oldest:
        return ""
    return (
        f"changes of {label} are kept from version {known.oldest} on, and the last load was at "
        f"{last - 1}: all rows are read again"
    )


def changes(table: str, last: int) -> str:
    """The table function of all changes since a stored position.

    Parameters
    ----------
    table: its quoted name.
    """
    return f"CHANGETABLE(CHANGES {table}, {last - 1}) hygge_changes"


def changed(table: str, keys: Sequence[str], last: int) -> str:
    """The condition for rows that were inserted or changed."""
    same = " AND ".join(
        f"hygge_changes.{DIALECT.quote(key)} = {table}.{DIALECT.quote(key)}" for key in keys
    )
    return f"EXISTS (SELECT 1 FROM {changes(table, last)} WHERE {same})"


DELETED = "hygge_changes.SYS_CHANGE_OPERATION = N'D'"
"""The condition for changes that took a row away, and did not bring it back."""
