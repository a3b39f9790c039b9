"""Keeping everybody from writing to a table of MySQL's, while snapshots of it are opened.

https://dev.mysql.com/doc/refman/8.4/en/lock-tables.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.sql.link import Link
from hygge.sql.together import PATIENCE_S


@contextmanager
def locked(link: Link, table: str) -> Iterator[None]:
    """While nobody writes to a table.

    It needs the right LOCK TABLES, and that no transaction that has written to the table stays
    open. Raises TransientError where somebody goes on writing.
    """
    link.execute(f"SET SESSION lock_wait_timeout = {PATIENCE_S}")
    try:
        link.execute(f"LOCK TABLES {table} READ")
        yield
    finally:
        link.execute("UNLOCK TABLES")
        link.execute("SET SESSION lock_wait_timeout = DEFAULT")
