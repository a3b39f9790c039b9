"""What the plugin does for a run of tests, seen from outside: in runs of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tests.servers import KINDS, server_of
from tests.servers.base import Kind

ROOT = Path(__file__).parents[2]
FIXTURES = {"postgres": "postgres", "mariadb": "mysql"}
OURS = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
of_each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)

# In a run of tests: MariaDB is nowhere to be found.
WITHOUT_MARIADB = """
    from tests.servers.mariadb import MariaDB

    def programs(self):
        raise self.missing()

    MariaDB.programs = programs
"""


class Runs:
    """Runs of pytest in a folder, each with an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, tests: str, conftest: str = "") -> None:
        head = 'pytest_plugins = ["tests.servers.plugin"]\n'
        (self.folder / "conftest.py").write_text(head + dedent(conftest))
        (self.folder / "test_it.py").write_text(dedent(tests))

    def start(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        clean = {k: v for k, v in os.environ.items() if k not in ("CI", "PYTEST_ADDOPTS")}
        for kind in KINDS.values():
            clean.pop(kind.variable, None)
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "xdist", *options],
            cwd=self.folder,
            env=clean | OURS | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *options: str, **environment: str) -> tuple[int, str]:
        with self.start(*options, **environment) as process:
            printed, _ = process.communicate(timeout=100)
        return process.returncode, printed


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def both_installed() -> None:
    for kind in KINDS.values():
        kind.installed()


# A missing server


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_elsewhere_tests_without_their_server_are_skipped_and_told(
    runs: Runs, options: tuple[str, ...]
) -> None:
    runs.write(
        """
        from tests.servers import mariadb_server

        def test_a(mysql): raise AssertionError
        def test_b(mysql_url): raise AssertionError
        def test_c():
            with mariadb_server(): raise AssertionError
        def test_other(): pass
        """,
        WITHOUT_MARIADB,
    )
    code, printed = runs.run(*options)
    assert code == 0
    assert "1 passed, 3 skipped" in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("skipped")]
    assert line == f"skipped 3 tests: {KINDS['mariadb'].missing()}"


def test_what_to_do_is_told() -> None:
    kind = KINDS["mariadb"]
    assert str(kind.missing()).startswith(f"MariaDB is missing; to install it: {kind.hint()}")
    assert "HYGGE_TEST_MYSQL_URL" in str(kind.missing())


def test_in_ci_they_fail(runs: Runs) -> None:
    runs.write("def test_a(mysql): pass\ndef test_b(mysql_url): pass", WITHOUT_MARIADB)
    code, printed = runs.run(CI="true")
    assert code == 1
    assert "2 errors" in printed and "passed" not in printed and "skipped" not in printed
    assert str(KINDS["mariadb"].missing()) in " ".join(printed.split())


@pytest.mark.usefixtures("both_installed")
@pytest.mark.parametrize(
    ("command", "told"), [('["false"]', "MariaDB could not be set up"), ("{}[0]", "KeyError(0)")]
)
def test_a_server_that_does_not_start_is_no_missing_one(
    runs: Runs, command: str, told: str
) -> None:
    runs.write(
        "def test_a(mysql): pass",
        f"""
        from tests.servers.mariadb import MariaDB

        MariaDB.prepare = lambda self, folder: {command}
        """,
    )
    # The keeper is another process, where the conftest is not heard: so on its path.
    (runs.folder / "sitecustomize.py").write_text("import conftest\n")
    code, printed = runs.run(PYTHONPATH=f"{ROOT}{os.pathsep}{runs.folder}")
    assert code == 1
    assert told in printed


# Sharing, and the end


@pytest.mark.usefixtures("both_installed")
def test_workers_share_the_servers(runs: Runs) -> None:
    runs.write(
        """
        from pathlib import Path

        def test_a(postgres, mysql, worker_id):
            Path(worker_id).write_text(f"{postgres.port} {mysql.port}")
        """
    )
    code, printed = runs.run("-n", "2", "--dist", "each")
    assert code == 0, printed
    told = [path.read_text() for path in runs.folder.glob("gw*")]
    assert len(told) == 2 and len(set(told)) == 1


@pytest.mark.usefixtures("both_installed")
@pytest.mark.parametrize(("workers", "how"), [("0", "SIGINT"), ("2", "SIGINT"), ("2", "SIGKILL")])
def test_a_run_that_is_stopped_leaves_nothing(runs: Runs, workers: str, how: str) -> None:
    runs.write(
        """
        import time
        from pathlib import Path

        def test_a(postgres_server, mysql_server):
            text = f"{postgres_server._state}\\n{mysql_server._state}"
            Path("started.new").write_text(text)
            Path("started.new").rename("started")
            time.sleep(60)
        """
    )
    with runs.start("-n", workers) as process:
        eventually((runs.folder / "started").exists)
        states = [Path(line) for line in (runs.folder / "started").read_text().splitlines()]
        keepers = [json.loads(state.read_text())["keeper"] for state in states]
        assert all(alive(keeper) for keeper in keepers)
        if how == "SIGINT":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of the run
            process.communicate(timeout=30)
            assert not states[0].parent.exists()
        else:
            process.kill()
            process.communicate(timeout=30)
            eventually(lambda: not states[0].parent.exists())
    eventually(lambda: not any(alive(keeper) for keeper in keepers))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def eventually(is_so: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "that took too long"
        time.sleep(0.02)


# A server that somebody else runs


@of_each_kind
def test_a_running_server_is_used_and_left_as_it_was(runs: Runs, kind: Kind) -> None:
    fixture = FIXTURES[kind.key]
    runs.write(
        f"""
        def test_a({fixture}, {fixture}_url, {fixture}_server):
            {fixture}.execute("CREATE TABLE t (v int);")
            assert {fixture}.url == {fixture}_url
            {fixture}_server.new_database().execute("SELECT 1;")
            print("port", {fixture}.port)
        """
    )
    databases = {
        "postgres": "SELECT datname FROM pg_database",
        "mariadb": "SELECT schema_name FROM information_schema.schemata",
    }[kind.key]
    with server_of(kind, own=True) as server:
        before = server.admin.rows(databases)
        code, printed = runs.run("-rP", **{kind.variable: server.admin.url})
        assert code == 0, printed
        assert f"port {server.admin.port}" in printed
        assert sorted(server.admin.rows(databases)) == sorted(before)
