"""What loads into local folders leave beside them."""

from __future__ import annotations

from pathlib import Path

from hygge.files.stage import stage_root


def check_swept(destination: Path) -> None:
    """At most the names of one old generation are left, and no stage of any other load."""
    root = stage_root(destination)
    stages = [path for path in root.iterdir() if path.name != "commit.lock"]
    assert len(stages) <= 1, stages
    for stage in stages:
        assert {path.name for path in stage.iterdir()} in ({"lock", "new"}, {"lock", "old"})
    held = [path for path in root.rglob("*") if path.is_file() and path.stat().st_size]
    assert held == []
