"""The server's clock, held below what open transactions may still write."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
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
KEPT_S = 0.5
"""For how long a clock that was read serves the sessions that begin after it."""
PAUSE_S = 0.15
"""InnoDB looks at its transactions anew only when nobody has asked for a tenth of a second."""
TRIES = 8


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


class _Server:
    """What this process knows of one server's clock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clock: Clock | None = None
        self.read_at = 0.0


_servers: defaultdict[Any, _Server] = defaultdict(_Server)


def read_clock(link: MySQLLink) -> Clock:
    """The clock, before a snapshot is opened on the connection; leaves no transaction open.

    It is settled where the user may see all transactions (the right PROCESS) of a server that
    only its own clients write to. A clock is true of every snapshot that is opened after it was
    read, so that sessions that begin together share one.
    """
    server = _servers[link.server]
    with server.lock:
        if server.clock is None or time.monotonic() - server.read_at > KEPT_S:
            server.clock = _settled(link) or _unsettled(link)
            server.read_at = time.monotonic()
        return server.clock


def _settled(link: MySQLLink) -> Clock | None:
    """The clock, held below what is open; None where that cannot be known.

    InnoDB shows its transactions as they were a moment ago. Ours, begun before we ask, bounds how
    long ago that can have been, once it is among them.
    """
    try:
        for _ in range(TRIES):
            link.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            now, own, oldest = link.row(_OPEN)
            waited, appliers = link.row(_STATEMENTS)
            link.execute("ROLLBACK")
            if appliers:
                return None
            if own:
                latest = _aware(now) - timedelta(seconds=float(waited or 0)) - _LEAST
                return Clock(min(_aware(oldest), latest), settled=True)
            time.sleep(PAUSE_S)
    except (ConnectError, ConfigError):  # no right to look, or no InnoDB to look at
        link.execute("ROLLBACK")
    return None


def _unsettled(link: MySQLLink) -> Clock:
    return Clock(_aware(link.row("SELECT UTC_TIMESTAMP(6)")[0]), settled=False)


def _aware(value: Any) -> datetime:
    found: datetime = value
    return found.replace(tzinfo=UTC)
