"""What a run came to: plain values that the summary, the report and the journal all read.

The report (`hygge go --report run.json`) is `RunResult.to_json()`: one JSON object with
`report_version`, which goes up only when a reader of the older form would be misled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from hygge.core.errors import ConfigError, StateError
from hygge.core.events import Status
from hygge.core.secrets import blot, redact
from hygge.core.watermark import Watermark

REPORT_VERSION = 1
RunStatus = Literal["ok", "failed", "deadline", "cancelled"]
"""ok: nothing failed. failed: at least one entity did. deadline: time was up and some entities
are untouched. cancelled: stopped on request. The graver one stands: failed goes before deadline,
and cancelled before both."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The counts that had to agree before a load was published; None where one cannot be taken.

    Parameters
    ----------
    read: rows that came out of the source.
    written: rows the writers' receipts prove.
    staged: rows counted in what lay staged, independently of the receipts.
    source: rows the source itself counted.
    checksum: over the receipts, as stored in the state; "" without one.
    aside: rows that did not fit and were set aside: read, and not written.
    consistency: what the rows are consistent with, in words: one snapshot, or less.
    chunks: how many pieces were read, side by side where that could be.
    reused: how many of them an earlier run had read, whose rows were still the same.
    """

    read: int | None = None
    written: int | None = None
    staged: int | None = None
    source: int | None = None
    checksum: str = ""
    aside: int = 0
    consistency: str = ""
    chunks: int = 1
    reused: int = 0


@dataclass(frozen=True, slots=True)
class EntityResult:
    """What became of one entity.

    Parameters
    ----------
    entity: `flow.entity`.
    status: see `core.events.Status`.
    rows, bytes: moved by this run, bytes as published at the destination.
    seconds: from its start to its end, retries included.
    source, destination: the places, for people.
    mode: how the destination took the rows.
    watermark_before, watermark_after: of an incremental read; None without one.
    proof: the counts; None where nothing was committed.
    generation: the destination's generation after this run; None where it keeps no state.
    attempts: how often it was tried.
    error, error_class, hint: of the last failure: message, class name, next step.
    retryable: whether trying again by itself may help.
    holds: what the destination holds now, in words.
    notes, warnings: what a person should know that is no failure.
    """

    entity: str
    status: Status
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    source: str = ""
    destination: str = ""
    mode: str = ""
    watermark_before: Watermark | None = None
    watermark_after: Watermark | None = None
    proof: Proof | None = None
    generation: int | None = None
    attempts: int = 1
    error: str | None = None
    error_class: str | None = None
    retryable: bool = False
    hint: str | None = None
    holds: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A mapping of plain values without any secret, which `from_json` reads back."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        for name in ("watermark_before", "watermark_after"):
            mark = plain[name]
            plain[name] = mark.to_json() if mark else None
        if self.proof is not None:
            plain["proof"] = {n: getattr(self.proof, n) for n in self.proof.__slots__}
        plain["seconds"] = round(self.seconds, 3)
        return {name: without_secrets(value) for name, value in plain.items()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> EntityResult:
        """Read one back; keys it does not know are left out. Raises ValueError or KeyError."""
        if raw["status"] not in get_args(Status):
            raise ValueError(f"'{raw['status']}' is no status")
        plain = {name: raw[name] for name in cls.__slots__ if name in raw}
        for name in ("watermark_before", "watermark_after"):
            stored = plain.get(name)
            plain[name] = Watermark.from_json(stored) if stored else None
        if plain.get("proof") is not None:
            stored = plain["proof"]
            plain["proof"] = Proof(**{n: stored[n] for n in Proof.__slots__ if n in stored})
        for name in ("notes", "warnings"):
            plain[name] = tuple(plain.get(name, ()))
        return cls(**plain)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to.

    Parameters
    ----------
    run_id: names the run in the journal, the logs and the states it committed.
    started, finished: aware, UTC.
    status: see `RunStatus`.
    entities: one result each, in the order of the plan.
    reason: why it was cancelled or cut short, in words; "" otherwise.
    warnings: of the run as a whole, e.g. that it could not be recorded.
    """

    run_id: str
    started: datetime
    finished: datetime
    status: RunStatus
    entities: tuple[EntityResult, ...] = ()
    reason: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def seconds(self) -> float:
        return (self.finished - self.started).total_seconds()

    @property
    def rows(self) -> int:
        """Rows moved in all."""
        return sum(e.rows for e in self.entities)

    @property
    def bytes(self) -> int:
        """Bytes published in all."""
        return sum(e.bytes for e in self.entities)

    @property
    def counts(self) -> dict[str, int]:
        """How many entities have each status; statuses that none has are left out."""
        found: dict[str, int] = {}
        for entity in self.entities:
            found[entity.status] = found.get(entity.status, 0) + 1
        return found

    @property
    def failed(self) -> tuple[EntityResult, ...]:
        return tuple(e for e in self.entities if e.status == "failed")

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The entities that `--retry-failed` runs again: failed, cancelled or never started."""
        again = ("failed", "cancelled", "untouched")
        return tuple(e.entity for e in self.entities if e.status in again)

    @property
    def has_warnings(self) -> bool:
        return bool(self.warnings) or any(e.warnings for e in self.entities)

    def to_json(self) -> dict[str, Any]:
        """The report: plain values without any secret, times in ISO 8601, UTC."""
        return {
            "report_version": REPORT_VERSION,
            "run_id": self.run_id,
            "status": self.status,
            "reason": redact(self.reason),
            "started": self.started.isoformat(),
            "finished": self.finished.isoformat(),
            "seconds": round(self.seconds, 3),
            "rows": self.rows,
            "bytes": self.bytes,
            "counts": self.counts,
            "warnings": without_secrets(self.warnings),
            "entities": [e.to_json() for e in self.entities],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any] | str, *, place: str = "the report") -> RunResult:
        """Read a report back. Raises ConfigError, naming `place`, where it is damaged or newer."""
        try:
            value = json.loads(raw) if isinstance(raw, str) else raw
            version = value["report_version"]
            if version > REPORT_VERSION:
                raise ConfigError(
                    f"{place} has version {version}; this hygge reads up to {REPORT_VERSION}",
                    hint="use the newer hygge that wrote it",
                )
            if value["status"] not in get_args(RunStatus):
                raise ValueError(f"'{value['status']}' is no status of a run")
            return cls(
                run_id=value["run_id"],
                started=datetime.fromisoformat(value["started"]),
                finished=datetime.fromisoformat(value["finished"]),
                status=value["status"],
                entities=tuple(EntityResult.from_json(e) for e in value["entities"]),
                reason=value.get("reason", ""),
                warnings=tuple(value.get("warnings", ())),
            )
        except (ValueError, KeyError, TypeError, AttributeError, StateError) as error:
            why = str(error).splitlines()[0]
            raise ConfigError(
                f"{place} is no report of a run ({type(error).__name__}: {why})",
                hint="give a file written by `hygge go --report`",
            ) from None


def without_secrets(value: Any) -> Any:
    """The value with secrets blotted out of every text, and every tuple a list. What others said,
    such as a driver's error, has been redacted where it came from."""
    if isinstance(value, str):
        return blot(value)
    if isinstance(value, Mapping):
        return {k: without_secrets(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [without_secrets(v) for v in value]
    return value
