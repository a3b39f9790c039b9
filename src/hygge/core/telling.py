"""What the operating system says, in words for people."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from polars.exceptions import PolarsError

from hygge.core.errors import ConnectError

NO_ROOM = "free some space; what the destination held is untouched"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_ANOTHER_KIND = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
_MISSING = {errno.ENOENT}


def code_of(error: BaseException) -> int:
    """The operating system's number for an error; 0 for none. Polars gives it in the text only."""
    found = re.search(r"os error (\d+)", str(error))
    return getattr(error, "errno", None) or (int(found[1]) if found else 0)


def hint_of(code: int) -> str | None:
    """What can be done about an error of the operating system; None where nobody knows."""
    if code in _FULL:
        return NO_ROOM
    if code in _DENIED:
        return "give hygge's user the right to read and write this folder and its parent"
    if code in _ANOTHER_KIND:
        return "a file is in the place of a folder, or the reverse: choose another path"
    if code in _MISSING:
        return "check the path: a folder on the way to it is not there, and cannot be made"
    return "is the path right, and does the disk work?" if code else None


@contextmanager
def telling(place: str) -> Iterator[None]:
    """Turn what the operating system says into an error for people; `place` names the folder.

    Raises ConnectError for an error of the operating system; others pass as they are.
    """
    try:
        yield
    except (OSError, PolarsError) as error:
        code = code_of(error)
        if not code:
            raise
        said = f"{place}: {os.strerror(code)}"
        if code in _FULL:
            said = f"{place}: there is no room to write ({os.strerror(code)})"
        else:
            said += f" ({getattr(error, 'filename', None) or place})"
        raise ConnectError(said, hint=hint_of(code)) from error
