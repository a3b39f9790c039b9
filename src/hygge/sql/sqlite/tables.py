"""Making a table what a load needs: create, keep, extend or rebuild, inside its transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hygge.core.errors import HyggeError, SchemaDrift
from hygge.core.fields import Field, LogicalType, Schema
from hygge.sql.dialect import literal
from hygge.sql.settle.place import INDEX
from hygge.sql.sqlite.access import Database
from hygge.sql.sqlite.catalogue import Column, Relation, Rows, find, quote, relation
from hygge.sql.sqlite.types import EXACT_DIGITS, affinity, ddl, logical


def create(db: Database, table: str, fields: Schema, keys: Sequence[str]) -> None:
    """Create a table with these columns, and a primary key if there are keys."""
    parts = [f"{quote(f.name)} {ddl(f.type)}" + ("" if f.nullable else " NOT NULL") for f in fields]
    if keys:
        parts.append(f"PRIMARY KEY ({', '.join(quote(k) for k in keys)})")
    db.execute(f"CREATE TABLE main.{quote(table)} ({', '.join(parts)})")


def look(db: Database, table: str, *, place: str) -> Relation | None:
    """The table as it is; None where there is none."""
    if find(db.rows, table, "main") is None:
        return None
    return relation(db.rows, table, "main", where=place)


def takes(table: Relation, fields: Schema, keys: Sequence[str] = ()) -> bool:
    """Whether a table takes rows of these fields as it is and gives every value back.

    Parameters
    ----------
    keys: fields that are never NULL, whatever they say.
    """
    columns = {c.name: c for c in table.columns}
    if any(f.name not in columns or not _carries(columns[f.name], f, keys) for f in fields):
        return False
    return not any(c.required for c in table.columns if c.name not in fields)


def _carries(column: Column, field: Field, keys: Sequence[str] = ()) -> bool:
    found, never_null = logical(column.declared), field.key or field.name in keys
    if found is None or (column.required and field.nullable and not never_null):
        return False
    wanted = ddl(_bare(field.type))
    return ddl(_bare(found[0])) == wanted and affinity(column.declared) == affinity(wanted)


def _bare(kind: LogicalType) -> LogicalType:
    return replace(kind, length=None)


def prepare_replace(db: Database, table: str, fields: Schema, *, place: str) -> bool:
    """Leave an empty table of exactly these fields; user-made indexes and triggers stay.

    Returns whether it was made anew, with a primary key.
    """
    found = look(db, table, place=place)
    if found is not None:
        same = [c.name for c in found.columns] == fields.names and takes(found, fields)
        if same and _keys(found) == list(fields.keys):
            db.execute(f"DELETE FROM main.{quote(table)}")
            return False
    extras = made_on(db.rows, table)
    if found is not None:
        db.execute(f"DROP TABLE main.{quote(table)}")
    create(db, table, fields, fields.keys)
    make_again(db.execute, extras, place=place)
    return bool(fields.keys)


def prepare_keep(
    db: Database,
    table: str,
    held: Schema | None,
    fields: Schema,
    keys: Sequence[str],
    *,
    drop_key: bool,
    place: str,
) -> bool:
    """Make a table take rows of `fields` and keep those it has, held as `held`.

    Parameters
    ----------
    keys: the primary key of a table that has to be made.
    drop_key: whether to take its primary key away from one that is there.

    Returns
    -------
    Whether it was made, with a primary key.
    """
    found = look(db, table, place=place)
    if found is None:
        create(db, table, fields, keys)
        return bool(keys)
    if takes(found, fields, keys) and not drop_key:
        return False
    if held is None:  # an empty table that a person made
        raise SchemaDrift(
            f"{place} is there, but its columns are not those that come",
            hint="drop it, and it is made anew; or give it columns of these names and types",
        )
    new = [f for f in fields if f.name not in held]
    _check_met(found, new, place=place)
    met = [f for f in new if f.name in {c.name for c in found.columns}]
    if takes(found, Schema(f for f in fields if f.name in held), keys) and not drop_key:
        for field in new:
            if field not in met:
                kind = ddl(field.type)
                db.execute(f"ALTER TABLE main.{quote(table)} ADD COLUMN {quote(field.name)} {kind}")
        return False
    _check_strange(found, [*held, *fields], place=place)
    held = Schema([*held, *met])
    _rebuild(db, table, held, fields, () if drop_key else _keys(found), place=place)
    return False


def _check_strange(found: Relation, fields: Sequence[Field], *, place: str) -> None:
    """Raise SchemaDrift for columns that would be lost where the table is made again.

    Parameters
    ----------
    fields: that the table will have, or had by what hygge knows.
    """
    known = {f.name.lower() for f in fields}
    if strange := [f"'{c.name}'" for c in found.columns if c.name.lower() not in known]:
        raise SchemaDrift(
            f"{place} must be made again, with other columns or without its key, and has columns "
            f"that hygge did not make ({', '.join(strange)}), which would be lost",
            hint="drop them, or keep such columns in a table of their own",
        )


def _check_met(found: Relation, new: Sequence[Field], *, place: str) -> None:
    """Raise SchemaDrift where somebody has added a column that now comes, and would alter it.

    Parameters
    ----------
    new: the fields that come for the first time.
    """
    there = {c.name.lower(): c for c in found.columns}
    for field in new:
        column = there.get(field.name.lower())
        if column is not None and not (column.name == field.name and _carries(column, field)):
            what = f"{column.declared or 'of no type'}{' NOT NULL' if column.required else ''}"
            raise SchemaDrift(
                f"{place}: '{field.name}' comes for the first time, as {ddl(field.type)}, and the "
                f"table has a column '{column.name}', which is {what}",
                hint=f"rename or drop that one, or `rename: {{{field.source_name}: ...}}`",
            )


def _rebuild(
    db: Database, table: str, held: Schema, fields: Schema, keys: Sequence[str], *, place: str
) -> None:
    extras = made_on(db.rows, table)
    temporary = f"_hygge_new_{table}"
    create(db, temporary, fields, keys)
    kept = [f for f in fields if f.name in held]
    into = ", ".join(quote(f.name) for f in kept)
    values = ", ".join(_widened(quote(f.name), held[f.name].type, f.type) for f in kept)
    db.execute(
        f"INSERT INTO main.{quote(temporary)} ({into}) SELECT {values} FROM main.{quote(table)}"
    )
    db.execute(f"DROP TABLE main.{quote(table)}")
    db.execute(f"ALTER TABLE main.{quote(temporary)} RENAME TO {quote(table)}")
    make_again(db.execute, extras, place=place)


def _widened(sql: str, old: LogicalType, new: LogicalType) -> str:
    """A stored value of one type in the form of a wider one; the forms are those of `encode`."""
    if old.kind == "null" or ddl(_bare(old)) == ddl(_bare(new)):
        return sql
    if new.kind == "decimal" and (new.precision or 0) > EXACT_DIGITS:
        scale, zeros = 0, new.scale or 0
        text = f"CAST({sql} AS TEXT)"
        if old.kind == "decimal":
            scale = old.scale or 0
            zeros -= scale
            if (old.precision or 0) <= EXACT_DIGITS:
                text = f"printf('%.{scale}f', {sql})"
        point = "." if not scale and zeros else ""
        return f"CASE WHEN {sql} IS NOT NULL THEN {text} || '{point}{'0' * zeros}' END"
    if new.kind == "uint64":
        return f"CAST({sql} AS TEXT)"
    if new.kind == "timestamp":
        tail = "+00:00" if new.zone else ""
        length = f"length({sql}) - {len(tail)}"
        return f"substr({sql}, 1, {length}) || '000{tail}'"
    return sql  # the new column's affinity does it: integers to reals, reals to wider reals


def _keys(found: Relation) -> list[str]:
    return [c.name for c in sorted(found.columns, key=lambda c: c.key) if c.key]


def made_on(rows: Rows, table: str) -> list[tuple[str, str]]:
    """A table's indexes and triggers by name, with the statements that made them."""
    found = rows(
        "SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') "
        "AND sql IS NOT NULL "
        f"AND tbl_name = {literal(table)} COLLATE NOCASE ORDER BY type, name"
    )
    return [(name, sql) for name, sql in found]


def make_again(
    run: Callable[[str], object], made: Sequence[tuple[str, str]], *, place: str
) -> None:
    """Have them on a new table of the same name, but for indexes of hygge's own on columns that
    it does not have.

    Raises SchemaDrift where another one does not work with its columns.
    """
    for name, statement in made:
        try:
            run(statement)
        except HyggeError as error:
            if name.startswith(INDEX):
                continue
            raise SchemaDrift(
                f"{place} changes its columns, and what was made on it no longer works: "
                f"{statement} ({error.message})",
                hint="drop that index or trigger, then run again",
            ) from error
