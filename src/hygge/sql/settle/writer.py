"""Writing chunks into tables: within the load's own transaction, or into its stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.load import LoadRequest, Writer
from hygge.core.state import Receipt
from hygge.core.steps import reached
from hygge.sql.pool import pool_of
from hygge.sql.settle.inlet import Inlet, Parcel
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.state import make_once

if TYPE_CHECKING:
    from hygge.sql.server import PooledConnection

NAME = "name"
"""What a receipt calls the table that its rows went to."""


class TableWriter(Writer):
    """Appends one chunk to a table.

    Parameters
    ----------
    inlet: where it goes.
    chunk: the index of the chunk.
    context: of the attempt.
    done: called once at the end, with whether it came to a good one.
    """

    def __init__(
        self, inlet: Inlet, chunk: int, context: Context, done: Callable[[bool], None]
    ) -> None:
        inlet.join()
        self._inlet, self._chunk, self._context = inlet, chunk, context
        self._done: Callable[[bool], None] | None = done
        self._rows = self._bytes = self._digest = 0

    def write(self, batch: pl.DataFrame) -> None:
        self._context.cancel.check()
        if not batch.height:
            return
        to = self._inlet
        if batch.schema != to.fields.physical:  # the table's types may be wider
            batch = conform(batch, to.fields, entity=to.entity, offset=self._rows)
        rows = to.settler.encoded(batch, to.fields, entity=to.entity, offset=self._rows)
        size = int(batch.estimated_size())
        to.put(Parcel(rows, batch, self._rows, size, self._chunk))
        self._rows += batch.height
        self._bytes += size
        self._digest = (self._digest + digest_of(batch)) % (1 << 64)

    def finish(self) -> Receipt:
        self._inlet.settle(self._chunk)
        self._end(True)
        reached("sql.written")
        file: dict[str, Any] = {
            NAME: self._inlet.table, "rows": self._rows, "bytes": self._bytes,
            "digest": f"{self._digest:016x}",
        }  # fmt: skip
        return Receipt(self._chunk, self._rows, self._bytes, (file,))

    def abort(self) -> None:
        self._end(False)

    def _end(self, good: bool) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        try:
            self._inlet.leave(good)
        except BaseException:
            done(False)
            raise
        done(good)


def digest_of(rows: pl.DataFrame) -> int:
    """A number that tells rows from others, in whatever order they come; not across releases of
    Polars, whose hashes it adds up."""
    flat = [c for c in rows if not c.dtype.is_nested()]
    return int(pl.DataFrame(flat).hash_rows(0).sum() or 0) if flat else rows.height


@dataclass(frozen=True)
class Ticket:
    """All that a writer needs to fill a load's stage, in this process or another. It pickles."""

    connection: PooledConnection
    settler: Settler
    place: Place
    stage: str
    request: LoadRequest

    def writer(self, chunk: int, context: Context) -> TableWriter:
        """A writer over a connection of its own, in a transaction that ends with the chunk."""
        settler = self.settler
        lease = pool_of(self.connection).lease(context, settler.lines(self.connection))
        link = lease.link
        forget = context.cancel.add(link.cancel)

        def done(good: bool) -> None:
            forget()
            try:
                if good:
                    settler.commit(link)
            except BaseException:
                lease.release(broken=True)
                raise
            lease.release(broken=not good)

        try:
            make_once(
                settler, link, self.place, self.stage,
                lambda: settler.create_stage(link, self.place, self.stage, self.request),
            )  # fmt: skip
            settler.begin(link)
        except BaseException:
            done(False)
            raise
        fields, entity = self.request.fields, self.request.entity
        inlet = Inlet(settler, link, self.place, self.stage, fields, entity)
        return TableWriter(inlet, chunk, context, done)
