"""The YAML that was promised, key for key."""

from __future__ import annotations

import textwrap
from pathlib import Path

import polars as pl
import pytest
from tests.acceptance.support import Parquet, run

FLOW = """\
name: "example_flow"
home:
  type: "parquet"
  path: "data/source"
store:
  type: "parquet"
  path: "data/destination"

defaults:
  key_column: "id"
  batch_size: 10000
"""
USERS = """\
name: "users"
columns:
  - id
  - name
  - email
  - created_at
"""
MSSQL = """\
connections:
  my_database:
    type: mssql
    server: myserver.database.windows.net
    database: mydatabase
    pool_size: 8  # Concurrent connections

flows:
  users_to_parquet:
    home:
      type: mssql
      connection: my_database
      table: dbo.users
    store:
      type: parquet
      path: data/users
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the promised shape, with a source of more columns than the entity names."""
    entities = tmp_path / "flows" / "example_flow" / "entities"
    entities.mkdir(parents=True)
    (tmp_path / "hygge.yml").write_text('name: "my-project"\n', encoding="utf-8")
    (entities.parent / "flow.yml").write_text(FLOW, encoding="utf-8")
    (entities / "users.yml").write_text(USERS, encoding="utf-8")
    source = tmp_path / "data" / "source"
    source.mkdir(parents=True)
    pl.DataFrame(
        {
            "shoe_size": [36.5, None, 44.0],
            "created_at": pl.Series(["2026-01-01", "2026-01-02", None]).str.to_datetime(),
            "id": [1, 2, 3],
            "email": ["a@example.com", None, ""],
            "name": ["Åse", "李", None],
        }
    ).write_parquet(source / "users.parquet")
    return tmp_path


def test_a_flow_folder(project: Path) -> None:
    run("go", cwd=project)
    copy = Parquet(project / "data" / "destination" / "users")
    assert list(copy.types) == ["id", "name", "email", "created_at"]
    assert copy.ask("SELECT id, name, email FROM it ORDER BY id") == [
        (1, "Åse", "a@example.com"),
        (2, "李", None),
        (3, None, ""),
    ]


def test_from_a_folder_below(project: Path) -> None:
    run("go", cwd=project / "flows" / "example_flow" / "entities")
    assert Parquet(project / "data" / "destination" / "users").count == 3


def test_a_folder_as_the_source(project: Path) -> None:
    """`type: parquet` and a `path`, for a single table."""
    text = """\
    flows:
      users:
        home:
          type: parquet
          path: data/source
        store:
          type: parquet
          path: copy
    """
    (project / "single.yml").write_text(textwrap.dedent(text), encoding="utf-8")
    run("--config", "single.yml", "go", cwd=project)
    assert Parquet(project / "copy").count == 3


def test_sql_server(tmp_path: Path) -> None:
    """The table of a SQL Server is planned as written, without a server; nothing moves."""
    (tmp_path / "hygge.yml").write_text(MSSQL, encoding="utf-8")
    said = run("go", "--dry-run", cwd=tmp_path).stdout
    assert "users_to_parquet" in said
    assert "mssql://myserver.database.windows.net/mydatabase#dbo.users" in said
    assert "data/users" in said
    assert not (tmp_path / "data").exists()
