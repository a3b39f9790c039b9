"""Whole runs over what was recorded of the driver: no server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from tests.sql.mssql.recorded import Recorded

from hygge import Flow, MSSQLHome, ParquetStore
from hygge.sql.mssql import native
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.login import Login

# Name, type, max_length, precision, scale: as sys.columns has them.
COLUMNS = [
    ("id", "bigint", 8, 19, 0), ("flag", "bit", 1, 1, 0), ("tiny", "tinyint", 1, 3, 0),
    ("price", "money", 8, 19, 4), ("made", "datetime2", 8, 27, 7), ("was", "datetime", 8, 23, 3),
    ("at", "datetimeoffset", 10, 34, 7), ("day", "date", 3, 10, 0), ("t", "time", 5, 16, 7),
    ("key", "uniqueidentifier", 16, 0, 0), ("name", "nvarchar", 100, 0, 0),
    ("blob", "varbinary", -1, 0, 0), ("f", "real", 4, 24, 0),
]  # fmt: skip
# As mssql-python's arrow_reader gives them: every moment in microseconds, instants in UTC, times in
# nanoseconds, identifiers in upper case.
ARROW = pa.schema([
    ("id", pa.int64()), ("flag", pa.bool_()), ("tiny", pa.uint8()), ("price", pa.decimal128(19, 4)),
    ("made", pa.timestamp("us")), ("was", pa.timestamp("us")), ("at", pa.timestamp("us", "+00:00")),
    ("day", pa.date32()), ("t", pa.time64("ns")), ("key", pa.string()), ("name", pa.string()),
    ("blob", pa.binary()), ("f", pa.float32()),
])  # fmt: skip
ROW: dict[str, Any] = {
    "id": 1, "flag": True, "tiny": 255, "price": Decimal("922337203685477.5807"),
    "made": datetime(9999, 12, 31, 23, 59, 59, 999999), "was": datetime(2024, 1, 1, 0, 0, 0, 3000),
    "at": datetime(2024, 1, 1, tzinfo=UTC), "day": date(1, 1, 1), "t": 86_399_999_999_900,
    "key": "6F9619FF-8B86-D011-B42D-00C04FC964FF", "name": "日😀", "blob": b"\0", "f": 0.1,
}  # fmt: skip
BATCHES = [
    pa.RecordBatch.from_pylist([ROW, dict.fromkeys(ROW) | {"id": 2}], ARROW),
    pa.RecordBatch.from_pylist([], ARROW),
    pa.RecordBatch.from_pylist([{**ROW, "id": 3}], ARROW),
]


class Server(Recorded):
    """Answers as a server that has this table, in batches of the driver's."""

    def __init__(self) -> None:
        columns = [(1, "dbo", "t", "U ", name, *kind, name != "id", False)
                   for name, *kind in COLUMNS]  # fmt: skip
        super().__init__(**{"o.type, c.name": columns, "COUNT_BIG": [(3,)]})

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        self.said.append(sql)
        yield (pl.DataFrame(batch) for batch in BATCHES)


def test_recorded_batches_arrive_as_the_table_declares_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links: list[Server] = []

    def connect(_: MSSQLConnection) -> Server:
        links.append(Server())
        return links[-1]

    monkeypatch.setattr(MSSQLConnection, "connect", connect)
    home = MSSQLHome("dbo.t", url="mssql://u:p@recorded/shop")
    result = Flow(home, ParquetStore("t", path=str(tmp_path / "t"))).start_sync()
    assert result.rows == 3
    found = pl.read_parquet(tmp_path / "t" / "*.parquet").sort("id")
    first, empty, _ = found.rows(named=True)
    assert first == {
        **ROW, "key": ROW["key"].lower(), "t": found["t"][0],
        "f": pl.Series([0.1], dtype=pl.Float32)[0],
    }  # fmt: skip
    assert found["t"].cast(pl.Int64)[0] == ROW["t"], "to 100 ns"
    assert [v for name, v in empty.items() if name != "id"] == [None] * (len(ROW) - 1)
    assert found.schema["was"] == pl.Datetime("ms")
    assert found.schema["at"] == pl.Datetime("us", "UTC")
    assert found.schema["price"] == pl.Decimal(19, 4)
    (asked,) = (sql for link in links for sql in link.said if sql.startswith("SELECT [id]"))
    assert asked.endswith("FROM [dbo].[t]")


class Credential:
    """Gives another token each time, as one of azure-identity's does once the last one is old."""

    given = 0

    def get_token(self, *scopes: str) -> str:
        type(self).given += 1
        return f"token {self.given}"


def test_each_connection_asks_for_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that none is too old in a run of hours: what the driver is given is who gives tokens."""
    tokens: list[str] = []

    class Driver:
        Error = Exception

        @staticmethod
        def connect(text: str, token_provider: Any, **settings: Any) -> object:
            assert "PWD" not in text
            tokens.append(token_provider.get_token("https://database.windows.net/.default"))
            return object()

    monkeypatch.setattr(native, "driver", lambda: Driver)
    monkeypatch.setattr(native, "answers", lambda where, timeout, label: None)
    monkeypatch.setattr(Login, "credential", lambda login: Credential())
    connection = MSSQLConnection(server="h", database="d", auth="azure_cli")
    for _ in range(3):
        connection.open_link()
    assert tokens == ["token 1", "token 2", "token 3"]
