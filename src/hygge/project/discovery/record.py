"""What the last discovery found, kept beside the flow, so that the next one knows what is new."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hygge.core.errors import ConfigError
from hygge.core.home import Table
from hygge.project.discovery.render import said_of

FILE = "discovered.json"
VERSION = 1


@dataclass(frozen=True)
class Known:
    """One table as it was found.

    Parameters
    ----------
    schema, table: its name.
    file: the entity's, in `entities/`.
    key: its primary key's columns.
    columns: what was said of each, by name, e.g. `{"id": "bigint, key"}`.
    """

    schema: str
    table: str
    file: str
    key: tuple[str, ...]
    columns: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @classmethod
    def of(cls, table: Table, file: str) -> Known:
        """A table as it is now."""
        fields = table.fields
        columns = {f.name: said_of(f, table) for f in fields or ()}
        return cls(table.schema, table.name, file, fields.keys if fields else (), columns)


@dataclass(frozen=True)
class Choice:
    """Which tables are wanted: schemas, and patterns over `schema.table` or `table`."""

    schemas: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.schemas or self.include or self.exclude)


@dataclass(frozen=True)
class Record:
    """What is known of a flow.

    Parameters
    ----------
    source: the connection's name, or what else was discovered.
    choice: what was asked for last.
    tables: by full name.
    """

    source: str
    choice: Choice = field(default_factory=Choice)
    tables: Mapping[str, Known] = field(default_factory=dict)

    def to_text(self) -> str:
        """The file's text: sorted, and a line for each column, so that its own diffs read well."""
        tables = [
            {
                "schema": k.schema, "table": k.table, "file": k.file, "key": list(k.key),
                "columns": dict(k.columns),
            }
            for _, k in sorted(self.tables.items())
        ]  # fmt: skip
        whole = {
            "about": "Written by `hygge discover`: what it found last. Keep it with the flow.",
            "format_version": VERSION, "source": self.source,
            "schemas": list(self.choice.schemas), "include": list(self.choice.include),
            "exclude": list(self.choice.exclude), "tables": tables,
        }  # fmt: skip
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_text(cls, text: str, place: str) -> Record:
        """Read it back. Raises ConfigError where it is damaged, or a newer hygge's."""
        try:
            raw: dict[str, Any] = json.loads(text)
            if raw["format_version"] > VERSION:
                raise ConfigError(
                    f"{place} was written by a newer hygge", hint="use that one, or delete the file"
                )
            known = [
                Known(t["schema"], t["table"], t["file"], tuple(t["key"]), dict(t["columns"]))
                for t in raw["tables"]
            ]
            choice = Choice(*(tuple(raw[name]) for name in ("schemas", "include", "exclude")))
            return cls(str(raw["source"]), choice, {k.name: k for k in known})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{place} is damaged ({type(error).__name__}: {error})",
                hint="bring it back from version control; or delete it, and what the entities' "
                "files say now counts as what was found",
            ) from None
