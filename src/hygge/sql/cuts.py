"""How a table is cut by ranges of a key, whatever its type: pure functions.

Cuts are keys as literals of the database's, in the order in which it has them. Ranges between them
are disjoint and together everything, as long as that order is the database's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from hygge.core.chunk import WHOLE, Chunk

SAMPLE = 100
"""Keys sampled for each chunk: at this many the chunks' sizes differ by about a tenth (the standard
error of a quantile's rank among n is at most 1 in 2 * sqrt(n))."""


def by_keys(
    key: Sequence[str], cuts: Sequence[tuple[str, ...]], *, nulls: bool, rows: int | None = None
) -> list[Chunk]:
    """Ranges of a key between its cuts.

    Parameters
    ----------
    key: its columns.
    cuts: keys as literals, in the key's order.
    nulls: whether the key may be NULL; such rows are in the first chunk.
    rows: how many each range is thought to have; None where unknown.
    """
    if not cuts:
        return [WHOLE]
    return [
        Chunk(
            number, f"{', '.join(key)} {_range(low, high)}",
            {"key": list(key), "from": None if low is None else list(low),
             "below": None if high is None else list(high), "nulls": nulls and low is None},
            rows, lasting=True,
        )
        for number, (low, high) in enumerate(zip([None, *cuts], [*cuts, None], strict=True))
    ]  # fmt: skip


def by_bounds(sample: Sequence[str], wanted: int, column: str) -> list[Chunk]:
    """Ranges for a query's `:lower` and `:upper`, cut where a sample has its quantiles."""
    cuts = [value for (value,) in quantiles([(value,) for value in sample], wanted)]
    if not cuts:
        return [WHOLE]
    return [
        Chunk(number, f"{column} {_range(low and (low,), high and (high,))}",
              {"lower": low, "upper": high}, lasting=True)
        for number, (low, high) in enumerate(zip([None, *cuts], [*cuts, None], strict=True))
    ]  # fmt: skip


def quantiles(sample: Sequence[tuple[str, ...]], wanted: int) -> list[tuple[str, ...]]:
    """Up to `wanted - 1` different values that cut a sorted sample into equal parts."""
    at = (len(sample) * number // wanted for number in range(1, wanted))
    found = dict.fromkeys(sample[i] for i in at if i)
    if sample and sample[0] in found:  # nothing lies below it
        del found[sample[0]]
    return list(found)


def _range(low: Sequence[str] | None, high: Sequence[str] | None) -> str:
    words = [f"from {', '.join(low)}"] if low else []
    if high:
        words.append(f"below {', '.join(high)}")
    return " ".join(words)
