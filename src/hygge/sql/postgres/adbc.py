"""One open connection to PostgreSQL through ADBC, and so through libpq: it connects in every way
there is, and takes twice the processor time of `wire`."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain
from math import ceil
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from hygge.core.errors import HyggeError, MissingDriver
from hygge.core.importing import begin_importing
from hygge.core.memory import give_back
from hygge.sql.ahead import ahead
from hygge.sql.postgres.errors import explain
from hygge.sql.postgres.link import PostgresLink, plan_of

if TYPE_CHECKING:
    import pyarrow as pa

_COPY = "adbc.postgresql.use_copy"
_HINT = "adbc.postgresql.batch_size_hint_bytes"
_TABLE, _SCHEMA = "adbc.ingest.target_table", "adbc.ingest.target_db_schema"
_MODE, _APPEND = "adbc.ingest.mode", "adbc.ingest.mode.append"
PIECE_BYTES = 1 << 20
"""What the driver encodes at a time."""
_STATUS = "adbc.postgresql.transaction_status"
_NEEDED = ("adbc_driver_manager._reader", "hygge.sql.postgres.session", "pyarrow._compute")
"""What is needed once there is a connection: their import takes longer than connecting does."""


class ADBCPostgresLink(PostgresLink):
    """A connection. See PostgresLink.

    Parameters
    ----------
    connection: ADBC's.
    label: the database, for errors.
    """

    def __init__(self, connection: Any, label: str) -> None:
        self._connection, self.label = connection, label

    @classmethod
    def open(cls, conninfo: Mapping[str, str], settings: Mapping[str, str], label: str) -> Self:
        """Connect, and set what the session needs.

        Parameters
        ----------
        conninfo: libpq's parameters.
        settings: the server's, for this session.
        label: the database, for errors.
        """
        try:
            import adbc_driver_manager
            import adbc_driver_postgresql  # noqa: F401 - looked for before it is needed
        except ImportError:
            raise MissingDriver("adbc_driver_postgresql", "postgres") from None
        give_back()
        with told(label):
            link = cls(adbc_driver_manager.AdbcConnection(_database(conninfo)), label)
        return link.set_up(settings)

    def execute(self, sql: str) -> int | None:
        with self._statement(sql) as statement:
            changed = statement.execute_update()
        return None if changed is None or changed < 0 else int(changed)

    def append(self, schema: str, table: str, batches: Iterable[pl.DataFrame]) -> int:
        """See PostgresLink; how many rows the driver sent, all of which the server took in."""
        import adbc_driver_manager
        import pyarrow as pa

        left = iter(batches)
        first = next(left)
        schema_of = pa.RecordBatchReader.from_stream(first).schema
        stream = pa.RecordBatchReader.from_batches(schema_of, _encodable(chain([first], left)))
        options = {_TABLE: table, _MODE: _APPEND, **({_SCHEMA: schema} if schema else {})}
        with told(self.label), adbc_driver_manager.AdbcStatement(self._connection) as statement:
            statement.set_options(**options)
            statement.bind_stream(stream)
            return int(statement.execute_update())

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        return self._rows(sql, copy=True)

    def planned(self, sql: str) -> tuple[int, int]:
        ((text,),) = self._rows(f"EXPLAIN (FORMAT JSON) {sql}", copy=False)
        return plan_of(text)

    def _rows(self, sql: str, *, copy: bool) -> Sequence[tuple[Any, ...]]:
        with self._statement(sql) as statement:
            statement.set_options(**{_COPY: str(copy).lower()})
            with _reader(statement) as reader:
                found = reader.read_all().columns
        try:
            return list(zip(*(column.to_pylist() for column in found), strict=True))
        except OverflowError:
            raise self.no_such_time(sql) from None

    def describe(self, sql: str) -> Sequence[tuple[str, int]]:
        import pyarrow as pa

        with self._statement(sql) as statement:
            schema = pa.schema(statement.execute_schema())
        return [(f.name, int((f.metadata or {}).get(b"POSTGRESQL:typmod", -1))) for f in schema]

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        """See Link. What is longer than `batch_rows` is sliced."""
        wanted = self.batch_bytes(sql, batch_rows)
        with self._statement(sql) as statement:
            statement.set_options(**{_HINT: str(wanted)})
            with _reader(statement) as reader, closing(self._frames(reader, batch_rows)) as frames:
                yield frames  # ended before the reader is: its thread may be within a fetch

    def _frames(self, reader: Any, batch_rows: int) -> Generator[pl.DataFrame, None, None]:
        import pyarrow as pa

        from hygge.sql.postgres.frames import frame

        def fetch() -> Any:
            try:
                return reader.read_next_batch()
            except StopIteration:
                return None

        with told(self.label):
            empty = pa.RecordBatch.from_pylist([], schema=reader.schema)
            with closing(ahead(fetch, first=empty, stop=self.cancel)) as batches:
                yield frame(next(batches))
                for batch in batches:
                    yield from frame(batch).iter_slices(batch_rows)

    @contextmanager
    def _statement(self, sql: str) -> Iterator[Any]:
        import adbc_driver_manager

        with told(self.label), adbc_driver_manager.AdbcStatement(self._connection) as statement:
            statement.set_sql_query(sql)
            yield statement

    def cancel(self) -> None:
        with suppress(HyggeError), told(self.label):
            self._connection.cancel()

    def reset(self) -> None:
        with told(self.label):
            status = self._connection.get_option(_STATUS)
        if status != "idle":
            self.execute("ROLLBACK")

    def close(self) -> None:
        with suppress(HyggeError), told(self.label):
            self._connection.close()


def _encodable(batches: Iterable[pl.DataFrame]) -> Iterator[pa.RecordBatch]:
    """Frames in pieces: the driver encodes one after the other, each while the server takes in what
    came before. A frame that has several at once would be laid together."""
    import pyarrow as pa

    for rows in batches:
        pieces = ceil(rows.estimated_size() / PIECE_BYTES)
        for piece in rows.iter_slices(max(1, ceil(rows.height / max(1, pieces)))):
            yield from pa.RecordBatchReader.from_stream(piece)


class _Database:
    """ADBC's description of a database, made once: it connects by itself to look at the types."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Any = None

    def open(self, uri: str) -> Any:
        import adbc_driver_manager
        from adbc_driver_postgresql import _driver_path

        with self._lock:
            if self._found is None:
                driver = _driver_path()  # looks for files, which would wait for those who import
                begin_importing(*_NEEDED)
                self._found = adbc_driver_manager.AdbcDatabase(driver=driver, uri=uri)
            return self._found


_databases: dict[str, _Database] = {}


def _database(conninfo: Mapping[str, str]) -> Any:
    uri = " ".join(f"{key}={_quoted(value)}" for key, value in conninfo.items())
    return _databases.setdefault(uri, _Database()).open(uri)


def _quoted(value: str) -> str:
    """A value of a connection string (libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE)."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def _reader(statement: Any) -> Iterator[pa.RecordBatchReader]:
    from adbc_driver_manager._reader import AdbcRecordBatchReader  # whose errors have SQLSTATEs

    handle, _ = statement.execute_query()
    reader = AdbcRecordBatchReader._import_from_c(handle.address)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def told(label: str) -> Iterator[None]:
    """The driver's errors as hygge's."""
    import adbc_driver_manager

    try:
        yield
    except adbc_driver_manager.Error as error:
        raise explain(str(error), error.sqlstate, label) from error
