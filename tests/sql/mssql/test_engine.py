"""What a server is, and what cannot be had of it; over answers that were recorded."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sql.mssql.recorded import Recorded, session
from tests.sql.mssql.support import connect, is_babelfish, needs_server

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.errors import ConfigError, UnsupportedError
from hygge.sql.mssql.engine import DEDICATED, FABRIC, SERVERLESS, engine_of
from hygge.sql.mssql.settler import MSSQLSettler
from hygge.sql.settle.place import Place

SYNAPSE = (6, "10.0.15.0", "Microsoft Azure SQL Data Warehouse - 10.0.15.0")
ON_DEMAND = (11, "12.0.2000.8", "Microsoft SQL Azure (RTM) - 12.0.2000.8")
WAREHOUSE = (11, "12.0.2000.8", "Microsoft Azure SQL Data Warehouse - 12.0.2000.8")
LESSER = pytest.mark.parametrize("told", [SYNAPSE, ON_DEMAND, WAREHOUSE])


@pytest.mark.parametrize(
    ("edition", "name"),
    [
        (2, "SQL Server"), (3, "SQL Server"), (4, "SQL Server"), (None, "SQL Server"),
        (99, "SQL Server"), (5, "Azure SQL Database"), (8, "Azure SQL Managed Instance"),
        (12, "a SQL database of Microsoft Fabric"),
    ],
)  # fmt: skip
def test_what_has_all(edition: int | None, name: str) -> None:
    found = engine_of(edition, "16.0", "Microsoft SQL Server")
    assert (found.name, found.version, found.whole) == (name, "16.0", True)
    found.check_isolation("snapshot", "p")
    found.check_tracking("p")
    found.check_loads("p")


def test_what_has_less() -> None:
    found = [engine_of(*told).name for told in (SYNAPSE, ON_DEMAND, WAREHOUSE)]
    assert found == [DEDICATED.name, SERVERLESS.name, FABRIC.name]


@LESSER
def test_it_takes_no_loads(told: Any) -> None:
    """Whatever is missing is said, before anything is touched, and where rows may go instead."""
    link = Recorded(EngineEdition=[told])
    with pytest.raises(UnsupportedError, match="takes no loads") as caught:
        MSSQLSettler().check_rights(link, Place("dbo", "t", "shop"))
    assert caught.value.hint
    assert len(link.said) == 1


@LESSER
def test_it_has_no_change_tracking(told: Any) -> None:
    with (
        session(Recorded(EngineEdition=[told])) as reading,
        pytest.raises(UnsupportedError, match="no Change Tracking"),
    ):
        reading.told_by("change_tracking")


@LESSER
def test_an_isolation_that_would_do_nothing(told: Any) -> None:
    link = Recorded(EngineEdition=[told])
    link.isolation = "read_committed"
    with session(link) as reading, pytest.raises(ConfigError, match="does nothing there"):
        reading.schema()


@pytest.mark.parametrize(
    ("told", "state", "words", "done"),
    [
        (SYNAPSE, (0, False), "READ UNCOMMITTED", []),
        (SYNAPSE, (0, True), "by versions", []),
        (ON_DEMAND, (0, False), "READ UNCOMMITTED", []),
        (WAREHOUSE, (0, False), "one snapshot", ["BEGIN TRANSACTION"]),
        ((5, "12.0", "Microsoft SQL Azure"), (1, True), "one snapshot",
         ["SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION"]),
    ],
)  # fmt: skip
def test_how_it_is_read(
    told: Any, state: tuple[int, bool], words: str, done: list[str]
) -> None:  # fmt: skip
    """Nothing is set that the server has not, and no more is promised than it keeps."""
    link = Recorded(EngineEdition=[told], snapshot_isolation_state=[state])
    with session(link) as reading:
        assert words in reading.consistency
        assert [sql for sql in link.said if "TRANSACTION" in sql] == done
        link.said.clear()
        link.reset()
    assert ("ISOLATION LEVEL" in link.said[0]) == (told[0] == 5)


@LESSER
def test_it_is_cut_by_whole_numbers_alone(told: Any) -> None:
    """Statistics and samples are not asked for, which in Fabric would end the snapshot."""
    link = Recorded(EngineEdition=[told], **{"MIN(": [(1,)], "MAX(": [(100,)]})
    with session(link, chunk_column="id") as reading:
        assert len(reading.split(ReadRequest(), 4)) == 4
        assert not reading.share()
    assert not any("dm_db_stats_histogram" in sql for sql in link.said)
    with session(link, chunk_column="rv") as reading:
        assert reading.split(ReadRequest(), 4) == [WHOLE]


def test_who_says_what_the_server_is() -> None:
    link = Recorded(SUSER_SNAME=[("app", "dbo")])
    assert link.who() == "'app' (database user 'dbo'), on SQL Server 16.0.4085.2"


@needs_server
def test_the_server_at_hand() -> None:
    with connect() as link:
        found = link.engine
        assert found.whole
        assert (found.name == "Babelfish") == is_babelfish()
        assert link.who().endswith(f"on {found.name} {found.version}")
