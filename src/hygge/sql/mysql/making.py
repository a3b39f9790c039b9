"""Tables of MySQL and MariaDB for loads: made, altered, and put in each other's place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from hygge.core.fields import Field, Schema
from hygge.core.load import LoadRequest
from hygge.sql.link import Link
from hygge.sql.mysql import rights, tables
from hygge.sql.mysql.catalogue import text_of
from hygge.sql.mysql.types import DIALECT, text_literal
from hygge.sql.settle.keep import replace_rows
from hygge.sql.settle.modes import words
from hygge.sql.settle.place import INDEX, STATE_TABLE, Place, index_name, part_name, stage_name
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.shape import parts_differ

if TYPE_CHECKING:
    from hygge.sql.mysql.link import MySQLLink

LONGEST = 64
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
  AND partition_name NOT LIKE '~_hygge~_part~_%' ESCAPE '~'
UNION ALL SELECT 'a column that is more than its values' FROM information_schema.columns
  WHERE table_schema = {schema} AND table_name = {table}
  AND (extra <> '' OR column_comment <> '' OR coalesce(column_default, 'NULL') <> 'NULL')
UNION ALL SELECT 'a comment' FROM information_schema.tables
  WHERE table_schema = {schema} AND table_name = {table} AND table_comment <> ''
LIMIT 1
"""


class MySQLTables(Settler):
    """See MySQLSettler."""

    dialect = DIALECT

    # The catalogue --------------------------------------------------------------------------------

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        """See Settler; of texts with their collation."""
        found = link.rows(
            "SELECT column_name, column_type, coalesce(concat(' collate ', collation_name), '') "
            f"FROM information_schema.columns WHERE {self._is(place, table)} "
            "ORDER BY ordinal_position"
        )
        return {text_of(n): text_of(kind) + text_of(collation) for n, kind, collation in found}

    def indexes(self, link: Link, place: Place) -> list[str]:
        found = link.rows(
            f"SELECT DISTINCT index_name FROM information_schema.statistics WHERE {self._is(place)}"
        )
        return [name for (index,) in found if (name := text_of(index)).startswith(INDEX)]

    def layout(self, link: Link, place: Place) -> str:
        """See Settler. A table in one has one row there, without a name."""
        found = link.rows(
            f"SELECT partition_name FROM information_schema.partitions WHERE {self._is(place)}"
        )
        return parts_differ(place, [text_of(part) for (part,) in found if part]) if found else ""

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
        if len(name) <= LONGEST:
            return name
        digest = hashlib.blake2b(place.entry.encode(), digest_size=8).hexdigest()
        return f"{name[: LONGEST - 17]}_{digest}"

    def create(
        self, link: Link, place: Place, table: str, fields: Schema, keys: Sequence[str]
    ) -> None:
        parts = [*map(tables.part, fields)] if table == place.table else []
        self._create(link, place, table, fields, keys, also=self._indexes(place, parts))

    def _indexes(self, place: Place, parts: Sequence[tables.Part]) -> list[str]:
        """The definitions of the place's indexes, for columns of these sizes; none for none."""
        sizes = {part.name: part for part in parts}
        return [
            tables.index_of(
                index_name(columns, case_matters=False), [sizes[c] for c in columns],
                self.dialect.quote,
            )
            for columns in place.indexes
            if parts
        ]  # fmt: skip

    def add_indexes(self, link: Link, place: Place, table: str) -> None:
        """See Settler; all in one statement, which reads the table once."""
        if place.indexes:
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
        name = part_name(place)
        listed = ", ".join(f"PARTITION {name}_{n}" for n in range(place.partitions))
        spread = f" PARTITION BY KEY ({by}) ({listed})" if by else ""
        collation = tables.collation_of(mariadb(link))
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

    def drop_index(self, link: Link, place: Place, name: str) -> None:
        self._alter(link, place, f"DROP INDEX {self.dialect.quote(name)}")

    def add_column(self, link: Link, place: Place, field: Field) -> None:
        self._alter(link, place, f"ADD COLUMN {self._definition(link, field)}")

    def widen(self, link: Link, place: Place, field: Field) -> None:
        self._alter(link, place, f"MODIFY COLUMN {self._definition(link, field)}")

    def relax(self, link: Link, place: Place, name: str) -> None:
        kind = self.types(link, place)[name]
        self._alter(link, place, f"MODIFY COLUMN {self.dialect.quote(name)} {kind} NULL")

    def _definition(self, link: Link, field: Field) -> str:
        return tables.definition(field, self.dialect.quote, tables.collation_of(mariadb(link)))

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
        return not self.stays(link, place)

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
        replace_rows(self, link, place, new, self.stays(link, place))

    def stays(self, link: Link, place: Place) -> str:
        """See Settler."""
        schema, table = self._schema(place), text_literal(place.table)
        asked = _HANGS.format(schema=schema, table=table, key=f"'{tables.KEY}'")
        found = link.rows(asked)
        if found:
            return str(found[0][0])
        if rights.sees_triggers(link, schema, table):
            return ""
        return "perhaps a trigger (the user lacks the right TRIGGER, by which they are seen)"


def mariadb(link: Link) -> bool:
    """Whether it is MariaDB."""
    return cast("MySQLLink", link).mariadb
