"""A load under one's own hand: `async with store.load("replace") as load: ...`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.errors import ConfigError, StateError, VerifyError
from hygge.core.fields import Schema
from hygge.core.frames import Frame, frame_of
from hygge.core.load import Commit, Load, LoadRequest, Writer
from hygge.core.settling import StoreSession
from hygge.core.state import State
from hygge.core.terms import AT, moment_after

if TYPE_CHECKING:
    import asyncio


class LoadScope:
    """A load under one's own hand, as a (synchronous or asynchronous) context manager.

    Frames must all have the first one's columns and types, or the destination's when it appends
    to what is there. `commit` holds the Commit once the block has ended.

    Parameters
    ----------
    opens: opens the Store's session.
    request: the load as it is asked for; its moment, fields, generation and memo are found.
    place: where the Store settles, for people.
    owner: the Store's class, for errors.
    loop: where a custom Store's coroutines run; None for hygge's own.
    """

    def __init__(
        self,
        opens: Callable[[Context], StoreSession],
        request: LoadRequest,
        place: str,
        owner: str,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._opens, self._request, self._place = opens, request, place
        self._gave = f"{owner}.write() was given"
        self._context = Context(run_id=request.run_id, loop=loop)
        self._session: StoreSession | None = None
        self._held: State | None = None
        self._load: Load | None = None
        self._writer: Writer | None = None
        self._given = 0
        self.commit: Commit | None = None

    def __enter__(self) -> Self:
        self._session = self._opens(self._context)
        try:
            self._held = self._session.state()
            self._check_owner()
            held = self._held.memo if self._held else {}
            at = moment_after(held, datetime.now(UTC))
            self._request = replace(
                self._request, terms=replace(self._request.terms, at=at),
                generation=self._held.generation if self._held else 0,
                memo={**held, AT: at.isoformat()},
            )  # fmt: skip
        except BaseException:
            self._session.close()
            raise
        return self

    def _check_owner(self) -> None:
        if self._held is not None and self._held.fingerprint != self._request.fingerprint:
            raise StateError(
                f"{self._place} holds '{self._held.entity}', loaded by a flow",
                hint="write to another place, or let the flow load it",
            )

    def write_sync(self, df: Frame) -> None:
        """Add a frame to the load."""
        if self._session is None:
            raise ConfigError("the load is not open", hint="use it as a `with` block")
        frame = frame_of(df, self._gave)
        if self._load is None:
            appends = self._request.mode == "append"
            held = self._held.fields if self._held and appends else None
            request = replace(self._request, fields=held or Schema.of(frame))
            self._load = self._session.begin(request)
            self._writer = self._load.writer(0)
        assert self._writer is not None  # made together with the load
        fields = self._load.request.fields
        self._writer.write(conform(frame, fields, entity=self._request.entity, offset=self._given))
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
                    f"{self._place}: {self._given} rows were given, {receipt.rows} "
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
