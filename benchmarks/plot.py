"""Results as a bar chart in SVG, written out by hand: nothing has to be installed for it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.line import Line

ROW, LEFT, WIDE, RIGHT, HEAD = 22, 400, 460, 150, 34
PLAIN, HELD, OVER = "#b9c2cc", "#3f7f93", "#c2503c"
"""Bars of floors and peers, of lines that keep their limits, and of lines that do not."""


def svg(lines: Sequence[Line]) -> str:
    """A bar for each line's seconds, a mark at its floor, and its peak memory beside it."""
    most = max((line.timing.seconds for line in lines), default=1.0) or 1.0
    height = HEAD + ROW * len(lines) + 10
    width = LEFT + WIDE + RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-weight="bold">seconds (the mark is its floor), peak MB'
        "</text>",
    ]
    for at, line in enumerate(lines):
        parts += _bar(line, HEAD + ROW * at, WIDE / most)
    return "\n".join([*parts, "</svg>", ""])


def _bar(line: Line, top: int, scale: float) -> list[str]:
    long = max(1.0, line.timing.seconds * scale)
    colour = OVER if line.failures else HELD if line.floor else PLAIN
    base = top + ROW - 8
    ratio = f", {line.ratio:.2f}x" if line.ratio else ""
    said = f"{line.timing.seconds:.2f} s{ratio}, {line.timing.peak_mb:.0f} MB"
    parts = [
        f'<text x="{LEFT - 8}" y="{base}" text-anchor="end">{escape(line.name)}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{long:.1f}" height="{ROW - 6}" fill="{colour}"/>',
        f'<text x="{LEFT + long + 6:.1f}" y="{base}">{said}</text>',
    ]
    if line.floor:
        x = LEFT + line.floor * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{top - 2}" x2="{x:.1f}" y2="{top + ROW - 4}" '
            'stroke="#000000" stroke-width="2"/>'
        )
    return parts
