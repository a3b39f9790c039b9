"""Making a table ready for the rows that come, within the transaction, or before it where making
and altering tables ends it."""

from __future__ import annotations

from collections.abc import Sequence

from hygge.core.errors import HyggeError, SchemaDrift
from hygge.core.fields import Field, Schema
from hygge.core.load import LoadRequest
from hygge.sql.settle.about import About
from hygge.sql.settle.drift import is_altered
from hygge.sql.settle.place import stage_name
from hygge.sql.settle.shape import reindex


def prepare(about: About) -> None:
    """Make the table take the rows that come, and keep those it has.

    Parameters
    ----------
    about: the load; its look at the place is under the table's lock.
    """
    settler, link, place = about.settler, about.link, about.place
    if (names := about.look.names) is None:
        key = () if settler.key_last else primary_key(about.request)
        settler.create(link, place, place.table, about.fields, key)
        about.look.again()
        if settler.key_last:
            return  # its indexes follow the key, which no table with an index can be given
    else:
        _fit(about, names)
    reindex(about.look, about.note)


def _fit(about: About, names: list[str]) -> None:
    """Have a table that is there take the columns that come.

    Parameters
    ----------
    names: of those that it has.
    """
    settler, link, place = about.settler, about.link, about.place
    if about.held is None:
        if set(names) != set(about.fields.names):
            raise SchemaDrift(
                f"{place} is there, but its columns are not those that come",
                hint="drop it, and it is made anew; or give it columns of these names",
            )
        _check_columns(about, about.fields)
        return
    names = recase(about, names)
    old = about.held.fields
    new = [f for f in about.fields if f.name not in old]
    met = _met(about, new, names)
    _check_columns(about, Schema(met))
    for field in new:
        if field not in met:
            settler.add_column(link, place, field)
    for field in about.fields:
        if field.name not in old:
            continue
        before = old[field.name]
        if before.type != field.type:
            settler.widen(link, place, field)
        if field.nullable and not before.nullable:
            settler.relax(link, place, field.name)
    if is_altered(old, about.fields):
        about.look.again()  # what was seen before, or on the way, is no more


def _met(about: About, new: Sequence[Field], names: Sequence[str]) -> list[Field]:
    """Those of new fields whose columns are there: somebody has added them, or an attempt that
    died, where that is no part of a transaction.

    Parameters
    ----------
    names: of the columns that the table has, without those that the database fills itself.

    Raises SchemaDrift for one that cannot be taken for the field's.
    """
    if not new:
        return []
    fold, met = about.settler.fold, []
    there = {fold(name): name for name in (*about.look.types, *names)}
    for field in new:
        found = there.get(fold(field.name))
        if found is None:
            continue
        if found not in names or found != field.name:
            what = "of another case" if found in names else "that the database fills itself"
            raise SchemaDrift(
                f"{about.place}: '{field.name}' comes for the first time, and the table has a "
                f"column '{found}' {what}",
                hint=f"rename or drop that one, or `rename: {{{field.source_name}: ...}}`",
            )
        met.append(field)
    if met and about.settler.one_transaction:
        about.note(
            f"{about.place} has {', '.join(f.name for f in met)} already, which comes for the "
            "first time: rows that do not come again keep what is in it",
            "info",
        )
    return met


def recase(about: About, names: list[str]) -> list[str]:
    """Rename the columns whose names come in other case; what they all are called then.

    Raises SchemaDrift where the database does not.
    """
    if about.recased:
        about.look.again()
    for old, new in about.recased.items():
        if old not in names:  # an attempt that died may have renamed it
            continue
        try:
            about.settler.rename_column(about.link, about.place, old, new)
        except HyggeError as error:
            source = about.coming[new].source_name
            raise SchemaDrift(
                f"{about.place}: '{old}' comes as '{new}' now, and cannot be renamed there: "
                f"{error.message}",
                hint=f"keep the name with `rename: {{{source}: {old}}}`, or drop what depends "
                "on the table there, such as an index",
            ) from error
    return [about.recased.get(name, name) for name in names]


def _check_columns(about: About, fields: Schema) -> None:
    """Raise SchemaDrift where columns that are there would alter rows of fields."""
    if not len(fields):
        return
    settler, link, place = about.settler, about.link, about.place
    like = stage_name()
    settler.create(link, place.plain, like, fields, ())
    wrong = settler.misfits(about.look.types, settler.types(link, place, like))
    settler.drop(link, place, like)
    if wrong:
        raise SchemaDrift(
            f"{place} is there, and would alter the rows: {'; '.join(wrong)}",
            hint="drop it, and it is made anew; or alter its columns, or `cast` those that come",
        )


def primary_key(request: LoadRequest) -> tuple[str, ...]:
    """The columns of the key that a table made for a load is to have; none for no key."""
    if request.mode == "scd2":
        return (*request.keys, request.terms.versions.valid_from)
    return request.keys if request.mode == "merge" else ()
