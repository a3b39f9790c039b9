"""PostgreSQL's programs: which are taken, and whether the server's user gets at them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers import Broken, Missing, Run
from tests.servers import postgres as module
from tests.servers.daemon import Daemon
from tests.servers.postgres import PACKAGE, POSTGRES


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has no PostgreSQL on it, bar what the package brings."""
    monkeypatch.setattr(module, "FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(POSTGRES.variable, raising=False)


@pytest.fixture
def package(nothing_installed: None) -> Path:
    """The folder of the package that brings PostgreSQL's programs."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"the package {PACKAGE} is not installed")
    return Path(found.submodule_search_locations[0])


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Run.begin() as run:
        daemon = Daemon(POSTGRES, run.folder / "postgres")
        yield daemon
        daemon.remove()


def test_the_package_serves_where_nothing_is_installed(package: Path, daemon: Daemon) -> None:
    daemon.prepare()
    database = daemon.start()
    assert database.rows("SELECT current_setting('timezone')") == [("Europe/Copenhagen",)]
    daemon.stop()
    with pytest.raises(Broken):
        database.execute("SELECT 1;")


def test_programs_in_a_private_folder_are_lent_to_the_servers_user(
    package: Path, daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    for path in package.parent.glob(f"{PACKAGE}*"):
        (tmp_path / path.name).symlink_to(path)
    (programs,) = (tmp_path / PACKAGE).glob("pginstall18/bin")
    monkeypatch.setattr(POSTGRES, "_folders", lambda: [programs])
    daemon.prepare()
    assert daemon.start().rows("SELECT 1") == [("1",)]
    assert (daemon.folder / "lent").exists() == (os.geteuid() == 0)


def test_nothing_at_all_is_missing(
    nothing_installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Missing, match="PostgreSQL is missing; to install it"):
        POSTGRES.find()


def test_the_newest_that_is_installed_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for version, names in {"9.6": 3, "15": 3, "16": 3, "17": 1}.items():
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for name in ("psql", "postgres", "initdb")[:names]:
            (folder / name).touch()
    monkeypatch.setattr(module, "FOLDERS", (f"{tmp_path}/*/bin",))
    assert POSTGRES.programs() == tmp_path / "16" / "bin"
    assert POSTGRES.client() == str(tmp_path / "17" / "bin" / "psql")
