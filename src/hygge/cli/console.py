"""Writing to the terminal: redacted, coloured only where that is welcome, deaf to a closed pipe."""

from __future__ import annotations

import os
import sys
from typing import IO

import click


def say(text: str = "", *, to_stderr: bool = False) -> None:
    """Print a text that may carry styles; secrets are blotted out first.

    A reader that went away (`hygge ls | head`) is no error: what is left to say goes nowhere.
    """
    from hygge.core.secrets import redact

    stream = sys.stderr if to_stderr else sys.stdout
    try:
        click.echo(redact(text), file=stream, color=None if in_colour(stream) else False)
    except BrokenPipeError:
        mute(stream)


def raw(text: str) -> None:
    """Print a document (JSON, a completion script) exactly, in one piece."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        mute(sys.stdout)


def mute(stream: IO[str]) -> None:
    """Let all further writing to a closed pipe vanish, the interpreter's last flush included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):  # a stream without a file descriptor, e.g. in a test
        return
    finally:
        os.close(nowhere)


def flush() -> None:
    """Write out what is buffered, so that a closed pipe is met here and not at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            mute(stream)


def in_colour(stream: IO[str]) -> bool:
    """Whether a stream takes colours: a terminal, without NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_live() -> bool:
    """Whether standard output is a terminal on which lines can be redrawn."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    return click.style(text, bold=True)


def dim(text: str) -> str:
    return click.style(text, dim=True)


def red(text: str) -> str:
    return click.style(text, fg="red")


def green(text: str) -> str:
    return click.style(text, fg="green")


def yellow(text: str) -> str:
    return click.style(text, fg="yellow")
