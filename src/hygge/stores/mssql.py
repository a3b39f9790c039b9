"""MSSQLStore: a table of SQL Server."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.settler import Kept, MSSQLSettler
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.store import ServerStore, ServerStoreConfig


class MSSQLStoreConfig(ServerStoreConfig):
    """Settings of a SQL Server Store: a connection, a table, and how it is to be."""

    keep: tuple[Kept, ...] = Field(
        default=(),
        description="What a table that is replaced hands on to the new one; a table with more than "
        "that stays, and its rows are changed",
        examples=[["permissions", "indexes"]],
    )
    columnstore: bool = Field(
        default=False, description="Whether the table gets a clustered columnstore index"
    )
    cluster_by: tuple[str, ...] = Field(
        default=(),
        description="The columns in whose order the rows of a table that is made lie: a clustered "
        "index of them, beside which the primary key is another",
        examples=[["customer_id", "ordered_at"]],
    )
    collation: str | None = Field(
        default=None,
        pattern=r"^\w+$",
        description="Of the text columns of a table that is made; the database's if not set",
        examples=["Latin1_General_100_BIN2"],
    )
    sees_all_rows: bool = Field(
        default=False,
        description="That the functions of security policies (row security) show all rows to who "
        "loads, which SQL Server does not tell; else a table with a FILTER predicate is loaded by "
        "`append` alone",
    )
    bulk_copy: bool = Field(
        default=True,
        description="Whether rows are copied in bulk, over one more connection; if not, they are "
        "parameters of INSERTs, which is much slower",
    )

    @model_validator(mode="after")
    def _one_order(self) -> Self:
        if self.columnstore and self.cluster_by:
            raise ValueError("`columnstore` and `cluster_by` exclude each other")
        return self


class MSSQLStore(ServerStore):
    """Where data settles in SQL Server, Azure SQL Database or Managed Instance.

    `MSSQLStore("dbo.users", connection="warehouse")` loads the table `users`, made if need be.
    """

    Config = MSSQLStoreConfig
    config: MSSQLStoreConfig
    connection_type = MSSQLConnection

    def settler(self) -> Settler:
        config = self.config
        return MSSQLSettler(
            bulk_copy=config.bulk_copy, columnstore=config.columnstore,
            collation=config.collation or "", keep=config.keep,
            sees_all_rows=config.sees_all_rows,
        )  # fmt: skip

    def shape(self) -> dict[str, Any]:
        return {**super().shape(), "cluster_by": self.config.cluster_by}
