"""What a database does to take a load, beside the SQL that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import polars as pl

from hygge.core.errors import DataError, HyggeError, UnsupportedError
from hygge.core.fields import Field, Schema
from hygge.core.load import LoadRequest, Mode
from hygge.sql.dialect import Dialect
from hygge.sql.link import Link
from hygge.sql.settle import modes
from hygge.sql.settle.place import STATE_TABLE, Place, index_name


class WayIn:
    """How rows go into one table: batch by batch, unless a database knows better.

    Parameters
    ----------
    settler, link: how, and over what.
    place, table: a table of the place's schema.
    """

    def __init__(self, settler: Settler, link: Link, place: Place, table: str) -> None:
        self._settler, self._link, self._place, self._table = settler, link, place, table

    def take(self, batches: Sequence[pl.DataFrame]) -> int:
        """Send batches that are encoded; how many rows the database took."""
        return self._settler.ingest_all(self._link, self._place, self._table, batches)

    def end(self) -> None:
        """Have the table hold all that was taken. It may be used again."""

    def drop(self) -> None:
        """Stop; the rows that were taken are of no use any more. Safe more than once."""


class Settler(ABC):
    """One database's way. It has no state; everything is asked over a link."""

    dialect: ClassVar[Dialect]
    modes: ClassVar[tuple[Mode, ...]] = ("replace", "append", "merge", "delete_insert", "scd2")
    one_transaction: ClassVar[bool] = True
    """Whether creating, altering and dropping tables is part of a transaction, so that the first
    writer's rows may go straight into the one that commits them."""
    straight: ClassVar[bool] = True
    """Whether what writers send may be part of the transaction that commits it; else it is staged
    before, and what is staged is counted before it is brought in."""
    case_matters: ClassVar[bool] = True
    """Whether two columns may differ by upper and lower case alone."""
    triggers_skip: ClassVar[bool] = True
    """Whether a trigger can leave rows out of a statement, without an error."""
    what_waits: ClassVar[str] = ""
    """The statement that runs what triggers have put off until the commit; "" where none can."""
    longest_name: ClassVar[int] = 63
    """How long a name may be, in bytes of UTF-8 or as `length` measures it."""
    unit: ClassVar[str] = "bytes"
    at_once: ClassVar[int] = 0
    """How many bytes of rows a writer gathers to be sent in one go; 0 for each batch by itself."""

    def length(self, name: str) -> int:
        """How long a name is."""
        return len(name.encode())

    @abstractmethod
    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        """Append rows to a table of the place's schema, by name, as fast as the database can.

        Returns how many the database says it took.
        """

    def ingest_all(
        self, link: Link, place: Place, table: str, batches: Sequence[pl.DataFrame]
    ) -> int:
        """Append several batches, as `ingest` does one."""
        return sum(self.ingest(link, place, table, rows) for rows in batches)

    def way_in(self, link: Link, place: Place, table: str) -> WayIn:
        """What takes the rows of this process's writers to a table; nothing is sent as yet."""
        return WayIn(self, link, place, table)

    def encoded(self, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
                ) -> pl.DataFrame:  # fmt: skip
        """A batch as `ingest` is to have it. Raises BadValue for what the database cannot hold."""
        return batch

    def blame(
        self, error: DataError, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> HyggeError:
        """The error for a batch that the database refused, with the value if it can be found."""
        return error

    def check(self, fields: Schema, place: Place) -> None:
        """Raise UnsupportedError for columns that the database cannot have."""
        seen: dict[str, str] = {}
        for name in (place.schema, place.table):
            if self.length(name) > self.longest_name:  # it would be cut, to that of another maybe
                raise UnsupportedError(
                    f"{place}: a name has {self.length(name)} {self.unit}; here it can have "
                    f"{self.longest_name}",
                    hint="set `table` to a shorter one",
                )
        for field in fields:
            self.dialect.ddl(field.type)
            if self.length(field.name) > self.longest_name:
                raise UnsupportedError(
                    f"{place}: the column '{field.name[:40]}...' has a name of "
                    f"{self.length(field.name)} {self.unit}; here it can have {self.longest_name}",
                    hint="`rename` it",
                )
            other = seen.setdefault(field.name if self.case_matters else field.name.lower(),
                                    field.name)  # fmt: skip
            if other != field.name:
                raise UnsupportedError(
                    f"{place}: the columns '{other}' and '{field.name}' differ by upper and lower "
                    "case alone, which this database does not tell apart",
                    hint="`rename` one of them",
                )

    def bring_in(self, link: Link, place: Place, statement: str) -> None:
        """Run the INSERT that brings rows into the place's own table."""
        link.execute(statement)

    def who(self, link: Link) -> str:
        """Who the database takes us for, and by what, for people; "" where it does not tell."""
        return ""

    # Transactions ---------------------------------------------------------------------------------

    def begin(self, link: Link) -> None:
        """Open the transaction that commits."""
        link.execute("BEGIN")

    def lock(self, link: Link, place: Place, patience_s: float = 0) -> None:
        """Let loads of one table go one after another, until the transaction ends.

        Parameters
        ----------
        patience_s: how long to wait for another one; 0 for as long as it takes.
        """

    def rows_follow(self, link: Link) -> bool:
        """Tables are as they must be: only rows change from here to the commit. Where changing
        tables has ended the transaction, it is opened anew.

        Returns whether the lock was given up with it.
        """
        return False

    def commit(self, link: Link) -> None:
        link.execute("COMMIT")

    def rollback(self, link: Link) -> None:
        link.execute("ROLLBACK")

    def is_conflict(self, error: HyggeError) -> bool:
        """Whether an error means that another transaction changed the same rows or tables."""
        return False

    # The catalogue --------------------------------------------------------------------------------

    def names(self, link: Link, place: Place, table: str = "") -> list[str] | None:
        """The columns of a table, in order; None where there is none."""
        found = link.rows(
            "SELECT column_name FROM information_schema.columns "
            f"WHERE {self._is(place, table)} ORDER BY ordinal_position"
        )
        return [name for (name,) in found] or None

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        """The columns of a table with their types, as the database writes them."""
        found = link.rows(
            "SELECT column_name, data_type FROM information_schema.columns "
            f"WHERE {self._is(place, table)} ORDER BY ordinal_position"
        )
        return dict(found)

    def takes(self, there: str, coming: str) -> bool:
        """Whether a column of one type takes all values of another as they are: databases round
        and cut what they insert, and do not say so."""
        return there == coming

    def altered(self, stage: str, name: str, held: str, coming: str) -> str:
        """See `modes.altered`."""
        return modes.altered(self.dialect, stage, name, held, coming)

    def misfits(self, link: Link, place: Place, new: str) -> list[str]:
        """The place's columns that would alter what comes from a table of the same columns."""
        there = self.types(link, place)
        return [
            f"'{name}' is {there[name]} there, and {kind} comes"
            for name, kind in self.types(link, place, new).items()
            if not self.takes(there[name], kind)
        ]

    def alters(self, link: Link, stage: str, name: str, held: str, coming: str) -> bool:
        """Whether a staged value of a column would be another one in a column of type `held`."""
        return bool(link.rows(self.altered(stage, name, held, coming)))

    def triggers(self, link: Link, place: Place) -> list[str] | None:
        """The triggers that run for rows of a table, by name, as far as the user may see them; None
        where the database cannot be asked, so that any statement may meet one."""
        return []

    def hold_rows(self, link: Link, place: Place) -> None:
        """Let nobody else change a table's rows until the transaction ends, so that they can be
        counted; nothing where nobody can anyway, or the user may not."""

    def before_delete(self, link: Link, place: Place) -> None:
        """Raise DataError where to delete rows of a table would change other rows too."""

    def check_keys(self, link: Link, place: Place, keys: Sequence[Field]) -> None:
        """Raise DataError where a table's columns tell some keys apart from no others."""

    def check_rights(self, link: Link, place: Place) -> None:
        """Raise ConnectError where the user lacks a right that every load needs, if the database
        tells that cheaply."""

    def is_table(self, link: Link, place: Place) -> bool:
        """Whether what has the place's name is a table that rows can be put into."""
        found = link.rows(
            f"SELECT table_type FROM information_schema.tables WHERE {self._is(place)}"
        )
        return [kind for (kind,) in found] == ["BASE TABLE"]

    def stages(self, link: Link, place: Place) -> list[str]:
        """Every table of hygge's own in the place's schema."""
        found = link.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '~_hygge~_%' "
            f"ESCAPE '~' AND {self._within(place)}"
        )
        return [name for (name,) in found]

    def _is(self, place: Place, table: str = "") -> str:
        """The condition for a table of the place's schema in the catalogue."""
        name = self.dialect.text(table or place.table)
        return f"{self._same('table_name', name)} AND {self._within(place)}"

    def _within(self, place: Place) -> str:
        """The condition for what is in the place's schema; others of its name may be in databases
        that are attached beside, as all of an account's are in MotherDuck."""
        schema = self.dialect.text(place.schema) if place.schema else "current_schema()"
        return f"{self._same('table_schema', schema)} AND table_catalog = current_database()"

    def _same(self, column: str, name: str) -> str:
        return f"{column} = {name}" if self.case_matters else f"lower({column}) = lower({name})"

    # Tables ---------------------------------------------------------------------------------------

    def state_table(self, place: Place) -> str:
        """The table that keeps the state of a place."""
        return STATE_TABLE

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
            listed = ", ".join(map(self.dialect.quote, columns))
            link.execute(
                f"CREATE INDEX {self.dialect.quote(index_name())} "
                f"ON {place.sql(self.dialect, table)} ({listed})"
            )

    def about_key(self, error: DataError) -> str:
        """What the database says of a key that cannot be one, without names of hygge's own."""
        return error.message

    def add_column(self, link: Link, place: Place, field: Field) -> None:
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect)} ADD COLUMN {self.dialect.quote(field.name)} "
            f"{self.dialect.ddl(field.type)}"
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

    # Tables that a load made on its way, and whether it still lives

    def claim(self, link: Link, table: str) -> None:
        """Say that a table, which is not yet made, belongs to this session as long as it lives."""

    def unclaim(self, link: Link, table: str) -> None:
        """Say that it does no longer."""

    def is_left(self, link: Link, table: str) -> bool | None:
        """Whether no session that lives has claimed a table; None where the database cannot
        tell, so that its age must."""
        return None

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
