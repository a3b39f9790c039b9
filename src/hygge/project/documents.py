"""The files that a project is written in: what each may say.

These models are the only source for validation, reference pages and JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator

from hygge.core.secrets import Secret
from hygge.project.settings import EntitySettings, Forgiving, OneOrMany


def _value(value: Any) -> str | int | float | bool:
    if not isinstance(value, str | int | float | bool):
        raise ValueError("a value of an environment is a text, a number, true or false")
    return value


class Layer(EntitySettings):
    """Settings of entities, wherever they are written: defaults, overrides, flows, entities."""

    home: Mapping[str, Any] | None = Field(
        default=None, description="Where the data starts: a `type` and its settings"
    )
    store: Mapping[str, Any] | None = Field(
        default=None, description="Where the data settles: a `type` and its settings"
    )


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class EntityFile(Layer):
    """One entity: a file in a flow's `entities/`, or an item of its `entities:` list."""

    name: str | None = Field(
        default=None,
        description="The entity's name. By default the file's",
        examples=["users"],
    )


EntityItem = Annotated[EntityFile, BeforeValidator(_named, json_schema_input_type=str | EntityFile)]


class FlowFile(Layer):
    """One flow: a `flow.yml`, or a value of the project's `flows:`."""

    name: str | None = Field(
        default=None, description="The flow's name. By default the folder's", examples=["shop"]
    )
    defaults: Layer = Field(
        default_factory=Layer, description="Settings that all entities of the flow start from"
    )
    overrides: Mapping[str, Layer] = Field(
        default_factory=dict,
        description="Settings by entity name or glob, stronger than defaults and weaker than the "
        "entity's own; where several match, the later wins",
        examples=[{"tmp_*": {"enabled": False}}],
    )
    entities: tuple[EntityItem, ...] = Field(
        default=(),
        description="What to move: names, or mappings with a `name`",
        examples=[["users", {"name": "orders", "key_column": "order_id"}]],
    )
    tables: OneOrMany = Field(
        default=(),
        description="Globs over the source's tables, as `schema.table` or `table`; those after "
        "`!` are left out. They are looked up when a run is planned",
        examples=[["main.*", "!main.tmp_*"]],
    )


class JournalSettings(Forgiving):
    """Where the record of runs is kept."""

    url: Secret | None = Field(
        default=None,
        description="An SQLAlchemy URL. By default `.hygge/journal.db` in the project",
        examples=["${HYGGE_JOURNAL_URL}"],
    )


Value = Annotated[
    str | int | float | bool,
    PlainValidator(_value, json_schema_input_type=str | int | float | bool),
]


class ProjectFile(Forgiving):
    """A project: `hygge.yml`, or any one file with `flows:`."""

    name: str | None = Field(
        default=None, description="The project's name. By default its folder's", examples=["shop"]
    )
    flows_dir: str = Field(
        default="flows",
        description="The folder, beside this file, whose subfolders are the flows",
        examples=["pipelines"],
    )
    connections: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict,
        description="Servers and databases by name, each with a `type` and its settings",
        examples=[{"shop": {"type": "sqlite", "path": "shop.db"}}],
    )
    environments: Mapping[str, Mapping[str, Value]] = Field(
        default_factory=dict,
        description="Values by environment, used as `{env.name}` in homes, stores and connections",
        examples=[{"dev": {"folder": "data/dev"}, "prod": {"folder": "/srv/data"}}],
    )
    environment: str | None = Field(
        default=None,
        description="The environment that holds unless `--env` or HYGGE_ENV says otherwise",
        examples=["dev"],
    )
    defaults: Layer = Field(
        default_factory=Layer, description="Settings that all entities start from"
    )
    overrides: Mapping[str, Layer] = Field(
        default_factory=dict,
        description="Settings by `flow.entity` or glob, stronger than defaults and weaker than "
        "the entity's own; where several match, the later wins",
        examples=[{"*.audit_*": {"tags": ["slow"]}}],
    )
    flows: Mapping[str, FlowFile] = Field(
        default_factory=dict, description="Flows by name, written here instead of in folders"
    )
    concurrency: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="How many entities move at a time. By default twice the processors, at most 8",
        examples=[4],
    )
    journal: JournalSettings = Field(
        default_factory=JournalSettings, description="Where the record of runs is kept"
    )
