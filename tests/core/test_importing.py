"""Imports that go on beside other work."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest

from hygge.core.importing import begin_importing


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
