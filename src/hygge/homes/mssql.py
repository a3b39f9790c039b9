"""MSSQLHome: a table, a view or a query of SQL Server."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from hygge.core.context import Context
from hygge.core.reading import HomeSession
from hygge.sql.home import ServerConfig, ServerHome
from hygge.sql.mssql.columns import Beside
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.session import MSSQLSession, MSSQLSource
from hygge.sql.mssql.types import Precision


class MSSQLHomeConfig(ServerConfig):
    """Settings of a Home in SQL Server: a connection, and a table or a query."""

    datetime_precision: Precision = Field(
        default="us",
        description="How `datetime2(7)` is read: cut to microseconds (`us`), exactly but only in "
        "the years 1678 to 2261 (`ns`), or exactly as text (`text`)",
    )

    offset_columns: bool = Field(
        default=False,
        description="Whether each `datetimeoffset` column, which is read as UTC, is followed by "
        "one of its offset in minutes, called `NAME_offset`",
    )

    variant_types: bool = Field(
        default=False,
        description="Whether each `sql_variant` column, which is read as text, is followed by one "
        "of the type that each value has (`decimal`, `nvarchar` ...), called `NAME_type`",
    )

    def source(self, name: str, root: Path, place: str) -> MSSQLSource:
        """See TableConfig."""
        found = super().source(name, root, place)
        return MSSQLSource(
            **vars(found), precision=self.datetime_precision,
            beside=Beside(self.offset_columns, self.variant_types),
        )  # fmt: skip


class MSSQLHome(ServerHome):
    """Where data starts in SQL Server, Azure SQL Database or Managed Instance.

    `MSSQLHome("dbo.users", connection="shop")` reads the table `users` of the schema `dbo`.
    """

    Config = MSSQLHomeConfig
    config: MSSQLHomeConfig
    connection_type = MSSQLConnection

    def beside(self, session: HomeSession, most: int, context: Context) -> list[HomeSession]:
        """In the session's snapshot where it is shared; see Home."""
        found = session.beside(most) if isinstance(session, MSSQLSession) else None
        return super().beside(session, most, context) if found is None else [*found]
