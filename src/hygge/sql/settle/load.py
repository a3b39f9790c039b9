"""A load into a table: rows wait in a stage or in the open transaction, which commits it all.

How they get there is told in `incoming`, and what the transaction makes of them in `fill`.
"""

from __future__ import annotations

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
from hygge.sql.settle.about import About
from hygge.sql.settle.drift import check_shape, recased, target_fields, with_names
from hygge.sql.settle.fill import Filling, tell_triggers
from hygge.sql.settle.incoming import Incoming
from hygge.sql.settle.look import Look
from hygge.sql.settle.own import OwnTables
from hygge.sql.settle.place import stage_name
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.state import FIELDS, make_state_table, of_its_day, read_row, write_state
from hygge.sql.settle.straight import TYPES
from hygge.sql.settle.tally import ADDED_UP
from hygge.sql.settle.unsure import what_is_left
from hygge.sql.settle.writer import TableWriter, Ticket

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
        self.request, self._context = request, context
        self._settler = settler
        if (held.generation if held else 0) != request.generation:
            raise self._conflict()
        settler.check(request.stored, place)
        renamed = recased(held, request, case_matters=settler.case_matters)
        self._held = held = with_names(held, renamed)
        self._fields = fields = target_fields(held, request, place)
        self._about = About(
            settler, self._link, place, look, request, fields,
            Schema(fields.get(f.name) or f for f in request.fields), held, renamed, context.note,
        )  # fmt: skip
        keyed = request.mode in ("merge", "scd2")
        check_shape(place, fields, request.keys if keyed else fields.keys)
        if not look.keeps:
            settler.create_schema(self._link, place)
            make_state_table(settler, self._link, place)
        self._seen = seen
        self._own = OwnTables(settler, self._link, place)
        self._open = self.over = self.lost = False
        self._incoming = Incoming(self._about, self._own, self._begin)
        reached("sql.begun")

    # Writing --------------------------------------------------------------------------------------

    def writer(self, chunk: int) -> TableWriter:
        return self._incoming.writer(chunk, self._context)

    def key_writer(self) -> TableWriter:
        return self._incoming.key_writer(self._context)

    def staged_keys(self) -> int:
        return self._about.count(self._incoming.keys)

    @property
    def ticket(self) -> Ticket:
        return self._incoming.ticket(self._connection)

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        return self._incoming.rows(receipts)

    # Committing -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self._open:
            self._settler.begin(self._link)
            self._open = True

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        """See Load. A COMMIT whose answer was lost is looked up before anything else is done."""
        self._context.cancel.check()
        incoming = self._incoming
        if incoming.spoilt or incoming.under_way:
            why = "was stopped" if incoming.spoilt else "has not finished"
            raise VerifyError(f"{self._place}: a writer {why}; nothing was published")
        staged = incoming.is_staged(receipts)
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
        made = staged or self.request.terms.finds or (replaces and not incoming.straight)
        if not made:
            self._own.forget(incoming.stage)
        self._own.drop(stay=not replaces)
        reached("sql.cleaned")
        return Commit(
            state=stored, rows=stored.rows, bytes=sum(r.bytes for r in receipts),
            place=str(self._place),
        )  # fmt: skip

    def _transact(self, state: State, staged: bool) -> State:
        settler, link, place, incoming = self._settler, self._link, self._place, self._incoming
        self._begin()
        now = self._hold()
        if now is not None:
            settler.rollback(link)
            return now  # an earlier attempt did commit, and never heard of it
        swap = self.request.mode == "replace" and settler.swaps(link, place)
        filling = Filling.of(
            self._about, stage=incoming.stage, staged=staged, straight=incoming.straight or "",
            fresh=incoming.fresh, keys=incoming.keys, swap=swap, hold=self._hold,
        )  # fmt: skip
        filled = filling.run(state.loaded)
        reached("sql.filled")
        extra: dict[str, Any] = {TYPES: filled.types}
        extra |= {} if filled.counted else {ADDED_UP: True}
        extra |= of_its_day(place, self._held, anew=self.request.mode == "replace")
        stored = with_store_facts(
            replace(state, fields=self._fields), rows=filled.rows, extra=extra
        )
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
        if self._incoming.in_place:
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
            self._incoming.stop()
            if self._open:
                self._settler.rollback(self._link)
        self._own.drop()


class _Unsure(Exception):
    def __init__(self, cause: HyggeError) -> None:
        self.cause = cause
