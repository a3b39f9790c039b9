"""A run as lines: for logs, files and schedulers. Each is a listener of the run's events."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from hygge.cli.console import raw, say, yellow
from hygge.cli.render import STATUS
from hygge.cli.text import count, duration, here, indented, moment, short, size
from hygge.core import events
from hygge.core.events import Event
from hygge.core.secrets import blot
from hygge.run.result import without_secrets

HEARTBEAT_S = 60.0


class Follower:
    """What a run has come to so far, from its events; the base of everything that shows it.

    Attributes
    ----------
    total: entities in the run.
    active: those under way: when they started, and their latest progress.
    done: how many have ended, by status.
    """

    def __init__(self) -> None:
        self.total = 0
        self.began = time.time()
        self.active: dict[str, tuple[events.EntityStarted, events.Progress | None]] = {}
        self.done: dict[str, int] = {}
        self.rows = 0
        self.bytes = 0

    def __call__(self, event: Event) -> None:
        """Take an event. Called from worker threads, one call at a time."""
        self.count(event)
        self.show(event)

    def count(self, event: Event) -> None:
        """Count an event in."""
        match event:
            case events.RunStarted():
                self.total, self.began = len(event.entities), event.at
            case events.EntityStarted():
                self.active[event.entity] = (event, None)
            case events.Progress():
                if event.entity in self.active:
                    self.active[event.entity] = (self.active[event.entity][0], event)
            case events.EntityFinished():
                self.active.pop(event.entity, None)
                self.done[event.status] = self.done.get(event.status, 0) + 1
                if event.status == "moved":
                    self.rows += event.rows
                    self.bytes += event.bytes

    def show(self, event: Event) -> None:
        """What to do about an event, beside counting it."""

    def tell(self, text: str) -> None:
        """Print something that is no event."""
        say(text, to_stderr=True)

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop showing."""


class TextLines(Follower):
    """One line per entity's start and end, in UTC with the run's id; a heartbeat each minute."""

    def __init__(self, *, verbose: bool = False, every_s: float = HEARTBEAT_S) -> None:
        super().__init__()
        self._verbose = verbose
        self._run_id = ""
        self._beat = _Every(every_s, self._heartbeat)

    def __enter__(self) -> TextLines:
        self._beat.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._beat.stop()

    def show(self, event: Event) -> None:
        self._run_id = event.run_id
        said = event_text(event, verbose=self._verbose)
        if said:
            say(f"{moment(event.at)} {event.run_id} {said}")

    def _heartbeat(self) -> None:
        if not self._run_id:
            return
        going = []
        for name, (_, progress) in list(self.active.items())[:5]:
            going.append(f"{name} {short(progress.rows_written)} rows" if progress else name)
        more = f" and {len(self.active) - 5} more" if len(self.active) > 5 else ""
        said = f"{sum(self.done.values())} of {self.total} done after "
        said += duration(time.time() - self.began)
        if going:
            said += f"; moving {', '.join(going)}{more}"
        say(f"{moment(time.time())} {self._run_id} still here: {said}")


class JsonLines(Follower):
    """One JSON object per event, `event` naming its kind and `time` its moment in UTC."""

    def show(self, event: Event) -> None:
        # Each text by itself: what is blotted out of JSON as a whole may be one of its quotes.
        raw(json.dumps(event_json(event), ensure_ascii=False, default=_plain))


def event_text(event: Event, *, verbose: bool = False) -> str:
    """An event in one line, "" for one not worth it; a surprise has its trace when verbose."""
    match event:
        case events.RunStarted():
            which = count(len(event.entities), "entity", "entities")
            return f"start: {which}, {event.concurrency} at a time"
        case events.EntityStarted():
            about = "" if event.rows_exact else "about "
            rows = count(event.rows_expected or 0, "row")
            expected = f", {about}{rows}" if event.rows_expected else ""
            again = f", attempt {event.attempt}" if event.attempt > 1 else ""
            facts = f"{event.mode}{expected}{again}"
            route = f"{here(event.source)} -> {here(event.destination)}"
            return f"start {event.entity}: {route} ({facts})"
        case events.EntityRetried():
            cause = here(event.error.splitlines()[0])
            wait = duration(event.wait_s)
            return f"{yellow('again')} {event.entity} in {wait}, attempt {event.attempt}: {cause}"
        case events.Noted():
            if event.severity == "warning":
                return f"{yellow('warning')} {event.entity}: {indented(event.message, '  ')}"
            return f"note {event.entity}: {indented(event.message, '  ')}" if verbose else ""
        case events.EntityFinished():
            trace = event.details.get("trace") if verbose else None
            more = f"\n{trace}" if trace else ""
            return f"{STATUS[event.status]} {event.entity}: {_ended(event)}{more}"
        case events.RunFinished():
            counts = ", ".join(f"{n} {status}" for status, n in event.counts.items())
            return f"end: {event.status} in {duration(event.seconds)} ({counts or 'nothing to do'})"
    return ""


def _ended(event: events.EntityFinished) -> str:
    took = duration(event.seconds)
    if event.status == "moved":
        moved = f"{count(event.rows, 'row')}, {size(event.bytes)} in {took}"
        return f"{moved} -> {here(event.destination)}"
    if event.status == "unchanged":
        return f"nothing new, {took}"
    return here(event.error.splitlines()[0]) if event.error else ""


def event_json(event: Event) -> dict[str, Any]:
    """An event as plain values, without secrets."""
    kind = re.sub(r"(?<!^)([A-Z])", r"_\1", type(event).__name__).lower()
    facts = asdict(event)
    at = facts.pop("at")
    plain = {k: dict(v) if isinstance(v, Mapping) else v for k, v in facts.items()}
    told: dict[str, Any] = without_secrets({"time": moment(at), "event": kind, **plain})
    return told


def _plain(value: object) -> str:
    return blot(str(value))


class _Every:
    """Calls something at an interval, in a thread of its own, until told to stop."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._seconds, self._call = seconds, call
        self._over = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._call()
