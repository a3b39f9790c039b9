"""What a server is that speaks SQL Server's protocol: told by itself, never configured.

https://learn.microsoft.com/sql/t-sql/functions/serverproperty-transact-sql, EngineEdition
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from hygge.core.errors import ConfigError, UnsupportedError

ENGINE_SQL = (
    "SELECT CAST(SERVERPROPERTY('EngineEdition') AS int), "
    "CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), @@VERSION"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A kind of server, and what can be had of it.

    Parameters
    ----------
    name: for people.
    isolation: whether a read chooses how it is kept apart from writers; or is in a snapshot
        whatever it says; or by whatever the server has.
    lacks: why it takes no loads, what it has not; "" for all that hygge needs.
    instead: where rows go instead.
    version: as the server says.
    """

    name: str
    isolation: Literal["chosen", "snapshot", "own"] = "chosen"
    lacks: str = ""
    instead: str = ""
    version: str = ""

    @property
    def whole(self) -> bool:
        """Whether it is SQL Server's own engine: table locks, statistics and samples, row versions
        and Change Tracking."""
        return not self.lacks

    def check_isolation(self, asked: str | None, place: str) -> None:
        """Raise ConfigError for a connection's `isolation` that would do nothing."""
        if asked and self.isolation != "chosen":
            every = "every read is in a snapshot" if self.isolation == "snapshot" else (
                "how reads are kept apart from writers is the database's own setting"
            )  # fmt: skip
            raise ConfigError(
                f"{place} is {self.name}: `isolation: {asked}` does nothing there, {every}",
                hint="leave `isolation` out",
            )

    def check_tracking(self, place: str) -> None:
        """Raise UnsupportedError where there is no Change Tracking."""
        if not self.whole:
            raise UnsupportedError(
                f"{place} is {self.name}, which has no Change Tracking",
                hint="read incrementally by a column",
            )

    def check_loads(self, place: str) -> None:
        """Raise UnsupportedError where loads could not be proved, or not be undone."""
        if self.lacks:
            raise UnsupportedError(
                f"{place}: {self.name} takes no loads of `type: mssql`: {self.lacks}",
                hint=self.instead,
            )


SERVER = Engine("SQL Server")
_WHOLE = {
    5: "Azure SQL Database", 8: "Azure SQL Managed Instance", 9: "Azure SQL Edge",
    10: "SQL Managed Instance of Azure Arc", 12: "a SQL database of Microsoft Fabric",
}  # fmt: skip
_LAKE = (
    "write to the storage beside it: `type: delta` or `type: parquet`, by a path in Azure Storage"
)
DEDICATED = Engine(
    "a dedicated SQL pool of Azure Synapse", "own",
    "no table can be made, renamed or dropped in a transaction, there are no application locks "
    "(`sp_getapplock`), and primary keys are not enforced", _LAKE,
)  # fmt: skip
"""https://learn.microsoft.com/azure/synapse-analytics/sql-data-warehouse/sql-data-warehouse-develop-transactions
https://learn.microsoft.com/azure/synapse-analytics/sql-data-warehouse/sql-data-warehouse-table-constraints"""
SERVERLESS = Engine(
    "a serverless SQL pool of Azure Synapse", "own",
    "it has no tables of its own, it reads files", _LAKE,
)  # fmt: skip
"""https://learn.microsoft.com/azure/synapse-analytics/sql/on-demand-workspace-overview"""
FABRIC = Engine(
    "a warehouse or a SQL analytics endpoint of Microsoft Fabric", "snapshot",
    "primary keys are not enforced, there are no application locks (`sp_getapplock`), no bulk "
    "copy and no `nvarchar`, and a SQL analytics endpoint is read only",
    "write to OneLake: `type: onelake`, or `type: open_mirroring`",
)  # fmt: skip
"""https://learn.microsoft.com/fabric/data-warehouse/transactions
https://learn.microsoft.com/fabric/data-warehouse/tsql-surface-area"""
BABELFISH = "Babelfish"
"""For PostgreSQL; what it is called, and how its banner begins."""
_DEDICATED, _SERVERLESS_OR_FABRIC = 6, 11


def engine_of(edition: int | None, version: str, banner: str) -> Engine:
    """What a server is, by its answer to `ENGINE_SQL`.

    Parameters
    ----------
    edition: its EngineEdition. One that nobody has heard of yet is taken for SQL Server.
    version: its ProductVersion.
    banner: its `@@VERSION`: a warehouse of Fabric calls itself a Data Warehouse, where a serverless
        pool, of the same edition, does not.
    """
    if edition == _DEDICATED:
        found = DEDICATED
    elif edition == _SERVERLESS_OR_FABRIC:
        found = FABRIC if "Data Warehouse" in banner else SERVERLESS
    else:
        name = BABELFISH if banner.startswith(BABELFISH) else _WHOLE.get(edition or 0)
        found = Engine(name) if name else SERVER
    return replace(found, version=version)
