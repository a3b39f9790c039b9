"""DuckDB's errors in hygge's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from hygge.core.errors import (
    Cancelled,
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.secrets import redact
from hygge.core.telling import NO_ROOM

MORE = "raise the connection's `memory_limit`"
"""What helps where memory was too little."""


@contextmanager
def told(label: str) -> Iterator[None]:
    """DuckDB's errors as hygge's; their classes: https://duckdb.org/docs/stable/dev/internal_errors."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise explain(error, label) from error
    except RuntimeError as error:
        if "interrupted" not in str(error):  # which comes in this class too
            raise
        raise Cancelled(redact(f"{label}: {error}")) from error


def explain(error: Exception, label: str) -> HyggeError:
    text = redact(f"{label}: {error}")
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in str(error):
        return Cancelled(text)
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException | duckdb.ParserException):
        return ConfigError(text)
    if "No space left on device" in str(error):  # of DuckDB's own, of several classes
        return ConnectError(text, hint=NO_ROOM)
    # A COMMIT fails with another class, and the same advice.
    if isinstance(error, duckdb.OutOfMemoryException) or "SET memory_limit" in text:
        return DataError(text, hint=MORE)
    if isinstance(error, duckdb.TransactionException):
        return TransientError(text)
    if isinstance(error, duckdb.IOException | duckdb.ConnectionException | duckdb.HTTPException):
        if "set lock" in str(error):
            return TransientError(text, hint="another program has the file open to write")
        if "different configuration" in str(error):
            reading = "this program has the file open to read only; it can be written to after that"
            return TransientError(text, hint=reading)
        return ConnectError(
            text, hint="check that `path` is a DuckDB file, and the right to read it"
        )
    return DataError(text)
