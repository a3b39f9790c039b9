"""`hygge completion`: the script that lets a shell complete hygge's commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from hygge.cli.console import raw
from hygge.cli.failure import OK


def completion(app: click.Command, shell: str) -> int:
    """Print the script for one shell."""
    kind = get_completion_class(shell)
    assert kind is not None  # the shells offered are those that click knows
    raw(kind(app, {}, "hygge", "_HYGGE_COMPLETE").source())
    return OK
