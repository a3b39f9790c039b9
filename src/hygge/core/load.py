"""A Load is a Store's transaction: begin, write, commit or abort; its parts prove themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from hygge.core.errors import UnsupportedError
from hygge.core.fields import Schema
from hygge.core.ledger import Done, Head
from hygge.core.state import Mode, Receipt, State, checksum_of
from hygge.core.terms import NO_TERMS, Terms, check_vanished, stored_fields
from hygge.core.watermark import Watermark


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a Store is asked to begin. Frozen and picklable.

    Parameters
    ----------
    entity: `flow.entity`.
    mode: how the rows are to be taken.
    fields: the schema every batch will have.
    keys: the key columns, for modes that need them.
    fingerprint, load_id: see State and derive_load_id.
    run_id: of the run.
    generation: the generation the destination is expected to have until commit; 0 where it has
        no state.
    terms: what is asked beside the mode.
    memo: what the state is to remember for the run.
    """

    entity: str
    mode: Mode
    fields: Schema
    fingerprint: str
    load_id: str
    run_id: str = ""
    keys: tuple[str, ...] = ()
    generation: int = 0
    terms: Terms = NO_TERMS
    memo: Mapping[str, str] = field(default_factory=dict)

    @property
    def stored(self) -> Schema:
        """The fields of what the destination holds after it, but for those it held before."""
        return stored_fields(self.mode, self.fields, self.terms)

    @property
    def sifts(self) -> bool:
        """Whether not all that comes is stored: rows that come marked as gone are not."""
        return not {*self.fields.names} <= {*self.stored.names}

    def state(
        self, *, watermark: Watermark | None, receipts: Sequence[Receipt], committed_at: str
    ) -> State:
        """The state that this load's commit is to leave; the Store adds `rows` and `extra`."""
        return State(
            entity=self.entity,
            fingerprint=self.fingerprint,
            generation=self.generation + 1,
            load_id=self.load_id,
            fields=self.stored,
            memo=self.memo,
            watermark=watermark,
            loaded=sum(r.rows for r in receipts),
            checksum=checksum_of(receipts),
            run_id=self.run_id,
            committed_at=committed_at,
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """What a committed load left.

    Parameters
    ----------
    state: as stored; None for a Store that keeps none.
    rows: rows the destination now holds; None where it cannot tell.
    bytes: bytes published by this load.
    files: names of the files it published, if it is made of files.
    place: where the data lies, for people.
    """

    state: State | None
    rows: int | None
    bytes: int
    files: tuple[str, ...] = ()
    place: str = ""


class Writer(ABC):
    """Writes one chunk into a load. Used by one thread."""

    @abstractmethod
    def write(self, batch: pl.DataFrame) -> None:
        """Take one batch, of exactly the load's fields. It may be buffered until `finish`."""

    @abstractmethod
    def finish(self) -> Receipt:
        """Write what is left, make it durable, and prove it."""

    @abstractmethod
    def abort(self) -> None:
        """Drop what was written; safe after any failure, and more than once."""

    def holds(self, receipt: Receipt) -> bool:
        """Whether what an earlier writer of this chunk staged lies there as its receipt says.

        Asked before the first `write`; where it is so, nothing is written.
        """
        return False

    def drop(self, receipt: Receipt) -> None:
        """Remove what an earlier writer of this chunk staged. Asked before the first `write`."""


class Load(ABC):
    """A Store's transaction. Writers may run elsewhere; only the coordinator commits."""

    request: LoadRequest

    @abstractmethod
    def writer(self, chunk: int) -> Writer:
        """A writer for one chunk. In another process: `store.writer(load.ticket, chunk)`."""

    def key_writer(self) -> Writer:
        """A writer for all keys that the source has: batches of the request's key columns.

        For a load whose terms say `deletes.find`, and not `whole`.
        """
        raise UnsupportedError(f"{type(self).__name__} compares no keys")

    def staged_keys(self) -> int:
        """Count the keys that `key_writer` has brought, from what lies staged."""
        raise UnsupportedError(f"{type(self).__name__} compares no keys")

    @property
    @abstractmethod
    def ticket(self) -> Any:
        """All that a writer in another process needs; picklable."""

    @abstractmethod
    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        """Count the rows that lie staged, from what was written itself, not from the receipts."""

    @abstractmethod
    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        """Publish data and state together.

        Raises ConflictError where the destination is no longer at the request's generation, in
        which case nothing was published.
        """

    @abstractmethod
    def abort(self) -> None:
        """Drop everything staged; the destination stays as it was. Safe more than once."""

    def keep(self, head: Head) -> bool:
        """Keep a ledger of finished chunks from now on; returns whether this Store can.

        Raises TypeError for chunks whose bounds are no plain values.
        """
        return False

    def finished(self, done: Done) -> None:
        """Enter a chunk into the ledger, durably. From any thread; only after `keep`."""

    def leave(self) -> int:
        """Let go, but leave what is in the ledger staged, for a later load to go on with.

        Returns how many chunks were left; where there is no ledger, all is dropped.
        """
        self.abort()
        return 0


def check_kept(entity: str, rows: int, held: State | None, terms: Terms) -> None:
    """Keep a destination from being emptied by accident by a load that replaces all of it, once it
    is known how many rows there will be. Raises GuardError."""
    if held is not None and held.rows:
        check_vanished(entity, held.rows - rows, held.rows, terms)
