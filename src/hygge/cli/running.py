"""What every verb that moves data shares: who shows it, how it stops, and the code it ends with."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.cli.console import is_live, say
from hygge.cli.failure import DEADLINE, FAILED, OK
from hygge.cli.lines import Follower, JsonLines, TextLines
from hygge.cli.signals import Signals
from hygge.cli.text import count, here
from hygge.core.errors import Cancelled

if TYPE_CHECKING:
    from hygge.run.result import RunResult


def follower(*, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> Follower:
    """Who shows a run: a live table on a terminal, lines elsewhere."""
    if as_json:
        return JsonLines()
    if quiet:
        return Follower()
    if is_live():
        from hygge.cli.live import LiveTable

        return LiveTable(verbose=verbose)
    return TextLines(verbose=verbose)


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Parameters
    ----------
    result: None where it was stopped before it began.
    stopped: what stopped it, e.g. `Ctrl-C`; "" where nothing did.
    signal_code: the exit code that stopping means; 0 without.
    active: the entities that were under way when it was stopped.
    """

    result: RunResult | None
    stopped: str = ""
    signal_code: int = 0
    active: tuple[str, ...] = ()


def watched(
    execute: Callable[[], RunResult], cancel: Callable[[str], None], shown: Follower
) -> Ended:
    """Run something that tells its events to `shown`, stopping it on Ctrl-C and SIGTERM.

    Parameters
    ----------
    execute: runs it to its end; does not raise for failed entities.
    cancel: asks it to stop before the commit points, from any thread.
    shown: is entered before and left after.
    """
    active: tuple[str, ...] = ()

    def stop(reason: str) -> None:
        nonlocal active
        active = tuple(shown.active)
        cancel(f"stopped by {reason}")
        shown.tell(f"{reason}: stopping before the commit points; once more leaves at once")

    def leave() -> None:
        shown.__exit__(None, None, None)
        os.write(2, b"Left at once. What had not been committed is not there.\n")

    with Signals(stop, leave) as signals:
        result: RunResult | None = None
        try:
            with shown:
                result = execute()
        except Cancelled:
            if not signals.received:
                raise
    code = signals.exit_code if signals.received else 0
    return Ended(result, signals.reason, code, active)


def exit_code(ended: Ended, *, warn_error: bool = False, skip_exit_code: int = 0) -> int:
    """The exit code a run means; see `hygge.cli.app`."""
    result = ended.result
    if ended.signal_code or result is None:
        return ended.signal_code
    if result.status in ("failed", "cancelled"):
        return FAILED
    if result.status == "deadline":
        return DEADLINE
    if warn_error and result.has_warnings:
        return FAILED
    if skip_exit_code and result.counts.get("skipped"):
        return skip_exit_code
    return OK


def tell_summary(
    ended: Ended,
    *,
    quiet: bool = False,
    verbose: bool = False,
    as_json: bool = False,
    retry: str = "",
) -> None:
    """Print what a run came to; when quiet, only what is amiss in it.

    Parameters
    ----------
    retry: the command that would run again what failed; "" for none.
    """
    from hygge.cli.render import summary

    if as_json:
        return
    if ended.result is None:
        say(f"Stopped by {ended.stopped} before anything moved.")
        return
    amiss = ended.result.status != "ok" or ended.stopped or ended.result.has_warnings
    if amiss or not quiet:
        text = summary(
            ended.result, stopped=ended.stopped, active=ended.active,
            settled=not quiet, detailed=verbose, retry=retry,
        )  # fmt: skip
        say(text if quiet else f"\n{text}")
    elif skipped := ended.result.counts.get("skipped"):
        which = count(len(ended.result.entities), "entity", "entities")
        reasons = dict.fromkeys(e.error for e in ended.result.entities if e.status == "skipped")
        why = "; ".join(reason for reason in list(reasons)[:1] if reason)
        say(f"Skipped {skipped} of {which}: {here(why)}", to_stderr=True)
