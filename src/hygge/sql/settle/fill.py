"""What the transaction does that commits: the table made ready, and the rows brought in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hygge.core.state import Mode
from hygge.core.terms import check_vanished
from hygge.sql.settle import ready, replacing
from hygge.sql.settle.bringing import Bringing, Filled
from hygge.sql.settle.look import Look
from hygge.sql.settle.modes import append, delete_insert, deletes, merge, replace, scd2, words
from hygge.sql.settle.modes.step import Rows, Step
from hygge.sql.settle.shape import reindex
from hygge.sql.settle.straight import TYPES
from hygge.sql.settle.types import check_types

PLANS: dict[Mode, Callable[[Rows], Iterator[Step]]] = {
    "append": append.plan, "replace": replace.plan, "merge": merge.plan,
    "delete_insert": delete_insert.plan, "scd2": scd2.plan,
}  # fmt: skip


def tell_triggers(look: Look, note: Callable[[str, str], None]) -> None:
    """Warn of triggers: rows are counted (see `Watch`), but not compared with what came."""
    if names := look.triggers:
        note(
            f"{look.place} has triggers ({', '.join(names)}): what they make of the values that "
            "are loaded is not looked at",
            "warning",
        )


@dataclass(frozen=True)
class Filling(Bringing):
    """One load's, within its open transaction; see Bringing."""

    def run(self, loaded: int) -> Filled:
        """Bring the rows in.

        Parameters
        ----------
        loaded: how many they are.

        Raises
        ------
        DataError: a key is NULL, or comes in rows that differ.
        SchemaDrift: the table cannot take the rows.
        GuardError: too many rows are gone at the source.
        VerifyError: other rows are staged than were written.
        """
        mode = self.request.mode
        if self.staged and not self.settler.straight:
            self._check_count(loaded)
        if mode == "replace":
            return self.replace(loaded)
        anew = self.look.names is None
        made = anew or self.straight == self.place.table
        if self.straight != self.place.table:
            self.prepare()
            self._lay_nothing()
            self.rows_follow()
        if self.request.keys:
            self.settler.check_keys(self.link, self.place, self.key_fields)
        doubled = self.staged and self.check_keys()
        rows = self.rows_of(self.place.table, doubled=doubled)
        self._vanish(rows, self._count_gone(rows, loaded))
        same: set[str] = set()
        if self.staged:
            same = check_types(self.settler, self.look, self.stage)
            if mode in ("merge", "delete_insert"):
                self.settler.before_delete(self.link, self.place)
            brought = self.run_steps(PLANS[mode](rows))
            if self.settler.straight and not self.straight:
                every = not (doubled or self.is_sifted or mode == "scd2")
                if not (every and brought == loaded):  # not every driver tells it right
                    self._check_count(loaded)
        if anew and self.settler.key_last:
            if key := ready.primary_key(self.request):
                replacing.add_key(self, self.place.table, key)
            reindex(self.look, self.note)
        if "watch" in vars(self):  # for nothing else were its rows held
            self.watch.end()
            self.look.check_same()
        types = self.look.types if made else self._known_types(same)
        if mode != "append":
            return Filled(*self.tally.rows_or(lambda: self.count(self.place.table)), types)
        before = self.held.rows if self.held else 0
        return Filled(None if before is None else before + loaded, False, types)

    def prepare(self) -> None:
        """Make the table take the rows that come."""
        ready.prepare(self)

    def replace(self, loaded: int) -> Filled:
        """Have the new rows in place of the old.

        Parameters
        ----------
        loaded: how many rows came.
        """
        return replacing.replace_table(self, loaded)

    def _check_count(self, loaded: int) -> None:
        """Raise VerifyError where more or fewer rows are staged than were written: what a stopped
        writer has left, or somebody else has done there, cannot be told from them."""
        staged = self.count(self.stage)
        if staged != loaded:
            raise self.strange_rows(staged, loaded)

    def _known_types(self, same: set[str]) -> dict[str, str]:
        """See Filled; of a table that was there.

        Parameters
        ----------
        same: see `check_types`.
        """
        fold = self.settler.fold
        before = self.held.extra.get(TYPES) if self.held else None
        known = {fold(name): kind for name, kind in (before or {}).items()}
        own = {fold(name) for name in self.fields.names} - same
        return {
            name: known.get(fold(name), "") if fold(name) in own else kind
            for name, kind in self.look.types.items()
        }

    def _lay_nothing(self) -> None:
        """Make the stage that keys are looked for in, where no row has come."""
        if self.request.terms.finds and not self.keys and not self.staged:
            self.settler.create_stage(self.link, self.place, self.stage, self.request)

    def _count_gone(self, rows: Rows, loaded: int) -> int:
        """How many rows are gone, where this load looks for it. Raises GuardError where these are
        too many, with those that come marked or were in the window and do not come again."""
        terms, mode = self.request.terms, self.request.mode
        living, vanished, more = words.count(rows.dialect, rows.target), 0, 0
        if terms.deletes is not None and terms.deletes.find:
            table = self.place.sql(self.settler.dialect, self.keys or self.stage)
            living, absent = deletes.counts(rows, terms.deletes, table, closing=mode == "scd2")
            vanished = self.one(absent)
        if self.staged and mode == "delete_insert" and terms.window is not None:
            more = max(0, self.one(delete_insert.inside(rows)) - loaded)
        elif self.staged and mode != "scd2" and rows.marks:
            more = self.one(deletes.marked(rows, many=mode == "delete_insert"))
        if vanished or more:
            there = self.one(living)
            check_vanished(self.request.entity, min(vanished + more, there), there, terms)
        return vanished

    def _vanish(self, rows: Rows, vanished: int) -> None:
        """Deal with what is gone at the source, where this load looks for it."""
        closing, gone = self.request.mode == "scd2", self.request.terms.deletes
        if gone is None or not gone.find:
            return
        table = self.place.sql(self.settler.dialect, self.keys or self.stage)
        if vanished:
            if gone.hard and not closing:
                self.settler.before_delete(self.link, self.place)
            self.run_steps(deletes.plan(rows, gone, table, closing=closing))
        if not (closing or gone.hard or gone.marked):
            self.run_steps(deletes.plan_back(rows, gone, table))
