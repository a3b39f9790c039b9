"""Flow: one Home to one Store, for one entity, under one's own hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from hygge.core.context import CancelToken, surroundings
from hygge.core.errors import ConfigError
from hygge.core.home import Home
from hygge.core.settings import build
from hygge.core.store import Store
from hygge.project import EntitySettings
from hygge.project.keywords import FlowSettings
from hygge.run.ids import new_run_id
from hygge.run.mover import Mover
from hygge.run.plan import Plan
from hygge.run.planning import plan_entity
from hygge.run.result import EntityResult

if TYPE_CHECKING:
    import asyncio


class Flow:
    """One Home to one Store, for one entity.

    Parameters
    ----------
    home: where the data starts.
    store: where it settles.
    name: the entity's name in results and states; by default the Store's, else the Home's.
    full_refresh: forget the position, and replace what is there, as `--full-refresh` does.
    settings: the fields of `EntitySettings`: `mode`, `key_column`, `incremental`, `columns` ...

    Raises
    ------
    ConfigError: a setting is unknown or wrong.
    """

    def __init__(
        self,
        home: Home,
        store: Store,
        *,
        name: str = "",
        full_refresh: bool = False,
        **settings: Unpack[FlowSettings],
    ) -> None:
        for role, given, kind in (("home", home, Home), ("store", store, Store)):
            if not isinstance(given, kind):
                raise ConfigError(
                    f"Flow: `{role}` is a {type(given).__name__}, and must be a {kind.__name__}"
                )
        self.home, self.store = home, store
        self.name = name or store.name or home.name or home.type
        self.settings: EntitySettings = build(EntitySettings, "Flow", None, settings)
        self.full_refresh = full_refresh
        self._cancel = CancelToken()

    def plan(self) -> Plan:
        """Everything resolved, before any data moves. Raises ConfigError with every problem."""
        plan = plan_entity(
            self.home, self.store, self.settings, full_name=self.name, around=surroundings(),
            full_refresh=self.full_refresh,
        )  # fmt: skip
        if plan.errors:
            raise ConfigError(problems=plan.errors)
        return plan

    async def start(self) -> EntityResult:
        """Move the data; custom connectors' coroutines run on this loop.

        Raises what stopped it: ConfigError before anything moved, else the last attempt's error.
        Cancelling the task stops the flow before its commit point.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        self._cancel = CancelToken()
        work = asyncio.ensure_future(asyncio.to_thread(self._run, loop))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self.cancel("the task was cancelled")
            await asyncio.wait([work])
            work.exception()  # looked at, so that the loop does not complain of it
            raise

    def start_sync(self) -> EntityResult:
        """`start()` for code without an event loop."""
        self._cancel = CancelToken()
        return self._run(None)

    def cancel(self, reason: str = "stopped on request") -> None:
        """Stop before the commit point, from any thread."""
        self._cancel.cancel(reason)

    def _run(self, loop: asyncio.AbstractEventLoop | None) -> EntityResult:
        plan = self.plan()
        mover = Mover(plan, run_id=new_run_id(), cancel=self._cancel, loop=loop)
        result = mover.run()
        if mover.error is not None:
            raise mover.error
        return result
