"""Taking over a dead load's stage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hygge.core.context import CancelToken
from hygge.files.stage import Stage, stage_root, try_lock


def test_a_ledger_that_cannot_be_opened_leaves_no_stage_locked(tmp_path: Path) -> None:
    destination = tmp_path / "users"
    stages = [Stage.begin(destination, name, CancelToken()) for name in ("one", "two")]
    for stage in stages:
        (stage.folder / "ledger").mkdir()  # to read it is an OSError, for root too
        stage.let_go()
    with pytest.raises(IsADirectoryError):
        Stage.adopt(destination, CancelToken(), pytest.fail)
    for stage in stages:
        lock = try_lock(stage.folder / "lock")
        assert lock is not None
        os.close(lock)
    assert stage_root(destination).is_dir()
