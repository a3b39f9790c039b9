"""Writing one chunk into a load's files, in whichever process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.core.load import Writer
from hygge.core.state import Receipt
from hygge.files.rewrite import widened
from hygge.files.writer import refuse_null_keys
from hygge.lake.faults import telling
from hygge.lake.parts import Datafile, Filler
from hygge.lake.types import packed


@dataclass(frozen=True)
class Ticket(ABC):
    """All that a writer needs, in this process or another. It pickles.

    Parameters
    ----------
    folder: where its files go, within the table's.
    fields: those of the table, which its rows are held to.
    lying: the same as they lie.
    keys: columns in which NULL is an error.
    entity: the name used in errors.
    """

    folder: str
    fields: Schema
    lying: Schema
    keys: tuple[str, ...]
    entity: str

    @abstractmethod
    def filler(self, stem: str) -> Filler:
        """What fills files whose names begin with the stem, in the load's folder."""


class LakeWriter(Writer):
    """Writes one chunk."""

    def __init__(self, ticket: Ticket, chunk: int, context: Context) -> None:
        self._ticket, self._chunk, self._context = ticket, chunk, context
        self._taken = 0
        self._filler = ticket.filler(f"{chunk:04d}")

    def write(self, batch: pl.DataFrame) -> None:
        self._context.cancel.check()
        ticket = self._ticket
        refuse_null_keys(batch, ticket.keys, ticket.entity, self._taken)
        self._taken += batch.height
        rows = widened(batch, ticket.fields, ticket.entity)
        with telling(ticket.entity):
            self._filler.add(packed(rows, ticket.fields, ticket.lying))

    def finish(self) -> Receipt:
        with telling(self._ticket.entity):
            self._filler.flush()
        files = self._filler.files
        return Receipt(
            self._chunk, sum(f.rows for f in files), sum(f.bytes for f in files),
            tuple(f.to_json() for f in files),
        )  # fmt: skip

    def abort(self) -> None:
        self._filler.discard()


def files_of(receipts: Sequence[Receipt]) -> list[Datafile]:
    """The files that receipts list."""
    return [Datafile.from_json(f) for receipt in receipts for f in receipt.files]
