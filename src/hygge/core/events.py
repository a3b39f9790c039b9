"""What a run tells its listeners: frozen facts, in order. Listeners print, log or count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["moved", "unchanged", "failed", "cancelled", "skipped", "untouched"]
"""moved: committed. unchanged: nothing new, or already loaded. failed. cancelled: stopped on
request before the commit point. skipped: an overlap, or disabled. untouched: never started,
because of a deadline or --fail-fast."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base: the run it belongs to and when it happened (seconds since the epoch, UTC)."""

    run_id: str
    at: float


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    entities: tuple[str, ...]
    concurrency: int


@dataclass(frozen=True, slots=True)
class EntityStarted(Event):
    entity: str
    source: str
    destination: str
    mode: str
    rows_expected: int | None = None
    attempt: int = 1
    rows_exact: bool = False
    """Whether the rows expected were counted, and not estimated."""


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Totals so far in this attempt; sent at most a few times a second."""

    entity: str
    rows_read: int
    rows_written: int
    bytes_read: int


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """Something a person should know that is no failure: a declared loss, a wait, a clean-up."""

    entity: str
    message: str
    severity: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class EntityRetried(Event):
    entity: str
    attempt: int
    wait_s: float
    error: str


@dataclass(frozen=True, slots=True)
class EntityFinished(Event):
    entity: str
    status: Status
    rows: int
    bytes: int
    seconds: float
    destination: str
    error: str | None = None
    hint: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    status: Literal["ok", "failed", "deadline", "cancelled"]
    seconds: float
    counts: Mapping[str, int]


Listener = Callable[[Event], None]
"""Called from worker threads, one call at a time; it must return quickly and not raise."""
