"""Where an Iceberg table is: settings that its Home and its Store share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from hygge.core.connection import named
from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret
from hygge.core.settings import Settings
from hygge.core.told import Told
from hygge.files.paths import PathText, resolve, shown
from hygge.lake.iceberg.catalog import Place
from hygge.lake.place import written
from hygge.storage.connection import StorageConnection, is_remote, located

FOLDER = "data/iceberg"
WHICH = (
    "type", "py-catalog-impl", "uri", "warehouse", "prefix", "glue.id", "glue.region",
    "dynamodb.table-name", "dynamodb.region",
)  # fmt: skip
"""Properties that say which catalog it is, rather than how it is reached;
https://py.iceberg.apache.org/configuration/"""


class Cataloged(Settings):
    """Settings of a table in a catalog."""

    path: PathText | None = Field(
        default=None,
        description=f"The folder of hygge's own catalog, a SQLite file, and of the tables in it; "
        f"`{FOLDER}` if neither this nor `catalog` is set",
        examples=["lake"],
    )
    catalog: Told = Field(
        default_factory=dict,
        description="Another catalog, by its properties as pyiceberg names them",
        examples=[{"type": "rest", "uri": "https://catalog.example.com", "token": "${TOKEN}"}],
    )
    warehouse: PathText | None = Field(
        default=None,
        description="Where the tables of hygge's own catalog lie, if not in its folder: another, a "
        "URL, or with `connection` a path below its `url`",
        examples=["s3://my-bucket/lake"],
    )
    connection: str | None = Field(
        default=None,
        description="A connection to an object store, by which the tables' files are reached in "
        "whatever catalog; its `url` is the `warehouse` of hygge's own if that is not set",
        examples=["lake"],
    )
    namespace: str = Field(
        default="default",
        min_length=1,
        description="The namespace the table is in, made if need be",
    )
    table: str | None = Field(
        default=None, description="The table; the entity's name if not set", examples=["users"]
    )

    @model_validator(mode="after")
    def _one_catalog(self) -> Self:
        if self.path is not None and is_remote(self.path):
            raise ValueError(
                "`path` is a folder of this machine, for hygge's own catalog; to have the tables "
                f"in an object store, set `warehouse: {self.path}`, or `connection`"
            )
        if self.path is not None and self.catalog:
            raise ValueError("`path` and `catalog` exclude each other")
        if self.warehouse is not None and self.catalog:
            raise ValueError("the `warehouse` of another catalog is a property under `catalog`")
        return self


class InCatalog:
    """Mixed into a Home or a Store whose settings are Cataloged."""

    config: Any
    name: str
    type: str
    found: Place | None = None
    """Where it is, once bound."""

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """As the flow has it; the table is the entity's name if none is set."""
        return {**settings, "table": settings.get("table") or entity}

    def bind(self, around: Surroundings) -> Self:
        """With the catalog's folder resolved, and the connection found."""
        if self.found is not None:
            return self
        config = self.config
        if not self._table:
            raise ConfigError(f"{self!r} needs a `table`")
        owner = f"the table of '{self.name}'"
        if config.catalog:
            by = named(config.connection, around, owner=owner) if config.connection else None
            if by is not None and not isinstance(by, StorageConnection):
                raise ConfigError(f"{owner}: '{config.connection}' is no connection to files")
            place = Place(
                config.namespace, self._table, None, config.catalog, self._where, connection=by
            )
        else:
            folder = resolve(config.path or FOLDER, around.root)
            warehouse, by = self._warehouse(around, owner)
            if not warehouse:
                _location(folder, owner)
            place = Place(
                config.namespace, self._table, folder, {}, shown(folder, around.root), warehouse, by
            )
        return self.copy_with(found=place)  # type: ignore[attr-defined,no-any-return]

    def _warehouse(self, around: Surroundings, owner: str) -> tuple[str, StorageConnection | None]:
        """Where the tables of hygge's own catalog lie, as a URL, "" for beside it; and by what they
        are reached."""
        path, connection = self.config.warehouse, self.config.connection
        if is_remote(path or "", connection):
            by, address = located(path or "", around, owner=owner, connection=connection)
            return str(address), by
        return (_location(resolve(path, around.root), owner) if path else ""), None

    @property
    def _table(self) -> str:
        return self.config.table or self.name

    @property
    def _where(self) -> str:
        """The catalog, for people and for identities."""
        config = self.config
        if not config.catalog:
            return written(config.path or FOLDER)
        told = config.catalog.get("uri") or config.catalog.get("type")
        return "a catalog" if told is None else str(told)

    @property
    def _bound(self) -> Place:
        if self.found is None:
            raise ConfigError(f"{self!r} is not bound to a catalog")
        return self.found

    def place(self) -> str:
        """Where the table is, for people."""
        if self.found is not None:
            return str(self.found)
        return f"{self._where}: {self.config.namespace}.{self._table}"

    def identity(self) -> Mapping[str, Any]:
        """The table's name and its catalog: hygge's own by its folder, another by what tells it
        apart, as written."""
        given, table = self.config.catalog, f"{self.config.namespace}.{self._table}"
        config, by = self.config, {}
        if config.connection:
            by["connection"] = config.connection
        if config.warehouse:
            by["warehouse"] = written(config.warehouse)
        if not given:
            path = written(config.path or FOLDER)
            return {"type": self.type, "table": table, "path": path, **by}
        of = {
            name: value.told_apart if isinstance(value, Secret) else value
            for name in WHICH
            if (value := given.get(name)) is not None
        }
        return {"type": self.type, "table": table, "catalog": of, **by}


def _location(folder: Path, owner: str) -> str:
    """A folder as tables have it: pyiceberg takes what follows `file://` as it is, up to a `#` or a
    `?`. Raises ConfigError where one is in it."""
    if {"#", "?"} & {*str(folder)}:
        raise ConfigError(
            f"{owner}: Iceberg tables cannot lie in {folder}: there is a `#` or a `?` in its path",
            hint="choose another `path`, or have them elsewhere: `warehouse: FOLDER`",
        )
    return f"file://{folder}"
