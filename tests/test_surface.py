"""The public surface: what is named stays, and `import hygge` is cheap."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import hygge

NAMES = [
    "BadValue",
    "CSVHome",
    "CSVStore",
    "Cancelled",
    "ConfigError",
    "ConflictError",
    "ConnectError",
    "Coordinator",
    "DataError",
    "DeltaHome",
    "DeltaStore",
    "DuckDBHome",
    "DuckDBStore",
    "Field",
    "Flow",
    "GuardError",
    "Home",
    "HomeConfig",
    "HyggeError",
    "IPCHome",
    "IPCStore",
    "IcebergHome",
    "IcebergStore",
    "JournalError",
    "MSSQLHome",
    "MissingDriver",
    "MySQLHome",
    "MySQLStore",
    "NDJSONHome",
    "NDJSONStore",
    "NothingThere",
    "ODBCHome",
    "OneLakeStore",
    "OpenMirroringStore",
    "OracleHome",
    "ParquetHome",
    "ParquetStore",
    "PostgresHome",
    "MSSQLStore",
    "PostgresStore",
    "RunFailed",
    "RunOptions",
    "SQLHome",
    "SQLStore",
    "SQLiteHome",
    "SQLiteStore",
    "Schema",
    "SchemaDrift",
    "StateError",
    "Store",
    "StoreConfig",
    "TransientError",
    "UnsupportedError",
    "VerifyError",
]
HEAVY = {
    "polars", "pyarrow", "pydantic", "sqlalchemy", "click", "rich", "yaml", "tenacity",
    "adbc_driver_manager", "asyncio",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a statement loads in a fresh process."""
    program = f"import sys; {statement}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return set(out.stdout.decode().split())


def test_public_names() -> None:
    assert sorted(hygge.__all__) == sorted(["__version__", *NAMES])
    assert dir(hygge) == sorted(hygge.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_what_it_says(name: str) -> None:
    value = getattr(hygge, name)
    assert value.__name__ == name
    assert value.__doc__
    assert getattr(importlib.import_module(value.__module__), name) is value


def test_every_error_is_an_error_of_hygge() -> None:
    for name in NAMES:
        value = getattr(hygge, name)
        if issubclass(value, Exception):
            assert issubclass(value, hygge.HyggeError)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'hygge' has no attribute 'Hom'"):
        hygge.Hom  # type: ignore[attr-defined]  # noqa: B018


def test_the_version_is_the_package_s() -> None:
    from importlib.metadata import version

    assert hygge.__version__ == version("hygge")


def test_a_missing_driver_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a class that is asked for in Python, too."""
    monkeypatch.setitem(hygge._MODULES, "Fancy", "tests.core.needs_a_driver")
    with pytest.raises(hygge.MissingDriver, match=r"'a_driver_that_is_not' [\s\S]*pip install"):
        hygge.Fancy  # type: ignore[attr-defined]  # noqa: B018


def test_every_error_there_is_can_be_imported() -> None:
    from hygge.core import errors

    every = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
    assert every <= set(NAMES)


def test_importing_hygge_is_cheap() -> None:
    assert not loaded_by("import hygge") & HEAVY


def test_a_home_does_not_bring_what_runs_it() -> None:
    loaded = loaded_by("from hygge import Home, Store")
    assert not loaded & {"sqlalchemy", "click", "rich", "yaml", "tenacity"}
    assert "hypothesis" not in loaded_by("import hygge.testing")


def test_it_is_typed() -> None:
    assert hygge.__file__
    assert (Path(hygge.__file__).parent / "py.typed").exists()


def test_it_runs_as_a_module() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "hygge", "--version"], capture_output=True, check=True
    )
    assert hygge.__version__ in out.stdout.decode()
