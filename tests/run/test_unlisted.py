"""A flow whose tables cannot be listed fails by itself; the others run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hygge.core.errors import ConfigError, ConnectError
from hygge.project import expand
from hygge.run import coordinator
from hygge.run.coordinator import Coordinator
from hygge.run.options import RunOptions
from hygge.run.result import RunResult

PROJECT = """
flows:
  bad:
    home: {type: sqlite, url: "sqlite:///gone.db"}
    store: {type: parquet, path: bad}
    tables: ["*"]
  good:
    home: {type: sqlite, url: "sqlite:///shop.db"}
    store: {type: parquet, path: good}
    tables: ["users"]
  idle:
    home: {type: sqlite, url: "sqlite:///shop.db"}
    store: {type: parquet, path: idle}
    tables: ["usres"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    database(tmp_path / "shop.db")
    file = tmp_path / "hygge.yml"
    file.write_text(PROJECT)
    return file


def database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO users VALUES (1), (2)")


def execute(project: Path, **options: object) -> RunResult:
    return Coordinator(project, options=RunOptions(**options)).execute()  # type: ignore[arg-type]


def statuses(result: RunResult) -> dict[str, str]:
    return {e.entity: e.status for e in result.entities}


def test_the_other_flows_run_and_it_is_tried_again(project: Path) -> None:
    result = execute(project)
    assert statuses(result) == {"good.users": "moved", "bad.*": "failed"}
    assert result.status == "failed" and result.unfinished == ("bad.*",)
    assert str(result.failed[0].error).startswith("its tables cannot be listed: ")
    database(project.with_name("gone.db"))
    again = execute(project, only=frozenset(result.unfinished))
    assert statuses(again) == {"bad.users": "moved"}
    project.with_name("gone.db").unlink()
    assert statuses(execute(project, only=frozenset(["bad.users"]))) == {"bad.*": "failed"}


def test_fail_fast_starts_nothing(project: Path) -> None:
    assert statuses(execute(project, fail_fast=True)) == {
        "good.users": "untouched", "bad.*": "failed",
    }  # fmt: skip


def test_it_fails_only_where_it_is_meant(project: Path) -> None:
    meant = {"bad.*": "failed"}
    assert statuses(execute(project, flows=("good",))) == {"good.users": "moved"}
    assert statuses(execute(project, exclude=("bad",))) == {"good.users": "moved"}
    assert statuses(execute(project, flows=("bad",))) == meant
    assert statuses(execute(project, select=("bad.*",))) == meant
    with pytest.raises(ConnectError):  # perhaps it has that table
        execute(project, entities=("bad.users",))
    result = execute(project, select=("users",))
    assert statuses(result) == {"good.users": "moved"}
    assert [w for w in result.warnings if w.startswith("bad: which of its tables")]


def test_flows_that_a_run_is_not_for_are_not_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        coordinator, "expand",
        lambda flow, *rest: asked.append(flow.name) or expand(flow, *rest),
    )  # fmt: skip
    for options in ({"flows": ("go*",)}, {"flows": ("go*",), "exclude": ("nothing",)}):
        asked.append("")
        result = execute(project, **options)
        assert statuses(result) == {"good.users": "moved"}
    assert asked == ["", "good", "", "bad", "good", "idle"]


def test_a_plan_alone_raises(project: Path) -> None:
    with pytest.raises(ConnectError):
        Coordinator(project).plan()
    plans = Coordinator(project, options=RunOptions(flows=("good",))).plan()
    assert [plan.full_name for plan in plans] == ["good.users"]


def test_a_flow_whose_patterns_find_nothing_is_known_by_its_name(project: Path) -> None:
    for options in ({"flows": ("idle",)}, {"select": ("idle",)}):
        result = execute(project, **options)
        assert result.status == "ok" and not result.entities
        assert any("'usres' matches no table" in warning for warning in result.warnings)
    with pytest.raises(ConnectError):  # of the tables that are not known, one may be called so
        execute(project, select=("idel",))
    project.write_text(PROJECT.replace("gone.db", "shop.db"))
    with pytest.raises(ConfigError, match="no flow is called 'idel'") as told:
        execute(project, flows=("idel",))
    assert told.value.hint == "did you mean 'idle'?"
