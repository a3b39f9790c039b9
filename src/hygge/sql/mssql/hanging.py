"""What hangs on a table of SQL Server, and what of it is handed on to one that takes its place.

https://learn.microsoft.com/sql/relational-databases/system-catalog-views
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any

from hygge.sql.link import Link
from hygge.sql.mssql.types import DIALECT
from hygge.sql.settle.place import INDEX

# View, condition, what it is in a word. `{t}` is the table's number.
_HANGS = (
    ("sql_expression_dependencies", "referenced_id = {t} AND is_schema_bound_reference = 1",
     "a view or a function bound to it"),
    ("foreign_keys", "parent_object_id = {t} OR referenced_object_id = {t}", "a foreign key"),
    ("check_constraints", "parent_object_id = {t}", "a check"),
    ("default_constraints", "parent_object_id = {t}", "a default"),
    ("triggers", "parent_id = {t}", "a trigger"),
    ("computed_columns", "object_id = {t}", "a computed column"),
    ("identity_columns", "object_id = {t}", "an identity"),
    ("columns", "object_id = {t} AND system_type_id = 189", "a rowversion"),
    ("columns", "object_id = {t} AND is_masked = 1", "a mask"),
    ("extended_properties", "class = 1 AND major_id = {t}", "a description"),
    ("tables", "object_id = {t} AND (temporal_type <> 0 OR is_published = 1 OR is_replicated = 1 "
     "OR is_merge_published = 1 OR is_tracked_by_cdc = 1)", "a history or a replica"),
    ("tables", "object_id = {t} AND principal_id IS NOT NULL", "another owner"),
    ("partitions", "object_id = {t} AND (partition_number > 1 OR data_compression IN (1, 2))",
     "partitions or compression"),
    ("security_predicates", "target_object_id = {t}", "row security"),
    ("change_tracking_tables", "object_id = {t}", "change tracking"),
    ("fulltext_indexes", "object_id = {t}", "a full-text index"),
    ("stats", "object_id = {t} AND user_created = 1", "statistics"),
)  # fmt: skip
_GRANTS = ("database_permissions", "class = 1 AND major_id = {t}", "grants")
# 1 clustered, 2 not, 5 and 6 columnstores; others (XML, spatial) are not handed on.
_INDEXES = ("indexes", "object_id = {t} AND is_primary_key = 0 AND type > 0{but}", "an index")
_STRANGE = (
    "indexes",
    "object_id = {t} AND type NOT IN (0, 1, 2, 5, 6)",
    "an index of its own kind",
)

PERMISSIONS_SQL = """
SELECT p.state_desc, p.permission_name, USER_NAME(p.grantee_principal_id), c.name
FROM sys.database_permissions p
LEFT JOIN sys.columns c ON c.object_id = p.major_id AND c.column_id = p.minor_id
WHERE p.class = 1 AND p.major_id = {t} ORDER BY p.state_desc, p.permission_name
"""
INDEXES_SQL = """
SELECT i.name, i.type, i.is_unique, i.is_unique_constraint, i.filter_definition, c.name,
       ic.is_descending_key, ic.is_included_column
FROM sys.indexes i
JOIN sys.index_columns ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE i.object_id = {t} AND i.is_primary_key = 0 AND i.type IN (1, 2, 5, 6){but}
ORDER BY i.index_id, ic.is_included_column, ic.key_ordinal, ic.index_column_id
"""


def hangs(link: Link, table: str, keep: Collection[str], own: Collection[str]) -> str:
    """What hangs on a table that is not handed on, in a word; "" for nothing.

    Parameters
    ----------
    table: its quoted name.
    keep: what is handed on: `permissions`, `indexes`.
    own: names of indexes that hygge itself makes, beside those of `indexes` and `cluster_by`.
    """
    asked = list(_HANGS)
    if "permissions" not in keep:
        asked.append(_GRANTS)
    asked.append(_STRANGE if "indexes" in keep else _INDEXES)
    there = link.rows(
        "SELECT v FROM (VALUES "
        + ", ".join(f"('{view}')" for view in sorted({view for view, _, _ in asked}))
        + ") x (v) WHERE OBJECT_ID('sys.' + v) IS NOT NULL"  # others are of newer servers
    )
    views = {view for (view,) in there}
    parts = [
        f"SELECT TOP 1 N'{what}' AS what FROM sys.{view} WHERE {_of(condition, table, own)}"
        for view, condition, what in asked
        if view in views
    ]
    found = link.rows(" UNION ALL ".join(f"SELECT what FROM ({part}) h{n}"
                                         for n, part in enumerate(parts)))  # fmt: skip
    return str(found[0][0]) if found else ""


def _of(condition: str, table: str, own: Collection[str]) -> str:
    name = "i.name" if "i.object_id" in condition else "name"
    like = f"{INDEX}%".replace("_", "~_")
    but = f" AND {name} NOT LIKE N'{like}' ESCAPE '~'"
    but += "".join(f" AND {name} <> N'{one}'" for one in own)
    return condition.replace("{t}", f"OBJECT_ID({DIALECT.text(table)})").replace("{but}", but)


def clustered(link: Link, table: str) -> bool:
    """Whether an index of a table, other than its key's, is the clustered one."""
    rows = "FROM sys.indexes WHERE object_id = {t} AND is_primary_key = 0 AND type IN (1, 5)"
    return bool(link.row(f"SELECT COUNT(*) {_of(rows, table, ())}")[0])


def moved(
    link: Link, old: str, new: str, keep: Collection[str], own: Collection[str]
) -> tuple[list[str], list[str]]:
    """What hands a table's indexes and permissions on: before it makes way to the new one of its
    columns, and after it."""
    before: list[str] = []
    after: list[str] = []
    if "indexes" in keep:
        before, after = index_statements(link.rows(_of(INDEXES_SQL, old, own)), old, new)
    if "permissions" in keep:
        after += permission_statements(link.rows(_of(PERMISSIONS_SQL, old, own)), old)
    return before, after


def index_statements(
    rows: Iterable[Sequence[Any]], old: str, new: str
) -> tuple[list[str], list[str]]:
    """What makes indexes anew, from the rows of INDEXES_SQL: on the new table as long as it has its
    own name, and constraints, whose names are the schema's, once it has the old one's."""
    before, after = [], []
    for head, group in groupby(map(tuple, rows), key=lambda row: row[:5]):
        name, kind, unique, constraint, condition = head
        columns = [row[5:] for row in group]
        listed = ", ".join(DIALECT.quote(c) + (" DESC" if down else "")
                           for c, down, included in columns if not included)  # fmt: skip
        included = ", ".join(DIALECT.quote(c) for c, _, more in columns if more)
        sort = "CLUSTERED" if kind in (1, 5) else "NONCLUSTERED"
        quoted = DIALECT.quote(name)
        if constraint:
            after.append(f"ALTER TABLE {old} ADD CONSTRAINT {quoted} UNIQUE {sort} ({listed})")
            continue
        if kind in (5, 6):
            of = f" ({included})" if kind == 6 else ""
            statement = f"CREATE {sort} COLUMNSTORE INDEX {quoted} ON {new}{of}"
        else:
            more = f" INCLUDE ({included})" if included else ""
            once = "UNIQUE " if unique else ""
            statement = f"CREATE {once}{sort} INDEX {quoted} ON {new} ({listed}){more}"
        before.append(statement + (f" WHERE {condition}" if condition else ""))
    return before, after


def permission_statements(rows: Iterable[Sequence[Any]], table: str) -> list[str]:
    """What grants and denies anew, from the rows of PERMISSIONS_SQL."""
    said = []
    for state, permission, who, column in rows:
        verb, option = ("GRANT", " WITH GRANT OPTION") if "WITH" in state else (state, "")
        of = f" ({DIALECT.quote(column)})" if column else ""
        said.append(f"{verb} {permission}{of} ON {table} TO {DIALECT.quote(who)}{option}")
    return said


def carried(link: Link, table: str) -> str:
    """What would change other rows, or more, where a table's rows are deleted; "" for nothing."""
    keys = (
        "FROM sys.foreign_keys WHERE referenced_object_id = {t} AND delete_referential_action <> 0"
    )
    triggers = (
        "FROM sys.triggers g JOIN sys.trigger_events e ON e.object_id = g.object_id "
        "WHERE g.parent_id = {t} AND g.is_disabled = 0 AND e.type_desc = 'DELETE'"
    )
    if found := link.rows(f"SELECT TOP 1 name {_of(keys, table, ())}"):
        return f"the foreign key '{found[0][0]}' would then delete or change rows of another table"
    if found := link.rows(f"SELECT TOP 1 g.name {_of(triggers, table, ())}"):
        return f"the trigger '{found[0][0]}' would then run"
    return ""
