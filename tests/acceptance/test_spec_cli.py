"""The commands that were promised, flag for flag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.acceptance.support import Parquet, run


def tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    run("init", "my-project", cwd=tmp_path)
    return tmp_path / "my-project"


def test_init_makes_the_promised_tree(project: Path) -> None:
    assert {
        "hygge.yml",
        "flows/example_flow/flow.yml",
        "flows/example_flow/entities/users.yml",
    } <= tree(project)


def test_init_then_go(project: Path) -> None:
    run("go", cwd=project)
    users = Parquet(project / "data" / "destination" / "users")
    assert list(users.types) == ["id", "name", "email", "created_at"]
    source = Parquet(project / "data" / "source")
    rows = source.ask(
        f"SELECT id, name, email, epoch_us(created_at) FROM '{source.folder}/users.parquet' "
        "ORDER BY id"
    )
    assert rows
    assert users.ask("SELECT id, name, email, epoch_us(created_at) FROM it ORDER BY id") == rows
    run("go", cwd=project)
    assert users.ask("SELECT id, name, email, epoch_us(created_at) FROM it ORDER BY id") == rows


def test_init_with_another_flows_folder(tmp_path: Path) -> None:
    run("init", "my-project", "--flows-dir", "pipelines", cwd=tmp_path)
    project = tmp_path / "my-project"
    assert "pipelines/example_flow/flow.yml" in tree(project)
    assert not (project / "flows").exists()
    run("go", cwd=project)
    assert Parquet(project / "data" / "destination" / "users").count > 0


def test_init_overwrites_only_with_force_and_only_its_own(project: Path) -> None:
    flow, own = project / "flows" / "example_flow" / "flow.yml", project / "notes.txt"
    fresh = flow.read_text(encoding="utf-8")
    flow.write_text("name: mine\n", encoding="utf-8")
    own.write_text("keep me", encoding="utf-8")
    done = run("init", "my-project", cwd=project.parent, code=2)
    assert "--force" in done.stderr
    assert flow.read_text(encoding="utf-8") == "name: mine\n"
    run("init", "my-project", "--force", cwd=project.parent)
    assert flow.read_text(encoding="utf-8") == fresh
    assert own.read_text(encoding="utf-8") == "keep me"


def test_go_verbose_says_more(project: Path) -> None:
    run("go", "--verbose", cwd=project)
    assert Parquet(project / "data" / "destination" / "users").count > 0


def test_go_for_one_flow(project: Path) -> None:
    (project / "hygge.yml").write_text(
        "flows:\n  copy:\n    home: {type: parquet, path: data/source/products}\n"
        "    store: {type: parquet, path: data/copy}\n",
        encoding="utf-8",
    )
    report = project / "run.json"
    run("go", "--flow", "copy", "--report", str(report), cwd=project)
    told = json.loads(report.read_text(encoding="utf-8"))
    assert [e["entity"] for e in told["entities"]] == ["copy"]
    assert not (project / "data" / "destination").exists()
    assert Parquet(project / "data" / "copy").count > 0


def test_go_for_a_flow_that_is_not_there(project: Path) -> None:
    done = run("go", "--flow", "exmaple_flow", cwd=project, code=2)
    assert "did you mean 'example_flow'?" in done.stderr


def test_debug_shows_the_project_and_its_flows(project: Path) -> None:
    said = run("debug", cwd=project).stdout
    for word in ("my-project", "example_flow", "users"):
        assert word in said


def test_debug_finds_what_is_wrong(project: Path) -> None:
    (project / "data" / "source" / "users.parquet").unlink()
    done = run("debug", cwd=project, code=None)
    assert done.returncode in (1, 2)
    assert "users" in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [(), ("init",), ("go",), ("debug",)])
def test_help(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = run(*arguments, "--help", cwd=tmp_path).stdout
    wanted = {(): "go", ("init",): "--flows-dir", ("go",): "--flow", ("debug",): "--env"}
    assert wanted[arguments] in said
