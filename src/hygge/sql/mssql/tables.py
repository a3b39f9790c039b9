"""Tables of SQL Server for loads: made, altered, and put in each other's place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hygge.core.errors import DataError, UnsupportedError
from hygge.core.fields import Field, Schema
from hygge.sql.link import Link
from hygge.sql.mssql import written
from hygge.sql.mssql.hanging import carried, clustered, hangs, moved
from hygge.sql.mssql.types import DIALECT
from hygge.sql.settle.keep import replace_rows
from hygge.sql.settle.place import ORDER, STATE_TABLE, Place, index_name, is_index_of
from hygge.sql.settle.settler import Settler

COLUMNSTORE = "hygge_columnstore"


class MSSQLTables(Settler):
    """What a Store's settings say of its tables; see MSSQLSettler."""

    dialect = DIALECT
    columnstore: bool
    collation: str
    keep: Collection[str]

    def create(
        self, link: Link, place: Place, table: str, fields: Schema, keys: Sequence[str]
    ) -> None:
        """See Settler. Columns have the collations of those of the place's own table, if it is
        there, so that rows can be compared."""
        collations = {} if table in (STATE_TABLE, place.table) else self._collations(link, place)
        name, own = place.sql(self.dialect, table), table == place.table
        if table != STATE_TABLE and self.collation:
            collations = dict.fromkeys(fields.names, self.collation) | collations
        parts = [
            self._column(f, collations.get(f.name, ""), key=bool(f.key) or f.name in keys)
            for f in fields
        ]
        apart = own and (self.columnstore or place.cluster_by)
        by_rows = "NONCLUSTERED " if apart else ""
        if keys:
            listed = ", ".join(map(self.dialect.quote, keys))
            parts.append(f"PRIMARY KEY {by_rows}({listed})")
        link.execute(f"CREATE TABLE {name} ({', '.join(parts)})")
        if self.columnstore and own:
            link.execute(f"CREATE CLUSTERED COLUMNSTORE INDEX {COLUMNSTORE} ON {name}")
        if own:
            self._cluster(link, place, table)

    def _column(self, field: Field, collation: str, *, key: bool, free: bool = False) -> str:
        kind = written.ddl(field.type, key=key)
        by = f" COLLATE {collation}" if collation and kind.startswith("nvarchar") else ""
        return (
            f"{self.dialect.quote(field.name)} {kind}{by}"
            f"{' NOT NULL' if key or not field.nullable else '' if free else ' NULL'}"
        )

    def create_schema(self, link: Link, place: Place) -> None:
        if not place.schema:
            return
        text = self.dialect.text(place.schema)
        if not link.rows(f"SELECT 1 FROM sys.schemas WHERE name = {text}"):
            link.execute(f"CREATE SCHEMA {self.dialect.quote(place.schema)}")

    def add_key(self, link: Link, place: Place, table: str, keys: Sequence[str]) -> None:
        """See Settler. Its index leaves room for another that is to be the clustered one."""
        apart = (
            self.columnstore
            or place.cluster_by
            or ("indexes" in self.keep and clustered(link, place.sql(self.dialect)))
        )
        listed = ", ".join(map(self.dialect.quote, keys))
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect, table)} ADD PRIMARY KEY "
            f"{'NONCLUSTERED ' if apart else ''}({listed})"
        )

    def add_indexes(self, link: Link, place: Place, table: str) -> None:
        """See Settler. First the one in whose order the rows lie, since others point into it; the
        place's own table is made with that.

        Raises UnsupportedError for a column that no index can have.
        """
        if table != place.table:
            self._cluster(link, place, table)
        self._check_indexed(link, place, table, {n for columns in place.indexes for n in columns})
        super().add_indexes(link, place, table)

    def _cluster(self, link: Link, place: Place, table: str) -> None:
        """Have a table lie in the order of `cluster_by`, where it is set."""
        if not place.cluster_by:
            return
        self._check_indexed(link, place, table, set(place.cluster_by))
        listed = ", ".join(map(self.dialect.quote, place.cluster_by))
        name = self.dialect.quote(index_name(place.cluster_by, ORDER, case_matters=False))
        link.execute(
            f"CREATE CLUSTERED INDEX {name} ON {place.sql(self.dialect, table)} ({listed})"
        )

    def _check_indexed(self, link: Link, place: Place, table: str, names: set[str]) -> None:
        types = self.types(link, place, table) if names else {}
        for name in sorted(names):
            if types[name].endswith("(max)"):
                raise UnsupportedError(
                    f"{place}: '{name}' is {types[name]}, of which SQL Server makes no index",
                    hint=f"give it a length: `cast: {{{name}: string(200)}}`, or leave it out",
                )

    def indexes(self, link: Link, place: Place) -> list[str]:
        return [n for n in self._own_indexes(link, place) if not n.startswith(ORDER)]

    def layout(self, link: Link, place: Place) -> str:
        """See Settler: by the name of the index in whose order rows lie."""
        order = [n for n in self._own_indexes(link, place) if n.startswith(ORDER)]
        wanted = [place.cluster_by] if place.cluster_by else []
        alike = len(order) == len(wanted) and all(
            is_index_of(name, columns, ORDER, case_matters=False)
            for name, columns in zip(order, wanted, strict=True)
        )
        if alike or self.names(link, place) is None:
            return ""
        return "is not clustered as `cluster_by` says"

    def _own_indexes(self, link: Link, place: Place) -> list[str]:
        found = link.rows(
            f"SELECT name FROM sys.indexes WHERE {is_of(place.sql(self.dialect))} "
            "AND name LIKE N'~_hygge~_index~_%' ESCAPE '~'"
        )
        return [name for (name,) in found]

    @contextmanager
    def attempt(self, link: Link) -> Iterator[None]:
        """See Tables: else whatever fails ends the transaction."""
        link.execute("SET XACT_ABORT OFF")
        try:
            yield
        finally:
            link.execute("SET XACT_ABORT ON")

    def drop_index(self, link: Link, place: Place, name: str) -> None:
        link.execute(f"DROP INDEX {self.dialect.quote(name)} ON {place.sql(self.dialect)}")

    def add_column(self, link: Link, place: Place, field: Field) -> None:
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect)} ADD "
            f"{self._column(Field(field.name, field.type), self.collation, key=False)}"
        )

    def rename_column(self, link: Link, place: Place, old: str, new: str) -> None:
        text = self.dialect.text
        column = f"{place.sql(self.dialect)}.{self.dialect.quote(old)}"
        link.execute(f"EXEC sp_rename {text(column)}, {text(new)}, 'COLUMN'")

    def widen(self, link: Link, place: Place, field: Field) -> None:
        """See Settler. A column that is NULL stays so, if nothing else is said."""
        required = one(
            link, f"SELECT COUNT(*) FROM sys.columns WHERE {is_of(place.sql(self.dialect))} "
            f"AND name = {self.dialect.text(field.name)} AND is_nullable = 0",
        )  # fmt: skip
        collation = self._collations(link, place).get(field.name, "")
        made = Field(field.name, field.type, nullable=not required)
        self._alter(link, place, self._column(made, collation, key=False, free=True))

    def relax(self, link: Link, place: Place, name: str) -> None:
        kind, collation = self.types(link, place)[name], self._collations(link, place).get(name)
        by = f" COLLATE {collation}" if collation else ""
        self._alter(link, place, f"{self.dialect.quote(name)} {kind}{by} NULL")

    def _alter(self, link: Link, place: Place, column: str) -> None:
        link.execute(f"ALTER TABLE {place.sql(self.dialect)} ALTER COLUMN {column}")

    def discard(self, link: Link, place: Place, table: str) -> None:
        """See Settler; waiting 2 s at most for who still holds it."""
        before = int(one(link, "SELECT @@LOCK_TIMEOUT"))
        try:
            link.execute("SET LOCK_TIMEOUT 2000")
            self.drop(link, place, table)
        finally:
            link.execute(f"SET LOCK_TIMEOUT {before}")

    @property
    def _own_names(self) -> tuple[str, ...]:
        return (COLUMNSTORE,) if self.columnstore else ()

    def stays(self, link: Link, place: Place) -> str:
        """See Settler."""
        if self.names(link, place) is None:
            return ""
        return hangs(link, place.sql(self.dialect), self.keep, self._own_names)

    def take_over(self, link: Link, place: Place, new: str) -> None:
        """See Settler. Where something hangs on the table that the new one would not have, and that
        is not handed on (`keep`), the table stays, and its rows are changed."""
        names, table = self.names(link, place), place.sql(self.dialect)
        held = self.stays(link, place)
        if held:
            replace_rows(self, link, place, new, held)
            self.drop(link, place, new)
            return
        coming = place.sql(self.dialect, new)
        if self.columnstore:
            link.execute(f"CREATE CLUSTERED COLUMNSTORE INDEX {COLUMNSTORE} ON {coming}")
        if names is None:
            self._rename(link, place, new)
            return
        before, after = moved(link, table, coming, self.keep, self._own_names)
        for statement in before:
            link.execute(statement)
        self.drop(link, place, place.table)
        self._rename(link, place, new)
        for statement in after:
            link.execute(statement)

    def _rename(self, link: Link, place: Place, new: str) -> None:
        text = self.dialect.text
        link.execute(
            f"EXEC sp_rename {text(place.sql(self.dialect, new))}, {text(place.table)}, 'OBJECT'"
        )

    def triggers(self, link: Link, place: Place) -> list[str]:
        found = link.rows(
            "SELECT name FROM sys.triggers WHERE is_disabled = 0 AND "
            f"parent_id = OBJECT_ID({self.dialect.text(place.sql(self.dialect))}) ORDER BY name"
        )
        return [name for (name,) in found]

    def hold_rows(self, link: Link, place: Place) -> None:
        table = place.sql(self.dialect)
        link.rows(f"SELECT TOP 1 1 FROM {table} WITH (TABLOCK, HOLDLOCK)")

    def before_delete(self, link: Link, place: Place) -> None:
        """See Settler. Foreign keys of other tables may pass deletions on; triggers do anything."""
        found = carried(link, place.sql(self.dialect))
        if found:
            raise DataError(
                f"{place}: rows are replaced by deleting them first, and {found}",
                hint="make it do nothing on DELETE, or drop it",
            )

    def _collations(self, link: Link, place: Place) -> dict[str, str]:
        """Of the columns of the place's table, by name, where they are others than the database's
        own, which the state table's column has; empty where there is no table."""
        own = f"{is_of(place.sql(self.dialect, STATE_TABLE))} AND name = N'state'"
        found = link.rows(
            f"SELECT name, collation_name FROM sys.columns WHERE {is_of(place.sql(self.dialect))} "
            f"AND collation_name <> (SELECT collation_name FROM sys.columns WHERE {own})"
        )
        return dict(found)


def is_of(table: str) -> str:
    """The condition for a table's rows in a view of the catalogue."""
    return f"object_id = OBJECT_ID({DIALECT.text(table)})"


def one(link: Link, query: str) -> Any:
    """The one value of a query."""
    return link.row(query)[0]
