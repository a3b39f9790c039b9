"""PostgreSQL's catalogue, in one pass: https://www.postgresql.org/docs/current/catalogs.html."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from hygge.sql.dialect import literal
from hygge.sql.postgres.types import DIALECT, Native, reading, short
from hygge.sql.relation import Column, Relation

KINDS = {
    "r": "table", "p": "partitioned table", "v": "view", "m": "materialized view",
    "f": "foreign table",
}  # fmt: skip
"""pg_class's `relkind` of what has rows to read."""

TID_RANGES = 140000
"""The version since which a range of pages can be read alone: https://www.postgresql.org/docs/14/release-14.html."""

# Domains with the type under them: the modifier is that of the innermost one.
DOMAINS = """
RECURSIVE step AS (
  SELECT oid, typbasetype AS base, typtypmod AS modifier, typnotnull AS required
  FROM pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT s.oid, t.typbasetype, t.typtypmod, s.required OR t.typnotnull
  FROM step s JOIN pg_type t ON t.oid = s.base AND t.typtype = 'd'),
domain AS (
  SELECT s.* FROM step s JOIN pg_type t ON t.oid = s.base AND t.typtype <> 'd')
"""
# What `native` takes; `typmod` is the modifier of the type `t`, whose elements' type is `e`.
TYPE = """
format_type(t.oid, {typmod}), t.typtype::text,
CASE WHEN e.oid IS NOT NULL THEN format_type(e.oid, {typmod}) END, e.typtype::text
"""
JOINS = """
LEFT JOIN domain d ON d.oid = {oid}
JOIN pg_type t ON t.oid = coalesce(d.base, {oid})
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' AND t.typlen = -1
  AND e.typarray = t.oid
"""
# Each part of the answer is found for all relations at once. A partitioned table has no rows or
# pages itself: those below it are summed. What was never analyzed has no estimate (-1, or 0 before
# version 14); else as the planner does: the rows of a page when it was, times the pages there are.
_COLUMNS = f"""
WITH {DOMAINS},
relation AS MATERIALIZED (
  SELECT c.oid, n.nspname, c.relname, c.relkind
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ({", ".join(map(literal, KINDS))}) AND {{condition}}),
part AS (
  SELECT oid AS whole, oid FROM relation WHERE relkind IN ('r', 'm', 'f')
  UNION ALL
  SELECT r.oid, p.relid FROM relation r, pg_partition_tree(r.oid) p
  WHERE r.relkind = 'p' AND p.isleaf),
measured AS MATERIALIZED (
  SELECT p.whole, s.relpages, s.reltuples::float8 AS reltuples, pg_table_size(s.oid) AS bytes,
         pg_relation_size(s.oid) / current_setting('block_size')::int AS pages
  FROM part p JOIN pg_class s ON s.oid = p.oid),
size AS (
  SELECT whole, sum(bytes)::bigint AS bytes,
         CASE WHEN bool_and(relpages > 0 OR reltuples > 0 OR pages = 0) THEN
           sum(CASE WHEN relpages > 0 THEN reltuples / relpages * pages
                    WHEN reltuples > 0 THEN reltuples ELSE 0 END)::bigint END AS rows
  FROM measured GROUP BY whole),
keyed AS (
  SELECT i.indrelid, u.attnum, u.number FROM relation r
  JOIN pg_index i ON i.indrelid = r.oid AND i.indisprimary,
  unnest(i.indkey) WITH ORDINALITY AS u (attnum, number) WHERE u.number <= i.indnkeyatts)
SELECT c.oid::bigint, c.nspname, c.relname, c.relkind::text, z.rows, z.bytes,
       obj_description(c.oid, 'pg_class'), a.attname,
       {TYPE.format(typmod="coalesce(d.modifier, a.atttypmod)")}, a.attndims::int,
       a.attnotnull OR coalesce(d.required, false), coalesce(k.number, 0)::int,
       a.attidentity <> '' OR coalesce(pg_get_expr(f.adbin, c.oid) LIKE 'nextval(%', false),
       row_security_active(c.oid)
FROM relation c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
{JOINS.format(oid="a.atttypid")}
LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
LEFT JOIN keyed k ON k.indrelid = c.oid AND k.attnum = a.attnum
LEFT JOIN size z ON z.whole = c.oid
ORDER BY c.nspname, c.relname, a.attnum
"""
# Partitions are read with what they are parts of. A table of which nothing may be read is left out.
_OWN = """
NOT c.relispartition AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
AND has_schema_privilege(n.oid, 'USAGE')
AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
"""


def every_sql() -> str:
    """Every table and view that is a person's own and may be read."""
    return _COLUMNS.format(condition=_OWN)


def one_sql(schema: str, name: str) -> str:
    """One table or view; of no schema, the one that the search path finds."""
    where = f"n.nspname = {literal(schema)}" if schema else "pg_table_is_visible(c.oid)"
    return _COLUMNS.format(condition=f"c.relname = {literal(name)} AND {where}")


def types_sql(expressions: Sequence[str], rows: str, modifiers: Sequence[int]) -> str:
    """The types of expressions over rows, of which none is read.

    Parameters
    ----------
    expressions: SQL over `rows`.
    rows: what stands after FROM.
    modifiers: the type modifier of each, -1 for none.
    """
    oids = ", ".join(f"pg_typeof({e})::oid" for e in expressions)
    none = ", ".join(str(m) for m in modifiers)
    return f"""
WITH {DOMAINS}, x AS (
  SELECT ARRAY[{oids}] AS oids, ARRAY[{none}]::int[] AS modifiers
  FROM (SELECT) one LEFT JOIN (SELECT * FROM {rows} LIMIT 0) q ON true)
SELECT {TYPE.format(typmod="coalesce(nullif(u.modifier, -1), d.modifier, -1)")}
FROM x, unnest(x.oids, x.modifiers) WITH ORDINALITY AS u (oid, modifier, number)
{JOINS.format(oid="u.oid")}
ORDER BY u.number
"""


def parts_sql(oid: int) -> str:
    """What the rows of a table lie in, one row each: `Part`'s fields, and whether it may be read
    by itself. None for a view, nor where reading each by itself would not be reading the table:
    where others inherit from it, or row security hides rows of it."""
    return f"""
SELECT s.oid::bigint, s.oid::regclass::text,
       (pg_relation_size(s.oid) / current_setting('block_size')::int)::bigint,
       coalesce(am.amname = 'heap', false)
         AND current_setting('server_version_num')::int >= {TID_RANGES},
       has_table_privilege(s.oid, 'SELECT') AND has_schema_privilege(s.relnamespace, 'USAGE')
FROM pg_class s LEFT JOIN pg_am am ON am.oid = s.relam
WHERE s.relkind IN ('r', 'm', 'f')
  AND (s.oid = {oid} OR s.oid IN (SELECT relid FROM pg_partition_tree({oid})))
  AND NOT row_security_active({oid}::oid)
  AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = s.oid)
ORDER BY s.oid
"""


def histogram_sql(schema: str, name: str, column: str, oid: int) -> str:
    """A column's histogram, as literals in its order; none where frequent values are outside it.
    That of a table with others below it is the one that counts them in."""
    return f"""
SELECT quote_literal(u.bound) FROM pg_stats s,
  unnest(s.histogram_bounds::text::text[]) WITH ORDINALITY AS u (bound, number)
WHERE s.schemaname = {literal(schema)} AND s.tablename = {literal(name)}
  AND s.attname = {literal(column)} AND s.most_common_vals IS NULL
  AND s.inherited = EXISTS (SELECT FROM pg_inherits WHERE inhparent = {oid})
ORDER BY u.number
"""


def relations_of(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Relation]]:
    """The relations that rows of the catalogue tell, each with its oid."""
    for about, group in groupby(rows, lambda row: row[:7]):
        oid, schema, name, kind, count, size, comment = about
        own = list(group)
        columns = tuple(column(*row[7:-2]) for row in own)
        counter = next((row[7] for row in own if row[-2]), "")
        yield oid, Relation(
            schema, name, KINDS[kind], columns, count, size, comment or "", counter,
            filtered=own[0][-1],
        )  # fmt: skip


def column(
    name: str, native: str, sort: str, element: str | None, element_sort: str | None,
    dimensions: int = 0, required: bool = False, key: int = 0,
) -> Column:  # fmt: skip
    """A column from its row of the catalogue."""
    inner = Native(short(element), element_sort or "b") if element is not None else None
    native = short(native)
    read = reading(Native(native, sort, inner, dimensions))
    return Column(
        name, native, read.type, read.fetch.replace("{}", DIALECT.quote(name)), required, key,
        read.loss,
    )  # fmt: skip
