"""What a run would do with one entity, asked of its source and its destination; nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hygge.core.chunk import Estimate
from hygge.core.context import CancelToken, Context
from hygge.core.drift import Drift, target
from hygge.core.errors import HyggeError
from hygge.core.reading import HomeSession
from hygge.core.secrets import redact
from hygge.core.settling import StoreSession
from hygge.core.slots import together
from hygge.core.state import State
from hygge.core.watermark import Watermark, Window
from hygge.run import asking
from hygge.run.marks import marks_lost
from hygge.run.plan import Plan
from hygge.run.shape import Shape
from hygge.run.terms import moment_now, terms_now

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk as it would be read.

    Parameters
    ----------
    label: the slice, in words.
    rows: how many it is thought to hold; None where unknown.
    statement: what is asked of the source, word for word; "" where it takes none.
    files: what is read, by name, where that is files.
    """

    label: str
    rows: int | None
    statement: str
    files: tuple[str, ...] = ()


@dataclass
class Preview:
    """What was found out about one entity, as far as that went.

    Parameters
    ----------
    entity: `flow.entity`.
    held: what the destination holds; None for nothing of hygge's.
    shape: the fields as read and as written.
    drift: how the fields differ from those held.
    window, before, after: of an incremental read: its rows, the position held, the one to be.
    nothing: why nothing would be read, in words; "" where something would.
    estimate: of what would be read.
    pieces: the chunks.
    readers: how many of them would be read side by side, at most.
    consistency: what the rows would be consistent with, in words.
    notes: what else there is to know, with its severity.
    error: what came in between; what would have been found after it is not there.
    """

    entity: str
    held: State | None = None
    shape: Shape | None = None
    drift: Drift = field(default_factory=Drift)
    window: Window | None = None
    before: Watermark | None = None
    after: Watermark | None = None
    nothing: str = ""
    estimate: Estimate = field(default_factory=Estimate)
    pieces: tuple[Piece, ...] = ()
    readers: int = 1
    consistency: str = ""
    notes: list[tuple[str, str]] = field(default_factory=list)
    error: HyggeError | None = None


def preview_all(plans: Sequence[Plan], cancel: CancelToken) -> list[Preview]:
    """A preview for each plan, several at once, in their order."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="preview") as pool:
        return list(pool.map(lambda plan: preview(plan, cancel), plans))


def preview(plan: Plan, cancel: CancelToken) -> Preview:
    """Ask what a run would do now. Never raises: what is in the way is in its `error`.

    Parameters
    ----------
    plan: without errors.
    cancel: stops the asking.
    """
    found = Preview(plan.full_name)
    context = Context(
        run_id="preview", cancel=cancel,
        note=lambda message, severity: found.notes.append((message, severity)),
    )  # fmt: skip
    try:
        cancel.check()
        with (
            together([*plan.store.slots(), *plan.home.slots()], context),
            plan.store.open(context) as settling,
            plan.home.open(context) as reading,
        ):
            stops = [cancel.add(settling.cancel), cancel.add(reading.cancel)]
            try:
                _ask(plan, settling, reading, context, found)
            finally:
                for forget in stops:
                    forget()
    except HyggeError as error:
        found.error = error
    except Exception as error:  # noqa: BLE001 - a connector's own trouble is what is looked for
        found.error = HyggeError(redact(f"{type(error).__name__}: {error}"))
    return found


def _ask(
    plan: Plan, settling: StoreSession, reading: HomeSession, context: Context, found: Preview
) -> None:
    """Fill a preview, in the order in which an attempt asks."""
    found.held = settling.state()
    settling.rehearse(plan.mode)
    held = asking.held_now(plan, found.held)
    at = moment_now(held)
    fresh = asking.arrivals_now(plan, reading, held, context)
    if fresh is not None and not fresh.files and held is not None:
        found.nothing = "no new files"
        return
    found.shape = shape = asking.shape_now(plan, reading, held, context, at)
    found.drift = asking.drift_now(plan, shape, held)
    if plan.full_refresh and plan.mode == "replace":
        lost = marks_lost(plan.settings, plan.usual, settling, held, done=False)
        if lost:
            context.note(lost, "warning")
    found.window, found.before, found.after = asking.window_now(plan, reading, held, context)
    read = asking.request_now(plan, shape, found.window, fresh)
    terms, _ = terms_now(
        plan.settings, plan.mode, shape, found.window, held, at, full_refresh=plan.full_refresh
    )
    asking.warn_unsteady(reading, terms, held, context)
    found.nothing = "" if terms.finds else asking.nothing_to_read(found.window, held)
    found.estimate = reading.estimate(read)
    if found.window is not None and found.window.upper is None:
        found.nothing = found.nothing or "no rows yet"
        return
    split = asking.split_now(plan, reading, read, found.estimate)
    found.readers = split.workers
    found.consistency = split.consistency(reading, split.workers)
    found.pieces = tuple(
        Piece(
            chunk.label, chunk.rows, reading.statement(split.request, chunk),
            tuple(reading.inputs(chunk)),
        )
        for chunk in split.chunks
    )  # fmt: skip
    if held is not None and plan.mode != "replace" and not found.nothing:
        target(held.fields, asking.stored_now(plan, shape), plan.destination)
