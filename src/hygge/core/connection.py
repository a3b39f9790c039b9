"""Connections: named access to a database or to files elsewhere, as `connections:` describes it.

A connection is a description: frozen, picklable, without anything open. It holds references to
secrets, never their values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError
from hygge.core.settings import Settings


class Connection(Settings):
    """Settings every connection has."""

    kind: ClassVar[str] = ""

    schemes: ClassVar[tuple[str, ...]] = ()
    """The schemes of URLs that name such a place, e.g. `postgresql` or `s3`."""

    holds: ClassVar[Literal["tables", "files"]] = "tables"
    """What lies there: tables, which a database has, or files."""

    type: str = Field(default="", description="The connection's type, e.g. `sqlite` or `sql`")

    @classmethod
    def reaches(cls, scheme: str) -> bool:
        """Whether a URL of a scheme (`postgresql`, or `postgresql+psycopg`) names such a place."""
        return scheme in cls.schemes

    def bind(self, root: Path) -> Self:
        """This description with relative paths resolved against a folder."""
        return self

    def place(self) -> str:
        """What it reaches, for people; never a secret."""
        return self.kind


def named(name: str, around: Surroundings, *, owner: str) -> Any:
    """The connection of a name, bound. Raises ConfigError, with the near miss, for no such name."""
    found = around.connections.get(name)
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name, list(around.connections), n=1)
        listed = ", ".join(sorted(around.connections)) or "none"
        raise ConfigError(
            f"{owner} names the connection '{name}', which is not there",
            hint=f"did you mean '{near[0]}'?" if near else f"connections: {listed}",
        )
    return found.bind(around.root)
