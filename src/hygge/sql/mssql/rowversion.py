"""Reading by `rowversion`, the number that SQL Server gives a row with every change.

A transaction takes such a number when it writes a row, and may commit it after one that took a
higher one. `MIN_ACTIVE_ROWVERSION()` is the least that is in use by a transaction under way, or the
next one to be given: what is below it has been committed or undone, and nothing will yet appear
there. So it is the bound of a read whose snapshot is taken after it was asked for, and an update
gives the row a new number, which a later read finds.

https://learn.microsoft.com/sql/t-sql/functions/min-active-rowversion-transact-sql
"""

from __future__ import annotations

from dataclasses import dataclass

from hygge.core.errors import FULL_REFRESH, HyggeError, StateError, UnsupportedError
from hygge.core.fields import LogicalType, parse_type
from hygge.core.watermark import Window
from hygge.sql.link import Link

NUMBER: LogicalType = parse_type("uint64")
"""What positions are: the 8 bytes as a number, high byte first."""
NATIVES = ("timestamp", "rowversion")
LONG_S = 300
"""A transaction that has held the bound back for longer is told of."""
BOUND_SQL = (
    "SELECT CAST(MIN_ACTIVE_ROWVERSION() AS bigint), CAST(@@DBTS AS bigint), "
    "CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128))"
)
HOLDER_SQL = """
SELECT TOP 1 s.session_id, s.login_name, s.host_name, s.program_name,
       DATEDIFF(SECOND, d.database_transaction_begin_time, GETDATE())
FROM sys.dm_tran_database_transactions d
JOIN sys.dm_tran_session_transactions t ON t.transaction_id = d.transaction_id
JOIN sys.dm_exec_sessions s ON s.session_id = t.session_id
WHERE d.database_id = DB_ID() AND d.database_transaction_begin_time IS NOT NULL
ORDER BY d.database_transaction_begin_time
"""
"""The session whose transaction has written in this database for the longest."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What the database says of its row versions.

    Parameters
    ----------
    upper: the least number that may still appear.
    last: the last number that was given.
    """

    upper: int
    last: int

    @property
    def held_back(self) -> bool:
        """Whether a transaction under way keeps the bound below what was given already."""
        return self.upper <= self.last


def read_bound(link: Link, place: str) -> Bound:
    """Ask for it, before the snapshot of the read is taken.

    Raises UnsupportedError on a copy that cannot be written, such as a readable secondary: it has
    its rows from elsewhere, and does not know what is under way there.
    """
    upper, last, updateable = link.row(BOUND_SQL)
    if updateable != "READ_WRITE":
        raise UnsupportedError(
            f"{place} is a copy that is read only: it cannot tell which row versions the "
            "transactions of its primary may still commit",
            hint="read by `rowversion` from the primary (without `application_intent: readonly`), "
            "or by a time with a `lag`",
        )
    return Bound(int(upper), int(last))


def check_last(bound: Bound, last: int, place: str) -> None:
    """Raise StateError where the stored position is above all that the database has given."""
    if last > bound.upper:
        raise StateError(
            f"{place}: was the database restored? The destination was loaded up to row version "
            f"{shown(last)}, and the database has come to {shown(bound.upper)} only",
            hint=f"{FULL_REFRESH} reads all again, and goes on by the database's own numbers",
        )


def holder(link: Link) -> str:
    """Who has held the bound back for long, in words; "" for nobody.

    Where the views may not be read (VIEW SERVER STATE, in Azure VIEW DATABASE STATE) that is said.
    """
    try:
        found = link.rows(HOLDER_SQL)
    except HyggeError:
        return (
            "a transaction under way, of which VIEW SERVER STATE (in Azure SQL Database VIEW "
            "DATABASE STATE) would tell the session"
        )
    if not found or found[0][4] < LONG_S:
        return ""
    session, login, host, program, seconds = found[0]
    minutes = f"{int(seconds) // 60} minutes"
    return f"the transaction of session {session} ({login}, {host}, {program}), {minutes} old"


def condition(name: str, window: Window) -> str:
    """The condition for the rows of a window, by which an index of the column is used.

    Parameters
    ----------
    name: the column's, quoted.
    """
    bounds = ((">=", window.lower), ("<", window.upper))
    parts = [f"{name} {sign} {shown(int(value))}" for sign, value in bounds  # type: ignore[arg-type]
             if value is not None]  # fmt: skip
    return " AND ".join(parts)


def shown(value: int) -> str:
    """A position as the server's literal: `0x` and 16 digits."""
    return f"0x{value:016X}"
