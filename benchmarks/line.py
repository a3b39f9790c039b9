"""One result, what it is held to, and how results are told: as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import Timing


@dataclass(frozen=True)
class Line:
    """One result.

    Parameters
    ----------
    name: what was timed.
    timing: its seconds and peak memory.
    floor: the seconds that it is set against, from the same run; None for none.
    ratio_limit: how many times its floor it may take.
    peak_limit: of its peak memory, in MB.
    seconds_limit: of its seconds.
    """

    name: str
    timing: Timing
    floor: float | None = None
    ratio_limit: float | None = None
    peak_limit: float | None = None
    seconds_limit: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.timing.seconds / self.floor if self.floor else None

    @property
    def failures(self) -> list[str]:
        """The limits it is over, in words."""
        found = []
        if self.ratio_limit and self.ratio and self.ratio > self.ratio_limit:
            found.append(f"{self.name}: {self.ratio:.2f}x its floor, limit {self.ratio_limit}x")
        if self.peak_limit and self.timing.peak_mb > self.peak_limit:
            found.append(
                f"{self.name}: peak {self.timing.peak_mb:.0f} MB, limit {self.peak_limit} MB"
            )
        if self.seconds_limit and self.timing.seconds > self.seconds_limit:
            found.append(f"{self.name}: {self.timing.seconds:.2f} s, limit {self.seconds_limit} s")
        return found

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name, **self.timing.to_json(), "floor_seconds": self.floor,
            "ratio": self.ratio, "ratio_limit": self.ratio_limit,
            "peak_limit_mb": self.peak_limit, "seconds_limit": self.seconds_limit,
        }  # fmt: skip


def table(lines: Sequence[Line]) -> str:
    """The results as a table in Markdown."""
    out = [
        "| what | seconds | range | processor seconds | peak MB | of its floor |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for line in lines:
        timing = line.timing
        ratio = f"{line.ratio:.2f}x" if line.ratio else ""
        out.append(
            f"| {line.name} | {timing.seconds:.2f} | {timing.fastest:.2f} to {timing.slowest:.2f} "
            f"| {timing.cpu_seconds:.1f} | {timing.peak_mb:.0f} | {ratio} |"
        )
    return "\n".join(out)
