"""Errors, plans and results as text. Values in, text out; nothing here prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hygge.cli.console import bold, dim, green, red, yellow
from hygge.cli.text import columns, count, duration, here, indented, size
from hygge.core.errors import ConfigError, HyggeError, Problem

if TYPE_CHECKING:
    from hygge.run.plan import Plan
    from hygge.run.result import EntityResult, RunResult

STATUS = {
    "moved": green("moved"), "unchanged": green("unchanged"), "failed": red("failed"),
    "cancelled": yellow("cancelled"), "skipped": yellow("skipped"), "untouched": dim("untouched"),
    "running": "running", "interrupted": red("interrupted"), "ok": green("ok"),
    "deadline": yellow("deadline"),
}  # fmt: skip


def error_text(error: HyggeError) -> str:
    """An error with its next step; a configuration's with every problem, in order of place."""
    if isinstance(error, ConfigError) and error.problems:
        return problems_text(error.problems)
    text = f"{red('error:')} {indented(here(error.message), '  ')}"
    return f"{text}\n  {dim('hint:')} {here(error.hint)}" if error.hint else text


def problems_text(problems: Sequence[Problem]) -> str:
    """Each problem as `file:line:column: error: ...`, and how many there are."""
    ordered = sorted(problems, key=lambda p: p.sort_key)
    lines = []
    for one in ordered:
        where = f"{bold(str(one.location))}: " if one.location else ""
        word = red("error:") if one.severity == "error" else yellow("warning:")
        lines.append(f"{where}{word} {indented(here(one.message), '  ')}")
        if one.hint:
            lines.append(f"  {dim('hint:')} {indented(here(one.hint), '  ')}")
    if len(ordered) > 1:
        errors = sum(p.severity == "error" for p in ordered)
        told = [count(errors, "error")] if errors else []
        told += [count(len(ordered) - errors, "warning")] if errors < len(ordered) else []
        lines.append(f"\n{' and '.join(told)}.")
    return "\n".join(lines)


def plan_text(plan: Plan) -> str:
    """One plan: from, to, mode, bounds, guarantee, what readers see, and what stands in the way."""
    keys = plan.settings.keys
    facts = [
        ("from", here(plan.source)),
        ("to", here(plan.destination)),
        ("mode", plan.mode + (f", by {', '.join(keys)}" if keys and plan.needs_key else "")),
        ("reads", plan.bounds),
        *plan.details,
        ("guarantee", plan.guarantee),
        ("readers", plan.readers),
    ]
    if plan.tags:
        facts.append(("tags", ", ".join(plan.tags)))
    facts += [("note", note) for note in plan.notes]
    lines = [bold(plan.full_name), columns([(dim(name), text) for name, text in facts])]
    for problem in plan.problems:
        word = red("error") if problem.severity == "error" else yellow("warning")
        text = problem.message.removeprefix(f"{plan.full_name}: ")
        lines.append(f"  {word}: {indented(text, '    ')}")
        if problem.hint:
            lines.append(f"    {dim('hint:')} {problem.hint}")
    return "\n".join(lines)


def outcome(result: EntityResult) -> str:
    """What became of an entity, in a few words."""
    if result.status == "moved":
        moved = f"{count(result.rows, 'row')}, {size(result.bytes)}"
        return f"{moved} in {duration(result.seconds)}"
    if result.status == "unchanged":
        return f"nothing new, {duration(result.seconds)}"
    if result.status == "cancelled":
        return "stopped before its commit point" + (f"; {result.hint}" if result.hint else "")
    return here(result.error or "")


def summary(
    result: RunResult,
    *,
    stopped: str = "",
    active: Sequence[str] = (),
    settled: bool = True,
    detailed: bool = False,
    retry: str = "",
) -> str:
    """What moved, where it settled and how long it took, in all; what failed comes last.

    Parameters
    ----------
    result: of the run.
    stopped: how a person or a scheduler stopped it, e.g. `Ctrl-C`; "" where nobody did.
    active: the entities that were under way at that moment.
    settled: whether to name the entities that moved, and those that had nothing new.
    detailed: whether to tell what each of them proved.
    retry: the command that would run again what failed; "" for none.
    """
    parts = []
    done = [e for e in result.entities if e.status in ("moved", "unchanged")]
    if done and settled:
        lines = columns([_settled(e) for e in done], right=(1, 2, 3)).splitlines()
        if detailed:
            lines = [part for line, e in zip(lines, done, strict=True) for part in _more(line, e)]
        parts.append("\n".join(lines))
    left = [e for e in result.entities if e.status in ("skipped", "cancelled", "untouched")]
    if left:
        parts.append(columns([(e.entity, STATUS[e.status], outcome(e)) for e in left]))
    parts.append(_headline(result))
    if stopped:
        parts.append(_stopped(result, stopped, active))
    # In bold, which also tells it from a `password: x` of somebody's, to be blotted out.
    warnings = [f"{bold(f'{e.entity}:')} {w}" for e in result.entities for w in e.warnings]
    told = [f"  {indented(here(text), '  ')}" for text in (*warnings, *result.warnings)]
    if told:
        parts.append("\n".join([yellow("Warnings"), *told]))
    if result.failed:
        parts.append("\n".join([red("Failed"), *(failure_text(e) for e in result.failed)]))
        if retry:
            parts.append(dim(f"`{retry}` runs only what did not succeed."))
    return "\n\n".join(parts)


def failure_text(result: EntityResult) -> str:
    """One failure: cause, next step, and what the destination still holds."""
    after = f", after {count(result.attempts, 'attempt')}" if result.attempts > 1 else ""
    facts = [("cause", f"{result.error}{after}")]
    hint = result.hint or ("run it again; the cause may have passed" if result.retryable else None)
    if hint:
        facts.append(("next", hint))
    if result.holds:
        facts.append(("still there", f"{result.destination}: {result.holds}"))
    rows = [(dim(name), here(text)) for name, text in facts]
    body = columns([(name, text.splitlines()[0]) for name, text in rows], indent="    ")
    lines = []
    for line, (_, text) in zip(body.splitlines(), rows, strict=True):
        lines += [line, *(f"      {more}" for more in text.splitlines()[1:])]
    return "\n".join([f"  {bold(result.entity)}", *lines])


def _more(line: str, result: EntityResult) -> list[str]:
    facts = columns([(dim(name), text) for name, text in details(result)], indent="    ")
    return [line, facts] if facts else [line]


def details(result: EntityResult) -> list[tuple[str, str]]:
    """What else there is to know of an entity, by name: positions, proof, what is held, notes."""
    before, after, proof = result.watermark_before, result.watermark_after, result.proof
    facts = []
    if after is not None:
        facts.append(("position", str(after) + (f", before {before.value}" if before else "")))
    if proof is not None:
        counted = [
            f"{number:,} {what}"
            for what, number in (
                ("in the source", proof.source), ("read", proof.read),
                ("written", proof.written), ("staged", proof.staged),
            )
            if number is not None
        ]  # fmt: skip
        facts.append(("proof", ", ".join(counted)))
        if proof.chunks > 1:
            kept = f", {proof.reused} of them before" if proof.reused else ""
            facts.append(("read in", f"{proof.chunks} chunks{kept}: {proof.consistency}"))
    if result.holds and result.status != "failed":
        facts.append(("holds", result.holds))
    facts += [("note", note) for note in result.notes]
    return facts


def _headline(result: RunResult) -> str:
    total, done = len(result.entities), result.counts
    if not total:
        return f"Nothing to move: no entity was chosen.  {dim('run ' + result.run_id)}"
    settled = done.get("moved", 0) + done.get("unchanged", 0)
    facts = f"{count(result.rows, 'row')}, {size(result.bytes)} in {duration(result.seconds)}"
    which = count(total, "entity", "entities")
    said = f"{settled} of {which}" if settled < total else f"all of {which}"
    if total == 1 == settled:
        said = "1 entity"
    head = f"Moved {said}: {facts}"
    rest = [f"{n} {status}" for status, n in done.items() if status != "moved"]
    if done == {"unchanged": total}:
        head, rest = f"Nothing new in {which}: {duration(result.seconds)}", []
    colour = {"ok": green, "failed": red}.get(result.status, yellow)
    tail = f" ({', '.join(rest)})" if rest else ""
    return f"{colour(bold(head))}{tail}  {dim('run ' + result.run_id)}"


def _stopped(result: RunResult, stopped: str, active: Sequence[str]) -> str:
    by_name: Mapping[str, EntityResult] = {e.entity: e for e in result.entities}
    past = [n for n in active if n in by_name and by_name[n].status in ("moved", "unchanged")]
    before = [e.entity for e in result.entities if e.status == "cancelled"]
    never = sum(e.status == "untouched" for e in result.entities)
    lines = [yellow(f"Stopped by {stopped}.")]
    if past:
        lines.append(f"  finished, being past the commit point: {', '.join(past)}")
    if before:
        lines.append(f"  stopped before the commit point, nothing changed: {', '.join(before)}")
    if never:
        lines.append(f"  never started: {count(never, 'entity', 'entities')}")
    return "\n".join(lines)


def _settled(result: EntityResult) -> tuple[str, str, str, str, str]:
    if result.status == "unchanged":
        return (
            result.entity,
            "nothing new",
            "",
            duration(result.seconds),
            f"in {here(result.destination)}",
        )
    return (
        result.entity,
        count(result.rows, "row"),
        size(result.bytes),
        duration(result.seconds),
        f"-> {here(result.destination)}",
    )
