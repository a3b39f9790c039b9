"""A person's own query, with the bounds of a window and of a chunk in it. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.errors import ConfigError
from hygge.core.fields import LogicalType, Schema
from hygge.core.watermark import Position
from hygge.sql.dialect import Dialect, ends
from hygge.sql.placeholders import CHUNK, WINDOW, fill, need, placeholders
from hygge.sql.source import Source


def described(source: Source, dialect: Dialect) -> str:
    """The query with NULL for its placeholders: no row meets it, and its columns are known."""
    values = dict.fromkeys((*WINDOW, *CHUNK), "NULL")
    return fill(bare(source.query), values, escapes=dialect.escapes)


def bounded(
    source: Source,
    dialect: Dialect,
    request: ReadRequest,
    chunk: Chunk,
    schema: Callable[[], Schema],
) -> str:
    """The query for the rows of a window and a chunk.

    Parameters
    ----------
    source: has the query, and the column that its chunks are ranges of.
    dialect: shows the bounds as literals.
    request, chunk: what is wanted. A chunk's bounds `lower` and `upper` are literals.
    schema: the query's fields, asked for where they are needed.

    Raises
    ------
    ConfigError: the query lacks the placeholders that it needs, so that all would be read, or has
        some that nothing gives a value to.
    """
    escapes, window = dialect.escapes, request.window
    there = placeholders(source.query, escapes=escapes)
    values: dict[str, str] = {}
    if window is not None:
        need(source.query, WINDOW, f"{source.label} is read incrementally", escapes=escapes)
        values |= _between(dialect, WINDOW, window.type, window.lower, window.upper)
    elif there & {*WINDOW}:
        raise _without("incremental", WINDOW)
    if there & {*CHUNK}:
        values |= _between(dialect, CHUNK, chunk_type(source, schema()), None, None)
        values |= {n: str(chunk.bounds[n]) for n in CHUNK if chunk.bounds.get(n) is not None}
    return fill(bare(source.query), values, escapes=escapes)


def need_chunks(source: Source, dialect: Dialect) -> None:
    """Raise ConfigError for a query that is to be read in chunks and has no placeholders."""
    why = f"{source.label} is to be read in chunks"
    need(source.query, CHUNK, why, escapes=dialect.escapes)


def chunk_type(source: Source, schema: Schema) -> LogicalType:
    """The type of the column that a query's chunks are ranges of. Raises ConfigError."""
    name = source.chunk_column
    if not name:
        raise _without("chunk_column", CHUNK)
    field = schema.get(name)
    if field is None or not (field.type.is_integer or field.type.kind == "decimal"):
        raise ConfigError(
            f"`chunk_column: {name}` is {'not there' if field is None else str(field.type)}",
            hint="name one of its whole-number or decimal columns",
        )
    return field.type


def chunk_key(source: Source, key: Sequence[str], schema: Schema) -> Sequence[str]:
    """The columns that a table is split by: `chunk_column`, else its key.

    Raises ConfigError for a `chunk_column` that is not there.
    """
    name = source.chunk_column
    if name and name not in schema.names:
        raise ConfigError(
            f"`chunk_column: {name}` is no column of {source.label}",
            hint=f"its columns: {', '.join(schema.names[:12])}",
        )
    return (name,) if name else key


def bare(query: str) -> str:
    """A query without the semicolon at its end."""
    return query.strip().rstrip(";").rstrip()


def _between(
    dialect: Dialect,
    names: tuple[str, str],
    kind: LogicalType,
    low: Position | None,
    high: Position | None,
) -> dict[str, str]:
    """Literals for a pair of placeholders, unbounded where a bound is None."""
    least, most = ends(kind)
    shown = (low if low is not None else least, high if high is not None else most)
    return {n: dialect.show(v, kind) for n, v in zip(names, shown, strict=True)}


def _without(setting: str, names: tuple[str, str]) -> ConfigError:
    return ConfigError(
        f"the query has :{names[0]} or :{names[1]}, and there is no `{setting}`",
        hint=f"set `{setting}`, or take the placeholders out",
    )
