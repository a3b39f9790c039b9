"""What SQL Server is asked about triggers, over answers that were recorded."""

from __future__ import annotations

import pytest
from tests.sql.mssql.recorded import Recorded

from hygge.core.errors import DataError
from hygge.sql.mssql.settler import MSSQLSettler
from hygge.sql.settle.look import Look
from hygge.sql.settle.modes.step import Step
from hygge.sql.settle.place import Place
from hygge.sql.settle.watch import Watch

PLACE = Place("dbo", "t", "shop")
INSERT = Step("INSERT INTO t SELECT * FROM s", coming="SELECT COUNT_BIG(*) FROM s")


def test_rows_are_counted_while_nobody_else_changes_them() -> None:
    link = Recorded(**{"sys.triggers": [("drops",)], "HOLDLOCK": [], "COUNT": [(2,)]})
    with pytest.raises(DataError, match="2 rows were brought in, and it has 0 more") as caught:
        Watch(MSSQLSettler(), Look(MSSQLSettler(), link, PLACE)).run(INSERT, link.execute)
    assert "(drops)" in (caught.value.hint or "")
    held = next(sql for sql in link.said if "HOLDLOCK" in sql)
    assert "FROM [dbo].[t] WITH (TABLOCK, HOLDLOCK)" in held
    assert link.said.index(held) < link.said.index(INSERT.sql)


def test_without_triggers_nothing_is_counted() -> None:
    link = Recorded(**{"sys.triggers": []})
    Watch(MSSQLSettler(), Look(MSSQLSettler(), link, PLACE)).run(INSERT, link.execute)
    assert link.said[1:] == [INSERT.sql]
