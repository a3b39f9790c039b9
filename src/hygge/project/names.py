"""Which names an entity or a flow may have: those that cannot reach outside their place."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_BYTES = 200
"""Leaves room for a suffix within the 255 bytes that file systems allow a name."""

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$")
_THIS_MACHINE = re.compile(r"(?<=://)(?:127\.0\.0\.1|\[::1\])(?=[:/]|$)")
_FORBIDDEN = '<>:"|?*'


def name_problem(name: str) -> str | None:
    """Why a name cannot be an entity's or a flow's; None if it can.

    Names become those of folders, files and tables, on any system.
    """
    if not name:
        return "it is empty"
    for separator in "/\\":
        if separator in name:
            return f"it holds '{separator}', which would reach into another folder"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name):
        return "it holds an invisible character"
    if name.startswith("."):
        return "it begins with '.', which hides a folder or leads out of it"
    if name != name.strip():
        return "it begins or ends with a blank"
    if name.endswith("."):
        return "it ends with '.', which Windows drops"
    odd = next((c for c in name if c in _FORBIDDEN), None)
    if odd is not None:
        return f"it holds '{odd}', which no file name on Windows may"
    if _WINDOWS.match(name):
        return "it is the name of a device on Windows"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return None


def flow_name_problem(name: str) -> str | None:
    """Why a name cannot be a flow's; None if it can."""
    if "." in name and not name.startswith("."):
        return "it holds '.', which parts a flow from its entity in `flow.entity`"
    return name_problem(name)


def key_of(name: str) -> str:
    """What two names share when a file system may take them for one."""
    return unicodedata.normalize("NFC", name).casefold()


def place_key(place: str) -> str:
    """What two places share when they may be one: see `key_of`; this machine has several names."""
    return _THIS_MACHINE.sub("localhost", key_of(place))
