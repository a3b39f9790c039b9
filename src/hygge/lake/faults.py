"""What libraries and the operating system say of a table, as errors for people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hygge.core.errors import ConnectError
from hygge.core.secrets import redact
from hygge.core.telling import code_of
from hygge.core.telling import telling as of_the_system
from hygge.files.reading import first_line


@contextmanager
def telling(place: object, *library: type[Exception]) -> Iterator[None]:
    """A block whose errors of the operating system, and of a library, become ConnectErrors.

    Parameters
    ----------
    place: the table, for people.
    library: the library's errors.
    """
    failures: tuple[type[Exception], ...] = (OSError, *library)
    try:
        with of_the_system(str(place)):
            yield
    except failures as error:
        if code := code_of(error):  # which libraries give in their text
            with of_the_system(str(place)):
                raise OSError(code, os.strerror(code)) from error
        raise ConnectError(
            f"{place}: {redact(first_line(error))}",
            hint="is the place right, and may hygge's user read and write there?",
        ) from error


def check_folder(folder: Path, place: object) -> None:
    """Raise ConnectError where a folder is none, or cannot be made or written to."""
    above = folder
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise ConnectError(
            f"{place}: {above} is a file, and a folder is needed",
            hint="choose another path, or move the file away",
        )
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConnectError(
            f"{place}: {above} cannot be written to",
            hint="give hygge's user the right to write there, or choose another path",
        )
