"""A Home and a Store that keep every promise of the contracts, small, and that fail on demand.

The Store keeps a frame and its state in one file that is exchanged in one operation, so it also
serves other processes. `Faults` are shared by all copies of a description in this process.
"""

from __future__ import annotations

import io
import os
import pickle
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import polars as pl

from hygge import Home, HomeConfig, Store, StoreConfig
from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConflictError
from hygge.core.events import Event
from hygge.core.fields import Schema
from hygge.core.load import Commit, Load, LoadRequest, Writer
from hygge.core.reading import HomeSession
from hygge.core.settling import StoreSession
from hygge.core.state import Receipt, State, with_store_facts
from hygge.core.watermark import Position, Window
from hygge.project import EntitySettings
from hygge.run.plan import Plan
from hygge.run.planning import plan_entity


class TableHome(Home, type="test_table"):
    """A frame as a source with a catalogue, counts, windows and chunks.

    Every session is one snapshot of `frame`, unless it is `live`; reassigning it is the source
    changing.
    """

    incremental = True

    def __init__(
        self,
        frame: pl.DataFrame,
        name: str = "table",
        *,
        schema: Schema | None = None,
        clock: Callable[[], datetime] | None = None,
        settled: bool = True,
        inferred: bool = False,
        counts: bool = True,
        batch_rows: int = 0,
        live: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(name, **settings)
        self.box = {"frame": frame}
        self.declared, self.clock, self.settled = schema, clock, settled
        self.inferred, self.counts, self.batch_rows = inferred, counts, batch_rows
        self.live = live
        self.before_batch: Callable[[int], None] | None = None
        self.on_cancel: Callable[[], None] | None = None
        self.opened: list[Exception | None] = []
        self.identity_of = name

    @property
    def frame(self) -> pl.DataFrame:
        return self.box["frame"]

    @frame.setter
    def frame(self, value: pl.DataFrame) -> None:
        self.box["frame"] = value

    def place(self) -> str:
        return f"table {self.name}"

    def identity(self) -> dict[str, Any]:
        return {"type": self.type, "table": self.identity_of}

    def open(self, context: Context) -> HomeSession:
        raise_next(self.opened)
        return TableSession(self)


class TableSession(HomeSession):
    def __init__(self, home: TableHome) -> None:
        self._home, self._snapshot = home, home.frame
        self.inferred, self.settled_clock = home.inferred, home.settled

    @property
    def _frame(self) -> pl.DataFrame:
        return self._home.frame if self._home.live else self._snapshot

    def schema(self) -> Schema:
        return self._home.declared or Schema.of(self._frame)

    def _rows(self, request: ReadRequest, chunk: Chunk) -> pl.DataFrame:
        rows = self._frame
        if request.window is not None:
            rows = rows.filter(inside(request.window))
        if chunk.bounds:
            rows = rows.slice(chunk.bounds["start"], chunk.bounds["length"])
        return rows

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        rows = self._rows(request, chunk)
        size = self._home.batch_rows or request.batch_rows
        for number, start in enumerate(range(0, max(rows.height, 1), size)):
            if self._home.before_batch is not None:
                self._home.before_batch(number)
            batch = rows.slice(start, size)
            yield batch.select(request.columns) if request.columns else batch

    def estimate(self, request: ReadRequest) -> Estimate:
        return Estimate(rows=self._frame.height)

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        height = self._rows(request, WHOLE).height
        size = max(1, -(-height // parts))
        return tuple(
            Chunk(at, f"rows from {start}", {"start": start, "length": size})
            for at, start in enumerate(range(0, height, size))
        )

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        return self._rows(request, chunk).height if self._home.counts else None

    def maximum(self, column: str) -> Position | None:
        value: Any = self._frame[column].max()
        return value

    def clock(self) -> datetime | None:
        return self._home.clock() if self._home.clock else None

    def cancel(self) -> None:
        if self._home.on_cancel is not None:
            self._home.on_cancel()


def inside(window: Window) -> pl.Expr:
    """The rows of a window; NULLs belong to the first one only."""
    column = pl.col(window.column)
    if window.upper is None:
        return pl.lit(False)
    wanted = column < window.upper
    if window.lower is None:
        return wanted.fill_null(True)
    return (wanted & (column >= window.lower)).fill_null(False)


@dataclass
class Faults:
    """What goes wrong, and when; lists are used up one item a call, None being nothing.

    Parameters
    ----------
    open: raised when a session is opened.
    commit: raised by a commit before it has published.
    acknowledge: raised by a commit that has published.
    lost: rows that writers drop though their receipts have them.
    claimed: rows that receipts have beyond those written.
    write: called with each batch.
    """

    open: list[Exception | None] = field(default_factory=list)
    commit: list[Exception | None] = field(default_factory=list)
    acknowledge: list[Exception | None] = field(default_factory=list)
    lost: int = 0
    claimed: int = 0
    write: Callable[[pl.DataFrame], None] | None = None
    aborted: int = 0
    commits: int = 0


def raise_next(errors: list[Exception | None]) -> None:
    error = errors.pop(0) if errors else None
    if error is not None:
        raise error


class ShelfStore(Store, type="test_shelf"):
    """A file that holds a frame and its state."""

    class Config(StoreConfig):
        path: str = "shelf"

    config: Config
    modes = ("replace", "append", "merge")
    keeps_state = True

    def __init__(self, name: str = "", **settings: Any) -> None:
        super().__init__(name, **settings)
        self.faults = Faults()
        self.root = Path()

    def bind(self, around: Surroundings) -> Self:
        return self.copy_with(root=around.root)

    def bind_to(self, root: Path) -> Self:
        """This very description, bound: what it holds can then be asked of it."""
        self.root = root
        return self

    def place(self) -> str:
        return self.config.path

    @property
    def file(self) -> Path:
        return self.root / self.config.path

    def open(self, context: Context) -> StoreSession:
        raise_next(self.faults.open)
        return ShelfSession(self)

    def writer(self, ticket: Any, chunk: int, context: Context) -> Writer:
        return ShelfWriter(Path(ticket), chunk, self.faults)

    def held(self) -> tuple[pl.DataFrame | None, State | None]:
        """What lies on the shelf now: rows and state."""
        if not self.file.exists():
            return None, None
        frame, state = pickle.loads(self.file.read_bytes())
        return pl.read_ipc(io.BytesIO(frame)), State.from_json(state, place=self.place())

    @property
    def rows(self) -> pl.DataFrame:
        frame, _ = self.held()
        assert frame is not None, "nothing has been committed"
        return frame

    @property
    def state(self) -> State:
        _, state = self.held()
        assert state is not None, "nothing has been committed"
        return state


class AppendOnlyStore(ShelfStore, type="test_append_only"):
    """A shelf that keeps state and can only be added to."""

    modes = ("append",)


class ShelfSession(StoreSession):
    def __init__(self, store: ShelfStore) -> None:
        self._store = store

    def state(self) -> State | None:
        return self._store.held()[1]

    def begin(self, request: LoadRequest) -> Load:
        return ShelfLoad(self._store, request)


_exchanging = threading.Lock()


class ShelfLoad(Load):
    def __init__(self, store: ShelfStore, request: LoadRequest) -> None:
        self._store, self.request = store, request
        self._stage = store.file.with_name(f".{store.file.name}-{uuid.uuid4().hex[:8]}")
        self._stage.mkdir(parents=True)

    @property
    def ticket(self) -> str:
        return str(self._stage)

    def writer(self, chunk: int) -> Writer:
        return ShelfWriter(self._stage, chunk, self._store.faults)

    def _staged(self) -> list[pl.DataFrame]:
        return [
            pl.read_ipc(io.BytesIO(p.read_bytes())) for p in sorted(self._stage.glob("*.arrow"))
        ]

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        return sum(frame.height for frame in self._staged())

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        faults, store = self._store.faults, self._store
        raise_next(faults.commit)
        with _exchanging:
            frame, held = store.held()
            if (held.generation if held else 0) != self.request.generation:
                raise ConflictError(f"{store.place()}: another run was here")
            frame = self._taken(frame)
            state = with_store_facts(state, rows=frame.height, extra={})
            buffer = io.BytesIO()
            frame.write_ipc(buffer)
            new = store.file.with_name(f"{store.file.name}.{uuid.uuid4().hex[:8]}")
            new.write_bytes(pickle.dumps((buffer.getvalue(), state.to_json())))
            os.replace(new, store.file)
        faults.commits += 1
        self._clear()
        raise_next(faults.acknowledge)
        return Commit(state, frame.height, len(buffer.getvalue()), place=store.place())

    def _taken(self, held: pl.DataFrame | None) -> pl.DataFrame:
        coming = pl.concat([self.request.fields.empty(), *self._staged()])
        if held is None or self.request.mode == "replace":
            return coming
        if self.request.mode == "append":
            return pl.concat([held, coming])
        keys = list(self.request.keys)
        coming = coming.unique(keys, keep="last", maintain_order=True)
        kept = held.join(coming, on=keys, how="anti", nulls_equal=True)
        return pl.concat([kept, coming])

    def abort(self) -> None:
        self._store.faults.aborted += 1
        self._clear()

    def _clear(self) -> None:
        for path in self._stage.glob("*"):
            path.unlink()
        if self._stage.exists():
            self._stage.rmdir()


class ShelfWriter(Writer):
    def __init__(self, stage: Path, chunk: int, faults: Faults) -> None:
        self._stage, self._chunk, self._faults = stage, chunk, faults
        self._rows = self._bytes = self._parts = 0

    def write(self, batch: pl.DataFrame) -> None:
        if self._faults.write is not None:
            self._faults.write(batch)
        kept = batch.head(max(0, batch.height - self._faults.lost))
        kept.write_ipc(self._stage / f"{self._chunk:04d}-{self._parts:06d}.arrow")
        self._parts += 1
        self._rows += batch.height
        self._bytes += int(batch.estimated_size())

    def finish(self) -> Receipt:
        return Receipt(self._chunk, self._rows + self._faults.claimed, self._bytes)

    def abort(self) -> None:
        for path in self._stage.glob(f"{self._chunk:04d}-*.arrow"):
            path.unlink()


class Heard(list[Event]):
    """A listener that keeps what it is told."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


def numbers(count: int, start: int = 0) -> pl.DataFrame:
    """`id` from `start`, and `value` that differs from it."""
    ids = pl.int_range(start, start + count, eager=True).alias("id")
    return pl.DataFrame([ids, (ids * 7 % 1000).cast(pl.Int64).alias("value")])


def planned(
    home: Home, store: Store, root: Path, *, name: str = "test", full_refresh: bool = False,
    **settings: Any,
) -> Plan:  # fmt: skip
    """A plan, whatever its problems."""
    return plan_entity(
        home, store, EntitySettings.model_validate(settings), full_name=name,
        around=Surroundings(root), full_refresh=full_refresh,
    )  # fmt: skip


__all__ = [
    "AppendOnlyStore", "Faults", "Heard", "HomeConfig", "ShelfStore", "TableHome", "inside",
    "numbers", "planned", "raise_next",
]  # fmt: skip
