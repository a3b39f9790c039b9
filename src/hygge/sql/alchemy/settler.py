"""Settling in any database that SQLAlchemy reaches: names and types by reflection, batched inserts,
and the state in the same transaction.

PostgreSQL and MySQL are settled in as by their own connectors, but for the way rows go in. What is
here is for all others, and asks of them no more than SQL's core: rows wait in a stage, tables are
made ready before the transaction, which locks a row of the state table, deletes and inserts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import polars as pl
import sqlalchemy as sa

from hygge.core.errors import ConflictError, DataError, SchemaDrift, UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.load import LoadRequest
from hygge.sql.alchemy.declared import SHORT, declared, encoded
from hygge.sql.alchemy.types import dialect_of, text_of
from hygge.sql.alchemy.writing import WritingLink
from hygge.sql.link import Link
from hygge.sql.settle.keep import replace_rows
from hygge.sql.settle.look import Look
from hygge.sql.settle.place import INDEX, PREFIX, Place
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.shape import reindex
from hygge.sql.sqlite import encode as sqlite_encode
from hygge.sql.sqlite.catalogue import indexes_of, triggers_of
from hygge.sql.sqlite.tables import made_on, make_again
from hygge.sql.sqlite.types import ddl as sqlite_ddl

_EXACT = ("sqlite", "oracle", "cockroachdb")
"""Where two texts are the same only if they are, unless somebody asked for another collation."""
_TEXTS = ("string", "json", "uuid", "list", "struct", "null")


class Inserting(Settler):
    """How rows go in through SQLAlchemy."""

    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        return _writing(link).append(place, table, rows)

    def ingest_all(
        self, link: Link, place: Place, table: str, batches: Iterable[pl.DataFrame]
    ) -> int:
        return sum(self.ingest(link, place, table, rows) for rows in batches)


class AlchemySettler(Inserting):
    """See the module.

    Parameters
    ----------
    driver: SQLAlchemy's name of the database and the driver, e.g. `oracle+oracledb`.
    """

    one_transaction = False
    longest_name = 128
    unit = "characters"

    def __init__(self, driver: str) -> None:
        theirs: Any = sa.make_url(f"{driver}://").get_dialect()()
        self._driver, self._backend = driver, str(theirs.name)

        def ddl(kind: LogicalType) -> str:
            return sqlite_ddl(kind) if self._backend == "sqlite" else declared(kind, theirs)

        self.dialect = dialect_of(theirs, ddl=ddl)
        self.straight = self.case_matters = self._backend != "sqlite"
        self.longest_name = int(theirs.max_identifier_length)

    def __reduce__(self) -> tuple[Any, ...]:
        return (AlchemySettler, (self._driver,))

    def length(self, name: str) -> int:
        return len(name)

    def encoded(
        self, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> pl.DataFrame:
        if self._backend == "sqlite":
            made = sqlite_encode.encode(batch, fields, entity=entity, offset=offset)
            return made.rename(dict(zip(made.columns, batch.columns, strict=True)))
        return pl.DataFrame([encoded(c, f.type) for c, f in zip(batch, fields, strict=True)])

    def unheld(self, column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
        return sqlite_encode.unheld(column, field) if self._backend == "sqlite" else ()

    def check(self, fields: Schema, place: Place) -> None:
        super().check(fields, place)
        if self._backend == "sqlite":
            sqlite_encode.check(fields)
        if self._backend == "oracle" and any(f.type.kind == "string" for f in fields):
            raise UnsupportedError(
                f"{place}: Oracle makes NULL of the empty text, so that texts cannot be stored as "
                "they are",
                hint="leave texts out, or `cast` them to `json`, whose texts are never empty",
            )

    # Transactions ---------------------------------------------------------------------------------

    def lock(self, link: Link, place: Place, patience_s: float = 0) -> None:
        """See Settler: a row of the state table. Raises ConflictError where it is another's."""
        quote, states = self.dialect.quote, place.sql(self.dialect, self.state_table(place))
        name = self.dialect.text(f"{PREFIX}lock {place.entry}")
        held = link.execute(
            f"UPDATE {states} SET {quote('state')} = '-' WHERE {quote('table')} = {name}"
        )
        if held:
            return
        try:
            link.execute(
                f"INSERT INTO {states} ({quote('table')}, {quote('state')}) VALUES ({name}, '-')"
            )
        except DataError as error:
            raise ConflictError(f"{place} is being loaded by another run", hint="run it again"
                                ) from error  # fmt: skip

    def rows_follow(self, link: Link) -> bool:
        """See Settler. What was changed in tables is committed, whether or not it was before."""
        self.commit(link)
        self.begin(link)
        return True

    # The catalogue --------------------------------------------------------------------------------

    def names(self, link: Link, place: Place, table: str = "") -> list[str] | None:
        return list(self.types(link, place, table)) or None

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        if self._backend == "sqlite":  # whose types SQLAlchemy takes for others
            name = self.dialect.text(table or place.table)
            return dict(link.rows(f"SELECT name, type FROM pragma_table_info({name})"))
        theirs = _writing(link).connection.dialect

        def ask(inspector: sa.Inspector) -> dict[str, str]:
            try:
                found = inspector.get_columns(table or place.table, place.schema or None)
            except sa.exc.NoSuchTableError:
                return {}
            return {c["name"]: text_of(c["type"], theirs) for c in found}

        return _writing(link).look(ask)

    def alters(self, link: Link, stage: str, name: str, held: str, coming: str) -> bool:
        """See Settler; by the types alone."""
        return not self.takes(held, coming)

    def is_table(self, link: Link, place: Place) -> bool:
        found = _writing(link).look(lambda i: i.get_table_names(place.schema or None))
        return place.table in found

    def stages(self, link: Link, place: Place) -> list[str]:
        found = _writing(link).look(lambda i: i.get_table_names(place.schema or None))
        return [name for name in found if name.startswith(PREFIX)]

    def triggers(self, link: Link, place: Place) -> list[str] | None:
        """See Settler: SQLAlchemy asks no database for them."""
        return triggers_of(link.rows, place.table) if self._backend == "sqlite" else None

    def indexes(self, link: Link, place: Place) -> list[str]:
        if self._backend == "sqlite":
            return indexes_of(link.rows, place.table)

        def ask(inspector: sa.Inspector) -> list[str]:
            try:
                found = inspector.get_indexes(place.table, place.schema or None)
            except sa.exc.NoSuchTableError:
                return []
            return [name for each in found if (name := each["name"] or "").startswith(INDEX)]

        return _writing(link).look(ask)

    # Tables ---------------------------------------------------------------------------------------

    def create_schema(self, link: Link, place: Place) -> None:
        if place.schema and place.schema not in _writing(link).look(lambda i: i.get_schema_names()):
            raise UnsupportedError(
                f"{place}: there is no schema '{place.schema}'",
                hint="make it: how differs between databases, and SQLAlchemy does not say",
            )

    def create(
        self, link: Link, place: Place, table: str, fields: Schema, keys: Sequence[str]
    ) -> None:
        """See Settler. Only columns of the key are NOT NULL, so that none need be altered later."""
        long = [k for k in keys if self._outside(fields[k])]
        keys = () if long else keys  # few databases make a key of those
        kept = [Field(f.name, f.type, nullable=f.name not in keys) for f in fields]
        super().create(link, place, table, Schema(kept), keys)

    def _outside(self, field: Field) -> bool:
        if self._backend == "sqlite":
            return False
        kind = field.type
        return kind.kind in ("json", "list", "struct", "null") or (
            kind.kind in ("string", "binary") and not (kind.length and kind.length <= SHORT)
        )

    def create_stage(self, link: Link, place: Place, table: str, request: LoadRequest) -> None:
        """See Settler. Raises UnsupportedError for keys that the database may confuse."""
        if self._backend not in _EXACT and request.mode not in ("append", "replace"):
            for key in request.keys:
                if request.fields[key].type.kind in _TEXTS:
                    raise UnsupportedError(
                        f"{place}: whether {self._backend} tells all texts apart is not known "
                        f"here, and the key '{key}' is one",
                        hint="choose mode `replace` or `append`, or a key of numbers",
                    )
        super().create_stage(link, place, table, request)

    def add_key(self, link: Link, place: Place, table: str, keys: Sequence[str]) -> None:
        """A table that stays has its key already, and one that is made gets none: few databases
        make one of a column that may be NULL."""

    def add_indexes(self, link: Link, place: Place, table: str) -> None:
        """See Settler; only in its place: the rows of another are copied into that."""
        if table == place.table:
            super().add_indexes(link, place, table)

    def drop_index(self, link: Link, place: Place, name: str) -> None:
        """See Settler; as the database has it, which some want the table's name for."""
        column = sa.Column("x", sa.Integer())
        table = sa.Table(place.table, sa.MetaData(), column, schema=place.schema or None)
        drop = sa.schema.DropIndex(sa.Index(name, table.c.x))
        link.execute(str(drop.compile(dialect=_writing(link).connection.dialect)))

    def add_column(self, link: Link, place: Place, field: Field) -> None:
        quote, kind = self.dialect.quote, self.dialect.ddl(field.type)
        link.execute(f"ALTER TABLE {place.sql(self.dialect)} ADD {quote(field.name)} {kind}")

    def widen(self, link: Link, place: Place, field: Field) -> None:
        raise SchemaDrift(
            f"{place}: '{field.name}' becomes {field.type}, and how {self._backend} alters a "
            "column's type is not known here",
            hint=f"alter it to {self.dialect.ddl(field.type)}, or load it anew",
        )

    def relax(self, link: Link, place: Place, name: str) -> None:
        """Columns that hygge made may be NULL; another's may not, and the database will say so."""

    def drop(self, link: Link, place: Place, table: str) -> None:
        if self.names(link, place, table) is not None:  # IF EXISTS is no part of SQL's core
            link.execute(f"DROP TABLE {place.sql(self.dialect, table)}")

    def take_over(self, link: Link, place: Place, new: str) -> None:
        """See Settler. The table stays, and its rows are replaced; in SQLite its columns may become
        others, and what was made on it stays."""
        there = self.types(link, place)
        if not there:
            coming = list(self.types(link, place, new))
            raise AssertionError(f"{place} was to be made, of {coming}")  # pragma: no cover
        if self._backend == "sqlite":
            self._remake(link, place, self.types(link, place, new), there)
        replace_rows(self, link, place, new, "to stay, for want of a way to exchange it,")

    def _remake(
        self, link: Link, place: Place, coming: Mapping[str, str], there: Mapping[str, str]
    ) -> None:
        """Have an empty SQLite table of other columns (types by name) instead of one that has other
        ones: with its key, if that is among them, its indexes and its triggers."""
        if coming == there:
            return
        quote, name = self.dialect.quote, self.dialect.text(place.table)
        found = link.rows(f"SELECT name FROM pragma_table_info({name}) WHERE pk ORDER BY pk")
        keys = [key for (key,) in found]
        parts = [f"{quote(column)} {kind}" for column, kind in coming.items()]
        if keys and set(keys) <= set(coming):
            parts.append(f"PRIMARY KEY ({', '.join(map(quote, keys))})")
        made = made_on(link.rows, place.table)
        self.drop(link, place, place.table)
        link.execute(f"CREATE TABLE {place.sql(self.dialect)} ({', '.join(parts)})")
        make_again(link.execute, made, place=str(place))
        reindex(Look(self, link, place))


def _writing(link: Link) -> WritingLink:
    return cast("WritingLink", link)
