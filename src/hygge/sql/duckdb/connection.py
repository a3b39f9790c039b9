"""Connections to DuckDB: a file, or MotherDuck."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from hygge.core.context import Context
from hygge.core.secrets import Secret
from hygge.sql.duckdb.types import REMOTE
from hygge.sql.link import Link
from hygge.sql.pool import Lease
from hygge.sql.server import PooledConnection, seconds
from hygge.sql.session import SQLSession
from hygge.sql.settle.settler import Settler
from hygge.sql.source import Source


class DuckDBConnection(PooledConnection):
    """A DuckDB file, or a MotherDuck database: `{type: duckdb, path: warehouse.duckdb}`."""

    kind: ClassVar[str] = "duckdb"
    schemes: ClassVar[tuple[str, ...]] = ("duckdb",)
    kept_idle: ClassVar[bool] = False

    path: str | None = Field(
        default=None,
        description="The database file, or `md:NAME` for one of MotherDuck's",
        examples=["warehouse.duckdb", "md:sales"],
    )
    url: Secret | None = Field(
        default=None, description="The same as a URL", examples=["duckdb:///warehouse.duckdb"]
    )
    token: Secret | None = Field(
        default=None, description="MotherDuck's token", examples=["${MOTHERDUCK_TOKEN}"]
    )

    writing: bool = Field(default=False, exclude=True, description="Set by hygge")

    memory_limit: str | None = Field(
        default=None,
        pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$",
        description="Memory that DuckDB may use, beside batches on their way. If not set: 64 MB "
        "to read tables, and more where more than 30 columns are read at once; 128 MB for a query "
        "or a `where`; 164 MB to load tables, more from 80 columns on, and most of what there is "
        "where a load has a key, whose index is held in memory, or long values. What needs more is "
        "tried again with most of what there is. If set, that is all there is",
        examples=["4GB"],
    )

    @model_validator(mode="before")
    @classmethod
    def _path_of_url(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("url") is None or given.get("path"):
            return given
        url = given["url"]
        text = url.reveal() if isinstance(url, Secret) else str(url)
        return {**given, "url": None, "path": text.partition("://")[2].removeprefix("/")}

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.path:
            raise ValueError("a `path` is needed, to a file or as `md:NAME`")
        if self.path.startswith(REMOTE) and "token=" in self.path:  # paths are shown
            raise ValueError("MotherDuck's token goes into `token`, not into the path")
        return self

    def bind(self, root: Path) -> Self:
        path = self._path
        if path.startswith(REMOTE):
            return self
        return self.model_copy(update={"path": os.path.abspath(root / Path(path).expanduser())})

    @property
    def _path(self) -> str:
        assert self.path is not None  # validated
        return self.path

    def place(self) -> str:
        return self._path

    def identity(self) -> str:
        return f"duckdb:{self._path if self._path.startswith(REMOTE) else Path(self._path).name}"

    def connect(self) -> Link:
        from hygge.sql.duckdb.link import DuckDBLink

        token = self.token.reveal() if self.token else None
        return DuckDBLink.open(
            self._path, token, writing=self.writing, timeout_s=seconds(self.statement_timeout),
            memory=self.memory_limit,
        )  # fmt: skip

    def for_writing(self) -> Self:
        return self.model_copy(update={"writing": True})

    def settler(self) -> Settler:
        from hygge.sql.duckdb.settler import DuckDBSettler

        return DuckDBSettler()

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        from hygge.sql.duckdb.session import DuckDBSession

        return DuckDBSession(lease, source, context)
