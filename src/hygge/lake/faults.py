"""What libraries and the operating system say of a table, as errors for people."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from hygge.core.errors import ConnectError, DataError, HyggeError
from hygge.core.secrets import redact
from hygge.core.telling import NO_ROOM, code_of, hint_of
from hygge.core.telling import telling as of_the_system
from hygge.files.reading import first_line
from hygge.lake.shelf import Shelf

_LACKING = re.compile(r"Object at location (\S+) not found|'([^']+\.(?:parquet|avro|json))'")
"""How delta-rs (of its object stores) and Arrow name a file that is not there."""

_NO_CREDENTIALS = "an error occurred while loading credentials"
"""How delta-rs says, in its second line, that AWS's chain has none; its first is of no help."""


def lacking(place: object, error: Exception) -> DataError | None:
    """The error for people where a file that a table names is not there; None for other errors."""
    told = str(error)
    if "not found" not in told and code_of(error) != errno.ENOENT:
        return None
    found = _LACKING.search(told)
    if found is None:
        return None
    return DataError(
        f"{place}: the table names a file that is not there: {found[1] or found[2]}",
        hint="restore it from a backup, or load the table anew; vacuum removes files that only "
        "older versions need",
    )


def amiss(shelf: Shelf, sizes: Mapping[str, int]) -> str:
    """What is wrong with a table's files, in words: those that are gone, else those that are cut or
    replaced; "" where all are there and as long as they should be.

    Parameters
    ----------
    shelf: the table's folder.
    sizes: the bytes of the files in it, as the table has them, by name.
    """
    found = shelf.amiss(sizes)
    wrong, named = "are not there", [name for name, size in found.items() if size is None]
    if not named:
        wrong = "are not as long as it says"
        named = [f"{n} ({size:,} bytes, not {sizes[n]:,})" for n, size in found.items()]
    if not named:
        return ""
    shown = ", ".join(named[:3]) + (", ..." if len(named) > 3 else "")
    return f"{len(named)} of the {len(sizes)} data files that the table names {wrong}: {shown}"


def unread(place: object, error: Exception, amiss: Callable[[], str], hint: str) -> DataError:
    """The error for people where a table's files could not be read.

    Parameters
    ----------
    place: the table, for people.
    error: what the library says.
    amiss: looks whether files are gone or cut; see `amiss`.
    hint: what else it may be.
    """
    told = ""
    with suppress(HyggeError, OSError):  # the first failure is the one to tell
        told = amiss()
    if told:
        return DataError(
            f"{place}: {told}", hint="restore them from a backup, or have the table loaded anew"
        )
    if (gone := lacking(place, error)) is not None:
        return gone
    return DataError(f"{place} cannot be read: {redact(first_line(error))}", hint=hint)


def no_room(place: object, error: Exception) -> ConnectError | None:
    """The error for people where a disk is full; None for other errors. What could not be written
    then has not been written later."""
    code = code_of(error)
    if code_of_sqlite(error) & 0xFF == sqlite3.SQLITE_FULL:
        code = errno.ENOSPC
    if hint_of(code) != NO_ROOM:
        return None
    return ConnectError(
        f"{place}: there is no room to write ({os.strerror(code)}); nothing was published",
        hint=NO_ROOM,
    )


def code_of_sqlite(error: Exception) -> int:
    """SQLite's number for an error of SQLAlchemy's; 0 for none."""
    return getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)


@contextmanager
def telling(place: object, *library: type[Exception]) -> Iterator[None]:
    """A block whose errors of the operating system, and of a library, become ConnectErrors;
    DataErrors where files are not there that the table names.

    Parameters
    ----------
    place: the table, for people.
    library: the library's errors.
    """
    failures: tuple[type[Exception], ...] = (OSError, *library)
    try:
        with of_the_system(str(place)), _telling_of_files(place, failures):
            yield
    except failures as error:
        if code := code_of(error):  # which libraries give in their text
            with of_the_system(str(place)):
                raise OSError(code, os.strerror(code)) from error
        if _NO_CREDENTIALS in str(error):
            raise ConnectError(
                f"{place}: there are no credentials for it",
                hint="give `connection:` with the name of one that has them, or log in by the "
                "cloud's own tools",
            ) from error
        raise ConnectError(
            f"{place}: {redact(first_line(error))}",
            hint="is the place right, and may hygge's user read and write there?",
        ) from error


@contextmanager
def _telling_of_files(place: object, failures: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except failures as error:
        if (gone := lacking(place, error)) is not None:
            raise gone from error
        raise


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
