"""What the transaction does that commits: the table made ready, and the rows brought in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from dataclasses import replace as with_
from functools import cached_property

from hygge.core.errors import DataError, GuardError, VerifyError
from hygge.core.fields import Field
from hygge.core.load import check_kept
from hygge.core.state import Mode
from hygge.core.terms import check_vanished
from hygge.sql.settle.look import Look
from hygge.sql.settle.modes import append, delete_insert, deletes, merge, replace, scd2, words
from hygge.sql.settle.modes.step import Rows, Step
from hygge.sql.settle.ready import Ready
from hygge.sql.settle.shape import reindex
from hygge.sql.settle.tally import ADDED_UP, Tally, count
from hygge.sql.settle.types import check_types
from hygge.sql.settle.watch import Watch

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
class Filling(Ready):
    """One load's, within its open transaction; see Ready.

    Parameters
    ----------
    stage: the table in which rows wait; it is there if `staged`.
    straight: the table that rows went straight into; "" for none.
    fresh: the new table, where `replace` cannot do with the stage; "" where it can.
    keys: the table of the keys that the source has; "" where none were brought.
    swap: whether the commit lets the new table change places with the old one.
    hold: takes the table's lock again, where it was given up on the way, and looks again.
    """

    stage: str
    staged: bool
    straight: str
    fresh: str
    keys: str
    swap: bool
    hold: Callable[[], object]

    @property
    def new(self) -> str:
        """The table that is to replace the old one."""
        return self.straight or self.fresh or self.stage

    def run(self, loaded: int) -> tuple[int | None, bool]:
        """Bring the rows in.

        Parameters
        ----------
        loaded: how many they are.

        Returns
        -------
        How many rows the table then has, None where it is not known without counting them all; and
        whether that was counted, not added up.

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
            return self._replace(), True
        if self.straight != self.place.table:
            self._prepare()
            self._lay_nothing()
            self._rows_follow()
        if self.request.keys:
            self.settler.check_keys(self.link, self.place, self._keys)
        doubled = self.staged and self._check_keys()
        rows = self._rows(self.place.table, doubled=doubled)
        self._vanish(rows, self._count_gone(rows, loaded))
        if self.staged:
            check_types(self.settler, self.look, self.stage)
            if mode in ("merge", "delete_insert"):
                self.settler.before_delete(self.link, self.place)
            self._run(PLANS[mode](rows))
        if "_watch" in vars(self):  # for nothing else were its rows held
            self._watch.end()
            self.look.check_same()
        if mode != "append":
            return self._tally.rows_or(
                lambda: count(self.settler, self.link, self.place, self.place.table)
            )
        before = self.held.rows if self.held else 0
        return None if before is None else before + loaded, False

    def _check_count(self, loaded: int) -> None:
        """What a stopped writer has left in a stage cannot be told from other rows."""
        staged = count(self.settler, self.link, self.place, self.stage)
        if staged != loaded:
            raise VerifyError(
                f"{self.place}: {loaded} rows were written, and {staged} are staged; nothing was "
                "published"
            )

    def _replace(self) -> int:
        settler, link, place, new = self.settler, self.link, self.place, self.new
        self._check_strange()
        if not self.straight and (self.fresh or not self.staged):
            settler.create(link, place, new, self.fields, ())
        if self.staged and (self.straight or self.fresh):
            doubled = bool(self.request.terms.latest) and self._check_keys()
            for step in replace.plan(self._rows(new, doubled=doubled)):
                link.execute(step.sql)
        if self.fields.keys:
            self._add_key(new)
        settler.add_indexes(link, place, new)
        rows = count(settler, link, place, new)
        self._check_kept(rows, new)
        if not self.swap:
            if not settler.one_transaction:
                names = self.look.names
                names = None if names is None else self._recase(names)
                if names is None:
                    settler.create(link, place, place.table, self.fields, self.fields.keys)
                    self.look.again()
                if names is None or set(names) == set(self.fields.names):
                    reindex(self.look, self.note)
            elif self.recased:
                self._recase(self.look.names or [])
            self._rows_follow()
            settler.take_over(link, place, new)
            self.look.again()
        return rows

    def _check_kept(self, rows: int, new: str) -> None:
        """See `check_kept`. What the table has is counted where that was only added up, and before
        anything is refused on account of it: somebody else may have changed the table since.

        Parameters
        ----------
        rows: of the new table.
        new: its name.
        """
        entity, held, terms = self.request.entity, self.held, self.request.terms
        try:
            check_kept(entity, rows, held, terms)
            if held is None or not held.extra.get(ADDED_UP):
                return
        except GuardError:
            if new == self.place.table:
                raise
        there = None if new == self.place.table else self._there()
        if held is not None and there is not None:
            held = with_(held, rows=there)
        check_kept(entity, rows, held, terms)

    def _there(self) -> int | None:
        """How many rows the place's table has now; None where there is none."""
        if self.look.names is None:
            return None
        return count(self.settler, self.link, self.place, self.place.table)

    def _check_strange(self) -> None:
        """Raise DataError where the table has columns that neither come nor were loaded: what is in
        them would go without a word."""
        if self.held is None:
            return
        known = {*self.held.fields.names, *self.fields.names}
        if not self.settler.case_matters:
            known = {name.lower() for name in known}
        there = self.look.names or []
        strange = [
            f"'{name}'"
            for name in there
            if (name if self.settler.case_matters else name.lower()) not in known
        ]
        if strange:
            raise DataError(
                f"{self.place} has columns that hygge did not make ({', '.join(strange)}), which "
                "would be lost with what is in them",
                hint="drop them, or keep such columns in a table of their own",
            )

    def _rows_follow(self) -> None:
        if self.settler.rows_follow(self.link):
            self.hold()

    def _add_key(self, new: str) -> None:
        keys = self.fields.keys
        try:
            self.settler.add_key(self.link, self.place, new, keys)
        except DataError as error:
            raise DataError(
                f"{self.request.entity}: the key ({', '.join(keys)}) does not tell rows apart, or "
                f"is NULL in some: {self.settler.about_key(error)}",
                hint="`key_column` must tell every row apart; `deduplicate: latest by COLUMN` "
                "takes one row of each key",
            ) from error

    def _count_gone(self, rows: Rows, loaded: int) -> int:
        """How many rows are gone, where this load looks for it. Raises GuardError where these are
        too many, with those that come marked or were in the window and do not come again."""
        terms, mode = self.request.terms, self.request.mode
        living, vanished, more = words.count(rows.dialect, rows.target), 0, 0
        if terms.deletes is not None and terms.deletes.find:
            table = self.place.sql(self.settler.dialect, self.keys or self.stage)
            living, absent = deletes.counts(rows, terms.deletes, table, closing=mode == "scd2")
            vanished = self._one(absent)
        if self.staged and mode == "delete_insert" and terms.window is not None:
            more = max(0, self._one(delete_insert.inside(rows)) - loaded)
        elif self.staged and mode != "scd2" and rows.marks:
            more = self._one(deletes.marked(rows, many=mode == "delete_insert"))
        if vanished or more:
            there = self._one(living)
            check_vanished(self.request.entity, min(vanished + more, there), there, terms)
        return vanished

    def _one(self, query: str) -> int:
        return int(self.link.row(query)[0])

    def _vanish(self, rows: Rows, vanished: int) -> None:
        """Deal with what is gone at the source, where this load looks for it."""
        closing, gone = self.request.mode == "scd2", self.request.terms.deletes
        if gone is None or not gone.find:
            return
        table = self.place.sql(self.settler.dialect, self.keys or self.stage)
        if vanished:
            if gone.hard and not closing:
                self.settler.before_delete(self.link, self.place)
            self._run(deletes.plan(rows, gone, table, closing=closing))
        if not (closing or gone.hard or gone.marked):
            self._run(deletes.plan_back(rows, gone, table))

    def _lay_nothing(self) -> None:
        """Make the stage that keys are looked for in, where no row has come."""
        if self.request.terms.finds and not self.keys and not self.staged:
            self.settler.create_stage(self.link, self.place, self.stage, self.request)

    def _check_keys(self) -> bool:
        """Whether keys come more than once, in rows that are the same in every column, or of which
        one is the latest. Raises DataError for other doubled keys, and for keys that are NULL."""
        request, dialect = self.request, self.settler.dialect
        stage, latest = self.place.sql(dialect, self.stage), request.terms.latest
        for key in request.keys:
            nullable = self.coming[key].nullable
            if nullable and self.link.rows(words.null_key(dialect, stage, key)):
                raise DataError(
                    f"{request.entity}: the key '{key}' is NULL in some row",
                    hint="choose a `key_column` that is never NULL, or another mode",
                )
        if request.mode in ("append", "delete_insert"):
            return False
        if not self.link.rows(words.doubled_key(dialect, stage, self._keys)):
            return False
        rows = stage
        if latest:
            rows = words.the_latest(dialect, stage, self.coming.names, self._keys, latest)
        told = tuple(f for f in self.coming if f.name not in request.terms.unlike)
        if found := self.link.rows(words.doubled_key(dialect, rows, self._keys, told)):
            shown = ", ".join(f"{k}={v}" for k, v in zip(request.keys, found[0], strict=True))
            also = f" and the same {latest}" if latest else ""
            raise DataError(
                f"{request.entity}: the key {shown} comes in rows that differ{also}",
                hint="`key_column` must tell every row apart, or `deduplicate: latest by COLUMN` "
                "say which row counts",
            )
        return True

    @property
    def _keys(self) -> tuple[Field, ...]:
        return tuple(self.coming[key] for key in self.request.keys)

    def _rows(self, table: str, *, doubled: bool) -> Rows:
        settler, place = self.settler, self.place
        stored = [f for f in self.coming if f.name in self.fields]
        marks = "".join(f.name for f in self.coming if f.name not in self.fields)
        return Rows(
            settler.dialect, place.sql(settler.dialect, table),
            place.sql(settler.dialect, self.stage), self._keys, stored, self.request.terms,
            doubled=doubled, marks=marks, delete_coming=settler.delete_coming,
        )  # fmt: skip

    @cached_property
    def _watch(self) -> Watch:
        return Watch(self.settler, self.look)

    def _run(self, steps: Iterable[Step]) -> None:
        """Run what changes the place's own table."""
        for step in steps:
            do = self._bring_in if step.coming else self.link.execute
            self._tally.add(step, self._watch.run(step, do))

    def _bring_in(self, statement: str) -> int | None:
        return self.settler.bring_in(self.link, self.place, statement)

    @cached_property
    def _tally(self) -> Tally:
        return Tally(self.held.rows if self.held else 0)
