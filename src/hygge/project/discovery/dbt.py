"""A dbt project's sources: https://docs.getdbt.com/reference/source-properties."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hygge.core.fields import Schema
from hygge.project.discovery.yaml_text import text


@dataclass(frozen=True, slots=True)
class Settled:
    """A table as it comes to lie.

    Parameters
    ----------
    entity: the entity's name.
    about: in a sentence.
    fields: with the names they have there.
    files: a pattern over the files it settles in, for dbt-duckdb; "" for none.
    """

    entity: str
    about: str
    fields: Schema
    files: str = ""


def sources_text(flow: str, tables: Iterable[Settled]) -> str:
    """A `sources.yml` for the tables as a flow leaves them: names, columns, and tests.

    A column that cannot be NULL has the test `not_null`, and a key of one column `unique` too.
    """
    lines = ["version: 2", "", "sources:", f"  - name: {text(flow)}", "    loader: hygge"]
    lines.append("    tables:")
    for one in tables:
        lines += [
            f"      - name: {text(one.entity)}",
            f"        description: {text(_not_jinja(one.about))}",
        ]
        if one.files:
            location = text(one.files)
            lines += ["        config:", f"          meta: {{external_location: {location}}}"]
        lines += ["        columns:"] if len(one.fields) else []
        for field in one.fields:
            lines.append(f"          - name: {text(field.name)}")
            tests = ["unique"] if one.fields.keys == (field.name,) else []
            tests += ["not_null"] if field.key or not field.nullable else []
            if tests:
                lines.append(f"            data_tests: [{', '.join(tests)}]")
    return "\n".join(lines) + "\n"


def _not_jinja(said: str) -> str:
    """A text that dbt, which renders descriptions, shows as it is."""
    return said.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #")
