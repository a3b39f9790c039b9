"""Where a load's rows go until it commits: straight into the transaction, or into a stage.

Rows that need no stage (`replace`, and `append` to a table that takes them as it is) go straight
into the transaction that commits. Other rows, and those of writers in other processes, fill a stage
of the load's own, and the transaction brings them in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.core.load import LoadRequest
from hygge.core.state import Receipt
from hygge.sql.settle.about import About
from hygge.sql.settle.inlet import Inlet
from hygge.sql.settle.own import OwnTables
from hygge.sql.settle.place import stage_name
from hygge.sql.settle.straight import takes_as_it_is
from hygge.sql.settle.writer import NAME, TableWriter, Ticket

if TYPE_CHECKING:
    from hygge.sql.server import PooledConnection


class Incoming:
    """One load's.

    Parameters
    ----------
    about: the load.
    own: the tables that it makes on its way.
    begin: opens its transaction, unless that is open.
    """

    def __init__(self, about: About, own: OwnTables, begin: Callable[[], None]) -> None:
        self._about, self._own, self._begin = about, own, begin
        self.stage = own.claim(stage_name())
        """The table in which rows wait."""
        self.keys = ""
        """The table of the keys that the source has; "" where none were brought."""
        self.straight: str | None = None
        """The table that is filled within the transaction; "" for none; None: not yet decided."""
        self.spoilt = False
        """Whether a writer was stopped: what went into a table cannot be taken out of it again by
        itself."""
        self._turn = threading.Lock()
        self._inlet: Inlet | None = None
        self._inlets: list[Inlet] = []

    def writer(self, chunk: int, context: Context) -> TableWriter:
        """A writer over the session's own connection, which all of this process share: who holds a
        connection never waits for another."""
        with self._turn:
            if self.straight is None:
                self.straight = self._go_straight()
            if self._inlet is None:
                if not self.straight:
                    self._own.make(self.stage, self._staging)
                self._inlet = self._into(self.straight or self.stage, self._about.coming)
        return TableWriter(self._inlet, chunk, context, self._written)

    def key_writer(self, context: Context) -> TableWriter:
        """See Load. The keys fill a table of their own."""
        about = self._about
        self.keys = self._own.claim(stage_name())
        fields = Schema(about.coming[key] for key in about.request.keys)
        self._own.make(self.keys, replace(about.request, fields=fields))
        return TableWriter(self._into(self.keys, fields), 0, context, self._written)

    def _into(self, table: str, fields: Schema) -> Inlet:
        about = self._about
        to = Inlet(about.settler, about.link, about.place, table, fields, about.request.entity)
        self._inlets.append(to)
        return to

    @property
    def under_way(self) -> bool:
        """Whether a writer has not come to its end."""
        return any(inlet.under_way for inlet in self._inlets)

    def stop(self) -> None:
        """End what writers are sending: the connection is for others."""
        for inlet in self._inlets:
            inlet.stop()

    def _written(self, good: bool) -> None:
        self.spoilt |= not good

    def ticket(self, connection: PooledConnection) -> Ticket:
        """For writers elsewhere, who fill the stage."""
        about = self._about
        return Ticket(connection, about.settler, about.place, self.stage, self._staging)

    @property
    def _staging(self) -> LoadRequest:
        """The load as its stage is to take it."""
        return replace(self._about.request, fields=self._about.coming)

    @property
    def fresh(self) -> str:
        """A name for the new table, where `replace` cannot do with the stage as it is: rows are to
        be left out, or columns to be added; else ""."""
        about = self._about
        as_staged = about.coming.names == about.fields.names and not about.request.terms.latest
        if about.request.mode != "replace" or self.straight or as_staged:
            return ""
        return self._own.claim(stage_name())

    def _go_straight(self) -> str:
        """Open the transaction, with a table that rows go straight into; "" where they cannot."""
        about, settler = self._about, self._about.settler
        mode, link, place = about.request.mode, about.link, about.place
        if mode not in ("append", "replace") or not settler.straight:
            return ""
        if mode == "replace":
            sifted = about.request.terms.latest or {*about.coming.names} - {*about.fields.names}
            if not settler.one_transaction or sifted:
                return ""
            self._begin()
            table = stage_name()
            settler.create(link, place, table, about.fields, ())
            return table
        look = about.look
        look.again()  # the rows may have taken their time
        if look.names is None:
            if not settler.one_transaction:
                return ""
            self._begin()
            settler.create(link, place, place.table, about.fields, ())
            settler.add_indexes(link, place, place.table)
            look.again()
        elif about.recased or not takes_as_it_is(settler, look, about.held, about.fields):
            return ""
        else:
            self._begin()
        return place.table

    @property
    def in_place(self) -> bool:
        """Whether rows go straight into the place's own table."""
        return self.straight == self._about.place.table

    def rows(self, receipts: Sequence[Receipt]) -> int:
        """What the database counts in the stage and in a new table; of rows that were appended in
        place, what it said that it took."""
        rows = self._about.count(self.stage) if self.is_staged(receipts) else 0
        if self.in_place:
            told = (f for receipt in receipts for f in receipt.files)
            return rows + sum(int(f["rows"]) for f in told if f[NAME] == self.straight)
        return rows + (self._about.count(self.straight) if self.straight else 0)

    def is_staged(self, receipts: Sequence[Receipt]) -> bool:
        """Whether rows wait in the stage, of writers here or elsewhere."""
        told = (f[NAME] for receipt in receipts for f in receipt.files)
        return self._own.is_made(self.stage) or self.stage in told
