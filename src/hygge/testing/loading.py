"""One load into a Store by its contract alone, as a run makes it but without a run."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import polars as pl

from hygge.core.chunk import WHOLE
from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.core.load import Commit, Load, LoadRequest
from hygge.core.state import Mode, Receipt, State
from hygge.core.store import Store
from hygge.core.terms import NO_TERMS, Terms
from hygge.core.watermark import Watermark

FINGERPRINT = "0f" * 16
COMMITTED_AT = "2024-02-29T12:00:00+00:00"


def request_for(
    held: State | None,
    fields: Schema,
    mode: Mode,
    keys: Sequence[str] = (),
    load_id: str = "",
    terms: Terms = NO_TERMS,
) -> LoadRequest:
    """What is asked of a Store that holds `held`."""
    return LoadRequest(
        entity="suite.entity", mode=mode, fields=fields, fingerprint=FINGERPRINT,
        load_id=load_id or uuid.uuid4().hex[:20], run_id="run-1", keys=tuple(keys),
        generation=held.generation if held else 0, terms=terms,
    )  # fmt: skip


def write(load: Load, frames: Sequence[pl.DataFrame], chunk: int = 0) -> Receipt:
    """Write frames as one chunk."""
    writer = load.writer(chunk)
    for frame in frames:
        writer.write(frame)
    return writer.finish()


def commit(load: Load, receipts: Sequence[Receipt], watermark: Watermark | None = None) -> Commit:
    """Commit with the state that a run would leave."""
    state = load.request.state(watermark=watermark, receipts=receipts, committed_at=COMMITTED_AT)
    return load.commit(receipts, state)


def load_frames(
    store: Store,
    frames: Sequence[pl.DataFrame],
    mode: Mode,
    keys: Sequence[str] = (),
    *,
    fields: Schema | None = None,
    watermark: Watermark | None = None,
    load_id: str = "",
    terms: Terms = NO_TERMS,
    present: pl.DataFrame | None = None,
) -> Commit:
    """One load of some frames of one schema by a bound Store: written, counted, committed.

    Parameters
    ----------
    terms: what is asked beside the mode.
    present: the keys that the source has, for terms that look for what is gone.
    """
    with store.open(Context()) as session:
        schema = fields or Schema.of(frames[0])
        load = session.begin(request_for(session.state(), schema, mode, keys, load_id, terms))
        if present is not None:
            writer = load.key_writer()
            writer.write(present)
            assert (writer.finish().rows, load.staged_keys()) == (present.height,) * 2
        receipt = write(load, frames, WHOLE.index)
        given = sum(f.height for f in frames)
        assert (receipt.rows, load.staged_rows([receipt])) == (given, given)
        return commit(load, [receipt], watermark)


def state_of(store: Store) -> State | None:
    """What a bound Store holds."""
    with store.open(Context()) as session:
        return session.state()


def write_by_ticket(store: Store, ticket: Any, chunk: int, frames: list[pl.DataFrame]) -> Receipt:
    """Write frames as one chunk of a load begun elsewhere."""
    writer = store.writer(ticket, chunk, Context())
    for frame in frames:
        writer.write(frame)
    return writer.finish()
