"""One open connection to PostgreSQL over hygge's own client: whole blocks of COPY, by numpy."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime, time
from itertools import chain
from typing import Any, Self

import polars as pl

from hygge.core.errors import HyggeError, VerifyError
from hygge.core.memory import give_back
from hygge.sql.ahead import ahead
from hygge.sql.postgres.errors import explain
from hygge.sql.postgres.link import PostgresLink, plan_of
from hygge.sql.postgres.types import DIALECT
from hygge.sql.postgres.wire import encode, pg_type
from hygge.sql.postgres.wire.client import Answer, Block, Column, ServerError, Wire
from hygge.sql.postgres.wire.decode import NOTHING, decode, strip
from hygge.sql.postgres.wire.messages import counted
from hygge.sql.postgres.wire.numeric import DIGITS

BLOCKS = 4 << 20
"""What the C library maps alone is from here on: blocks, but not what is computed of them."""


class WireLink(PostgresLink):
    """A connection. See PostgresLink.

    Parameters
    ----------
    wire: it, logged in.
    label: the database, for errors.
    """

    digits = DIGITS

    def __init__(self, wire: Wire, label: str) -> None:
        self._wire, self.label = wire, label

    @classmethod
    def open(cls, conninfo: Mapping[str, str], settings: Mapping[str, str], label: str) -> Self:
        """Connect, and set what the session needs.

        Parameters
        ----------
        conninfo: libpq's parameters.
        settings: the server's, for this session.
        label: the database, for errors.

        Raises `client.Beyond` where it takes libpq to connect.
        """
        give_back(BLOCKS)
        with told(label):
            link = cls(Wire.open(conninfo), label)
        return link.set_up(settings)

    def execute(self, sql: str) -> int | None:
        with told(self.label):
            answers = self._wire.query(sql)
        return counted(answers[-1].tag) if answers else None

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        self._show_iso()
        with told(self.label):
            answers = self._wire.query(sql)
        try:
            return _values(answers[-1])
        except ValueError:
            raise self.no_such_time(sql) from None

    def _show_iso(self) -> None:
        """Have times be shown as ISO 8601 has them, where a statement of the session's or a
        function has changed that; in what order days and months are read stays as it is."""
        if not self._wire.dates.startswith("ISO") and self._wire.status != "E":
            self.execute("SET DateStyle = ISO")

    def planned(self, sql: str) -> tuple[int, int]:
        ((text,),) = self.rows(f"EXPLAIN (FORMAT JSON) {sql}")
        return plan_of(text)

    def describe(self, sql: str) -> Sequence[tuple[str, int]]:
        with told(self.label):
            columns = self._wire.describe(sql)
        # ADBC tells those alone, and a query's fields are not to depend on who asked for them.
        return [(c.name, c.modifier if c.oid == pg_type.NUMERIC else -1) for c in columns]

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        """See Link. What is longer than `batch_rows` is sliced."""
        wanted = self.batch_bytes(sql, batch_rows)
        with told(self.label):
            columns = self._wire.describe(sql)
            copy = self._wire.copy_out(f"COPY ({sql}\n) TO STDOUT (FORMAT binary)", wanted)
            with copy as blocks, closing(self._frames(blocks, columns, batch_rows)) as frames:
                yield frames  # ended before the copy is: its thread may be within a read

    def _frames(
        self, blocks: Iterator[Block], columns: Sequence[Column], batch_rows: int
    ) -> Generator[pl.DataFrame, None, None]:
        first, rows = True, 0

        def fetch() -> pl.DataFrame | None:
            nonlocal first, rows
            block = next(blocks, None)
            if block is None:
                self._check_count(rows)
                return None
            starts, ends = strip(block.data, block.starts, block.ends, first=first)
            first, rows = False, rows + len(starts)
            return decode(block.data, starts, ends, columns)

        with told(self.label):
            empty = decode(*NOTHING, columns)
            with closing(ahead(fetch, first=empty, stop=self.cancel)) as found:
                yield next(found)
                for frame in found:
                    yield from frame.iter_slices(batch_rows)

    def _check_count(self, rows: int) -> None:
        """Raise VerifyError where other rows came than the server says it sent."""
        sent = self._wire.copied
        if sent is not None and rows != sent:
            raise VerifyError(f"{self.label}: of {sent} rows that were sent, {rows} came")

    def append(self, schema: str, table: str, batches: Iterable[pl.DataFrame]) -> int:
        quote = DIALECT.quote
        target = ".".join(map(quote, filter(None, (schema, table))))
        left = iter(batches)
        first = next(left)
        names = ", ".join(map(quote, first.columns))
        with told(self.label):
            there = self._wire.describe(f"SELECT {names} FROM {target}")
            copy = f"COPY {target} ({names}) FROM STDIN (FORMAT binary)"
            oids = [column.oid for column in there]
            return self._wire.copy_in(copy, _pieces(chain([first], left), oids))

    def cancel(self) -> None:
        with suppress(HyggeError), told(self.label):
            self._wire.cancel()

    def reset(self) -> None:
        """See Link. Raises what a statement would where the connection has broken."""
        if self._wire.closed or self._wire.status != "I":
            self.execute("ROLLBACK")

    def close(self) -> None:
        with suppress(HyggeError), told(self.label):
            self._wire.close()


def _pieces(batches: Iterable[pl.DataFrame], oids: Sequence[int]) -> Iterator[Any]:
    """Frames as COPY has them, each piece encoded while the server takes in those before it."""
    yield encode.HEADER
    yield from encode.pieces_of(batches, oids)
    yield encode.TRAILER


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo is not None else at


_PYTHON: dict[int, Callable[[str], Any]] = {
    pg_type.BOOL: "t".__eq__, pg_type.BYTEA: lambda text: bytes.fromhex(text.removeprefix("\\x")),
    pg_type.INT2: int, pg_type.INT4: int, pg_type.INT8: int,
    pg_type.FLOAT4: float, pg_type.FLOAT8: float,
    pg_type.DATE: date.fromisoformat, pg_type.TIME: time.fromisoformat,
    pg_type.TIMESTAMP: _moment, pg_type.TIMESTAMPTZ: _moment,
}  # fmt: skip
"""What text makes of values of a type, by its oid; others stay text."""


def _values(answer: Answer) -> list[tuple[Any, ...]]:
    """Rows as Python's values. Raises ValueError for times that it does not have."""
    makers = [_PYTHON.get(column.oid, str) for column in answer.columns]
    return [
        tuple(
            None if text is None else make(text)
            for make, text in zip(makers, row, strict=True)
        )
        for row in answer.rows
    ]  # fmt: skip


@contextmanager
def told(label: str) -> Iterator[None]:
    """The server's errors, and those of the connection, as hygge's."""
    try:
        yield
    except ServerError as error:
        raise explain(str(error), error.sqlstate, label) from error
