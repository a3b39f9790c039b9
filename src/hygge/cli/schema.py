"""`hygge schema`: what may be written in the YAML files, for editors and checkers."""

from __future__ import annotations

from hygge.cli.console import raw
from hygge.cli.failure import OK
from hygge.cli.init import schema_text


def schema() -> int:
    """Print the JSON Schema."""
    raw(schema_text())
    return OK
