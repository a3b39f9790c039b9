"""A load under one's own hand: `async with store.load("replace") as load: ...`."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from hygge.core.conform import conform
from hygge.core.context import Context, surroundings
from hygge.core.custom import Frame, frame_of
from hygge.core.errors import ConfigError, StateError, VerifyError
from hygge.core.fields import Schema
from hygge.core.load import Commit, Load, LoadRequest, Writer
from hygge.core.state import Mode, State, derive_fingerprint
from hygge.core.terms import AT, Terms, moment_after

if TYPE_CHECKING:
    import asyncio

    from hygge.core.store import Store, StoreSession


class LoadScope:
    """A load under one's own hand, as a (synchronous or asynchronous) context manager.

    Frames must all have the first one's columns and types, or the destination's when it appends
    to what is there. `commit` holds the Commit once the block has ended.
    """

    def __init__(
        self,
        store: Store,
        mode: Mode,
        keys: tuple[str, ...],
        terms: Terms,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._store = store.bind(surroundings())
        self._store.check(mode, keys, terms.wanted)
        self._mode, self._keys = mode, keys
        self._terms, self._memo = terms, dict[str, str]()
        self._context = Context(run_id=f"python-{uuid.uuid4().hex[:12]}", loop=loop)
        self._session: StoreSession | None = None
        self._held: State | None = None
        self._load: Load | None = None
        self._writer: Writer | None = None
        self._given = 0
        self.commit: Commit | None = None

    def __enter__(self) -> Self:
        self._session = self._store.open(self._context)
        try:
            self._held = self._session.state()
            self._check_owner()
            held = self._held.memo if self._held else {}
            at = moment_after(held, datetime.now(UTC))
            self._terms = replace(self._terms, at=at)
            self._memo = {**held, AT: at.isoformat()}
        except BaseException:
            self._session.close()
            raise
        return self

    def _fingerprint(self) -> str:
        return derive_fingerprint({"by": "python", "store": dict(self._store.identity())})

    def _check_owner(self) -> None:
        if self._held is not None and self._held.fingerprint != self._fingerprint():
            raise StateError(
                f"{self._store.place()} holds '{self._held.entity}', loaded by a flow",
                hint="write to another place, or let the flow load it",
            )

    def write_sync(self, df: Frame) -> None:
        """Add a frame to the load."""
        if self._session is None:
            raise ConfigError("the load is not open", hint="use it as a `with` block")
        frame = frame_of(df, f"{type(self._store).__name__}.write() was given")
        if self._load is None:
            held = self._held.fields if self._held and self._mode == "append" else None
            fields = held or Schema.of(frame)
            request = LoadRequest(
                entity=self._store.name or self._store.place(),
                mode=self._mode, fields=fields, fingerprint=self._fingerprint(),
                load_id=uuid.uuid4().hex[:20], run_id=self._context.run_id, keys=self._keys,
                generation=self._held.generation if self._held else 0, terms=self._terms,
                memo=self._memo,
            )  # fmt: skip
            self._load = self._session.begin(request)
            self._writer = self._load.writer(0)
        assert self._writer is not None  # made together with the load
        fields = self._load.request.fields
        self._writer.write(conform(frame, fields, entity=self._store.name, offset=self._given))
        self._given += frame.height

    async def write(self, df: Frame) -> None:
        """Add a frame to the load."""
        import asyncio

        await asyncio.to_thread(self.write_sync, df)

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        assert self._session is not None  # entered
        try:
            if self._load is None:
                return
            if kind is not None or self._writer is None:
                self._load.abort()
                return
            self._finish(self._load, self._writer)
        finally:
            self._session.close()

    def _finish(self, load: Load, writer: Writer) -> None:
        try:
            receipt = writer.finish()
            staged = load.staged_rows([receipt])
            if not self._given == receipt.rows == staged:
                raise VerifyError(
                    f"{self._store.place()}: {self._given} rows were given, {receipt.rows} "
                    f"written and {staged} staged; nothing was published"
                )
        except BaseException:
            load.abort()
            raise
        state = load.request.state(
            watermark=None,
            receipts=[receipt],
            committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.commit = load.commit([receipt], state)

    async def __aenter__(self) -> Self:
        import asyncio

        self._context.loop = asyncio.get_running_loop()
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        import asyncio

        await asyncio.to_thread(self.__exit__, kind, *exc)
