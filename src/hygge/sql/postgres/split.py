"""How a read of PostgreSQL is cut into chunks: pure functions from sizes and samples to chunks.

A table in a heap is cut by its pages: TID range scans read any range of pages alone, no key is
needed, and no skew of keys matters. A partitioned table is cut as if its partitions lay end to end.
What has no pages is cut by ranges of a key; see `sql.cuts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hygge.core.chunk import WHOLE, Chunk


@dataclass(frozen=True, slots=True)
class Part:
    """What a table's rows lie in: itself, or one of its partitions.

    Parameters
    ----------
    oid: of pg_class.
    name: as SQL, qualified where need be.
    pages: its size; 0 where it has no pages, as a foreign table.
    heap: whether ranges of pages can be read alone.
    readable: whether it may be read by itself, not only as a part of the whole.
    """

    oid: int
    name: str
    pages: int = 0
    heap: bool = True
    readable: bool = True


def by_pages(pages: int, wanted: int) -> list[Chunk]:
    """Ranges of a heap's pages; the last is open, for pages that come meanwhile."""
    cuts = _cuts(pages, wanted)
    if not cuts:
        return [WHOLE]
    return [
        Chunk(number, f"pages {low} to {'the last' if high is None else high - 1}",
              {"pages": [low, high]})
        for number, (low, high) in enumerate(zip([0, *cuts], [*cuts, None], strict=True))
    ]  # fmt: skip


def _cuts(size: int, wanted: int) -> list[int]:
    """Where to cut a length into equal parts, at most as many as it has units."""
    count = max(1, min(wanted, size))
    return [size * number // count for number in range(1, count)]


def by_parts(parts: Sequence[Part], wanted: int) -> list[Chunk]:
    """Ranges of pages over partitions that are thought to lie end to end.

    A partition without pages is not cut. The last chunk also takes what partitions there are by
    the time it is read that nobody knew of here.
    """
    pieces: list[list[list[Any]]] = [[]]
    starts, total = [], 0
    for part in parts:
        starts.append(total)
        total += max(1, part.pages)
    cuts = [*_cuts(total, wanted), total]
    for part, start in zip(parts, starts, strict=True):
        low, end = 0, start + max(1, part.pages)
        while end > cuts[0]:  # it reaches past the chunk being filled
            inside = cuts[0] - start
            if part.heap and inside > low:
                pieces[-1].append([part.oid, low, inside])
                low = inside
            if pieces[-1]:
                pieces.append([])
            cuts.pop(0)
        pieces[-1].append([part.oid, low, None])
    kept = [piece for piece in pieces if piece]
    names = {part.oid: part.name for part in parts}
    known = [part.oid for part in parts]
    return [
        Chunk(number, _label(piece, names),
              {"parts": piece} | ({"but": known} if number == len(kept) - 1 else {}))
        for number, piece in enumerate(kept)
    ]  # fmt: skip


def _label(pieces: Sequence[Sequence[Any]], names: dict[int, str]) -> str:
    first, last = pieces[0], pieces[-1]
    text = names[first[0]] + (f" from page {first[1]}" if first[1] else "")
    if len(pieces) > 1:
        text += f" to {names[last[0]]}"
    return text + (f" up to page {last[2] - 1}" if last[2] is not None else "")


def in_pages(low: int, high: int | None) -> str:
    """The condition for the rows on pages from `low` up to, not including, `high`."""
    parts = [f"ctid >= '({low},0)'::tid"] if low else []
    if high is not None:
        parts.append(f"ctid < '({high},0)'::tid")
    return " AND ".join(parts)


def union(
    pieces: Sequence[tuple[Part, int, int | None]], columns: Sequence[str], name: str, *,
    nothing: str,
) -> str:  # fmt: skip
    """What stands after FROM for the rows of some partitions or ranges of their pages.

    Parameters
    ----------
    pieces: each with its first page and the one after its last, None for all that follow.
    columns: quoted.
    name: what the rows are called, quoted.
    nothing: what has these columns, for no pieces at all.
    """
    hidden = ["tableoid", "ctid", "xmin"] if all(part.heap for part, _, _ in pieces) else []
    wanted = ", ".join([*hidden, *columns])
    selects = [
        f"SELECT {wanted} FROM {part.name}" + (f" WHERE {inside}" if inside else "")
        for part, low, high in pieces
        for inside in [in_pages(low, high)]
    ]
    selects = selects or [f"SELECT {wanted} FROM {nothing} WHERE false"]
    return f"({' UNION ALL '.join(selects)}) AS {name}"
