"""What to say where ODBC itself cannot be had."""

from __future__ import annotations

from hygge.core.errors import MissingDriver


def missing_odbc(error: BaseException) -> MissingDriver:
    """Why arrow-odbc, or what it needs of the system, could not be loaded."""
    missing = MissingDriver("arrow-odbc", "odbc")
    missing.hint = (
        f"{missing.hint}; it needs the system's ODBC libraries too (Debian: libodbc2 "
        f"libltdl7), and found: {error}"
    )
    return missing
