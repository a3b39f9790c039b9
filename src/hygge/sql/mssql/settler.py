"""Settling in SQL Server: bulk copy into a stage, and one transaction that brings it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import polars as pl

from hygge.core.errors import TransientError
from hygge.core.fields import Field, Schema
from hygge.sql.link import Link
from hygge.sql.mssql import security, written
from hygge.sql.mssql.bulk import BulkWay
from hygge.sql.mssql.catalogue import column_types
from hygge.sql.mssql.tables import MSSQLTables, is_of, one
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import WayIn

if TYPE_CHECKING:
    from hygge.sql.mssql.link import MSSQLLink
    from hygge.sql.server import PooledConnection

Kept = Literal["permissions", "indexes"]


@dataclass(frozen=True)
class MSSQLSettler(MSSQLTables):
    """Everything is transactional, tables too, but bulk copy, which goes into a stage therefore.

    Parameters
    ----------
    bulk_copy: whether rows are copied in bulk; else they are parameters of INSERTs.
    columnstore: whether tables get a clustered columnstore index.
    collation: of text columns in tables that are made; "" for the database's.
    keep: what a table that is replaced hands on to the new one.
    sees_all_rows: whether security policies hide no rows from who loads.
    """

    bulk_copy: bool = True
    columnstore: bool = False
    collation: str = ""
    keep: tuple[Kept, ...] = ()
    sees_all_rows: bool = False

    straight = False
    case_matters = False
    longest_name = 128
    unit = "units of UTF-16"

    def length(self, name: str) -> int:
        return len(name.encode("utf-16-le")) // 2

    def lines(self, connection: PooledConnection) -> int:
        """See Settler: two, where rows are copied in bulk."""
        return 2 if self.bulk_copy and connection.opens_beside else 1

    # Rows -----------------------------------------------------------------------------------------

    def way_in(self, link: Link, place: Place, table: str) -> WayIn:
        if not (self.bulk_copy and cast("MSSQLLink", link).copies):
            return super().way_in(link, place, table)
        return BulkWay(self, link, place, table)

    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        return cast("MSSQLLink", link).insert(place.sql(self.dialect, table), rows)

    def encoded(
        self, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> pl.DataFrame:
        return written.encoded(batch, fields, entity=entity, offset=offset)

    def unheld(self, column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
        return written.unheld(column, field)

    def bring_in(self, link: Link, place: Place, statement: str) -> int | None:
        """See Settler. The numbers of an identity column come with the rows."""
        table = place.sql(self.dialect)
        if not one(link, f"SELECT COUNT(*) FROM sys.identity_columns WHERE {is_of(table)}"):
            return link.execute(statement)
        link.execute(
            f"SET IDENTITY_INSERT {table} ON; {statement}; SET IDENTITY_INSERT {table} OFF"
        )
        return None

    def who(self, link: Link) -> str:
        return cast("MSSQLLink", link).who()

    def check_rights(self, link: Link, place: Place) -> None:
        """See Settler. Raises UnsupportedError for a server that speaks the protocol and cannot
        take a load with all that it promises."""
        cast("MSSQLLink", link).engine.check_loads(str(place))

    def check_sight(self, link: Link, place: Place, *, compares: bool) -> str:
        if self.sees_all_rows:
            return ""
        states = place.sql(self.dialect, self.state_table(place))
        return security.check(cast("MSSQLLink", link), place, states, compares=compares)

    def is_filled(self, link: Link, place: Place) -> bool:
        """See Settler. Where a policy may hide them all, by the server's own count."""
        if super().is_filled(link, place):
            return True
        there, table = cast("MSSQLLink", link), place.sql(self.dialect)
        return any(security.policies(there, table)) and security.has_rows(there, table)

    # Transactions ---------------------------------------------------------------------------------

    def begin(self, link: Link) -> None:
        link.execute("SET XACT_ABORT ON; BEGIN TRANSACTION")

    def commit(self, link: Link) -> None:
        link.execute("COMMIT TRANSACTION")

    def rollback(self, link: Link) -> None:
        link.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")

    def lock(self, link: Link, place: Place, patience_s: float = 0) -> None:
        """See Settler. Raises TransientError where the lock cannot be had in `LOCK_TIMEOUT`.

        Names of resources are compared byte by byte, those of tables by the database's collation,
        which mostly knows no case: two tables that differ in case at most wait for each other.

        https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql
        """
        within = f", @LockTimeout = {round(patience_s * 1000)}" if patience_s else ""
        name = self.dialect.text(f"hygge {self._schema(link, place)}.{place.entry}".lower()[:255])
        answer = link.row(
            f"DECLARE @r int; EXEC @r = sp_getapplock @Resource = {name}, "
            f"@LockMode = 'Exclusive', @LockOwner = 'Transaction'{within}; SELECT @r"
        )
        if answer[0] not in (0, 1):
            raise TransientError(
                f"{place}: another load of it has gone on for longer than this one may wait",
                hint="run it again when that one has ended",
            )

    def claim(self, link: Link, table: str) -> None:
        """See Settler: by an application lock of the session."""
        cast("MSSQLLink", link).claim(table)

    def unclaim(self, link: Link, table: str) -> None:
        cast("MSSQLLink", link).unclaim(table)

    def is_left(self, link: Link, table: str) -> bool:
        return not cast("MSSQLLink", link).is_claimed(table)

    # The catalogue --------------------------------------------------------------------------------

    def names(self, link: Link, place: Place, table: str = "") -> list[str] | None:
        """See Settler; without the columns that the server fills itself."""
        found = link.rows(
            "SELECT name, is_computed, system_type_id, generated_always_type FROM sys.columns "
            f"WHERE {is_of(place.sql(self.dialect, table))} ORDER BY column_id"
        )
        mine = [name for name, computed, kind, generated in found
                if not computed and not generated and kind != _ROWVERSION]  # fmt: skip
        return mine if found else None

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        return column_types(link.rows, place.sql(self.dialect, table))

    def takes(self, there: str, coming: str) -> bool:
        return written.takes(there, coming)

    def altered(self, stage: str, name: str, held: str, coming: str) -> str:
        """See `modes.altered`. What cannot be cast at all would be refused, so it counts too."""
        quoted = self.dialect.quote(name)
        # Between binary values no cast fails, and Babelfish tries it by way of text.
        cast = "CAST" if "binary" in held and "binary" in coming else "TRY_CAST"
        after = f"{cast}({cast}({quoted} AS {held}) AS {coming})"
        pairs = [(after, quoted)]
        if coming.startswith(("nvarchar", "varbinary")):
            pairs.append((f"DATALENGTH({after})", f"DATALENGTH({quoted})"))
        if coming.startswith("nvarchar"):
            by = f" COLLATE {written.BINARY_ORDER}"
            pairs.append((after + by, quoted + by))
        differ = " OR ".join(f"{a} <> {b}" for a, b in pairs)
        return self.dialect.first(
            f"1 FROM {stage} WHERE {quoted} IS NOT NULL AND ({after} IS NULL OR {differ})"
        )

    def is_table(self, link: Link, place: Place) -> bool:
        text = self.dialect.text(place.sql(self.dialect))
        return bool(
            one(link, f"SELECT COUNT(*) FROM sys.tables WHERE object_id = OBJECT_ID({text})")
        )

    def stages(self, link: Link, place: Place) -> list[str]:
        schema = self.dialect.text(place.schema) if place.schema else "SCHEMA_NAME()"
        found = link.rows(
            "SELECT t.name FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id "
            f"WHERE s.name = {schema} AND t.name LIKE '~_hygge~_%' ESCAPE '~'"
        )
        return [name for (name,) in found]

    def _schema(self, link: Link, place: Place) -> str:
        return place.schema or str(link.row("SELECT SCHEMA_NAME()")[0])


_ROWVERSION = 189
"""Of sys.types: `timestamp`."""
