"""The bench table in SQL Server with texts of declared lengths, beside that of `nvarchar(max)`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.sources import Job
from benchmarks.sources.mssql import SIZED, read


@contextmanager
def job(work: Path, rows: int) -> Iterator[Job]:
    yield read("SQL Server, texts of declared lengths", SIZED, rows)
