"""What SQLSTATE codes mean for who must act; ISO 9075, PostgreSQL's and ODBC's.

https://www.postgresql.org/docs/current/errcodes-appendix.html
https://learn.microsoft.com/sql/odbc/reference/appendixes/appendix-a-odbc-error-codes
"""

from __future__ import annotations

from hygge.core.errors import ConfigError, ConnectError, DataError, HyggeError, TransientError

_STATES: dict[str, type[HyggeError]] = {
    # Single ones before their classes.
    "08S01": TransientError, "HYT00": TransientError, "HYT01": ConnectError,
    "57014": TransientError,
    "53": TransientError, "40": TransientError, "55": TransientError, "57": TransientError,
    "08": ConnectError, "28": ConnectError, "3D": ConnectError, "IM": ConnectError,
    "42": ConfigError, "3F": ConfigError, "S0": ConfigError, "22": DataError,
}  # fmt: skip


def error_of_state(state: str) -> type[HyggeError] | None:
    """The error for an SQLSTATE; None where it says nothing."""
    return _STATES.get(state) or _STATES.get(state[:2])
