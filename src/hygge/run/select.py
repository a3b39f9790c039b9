"""Which entities a run is for: names, globs and tags. Values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from hygge.core.errors import ConfigError
from hygge.run.options import RunOptions


@dataclass(frozen=True, slots=True)
class Candidate:
    """What selection looks at: the flow, the entity's own name, and its tags.

    A flow whose tables cannot be listed is one candidate too, of all its entities: see `all_of`.
    """

    flow: str
    entity: str
    tags: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return full_name(self.flow, self.entity)


ALL = "*"
"""The name for all entities of a flow, where they are not known."""


def all_of(flow: str) -> Candidate:
    """What stands for the entities of a flow whose tables cannot be listed: `flow.*`."""
    return Candidate(flow, ALL)


def full_name(flow: str, entity: str) -> str:
    """`flow.entity`; a flow of a single entity of its own name is called by it alone."""
    return flow if entity == flow else f"{flow}.{entity}"


def matches(pattern: str, candidate: Candidate) -> bool:
    """Whether a pattern means this entity: `tag:x`, a glob over `flow.entity`, or, without a
    dot, over the flow's name or the entity's."""
    if pattern.startswith("tag:"):
        return any(fnmatchcase(tag, pattern[4:]) for tag in candidate.tags)
    if fnmatchcase(candidate.full_name, pattern):
        return True
    if fnmatchcase(candidate.entity, pattern):
        return True
    return "." not in pattern and fnmatchcase(candidate.flow, pattern)


def chosen(
    candidates: Sequence[Candidate], options: RunOptions, flows: Sequence[str] = ()
) -> list[Candidate]:
    """The candidates a run is for, in their order.

    Parameters
    ----------
    flows: names of flows, for those that have no candidate.

    Raises ConfigError where a name or pattern means nothing at all, with the near miss.
    """
    picked = list(candidates)
    if options.flows:
        _each_means_something(options.flows, {*flows, *(c.flow for c in candidates)}, "flow")
        picked = [c for c in picked if _is_meant(c.flow, options)]
    if options.entities:
        _each_means_something(options.entities, {c.full_name for c in candidates}, "entity")
        picked = [c for c in picked if any(fnmatchcase(c.full_name, e) for e in options.entities)]
    if options.select:
        for pattern in options.select:
            if not any(matches(pattern, c) for c in (*candidates, *map(all_of, flows))):
                raise _nothing(pattern, sorted({*flows, *_names(candidates)}))
        picked = [c for c in picked if any(matches(p, c) for p in options.select)]
    if options.exclude:
        picked = [c for c in picked if not any(matches(p, c) for p in options.exclude)]
    if options.only is not None:
        picked = [c for c in picked if _again(c, options.only)]
    return picked


def _again(candidate: Candidate, only: Collection[str]) -> bool:
    """Whether an entity is one of `only`, or of a flow that is meant as a whole; and whether a flow
    that is not known has any of them."""
    if candidate.entity == ALL:
        begins = f"{candidate.flow}."
        return any(name == candidate.flow or name.startswith(begins) for name in only)
    return candidate.full_name in only or all_of(candidate.flow).full_name in only


def _is_meant(flow: str, options: RunOptions) -> bool:
    """Whether `flows` names a flow, or none."""
    return not options.flows or any(fnmatchcase(flow, f) for f in options.flows)


def is_out(flow: str, options: RunOptions) -> bool:
    """Whether a flow can be told to have nothing to run, whatever its entities are: where the run
    is for flows by their names, and for nothing else."""
    alone = not (options.entities or options.select or options.exclude)
    return alone and not _is_meant(flow, options)


def may_hold(flow: str, options: RunOptions) -> bool:
    """Whether a flow whose entities are not known may have some that `select` means, by names or
    tags of their own."""
    if not _is_meant(flow, options):
        return False
    firsts = [p.partition(".") for p in options.select]
    return any(not dot or fnmatchcase(flow, first) for first, dot, _ in firsts)


def idle(candidates: Sequence[Candidate], options: RunOptions) -> list[str]:
    """A warning for each pattern of `exclude` that leaves nothing out, with the near miss."""
    found = []
    for pattern in options.exclude:
        unknown = any(c.entity == ALL for c in candidates)  # may have what it leaves out
        if not unknown and not any(matches(pattern, c) for c in candidates):
            near = get_close_matches(pattern, _names(candidates), n=1)
            meant = f"; did you mean '{near[0]}'?" if near else ""
            found.append(f"exclude '{pattern}' leaves nothing out: nothing is called so{meant}")
    return found


def _names(candidates: Iterable[Candidate]) -> list[str]:
    found: set[str] = set()
    for c in candidates:
        found |= {c.flow, c.entity, c.full_name, *(f"tag:{t}" for t in c.tags)}
    return sorted(found)


def _each_means_something(patterns: Sequence[str], known: Collection[str], what: str) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise _nothing(pattern, sorted(known), what)


def _nothing(pattern: str, known: Sequence[str], what: str = "flow, entity or tag") -> ConfigError:
    near = get_close_matches(pattern, known, n=1)
    return ConfigError(
        f"no {what} is called '{pattern}'",
        hint=f"did you mean '{near[0]}'?" if near else "`hygge ls` shows what there is",
    )
