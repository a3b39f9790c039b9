"""scd2: every version of a row, with the moments from which and until which it held.

after = there, in which the current version of every key that comes otherwise, or comes marked as
gone, is closed (`valid_to` is the load's moment, `current` is false)
+ a current version, valid from the load's moment, of every row that comes, is not marked, and whose
key then has no current version.

Load columns make no row another. With `deduplicate`, a row that comes and is older than the current
version is left out. What vanished is closed before: see `deletes`.
"""

from __future__ import annotations

from collections.abc import Iterator

from hygge.sql.settle.modes import words
from hygge.sql.settle.modes.step import Rows, Step


def plan(rows: Rows) -> Iterator[Step]:
    """The statements."""
    versions = rows.terms.versions
    keys = {key.name for key in rows.keys}
    told = [f for f in rows.coming if f.name not in keys and f.name not in rows.terms.unlike]
    otherwise = [words.differ(rows.dialect, told, words.COMING, rows.target)] if told else []
    otherwise += [rows.marked] if rows.marks else []
    if otherwise:
        condition = " AND ".join(
            c for c in (rows.same, rows.not_older, f"({' OR '.join(otherwise)})") if c
        )
        yield close(rows, words.exists(rows.rows, condition))
    dialect = rows.dialect
    there = words.same(dialect, rows.keys, rows.target, words.COMING)
    current = f"{rows.target}.{dialect.quote(versions.valid_to)} IS NULL"
    yield rows.bring(
        f"NOT EXISTS (SELECT 1 FROM {rows.target} WHERE {current} AND {there})",
        [
            (versions.valid_from, words.moment(dialect, rows.terms.at)),
            (versions.current, dialect.truths[0]),
        ],
    )


def close(rows: Rows, condition: str) -> Step:
    """The statement that closes current versions."""
    versions, quote = rows.terms.versions, rows.dialect.quote
    at, no = words.moment(rows.dialect, rows.terms.at), rows.dialect.truths[1]
    return rows.update(
        f"{quote(versions.valid_to)} = {at}, {quote(versions.current)} = {no}",
        f"{quote(versions.valid_to)} IS NULL AND {condition}",
    )
