"""Ranges of whole numbers that are disjoint and together everything. Pure functions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

Range = tuple[int | None, int | None]
"""From the first up to, not including, the second; None is unbounded."""


def ranges_between(low: int, high: int, parts: int) -> list[Range]:
    """Ranges of equal span over the numbers from `low` to `high`, at most `parts`.

    The outermost are unbounded, so that together they are the whole whatever comes.
    """
    span = high - low + 1
    cuts = sorted({low + span * at // parts for at in range(1, parts)} - {low})
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def range_label(name: str, bounds: Range, low: int, high: int) -> str:
    """A range in words, with the ends that are known: `id 1 to 50000`."""
    start = low if bounds[0] is None else bounds[0]
    last = high if bounds[1] is None else bounds[1] - 1
    return f"{name} {start} to {last}"


def range_rows(bounds: Range, low: int, high: int) -> int:
    """How many whole numbers are in a range, for an estimate."""
    start = low if bounds[0] is None else bounds[0]
    return max(0, (high + 1 if bounds[1] is None else bounds[1]) - start)


FINE = 8
"""Into how many pieces each range wanted is cut at first, and a heavy piece then again."""
ROUNDS = 3
"""How often rows are counted anew for skew: each time only between the numbers that are there."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of a range: how many, and the least and the largest number there; None for none."""

    rows: int
    low: int | None = None
    high: int | None = None


def balanced(
    low: int, high: int, parts: int, count: Callable[[Sequence[int]], Sequence[Piece]]
) -> list[tuple[Range, int]]:
    """Ranges of about equal numbers of rows over the numbers from `low` to `high`, and the rows.

    Parameters
    ----------
    low, high: the least and the largest.
    parts: how many ranges are wanted; there may be fewer.
    count: the rows below the first of some cuts, between each two, and from the last one on.

    Rows are counted in pieces of equal span, those that hold more than half a part in finer ones
    again, so that gaps and crowds do no harm. The outermost ranges are unbounded.
    """
    cuts = _cuts(low, high, parts * FINE)
    if not cuts:
        return [((None, None), count(cuts)[0].rows)]
    pieces = count(cuts)
    for _ in range(ROUNDS):
        most = max(1, sum(piece.rows for piece in pieces) // (2 * parts))
        finer = {
            cut
            for piece in pieces
            if piece.rows > most and piece.low is not None and piece.high is not None
            # From the least on, so that the gap below it is no part of the piece.
            for cut in [piece.low, *_cuts(piece.low, piece.high, FINE)]
        } - {*cuts, low}
        if not finer:
            break
        cuts = sorted({*cuts, *finer})
        pieces = count(cuts)
    return merged(cuts, [piece.rows for piece in pieces], parts)


def _cuts(low: int, high: int, parts: int) -> list[int]:
    return [cut for _, cut in ranges_between(low, high, parts) if cut is not None]


def merged(cuts: Sequence[int], counts: Sequence[int], parts: int) -> list[tuple[Range, int]]:
    """Neighbours put together to at most so many ranges, as equal as the cuts allow.

    Parameters
    ----------
    cuts: where pieces begin, in order, but for the first one.
    counts: the rows of each piece.
    """
    held = [0, *accumulate(counts)]
    chosen = []
    for part in range(1, parts):
        at = bisect_left(held, held[-1] * part / parts)
        # The cut before may be nearer to the mark than the one after it.
        if at > 1 and held[-1] * part / parts - held[at - 1] < held[at] - held[-1] * part / parts:
            at -= 1
        if 0 < at <= len(cuts):
            chosen.append(at)
    marks = sorted({at for at in chosen if 0 < held[at] < held[-1]})
    edges = [0, *marks, len(counts)]
    bounds = [None, *(cuts[at - 1] for at in marks), None]
    return [
        ((bounds[n], bounds[n + 1]), held[stop] - held[start])
        for n, (start, stop) in enumerate(pairwise(edges))
    ]
