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
    stage: the name of the load's stage.
    staged: whether rows wait in it; else it is not there.
    straight: the table that rows went straight into; "" for none.
    swap: whether a new table is left as it is, to take its place by `Settler.swap`.
    """

    settler: Settler
    link: Link
    place: Place
    request: LoadRequest
    fields: Schema
    held: State | None
    stage: str
    staged: bool
    straight: str
    swap: bool

    @property
    def new(self) -> str:
        """The table that is to replace the old one."""
        return self.straight or self.stage

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
            self.settler.rows_follow(self.link)
        if self.staged:
            once = self._keys if self._check_keys() else ()
            check_types(self.settler, self.link, self.place, self.stage)
            dialect, target, stage = self._into(self.place.table)
            if mode != "append":
                self.settler.before_delete(self.link, self.place, self._keys)
                self._run(self.settler.delete_coming(target, stage, self._keys))
            names = self.request.fields.names
            statement = modes.insert(dialect, target, stage, names, once=once)
            self.settler.bring_in(self.link, self.place, statement)
        if mode != "append":
            return count(self.settler, self.link, self.place, self.place.table)
        before = self.held.rows if self.held else 0
        return None if before is None else before + loaded

    def _replace(self) -> int:
        settler, link, place, new = self.settler, self.link, self.place, self.new
        if not self.straight and not self.staged:
            settler.create_stage(link, place, new, self.request)
        elif self.straight and self.staged:
            self._run(modes.insert(*self._into(new), self.request.fields.names))
        if self.fields.keys:
            settler.add_key(link, place, new, self.fields.keys)
        rows = count(settler, link, place, new)
        if not self.swap:
            settler.rows_follow(link)
            settler.take_over(link, place, new)
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
            self._check_columns(self.fields)
            return
        old = self.held.fields
        new = [f for f in self.fields if f.name not in old]
        if not settler.one_transaction:  # an attempt that died may have made them
            self._check_columns(Schema(f for f in new if f.name in names))
            new = [f for f in new if f.name not in names]
        for field in new:
            settler.add_column(link, place, field)
        for field in self.fields:
            if field.name not in old:
                continue
            before = old[field.name]
            if before.type != field.type:
                settler.widen(link, place, field)
            if field.nullable and not before.nullable:
                settler.relax(link, place, field.name)

    def _check_columns(self, fields: Schema) -> None:
        """Raise SchemaDrift where columns that are there would alter rows of fields."""
        if not len(fields):
            return
        settler, link, place = self.settler, self.link, self.place
        like = stage_name()
        settler.create(link, place, like, fields, ())
        wrong = settler.misfits(link, place, like)
        settler.drop(link, place, like)
        if wrong:
            raise SchemaDrift(
                f"{place} is there, and would alter the rows: {'; '.join(wrong)}",
                hint="drop it, and it is made anew; or alter its columns, or `cast` those that "
                "come",
            )

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
