"""Settling in MySQL and MariaDB, where making and altering tables commits by itself.

Rows wait in a stage. Then a lock of the table's is taken (GET_LOCK, which commits do not end),
tables are altered, and either rows and state change in one transaction, or, for `replace`, a new
table and a new table of its state change places with the old ones in one RENAME.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import polars as pl

from hygge.core.errors import (
    BadValue,
    DataError,
    HyggeError,
    TransientError,
    UnsupportedError,
)
from hygge.core.fields import Field, Schema
from hygge.core.load import LoadRequest
from hygge.sql.link import Link
from hygge.sql.mysql import rights, tables
from hygge.sql.mysql.catalogue import SNAPSHOTS, text_of
from hygge.sql.mysql.encode import encoded
from hygge.sql.mysql.types import DIALECT, text_literal
from hygge.sql.rows import row_of
from hygge.sql.settle.keep import replace_rows
from hygge.sql.settle.modes import words
from hygge.sql.settle.place import STATE_TABLE, Place, index_name, stage_name
from hygge.sql.settle.settler import Settler

if TYPE_CHECKING:
    from hygge.sql.mysql.link import MySQLLink

PATIENCE_S = 3600
"""How long a load waits for another one's commit to the same table."""
_LONGEST = 64
_AT = re.compile(r"column '(?:.*\.)?`?(?P<column>[^'`]+)`?' at row (?P<row>\d+)")
# What may hang on a table that a new one of the same name would not have.
_HANGS = """
SELECT 'a trigger' FROM information_schema.triggers
  WHERE event_object_schema = {schema} AND event_object_table = {table}
UNION ALL SELECT 'a foreign key' FROM information_schema.referential_constraints
  WHERE constraint_schema = {schema} AND table_name = {table}
UNION ALL SELECT 'a foreign key' FROM information_schema.referential_constraints
  WHERE unique_constraint_schema = {schema} AND referenced_table_name = {table}
UNION ALL SELECT 'an index' FROM information_schema.statistics WHERE table_schema = {schema}
  AND table_name = {table} AND index_name NOT IN ('PRIMARY', {key})
  AND index_name NOT LIKE '~_hygge~_index~_%' ESCAPE '~'
UNION ALL SELECT 'partitions' FROM information_schema.partitions
  WHERE table_schema = {schema} AND table_name = {table} AND partition_name IS NOT NULL
  AND NOT ({own_parts})
UNION ALL SELECT 'a column that is more than its values' FROM information_schema.columns
  WHERE table_schema = {schema} AND table_name = {table}
  AND (extra <> '' OR column_comment <> '' OR coalesce(column_default, 'NULL') <> 'NULL')
UNION ALL SELECT 'a comment' FROM information_schema.tables
  WHERE table_schema = {schema} AND table_name = {table} AND table_comment <> ''
LIMIT 1
"""
_PASSED_ON = """
SELECT constraint_name, table_name FROM information_schema.referential_constraints
WHERE unique_constraint_schema = {schema} AND referenced_table_name = {table}
AND delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') LIMIT 1
"""


class MySQLSettler(Settler):
    """See the module."""

    dialect = DIALECT
    one_transaction = False
    case_matters = False
    triggers_skip = False
    longest_name = _LONGEST
    unit = "characters"

    def length(self, name: str) -> int:
        return len(name)

    def check(self, fields: Schema, place: Place) -> None:
        """See Settler. A name cannot end in a blank (error 1166)."""
        super().check(fields, place)
        for field in fields:
            if field.name.endswith(" "):
                raise UnsupportedError(
                    f"{place}: the column '{field.name}' ends in a blank, as no name may here",
                    hint=f"`rename: {{{field.name!r}: {field.name.rstrip()!r}}}`",
                )

    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        quote = self.dialect.quote
        return cast("MySQLLink", link).append(place.sql(self.dialect, table), rows, quote)

    def encoded(
        self, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> pl.DataFrame:
        return encoded(batch, fields, entity=entity, offset=offset)

    def blame(
        self, error: DataError, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> HyggeError:
        """The value that the server says it could not take as it is."""
        found = _AT.search(error.message)
        at = int(found["row"]) - 1 if found else -1
        field = fields.get(found["column"]) if found else None
        if found is None or field is None or not 0 <= at < batch.height:
            return error
        return BadValue(
            entity=entity, column=field.name, row=row_of(batch, fields.keys, at, offset),
            value=batch[field.name][at], declared=str(field.type),
            hint=f"{error.message}: mend the value, or `cast` the column",
        )  # fmt: skip

    # Transactions ---------------------------------------------------------------------------------

    def lock(self, link: Link, place: Place, patience_s: float = 0) -> None:
        """See Settler. Raises TransientError where another load does not come to its end."""
        within = place.schema or str(link.row("SELECT DATABASE()")[0])
        name = hashlib.blake2b(f"{within}.{place.entry}".lower().encode(), digest_size=20)
        patience_s = patience_s or PATIENCE_S
        (held,) = link.row(f"SELECT GET_LOCK('hygge {name.hexdigest()}', {patience_s:g})")
        if held != 1:
            raise TransientError(f"{place}: another load of it does not come to its end")

    def rows_follow(self, link: Link) -> bool:
        link.execute("BEGIN")
        return False

    def commit(self, link: Link) -> None:
        super().commit(link)
        link.execute("DO RELEASE_ALL_LOCKS()")

    def rollback(self, link: Link) -> None:
        super().rollback(link)
        link.execute("DO RELEASE_ALL_LOCKS()")

    # The catalogue --------------------------------------------------------------------------------

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        """See Settler; of texts with their collation."""
        found = link.rows(
            "SELECT column_name, column_type, coalesce(concat(' collate ', collation_name), '') "
            f"FROM information_schema.columns WHERE {self._is(place, table)} "
            "ORDER BY ordinal_position"
        )
        return {text_of(n): text_of(kind) + text_of(collation) for n, kind, collation in found}

    def takes(self, there: str, coming: str) -> bool:
        return tables.takes(there, coming)

    def alters(self, link: Link, stage: str, name: str, held: str, coming: str) -> bool:
        """See Settler; by the types alone."""
        return not tables.takes(held, coming)

    def check_rights(self, link: Link, place: Place) -> None:
        within = place.schema or str(link.row("SELECT DATABASE()")[0])
        rights.check(link, text_literal(within), str(place), self.dialect.quote(within))

    def is_table(self, link: Link, place: Place) -> bool:
        """See Settler. Raises UnsupportedError for a table without transactions."""
        found = link.rows(
            f"SELECT table_type, engine FROM information_schema.tables WHERE {self._is(place)}"
        )
        if not found or found[0][0] != "BASE TABLE":
            return False
        if found[0][1] not in SNAPSHOTS:
            raise UnsupportedError(
                f"{place} is kept by {found[0][1]}, which has no transactions",
                hint="`ALTER TABLE ... ENGINE = InnoDB`, or choose another `table`",
            )
        return True

    def triggers(self, link: Link, place: Place) -> list[str]:
        found = link.rows(
            "SELECT trigger_name FROM information_schema.triggers WHERE event_object_schema = "
            f"{self._schema(place)} AND event_object_table = {text_literal(place.table)} "
            "ORDER BY trigger_name"
        )
        return [str(name) for (name,) in found]

    def before_delete(self, link: Link, place: Place) -> None:
        """See Settler."""
        where = {"schema": self._schema(place), "table": text_literal(place.table)}
        if found := link.rows(_PASSED_ON.format(**where)):
            name, other = found[0]
            raise DataError(
                f"{place}: rows are replaced by deleting them first, and the foreign key '{name}' "
                f"would then delete or change rows of {other}",
                hint="make that key ON DELETE RESTRICT, or drop it",
            )

    def check_keys(self, link: Link, place: Place, keys: Sequence[Field]) -> None:
        """See Settler; by their collation."""
        types = self.types(link, place)
        exact = tables.collation_of(_mariadb(link))
        for field in keys:
            collation = types.get(field.name, "").partition(" collate ")[2]
            if collation not in ("", exact, "ascii_bin"):
                raise DataError(
                    f"{place}: its key '{field.name}' is {collation}, in which keys that differ in "
                    "case or in blanks at their end may be the same",
                    hint=f"`ALTER TABLE ... MODIFY ... COLLATE {exact}`, or drop the table, and it "
                    "is made anew",
                )

    def _within(self, place: Place) -> str:
        return f"table_schema = {self._schema(place)}"

    def _schema(self, place: Place) -> str:
        return text_literal(place.schema) if place.schema else "DATABASE()"

    def _same(self, column: str, name: str) -> str:
        # The catalogue's own comparison knows no case, though most servers' tables do.
        exact = f"CAST({column} AS BINARY) = CAST({name} AS BINARY)"
        return f"({column} = {name} AND (@@lower_case_table_names > 0 OR {exact}))"

    # Tables ---------------------------------------------------------------------------------------

    def state_table(self, place: Place) -> str:
        """One for each table: it changes places when the table does."""
        name = f"{STATE_TABLE}_{place.entry}"
        if len(name) <= _LONGEST:
            return name
        digest = hashlib.blake2b(place.entry.encode(), digest_size=8).hexdigest()
        return f"{name[: _LONGEST - 17]}_{digest}"

    def create(
        self, link: Link, place: Place, table: str, fields: Schema, keys: Sequence[str]
    ) -> None:
        parts = [*map(tables.part, fields)] if table == place.table else []
        self._create(link, place, table, fields, keys, also=self._indexes(place, parts))

    def _indexes(self, place: Place, parts: Sequence[tables.Part]) -> list[str]:
        """The definitions of the place's indexes, for columns of these sizes; none for none."""
        sizes = {part.name: part for part in parts}
        return [
            tables.index_of(index_name(), [sizes[c] for c in columns], self.dialect.quote)
            for columns in place.indexes
            if parts
        ]

    def add_indexes(self, link: Link, place: Place, table: str) -> None:
        """See Settler; a table that is made in its place has them already, since what comes after
        its making may not come to pass."""
        if place.indexes and table != place.table:
            added = self._indexes(place, self._parts(link, place, table))
            self._alter(link, place, ", ".join(f"ADD {index}" for index in added), table)

    def create_stage(self, link: Link, place: Place, table: str, request: LoadRequest) -> None:
        """See Settler. With the key that a new table is to have, since to make it later would copy
        all of it; for other modes with an index by which rows are found."""
        ready = request.mode == "replace" and not request.terms.latest
        ready = ready and request.stored.names == request.fields.names
        keys = request.fields.keys if ready else request.keys
        place = place if request.mode == "replace" else place.plain
        self._create(link, place, table, request.fields, keys, required=ready)

    def _create(
        self, link: Link, place: Place, table: str, fields: Schema, keys: Sequence[str],
        *, required: bool = True, also: Sequence[str] = (),
    ) -> None:  # fmt: skip
        by = ", ".join(map(self.dialect.quote, place.partition_by))
        spread = f" PARTITION BY KEY ({by}) PARTITIONS {place.partitions}" if by else ""
        collation = tables.collation_of(_mariadb(link))
        parts = tables.columns(fields, keys, self.dialect.quote, collation, required=required)
        link.execute(
            f"CREATE TABLE {place.sql(self.dialect, table)} ({', '.join([*parts, *also])}) "
            f"ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE {collation}"
            f"{spread}"
        )

    def add_key(self, link: Link, place: Place, table: str, keys: Sequence[str]) -> None:
        """See Settler; a stage that becomes the table has it already."""
        of_it = self._is(place, table)
        if link.rows(f"SELECT 1 FROM information_schema.statistics WHERE {of_it} LIMIT 1"):
            return
        sizes = {part.name: part for part in self._parts(link, place, table)}
        key = tables.key_of([sizes[k] for k in keys], self.dialect.quote, primary=True)
        self._alter(link, place, f"ADD {key}", table)

    def _parts(self, link: Link, place: Place, table: str) -> list[tables.Part]:
        """The columns of a table with their sizes."""
        found = link.rows(
            "SELECT column_name, character_octet_length, character_set_name "
            f"FROM information_schema.columns WHERE {self._is(place, table)}"
        )
        return [tables.Part(text_of(name), *rest) for name, *rest in found]

    def add_column(self, link: Link, place: Place, field: Field) -> None:
        self._alter(link, place, f"ADD COLUMN {self._definition(link, field)}")

    def widen(self, link: Link, place: Place, field: Field) -> None:
        self._alter(link, place, f"MODIFY COLUMN {self._definition(link, field)}")

    def relax(self, link: Link, place: Place, name: str) -> None:
        kind = self.types(link, place)[name]
        self._alter(link, place, f"MODIFY COLUMN {self.dialect.quote(name)} {kind} NULL")

    def _definition(self, link: Link, field: Field) -> str:
        return tables.definition(field, self.dialect.quote, tables.collation_of(_mariadb(link)))

    def _alter(self, link: Link, place: Place, change: str, table: str = "") -> None:
        link.execute(f"ALTER TABLE {place.sql(self.dialect, table)} {change}")

    def discard(self, link: Link, place: Place, table: str) -> None:
        link.execute("SET SESSION lock_wait_timeout = 2")
        try:
            self.drop(link, place, table)
        finally:
            link.execute("SET SESSION lock_wait_timeout = DEFAULT")

    def delete_coming(self, target: str, stage: str, keys: Sequence[Field], also: str = "") -> str:
        """See Settler; as a join, for which the optimizer may begin with what comes."""
        same = words.same(self.dialect, keys, words.COMING, target)
        also = f" AND {also}" if also else ""
        return f"DELETE {target} FROM {stage} {words.COMING} JOIN {target} ON {same}{also}"

    # Replacing ------------------------------------------------------------------------------------

    def swaps(self, link: Link, place: Place) -> bool:
        return not self._hangs(link, place)

    def swap(self, link: Link, place: Place, new: str, state: str) -> None:
        """See Settler: one RENAME, which is whole or not at all (MySQL 8.0, MariaDB 10.6)."""
        moves = []
        for ours, theirs in ((new, place.table), (state, self.state_table(place))):
            if self.names(link, place, theirs) is None:
                moves.append((ours, theirs))
            else:
                aside = stage_name()
                moves += [(theirs, aside), (ours, theirs), (aside, ours)]
        shown = (f"{place.sql(self.dialect, a)} TO {place.sql(self.dialect, b)}" for a, b in moves)
        link.execute(f"RENAME TABLE {', '.join(shown)}")

    def take_over(self, link: Link, place: Place, new: str) -> None:
        """For a table on which something hangs that a new one would not have (a trigger, an index,
        a foreign key ...): it stays, and its rows are changed within the transaction."""
        replace_rows(self, link, place, new, self._hangs(link, place))

    def _hangs(self, link: Link, place: Place) -> str:
        """What hangs on the table, in a word; "" for nothing."""
        schema, table = self._schema(place), text_literal(place.table)
        # By `partition_by` the new table has the same ones; others are of people's making.
        by = text_literal(",".join(map(self.dialect.quote, place.partition_by)))
        own = f"partition_method = 'KEY' AND partition_expression = {by}"
        own = own if place.partition_by else "FALSE"
        asked = _HANGS.format(schema=schema, table=table, key=f"'{tables.KEY}'", own_parts=own)
        found = link.rows(asked)
        if found:
            return str(found[0][0])
        if rights.sees_triggers(link, schema, table):
            return ""
        return "perhaps a trigger (the user lacks the right TRIGGER, by which they are seen)"


def _mariadb(link: Link) -> bool:
    return cast("MySQLLink", link).mariadb
