"""What a discovery comes to: files to write, and what to tell. Texts in, texts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from hygge.core.home import Table
from hygge.project.discovery.claims import claims_of
from hygge.project.discovery.merge import merge
from hygge.project.discovery.naming import entity_names
from hygge.project.discovery.record import Choice, Known, Record
from hygge.project.discovery.render import entity_text
from hygge.project.expand import select_tables


@dataclass(frozen=True, slots=True)
class Edit:
    """One file of the flow's folder.

    Parameters
    ----------
    path: below the flow's folder, with `/`.
    before: its text; None for a new one.
    after: its text from now on.
    table: what it is about; None for files that are about none.
    """

    path: str
    before: str | None
    after: str
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A flow's folder as it lies there.

    Parameters
    ----------
    flow: the text of its flow.yml; None where there is none.
    entities: the texts of the files in `entities/`, by file name.
    record: what the last discovery found; None where there is none.
    """

    flow: str | None = None
    entities: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None


@dataclass(frozen=True)
class Discovery:
    """What is to be written, and told.

    Parameters
    ----------
    edits: files that are new or change; the record is not among them.
    record: what is known from now on.
    notes: what a person should know or do, each beginning with a file or a table.
    tables: those chosen.
    entities: the entity that reads each, by the table's full name; none where its file was deleted.
    unused: patterns that match no table.
    """

    edits: tuple[Edit, ...]
    record: Record
    notes: tuple[str, ...]
    tables: tuple[Table, ...]
    entities: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether files and source differ: something is to be written, or done by hand."""
        return bool(self.edits or self.notes)


def discover(
    tables: Sequence[Table],
    folder: Folder,
    *,
    source: str,
    choice: Choice,
    flow_text: str,
    with_schema: bool,
    schema_line: str = "",
) -> Discovery:
    """Compare a source's tables with a flow's files.

    Parameters
    ----------
    tables: the source's catalogue.
    folder: the flow's files.
    source: the connection's name, or what else is discovered, for the record.
    choice: which tables are wanted; an empty one means those that the last discovery chose.
    flow_text: the flow's file, where there is none yet.
    with_schema, schema_line: see `entity_text`.
    """
    record = folder.record or Record(source)
    choice = choice or record.choice
    chosen, unused = choose(tables, choice)
    claims = claims_of(folder.flow, folder.entities)
    edits = [] if folder.flow is not None else [Edit("flow.yml", None, flow_text)]
    known, notes = dict(record.tables), list[str]()
    fresh: list[Table] = []
    entities: dict[str, str] = {}
    for table in chosen:
        before = known.get(str(table))
        claim = claims.of(table, before.file if before is not None else "")
        if claim is not None:
            entities[str(table)] = claim.name
        if claim is None and before is None:
            fresh.append(table)
        elif claim is not None and claim.file:
            edit, settled, said = _kept(table, claim.file, before, folder.entities[claim.file])
            known[str(table)] = settled
            edits += edit
            notes += said
        # else it is written in the flow's own file, or its file was taken away by a person.
    names = entity_names(fresh, claims.names)
    for table in fresh:
        name = names[str(table)]
        text = entity_text(table, name, with_schema=with_schema, schema_line=schema_line)
        edits.append(Edit(f"entities/{name}.yml", None, text, table))
        known[str(table)] = Known.of(table, f"{name}.yml")
        entities[str(table)] = name
    notes += _dropped(known, tables, folder.entities)
    return Discovery(
        tuple(edits), replace(record, source=source, choice=choice, tables=known), tuple(notes),
        tuple(chosen), entities, tuple(unused),
    )  # fmt: skip


def choose(tables: Sequence[Table], choice: Choice) -> tuple[list[Table], list[str]]:
    """The tables that are wanted, and the schemas and patterns that none has."""
    inside = [
        t for t in tables
        if not choice.schemas or any(fnmatchcase(t.schema, s) for s in choice.schemas)
    ]  # fmt: skip
    unused = [s for s in choice.schemas if not any(fnmatchcase(t.schema, s) for t in tables)]
    patterns = [*choice.include, *(f"!{pattern}" for pattern in choice.exclude)]
    kept, nothing = select_tables(patterns, inside)
    return kept, unused + [pattern.removeprefix("!") for pattern in nothing]


def _kept(
    table: Table, file: str, before: Known | None, text: str
) -> tuple[list[Edit], Known, list[str]]:
    """What becomes of an entity's file that is there."""
    now = Known.of(table, file)
    if table.fields is None:  # a view that works no longer: nothing is known of it now
        return [], before or now, []
    merged = merge(text, replace(before or now, file=file), now, file)
    changed = merged.text != text
    edits = [Edit(f"entities/{file}", text, merged.text, table)] if changed else []
    return edits, merged.settled, [f"entities/{file}: {note}" for note in merged.notes]


def _dropped(
    known: dict[str, Known], tables: Sequence[Table], entities: Mapping[str, str]
) -> list[str]:
    """Tell of tables that are gone; those whose files are gone too are forgotten."""
    there = {str(table) for table in tables}
    notes = []
    for name in [n for n in known if n not in there]:
        if known[name].file in entities:
            file = f"entities/{known[name].file}"
            notes.append(f"{file}: the source has no {name} any more; delete the file, if so meant")
        else:
            del known[name]
    return notes
