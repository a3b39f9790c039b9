"""A load into a table: rows wait in a stage or in the open transaction, which commits it all.

Rows that need no stage (`replace`, and `append` to a table that takes them as it is) go straight
into the transaction that commits. Other rows, and those of writers in other processes, fill a stage
of the load's own, and the transaction brings them in.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hygge.core.context import Context
from hygge.core.errors import (
    ConfigError,
    ConflictError,
    DataError,
    HyggeError,
    VerifyError,
)
from hygge.core.fields import Schema
from hygge.core.load import Commit, Load, LoadRequest
from hygge.core.state import Receipt, State, with_store_facts
from hygge.core.steps import reached
from hygge.sql.pool import Lease
from hygge.sql.settle.drift import check_shape, recased, target_fields, with_names
from hygge.sql.settle.fill import Filling, tell_triggers
from hygge.sql.settle.look import Look
from hygge.sql.settle.own import OwnTables
from hygge.sql.settle.place import stage_name
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.state import FIELDS, make_state_table, of_its_day, read_row, write_state
from hygge.sql.settle.straight import TYPES, takes_as_it_is
from hygge.sql.settle.tally import ADDED_UP, count
from hygge.sql.settle.unsure import what_is_left
from hygge.sql.settle.writer import NAME, Inlet, TableWriter, Ticket

if TYPE_CHECKING:
    from hygge.sql.server import PooledConnection

STEPS = (
    "sql.begun", "sql.written", "sql.locked", "sql.filled", "sql.state_written", "sql.committed",
    "sql.cleaned",
)  # fmt: skip
"""The commit protocol, in order. What was committed is what `sql.committed` has seen."""


class SQLLoad(Load):
    """See Load.

    Parameters
    ----------
    connection: where the place is.
    settler: how it takes loads.
    lease: the session's own connection, on which the transaction is held.
    look: at the table, as the load begins.
    request: what is to be loaded.
    held: what the table holds.
    seen: the stored state, as it was before `held` was asked for; the commit replaces only it.
    context: of the attempt.
    """

    def __init__(
        self,
        connection: PooledConnection,
        settler: Settler,
        lease: Lease,
        look: Look,
        request: LoadRequest,
        held: State | None,
        seen: State | None,
        context: Context,
    ) -> None:
        self._connection, self._link, self._place = connection, lease.link, look.place
        place, self._look = look.place, look
        self.request, self._held, self._context = request, held, context
        self._settler = settler
        if (held.generation if held else 0) != request.generation:
            raise self._conflict()
        self._settler.check(request.stored, place)
        self._recased = recased(held, request, case_matters=settler.case_matters)
        self._held = held = with_names(held, self._recased)
        self._fields = target_fields(held, request, place)
        self._coming = Schema(self._fields.get(f.name) or f for f in request.fields)
        """The fields of what comes, as wide as the table's."""
        keyed = request.mode in ("merge", "scd2")
        check_shape(place, self._fields, request.keys if keyed else self._fields.keys)
        if not look.keeps:
            self._settler.create_schema(self._link, place)
            make_state_table(self._settler, self._link, place)
        self._seen = seen
        self._stage = stage_name()
        self._own = OwnTables(settler, self._link, place)
        self._keys = ""
        """The table of the keys that the source has; "" where none were brought."""
        self._straight: str | None = None
        """The table that is filled within the transaction; "" for none; None: not yet decided."""
        self._turn = threading.Lock()
        self._inlet: Inlet | None = None
        self._open = self._spoilt = self.over = self.lost = False
        self._own.claim(self._stage)
        reached("sql.begun")

    # Writing --------------------------------------------------------------------------------------

    def writer(self, chunk: int) -> TableWriter:
        """A writer over the session's own connection, which all of this process share: who holds a
        connection never waits for another."""
        with self._turn:
            if self._straight is None:
                self._straight = self._go_straight()
            if self._inlet is None:
                if not self._straight:
                    self._own.make(self._stage, self._staging)
                self._inlet = Inlet(
                    self._settler, self._link, self._place, self._straight or self._stage,
                    self._coming, self.request.entity,
                )  # fmt: skip
        return TableWriter(self._inlet, chunk, self._context, self._written)

    def key_writer(self) -> TableWriter:
        """See Load. The keys fill a table of their own."""
        self._keys = self._own.claim(stage_name())
        fields = Schema(self._coming[key] for key in self.request.keys)
        self._own.make(self._keys, replace(self.request, fields=fields))
        inlet = Inlet(
            self._settler, self._link, self._place, self._keys, fields, self.request.entity
        )
        return TableWriter(inlet, 0, self._context, self._written)

    def staged_keys(self) -> int:
        return self._count(self._keys)

    @property
    def _staging(self) -> LoadRequest:
        """The load as its stage is to take it."""
        return replace(self.request, fields=self._coming)

    @property
    def _fresh(self) -> str:
        """The name of the new table, where `replace` cannot do with the stage as it is: rows are to
        be left out, or columns to be added."""
        request = self.request
        as_staged = self._coming.names == self._fields.names and not request.terms.latest
        if request.mode != "replace" or self._straight or as_staged:
            return ""
        return self._own.claim(stage_name())

    def _written(self, good: bool) -> None:
        # What went into a table cannot be taken out of it again by itself.
        self._spoilt |= not good

    def _go_straight(self) -> str:
        """Open the transaction, with a table that rows go straight into; "" where they cannot."""
        mode, settler, link = self.request.mode, self._settler, self._link
        if mode not in ("append", "replace") or not settler.straight:
            return ""
        if mode == "replace":
            sifted = self.request.terms.latest or not {*self._coming.names} <= {*self._fields.names}
            if not settler.one_transaction or sifted:
                return ""
            self._begin()
            table = stage_name()
            settler.create(link, self._place, table, self._fields, ())
            return table
        look = self._look
        look.again()  # the rows may have taken their time
        if look.names is None:
            if not settler.one_transaction:
                return ""
            self._begin()
            settler.create(link, self._place, self._place.table, self._fields, ())
            settler.add_indexes(link, self._place, self._place.table)
            look.again()
        elif self._recased or not takes_as_it_is(settler, look, self._held, self._fields):
            return ""
        else:
            self._begin()
        return self._place.table

    def _begin(self) -> None:
        if not self._open:
            self._settler.begin(self._link)
            self._open = True

    @property
    def ticket(self) -> Ticket:
        """For writers elsewhere, who fill the stage."""
        return Ticket(self._connection, self._settler, self._place, self._stage, self._staging)

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        """What the database counts in the stage and in a new table; of rows that were appended in
        place, what it said that it took."""
        rows = self._count(self._stage) if self._is_staged(receipts) else 0
        if self._straight == self._place.table:
            told = (f for receipt in receipts for f in receipt.files)
            return rows + sum(int(f["rows"]) for f in told if f[NAME] == self._straight)
        return rows + (self._count(self._straight) if self._straight else 0)

    def _is_staged(self, receipts: Sequence[Receipt]) -> bool:
        """Whether rows wait in the stage, of writers here or elsewhere."""
        told = (f[NAME] for receipt in receipts for f in receipt.files)
        return self._own.is_made(self._stage) or self._stage in told

    def _count(self, table: str) -> int:
        return count(self._settler, self._link, self._place, table)

    # Committing -----------------------------------------------------------------------------------

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        """See Load. A COMMIT whose answer was lost is looked up before anything else is done."""
        self._context.cancel.check()
        if self._spoilt:
            raise VerifyError(f"{self._place}: a writer was stopped; nothing was published")
        staged = self._is_staged(receipts)
        try:
            stored = self._transact(state, staged)
        except _Unsure as unsure:
            self.lost = True
            self._link.close()  # its transaction ends now at the latest; the next takes its place
            left = what_is_left(self._settler, self._connection, self._place)
            if left is None or not self._ours(left):
                raise unsure.cause  # noqa: B904 - it has a cause of its own
            stored = left
        except HyggeError as error:
            if self._settler.is_conflict(error):
                raise self._conflict() from error
            if self._is_gone(error):
                raise ConflictError(
                    f"{self._place}: somebody dropped or renamed the table while it was loaded; "
                    "nothing was published",
                    hint="run it again: if it is gone, it is made anew",
                ) from error
            raise
        self._open = False
        self.over = True
        reached("sql.committed")
        replaces = self.request.mode == "replace"
        # Where no row came, the stage becomes the new table, or keys are looked for in it.
        made = staged or self.request.terms.finds or (replaces and not self._straight)
        if not made:
            self._own.forget(self._stage)
        self._own.drop(stay=not replaces)
        reached("sql.cleaned")
        return Commit(
            state=stored, rows=stored.rows, bytes=sum(r.bytes for r in receipts),
            place=str(self._place),
        )  # fmt: skip

    def _transact(self, state: State, staged: bool) -> State:
        settler, link, place = self._settler, self._link, self._place
        self._begin()
        now = self._hold()
        if now is not None:
            settler.rollback(link)
            return now  # an earlier attempt did commit, and never heard of it
        swap = self.request.mode == "replace" and settler.swaps(link, place)
        filling = Filling(
            settler, link, place, self._look, self.request, self._fields, self._coming, self._held,
            self._recased, self._context.note, stage=self._stage,
            staged=staged, straight=self._straight or "",
            fresh=self._fresh, keys=self._keys, swap=swap, hold=self._hold,
        )  # fmt: skip
        rows, counted = filling.run(state.loaded)
        reached("sql.filled")
        types = settler.types(link, place, filling.new) if swap else self._look.types
        extra: dict[str, Any] = {TYPES: types}
        extra |= {} if counted else {ADDED_UP: True}
        extra |= of_its_day(place, self._held, anew=self.request.mode == "replace")
        stored = with_store_facts(replace(state, fields=self._fields), rows=rows, extra=extra)
        beside = stage_name() if swap else ""
        if beside:
            self._own.claim(beside)
            settler.create(link, place.plain, beside, FIELDS, ("table",))
        write_state(settler, link, place, stored, anew=swap or self._seen is None, into=beside)
        reached("sql.state_written")
        try:
            if swap:
                settler.swap(link, place, filling.new, beside)
            settler.commit(link)
        except HyggeError as error:
            if settler.is_conflict(error):
                raise
            raise _Unsure(error) from error
        return stored

    def _hold(self) -> State | None:
        """Take the table's lock; what it holds already, if that is this load's own.

        Raises ConflictError where another run has loaded it since this load began.
        """
        self._settler.lock(self._link, self._place)
        reached("sql.locked")
        now, look = read_row(self._settler, self._link, self._place), self._look
        if now is not None and self._ours(now):
            return now
        if now != self._seen:
            raise self._conflict()
        if self._straight == self._place.table:
            look.check_same()
        else:
            look.again()
        tell_triggers(look, self._context.note)
        return None

    def _is_gone(self, error: HyggeError) -> bool:
        """Whether a statement failed since the table is no longer there that had rows when the load
        began. The transaction is given up then."""
        if self._held is None or not isinstance(error, (ConfigError, DataError)):
            return False
        try:
            self._settler.rollback(self._link)
            self._open = False
            self._look.again()
            return self._look.names is None
        except HyggeError:  # what failed at first says more
            return False

    def _ours(self, held: State) -> bool:
        """Whether this very load committed a state: another run's of the same name has read the
        source at another moment."""
        return (held.load_id, held.run_id) == (self.request.load_id, self.request.run_id)

    def _conflict(self) -> ConflictError:
        return ConflictError(
            f"{self._place} was loaded by another run meanwhile; nothing was published",
            hint="run it again",
        )

    def abort(self) -> None:
        if self.over:
            return
        self.over = True
        with suppress(HyggeError):  # a connection that is lost has rolled back already
            if self._open:
                self._settler.rollback(self._link)
        self._own.drop()


class _Unsure(Exception):
    def __init__(self, cause: HyggeError) -> None:
        self.cause = cause
