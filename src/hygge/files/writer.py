"""Writing one chunk into a load's stage, in whichever process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hygge.core.context import Context
from hygge.core.errors import DataError, StateError
from hygge.core.fields import Schema
from hygge.core.load import Writer
from hygge.core.state import Receipt
from hygge.core.telling import telling
from hygge.files.draft import digest_of
from hygge.files.format import Format
from hygge.files.ipc import IPCFormat
from hygge.files.parts import Part, PartWriter
from hygge.files.rewrite import Sizes, widened
from hygge.storage.path import AnyPath

SPILL = IPCFormat(compression="lz4")
"""How rows wait that are yet to be merged: quick to write and to read back."""


@dataclass(frozen=True)
class Ticket:
    """All that a writer in another process needs. It pickles.

    Parameters
    ----------
    folder: where its parts go.
    stem: what their names begin with.
    form: what they are written as.
    sizes: of a part.
    coming: the fields of the batches.
    fields: the fields of the parts.
    keys: columns in which NULL is an error.
    entity, place: the names used in errors.
    """

    folder: AnyPath
    stem: str
    form: Format
    sizes: Sizes
    coming: Schema
    fields: Schema
    keys: tuple[str, ...]
    entity: str
    place: str


class FileWriter(Writer):
    """Writes one chunk into a load's stage."""

    def __init__(self, ticket: Ticket, chunk: int, context: Context) -> None:
        self._ticket, self._chunk, self._context = ticket, chunk, context
        self._taken = 0
        self._parts = PartWriter(
            ticket.folder, f"{ticket.stem}-{chunk:04d}", ticket.form,
            part_rows=ticket.sizes.rows, part_bytes=ticket.sizes.bytes,
        )  # fmt: skip

    def write(self, batch: pl.DataFrame) -> None:
        self._context.cancel.check()
        ticket = self._ticket
        refuse_null_keys(batch, ticket.keys, ticket.entity, self._taken)
        ticket.form.check_values(batch, ticket.entity, self._taken)
        self._taken += batch.height
        with telling(ticket.place):
            self._parts.add(widened(batch, ticket.fields, ticket.entity))

    def finish(self) -> Receipt:
        with telling(self._ticket.place):
            self._parts.flush()
        parts = self._parts.parts
        return Receipt(
            chunk=self._chunk, rows=sum(p.rows for p in parts), bytes=sum(p.bytes for p in parts),
            files=tuple(p.to_json() for p in parts),
        )  # fmt: skip

    def abort(self) -> None:
        self._parts.discard()

    def holds(self, receipt: Receipt) -> bool:
        ticket = self._ticket
        try:
            return all(_lies(ticket, Part.from_json(listed)) for listed in receipt.files)
        except (OSError, pl.exceptions.PolarsError, StateError):
            return False

    def drop(self, receipt: Receipt) -> None:
        for listed in receipt.files:
            (self._ticket.folder / Part.from_json(listed).name).unlink(missing_ok=True)


def _lies(ticket: Ticket, part: Part) -> bool:
    """Whether a part lies staged with the bytes, the digest and the rows it should have."""
    path = ticket.folder / part.name
    assert isinstance(path, Path)  # ledgers are kept here only
    return (
        path.stat().st_size == part.bytes
        and digest_of(path) == part.digest
        and ticket.form.rows(path, ticket.fields) == part.rows
    )


def refuse_null_keys(batch: pl.DataFrame, keys: Sequence[str], entity: str, offset: int) -> None:
    """Raise DataError, naming the row, where a key is NULL; `offset` rows came before."""
    for key in keys:
        if batch[key].null_count():
            at = offset + int(batch[key].is_null().arg_true()[0])
            row = f"row {at + 1}"
            error = DataError(
                f"{entity}, {row}: the key column '{key}' is NULL",
                hint="choose a `key_column` that is never NULL, or another mode",
            )
            error.row, error.at = row, at
            raise error
