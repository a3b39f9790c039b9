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
from hygge.core.sift import refuse
from hygge.sql.link import Link
from hygge.sql.mysql import rights, tables
from hygge.sql.mysql.catalogue import SNAPSHOTS
from hygge.sql.mysql.encode import encoded, unheld
from hygge.sql.mysql.making import LONGEST, MySQLTables, mariadb
from hygge.sql.mysql.types import text_literal
from hygge.sql.nested import not_json
from hygge.sql.rows import row_of
from hygge.sql.settle.place import Place

if TYPE_CHECKING:
    from hygge.sql.mysql.link import MySQLLink

PATIENCE_S = 3600
"""How long a load waits for another one's commit to the same table."""
_AT = re.compile(r"column '(?:.*\.)?`?(?P<column>[^'`]+)`?' at row (?P<row>\d+)")
_PASSED_ON = """
SELECT constraint_name, table_name FROM information_schema.referential_constraints
WHERE unique_constraint_schema = {schema} AND referenced_table_name = {table}
AND delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') LIMIT 1
"""
_WRITERS = """
SHOW GLOBAL VARIABLES WHERE (Variable_name = 'wsrep_on' AND Value = 'ON')
OR (Variable_name = 'group_replication_single_primary_mode' AND Value = 'OFF')
"""
"""What a server answers that is one of several which write: Galera's, a group without a primary."""


class MySQLSettler(MySQLTables):
    """See the module."""

    one_transaction = False
    case_matters = False
    triggers_skip = False
    longest_name = LONGEST
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

    def unheld(self, column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
        return [*unheld(column, field), *not_json(column, field)]

    def blame(
        self, error: DataError, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> HyggeError:
        """The value that the server says it could not take as it is."""
        found = _AT.search(error.message)
        at = int(found["row"]) - 1 if found else -1
        field = fields.get(found["column"]) if found else None
        if found is None or field is None or not 0 <= at < batch.height:
            try:
                refuse(batch, fields, not_json, entity=entity, offset=offset)
            except BadValue as refused:
                return refused
            return error
        return BadValue(
            entity=entity, column=field.name, row=row_of(batch, fields.keys, at, offset),
            value=batch[field.name][at], declared=str(field.type),
            hint=f"{error.message}: mend the value, or `cast` the column",
            at=offset + at,
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

    def claim(self, link: Link, table: str) -> None:
        """See Settler: by a lock of the session, which the server lets go when that ends, however
        it ends. What ends a transaction lets it go as well: nothing waits in a stage any more."""
        link.execute(f"DO GET_LOCK({_claim(table)}, 0)")

    def unclaim(self, link: Link, table: str) -> None:
        link.execute(f"DO RELEASE_LOCK({_claim(table)})")

    def is_left(self, link: Link, table: str) -> bool | None:
        """See Settler. A server does not know of claims at others."""
        (free,) = link.row(f"SELECT IS_FREE_LOCK({_claim(table)})")
        if free != 1:
            return False
        return None if link.rows(_WRITERS) else True

    # The catalogue --------------------------------------------------------------------------------

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
        exact = tables.collation_of(mariadb(link))
        for field in keys:
            collation = types.get(field.name, "").partition(" collate ")[2]
            if collation not in ("", exact, "ascii_bin"):
                raise DataError(
                    f"{place}: its key '{field.name}' is {collation}, in which keys that differ in "
                    "case or in blanks at their end may be the same",
                    hint=f"`ALTER TABLE ... MODIFY ... COLLATE {exact}`, or drop the table, and it "
                    "is made anew",
                )


def _claim(table: str) -> str:
    return text_literal(f"hygge {table}")
