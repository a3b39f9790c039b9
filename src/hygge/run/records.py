"""What the journal tells of past runs: results, and how far those got that never ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, cast

from hygge.run.result import EntityResult, RunResult, RunStatus

RecordStatus = Literal["ok", "failed", "deadline", "cancelled", "running", "interrupted"]
"""running: its process lives. interrupted: its process ended without saying how the run went."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a run is a run of: two of one origin are runs of the same thing.

    Parameters
    ----------
    project: its name.
    config: the name of its configuration file; "" for the project's `hygge.yml`.
    environment: None where there is none.
    """

    project: str = ""
    config: str = ""
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class EntityRecord:
    """One entity of a recorded run.

    Parameters
    ----------
    result: as reported; for one that never ended, all that is known.
    started, finished: aware, UTC; None where it did not come to that.
    """

    result: EntityResult
    started: datetime | None
    finished: datetime | None

    @property
    def ended(self) -> bool:
        return self.finished is not None

    @property
    def status(self) -> str:
        """As in the result, or `running` for one that was begun and not ended."""
        return "running" if self.started and not self.ended else self.result.status


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One recorded run; `entities` is empty in lists.

    Parameters
    ----------
    started, finished: aware, UTC; finished is None for a run that never ended.
    project, environment, fingerprint: of the configuration it ran.
    config: the name of its file; "" for the project's `hygge.yml`.
    host, pid, hygge_version: who ran it.
    rows, bytes: moved in all.
    counts: how many entities have each status.
    """

    run_id: str
    status: RecordStatus
    started: datetime
    finished: datetime | None
    project: str = ""
    environment: str | None = None
    config: str = ""
    fingerprint: str = ""
    host: str = ""
    pid: int = 0
    hygge_version: str = ""
    rows: int = 0
    bytes: int = 0
    reason: str = ""
    warnings: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    entities: tuple[EntityRecord, ...] = ()

    @property
    def seconds(self) -> float | None:
        """From start to end; None for a run that never ended."""
        return (self.finished - self.started).total_seconds() if self.finished else None

    def result(self) -> RunResult:
        """The run's result. One that was interrupted counts as cancelled, and so does each entity
        that was under way: what became of it is in its destination's state."""
        over = self.status not in ("running", "interrupted")
        last = max((e.finished for e in self.entities if e.finished), default=self.started)
        return RunResult(
            run_id=self.run_id,
            started=self.started,
            finished=self.finished or last,
            status=cast(RunStatus, self.status) if over else "cancelled",
            entities=tuple(
                replace(e.result, status="cancelled") if e.status == "running" else e.result
                for e in self.entities
            ),
            reason=self.reason if over else "its process ended without a word",
            warnings=self.warnings,
        )

    def to_json(self) -> dict[str, Any]:
        """A mapping of plain values, times in ISO 8601, UTC."""
        plain: dict[str, Any] = {
            name: getattr(self, name) for name in self.__slots__ if name != "entities"
        }
        plain["started"] = self.started.isoformat()
        plain["finished"] = self.finished.isoformat() if self.finished else None
        plain["warnings"], plain["counts"] = list(self.warnings), dict(self.counts)
        if self.entities:
            plain["entities"] = [
                {
                    **e.result.to_json(),
                    "status": e.status,
                    "started": e.started.isoformat() if e.started else None,
                    "finished": e.finished.isoformat() if e.finished else None,
                }
                for e in self.entities
            ]
        return plain


def run_record(
    row: Mapping[str, Any], status: RecordStatus, counts: Mapping[str, int], entities: Any = ()
) -> RunRecord:
    """A run as stored: a row of the runs table, its status as it is now, how many of its entities
    have each status, and their rows."""
    more = ("counts", "entities")
    plain = {name: row[name] for name in RunRecord.__slots__ if name not in more}
    plain["status"] = status
    plain["started"] = datetime.fromisoformat(row["started"])
    plain["finished"] = _time(row["finished"])
    plain["warnings"] = tuple(row["warnings"] or ())
    plain["config"] = row["config"] or ""
    known = tuple(entity_record(e) for e in entities)
    return RunRecord(**plain, counts=counts, entities=known)


def entity_record(row: Mapping[str, Any]) -> EntityRecord:
    """An entity as stored: a row of the entities table."""
    started, finished = _time(row["started"]), _time(row["finished"])
    plain = {name: row[name] for name in EntityResult.__slots__}
    if finished is None:
        plain["status"] = "untouched"
    plain["notes"], plain["warnings"] = row["notes"] or (), row["warnings"] or ()
    return EntityRecord(EntityResult.from_json(plain), started, finished)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def as_text(moment: datetime) -> str:
    """A time as the journal stores it: sorts as text, since all are UTC and of one length."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
