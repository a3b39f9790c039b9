"""What SQL Server is asked for by its samples, planned against a catalogue as it tells it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from syrupy.assertion import SnapshotAssertion

from hygge import Coordinator
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context
from hygge.core.watermark import Window
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.session import MSSQLSession

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = sorted(p.name for p in SAMPLES.glob("mssql_*.yaml"))
NOW = datetime(2026, 1, 31, 12, 0, 0, 123456)
# Name, type, max_length, precision, scale, is_nullable, is_identity: as sys.columns has them.
TABLES: dict[str, list[tuple[str, str, int, int, int, bool, bool]]] = {
    "users": [
        ("id", "int", 4, 10, 0, False, True), ("name", "nvarchar", 200, 0, 0, True, False),
        ("guid", "uniqueidentifier", 16, 0, 0, False, False),
        ("place", "geography", -1, 0, 0, True, False),
    ],
    "orders": [
        ("id", "bigint", 8, 19, 0, False, True), ("total", "decimal", 9, 18, 4, True, False),
        ("updated_at", "datetime2", 8, 27, 7, False, False),
        ("anything", "sql_variant", 8016, 0, 0, True, False),
    ],
    "prices": [
        ("id", "int", 4, 10, 0, False, False), ("amount", "money", 8, 19, 4, False, False),
        ("valid_from", "datetime2", 8, 27, 7, False, False),
        ("note", "nvarchar", -1, 0, 0, True, False),
    ],
}  # fmt: skip
QUERY = [
    ("id", "bigint", 8, 19, 0, False), ("total", "decimal(18,4)", 9, 18, 4, True),
    ("updated_at", "datetime2(7)", 8, 27, 7, False),
    ("customer", "nvarchar(100)", 200, 0, 0, True),
]  # fmt: skip


class Recorded(MSSQLLink):
    """Answers as a server does that has these tables and allows snapshots."""

    def __init__(self) -> None:
        super().__init__("recorded")
        self.done: list[str] = []

    def execute(self, sql: str) -> None:
        self.done.append(sql)

    def table(self, sql: str) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        if "sp_describe_first_result_set" in sql:
            names = ["is_hidden", "name", "system_type_name", "user_type_name", "max_length",
                     "precision", "scale", "is_nullable"]  # fmt: skip
            return names, [(False, n, t, None, *rest) for n, t, *rest in QUERY]
        if "EngineEdition" in sql:
            return [""] * 3, [(5, "12.0.2000.8", "Microsoft SQL Azure")]
        if "SYSUTCDATETIME" in sql:
            return [""], [(NOW,)]
        if "snapshot_isolation_state" in sql:
            return ["", ""], [(1, False)]
        if "OBJECT_ID('sys.security_predicates')" in sql:
            return [""], [(7,)]
        if "sys.security_predicates" in sql:
            return [], []
        table = next((t for t in TABLES if f"o.name = N'{t}'" in sql), None)
        if table is None:  # `dbo.users` is first looked for under that whole name
            return [], []
        if "is_primary_key" in sql:
            return [], [(7, "id", 1)]
        if "sys.partitions" in sql:
            return [], [(7, 1_000)]
        return [], [(7, "dbo", table, "U ", *column) for column in TABLES[table]]

    def insert(self, into: str, rows: pl.DataFrame) -> int:
        raise AssertionError(f"nothing is to be written into {into}")

    def stream(self, sql: str, batch_rows: int) -> Any:
        raise AssertionError(f"nothing is recorded for {sql}")

    def cancel(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("name", NAMES)
def test_statements(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    monkeypatch.chdir(tmp_path)
    links: list[Recorded] = []

    def connect(_: MSSQLConnection) -> Recorded:
        links.append(Recorded())
        return links[-1]

    monkeypatch.setattr(MSSQLConnection, "connect", connect)
    said = []
    for plan in Coordinator(config_path=Path(shutil.copy(SAMPLES / name, tmp_path))).checked_plan():
        with plan.home.open(Context()) as session:
            assert isinstance(session, MSSQLSession)
            assert session.consistency == "one snapshot"
            window = None
            if plan.settings.incremental is not None:
                column = plan.settings.incremental.column
                since = session.clock() or NOW.replace(tzinfo=UTC)
                kind = session.schema()[column].type
                window = Window(column, kind, (since - timedelta(days=1)).replace(tzinfo=None),
                                since.replace(tzinfo=None))  # fmt: skip
            request = ReadRequest(columns=plan.settings.columns or (), window=window)
            fields = "\n".join(
                f"  {f.name}: {f.type}{'' if f.nullable else ' NOT NULL'}"
                f"{' KEY' if f.key else ''}{f'  -- {f.loss}' if f.loss else ''}"
                for f in session.schema()
            )
            said.append(f"{plan.full_name}\n{fields}\n{session.statement(request, WHOLE)}")
    assert "\n\n".join(said) == snapshot
    for link in links:
        assert link.done[0] == "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION" or (
            "LOCK_TIMEOUT" in link.done[0]  # of the sample's `session`
        )
