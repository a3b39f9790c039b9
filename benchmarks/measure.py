"""Time whole processes: wall seconds and peak memory, as the operating system accounts them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SPAWN = Path(__file__).with_name("spawn.py")


@dataclass(frozen=True, slots=True)
class Timing:
    """One command over several runs: median and range of wall seconds, largest peak RSS in MB, and
    median of processor seconds, which say something on a busy machine too."""

    seconds: float
    fastest: float
    slowest: float
    peak_mb: float
    runs: int
    cpu_seconds: float = 0.0

    def to_json(self) -> dict[str, float | int]:
        return asdict(self)


def once(command: Sequence[str], cwd: Path) -> tuple[float, float, float]:
    """Run a command once; wall seconds, peak RSS in MB and processor seconds.

    Exits, with the command's output, if it fails.
    """
    # As a user's: with compiled modules kept, whatever this shell is set to.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(SPAWN.parent.parent)
    with tempfile.NamedTemporaryFile() as told:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(SPAWN), told.name, *command],
            cwd=cwd, env=environment, capture_output=True, text=True, errors="replace",
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        seconds, peak, cpu = json.loads(Path(told.name).read_text())
    return seconds, peak, cpu


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
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    for number in range(runs + (runs > 1)):
        for name, command in commands.items():
            before()
            told = once(command, cwd)
            if number or runs == 1:
                found[name].append(told)
    return {name: _timing(told) for name, told in found.items()}


def _timing(told: Sequence[tuple[float, float, float]]) -> Timing:
    seconds, peaks, cpu = zip(*told, strict=True)
    return Timing(
        statistics.median(seconds), min(seconds), max(seconds), max(peaks), len(told),
        statistics.median(cpu),
    )  # fmt: skip
