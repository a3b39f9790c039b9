"""Projects that move the bench table, and the command that runs them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GO = [sys.executable, "-m", "hygge", "go", "--quiet"]


def write(
    folder: Path, home: Mapping[str, Any], store: Mapping[str, Any] | None = None, **flow: Any
) -> None:
    """A project with one flow, into Parquet unless a Store is given; `flow` holds its further
    settings.

    It is written as JSON, which YAML takes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settles = dict(store or {"type": "parquet", "path": "out"})
    project = {"name": "bench", "flows": {"bench": {"home": dict(home), "store": settles, **flow}}}
    (folder / "hygge.yml").write_text(json.dumps(project, indent=1) + "\n")


def clear(folder: Path) -> None:
    """Take away what a run left in a project."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    shutil.rmtree(folder / ".hygge", ignore_errors=True)


def go(folder: Path) -> list[str]:
    """`hygge go` as a process in a project's folder."""
    return ["env", "-C", str(folder), *GO]
