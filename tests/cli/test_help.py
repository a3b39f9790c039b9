"""What `--help` says, and that saying it is cheap."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.support import environment, hygge, process

from hygge.cli.app import app

HEAVY = ("polars", "pyarrow", "rich", "sqlalchemy", "pydantic", "yaml", "asyncio")


@pytest.mark.parametrize("verb", ["", *app.commands])
def test_help(verb: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    arguments = (verb, "--help") if verb else ("--help",)
    assert hygge(*arguments, cwd=tmp_path).out == snapshot


@pytest.mark.parametrize("verb", sorted(app.commands))
def test_every_verb_and_option_has_help(verb: str) -> None:
    command = app.commands[verb]
    assert command.help
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize("arguments", [["--help"], ["go", "--help"], ["--version"], ["nonsense"]])
def test_light_questions_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, json\n"
        "from hygge.cli.app import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == [], done.stderr


def test_version(tmp_path: Path) -> None:
    assert process("--version", cwd=tmp_path).out == f"hygge {version('hygge')}\n"


def test_the_installed_command_is_the_same(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("hygge")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout == hygge("--version", cwd=tmp_path).out


def test_no_verb_shows_help_and_is_a_mistake(tmp_path: Path) -> None:
    done = hygge(cwd=tmp_path, code=2)
    assert "Usage: hygge" in done.err


@pytest.mark.parametrize(
    "arguments", [("og",), ("go", "--flwo", "x"), ("go", "--concurrency", "0"), ("move", "one")]
)
def test_bad_usage_is_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = hygge(*arguments, cwd=tmp_path, code=2)
    assert "Error:" in done.err
    assert done.out == ""


def test_an_option_of_the_program_after_a_command(tmp_path: Path) -> None:
    done = hygge("go", "--config", "x.yml", cwd=tmp_path, code=2)
    assert "'--config' goes before the command: hygge --config PATH go" in done.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_hygge(shell: str, tmp_path: Path) -> None:
    script = hygge("completion", shell, cwd=tmp_path).out
    assert "_HYGGE_COMPLETE" in script


def test_completion_completes(tmp_path: Path) -> None:
    asked = {"_HYGGE_COMPLETE": "bash_complete", "COMP_WORDS": "hygge d", "COMP_CWORD": "1"}
    offered = process(cwd=tmp_path, env=asked).out.split()
    assert offered == ["plain,debug", "plain,discover", "plain,demo"]
    asked = {"_HYGGE_COMPLETE": "bash_complete", "COMP_WORDS": "hygge go --if", "COMP_CWORD": "2"}
    assert process(cwd=tmp_path, env=asked).out.split() == ["plain,--if-running"]


def test_a_bash_that_reads_the_script_completes(tmp_path: Path) -> None:
    script = hygge("completion", "bash", cwd=tmp_path).out
    (tmp_path / "hygge.bash").write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-n", "hygge.bash"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
