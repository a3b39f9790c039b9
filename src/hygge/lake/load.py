"""What loads into tables of any format have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import ClassVar

import polars as pl

from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.errors import (
    FULL_REFRESH,
    HyggeError,
    StateError,
    UnsupportedError,
    VerifyError,
)  # fmt: skip
from hygge.core.fields import Schema
from hygge.core.load import check_kept
from hygge.core.state import Receipt, State, with_store_facts
from hygge.files.fold import Fold
from hygge.lake.faults import amiss
from hygge.lake.folding import Bounds, Brought, Folding, There
from hygge.lake.gone import Inside
from hygge.lake.once import Coming
from hygge.lake.parts import Datafile
from hygge.lake.settled import Settled
from hygge.lake.shelf import Shelf
from hygge.lake.types import Carrier
from hygge.lake.upkeep import Upkeep
from hygge.lake.writer import LakeWriter, Ticket, files_of

KEYED = ("merge", "delete_insert", "scd2")


class LakeLoad(Settled):
    """A load whose rows lie in files of the table's folder before it commits."""

    CARRIER: ClassVar[Carrier]

    _context: Context
    _shelf: Shelf
    """The table's folder."""
    _held: State | None
    _keeps: bool
    """Whether there are rows that stay, at least some of them."""
    _fields: Schema
    _lying: Schema
    """The table's fields, and the same as they lie."""
    _folder: str
    """Where files of the table's own are written, within its folder."""
    _waiting: str
    """Where rows and keys wait that are no files of the table's."""
    _due: frozenset[str] = frozenset()
    """What is to be tidied up once the load is done."""
    _over: bool = False
    """Whether it is at its end."""

    @property
    @abstractmethod
    def ticket(self) -> Ticket:
        """For writers here and elsewhere."""

    @abstractmethod
    def _ticket(self, folder: str, fields: Schema, *, waits: bool) -> Ticket:
        """For files of these fields in a folder; or for rows and keys that wait there."""

    @abstractmethod
    def _frames(self, columns: Sequence[str] | None, bounds: Bounds) -> Iterator[pl.DataFrame]:
        """See There. Of `scd2` at least the current versions."""

    @abstractmethod
    def _row_count(self) -> int | None:
        """How many rows the table has, where that is told without reading them."""

    def writer(self, chunk: int) -> LakeWriter:
        with self._telling():
            return LakeWriter(self.ticket, chunk, self._context)

    def key_writer(self) -> LakeWriter:
        with self._telling():
            self._shelf.remove_folder(self._keys_folder)
            ticket = self._ticket(self._keys_folder, self._key_fields, waits=True)
            return LakeWriter(ticket, 0, self._context)

    def staged_keys(self) -> int:
        with self._telling():
            return sum(self._shelf.rows(name) for name in self._key_files())

    @property
    def _key_fields(self) -> Schema:
        return Schema(self._fields[key] for key in self.request.keys)

    @property
    def _keys_folder(self) -> str:
        return f"{self._waiting}/keys"

    def _key_files(self) -> list[str]:
        return [entry.name for entry in self._shelf.entries(self._keys_folder)]

    @property
    def _keys_needed(self) -> tuple[str, ...]:
        """The columns in which NULL is an error."""
        by_window = self.request.mode == "delete_insert" and self.request.terms.window is not None
        needed = self._folds or (self.request.mode in KEYED and not by_window)
        return self.request.keys if needed else ()

    @property
    def _folds(self) -> bool:
        """Whether it takes more than the rows that come to know what changes."""
        request = self.request
        if request.mode == "append":
            return False
        asked = request.terms.finds or bool(request.terms.latest)
        return request.mode == "scd2" or request.sifts or asked

    @property
    def _coming_fields(self) -> Schema:
        """The fields of what is written: of what comes, as wide as the table's."""
        if not self._folds:
            return self._fields
        return Schema(self._fields.get(f.name) or f for f in self.request.fields)

    @property
    def _ends(self) -> str:
        """The column that has a value in versions that are closed; "" where there are none."""
        return self.request.terms.versions.valid_to if self.request.mode == "scd2" else ""

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        """What the footers say of the files that lie there."""
        with self._telling():
            return sum(self._shelf.rows(file.name) for file in files_of(receipts))

    def _check_files(self, files: Sequence[Datafile]) -> None:
        """Raise VerifyError where other files lie staged than receipts list."""
        lying = {e.name: e.bytes for e in self._shelf.entries(self.ticket.folder)}
        if lying != {file.name: file.bytes for file in files}:
            raise VerifyError(
                f"{self._where()}: the receipts and the staged files differ; nothing was published"
            )

    def _check_there(self, sizes: Mapping[str, int]) -> None:
        """Raise StateError where files that the table names are gone, cut or replaced: rows that
        come on top of them would pass for a whole table.

        Parameters
        ----------
        sizes: the bytes of the files in the table's folder, as the table has them, by name.
        """
        with self._telling():
            told = amiss(self._shelf, sizes)
        if told:
            raise StateError(
                f"{self._where()}: {told}; nothing was loaded",
                hint=f"restore them from a backup, or load all rows anew with {FULL_REFRESH}",
            )

    # What changes ---------------------------------------------------------------------------------

    def _folded(
        self, files: Sequence[Datafile], into: Ticket
    ) -> tuple[list[Datafile], list[Datafile]]:
        """Fold what comes into what is there.

        Returns
        -------
        Files of the rows that the table is to have, and of the keys whose rows go. Raises
        DataError for a key of rows that differ, GuardError where too many rows would be gone.
        """
        added = into.filler("folded")
        gone = self._ticket(f"{self._waiting}/gone", self._key_fields, waits=True).filler("gone")
        coming = self.CARRIER.schema(self._coming_fields, self._where())
        keys = self._key_files()
        Folding(
            Fold(self.request, self._lying), coming,
            partial(self._read, [file.name for file in files]),
            Brought(partial(self._read, keys), lambda: sum(map(self._shelf.rows, keys))),
            There(self._frames, self._count) if self._keeps else None, self._context.cancel,
        ).run(added.add, gone.add)  # fmt: skip
        added.flush()
        gone.flush()
        if self.request.mode == "replace":
            rows = sum(file.rows for file in added.files)
            check_kept(self.request.entity, rows, self._held, self.request.terms)
        return added.files, gone.files

    def _read(self, names: Sequence[str], columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        for name in names:
            yield from self._shelf.frames(name, columns)

    def _count(self) -> int:
        """How many rows the table has."""
        known = self._row_count()
        if known is not None:
            return known
        window = self.request.terms.window
        by = self.request.keys[:1] or ([window.column] if window is not None else [])
        return sum(frame.height for frame in self._frames(by, {}))

    def _coming(self, files: Sequence[Datafile], keys: Sequence[str], **how: object) -> Coming:
        """What waits in some files; see Coming."""
        return Coming(
            self._shelf, [f.name for f in files], sum(f.rows for f in files), keys,
            entity=self.request.entity, **{"once": False, **how},  # type: ignore[arg-type]
        )  # fmt: skip

    def _inside(self) -> Inside | None:
        """The window whose rows go; None for none. Raises UnsupportedError where the table's column
        does not keep their order."""
        window = self.request.terms.window
        if self.request.mode != "delete_insert" or window is None or not self._keeps:
            return None
        kind, lies = (of[window.column].type for of in (self._fields, self._lying))
        if lies.kind == "string" and kind.kind != "string":
            raise UnsupportedError(
                f"{self._where()}: '{window.column}' lies as text, which cannot be told to be in a "
                "window",
                hint="choose another column, or `delete_by: key`",
            )
        return Inside(replace(window, type=lies), self._lying, self.request.entity)

    def _as_lying(self, frame: pl.DataFrame, columns: Sequence[str] | None) -> pl.DataFrame:
        """Rows of the table's with some columns, or all, as they are to lie; NULL in new ones."""
        fields = Schema(self._lying[name] for name in columns or self._lying.names)
        lacking = [
            pl.lit(None, dtype=f.type.physical).alias(f.name)
            for f in fields
            if f.name not in frame.columns
        ]
        whole = frame.with_columns(lacking).select(fields.names)
        return conform(whole, fields, entity=self.request.entity)

    def _noted(self, state: State, rows: int | None, upkeep: Upkeep, now: datetime) -> State:
        """The state as it is to be stored, with what is then due to be tidied up in `_due`."""
        held = self._held.extra if self._held else {}
        self._due = upkeep.due(held, now)
        extra = upkeep.noted(held, self._due, now)
        return with_store_facts(replace(state, fields=self._fields), rows=rows, extra=extra)

    def abort(self) -> None:
        if self._over:
            return
        self._over = True
        with suppress(HyggeError), self._telling():
            self._dropped()

    def _dropped(self) -> None:
        """Remove what no commit names."""
        self._shelf.remove_folder(self._waiting)
        if not self._named:
            self._shelf.remove_folder(self._folder)
