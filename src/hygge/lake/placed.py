"""What the Homes of table formats share: where a table lies, and its entities' paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError
from hygge.files.paths import default_path, entity_path
from hygge.lake.place import Place, written


class Placed:
    """Mixed into a Home or a Store whose settings are Located."""

    config: Any
    name: str
    type: str
    table: Place | None = None
    """Where it lies, once bound."""

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """The settings of one entity; its path is below that of its flow."""
        placed = dict(settings)
        if shared:
            placed["path"] = entity_path(settings.get("path") or "data", entity)
        return placed

    def bind(self, around: Surroundings) -> Self:
        """With the path resolved, and the connection found."""
        if self.table is not None:
            return self
        table = Place.of(
            self._path, around, connection=self.config.connection,
            options=self.config.storage_options, owner=f"the table of '{self.name}'",
        )  # fmt: skip
        return self.copy_with(table=table)  # type: ignore[attr-defined,no-any-return]

    @property
    def _path(self) -> str:
        role = "Home" if hasattr(self, "read_batches") else "Store"
        return self.config.path or default_path(self.name, role)

    @property
    def _bound(self) -> Place:
        if self.table is None:
            raise ConfigError(f"{self!r} is not bound to a folder")
        return self.table

    def place(self) -> str:
        """Where the table lies, for people."""
        return str(self.table) if self.table is not None else written(self._path)

    def identity(self) -> Mapping[str, Any]:
        """The path as written, so that a project may move, and what it is reached by."""
        by = {"connection": self.config.connection} if self.config.connection else {}
        return {"type": self.type, "path": written(self._path), **by}
