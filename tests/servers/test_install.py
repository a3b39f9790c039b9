"""Installing what is missing: with Debian's packages, by root, and else by telling how."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.servers import Missing
from tests.servers import install as installing
from tests.servers.install import install, without_services
from tests.servers.mariadb import MARIADB

PACKAGES = "mariadb-server-core mariadb-client-core"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without MariaDB, whose apt-get writes how it was called into this file."""
    calls = tmp_path / "calls"
    apt_get = tmp_path / "apt-get"
    apt_get.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND" "$@" >> {calls}\n')
    apt_get.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    monkeypatch.setattr(type(MARIADB), "find", find_once_installed(calls))
    monkeypatch.setattr(installing, "POLICY", tmp_path / "policy-rc.d")
    return calls


def find_once_installed(calls: Path) -> object:
    def find(self: object) -> None:
        if not calls.exists() or "install" not in calls.read_text():
            raise MARIADB.missing()

    return find


def test_root_has_it_installed(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    install([MARIADB])
    update, done = calls.read_text().splitlines()
    assert update == "noninteractive --quiet update"
    assert done.startswith(
        f"noninteractive --quiet install --no-install-recommends {PACKAGES} --yes --no-remove"
    )
    assert capsys.readouterr() == ("", "")
    install([MARIADB])
    assert len(calls.read_text().splitlines()) == 2, "installed again"


def test_anybody_else_is_told_how(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    install([MARIADB])
    assert not calls.exists()
    assert f"apt-get install --no-install-recommends {PACKAGES}" in capsys.readouterr().err


def test_what_cannot_be_installed_is_told_too(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (calls.parent / "apt-get").write_text("#!/bin/sh\nexit 100\n")
    install([MARIADB])
    assert "MariaDB is missing" in capsys.readouterr().err


def test_a_named_server_needs_its_client_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(MARIADB), "programs", lambda self: (_ for _ in ()).throw(Missing()))
    monkeypatch.setattr(type(MARIADB), "client", lambda self: "mariadb")
    monkeypatch.setenv(MARIADB.variable, "mysql://root:p%40ss@[::1]:13306/")
    MARIADB.find()
    database = MARIADB.running()
    assert database is not None
    assert (database.host, database.password, database.database) == ("::1", "p@ss", "mysql")
    assert database.url == "mysql://root:p%40ss@[::1]:13306/mysql"


def test_no_package_starts_a_service(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with without_services(policy):
        assert policy.read_text().endswith("exit 101\n") and os.access(policy, os.X_OK)
    assert not policy.exists()
    policy.write_text("somebody's own")
    with without_services(policy):
        assert policy.read_text() == "somebody's own"
    assert policy.exists()
