"""A clock that is settled: no row will yet appear that is dated before it.

An incremental read takes the rows dated before an upper bound, and the next one goes on from that
bound. A row that is dated before it but committed after our snapshot would never be read. Rows are
dated by the server when a transaction begins (`now()`), a statement does, or the row is written
(`clock_timestamp()`): in each case not before the transaction's first statement arrived. So the
bound must not be above the start of any transaction that our snapshot does not see as committed.

That holds for the least of

1. the server's time when our first question arrived,
2. the start of every transaction then under way in this database, as pg_stat_activity tells after
   that, whether it has written yet or not, since it still may,

if the snapshot is taken later than both. For a transaction whose rows the snapshot does not have is
either still under way when it is taken, or begins later. In the latter case, or if it began after
our question arrived, its rows are dated after (1). Else it was under way throughout, is listed, and
has its start in (2): a backend is listed until after its commit can be seen (CommitTransaction in
xact.c ends it in the array that snapshots are taken from before it reports its end).

Between the arrival of a statement and the moment that its backend is listed lie a few instructions,
in which it is not seen; `MARGIN` is for them.

What it rests on is checked, and where it does not hold the clock is not called settled:

- Others' transactions show only to members of pg_read_all_stats, and of sessions that have
  `track_activities` off nothing shows.
- A prepared transaction shows when it was prepared, not when it began. It is asked for after
  pg_stat_activity, so that one which is prepared meanwhile is in one list or the other.
- A standby has rows of transactions that run elsewhere.

Sessions of hygge that read call themselves so (`READS`) and cannot write; they do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hygge.sql.dialect import literal
from hygge.sql.link import Link

READS = " (reads)"
"""What the application's name ends in while a session reads."""
MARGIN = timedelta(milliseconds=250)

_NOW = """
SELECT statement_timestamp(), pg_is_in_recovery(), pg_has_role('pg_read_all_stats', 'USAGE')
"""
_RUNNING = f"""
SELECT min(coalesce(xact_start, CASE WHEN state <> 'idle' THEN query_start END)),
       coalesce(bool_or(state = 'disabled'), false)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND right(application_name, {len(READS)}) <> {literal(READS)}
"""
_PREPARED = "SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database()"


@dataclass(frozen=True, slots=True)
class Clock:
    """What the server's clock says.

    Parameters
    ----------
    at: the time up to which rows may be read.
    settled: whether no row will yet appear that is dated before it.
    """

    at: datetime
    settled: bool


def read_clock(link: Link) -> Clock:
    """Ask for it, before the snapshot of the read is taken and outside its transaction."""
    now, standby, sees_all = link.row(_NOW)
    began, hidden = link.row(_RUNNING)
    (prepared,) = link.row(_PREPARED)
    held = [moment for moment in (now, began, prepared) if moment is not None]
    settled = sees_all and not standby and not hidden and prepared is None
    return Clock(min(held) - MARGIN, settled)
