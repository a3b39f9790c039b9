"""One connection to an SQLite file, through ADBC's C interface, and its errors in hygge's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Literal, Self

from hygge.core.errors import (
    Cancelled,
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)  # fmt: skip
from hygge.core.telling import NO_ROOM

if TYPE_CHECKING:
    import pyarrow as pa

BUSY_TIMEOUT_S = 30.0
"""How long to wait for another's lock before the attempt fails as transient."""


class Database:
    """One open SQLite database. Used by one thread at a time.

    Parameters
    ----------
    path: the file.
    mode: `ro` reads, `rw` writes to a file that is there, `rwc` makes it if need be.
    timeout_s: how long to wait for locks.

    Raises
    ------
    ConnectError: there is no such file, or it is no database.
    """

    def __init__(
        self, path: Path, mode: Literal["ro", "rw", "rwc"], timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        import adbc_driver_manager
        import adbc_driver_sqlite

        self.label = str(path)
        self._adbc = adbc_driver_manager
        self._database: Any = None
        check_file(path, missing_ok=mode == "rwc")
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        try:
            self._database = adbc_driver_sqlite.connect(uri)
            try:
                self._connection = adbc_driver_manager.AdbcConnection(self._database)
            except BaseException:
                self._database.close()
                raise
        except adbc_driver_manager.Error as error:
            raise self.explain(error) from error
        self.execute(f"PRAGMA busy_timeout = {int(timeout_s * 1000)}")

    @classmethod
    def borrow(cls, connection: Any, label: str) -> Self:
        """An `AdbcConnection` that a caller handed over; `close()` leaves it open."""
        import adbc_driver_manager

        self = cls.__new__(cls)
        self._adbc, self._connection, self._database = adbc_driver_manager, connection, None
        self.label = label
        return self

    def execute(self, sql: str, data: Any = None) -> None:
        """Run a statement; with `data` (anything with an Arrow stream), once per row of it."""
        with self._statement(sql) as statement:
            if data is not None:
                statement.prepare()
                statement.bind_stream(data.__arrow_c_stream__(None))
            statement.execute_update()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small result: columns of integers, reals or valid text, not mixed."""
        import pyarrow as pa

        with self._statement(sql) as statement:
            reader = pa.RecordBatchReader.from_stream(statement.execute_query()[0])
            columns = [c.to_pylist() for c in reader.read_all().columns]
        return list(zip(*columns, strict=True))

    def row(self, sql: str) -> tuple[Any, ...]:
        """The one row of a result that has one."""
        return self.rows(sql)[0]

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[pa.RecordBatchReader]:
        """A result as Arrow batches of `batch_rows`; the statement ends with the block."""
        import pyarrow as pa

        with self._statement(sql) as statement:
            statement.set_options(**{"adbc.sqlite.query.batch_rows": str(batch_rows)})
            with pa.RecordBatchReader.from_stream(statement.execute_query()[0]) as reader:
                try:
                    yield reader
                except (OSError, pa.ArrowException) as error:
                    raise self.explain(error) from error

    @contextmanager
    def _statement(self, sql: str) -> Iterator[Any]:
        statement = self._adbc.AdbcStatement(self._connection)
        try:
            statement.set_sql_query(sql)
            yield statement
        except self._adbc.Error as error:
            raise self.explain(error) from error
        finally:
            statement.close()

    def explain(self, error: BaseException) -> HyggeError:
        """The driver's error as one of ours."""
        return explain(str(error), self.label)

    def close(self) -> None:
        """Close it; what was not committed is rolled back. Safe more than once."""
        if self._database is None:  # borrowed
            return
        for part in (self._connection, self._database):
            try:
                part.close()
            except self._adbc.Error:  # pragma: no cover - nothing more can be done
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_reader(path: Path) -> Database:
    """A connection that only reads. Raises ConnectError, TransientError."""
    db = Database(path, "ro")
    try:
        db.rows("SELECT count(*) FROM sqlite_master")
        return db
    except ConnectError:
        # A program that died while writing left a journal that only a writer may roll back.
        db.close()
    except BaseException:
        db.close()
        raise
    db = Database(path, "rw")
    try:
        db.rows("SELECT count(*) FROM sqlite_master")
        db.execute("PRAGMA query_only = 1")
    except BaseException:
        db.close()
        raise
    return db


def check_file(path: Path, *, missing_ok: bool = False) -> None:
    """Raise ConnectError where a path is no file: SQLite itself would make a new one.

    It is looked at, never opened: closing a descriptor of a file drops every POSIX lock that this
    process holds on it, SQLite's own included (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        if not S_ISREG(path.stat().st_mode):
            raise ConnectError(f"{path} is not a file", hint="choose the path of a file")
    except (FileNotFoundError, NotADirectoryError):
        if not missing_ok:
            raise ConnectError(f"there is no SQLite file {path}", hint=_near(path)) from None
    except OSError as error:
        raise ConnectError(f"{path} cannot be read: {error.strerror or error}") from None


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    found = [p.name for p in path.parent.iterdir() if p.is_file() and not p.name.startswith(".")]
    near = get_close_matches(path.name, found, n=1, cutoff=0.5)
    if near:
        return f"did you mean {path.parent / near[0]}?"
    databases = sorted(n for n in found if n.endswith((".db", ".sqlite", ".sqlite3", ".db3")))
    return f"databases there: {', '.join(databases[:8])}" if databases else "check the path"


_STEP = re.compile(
    r"^.*?failed to (?:(?:prepare|step|execute) query|reset statement): ", re.IGNORECASE
)
"""What its ADBC driver puts in front of SQLite's own words."""


def explain(text: str, path: object) -> HyggeError:
    """An SQLite message as one of our errors (messages: sqlite3ErrStr in SQLite's main.c)."""
    refused = text.startswith("INTEGRITY: ")  # SQLITE_CONSTRAINT, which RAISE in a trigger is too
    text = text.split("\nquery: ")[0].replace("[SQLite] ", "")
    text = _STEP.sub("", text)
    low, where = text.lower(), f"{path}: {text}"
    if refused and "constraint failed" not in low:
        return DataError(where, hint="a trigger of the table refuses the rows")
    if "is locked" in low or "busy" in low:
        return TransientError(where, hint="another program is writing to it; try again")
    if "constraint failed" in low:
        return DataError(where, hint="the rows break a rule that the table declares")
    if "interrupted" in low:
        return Cancelled(where)
    if any(p in low for p in ("no such", "syntax error", "ambiguous", "incomplete input")):
        return ConfigError(where)
    if "malformed" in low and "disk image" in low:
        return DataError(where, hint="the file is damaged: see `PRAGMA integrity_check`")
    if "not a database" in low:
        return ConnectError(
            f"{path} is not an SQLite database",
            hint="check the path; an encrypted file looks so too",
        )
    if "is full" in low:
        return ConnectError(where, hint=NO_ROOM)
    if any(p in low for p in ("open", "readonly", "permission", "disk")):
        return ConnectError(where, hint="check the file, its folder and their permissions")
    return DataError(where)
