"""Folders where files keep arriving: which of them a run reads. Values in, values out.

The state remembers every file that was read and still lies there, by name and version, so it is as
large as the folder and no larger: a file that has gone is forgotten.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hygge.core.errors import FULL_REFRESH, StateError

MEMO = "files"
"""Under which a state's memo has the files that were read."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Version:
    """What tells a file from another under its name.

    Parameters
    ----------
    size: in bytes.
    tag: the server's own mark of it; "" where it gives none, and then the time counts.
    changed: when it was written, in ns since 1970; 0 where that is not known.
    """

    size: int
    tag: str
    changed: int

    def same(self, other: Version) -> bool:
        """Whether both are of one version: by size and mark, or by size and time."""
        if self.tag or other.tag:
            return (self.size, self.tag) == (other.size, other.tag)
        return (self.size, self.changed) == (other.size, other.changed)


@dataclass(frozen=True)
class Arrivals:
    """What a run reads of a folder.

    Parameters
    ----------
    files: the files to read, in order: of each name the version.
    memo: what the state is to remember, once they are loaded.
    replaced: names of files that are not as they were when they were read.
    late: names of new files that are older than what was read before.
    again: whether those that were replaced are read again.
    """

    files: Mapping[str, Version]
    memo: str
    replaced: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    again: bool = False

    def notes(self) -> list[tuple[str, str]]:
        """What a person should know, each with its severity."""
        found = []
        replaced = f"replaced since they were read: {_listed(self.replaced)}"
        if self.replaced and self.again:
            found.append((f"{replaced}; they are read again", "info"))
        elif self.replaced:
            found.append(
                (f"{replaced}; they are not read again, since appending them would double rows: "
                 f"merge by a key, or take them with {FULL_REFRESH}", "warning")
            )  # fmt: skip
        if self.late:
            found.append((f"arrived late, and read now: {_listed(self.late)}", "info"))
        return found


def arrivals(memo: str | None, lying: Mapping[str, Version], *, again: bool) -> Arrivals:
    """Which files are new.

    Parameters
    ----------
    memo: what the state remembers; None where nothing was read yet.
    lying: the files that lie there, by name.
    again: whether a file that was replaced is read again; else its rows would come twice.

    Raises
    ------
    StateError: the memo is damaged.
    """
    seen = {} if memo is None else _decoded(memo)
    new = [name for name in lying if name not in seen]
    replaced = [n for n, version in lying.items() if n in seen and not version.same(seen[n])]
    newest = max((version.changed for version in seen.values()), default=0)
    late = [n for n in new if 0 < lying[n].changed < newest]
    read = {*new, *(replaced if again else ())}
    # One that was replaced and is not read stays as it was read, so that it is told of each time.
    after = {n: v if n in read or n not in replaced else seen[n] for n, v in lying.items()}
    return Arrivals(
        {n: v for n, v in lying.items() if n in read}, _encoded(after), tuple(replaced),
        tuple(late), again,
    )  # fmt: skip


def _encoded(files: Mapping[str, Version]) -> str:
    plain = {name: [v.size, v.tag, v.changed] for name, v in sorted(files.items())}
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _decoded(memo: str) -> dict[str, Version]:
    try:
        plain = json.loads(zlib.decompress(base64.b64decode(memo, validate=True)))
        return {
            str(n): Version(int(size), str(tag), int(at)) for n, (size, tag, at) in plain.items()
        }
    except (binascii.Error, zlib.error, ValueError, TypeError, AttributeError) as error:
        raise StateError(
            f"the state's list of files that were read is damaged ({error})",
            hint=f"{FULL_REFRESH} reads everything again and writes a new one",
        ) from None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
