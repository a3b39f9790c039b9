"""`hygge schema`: what may be written in the YAML files, for editors and checkers."""

from __future__ import annotations

from typing import Literal

from hygge.cli.console import raw
from hygge.cli.failure import OK
from hygge.cli.init import schema_text


def schema(kind: Literal["project", "flow", "entity"]) -> int:
    """Print the JSON Schema of one kind of file."""
    raw(schema_text(kind))
    return OK
