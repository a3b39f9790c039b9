"""Oracle's errors, and its driver's, in hygge's words.

https://docs.oracle.com/en/error-help/db/ and python-oracledb's "Error Handling".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import oracledb

from hygge.core.errors import (
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.secrets import redact

_ACCESS = (
    "ORA-01005", "ORA-01017", "ORA-01045", "ORA-28000", "ORA-28001", "ORA-12154", "ORA-12505",
    "ORA-12514", "ORA-12541", "ORA-12545", "DPY-4000", "DPY-4001", "DPY-4022", "DPY-4026",
    "DPY-4027", "DPY-6000", "DPY-6001", "DPY-6003", "DPY-6005",
)  # fmt: skip
_MOMENT = (
    "ORA-00018", "ORA-00020", "ORA-00028", "ORA-00054", "ORA-00060", "ORA-01013", "ORA-01033",
    "ORA-01034", "ORA-01089", "ORA-01555", "ORA-02396", "ORA-03113", "ORA-03114", "ORA-03135",
    "ORA-04021", "ORA-08176", "ORA-08177", "ORA-08181", "ORA-12516", "ORA-12519", "ORA-12520",
    "ORA-12537", "ORA-12570", "DPY-4011", "DPY-4024",
)  # fmt: skip
_STATEMENT = ("ORA-01031", "ORA-01720", "ORA-06550", "ORA-08180", "ORA-40441")
_HINTS = {
    "ORA-01017": "check `user` and `password`",
    "ORA-12514": "the listener knows no such service: check `database`",
    "ORA-12154": "check the alias, and that `config_dir` has the tnsnames.ora with it",
    "ORA-01555": "the database keeps too little undo for so long a read: raise UNDO_RETENTION, or "
    "read in chunks",
    "ORA-08181": "the snapshot is too old to be read any more: raise UNDO_RETENTION",
    "ORA-01031": "the user needs the right to read it, and FLASHBACK for chunks in one snapshot",
    "ORA-00942": "there is no such table, or the user may not read it",
}


def explain(error: oracledb.Error, label: str) -> HyggeError:
    """A driver's error as one of ours, by its code."""
    about = error.args[0] if error.args else None
    code = str(getattr(about, "full_code", "") or "")
    text = redact(f"{label}: {error}")
    kind = _kind(code, bool(getattr(about, "isrecoverable", False)))
    hint = _HINTS.get(code)
    if hint is None and kind is ConnectError:
        hint = "check the address, the service and the user"
    return kind(text, hint=hint)


def _kind(code: str, recoverable: bool) -> type[HyggeError]:
    if code in _ACCESS:
        return ConnectError
    if code in _MOMENT or recoverable:
        return TransientError
    # ORA-009nn are of the statement: unknown names, wrong syntax.
    if code in _STATEMENT or code.startswith("ORA-009"):
        return ConfigError
    return DataError


@contextmanager
def told(label: str) -> Iterator[None]:
    """Errors of the driver, told."""
    try:
        yield
    except oracledb.Error as error:
        raise explain(error, label) from error
    except OSError as error:  # a name that is not known, a line that is cut
        raise ConnectError(redact(f"{label}: {error}"), hint="check `host` and `port`") from error
