"""Entities found by `tables:`."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.project.conftest import MakeProject

from hygge.core.context import Context
from hygge.core.errors import ConfigError
from hygge.core.home import Table
from hygge.project import FlowSpec, expand, expand_tables, load_project
from hygge.project.expand import select_tables

FLOW = """
home: {type: sqlite, path: shop.db}
store: {type: parquet, path: data/out}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "shop.db") as db:
        for name in ("users", "orders", "tmp_one", "Tmp_Two"):
            db.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY)')
    db.close()
    return tmp_path


def flow_of(root: Path) -> FlowSpec:
    project = load_project(root)
    project.check()
    (flow,) = project.flows
    return flow


def test_patterns_find_tables(shop: Path, make_project: MakeProject) -> None:
    make_project(
        {"hygge.yml": "", "flows/all/flow.yml": FLOW + "tables: ['main.*', '!main.tmp_*']\n"}
    )
    flow = flow_of(shop)
    assert flow.tables == ("main.*", "!main.tmp_*")
    assert flow.entities == ()
    specs = {spec.name: spec for spec in expand_tables(flow, Context())}
    assert set(specs) == {"users", "orders", "Tmp_Two"}
    assert specs["users"].home.config.table == "main.users"
    assert specs["users"].store.config.path == "data/out/users"
    assert (Path(specs["users"].location.file).name, specs["users"].location.line) == (
        "flow.yml",
        4,
    )


def test_named_entities_win(shop: Path, make_project: MakeProject) -> None:
    make_project(
        {
            "hygge.yml": "overrides: {'all.u*': {tags: [u]}}\n",
            "flows/all/flow.yml": FLOW
            + """
tables: "*"
overrides: {"[tT]mp_*": {enabled: false}}
entities:
  - name: users
    columns: [id]
  - name: bestellungen
    home: {table: main.orders}
""",
        }
    )
    specs = {spec.name: spec for spec in expand_tables(flow_of(shop), Context())}
    assert list(specs) == ["users", "bestellungen", "Tmp_Two", "tmp_one"] or set(specs) == {
        "users", "bestellungen", "Tmp_Two", "tmp_one",
    }  # fmt: skip
    assert specs["users"].settings.columns == ("id",)
    assert specs["users"].tags == ("u",)
    assert not specs["tmp_one"].enabled


def test_a_pattern_for_nothing_is_a_warning(shop: Path, make_project: MakeProject) -> None:
    make_project({"hygge.yml": "", "flows/all/flow.yml": FLOW + "tables: [users, 'sales.*']\n"})
    (problem,) = expand(flow_of(shop), Context()).problems
    assert problem.severity == "warning"
    assert "'sales.*' matches no table" in problem.message
    said: list[tuple[str, str]] = []
    expand_tables(flow_of(shop), Context(note=lambda *note: said.append(note)))
    assert said[0][1] == "warning"


def test_a_table_whose_name_reaches_outside(shop: Path, make_project: MakeProject) -> None:
    with sqlite3.connect(shop / "shop.db") as db:
        db.execute('CREATE TABLE "../x" (id INTEGER)')
    db.close()
    make_project({"hygge.yml": "", "flows/all/flow.yml": FLOW + "tables: ['*']\n"})
    with pytest.raises(ConfigError, match="would reach into another folder"):
        expand_tables(flow_of(shop), Context())


def test_a_home_that_cannot_be_asked_says_so(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": "",
            "homes/listless.py": """
                from hygge import Home

                class ListlessHome(Home):
                    async def read_batches(self):
                        yield
                """,
            "flows/all/flow.yml": "home: {type: listless}\n"
            "store: {type: parquet, path: x}\ntables: ['*']\n",
        }
    )
    with pytest.raises(ConfigError, match="cannot list its tables"):
        expand_tables(flow_of(root), Context())


def test_one_name_in_two_schemas(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": "",
            "homes/schemas.py": """
                from hygge import Home
                from hygge.core.home import Table

                class SchemasHome(Home):
                    def tables(self, context):
                        return [Table("dbo", "users"), Table("sales", "users")]
                """,
            "flows/all/flow.yml": "home: {type: schemas}\n"
            "store: {type: parquet, path: 'x/{schema}/{table}'}\ntables: ['*']\n",
        }
    )
    flow = flow_of(root)
    with pytest.raises(ConfigError, match=r"tables dbo\.users and sales\.users would both be"):
        expand_tables(flow, Context())
    (spec,) = expand(flow, Context()).entities
    assert spec.store.config.path == "x/dbo/users"


@pytest.mark.parametrize(
    ("home", "problem"),
    [
        ("{table: dbo.users}", "tables dbo.users and sales.users would both be"),
        ("{table: users}", "tables dbo.users and sales.users would both be"),
        ("{table: orders}", "tables orders and dbo.users would both be"),
    ],
)
def test_a_named_entity_hides_no_other_schemas_table(
    make_project: MakeProject, home: str, problem: str
) -> None:
    root = make_project(
        {
            "hygge.yml": "",
            "homes/schemas.py": """
                from hygge import Home, HomeConfig
                from hygge.core.home import Table

                class SchemasHome(Home):
                    class Config(HomeConfig):
                        table: str = ""

                    def tables(self, context):
                        return [Table("dbo", "users"), Table("sales", "users")]
                """,
            "flows/all/flow.yml": "home: {type: schemas}\n"
            "store: {type: parquet, path: 'x/{entity}'}\ntables: ['*']\n"
            f"entities: [{{name: users, home: {home}}}]\n",
        }
    )
    expansion = expand(flow_of(root), Context())
    assert [spec.name for spec in expansion.entities] == ["users"]
    assert problem in expansion.problems[0].message


def test_selecting() -> None:
    tables = [Table("a", "x"), Table("a", "tmp"), Table("b", "x"), Table("", "lone")]

    def names(*patterns: str) -> list[str]:
        return [str(t) for t in select_tables(patterns, tables)[0]]

    assert names("a.*") == ["a.x", "a.tmp"]
    assert names("x") == ["a.x", "b.x"]
    assert names("!tmp") == ["a.x", "b.x", "lone"]
    assert names("!a.*", "*") == ["b.x", "lone"]
    assert names("lone") == ["lone"]
    assert select_tables(["A.*", "!c.*", "b.x"], tables)[1] == ["A.*", "!c.*"]
