"""Settling in PostgreSQL: binary COPY in, and tables that change places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from hygge.core.errors import BadValue, DataError, HyggeError
from hygge.core.fields import Field, Schema
from hygge.core.load import LoadRequest
from hygge.core.sift import refuse
from hygge.sql.link import Link
from hygge.sql.postgres import encode, rights
from hygge.sql.postgres.hanging import carried, hangs
from hygge.sql.postgres.keys import check_keys
from hygge.sql.postgres.types import DIALECT, ddl
from hygge.sql.settle.keep import replace_rows
from hygge.sql.settle.modes import words
from hygge.sql.settle.place import Place, part_name
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.shape import parts_differ

if TYPE_CHECKING:
    from hygge.sql.postgres.link import PostgresLink

# What the catalogue says of a place: each answer's kind, name, more of it, and number.
_LOOK = r"""
SELECT 'column', attname::text, format_type(atttypid, atttypmod), attnum::int FROM pg_attribute
  WHERE attrelid = to_regclass({table}) AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'kind', relkind::text, '', 0 FROM pg_class WHERE oid = to_regclass({table})
UNION ALL SELECT 'part', p.relname::text, '', 0
  FROM pg_class c JOIN pg_inherits i ON i.inhparent = c.oid JOIN pg_class p ON p.oid = i.inhrelid
  WHERE c.oid = to_regclass({table}) AND c.relkind = 'p'
UNION ALL SELECT 'index', relname, '', 0 FROM ({indexes}) i
UNION ALL SELECT 'trigger', tgname, '', 0 FROM ({triggers}) t
UNION ALL SELECT 'own', relname::text, '', 0 FROM pg_class
  WHERE relname LIKE '\_hygge\_%' AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')
  AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})
UNION ALL SELECT 'keeps', '', '', 0 WHERE to_regclass({state}) IS NOT NULL
ORDER BY 1, 4, 2
"""
_TRIGGERS = """
SELECT DISTINCT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'
AND (tgrelid = to_regclass({table})
     OR tgrelid IN (SELECT relid FROM pg_partition_tree(to_regclass({table}))))
UNION SELECT rulename::text FROM pg_rewrite WHERE ev_class = to_regclass({table})
AND ev_enabled <> 'D'
"""
_INDEXES = """
SELECT x.relname::text FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
WHERE i.indrelid = to_regclass({table}) AND x.relname LIKE '\\_hygge\\_index\\_%'
"""
_ADVISORY = "SELECT 1 FROM (SELECT {do}(hashtextextended({name}, 0)) AS x) l"
# How pg_locks shows the lock of a bigint: https://www.postgresql.org/docs/current/view-pg-locks.html
_CLAIMED = """
SELECT 1 FROM pg_locks, (SELECT hashtextextended({name}, 0) AS key) k
WHERE locktype = 'advisory' AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::bigint = ((key >> 32) & 4294967295) AND objid::bigint = (key & 4294967295)
"""
_WHOLE = ("smallint", "integer", "bigint")
"""Types of whole numbers, each of which takes those before it."""


class PostgresSettler(Settler):
    """Everything is transactional, tables too. Loads of one table wait for each other's end."""

    dialect = DIALECT
    what_waits = "SET CONSTRAINTS ALL IMMEDIATE"  # constraint triggers may be INITIALLY DEFERRED
    at_once = 64 << 20  # the end of each COPY is waited for, and nothing is sent meanwhile

    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        return self.ingest_all(link, place, table, [rows])

    def ingest_all(
        self, link: Link, place: Place, table: str, batches: Iterable[pl.DataFrame]
    ) -> int:
        return cast("PostgresLink", link).append(place.schema, table, batches)

    def encoded(
        self, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> pl.DataFrame:
        return encode.encoded(batch, fields, entity=entity, offset=offset)

    def unheld(self, column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
        return encode.unheld(column, field)

    def blame(
        self, error: DataError, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> HyggeError:
        """The value that the server refused, where it can be found: text with a NUL in it, or what
        is no JSON."""
        try:
            refuse(batch, fields, encode.unheld, entity=entity, offset=offset)
        except BadValue as found:
            return found
        return error

    def who(self, link: Link) -> str:
        return cast("PostgresLink", link).who()

    def check_rights(self, link: Link, place: Place) -> None:
        rights.check(
            link, place, self._schema(place), place.sql(self.dialect, self.state_table(place))
        )

    def lock(self, link: Link, place: Place, patience_s: float = 0) -> None:
        if patience_s:
            link.execute(f"SET LOCAL lock_timeout = '{patience_s:g}s'")
        of_it = self.dialect.text(f".{place.entry}")
        name = f"concat('hygge ', {self._schema(place)}::text, {of_it})"
        link.rows(_ADVISORY.format(do="pg_advisory_xact_lock", name=name))

    def _schema(self, place: Place) -> str:
        """The place's schema, as SQL."""
        return self.dialect.text(place.schema) if place.schema else "current_schema()"

    def create(
        self, link: Link, place: Place, table: str, fields: Schema, keys: Sequence[str]
    ) -> None:
        """See Settler; what may become the place's table with its partitions."""
        if not place.partition_by:
            super().create(link, place, table, fields, keys)
            return
        listed = ", ".join(map(self.dialect.quote, place.partition_by))
        link.execute(f"{self.table_sql(place, table, fields, keys)} PARTITION BY HASH ({listed})")
        whole, name = place.sql(self.dialect, table), part_name(place)
        for n in range(place.partitions):
            part = place.sql(self.dialect, f"{name}_{n}")
            rest = f"WITH (MODULUS {place.partitions}, REMAINDER {n})"
            link.execute(f"CREATE TABLE {part} PARTITION OF {whole} FOR VALUES {rest}")

    def create_stage(self, link: Link, place: Place, table: str, request: LoadRequest) -> None:
        """See Settler. Rows that wait for being merged need no partitions."""
        super().create_stage(
            link, place if request.mode == "replace" else place.plain, table, request
        )

    def take_over(self, link: Link, place: Place, new: str) -> None:
        """See Settler. Where something hangs on the table that a new one would not have (a view, an
        index, a grant ...), it stays, and its rows are changed within the transaction."""
        held = self.stays(link, place)
        if not held:
            super().take_over(link, place, new)
            return
        replace_rows(self, link, place, new, held)
        self.drop(link, place, new)

    def triggers(self, link: Link, place: Place) -> list[str]:
        """See Settler; with its rules, and the triggers of its partitions."""
        return list(self.tells(link, place, "triggers")["triggers"])

    def hold_rows(self, link: Link, place: Place) -> None:
        """See Settler; who may only read and insert cannot take such a lock."""
        name = place.sql(self.dialect)
        (may,) = link.row(
            f"SELECT has_table_privilege({self.dialect.text(name)}, 'UPDATE, DELETE, TRUNCATE')"
        )
        if may:
            link.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")

    def before_delete(self, link: Link, place: Place) -> None:
        """See Settler. Foreign keys of other tables may pass deletions on."""
        found = carried(link, self.dialect.text(place.sql(self.dialect)))
        if found is not None:
            name, other = found
            raise DataError(
                f"{place}: rows are replaced by deleting them first, and the foreign key '{name}' "
                f"would then delete or change rows of {other}",
                hint="make that key ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED, or drop it",
            )

    def check_keys(self, link: Link, place: Place, keys: Sequence[Field]) -> None:
        check_keys(link, place, keys)

    def discard(self, link: Link, place: Place, table: str) -> None:
        self.begin(link)
        try:
            link.execute("SET LOCAL lock_timeout = '2s'")
            self.drop(link, place, table)
        except BaseException:
            self.rollback(link)
            raise
        self.commit(link)

    def claim(self, link: Link, table: str) -> None:
        """See Settler: by an advisory lock of the session, which the server lets go when that
        ends, however it ends."""
        link.rows(_ADVISORY.format(do="pg_advisory_lock", name=self._claim(table)))

    def unclaim(self, link: Link, table: str) -> None:
        link.rows(_ADVISORY.format(do="pg_advisory_unlock", name=self._claim(table)))

    def is_left(self, link: Link, table: str) -> bool:
        """See Settler. Held by this very session, as behind a pooler, it is claimed as well."""
        return not link.rows(_CLAIMED.format(name=self._claim(table)))

    def _claim(self, table: str) -> str:
        return self.dialect.text(f"hygge {table}")

    def stays(self, link: Link, place: Place) -> str:
        """See Settler; "" where there is no table, too."""
        return hangs(link, self.dialect.text(place.sql(self.dialect)))

    def tells(self, link: Link, place: Place, what: str) -> Mapping[str, Any]:
        """See Tables: all in one statement."""
        table, text = self.dialect.text(place.sql(self.dialect)), self.dialect.text
        found: dict[str, list[str]] = defaultdict(list)
        types: dict[str, str] = {}
        for kind, name, more, _ in link.rows(
            _LOOK.format(
                table=table, schema=self._schema(place),
                state=text(place.sql(self.dialect, self.state_table(place))),
                indexes=_INDEXES.format(table=table), triggers=_TRIGGERS.format(table=table),
            )
        ):  # fmt: skip
            found[kind].append(name)
            if kind == "column":
                types[name] = more
        return {
            "names": found["column"] or None, "types": types,
            "is_table": found["kind"] in (["r"], ["p"]), "indexes": found["index"],
            "triggers": found["trigger"], "stages": found["own"], "keeps": bool(found["keeps"]),
            "layout": parts_differ(place, found["part"]) if found["kind"] else "",
        }  # fmt: skip

    def names(self, link: Link, place: Place, table: str = "") -> list[str] | None:
        return list(self.types(link, place, table)) or None

    def is_table(self, link: Link, place: Place) -> bool:
        """See Settler; found along the search path, as `names` is."""
        return bool(self.tells(link, place, "is_table")["is_table"])

    def indexes(self, link: Link, place: Place) -> list[str]:
        return list(self.tells(link, place, "indexes")["indexes"])

    @contextmanager
    def attempt(self, link: Link) -> Iterator[None]:
        """See Tables: else whatever fails spoils the transaction."""
        link.execute("SAVEPOINT hygge_attempt")
        try:
            yield
        except HyggeError:
            link.execute("ROLLBACK TO SAVEPOINT hygge_attempt")
            raise
        link.execute("RELEASE SAVEPOINT hygge_attempt")

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        """See Settler; asked of the catalogue itself, which is quicker."""
        name = self.dialect.text(place.sql(self.dialect, table))
        found = link.rows(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            f"WHERE attrelid = to_regclass({name}) AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum"
        )
        return dict(found)

    def takes(self, there: str, coming: str) -> bool:
        """See Settler. A JSON document stays what it is as `jsonb`."""
        if there == coming or (there, coming) == ("jsonb", "json"):
            return True
        if there in ("text", "character varying"):
            return coming == "text" or coming.startswith("character varying")
        if coming in _WHOLE:
            return there == "numeric" or there in _WHOLE[_WHOLE.index(coming) :]
        return there == "numeric" and coming.startswith("numeric")

    def altered(self, stage: str, name: str, held: str, coming: str) -> str:
        """See Settler. Texts are held as they are read, with the blanks that `character(n)` fills
        them up with: a cast takes these away, and `concat` does not.

        https://www.postgresql.org/docs/current/datatype-character.html
        """
        if coming != "text" and not coming.startswith("character varying"):
            return super().altered(stage, name, held, coming)
        quoted = self.dialect.quote(name)
        padded = f"concat(CAST({quoted} AS {held})) <> {quoted}"
        differs = words.differs(self.dialect, name, held, coming)
        return self.dialect.first(f"1 FROM {stage} WHERE {differs} OR {padded}")

    def about_key(self, error: DataError) -> str:
        """See Settler: the detail, which names the value and no index."""
        detail = error.message.partition("DETAIL:")[2].strip()
        return detail or error.message

    def widen(self, link: Link, place: Place, field: Field) -> None:
        quoted = self.dialect.quote(field.name)
        link.execute(
            f"ALTER TABLE {place.sql(self.dialect)} ALTER COLUMN {quoted} "
            f"TYPE {ddl(field.type)} USING {quoted}::{ddl(field.type)}"
        )
