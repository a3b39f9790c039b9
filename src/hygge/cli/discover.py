"""`hygge discover`: a flow and its entities' files from a source's catalogue."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

from hygge.cli.console import bold, dim, green, raw, red, say, yellow
from hygge.cli.failure import FAILED, OK
from hygge.cli.text import columns, command, count
from hygge.core import registry
from hygge.core.context import Context
from hygge.core.errors import ConfigError
from hygge.core.fields import Schema
from hygge.core.home import Table
from hygge.project import Project, load_project
from hygge.project.discovery import Choice, Discovery, Edit, Folder, Record
from hygge.project.discovery import discover as compare
from hygge.project.discovery.dbt import Settled, sources_text
from hygge.project.discovery.proposal import propose
from hygge.project.discovery.record import FILE
from hygge.project.discovery.render import flow_text
from hygge.project.discovery.source import Source, free_variable, source_of
from hygge.project.finding import flow_file, yaml_files
from hygge.project.names import flow_name_problem, key_of
from hygge.project.reader import read_file
from hygge.run.shape import shape_of

SHOWN = 40
"""Most new files that are named one by one."""


def discover(
    config: Path | None,
    *,
    connection: str,
    schema: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    flow: str | None,
    dbt_sources: bool,
    dry_run: bool,
    check: bool,
    env: str | None,
) -> int:
    """Write or update a flow's files; the parameters are those of the command.

    Returns 1 with `check` where source and files differ.
    """
    project = load_project(config_path=config, env=env, flows=False)
    project.check()
    source = source_of(connection, project.connections, project.root)
    name = flow or source.name
    reason = flow_name_problem(name)
    if reason is not None:
        raise ConfigError(f"'{name}' cannot be a flow's name: {reason}", hint="name it by --flow")
    place = project.flows_dir / name
    if source.variable:
        texts = [_read(file) for file in _flow_files(project, beside=place)]
        url = source.settings["url"]
        source = source.referring(free_variable(name, url, os.environ, texts))
    folder = _folder(project, place, name, source)
    home = registry.lookup("home", source.type)
    catalogue = home("", **source.settings).bind(project.surroundings()).catalogue(Context())
    found = compare(
        catalogue, folder, source=source.label, choice=Choice(schema, include, exclude),
        flow_text=flow_text(
            name, {"type": source.type, **source.written},
            {"type": "parquet", "path": f"data/{name}"},
            schema_line=_editor(project, place, "flow"),
        ),
        with_schema=any("schema" in (n, f.alias) for n, f in home.Config.model_fields.items()),
        schema_line=_editor(project, place / "entities", "entity"),
    )  # fmt: skip
    if dbt_sources:
        raw(_sources(config, env, name, found))
        return OK
    shown = Path(os.path.relpath(place))
    _tell(found, shown, source, whole=dry_run or check)
    if check:
        return FAILED if found.differs else OK
    if not dry_run:
        _write(place, found, folder)
        if source.variable and folder.flow is None:
            say(f"\nPut the URL into .env, as {source.variable}=... ; it is a secret.")
        if folder.flow is None:
            checks, moves = command("debug", config, env), command(f"go --flow {name}", config, env)
            say("\n" + dim(f"{checks} checks it; {moves} moves it."))
    return OK


def _folder(project: Project, place: Path, name: str, source: Source) -> Folder:
    """The flow's files as they are. Raises ConfigError where they are another source's."""
    written, _ = read_file(project.file)
    inline = written.get("flows") if written is not None else None
    if inline is not None and name in inline.items:
        raise ConfigError(
            f"the flow '{name}' is written in {project.file.name} itself",
            hint="name another by --flow; its files are written into a folder of their own",
        )
    for called in inline.items if inline is not None else ():
        if key_of(called) == key_of(name):
            raise _taken(name, called, project.file)
    for other in _flow_files(project, beside=place):
        node = read_file(other)[0] if other != project.file else None
        for called in {other.parent.name, node.text("name") or ""} if node is not None else ():
            if key_of(called) == key_of(name):
                raise _taken(name, called, other)
    file = flow_file(place) if place.is_dir() else None
    entities = place / "entities"
    files = yaml_files(entities) if entities.is_dir() else []
    kept = place / FILE
    record = Record.from_text(_read(kept), str(kept)) if kept.is_file() else None
    if record is not None and record.source != source.label:
        raise ConfigError(
            f"the flow '{name}' was discovered from {record.source}, not from {source.label}",
            hint="name another flow by --flow",
        )
    return Folder(
        _read(file) if file is not None else None, {f.name: _read(f) for f in files}, record
    )


def _taken(name: str, called: str, file: Path) -> ConfigError:
    """Of a flow whose name another has already, if for the case of letters."""
    return ConfigError(
        f"there is the flow '{called}' already, in {os.path.relpath(file)}"
        + (f", and '{name}' differs from it in case alone" if called != name else ""),
        hint="name another by --flow",
    )


def _flow_files(project: Project, *, beside: Path) -> list[Path]:
    """The project's file, and those of the flows in folders but for one."""
    folders = sorted(project.flows_dir.iterdir()) if project.flows_dir.is_dir() else []
    # By name, since a file system that ignores case has one folder for two.
    others = [folder for folder in folders if folder.is_dir() and folder.name != beside.name]
    return [project.file, *(f for folder in others if (f := flow_file(folder)) is not None)]


def _read(path: Path) -> str:
    """A file's text with its line ends as they are."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: {error.reason}", hint="save it as UTF-8") from None


def _editor(project: Project, folder: Path, kind: str) -> str:
    """The line that tells editors what may stand in a file, where the project has its schema."""
    path = project.root / ".hygge" / "schema" / f"{kind}.json"
    if not path.is_file():
        return ""
    return f"# yaml-language-server: $schema={Path(os.path.relpath(path, folder)).as_posix()}"


def _tell(found: Discovery, place: Path, source: Source, *, whole: bool) -> None:
    """Print what is new, what changes and what is left to do.

    Parameters
    ----------
    whole: whether to show new files as differences too.
    """
    new = [edit for edit in found.edits if edit.before is None]
    changed = [edit for edit in found.edits if edit.before is not None]
    for edit in found.edits if whole else changed:
        say(_diff(edit, place) + "\n")
    if new and not whole:
        say(columns([_row(edit) for edit in new[:SHOWN]]))
        if len(new) > SHOWN:
            say(f"  ... and {len(new) - SHOWN:,} more")
        say()
    for note in found.notes:
        say(f"{yellow('to do')} {note}")
    for pattern in found.unused:
        say(f"{yellow('warning:')} '{pattern}' matches no table of {source.label}")
    if found.notes or found.unused:
        say()
    absent = sum(str(table) not in found.entities for table in found.tables)
    told = [f"{count(len(found.tables), 'table')} of {source.label}"]
    told += [f"{len(new):,} new file{'' if len(new) == 1 else 's'}"] if new else []
    told += [f"{len(changed):,} changed"] if changed else []
    told += [] if found.edits else ["nothing to write"]
    told += [f"{len(found.notes):,} to do by hand"] if found.notes else []
    told += [f"{absent:,} left out, whose file was deleted"] if absent else []
    say(f"{bold(place.as_posix())}: {', '.join(told)}.")


def _row(edit: Edit) -> tuple[str, ...]:
    """A new file in a line: its table's size and key, and the watermark that it may have."""
    table = edit.table
    if table is None:
        return ("new", edit.path, "", "", "")
    keys = table.fields.keys if table.fields else ()
    proposal = propose(table)
    return (
        "new", edit.path, _size(table), f"key {', '.join(keys)}" if keys else "no key",
        f"incremental by {proposal.column}?" if proposal else "",
    )  # fmt: skip


def _size(table: Table) -> str:
    return "" if table.rows is None else f"about {count(table.rows, 'row')}"


def _diff(edit: Edit, place: Path) -> str:
    path = (place / edit.path).as_posix()
    before = (edit.before or "").splitlines()
    lines = difflib.unified_diff(
        before, edit.after.splitlines(), path if edit.before is not None else "/dev/null", path,
        lineterm="", n=1,
    )  # fmt: skip
    paint = {"+": green, "-": red, "@": dim}
    return "\n".join(paint.get(line[:1], str)(line) for line in lines)


def _write(place: Path, found: Discovery, folder: Folder) -> None:
    """Write each file whole or not at all; the record last, so that a crash repeats what it cut."""
    for edit in found.edits:
        _put(place / edit.path, edit.after)
    if folder.record != found.record:
        _put(place / FILE, found.record.to_text())


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    partial.write_bytes(text.encode())
    partial.replace(path)


def _sources(config: Path | None, env: str | None, flow: str, found: Discovery) -> str:
    """The dbt document: entities as the project has them, and as they would be where it has not."""
    project = load_project(config_path=config, env=env)
    specs = {s.name: s for f in project.flows if f.name == flow for s in f.entities}
    settled = []
    for table in found.tables:
        entity = found.entities.get(str(table))
        if entity is None:
            continue
        spec: Any = specs.get(entity)
        fields, files = table.fields or Schema(), f"data/{flow}/{entity}/*.parquet"
        if spec is not None:
            settings = spec.settings
            fields = shape_of(
                fields, columns=settings.columns, rename=settings.rename, keys=settings.keys,
                entity=entity,
            ).target  # fmt: skip
            path = getattr(spec.store.config, "path", None)
            files = f"{path}/*.{spec.store.type}" if spec.store.type in ("parquet", "csv") else ""
        settled.append(Settled(entity, table.comment or f"{table} at the source", fields, files))
    return sources_text(flow, settled)
