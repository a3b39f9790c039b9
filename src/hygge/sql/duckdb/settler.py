"""Settling in DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from hygge.core.errors import (
    BadValue,
    ConfigError,
    DataError,
    HyggeError,
    SchemaDrift,
    TransientError,
)
from hygge.core.fields import Field, Schema
from hygge.core.sift import refuse
from hygge.sql.duckdb.room import KEYS_KB
from hygge.sql.duckdb.types import DIALECT, REMOTE
from hygge.sql.link import Link
from hygge.sql.nested import not_json
from hygge.sql.settle.keep import replace_rows
from hygge.sql.settle.place import INDEX, PREFIX, Place
from hygge.sql.settle.settler import ENDLESS, Settler, WayIn

if TYPE_CHECKING:
    from hygge.sql.duckdb.link import DuckDBLink

# What may hang on a table that a new one of the same name would not have.
_HANGS = r"""
SELECT 'an index' FROM duckdb_indexes()
  WHERE {this} AND index_name NOT LIKE '~_hygge~_index~_%' ESCAPE '~'
UNION ALL SELECT 'a constraint' FROM duckdb_constraints()
  WHERE {this} AND constraint_type NOT IN ('PRIMARY KEY', 'NOT NULL')
UNION ALL SELECT 'a foreign key' FROM duckdb_constraints() WHERE {referred}
UNION ALL SELECT 'a default' FROM duckdb_columns() WHERE {this} AND column_default IS NOT NULL
UNION ALL SELECT 'a comment' FROM duckdb_columns() WHERE {this} AND comment IS NOT NULL
UNION ALL SELECT 'a comment' FROM duckdb_tables() WHERE {this} AND comment IS NOT NULL
LIMIT 1
"""
_CLAIMED: set[str] = set()
"""Tables that loads of this process are filling; their names are used once only."""


class DuckDBSettler(Settler):
    """Everything is transactional, tables too; two loads of one table conflict at the commit."""

    dialect = DIALECT
    case_matters = False
    longest_name = 1 << 16
    at_once = ENDLESS
    key_last = True
    done_with = True

    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        return self.ingest_all(link, place, table, [rows])

    def ingest_all(
        self, link: Link, place: Place, table: str, batches: Iterable[pl.DataFrame]
    ) -> int:
        return self._held(link).append(place.sql(self.dialect, table), batches)

    def lock(self, link: Link, place: Place, patience_s: float = 0) -> None:
        """See Settler. Nothing is locked; the indexes of the table need memory from now on."""
        self._lift_for_index(link, place)

    def commit(self, link: Link) -> None:
        self._held(link).room.lower()
        super().commit(link)
        self._held(link).filled()

    def rollback(self, link: Link) -> None:
        super().rollback(link)
        self._held(link).filled()

    def way_in(self, link: Link, place: Place, table: str) -> WayIn:
        """See Settler. The index of a table that rows go straight into needs memory."""
        if table == place.table:
            self._lift_for_index(link, place)
        return super().way_in(link, place, table)

    def add_key(self, link: Link, place: Place, table: str, keys: Sequence[str]) -> None:
        """See Settler. DuckDB itself notices only at the commit that a key is no key."""
        self._held(link).room.make(KEYS_KB)
        listed = ", ".join(map(self.dialect.quote, keys))
        named = place.sql(self.dialect, table)
        query = f"{listed} FROM {named} GROUP BY {listed} HAVING count(*) > 1"
        if found := link.rows(self.dialect.first(query)):
            values = ", ".join(map(str, found[0]))
            raise DataError(f"Key ({', '.join(keys)})=({values}) is duplicated.")
        self._lift(link)
        super().add_key(link, place, table, keys)

    def check_keys(self, link: Link, place: Place, keys: Sequence[Field]) -> None:
        """See Settler; by how texts compare there, since no catalogue tells their collations
        (https://duckdb.org/docs/stable/sql/expressions/collations)."""
        self._held(link).room.make(KEYS_KB)
        table = place.sql(self.dialect)
        for name in (f.name for f in keys if f.type.kind == "string"):
            key = self.dialect.quote(name)
            values = f"(SELECT {key} FROM {table} WHERE FALSE UNION ALL SELECT '\u00e9')"
            if link.rows(f"SELECT 1 FROM {values} WHERE {key} IN ('\u00c9', 'e', 'e\u0301')"):
                raise DataError(
                    f"{place}: its key '{name}' has a collation, in which keys that differ, as in "
                    "case or in accents, may be the same",
                    hint="make the table without it, or drop the table, and it is made anew",
                )

    def _lift(self, link: Link) -> None:
        self._held(link).room.lift()

    def _held(self, link: Link) -> DuckDBLink:
        return cast("DuckDBLink", link)

    def _lift_for_index(self, link: Link, place: Place) -> None:
        room = self._held(link).room
        own = f"SELECT 1 FROM duckdb_indexes() WHERE {self._this(place)}"  # none that is a key's
        query = f"EXISTS ({own}) FROM duckdb_tables() WHERE index_count > 0 AND {self._this(place)}"
        if room.is_given and (found := link.rows(f"SELECT {query}")):
            room.lift(until_over=bool(found[0][0]))

    def tells(self, link: Link, place: Place, what: str) -> Mapping[str, Any]:
        """See Tables. What DuckDB tells of its catalogue takes it about a millisecond for each of
        its functions, whether or not they are in one statement."""
        if what in ("names", "types"):
            types = self.types(link, place)
            return {"names": list(types) or None, "types": types}
        if what not in ("is_table", "stages", "keeps", "indexes"):
            return super().tells(link, place, what)
        own, here = self.dialect.text(PREFIX), self._this(place)
        found = link.rows(
            f"SELECT lower(table_name), table_name, index_count FROM duckdb_tables() "
            f"WHERE {here} OR (starts_with(table_name, {own}) AND {self._within(place)})"
        )
        indexed = {name: count > 0 for name, _, count in found}
        told: dict[str, Any] = {
            "is_table": place.table.lower() in indexed,
            "keeps": self.state_table(place) in indexed,
            "stages": [name for _, name, _ in found if name.startswith(PREFIX)],
        }
        if not indexed.get(place.table.lower()):
            return told | {"indexes": []}
        return told | ({what: self.indexes(link, place)} if what == "indexes" else {})

    def names(self, link: Link, place: Place, table: str = "") -> list[str] | None:
        return list(self.types(link, place, table)) or None

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        found = link.rows(
            "SELECT column_name, data_type FROM duckdb_columns() "
            f"WHERE {self._this(place, table=table)} ORDER BY column_index"
        )
        return dict(found)

    def is_table(self, link: Link, place: Place) -> bool:
        return bool(self.tells(link, place, "is_table")["is_table"])

    def stages(self, link: Link, place: Place) -> list[str]:
        return list(self.tells(link, place, "stages")["stages"])

    def indexes(self, link: Link, place: Place) -> list[str]:
        return [name for name, _ in self._own_indexes(link, place)]

    def _own_indexes(self, link: Link, place: Place) -> Sequence[tuple[str, str]]:
        """Hygge's own, by name, with the statements that made them."""
        return link.rows(
            f"SELECT index_name, sql FROM duckdb_indexes() WHERE {self._this(place)} "
            f"AND starts_with(index_name, {self.dialect.text(INDEX)})"
        )

    def add_indexes(self, link: Link, place: Place, table: str) -> None:
        """See Settler. A table with an index cannot be renamed: see `take_over`."""
        if place.indexes and table == place.table:
            self._held(link).room.lift(until_over=True)
            super().add_indexes(link, place, table)

    def unheld(self, column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
        return not_json(column, field)

    def blame(
        self, error: DataError, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> HyggeError:
        """The value that DuckDB refused, where it can be found: what is no JSON."""
        try:
            refuse(batch, fields, not_json, entity=entity, offset=offset)
        except BadValue as found:
            return found
        return error

    def stays(self, link: Link, place: Place) -> str:
        this, referred = self._this(place), self._this(place, "referenced_table")
        found = link.rows(_HANGS.format(this=this, referred=referred))
        return str(found[0][0]) if found else ""

    def take_over(self, link: Link, place: Place, new: str) -> None:
        """See Settler. Where something hangs on the table that a new one would not have (an index,
        a constraint, a default, a comment), it stays, and its rows are changed."""
        hangs = self.stays(link, place)
        if not hangs:
            super().take_over(link, place, new)
            self.add_indexes(link, place, place.table)
            return
        self._lift(link)
        replace_rows(self, link, place, new, hangs)
        self.drop(link, place, new)

    def widen(self, link: Link, place: Place, field: Field) -> None:
        with self._bare(link, place):
            try:
                super().widen(link, place, field)
            except ConfigError as error:
                if "index depends on it" not in error.message:
                    raise
                raise SchemaDrift(
                    f"{place}: '{field.name}' must become {field.type}, and is in an index: DuckDB "
                    "alters no column that was in one when the transaction began",
                    hint="drop the index, and run again",
                ) from error

    def rename_column(self, link: Link, place: Place, old: str, new: str) -> None:
        with self._bare(link, place):
            super().rename_column(link, place, old, new)

    def relax(self, link: Link, place: Place, name: str) -> None:
        with self._bare(link, place):
            super().relax(link, place, name)

    @contextmanager
    def _bare(self, link: Link, place: Place) -> Iterator[None]:
        """While the table is without hygge's own indexes, with which no column can be altered."""
        found = self._own_indexes(link, place)
        for name, _ in found:
            self.drop_index(link, place, name)
        yield
        for _, statement in found:
            link.execute(statement)

    def _this(self, place: Place, column: str = "table_name", table: str = "") -> str:
        """The condition for the place's table, or another one of its schema, in DuckDB's own
        catalogue."""
        name = self.dialect.text(table or place.table)
        return f"{self._same(column, name)} AND {self._within(place)}"

    def _within(self, place: Place) -> str:
        """See Catalogue; in DuckDB's own."""
        schema = self.dialect.text(place.schema) if place.schema else "current_schema()"
        return f"{self._same('schema_name', schema)} AND database_name = current_database()"

    def claim(self, link: Link, table: str) -> None:
        _CLAIMED.add(table)

    def unclaim(self, link: Link, table: str) -> None:
        _CLAIMED.discard(table)

    def is_left(self, link: Link, table: str) -> bool | None:
        """See Settler. A file is open in one process only, which knows its own loads; those of
        MotherDuck are not files."""
        return None if link.label.startswith(REMOTE) else table not in _CLAIMED

    def is_conflict(self, error: HyggeError) -> bool:
        return isinstance(error, TransientError) and "onflict" in error.message
