"""Imports that go on beside other work."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest

import hygge.testing
from hygge.core.errors import MissingDriver
from hygge.core.importing import begin_importing, needing


def test_who_needs_it_has_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hygge_test_beside.py").write_text(
        "import threading\nby = threading.current_thread().name\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    begin_importing("hygge_test_beside")
    for thread in threading.enumerate():
        if thread.name == "importing":
            thread.join(30)
    assert sys.modules["hygge_test_beside"].by == "importing"
    assert import_module("hygge_test_beside").whole


def test_what_is_there_takes_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "Thread", None)
    begin_importing("sys", "threading")


def test_what_is_not_there_is_told_to_who_imports_it() -> None:
    begin_importing("hygge_test_no_such_module")
    with pytest.raises(ModuleNotFoundError):
        import_module("hygge_test_no_such_module")


def test_what_another_thread_could_not_import_is_told_by_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited for it is given what there is of the module, and misses a name in it."""
    (tmp_path / "needs.py").write_text("import a_driver_that_is_not\n")
    monkeypatch.setattr(hygge.testing, "__path__", [*hygge.testing.__path__, str(tmp_path)])
    missed = ImportError("cannot import name 'Link'", name="hygge.testing.needs")
    with pytest.raises(MissingDriver, match="a_driver_that_is_not"), needing("mysql"):
        raise missed
    missed.name = "hygge.testing.oracle"  # which can be imported
    with pytest.raises(ImportError, match="cannot import name"), needing("mysql"):
        raise missed
