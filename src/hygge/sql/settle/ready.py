"""Making a table ready for the rows that come, within the transaction, or before it where making
and altering tables ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hygge.core.errors import HyggeError, SchemaDrift
from hygge.core.fields import Field, Schema
from hygge.sql.settle.about import About
from hygge.sql.settle.drift import is_altered
from hygge.sql.settle.place import stage_name
from hygge.sql.settle.shape import reindex


@dataclass(frozen=True)
class Ready(About):
    """One load's; its look at the place is under the table's lock."""

    def _prepare(self) -> None:
        """Make the table take the rows that come, and keep those it has."""
        settler, link, place = self.settler, self.link, self.place
        if (names := self.look.names) is None:
            settler.create(link, place, place.table, self.fields, self._primary_key)
            self.look.again()
        else:
            self._fit(names)
        reindex(self.look, self.note)

    def _fit(self, names: list[str]) -> None:
        """Have a table that is there take the columns that come.

        Parameters
        ----------
        names: of those that it has.
        """
        settler, link, place = self.settler, self.link, self.place
        if self.held is None:
            if set(names) != set(self.fields.names):
                raise SchemaDrift(
                    f"{place} is there, but its columns are not those that come",
                    hint="drop it, and it is made anew; or give it columns of these names",
                )
            self._check_columns(self.fields)
            return
        names = self._recase(names)
        old = self.held.fields
        new = [f for f in self.fields if f.name not in old]
        met = self._met(new, names)
        self._check_columns(Schema(met))
        for field in new:
            if field not in met:
                settler.add_column(link, place, field)
        for field in self.fields:
            if field.name not in old:
                continue
            before = old[field.name]
            if before.type != field.type:
                settler.widen(link, place, field)
            if field.nullable and not before.nullable:
                settler.relax(link, place, field.name)
        if is_altered(old, self.fields):
            self.look.again()  # what was seen before, or on the way, is no more

    def _met(self, new: Sequence[Field], names: Sequence[str]) -> list[Field]:
        """Those of new fields whose columns are there: somebody has added them, or an attempt that
        died, where that is no part of a transaction.

        Parameters
        ----------
        names: of the columns that the table has, without those that the database fills itself.

        Raises SchemaDrift for one that cannot be taken for the field's.
        """
        if not new:
            return []
        fold, met = self.settler.fold, []
        there = {fold(name): name for name in (*self.look.types, *names)}
        for field in new:
            found = there.get(fold(field.name))
            if found is None:
                continue
            if found not in names or found != field.name:
                what = "of another case" if found in names else "that the database fills itself"
                raise SchemaDrift(
                    f"{self.place}: '{field.name}' comes for the first time, and the table has a "
                    f"column '{found}' {what}",
                    hint=f"rename or drop that one, or `rename: {{{field.source_name}: ...}}`",
                )
            met.append(field)
        if met and self.settler.one_transaction:
            self.note(
                f"{self.place} has {', '.join(f.name for f in met)} already, which comes for the "
                "first time: rows that do not come again keep what is in it",
                "info",
            )
        return met

    def _recase(self, names: list[str]) -> list[str]:
        """Rename the columns whose names come in other case; what they all are called then.

        Raises SchemaDrift where the database does not.
        """
        if self.recased:
            self.look.again()
        for old, new in self.recased.items():
            if old not in names:  # an attempt that died may have renamed it
                continue
            try:
                self.settler.rename_column(self.link, self.place, old, new)
            except HyggeError as error:
                source = self.coming[new].source_name
                raise SchemaDrift(
                    f"{self.place}: '{old}' comes as '{new}' now, and cannot be renamed there: "
                    f"{error.message}",
                    hint=f"keep the name with `rename: {{{source}: {old}}}`, or drop what depends "
                    "on the table there, such as an index",
                ) from error
        return [self.recased.get(name, name) for name in names]

    def _check_columns(self, fields: Schema) -> None:
        """Raise SchemaDrift where columns that are there would alter rows of fields."""
        if not len(fields):
            return
        settler, link, place = self.settler, self.link, self.place
        like = stage_name()
        settler.create(link, place.plain, like, fields, ())
        wrong = settler.misfits(self.look.types, settler.types(link, place, like))
        settler.drop(link, place, like)
        if wrong:
            raise SchemaDrift(
                f"{place} is there, and would alter the rows: {'; '.join(wrong)}",
                hint="drop it, and it is made anew; or alter its columns, or `cast` those that "
                "come",
            )

    @property
    def _primary_key(self) -> tuple[str, ...]:
        request = self.request
        if request.mode == "scd2":
            return (*request.keys, request.terms.versions.valid_from)
        return request.keys if request.mode == "merge" else ()
