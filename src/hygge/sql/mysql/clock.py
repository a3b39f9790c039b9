"""The server's clock, held below what open transactions may still write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hygge.core.errors import ConfigError, ConnectError
from hygge.sql.mysql.link import MySQLLink

# When InnoDB's transactions began that may write, and this one. The server gives whole seconds of
# its own zone, in which an hour comes twice when clocks go back: the earlier is taken.
# https://dev.mysql.com/doc/refman/8.4/en/information-schema-innodb-trx-table.html
_OPEN = """
SELECT UTC_TIMESTAMP(6), MAX(own), MIN(IF(
    CONVERT_TZ(began - INTERVAL 1 HOUR, '+00:00', 'SYSTEM') = trx_started,
    began - INTERVAL 1 HOUR, began))
FROM (SELECT trx_started, CONVERT_TZ(trx_started, 'SYSTEM', '+00:00') AS began,
             trx_mysql_thread_id = CONNECTION_ID() AS own
      FROM information_schema.innodb_trx
      WHERE trx_is_read_only = 0 OR trx_mysql_thread_id = CONNECTION_ID()) AS open_trx
"""
# Statements that wait, for a lock on a table's definition say, before their transaction has begun,
# though NOW() is to them when they arrived; and the threads by which a replica, or a node of a
# cluster, writes what others wrote before, with their times.
_STATEMENTS = """
SELECT MAX(IF(command IN ('Query', 'Execute') AND COALESCE(info, '') NOT LIKE 'SELECT%', time, 0)),
       SUM(command LIKE 'Slave%' OR command LIKE 'Binlog Applier%'
           OR (user = 'system user' AND command IN ('Connect', 'Query', 'Sleep')))
FROM information_schema.processlist WHERE id <> CONNECTION_ID()
"""
_LEAST = timedelta(seconds=1)
"""The clock is held back by as much at least: the server tells whole seconds."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment of the server's clock.

    Parameters
    ----------
    bound: aware; what is written from now on carries no time before it, where it is settled.
    settled: whether open transactions have been looked at.
    """

    bound: datetime
    settled: bool


def read_clock(link: MySQLLink) -> Clock:
    """The clock, before a snapshot is opened on the connection; leaves no transaction open.

    It is settled where the user may see all transactions (the right PROCESS) of a server that
    only its own clients write to. InnoDB shows its transactions as they were a moment ago, to
    whoever asks often; ours, begun before we ask, bounds how long ago that can have been.
    """
    if link.sees_all is False:
        return _unsettled(link)
    try:
        link.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        now, own, oldest = link.row(_OPEN)
        waited, appliers = link.row(_STATEMENTS)
    except (ConnectError, ConfigError):  # no right to look, or no InnoDB to look at
        if link.sees_all:
            raise
        link.sees_all = False
        return _unsettled(link)
    finally:
        link.execute("ROLLBACK")
    link.sees_all = True
    if not own or appliers:
        return _unsettled(link)
    moment = min(_aware(oldest), _aware(now) - timedelta(seconds=float(waited or 0)) - _LEAST)
    return Clock(moment, settled=True)


def _unsettled(link: MySQLLink) -> Clock:
    return Clock(_aware(link.row("SELECT UTC_TIMESTAMP(6)")[0]), settled=False)


def _aware(value: Any) -> datetime:
    found: datetime = value
    return found.replace(tzinfo=UTC)
