"""Entities of a flow that are found by `tables:` patterns when a run is planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError, Location, Problem
from hygge.core.home import Home, Table
from hygge.project.entities import FlowSource, Named, build_entity, flow_names
from hygge.project.names import key_of
from hygge.project.nodes import Node
from hygge.project.problems import Problems
from hygge.project.specs import EntitySpec, FlowSpec
from hygge.project.templates import verbatim

MOST_NAMED = 10
"""Of the tables that are gone, in one warning."""


@dataclass(frozen=True)
class Expansion:
    """All entities of a flow, those named first, and what was found wrong on the way.

    Parameters
    ----------
    gone: a warning of tables that earlier runs moved and the source no longer shows; for those
        who run the flow.
    """

    entities: tuple[EntitySpec, ...]
    problems: tuple[Problem, ...] = ()
    gone: Problem | None = None

    def heard(self, context: Context) -> list[EntitySpec]:
        """The entities; warnings go to `context.note`. Raises ConfigError with every error."""
        wrong = [p for p in self.problems if p.severity == "error"]
        if wrong:
            raise ConfigError(problems=wrong)
        for problem in self.problems:
            context.note(str(problem), "warning")
        return list(self.entities)


def expand_tables(flow: FlowSpec, context: Context) -> list[EntitySpec]:
    """All entities of a flow: those it names, and those its `tables:` patterns find.

    Warnings go to `context.note`. Raises ConfigError with every problem, and what
    `Home.tables()` raises.
    """
    return expand(flow, context).heard(context)


def select_tables(
    patterns: Sequence[str], tables: Sequence[Table]
) -> tuple[list[Table], list[str]]:
    """The tables that patterns choose, in the source's order, and the patterns that match none.

    A pattern with a dot is held against `schema.table`, one without against the table's name;
    those after `!` leave tables out, wherever they stand. Only exclusions mean all others.
    """
    wanted = [p for p in patterns if not p.startswith("!")]
    unwanted = [p[1:] for p in patterns if p.startswith("!")]
    chosen = [t for t in tables if not wanted or any(_matches(p, t) for p in wanted)]
    kept = [t for t in chosen if not any(_matches(p, t) for p in unwanted)]
    unused = [p for p in patterns if not any(_matches(p.removeprefix("!"), t) for t in tables)]
    return kept, unused


def _matches(pattern: str, table: Table) -> bool:
    if fnmatchcase(table.name, pattern):
        return True
    return "." in pattern and fnmatchcase(f"{table.schema}.{table.name}", pattern)


@dataclass(frozen=True)
class TableSource:
    """What `expand` makes a flow's further entities of.

    Parameters
    ----------
    flow: layers and builder.
    named: the entities that the flow names, right or wrong.
    patterns: with their places.
    around: what the flow's Home is bound to, to list its tables.
    """

    flow: FlowSource
    named: tuple[Named, ...]
    patterns: tuple[tuple[str, Location], ...]
    around: Surroundings


def expand(flow: FlowSpec, context: Context, before: Sequence[tuple[str, str]] = ()) -> Expansion:
    """`expand_tables` with its problems returned; raises only what `Home.tables()` raises.

    Parameters
    ----------
    before: the entities that earlier runs moved, each with the place of its Home; a warning names
        the tables that this source no longer shows, unless a pattern leaves them out.
    """
    source = flow.source
    if not flow.tables or not isinstance(source, TableSource):
        return Expansion(flow.entities)
    problems = Problems()
    made = source.flow.with_problems(problems)
    home = _listing_home(made, source.around)
    if home is None:
        return Expansion(flow.entities, problems.sorted)
    places = dict(source.patterns)
    listed = home.tables(context)
    gone = _gone(made, source.around, type(home), listed, before)
    chosen, unused = select_tables(list(places), [*listed, *gone])
    kept = [table for table in chosen if table not in gone]
    for pattern in unused:
        problems.warn(
            f"the pattern '{pattern}' matches no table of {home.place()}",
            places[pattern],
            "patterns are matched as `schema.table` or `table`, and case counts",
        )
    entities = list(flow.entities)
    taken = _taken(source.named)
    missing = [table for table in chosen if table in gone and not taken.has(table)]
    seen: dict[str, Table] = {}
    hidden: dict[str, Table] = {}
    for table in kept:
        if key_of(str(table)) in taken.tables:
            continue
        at = next((places[p] for p in places if _matches(p, table)), flow.location)
        if (owner := taken.owner(table)) is not None:
            # Named by its name alone, it is the one where the source looks: which, of several?
            other = owner or hidden.setdefault(key_of(table.name), table)
        else:
            other = seen.setdefault(key_of(table.name), table)
        if str(other) != str(table):
            problems.error(
                f"the tables {other} and {table} would both be the entity "
                f"'{flow.name}.{table.name}'",
                at,
                f"name one of them: `entities: [{{name: {table.schema}_{table.name}, "
                f"home: {{table: {table}}}}}]`",
            )
        if owner is not None or other is not table:
            continue
        spec = build_entity(made, _named(table, at, type(home)))
        if spec is not None:
            entities.append(spec)
    return Expansion(tuple(entities), problems.sorted, _told(missing, flow) if missing else None)


def _gone(
    flow: FlowSource, around: Surroundings, home: type[Home], listed: Sequence[Table],
    before: Sequence[tuple[str, str]],
) -> list[Table]:  # fmt: skip
    """The tables of this very source that are listed no more, of entities by name and place."""
    shown, names = {str(table) for table in listed}, {table.name for table in listed}
    silent = flow.with_problems(Problems())
    gone: list[Table] = []
    for name, place in before:
        schema, dot, _ = place.partition("#")[2].rpartition(f".{name}")
        table = Table(schema if dot else "", name)
        if str(table) in shown or (not table.schema and name in names):
            continue
        spec = build_entity(silent, _named(table, flow.location, home))
        with suppress(ConfigError):  # what cannot be bound moves nothing
            if spec is not None and spec.home.bind(around).place() == place:
                gone.append(table)
    return gone


def _told(tables: Sequence[Table], flow: FlowSpec) -> Problem:
    """The warning of tables that an earlier run moved."""
    names = [str(table) for table in tables]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    one = len(names) == 1
    was, them, they = ("was", "it", "it") if one else ("were", "them", "they")
    return Problem(
        f"{flow.name}: {', '.join(names[:MOST_NAMED])}{more} {was} moved before; the source has "
        f"{them} no longer, or {they} may not be read",
        flow.location,
        f"the copy stays as it was: see that {they} may be read. This is told for half a day; "
        f"to hear no more of {them} at once, leave {them} out under `tables:`, e.g. '!{names[0]}'",
        "warning",
    )


def _listing_home(flow: FlowSource, around: Surroundings) -> Home | None:
    """The flow's own Home, of no entity."""
    node = flow.base.get("home")
    if node is None or not node.items:
        flow.builder.problems.error(f"the flow '{flow.name}' has no home", flow.location)
        return None
    home: Home | None = flow.builder.connector("home", node, "", flow_names(flow), shared=True)
    return home.bind(around) if home is not None else None


@dataclass(frozen=True)
class _Taken:
    """What named entities have taken.

    Parameters
    ----------
    tables: as `schema.table`, by their keys.
    names: by the keys of names, the table as `schema.table`; "" where no schema is told.
    """

    tables: frozenset[str]
    names: Mapping[str, str]

    def has(self, table: Table) -> bool:
        """Whether a named entity reads it, and so tells itself when it cannot."""
        return key_of(str(table)) in self.tables or self.owner(table) is not None

    def owner(self, table: Table) -> str | None:
        """The table that a named entity of this table's name reads; None where there is none."""
        return self.names.get(key_of(table.name))


def _taken(named: Sequence[Named]) -> _Taken:
    tables: set[str] = set()
    names: dict[str, str] = {}
    for entity in named:
        home = entity.node.get("home")
        table = (home.text("table") if home else None) or entity.name
        schema = home.text("schema") if home else None
        full = f"{schema}.{table}" if schema else table
        if "." not in full:
            names[key_of(full)] = ""
            names.setdefault(key_of(entity.name), full)
            continue
        tables.add(key_of(full))
        names.setdefault(key_of(entity.name), full)
    return _Taken(frozenset(tables), names)


def _named(table: Table, at: Location, home: type[Home]) -> Named:
    items = {}
    if "table" in home.Config.model_fields:
        items["home"] = Node({"table": Node(verbatim(str(table)), at)}, at)
    return Named(table.name, Node(items, at), at, (table.schema, table.name))
