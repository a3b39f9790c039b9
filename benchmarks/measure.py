"""Time whole processes: wall seconds and peak memory, as the operating system accounts them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Timing:
    """One command over several runs: median and range of wall seconds, largest peak RSS in MB."""

    seconds: float
    fastest: float
    slowest: float
    peak_mb: float
    runs: int

    def to_json(self) -> dict[str, float | int]:
        return asdict(self)


def once(command: Sequence[str], cwd: Path) -> tuple[float, float]:
    """Run a command once; wall seconds and peak RSS in MB. Exits, with its output, if it fails."""
    began = time.perf_counter()
    # As a user's: with compiled modules kept, whatever this shell is set to.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{output.decode(errors='replace')}")
    peak = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return seconds, peak


def timed(
    commands: dict[str, Sequence[str]], *, cwd: Path, runs: int, before: Callable[[], None]
) -> dict[str, Timing]:
    """Run several commands in turn, A B A B, so that drift of the machine meets all alike.

    Parameters
    ----------
    commands: by name.
    cwd: where they run.
    runs: counted runs of each, after one that is not counted where `runs` is above 1.
    before: called before each run, to clear what the last one left.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    peaks: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs + (runs > 1)):
        for name, command in commands.items():
            before()
            took, peak = once(command, cwd)
            if number or runs == 1:
                seconds[name].append(took)
                peaks[name].append(peak)
    return {
        name: Timing(statistics.median(took), min(took), max(took), max(peaks[name]), len(took))
        for name, took in seconds.items()
    }
