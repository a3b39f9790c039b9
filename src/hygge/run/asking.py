"""What an attempt finds out before anything moves: the fields, and which rows to read."""

from __future__ import annotations

from datetime import datetime, timedelta

from hygge.core.arrivals import MEMO, Arrivals
from hygge.core.chunk import Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.drift import Drift, compare
from hygge.core.errors import FULL_REFRESH, ConfigError, StateError, UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema, parse_type
from hygge.core.reading import HomeSession
from hygge.core.state import State
from hygge.core.terms import LOADED_AT, MOMENT, OWN, RUN_ID, Terms, stored_fields
from hygge.core.watermark import (
    Position,
    Watermark,
    Window,
    check_lag,
    check_type,
    freeze_upper,
    window,
)  # fmt: skip
from hygge.core.zones import is_utc, zone_of
from hygge.run.chunks import Split, split_up
from hygge.run.plan import Plan
from hygge.run.shape import Shape, Stamp, shape_of, unknown_column
from hygge.run.terms import deletes_of

_LEAST_OFFSET = timedelta(minutes=14)
"""Zones differ by quarters of an hour; the clock of a source is held back by a second or so."""


def shape_now(
    plan: Plan, reading: HomeSession, held: State | None, context: Context, at: datetime
) -> Shape:
    """What is read and what becomes of it, from the source's fields as they are now.

    Parameters
    ----------
    at: the moment of the load.

    Notes declared losses. Raises
    ConfigError for columns that are not there, UnsupportedError for a mode without its key.
    """
    settings = plan.settings
    source = reading.schema()
    if reading.inferred and held is not None and not plan.full_refresh:
        source = pinned(source, held.fields)
    casts = {name: parse_type(text) for name, text in settings.cast.items()}
    for key in settings.keys:
        if key not in source.names:
            if plan.needs_key:
                raise unknown_column(key, source, f"`key_column` of {plan.full_name}")
            context.note(f"the key column '{key}' is not in the source", "warning")
    keys = [k for k in settings.keys if k in source.names]
    shape = shape_of(
        source, columns=settings.columns, rename=settings.rename, cast=casts, keys=keys,
        case=settings.name_case, stamps=stamps_of(plan, at, context.run_id),
        entity=plan.full_name,
    )  # fmt: skip
    if plan.needs_key and not shape.keys:
        raise UnsupportedError(
            f"{plan.full_name}: mode '{plan.mode}' needs a key, and the source has no primary "
            "key among the columns chosen",
            hint="set `key_column`",
        )
    for field in shape.target:
        if field.loss:
            context.note(f"{field.name}: {field.loss}", "info")
    return shape


def drift_now(plan: Plan, shape: Shape, held: State | None) -> Drift:
    """How the fields that are to be held differ from those that are. Raises as `stored_now`."""
    stored = stored_now(plan, shape)
    return Drift() if held is None else compare(held.fields, stored)


def stamps_of(plan: Plan, at: datetime, run_id: str) -> list[Stamp]:
    """The columns that are added to every row: the load columns, and the mark of `deleted_when`."""
    settings, stamps = plan.settings, list[Stamp]()
    if settings.load_columns:
        stamps.append(Stamp(Field(LOADED_AT, MOMENT, nullable=False), at))
        stamps.append(Stamp(Field(RUN_ID, LogicalType("string"), nullable=False), run_id))
    deletes = deletes_of(settings, plan.mode)
    if deletes is not None and settings.deleted_when is not None:
        stamps.append(Stamp(Field(deletes.column, MOMENT), at, when=settings.deleted_when))
    return stamps


def stored_now(plan: Plan, shape: Shape) -> Schema:
    """The fields that the destination is to have. Raises ConfigError where one of the mode's own
    has the name of another."""
    settings = plan.settings
    terms = Terms(versions=settings.scd2.versions, deletes=deletes_of(settings, plan.mode))
    try:
        return stored_fields(plan.mode, shape.target, terms)
    except ValueError as error:
        raise ConfigError(
            f"{plan.full_name}: {error}: the source has it, and mode '{plan.mode}' adds it",
            hint=f"`rename` the source's, or name the other otherwise (it is `{OWN}...` by itself)",
        ) from None


def window_now(
    plan: Plan, reading: HomeSession, held: State | None, context: Context
) -> tuple[Window | None, Watermark | None, Watermark | None]:
    """The rows to read, the stored watermark, and the one to store; None each without one.

    Raises UnsupportedError for a column that can carry no watermark, or none without a lag.
    """
    by = plan.settings.incremental
    if by is None or by.files is not None:
        return None, None, None
    field = reading.told_by(by.by) if by.by else reading.schema().get(by.column)
    if field is None:
        raise unknown_column(by.column, reading.schema(), f"`incremental` of {plan.full_name}")
    column, kind = field.name, reading.positions(field)
    check_type(column, kind)
    if kind != field.type and plan.settings.delete_by == "window":
        raise UnsupportedError(
            f"{plan.full_name}: `delete_by: window` cannot be had of '{by.column}', whose "
            f"positions are {kind} and whose values are {field.type}",
            hint="set `mode: merge`",
        )
    settled = reading.settled(field)
    if kind.is_temporal and by.lag is None and not settled:
        raise UnsupportedError(
            f"{plan.full_name}: '{by.column}' is a time, and this source cannot tell what "
            "open transactions may still write: a row committed late would never be read",
            hint="set `lag: 15m` (longer than the longest transaction) with `mode: merge`, or "
            "`lag: 0` if no row can ever arrive late",
        )
    if not kind.is_temporal and by.lag is None and not settled:
        context.note(
            f"'{by.column}' is a number: a row that is committed after one with a higher number is "
            "not read. Where transactions overlap, set `lag` and `mode: merge`, or `lag: 0` if not",
            "info",
        )
    check_lag(kind, by.lag_value)
    zone = "" if by.timezone or kind.zone or not kind.is_temporal else reading.zone()
    elsewhere = zone if not is_utc(zone) else ""
    if elsewhere and by.lag is None:
        raise UnsupportedError(
            f"{plan.full_name}: '{by.column}' has no time zone, and the source's own is "
            f"{elsewhere}: if it writes such times, a row committed late might never be read",
            hint=_say_zone(elsewhere),
        )
    last = None if held is None or plan.full_refresh else held.watermark
    maximum = reading.maximum(column)
    if last is not None:
        reading.check_position(column, last.value)
    if by.by and last is not None and (why := reading.expired(last.value)):
        context.note(why, "warning")
        last = None
    upper = freeze_upper(
        kind, maximum=maximum, clock=reading.clock(),
        last=last.value if last else None, zone=zone_of(by.timezone),
    )  # fmt: skip
    if _far_past(maximum, upper):
        left = f"'{by.column}' has times past {upper}, which are left for later: "
        if elsewhere:
            context.note(f"{left}it has no time zone, and {_say_zone(elsewhere)}", "warning")
        else:
            context.note(f"{left}the source's clock, or what is open there, is not past it", "info")
    span = window(column, kind, last=last, lag=by.lag_value, upper=upper)
    after = Watermark(column, kind, upper) if upper is not None else None
    if last is not None and not by.by and (missing := reading.nulls(column)):
        context.note(
            f"{missing:,} rows have no '{column}': only the first load read such rows, and "
            f"those that came later are never read; {FULL_REFRESH} takes them",
            "warning",
        )
    return span, last, after


def _far_past(maximum: Position | None, upper: Position | None) -> bool:
    """Whether there are times so far above the bound that it is no matter of seconds."""
    if not (isinstance(maximum, datetime) and isinstance(upper, datetime)):
        return False
    if (maximum.tzinfo is None) != (upper.tzinfo is None):
        return False
    return maximum - upper > _LEAST_OFFSET


def _say_zone(zone: str) -> str:
    named = f"`timezone: {zone}`" if "/" in zone else "`timezone:` and its IANA name"
    return f"say whose clock it shows: {named} under `incremental`, or `timezone: UTC`"


def held_now(plan: Plan, held: State | None) -> State | None:
    """What the destination holds. Raises StateError where it was loaded as something else."""
    if held is None or held.fingerprint == plan.fingerprint:
        return held
    if plan.mode == "scd2":
        raise StateError(
            f"{plan.destination} holds '{held.entity}' as it was configured differently, and mode "
            "'scd2' replaces nothing",
            hint="give this entity another destination, or move that one away",
        )
    if plan.full_refresh:
        return held
    differs = _differences(plan, held) or "another source, key or watermark column"
    raise StateError(
        f"{plan.destination} holds '{held.entity}' as it was configured differently ({differs})",
        hint=f"{FULL_REFRESH} replaces it; or give this entity another destination",
    )


def _differences(plan: Plan, held: State) -> str:
    """What is known to differ from what the state was made with, in words; "" for nothing: of the
    source, the state keeps a digest only."""
    found = []
    by = plan.settings.incremental
    was, now = held.watermark.column if held.watermark else "", by.column if by else ""
    if was and now and was != now:
        found.append(f"the watermark column was '{was}' and is '{now}'")
    of_key = sorted((field for field in held.fields if field.key), key=lambda field: field.key)
    keys, wanted = [field.source_name for field in of_key], list(plan.settings.keys)
    if keys and wanted and keys != wanted:
        found.append(f"the key was {', '.join(keys)} and is {', '.join(wanted)}")
    return "; ".join(found)


def arrivals_now(
    plan: Plan, reading: HomeSession, held: State | None, context: Context
) -> Arrivals | None:
    """The files to read, where it is new files that are read; else None.

    Raises StateError where what the state remembers is damaged.
    """
    by = plan.settings.incremental
    if by is None or by.files is None:
        return None
    memo = None if held is None or plan.full_refresh else held.memo.get(MEMO)
    found = reading.arrivals(memo, again=plan.mode != "append")
    for message, severity in found.notes():
        context.note(message, severity)
    return found


def request_now(
    plan: Plan, shape: Shape, span: Window | None, fresh: Arrivals | None = None
) -> ReadRequest:
    """What the source is asked for. Of batch sizes, what the Home says itself goes first."""
    home, rows = plan.home.config, plan.settings.batch_size
    if "batch_size" in home.model_fields_set or not rows:
        rows = int(home.batch_size)
    return ReadRequest(
        columns=shape.columns, window=span, batch_rows=rows,
        lenient=plan.rules.policy != "fail", files=fresh.files if fresh is not None else None,
    )  # fmt: skip


def warn_unsteady(reading: HomeSession, terms: Terms, held: State | None, context: Context) -> None:
    """Say it where what is gone is looked for in a read that is not of one state of the source."""
    told = terms.deletes is not None and terms.deletes.told
    if terms.finds and not told and held is not None and not reading.steady:
        context.note(
            f"what is gone is found by a read that is no snapshot ({reading.consistency}): a row "
            "that moves meanwhile, since its key or its place in an index changes, may be taken "
            "for gone until keys are next compared",
            "warning",
        )


def nothing_to_read(span: Window | None, held: State | None) -> str:
    """Why a window needs no read, in words; "" where it does."""
    if span is None or held is None:
        return ""
    if span.upper is None:
        return "no rows yet"
    return "nothing new" if span.lower == span.upper else ""


def split_now(plan: Plan, reading: HomeSession, read: ReadRequest, estimate: Estimate) -> Split:
    """The chunks that a load begun now is read in."""
    if read.window is not None and read.window.upper is None:
        return Split(read)
    if plan.in_one_piece:
        return Split(read)
    return split_up(reading, read, plan.settings.chunks, estimate)


def pinned(found: Schema, held: Schema) -> Schema:
    """A schema inferred now, with the types that were pinned when the entity was first loaded.

    Only for sources without a catalogue: what was text stays text, though today's rows look
    like numbers. A source name is matched where the destination renamed the column. A column that
    held nothing but NULL had no type to pin.
    """
    known: dict[str, LogicalType] = {f.source_name: f.type for f in held if f.type.kind != "null"}
    return found.changed({f.name: known[f.name] for f in found if f.name in known})
