"""What the transaction does that commits: the table made ready, and the rows brought in."""

from __future__ import annotations

from dataclasses import dataclass

from hygge.core.errors import DataError, SchemaDrift
from hygge.core.fields import Field, Schema
from hygge.core.load import LoadRequest, State
from hygge.sql.dialect import Dialect
from hygge.sql.link import Link
from hygge.sql.settle import modes
from hygge.sql.settle.place import Place, stage_name
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.types import check_types


def count(settler: Settler, link: Link, place: Place, table: str) -> int:
    """The rows of a table of the place's schema."""
    return int(link.row(modes.count(settler.dialect, place.sql(settler.dialect, table)))[0])


@dataclass(frozen=True)
class Filling:
    """One load's, within its open transaction.

    Parameters
    ----------
    settler, link, place, request: of the load.
    fields: those the table is to have.
    held: what it holds; None for nothing of hygge's.
    stage: the table in which rows wait; "" where none do.
    straight: the table that rows went straight into; "" for none.
    """

    settler: Settler
    link: Link
    place: Place
    request: LoadRequest
    fields: Schema
    held: State | None
    stage: str
    straight: str

    def run(self, loaded: int) -> int | None:
        """Bring the rows in.

        Parameters
        ----------
        loaded: how many they are.

        Returns
        -------
        How many rows the table then has; None where it is not known without counting them all.

        Raises
        ------
        DataError: a key is NULL, or comes in rows that differ.
        SchemaDrift: the table cannot take the rows.
        """
        mode = self.request.mode
        if mode == "replace":
            return self._replace()
        if self.straight != self.place.table:
            self._prepare()
        if self.stage:
            once = self._keys if self._check_keys() else ()
            check_types(self.settler, self.link, self.place, self.stage)
            if mode != "append":
                self.settler.before_delete(self.link, self.place)
                self._run(modes.delete_coming(*self._into(self.place.table), self._keys))
            names = self.request.fields.names
            statement = modes.insert(*self._into(self.place.table), names, once=once)
            self.settler.bring_in(self.link, self.place, statement)
        if mode != "append":
            return count(self.settler, self.link, self.place, self.place.table)
        before = self.held.rows if self.held else 0
        return None if before is None else before + loaded

    def _replace(self) -> int:
        new = self.straight or self.stage
        if not new:
            new = stage_name()
            self.settler.create(self.link, self.place, new, self.fields, ())
        elif self.straight and self.stage:
            self._run(modes.insert(*self._into(new), self.request.fields.names))
        if self.fields.keys:
            self.settler.add_key(self.link, self.place, new, self.fields.keys)
        rows = count(self.settler, self.link, self.place, new)
        self.settler.take_over(self.link, self.place, new)
        return rows

    def _prepare(self) -> None:
        """Make the table take the rows that come, and keep those it has."""
        settler, link, place = self.settler, self.link, self.place
        names = settler.names(link, place)
        if names is None:
            keys = self.request.keys if self.request.mode == "merge" else ()
            settler.create(link, place, place.table, self.fields, keys)
            return
        if self.held is None:
            if set(names) != set(self.fields.names):
                raise SchemaDrift(
                    f"{place} is there, but its columns are not those that come",
                    hint="drop it, and it is made anew; or give it columns of these names",
                )
            like = stage_name()
            settler.create(link, place, like, self.fields, ())
            wrong = settler.misfits(link, place, like)
            settler.drop(link, place, like)
            if wrong:
                raise SchemaDrift(
                    f"{place} is there, and would alter the rows: {'; '.join(wrong)}",
                    hint="drop it, and it is made anew; or alter its columns, or `cast` those that "
                    "come",
                )
            return
        old = self.held.fields
        for field in self.fields:
            if field.name not in old:
                settler.add_column(link, place, field)
                continue
            before = old[field.name]
            if before.type != field.type:
                settler.widen(link, place, field)
            if field.nullable and not before.nullable:
                settler.relax(link, place, field.name)

    def _check_keys(self) -> bool:
        """Whether rows come twice, the same in every column."""
        request, dialect = self.request, self.settler.dialect
        if request.mode == "append":
            return False
        stage = self.place.sql(dialect, self.stage)
        for key in request.keys:
            nullable = request.fields[key].nullable
            if nullable and self.link.rows(modes.null_key(dialect, stage, key)):
                raise DataError(
                    f"{request.entity}: the key '{key}' is NULL in some row",
                    hint="choose a `key_column` that is never NULL, or another mode",
                )
        if request.mode != "merge":
            return False
        if not self.link.rows(modes.doubled_key(dialect, stage, self._keys)):
            return False
        differ = modes.doubled_key(dialect, stage, self._keys, tuple(request.fields))
        if found := self.link.rows(differ):
            shown = ", ".join(f"{k}={v}" for k, v in zip(request.keys, found[0], strict=True))
            raise DataError(
                f"{request.entity}: the key {shown} comes in rows that differ",
                hint="`key_column` must tell every row apart",
            )
        return True

    @property
    def _keys(self) -> tuple[Field, ...]:
        return tuple(self.request.fields[key] for key in self.request.keys)

    def _into(self, table: str) -> tuple[Dialect, str, str]:
        dialect = self.settler.dialect
        return dialect, self.place.sql(dialect, table), self.place.sql(dialect, self.stage)

    def _run(self, statement: str) -> None:
        self.link.execute(statement)
