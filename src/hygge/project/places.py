"""Two entities may not settle in one place, nor one inside the other's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError, Location, Problem
from hygge.core.home import Home
from hygge.core.store import Store
from hygge.project.names import place_key
from hygge.project.specs import EntitySpec


def check_places(entities: Iterable[EntitySpec], around: Surroundings) -> list[Problem]:
    """A problem for every enabled entity whose place another has, or whose place is inside it.

    Places are compared without regard to case, as some file systems do, and to which of its names
    this machine is called by. Stores that keep no state
    only add to what is there, and may share. An entity that would settle where it comes from, and
    Homes and Stores that cannot be bound, are problems here too.
    """
    problems: list[Problem] = []
    seen: dict[str, EntitySpec] = {}
    for entity in entities:
        if not entity.enabled:
            continue
        place = _place(entity, around, problems)
        if place is None:
            continue
        other = seen.setdefault(place, entity)
        if other is not entity:
            problems.append(
                Problem(
                    f"{entity.full_name} would settle where {other.full_name} does "
                    f"({entity.store.bind(around).place()}), which is at {other.location}",
                    _where(entity),
                    "give one of them another `path`, `table` or name",
                )
            )
    for place, entity in seen.items():
        outer = next((seen[p] for p in _parents(place) if p in seen), None)
        if outer is not None:
            problems.append(
                Problem(
                    f"{entity.full_name} would settle inside the folder of {outer.full_name}, "
                    f"which is at {outer.location} and replaces that folder as a whole",
                    _where(entity),
                    "give one of them another `path`",
                )
            )
    return problems


def _where(entity: EntitySpec, *settings: str) -> Location:
    """Where the first of some settings that is written is, else the entity."""
    for path in settings or ("store.path", "store.table"):
        if path in entity.provenance:
            return entity.provenance[path]
    return entity.location


def _bound(
    described: Home | Store, role: str, entity: EntitySpec, around: Surroundings,
    problems: list[Problem],
) -> Any:  # fmt: skip
    """A Home or Store bound; None where it cannot be, which is a problem of what it names."""
    try:
        return described.bind(around)
    except ConfigError as error:
        at = _where(entity, *(f"{role}.{name}" for name in ("url", "connection", "path", "type")))
        inner = error.problems or (Problem(error.message, None, error.hint),)
        problems += [
            Problem(f"{entity.full_name}: {p.message}", p.location or at, p.hint) for p in inner
        ]
        return None


def _place(entity: EntitySpec, around: Surroundings, problems: list[Problem]) -> str | None:
    home = _bound(entity.home, "home", entity, around, problems)
    store = _bound(entity.store, "store", entity, around, problems)
    if home is None or store is None or not store.keeps_state:
        return None
    place = place_key(store.place().rstrip("/"))
    if place_key(home.place().rstrip("/")) == place:
        problems.append(
            Problem(
                f"{entity.full_name} would settle where it comes from ({store.place()})",
                _where(entity),
                "give the home or the store another `path` or `table`",
            )
        )
    return place


def _parents(place: str) -> list[str]:
    parts = place.replace("\\", "/").split("/")
    return ["/".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]
