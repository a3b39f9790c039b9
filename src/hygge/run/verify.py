"""What must hold before a load is published: counts that agree, a destination that keeps."""

from __future__ import annotations

from collections.abc import Sequence

from hygge.core.errors import GuardError, VerifyError
from hygge.core.state import State
from hygge.run.result import Proof
from hygge.run.task import ChunkResult


def proved(entity: str, results: Sequence[ChunkResult], staged: int) -> Proof:
    """The counts of a load, which agree, chunk by chunk and together.

    Parameters
    ----------
    entity: the name used in errors.
    results: of every chunk.
    staged: rows counted in what lies staged.

    Raises
    ------
    VerifyError: they do not.
    """
    read = sum(r.rows_read for r in results)
    written = sum(r.receipt.rows for r in results)
    counted = [r.rows_source for r in results if r.rows_source is not None]
    source = sum(counted) if len(counted) == len(results) else None
    aside = sum(r.aside for r in results)
    if written != staged or not all(r.agrees for r in results):
        said = "" if source is None else f"the source counts {source} rows, "
        kept = f"{aside} set aside, " if aside else ""
        raise VerifyError(
            f"{entity}: {said}{read} were read, {kept}{written} written and "
            f"{staged} lie staged; nothing was published",
            hint="run it again; if it stays so, the source changes while it is read",
        )
    return Proof(
        read=read, written=written, staged=staged, source=source, aside=aside,
        chunks=len(results), reused=sum(r.reused for r in results),
    )  # fmt: skip


def guard(
    entity: str,
    rows: int,
    held: State | None,
    *,
    allow_empty: bool,
    max_shrink: float,
    aside: int = 0,
) -> None:
    """Keep a full destination from being emptied by accident. Call it for mode `replace`.

    Parameters
    ----------
    entity: the name used in errors.
    rows: that are to replace what is held.
    held: what the destination holds.
    allow_empty, max_shrink: the entity's settings.
    aside: rows of the source that did not fit and were set aside, beside those.

    Raises
    ------
    GuardError: too many rows would go.
    """
    if held is None or not held.rows:
        return
    if aside and rows < held.rows * (1 - max_shrink):
        raise GuardError(
            f"{entity}: {aside:,} rows did not fit, which leaves {rows:,}, and the destination "
            f"holds {held.rows:,}; they were kept",
            hint="declare the types that the source has now, under `types:` or `cast:`; if so "
            f"many rows may go at once, raise `max_shrink` ({max_shrink})",
        )
    if rows == 0 and not allow_empty:
        raise GuardError(
            f"{entity}: the source has no rows, and the destination holds "
            f"{held.rows:,}; they were kept",
            hint="if the source is meant to be empty, set `allow_empty: true`",
        )
    if rows and rows < held.rows * (1 - max_shrink):
        raise GuardError(
            f"{entity}: the source has {rows:,} rows, and the destination holds "
            f"{held.rows:,}; they were kept",
            hint=f"if so many rows may go at once, raise `max_shrink` ({max_shrink})",
        )
