"""Going on with a load that an earlier run has left: whether, and in what words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hygge.core.chunk import Chunk
from hygge.core.context import Context
from hygge.core.errors import Cancelled, ConnectError, HyggeError, StateError
from hygge.core.ledger import Head, Ledger, misfit
from hygge.core.reading import HomeSession
from hygge.core.settling import StoreSession
from hygge.core.watermark import Window
from hygge.run.plan import Plan
from hygge.run.shape import Shape
from hygge.run.task import ChunkResult


def head_of(plan: Plan, shape: Shape, span: Window | None, generation: int) -> Head:
    """What a load is about to set out to do, but for its names and its chunks."""
    return Head(
        entity=plan.full_name, fingerprint=plan.fingerprint, load_id="", run_id="",
        generation=generation, mode=plan.mode, keys=shape.keys if plan.needs_key else (),
        source=shape.source, fields=shape.target, window=span, asked=_asked(plan),
        version=_version(),
    )  # fmt: skip


def _asked(plan: Plan) -> str:
    settings = plan.settings
    told = [settings.deleted_when, settings.deletes and settings.deletes.column]
    return ", ".join([str(settings.chunks), *(str(t) for t in told if t)])


def left_over(
    plan: Plan, settling: StoreSession, reading: HomeSession, wanted: Head, context: Context
) -> Ledger | None:
    """What an earlier run has left, if it can be gone on with; a note says why it cannot.

    Parameters
    ----------
    settling: has it from now on.
    reading: tells whether the source's clock settles what a window holds.
    wanted: of the load to be made.
    """
    left = settling.unfinished(wanted.mode, wanted.fields)
    if left is None:
        return None
    why = misfit(left.head, wanted) or left.obstacle
    known = any(done.fingerprint is not None for done in left.done.values())
    if not why and not known and not is_frozen(plan, reading, left.head.window, left.head.chunks):
        why = "the source cannot tell which rows have changed"
    if not why:
        return left
    context.note(
        f"an unfinished load has {len(left.done)} of {len(left.head.chunks)} chunks, which are "
        f"read again: {why}",
        "info",
    )
    return None


def is_frozen(
    plan: Plan, reading: HomeSession, window: Window | None, chunks: Sequence[Chunk]
) -> bool:
    """Whether what was read of a window needs no second look; see `may_reuse`.

    Either the source's clock is settled, or the entity's `lag` reads late rows again (and with
    `lag: 0` it says that none come late).
    """
    by = plan.settings.incremental
    if by is None or window is None or plan.mode != "merge":
        return False
    settled = by.lag is not None or (window.type.is_temporal and reading.settled_clock)
    return settled and all(chunk.lasting for chunk in chunks)


def may_pass(error: BaseException) -> bool:
    """Whether a load that failed with this may be gone on with: nothing is wrong with its rows, its
    destination or its configuration."""
    if not isinstance(error, HyggeError) or isinstance(error, Cancelled | ConnectError):
        return True
    return error.retryable and not isinstance(error, StateError)


def resumed(results: Sequence[ChunkResult], left: Ledger) -> str:
    """How a load went that went on with what was left, in words."""
    reused = sum(r.reused for r in results)
    said = f"{reused} of {len(results)} chunks were reused"
    reasons = {
        "had changed": sum(r.why == "changed" for r in results),
        "were damaged": sum(r.why == "damaged" for r in results),
        "were missing": sum(r.receipt.chunk not in left.done for r in results),
    }
    again = ", ".join(f"{count} {what}" for what, count in reasons.items() if count)
    if again:
        said += f", {len(results) - reused} read again: {again}"
    if left.head.window is not None:
        said += f"; it reads up to the bound it had, {left.head.window.upper}"
    return said


@cache
def _version() -> str:
    from importlib.metadata import version

    return version("hygge")
