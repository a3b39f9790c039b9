"""Replacing a table by a new one, which is the stage itself wherever that will do."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as with_

from hygge.core.errors import DataError, GuardError
from hygge.core.load import check_kept
from hygge.sql.settle.bringing import Bringing, Filled
from hygge.sql.settle.modes import replace
from hygge.sql.settle.shape import reindex
from hygge.sql.settle.tally import ADDED_UP


@dataclass(frozen=True)
class Replacing(Bringing):
    """One load's; see Bringing."""

    @property
    def new(self) -> str:
        """The table that is to replace the old one."""
        return self.straight or self.fresh or self.stage

    def _replace(self, loaded: int) -> Filled:
        """Have the new table, or the old one with its rows where that stays.

        Parameters
        ----------
        loaded: how many rows came.
        """
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
        rows, types = self.count(new), settler.types(link, place, new)
        if not self._is_sifted and rows != loaded:
            raise self._strange_rows(rows, loaded)
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
        return Filled(rows, True, types)

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
        return self.count(self.place.table)

    def _check_strange(self) -> None:
        """Raise DataError where the table has columns that neither come nor were loaded: what is in
        them would go without a word."""
        if self.held is None:
            return
        fold = self.settler.fold
        known = {fold(name) for name in (*self.held.fields.names, *self.fields.names)}
        strange = [f"'{name}'" for name in self.look.names or [] if fold(name) not in known]
        if strange:
            raise DataError(
                f"{self.place} has columns that hygge did not make ({', '.join(strange)}), which "
                "would be lost with what is in them",
                hint="drop them, or keep such columns in a table of their own",
            )
