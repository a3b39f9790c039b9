"""What a fresh machine gets: the locked requirements, the set-up check, the wheel."""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("core", "build", "dev")
GROUPS = sorted(PYPROJECT["project"]["entry-points"])


@cache
def locked(name: str) -> dict[str, str]:
    """The packages of a requirement file, with their versions; of two for different Pythons, that
    for this one."""
    pins: dict[str, str] = {}
    applied: set[str] = set()
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        if line[:1].isalnum():
            requirement = Requirement(line.removesuffix("\\"))
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            name = canonicalize_name(requirement.name)
            if requirement.marker is None or requirement.marker.evaluate():
                assert name not in applied, f"{line}: twice"
                applied.add(name)
                pins[name] = specifier.version
            else:
                pins.setdefault(name, specifier.version)
    return pins


def assert_locked(requirement: str, lock: str) -> None:
    wanted = Requirement(requirement)
    pins = locked(lock)
    assert canonicalize_name(wanted.name) in pins, f"{wanted} is not locked: make lock"
    assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)])


def test_the_core_install_is_small() -> None:
    assert 0 < len(locked("core")) < 30


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_packages_and_hashes_and_nothing_else(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert "://" not in text
    statements = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    for statement in statements:
        if statement.lstrip().startswith("#"):
            assert not re.search(r"\s/|[A-Z]:\\", statement), "a path of somebody's machine"
            continue
        assert re.fullmatch(
            r"[a-z0-9-]+==[^\s;]+( ; [^-]+)?( --hash=sha256:[0-9a-f]{64})+", statement
        ), statement


@pytest.mark.parametrize("requirement", PYPROJECT["project"]["dependencies"])
def test_what_hygge_needs_to_run_is_locked(requirement: str) -> None:
    assert_locked(requirement, "core")


@pytest.mark.parametrize(
    "requirement", [r for r in PYPROJECT["dependency-groups"]["dev"] if isinstance(r, str)]
)
def test_what_is_needed_to_work_on_hygge_is_locked(requirement: str) -> None:
    assert_locked(requirement, "dev")


def test_the_build_needs_what_is_locked_for_it() -> None:
    wanted = PYPROJECT["build-system"]["requires"]
    assert PYPROJECT["dependency-groups"]["build"] == wanted
    for requirement in wanted:
        assert_locked(requirement, "build")


@pytest.mark.parametrize("lock", ["core", "build"])
def test_the_locks_agree(lock: str) -> None:
    assert locked(lock).items() <= locked("dev").items()


# The set-up check


@pytest.fixture
def check_python() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "check_python", ROOT / "scripts" / "check_python.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_this_python_will_do(check_python: ModuleType) -> None:
    assert check_python.problem() == ""


def test_an_old_python_is_told(check_python: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    assert "needs Python 3.11 or newer; this is Python 3.10.13" in check_python.problem()
    assert "make PYTHON=python3.11" in check_python.problem()


def test_a_missing_venv_is_told(check_python: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    here = "python{}.{}-venv".format(*sys.version_info)
    assert f"apt install {here}" in check_python.problem()


def test_the_oldest_python_is_the_same_everywhere(check_python: ModuleType) -> None:
    oldest = "{}.{}".format(*check_python.OLDEST)
    assert PYPROJECT["project"]["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == oldest
    assert f"--python-version {oldest}" in (ROOT / "Makefile").read_text()


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of what lies here, built with the locked build tools and no network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / "hygge").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = zipfile.ZipFile(wheel).namelist()
    assert "hygge/py.typed" in names
    assert {n for n in names if ".dist-info/" not in n} == expected
    assert any(n.endswith(".dist-info/licenses/LICENSE") for n in names)


def test_the_wheel_says_what_it_offers(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/entry_points.txt"))
        parser = configparser.ConfigParser()
        parser.read_string(archive.read(name).decode())
    assert dict(parser["console_scripts"]) == PYPROJECT["project"]["scripts"]
    for group in GROUPS:
        assert dict(parser[group]) == PYPROJECT["project"]["entry-points"][group]


@pytest.mark.parametrize(
    ("group", "name"),
    [(g, n) for g in GROUPS for n in sorted(PYPROJECT["project"]["entry-points"][g])],
)
def test_an_entry_point_leads_to_a_class(group: str, name: str) -> None:
    module, _, attribute = PYPROJECT["project"]["entry-points"][group][name].partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("hygge"):
            raise
        pytest.skip(f"needs the driver {error.name}")
    assert isinstance(found, type)
