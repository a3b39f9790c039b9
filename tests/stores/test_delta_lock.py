"""What hygge asks of deltalake lets go of the interpreter's lock while it waits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_nothing_waits_with_the_lock_that_a_merge_beside_needs(tmp_path: Path) -> None:
    """See the module. Where a call does, the process hangs, and is ended."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.stores.delta_beside", str(tmp_path)],
        capture_output=True, text=True, timeout=90, check=False,
        env=os.environ | {"TOKIO_WORKER_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["made", "loaded", "read", "tidied", "done"]
