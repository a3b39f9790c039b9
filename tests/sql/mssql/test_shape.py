"""What SQL Server is told where indexes, clustering or a name's case are others than before: no
server."""

from __future__ import annotations

import pytest
from tests.sql.mssql.recorded import Recorded

from hygge.sql.mssql.settler import MSSQLSettler
from hygge.sql.settle.keep import replace_rows
from hygge.sql.settle.look import Look
from hygge.sql.settle.place import ORDER, Place, index_name
from hygge.sql.settle.shape import reindex, tell

OLD, OTHER = index_name(("a",)), index_name(("b",))
BY = index_name(("c",), ORDER)
HERE = {
    "is_computed": [(name, False, 56, 0) for name in "abc"],
    "sys.columns": [(name, "int", 4, 10, 0) for name in "abc"],
}


def test_indexes_follow_the_settings() -> None:
    link = Recorded(**{"FROM sys.indexes": [(OLD,), (BY,)]}, **HERE)
    place = Place("dbo", "t", "d", indexes=(("b",),), cluster_by=("c",))
    reindex(Look(MSSQLSettler(), link, place))
    made, *dropped = [sql for sql in link.said if "SELECT" not in sql]
    drop = f"DROP INDEX [{OLD}] ON [dbo].[t]"
    assert dropped == ["SET XACT_ABORT OFF", drop, "SET XACT_ABORT ON"]
    assert made.startswith(f"CREATE INDEX [{OTHER[:-8]}")
    assert made.endswith("ON [dbo].[t] ([b])")


@pytest.mark.parametrize(
    ("cluster_by", "names", "told"),
    [(("c",), [BY], 0), ((), [], 0), (("c",), [], 1), ((), [BY], 1), (("a",), [BY], 1)],
)
def test_another_clustering_is_told(
    cluster_by: tuple[str, ...], names: list[str], told: int
) -> None:
    said: list[tuple[str, str]] = []
    link = Recorded(**{"FROM sys.indexes": [(name,) for name in names]}, **HERE)
    place = Place("dbo", "t", "d", cluster_by=cluster_by)
    tell(Look(MSSQLSettler(), link, place), lambda *note: said.append(note))
    assert [severity for _, severity in said] == ["warning"] * told
    assert all("is not clustered as `cluster_by` says" in message for message, _ in said)


def test_a_column_is_renamed() -> None:
    link = Recorded()
    MSSQLSettler().rename_column(link, Place("dbo", "t", "d"), "Name", "na'me")
    assert link.said == ["EXEC sp_rename N'[dbo].[t].[Name]', N'na''me', 'COLUMN'"]


def test_what_the_server_fills_itself_is_no_other_column() -> None:
    """Of a table that stays: the rows that replace its own have no such column."""
    stage = [("a", "int", 4, 10, 0)]
    link = Recorded(
        **{
            "is_computed": [("a", False, 56, 0), ("twice", True, 56, 0)],
            "OBJECT_ID(N'[dbo].[stage]')": stage,
            "JOIN sys.types": [*stage, ("twice", "int", 4, 10, 0)],
            "FROM sys.indexes": [], "FROM sys.foreign_keys": [], "FROM sys.triggers": [],
            "sys.identity_columns": [(0,)],
        }
    )  # fmt: skip
    replace_rows(MSSQLSettler(), link, Place("dbo", "t", "d"), "stage", "an index")
    changed = [sql for sql in link.said if sql.startswith(("DELETE", "INSERT"))]
    assert changed == [
        "DELETE FROM [dbo].[t]", "INSERT INTO [dbo].[t] ([a]) SELECT [a] FROM [dbo].[stage]",
    ]  # fmt: skip
