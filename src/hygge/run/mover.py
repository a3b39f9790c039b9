"""Moving one planned entity, with retries, and telling how it goes."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import tenacity

from hygge.core import events
from hygge.core.chunk import Estimate
from hygge.core.context import CancelToken, Context
from hygge.core.errors import Cancelled, HyggeError, StateError
from hygge.core.events import Listener, Status
from hygge.core.secrets import redact, redact_about
from hygge.core.telling import code_of, hint_of
from hygge.run.attempt import Attempt, Moved
from hygge.run.plan import Plan
from hygge.run.pump import Meter
from hygge.run.result import EntityResult

if TYPE_CHECKING:
    import asyncio

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
PROGRESS_EVERY_S = 0.25
ASK_S = 15.0
"""How long a failed entity's destination may take to say what it still holds."""


@dataclass(frozen=True, slots=True)
class _Said:
    notes: list[str]
    warnings: list[str]


class Mover:
    """Moves one planned entity, with retries, and tells listeners how it goes. Never raises.

    Parameters
    ----------
    plan: without errors.
    run_id: of the run.
    cancel: the run's token.
    loop: where custom connectors' coroutines run; None for hygge's own.
    emit: takes events.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        run_id: str,
        cancel: CancelToken,
        loop: asyncio.AbstractEventLoop | None = None,
        emit: Listener = lambda event: None,
    ) -> None:
        self.plan, self.run_id, self._emit = plan, run_id, emit
        self._cancel, self._loop = cancel, loop
        self._said = _Said([], [])
        self._attempts = 0
        self._kept = ""
        self._changes: list[str] = []
        self._shown = 0.0
        self.error: BaseException | None = None

    def run(self) -> EntityResult:
        """Try, and try again where that may help; the result says what became of it."""
        began = time.monotonic()
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.plan.settings.retries + 1),
            wait=tenacity.wait_exponential_jitter(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S),
            retry=tenacity.retry_if_exception(is_transient),
            sleep=self._sleep,
            before_sleep=self._retried,
            reraise=True,
        )
        self._earlier = ""
        for problem in self.plan.problems:  # none of them an error
            said = f"{problem.message}\n  hint: {problem.hint}" if problem.hint else problem.message
            self._note(said.removeprefix(f"{self.plan.full_name}: "), "warning")
        try:
            moved = retrying(self._attempt)
            result = self._moved(moved)
        except BaseException as error:  # noqa: BLE001 - every failure of an entity is its result
            self.error = error
            result = self._failed(error)
        result = _timed(result, time.monotonic() - began)
        self._emit(self._finished(result))
        return result

    def _attempt(self) -> Moved:
        self._attempts += 1
        context = Context(
            run_id=self.run_id, cancel=CancelToken(self._cancel), loop=self._loop, note=self._note
        )
        meter = Meter()

        def started(estimate: Estimate) -> None:
            self._emit(
                events.EntityStarted(
                    self.run_id, time.time(), self.plan.full_name, self.plan.source,
                    self.plan.destination, self.plan.mode, estimate.rows, self._attempts,
                    estimate.exact,
                )
            )  # fmt: skip

        attempt = Attempt(
            self.plan, context, meter=meter, tick=lambda: self._progress(meter), started=started
        )
        try:
            return attempt.run(self._earlier)
        finally:
            # An attempt that did not get as far as a load says nothing of the one before it.
            if attempt.load_id:
                self._earlier, self._changes = attempt.load_id, attempt.changes
            self._kept = attempt.kept

    def _note(self, message: str, severity: str) -> None:
        kept = self._said.warnings if severity == "warning" else self._said.notes
        if message in kept:
            return
        kept.append(message)
        level: Any = severity
        self._emit(events.Noted(self.run_id, time.time(), self.plan.full_name, message, level))

    def _progress(self, meter: Meter) -> None:
        now = time.monotonic()
        if now - self._shown < PROGRESS_EVERY_S:
            return
        self._shown = now
        self._emit(
            events.Progress(
                self.run_id, time.time(), self.plan.full_name, meter.rows_read,
                meter.rows_written, meter.bytes_read,
            )
        )  # fmt: skip

    def _sleep(self, seconds: float) -> None:
        self._cancel.wait(seconds)
        self._cancel.check()

    def _retried(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        self._emit(
            events.EntityRetried(
                self.run_id, time.time(), self.plan.full_name, state.attempt_number, wait,
                redact_about(self.plan.full_name, str(error)),
            )
        )  # fmt: skip

    def _result(self, status: Status, **values: Any) -> EntityResult:
        return EntityResult(
            entity=self.plan.full_name, status=status, source=self.plan.source,
            destination=self.plan.destination, mode=self.plan.mode, attempts=self._attempts,
            notes=tuple(self._said.notes), warnings=tuple(self._said.warnings), **values,
        )  # fmt: skip

    def _moved(self, moved: Moved) -> EntityResult:
        if moved.commit is None:
            held = moved.held
            return self._result(
                "unchanged", watermark_before=moved.before, watermark_after=moved.after,
                generation=held.generation if held else None, holds=held_in_words(held),
            )  # fmt: skip
        for change in self._changes:
            self._note(change, "warning")
        state, proof = moved.commit.state, moved.proof
        return self._result(
            "moved", rows=proof.written or 0 if proof else 0, bytes=moved.commit.bytes,
            watermark_before=moved.before, watermark_after=moved.after, proof=proof,
            generation=state.generation if state else None, holds=held_in_words(state),
        )  # fmt: skip

    def _failed(self, error: BaseException) -> EntityResult:
        status: Status = "cancelled" if isinstance(error, Cancelled) else "failed"
        known = error if isinstance(error, HyggeError) else None
        message = known.message if known else f"{type(error).__name__}: {error}"
        next_step = known.hint if known else hint_of(code_of(error))
        hint = "; ".join(filter(None, (next_step, self._kept)))
        return self._result(
            status, error=redact_about(self.plan.full_name, message),
            error_class=type(error).__name__, hint=redact(hint) or None,
            retryable=is_transient(error), holds=self._holds_after(error),
        )  # fmt: skip

    def _holds_after(self, error: BaseException) -> str:
        """What the destination still holds; asked anew, since the attempt's session is gone."""
        if not self.plan.store.keeps_state:
            return "what was there, and what was written before the failure"
        if isinstance(error, StateError) and not error.retryable:
            return "what it held before; hygge did not touch it"
        enough = CancelToken()  # not the run's, which a stop has cancelled already
        timer = threading.Timer(ASK_S, enough.cancel)
        timer.daemon = True
        timer.start()
        context = Context(run_id=self.run_id, cancel=enough, loop=self._loop)
        try:
            with self.plan.store.open(context) as session:
                return held_in_words(session.state())
        except Exception:  # noqa: BLE001 - the first failure is the one to tell
            return "unknown: it could not be asked"
        finally:
            timer.cancel()

    def _finished(self, result: EntityResult) -> events.EntityFinished:
        return events.EntityFinished(
            self.run_id, time.time(), result.entity, result.status, result.rows, result.bytes,
            result.seconds, result.destination, result.error, result.hint,
            {**_details(result), **_trace(self.error)},
        )  # fmt: skip


def _details(result: EntityResult) -> Mapping[str, Any]:
    return {"holds": result.holds, "attempts": result.attempts, "mode": result.mode}


def _trace(error: BaseException | None) -> Mapping[str, str]:
    """Where an error arose that is none of hygge's own, such as a custom connector's."""
    if error is None or isinstance(error, HyggeError):
        return {}
    return {"trace": redact("".join(traceback.format_exception(error)).rstrip())}


def _timed(result: EntityResult, seconds: float) -> EntityResult:
    return replace(result, seconds=seconds)


def held_in_words(state: Any) -> str:
    """What a state says its destination holds, in words."""
    if state is None:
        return "nothing of hygge's"
    rows = "an unknown number of rows" if state.rows is None else f"{state.rows:,} rows"
    rows = "1 row" if state.rows == 1 else rows
    return f"{rows}, generation {state.generation}, of {state.committed_at}"


def is_transient(error: BaseException) -> bool:
    """Whether trying again by itself may help."""
    if isinstance(error, HyggeError):
        return error.retryable
    return isinstance(error, ConnectionError | TimeoutError)
