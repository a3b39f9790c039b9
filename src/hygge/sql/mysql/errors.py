"""Errors of MySQL, MariaDB and PyMySQL as hygge's, by their numbers.

https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
https://dev.mysql.com/doc/mysql-errors/8.4/en/client-error-reference.html,
https://mariadb.com/kb/en/mariadb-error-code-reference/
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql

from hygge.core.errors import ConfigError, ConnectError, DataError, HyggeError, TransientError
from hygge.core.secrets import redact

Kind = type[HyggeError]

_PASSWORD = "check `user` and `password`, and from which hosts that user may connect"  # noqa: S105 - a hint
_RIGHTS = (
    "have it granted: to read, `GRANT SELECT, SHOW VIEW ON ... TO ...`; to load, also INSERT, "
    "UPDATE, DELETE, CREATE, ALTER, DROP on the database"
)
_FULL = "fewer connections: a smaller `pool_size`, or `limits` at certain hours"
_AGAIN = "the server ended it, so that others could go on; trying again may help"
_SLOW = "raise `statement_timeout`, or the server's own limit; or read less at a time"
_REACH = "check `host` and `port`, that the server runs, and that no firewall is in between"
_LOST = (
    "the line or the server went down; where that is usual, `read_timeout` and the server's "
    "`net_write_timeout` and `wait_timeout` decide how soon"
)
_SQL = "check the query, `where` and `columns`"
_DENIED = re.compile(
    r"(?P<rights>[A-Z ,]+) command denied to user (?P<user>'.*'@'.*') for (?P<what>table|column) "
    r"(?P<table>\S+)"
)
"""How 1142 names what is missing."""
_ROOM = "free some space there, or raise what limits the table"

_NUMBERS: dict[int, tuple[Kind, str]] = {
    **dict.fromkeys((1044, 1045, 1130, 1251, 1524, 1698, 1820, 1862, 2059, 3118, 4151, 1862),
                    (ConnectError, _PASSWORD)),
    1049: (ConnectError, "check `database`; names are told apart by case on most servers"),
    **dict.fromkeys((1142, 1143, 1227, 1345, 1356, 1370), (ConnectError, _RIGHTS)),
    **dict.fromkeys((2002, 2003, 2004, 2005, 2012), (ConnectError, _REACH)),
    2026: (ConnectError, "check `tls` and `tls_ca`; `tls: require` takes any certificate"),
    1129: (ConnectError, "the server shut this host out after errors: `FLUSH HOSTS` there"),
    **dict.fromkeys((1040, 1203, 1226, 1637), (TransientError, _FULL)),
    **dict.fromkeys((1205, 1213, 1317, 1412, 3058, 3572), (TransientError, _AGAIN)),
    **dict.fromkeys((1028, 1969, 3024), (TransientError, _SLOW)),
    **dict.fromkeys((0, 1053, 1079, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013,
                     2014, 2027, 2055, 3169, 4031), (TransientError, _LOST)),
    1146: (ConfigError, "check `table`, and `schema`, which is a database here"),
    **dict.fromkeys((1052, 1054, 1055, 1056, 1060, 1064, 1066, 1109, 1111, 1120, 1140, 1149, 1222,
                     1241, 1247, 1248, 1305, 1582, 1630, 3065), (ConfigError, _SQL)),
    1451: (DataError, "rows of another table refer to those that a load deletes, or replaces by "
           "deleting them first: load those later, or drop that foreign key"),
    1452: (DataError, "the foreign key names rows of another table: load that one first"),
    1062: (DataError, "the table has a key, or a unique index, of which a value comes twice, or is "
           "there already"),
    **dict.fromkeys((1048, 1364), (DataError, "the table asks for a value in that column: give it "
                                   "a default, or load a column of that name")),
    **dict.fromkeys((1644, 1643, 1642), (DataError, "a trigger of the table raises that error")),
    **dict.fromkeys((1021, 1114, 1030), (ConnectError, _ROOM)),
    1295: (ConfigError, "a query is one SELECT"),
    1104: (ConfigError, "the server refuses joins of that size; see its `max_join_size`"),
}  # fmt: skip


def explain(error: Exception, label: str) -> HyggeError:
    """A driver's error as one of hygge's, without secrets.

    Parameters
    ----------
    error: a `pymysql.Error`, or what the operating system or TLS raised.
    label: the database.
    """
    number, text = _said(error)
    shown = redact(f"{label}: {text}{f' ({number})' if number else ''}")
    if number == 1142 and (denied := _DENIED.search(text)):
        missing = f"GRANT {denied['rights'].strip()} ON {denied['table']} TO {denied['user']}"
        return ConnectError(shown, hint=f"have it granted: `{redact(missing)}`")
    if number in _NUMBERS:
        kind, hint = _NUMBERS[number]
        return kind(shown, hint=hint)
    if isinstance(error, pymysql.err.ProgrammingError):
        return ConfigError(shown, hint=_SQL)
    if isinstance(error, OSError):
        return TransientError(shown, hint=_LOST)
    return DataError(shown)


def _said(error: Exception) -> tuple[int | None, str]:
    """An error's number and its text."""
    if isinstance(getattr(error, "original_exception", error), ssl.SSLError):
        return 2026, str(error.args[-1])  # PyMySQL tells it as a server that is not reached
    match error.args:
        case (int(number), str(text), *_) if isinstance(error, pymysql.Error):
            return number, text or "the connection is closed"
    return None, str(error)


@contextmanager
def told(label: str) -> Iterator[None]:
    """What PyMySQL, the system and TLS raise in the block, as hygge's errors."""
    try:
        yield
    except (pymysql.Error, OSError) as error:
        raise explain(error, label) from error
    except RuntimeError as error:  # PyMySQL's word for a library that a way to log in needs
        if "required" not in str(error):
            raise
        raise ConnectError(redact(f"{label}: {error}"), hint="install it beside hygge") from error
