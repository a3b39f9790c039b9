"""What `hygge go --dry-run --connect` found out about an entity, as text. Nothing here prints."""

from __future__ import annotations

from hygge.cli.console import dim, red, yellow
from hygge.cli.text import columns, count, here, indented, size
from hygge.core.chunk import Estimate
from hygge.core.drift import Drift
from hygge.core.fields import Field
from hygge.core.state import State
from hygge.run.preview import Piece, Preview
from hygge.run.shape import Shape

MOST = 12
"""Chunks, and files of one, that are shown; of more there is the number."""


def preview_text(found: Preview) -> str:
    """What would be read and how it differs from what is held; last, what is in the way."""
    facts = [("holds", _held(found.held))] if found.held is not None or found.shape else []
    if found.shape is not None:
        facts += [("differs", text) for text in _drift(found.drift)]
    if found.before is not None:
        facts.append(("position", str(found.before)))
    if found.window is not None:
        facts.append(("window", str(found.window)))
    if found.nothing:
        facts.append(("finds", found.nothing))
    if said := _size(found.estimate):
        facts.append(("size", said))
    if found.pieces:
        facts.append(("chunks", _chunks(found)))
        facts.append(("seen in", found.consistency))
    lines = [columns([(dim(name.ljust(9)), text) for name, text in facts])] if facts else []
    if found.shape is not None:
        lines += [f"  {dim('fields')}", _fields(found.shape)]
    lines += [_piece(piece, alone=len(found.pieces) == 1) for piece in found.pieces[:MOST]]
    if len(found.pieces) > MOST:
        lines.append(f"  {dim(f'... and {len(found.pieces) - MOST} chunks more')}")
    for message, severity in found.notes:
        if severity == "warning":
            lines.append(f"  {yellow('warning')}: {indented(here(message), '    ')}")
    if found.error is not None:
        lines.append(f"  {red('error')}: {indented(here(found.error.message), '    ')}")
        if found.error.hint:
            lines.append(f"    {dim('hint:')} {here(found.error.hint)}")
    return "\n".join(lines)


def _held(held: State | None) -> str:
    if held is None:
        return "nothing of hygge's yet"
    rows = count(held.rows, "row") if held.rows is not None else "rows"
    return f"{rows}, generation {held.generation}, of {held.committed_at}"


def _drift(drift: Drift) -> list[str]:
    told = [f"new: {f.name} ({f.type})" for f in drift.added]
    told += [f"gone: {f.name}" for f in drift.missing]
    told += [f"wider: {name}, {old} to {new}" for name, old, new in drift.widened]
    return told + [f"clashes: {name}, {old} to {new}" for name, old, new in drift.clashing]


def _size(estimate: Estimate) -> str:
    parts = [count(estimate.rows, "row")] if estimate.rows is not None else []
    parts += [size(estimate.bytes)] if estimate.bytes is not None else []
    return ("" if estimate.exact else "about ") + ", ".join(parts) if parts else ""


def _chunks(found: Preview) -> str:
    number = len(found.pieces)
    return "one" if number == 1 else f"{number}, at most {found.readers} at a time"


def _fields(shape: Shape) -> str:
    """Native type, logical type, key and nullability of each field, by its name where it lands."""
    keys = len(shape.target.keys)
    return columns([_field(field, keys) for field in shape.target], indent="    ")


def _field(field: Field, keys: int) -> tuple[str, str, str, str]:
    name = f"{field.name} ({field.source})" if field.source else field.name
    facts = [f"key {field.key} of {keys}" if keys > 1 else "key"] if field.key else []
    facts += ["not null"] if not field.nullable and not field.key else []
    facts += [yellow(f"loses: {field.loss}")] if field.loss else []
    return name, field.origin or "-", str(field.type), ", ".join(facts)


def _piece(piece: Piece, *, alone: bool) -> str:
    """A chunk: its statement word for word, or its files."""
    about = f", about {count(piece.rows, 'row')}" if piece.rows is not None else ""
    head = "" if alone else f" of {piece.label}{about}"
    if piece.statement:
        return f"  {dim('statement')}{head}\n    {indented(piece.statement, '    ')}"
    if not piece.files:
        return f"  {dim('read')}{head or ' by its own code'}"
    named = [f"    {here(file)}" for file in piece.files[:MOST]]
    if len(piece.files) > MOST:
        named.append(f"    ... and {len(piece.files) - MOST} more")
    return "\n".join([f"  {dim('files')}{head}", *named])
