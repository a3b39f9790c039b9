"""What loads into local folders leave beside them."""

from __future__ import annotations

from pathlib import Path

from hygge.files.retired import sweep_all
from hygge.files.stage import stage_root


def check_swept(destination: Path) -> None:
    """Nothing but the lock of all, once what is retired has been removed."""
    sweep_all()
    assert [path.name for path in stage_root(destination).iterdir()] == ["commit.lock"]
