"""How a database's tables are made, altered, and put in each other's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hygge.core.errors import DataError
from hygge.core.fields import Field, Schema
from hygge.core.load import LoadRequest
from hygge.sql.link import Link
from hygge.sql.settle import modes
from hygge.sql.settle.catalogue import Catalogue
from hygge.sql.settle.place import STATE_TABLE, Place, index_name


class Tables(Catalogue):
    """One database's way."""

    def state_table(self, place: Place) -> str:
        """The table that keeps the state of a place."""
        return STATE_TABLE

    def tells(self, link: Link, place: Place, what: str) -> Mapping[str, Any]:
        """The answer to a question of `Look`, by its name, and to whatever else the same statement
        has told."""
        if what == "keeps":
            return {what: self.names(link, place, self.state_table(place)) is not None}
        asked: dict[str, Callable[[Link, Place], Any]] = {
            "names": self.names, "types": self.types, "is_table": self.is_table,
            "indexes": self.indexes, "triggers": self.triggers, "layout": self.layout,
            "stages": self.stages,
        }  # fmt: skip
        return {what: asked[what](link, place)}

    def create_stage(self, link: Link, place: Place, table: str, request: LoadRequest) -> None:
        """Make a table in which a load's rows wait."""
        self.create(link, place, table, request.fields, ())

    def delete_coming(self, target: str, stage: str, keys: Sequence[Field], also: str = "") -> str:
        """The statement that takes out the rows whose key is among those that come (called
        `hygge_coming`), where a condition holds as well."""
        return modes.delete_coming(self.dialect, target, stage, keys, also)

    def create(self, link: Link, place: Place, table: str, fields: Schema, keys: Sequence[str],
               ) -> None:  # fmt: skip
        """Make a table of these columns, and a primary key if there are keys."""
        link.execute(self.table_sql(place, table, fields, keys))

    def table_sql(self, place: Place, table: str, fields: Schema, keys: Sequence[str]) -> str:
        """The statement for it."""
        quote, ddl = self.dialect.quote, self.dialect.ddl
        parts = [
            f"{quote(f.name)} {ddl(f.type)}{'' if f.nullable else ' NOT NULL'}" for f in fields
        ]
        if keys:
            parts.append(f"PRIMARY KEY ({', '.join(map(quote, keys))})")
        return f"CREATE TABLE {place.sql(self.dialect, table)} ({', '.join(parts)})"

    def create_schema(self, link: Link, place: Place) -> None:
        """Make the place's schema, unless it is there: to make one needs more rights than to use
        it, even where nothing is to be made."""
        if not place.schema or link.rows(
            "SELECT 1 FROM information_schema.schemata "
            f"WHERE schema_name = {self.dialect.text(place.schema)}"
        ):
            return
        link.execute(f"CREATE SCHEMA IF NOT EXISTS {self.dialect.quote(place.schema)}")

    def add_key(self, link: Link, place: Place, table: str, keys: Sequence[str]) -> None:
        """Give a filled table its primary key."""
        listed = ", ".join(map(self.dialect.quote, keys))
        link.execute(f"ALTER TABLE {place.sql(self.dialect, table)} ADD PRIMARY KEY ({listed})")

    def add_indexes(self, link: Link, place: Place, table: str) -> None:
        """Give a table the indexes that the place is to have."""
        for columns in place.indexes:
            name = index_name(columns, case_matters=self.case_matters)
            link.execute(self.index_sql(place, table, name, columns))

    def index_sql(self, place: Place, table: str, name: str, columns: Sequence[str]) -> str:
        """The statement that makes an index."""
        quote = self.dialect.quote
        listed = ", ".join(map(quote, columns))
        return f"CREATE INDEX {quote(name)} ON {place.sql(self.dialect, table)} ({listed})"

    def attempt(self, link: Link) -> AbstractContextManager[None]:
        """A block whose one statement may fail, and the transaction goes on."""
        return nullcontext()

    def drop_index(self, link: Link, place: Place, name: str) -> None:
        """Drop an index of the place's table."""
        link.execute(f"DROP INDEX {place.sql(self.dialect, name)}")

    def about_key(self, error: DataError) -> str:
        """What the database says of a key that cannot be one, without names of hygge's own."""
        return error.message

    def add_column(self, link: Link, place: Place, field: Field) -> None:
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect)} ADD COLUMN {self.dialect.quote(field.name)} "
            f"{self.dialect.ddl(field.type)}"
        )

    def rename_column(self, link: Link, place: Place, old: str, new: str) -> None:
        quote = self.dialect.quote
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect)} RENAME COLUMN {quote(old)} TO {quote(new)}"
        )

    def widen(self, link: Link, place: Place, field: Field) -> None:
        """Give a column a type that carries all it holds."""
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect)} ALTER COLUMN {self.dialect.quote(field.name)} "
            f"TYPE {self.dialect.ddl(field.type)}"
        )

    def relax(self, link: Link, place: Place, name: str) -> None:
        """Let a column be NULL."""
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect)} ALTER COLUMN {self.dialect.quote(name)} "
            "DROP NOT NULL"
        )

    def drop(self, link: Link, place: Place, table: str) -> None:
        link.execute(f"DROP TABLE IF EXISTS {place.sql(self.dialect, table)}")

    def discard(self, link: Link, place: Place, table: str) -> None:
        """Drop a stage, unless a writer that died elsewhere still holds it."""
        self.drop(link, place, table)

    def stays(self, link: Link, place: Place) -> str:
        """What keeps the place's table from making way to a new one, in a word: something hangs on
        it that the new one would not have, so that its rows are replaced; "" for nothing."""
        return ""

    def take_over(self, link: Link, place: Place, new: str) -> None:
        """Let a table made by this load have the place's name, and the old one go."""
        self.drop(link, place, place.table)
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect, new)} RENAME TO "
            f"{self.dialect.quote(place.table)}"
        )

    # A table and its state that change places in one statement, where tables are not transactional

    def swaps(self, link: Link, place: Place) -> bool:
        """Whether a new table takes the place of the old one, and with it its state, by `swap`;
        else by `take_over`, in the transaction."""
        return False

    def swap(self, link: Link, place: Place, new: str, state: str) -> None:
        """Let a filled table and a table with its state change places with the old ones: the
        commit.

        Parameters
        ----------
        new: the filled table.
        state: the table of its state, of the place's schema too.
        """
        raise AssertionError("asked of settlers that swap")  # pragma: no cover
