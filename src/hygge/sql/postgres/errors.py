"""PostgreSQL's errors in hygge's words, by SQLSTATE.

The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html. Refusals to connect have
none, only libpq's and the server's texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hygge.core.errors import Cancelled, ConfigError, ConnectError, DataError, HyggeError
from hygge.core.errors import TransientError as Transient
from hygge.core.secrets import redact

Kind = Callable[..., HyggeError]

# The longest prefix of an SQLSTATE that is here decides.
_STATES: dict[str, tuple[Kind, str | None]] = {
    "08": (Transient, "the connection to the server broke"),
    "0A": (ConfigError, None),
    "22": (DataError, None),
    "23": (DataError, "the rows break a rule that the table declares"),
    "23503": (DataError, "rows of another table refer to those that go, or those that come to it: "
              "load the tables in that order, or drop the foreign key"),
    "25006": (ConfigError, "hygge reads in a transaction that may not write"),
    "25P03": (Transient, "the server ended a transaction that was idle for too long"),
    "26": (ConfigError, None),
    "28": (ConnectError, "check `user`, `password`, and the server's pg_hba.conf"),
    "3D000": (ConnectError, "check `database`"),
    "3F000": (ConfigError, "check `schema`"),
    "40": (Transient, "other transactions were in the way; trying again may do"),
    "42": (ConfigError, None),
    "42501": (ConnectError, "have it granted: GRANT SELECT to read a table; to load it also "
              "INSERT, UPDATE, DELETE, and as much on `_hygge_state`; to alter it takes its owner"),
    "42P01": (ConfigError, "check the names of tables, and the schema they are in"),
    "42703": (ConfigError, "check the names of columns"),
    "53": (Transient, "the server ran short of something"),
    "53100": (ConnectError, "the server's disk is full: free some space there"),
    "53300": (Transient, "the server has no connection free: lower `pool_size`, or wait"),
    "53400": (ConfigError, "a limit that the server's settings set"),
    "54": (ConfigError, None),
    "55": (Transient, "the server cannot do it at this moment"),
    "55P03": (Transient, "another transaction holds a lock on it"),
    "57014": (Cancelled, None),
    "57": (Transient, "the server was stopped or restarted"),
    "57P04": (ConnectError, "the database was dropped"),
    "58": (Transient, "the server's own disk or system failed; see its log"),
    "72": (Transient, "the snapshot is too old; trying again takes a new one"),
    "XX": (Transient, "an internal error of the server's; see its log"),
}  # fmt: skip
_TIMEOUT = ("statement timeout", "raise `statement_timeout`, or read in chunks")
_CONFLICT = (
    "conflict with recovery",
    "a standby cancels queries that hold back its replay: raise its max_standby_streaming_delay, "
    "set hot_standby_feedback, or read from the primary",
)

# Texts of libpq and the server where there is no SQLSTATE, in lower case; the first found decides.
_TEXTS: tuple[tuple[str, Kind, str | None], ...] = (
    ("too many clients", *_STATES["53300"]),
    ("connection slots are reserved", *_STATES["53300"]),
    ("too many connections", *_STATES["53300"]),
    ("the database system is", Transient, "the server is starting or stopping"),
    ("password authentication failed", *_STATES["28"]),
    ("no password supplied", ConnectError, "give a `password`"),
    ("authentication failed", *_STATES["28"]),
    ("no pg_hba.conf entry", ConnectError,
     "the server lets nobody in from here so; its pg_hba.conf says who may, and whether by TLS"),
    ("role \"", ConnectError, "check `user`"),
    ("database \"", *_STATES["3D000"]),
    ("could not translate host name", ConnectError, "check `host`"),
    ("connection refused", ConnectError, "check `host` and `port`, and that the server is up"),
    ("no such file or directory", ConnectError, "check `host`: there is no server's socket"),
    ("certificate", ConnectError, "check `tls`, `tls_ca`, `tls_cert` and `tls_key`"),
    ("does not support ssl", ConnectError, "set `tls: prefer`, or have the server offer TLS"),
    ("timeout expired", Transient, "check `host` and firewalls, or raise `connect_timeout`"),
    ("invalid connection option", ConnectError, "check what stands after `?` in the URL"),
    ("invalid uri", ConnectError, "check the URL"),
    ("server closed the connection", Transient, "the connection to the server broke"),
    ("connection reset", Transient, "the connection to the server broke"),
    ("could not receive data", Transient, "the connection to the server broke"),
    ("ssl connection has been closed", Transient, "the connection to the server broke"),
    ("ssl syscall", Transient, "the connection to the server broke"),
    ("no connection to the server", Transient, "the connection to the server broke"),
    ("lost synchronization", Transient, "the connection to the server broke"),
)  # fmt: skip

_NOISE = (
    re.compile(r"^[A-Z_]+: (\[libpq\] )?"),
    re.compile(r"\s*Query was:.*\Z", re.DOTALL),
    re.compile(r"\s*\.? ?SQLSTATE: \w+\s*\Z"),
    re.compile(
        r"^(Failed to (connect|prepare query|execute query|execute)|could not begin COPY|"
        r"Execution error \[\w+\])( with error)?: "
    ),
    re.compile(r"^could not begin COPY: "),
    re.compile(r"^(ERROR|FATAL|PANIC):\s+"),
)


_NEXT = re.compile(r"(\w)\n\t(?=[A-Z])")
"""libpq goes on with a sentence, or with the next, in a line that begins with a tab."""


def message_of(text: str) -> str:
    """What PostgreSQL itself said, without what the driver puts around it."""
    for noise in (_NOISE[1], _NOISE[2], _NOISE[0], *_NOISE[3:]):
        text = noise.sub("", text.strip())
    return _NEXT.sub(r"\1. ", text.strip()).replace("\n\t", " ")


def explain(text: str, state: str | None, label: str) -> HyggeError:
    """A driver's error as one of hygge's.

    Parameters
    ----------
    text: its message.
    state: the SQLSTATE; None where the server gave none.
    label: the database.
    """
    said = message_of(text)
    kind, hint = _found(text.lower(), state)
    return kind(redact(f"{label}: {said}"), hint=hint)


def _found(text: str, state: str | None) -> tuple[Kind, str | None]:
    if _CONFLICT[0] in text:
        return Transient, _CONFLICT[1]
    if state == "57014" and _TIMEOUT[0] in text:
        return Transient, _TIMEOUT[1]
    if state:
        for length in (5, 2):
            if state[:length] in _STATES:
                return _STATES[state[:length]]
        return DataError, None
    for words, kind, hint in _TEXTS:
        if words in text:
            return kind, hint
    return ConnectError, "check the connection's settings, and the server's log"
