"""The ledger of a load in chunks: what it set out to do, and which chunks are done.

A Store that can keeps it beside the rows that lie staged, so that a run after a crash goes on with
what is missing. Which chunks it may trust is decided here; values in, values out.

A ledger is written by appending: a line for the head, then one for each chunk done. Every line
begins with a digest over itself and the line before it, so that a torn or altered one is noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from hygge.core.chunk import Chunk
from hygge.core.errors import StateError
from hygge.core.fields import Schema
from hygge.core.state import Mode, Receipt
from hygge.core.watermark import Window

LEDGER_VERSION = 1


@dataclass(frozen=True)
class Head:
    """What a load in chunks set out to do.

    Parameters
    ----------
    entity, fingerprint, load_id, run_id, generation, mode, keys: as in its LoadRequest.
    source, fields: the fields it reads, and those it writes.
    window: the rows it reads, its upper bound frozen; None for all.
    asked: the entity's settings on which its chunks and their rows depend, as text.
    chunks: what it was split into.
    version: of hygge: another may write otherwise.
    store: what the Store adds, of how it writes.
    """

    entity: str
    fingerprint: str
    load_id: str
    run_id: str
    generation: int
    mode: Mode
    keys: tuple[str, ...]
    source: Schema
    fields: Schema
    window: Window | None
    asked: str
    chunks: tuple[Chunk, ...] = ()
    version: str = ""
    store: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values. Raises TypeError where a chunk's bounds are none."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {
            "ledger": LEDGER_VERSION,
            "source": self.source.to_json(),
            "fields": self.fields.to_json(),
            "window": self.window.to_json() if self.window else None,
            "chunks": [chunk.to_json() for chunk in self.chunks],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read one back. Raises ValueError, KeyError, TypeError, StateError where it is damaged."""
        if raw["ledger"] != LEDGER_VERSION:
            raise ValueError(f"its format is {raw['ledger']}")
        plain = {name: raw[name] for name in cls.__dataclass_fields__}
        return cls(
            **plain
            | {
                "keys": tuple(raw["keys"]),
                "source": Schema.from_json(raw["source"]),
                "fields": Schema.from_json(raw["fields"]),
                "window": Window.from_json(raw["window"]) if raw["window"] else None,
                "chunks": tuple(Chunk.from_json(chunk) for chunk in raw["chunks"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Done:
    """A chunk whose rows lie staged, durable.

    Parameters
    ----------
    receipt: what its writer proved; it names the chunk.
    rows_read: rows that came out of the source.
    rows_source: rows the source counted; None where it cannot.
    fingerprint: the source's digest of the rows' versions; None where it has none.
    """

    receipt: Receipt
    rows_read: int
    rows_source: int | None = None
    fingerprint: str | None = None

    def to_json(self) -> dict[str, Any]:
        receipt = self.receipt
        return {
            "chunk": receipt.chunk, "rows": receipt.rows, "bytes": receipt.bytes,
            "files": [dict(f) for f in receipt.files], "rows_read": self.rows_read,
            "rows_source": self.rows_source, "fingerprint": self.fingerprint,
        }  # fmt: skip

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read one back. Raises ValueError, KeyError or TypeError where it is damaged."""
        receipt = Receipt(
            int(raw["chunk"]), int(raw["rows"]), int(raw["bytes"]), tuple(map(dict, raw["files"]))
        )
        counted, fingerprint = raw["rows_source"], raw["fingerprint"]
        return cls(
            receipt, int(raw["rows_read"]), None if counted is None else int(counted),
            None if fingerprint is None else str(fingerprint),
        )  # fmt: skip


@dataclass(frozen=True)
class Ledger:
    """What an unfinished load has left.

    Parameters
    ----------
    head: what it set out to do.
    done: the chunks that are done, by index; of one that was done twice, the last.
    obstacle: why the Store cannot go on with it; "" where it can.
    """

    head: Head
    done: Mapping[int, Done] = field(default_factory=dict)
    obstacle: str = ""


def misfit(left: Head, wanted: Head) -> str:
    """Why a load that was left cannot be gone on with; "" where it can.

    Parameters
    ----------
    left: the head of what was left.
    wanted: that of the load to be made, but for its chunks, its run and the upper bound of its
        window: a bound that was frozen holds.
    """
    if left.fingerprint != wanted.fingerprint:
        return "the entity was configured differently"
    if left.generation != wanted.generation:
        return "the destination has been loaded since"
    if (left.mode, left.keys) != (wanted.mode, wanted.keys):
        return "the mode or the key is another"
    if (left.source, left.fields) != (wanted.source, wanted.fields):
        return "the fields are not the same"
    if left.asked != wanted.asked:
        return "`chunks` or `deleted_when` is set otherwise"
    if left.version != wanted.version:
        return "another version of hygge began it"
    if not _same_window(left.window, wanted.window):
        return "the rows to be read begin elsewhere"
    return ""


def _same_window(left: Window | None, wanted: Window | None) -> bool:
    if left is None or wanted is None:
        return left is wanted
    if (left.column, left.type, left.lower) != (wanted.column, wanted.type, wanted.lower):
        return False
    if left.upper is None or wanted.upper is None:
        return False
    # A source whose newest rows are gone, as after a restore, is not the one that was read.
    return bool(left.upper <= wanted.upper)  # type: ignore[operator]


def may_reuse(then: str | None, now: str | None, *, frozen: bool) -> bool:
    """Whether the rows of a finished chunk stand for those that are there now.

    Parameters
    ----------
    then, now: the source's fingerprint of the chunk, when it was read and in today's snapshot; None
        where the source has none.
    frozen: whether rows below the window's bound can neither come nor change without moving past
        it, and the load merges by key, so that what it has read needs no second look.
    """
    if then is not None and now is not None:
        return then == now
    return frozen and then is None and now is None


def encode(record: Mapping[str, Any], before: str) -> tuple[bytes, str]:
    """A record as a line, and its digest.

    Parameters
    ----------
    record: plain values; TypeError for others.
    before: the digest of the record before it; "" for the first.
    """
    text = json.dumps(record, separators=(",", ":"), sort_keys=True)
    digest = _digest(before, text)
    return f"{digest} {text}\n".encode(), digest


def decode(data: bytes) -> tuple[list[dict[str, Any]], str, int]:
    """The records of a ledger, the digest of the last, and how many bytes hold them.

    A tail that was torn while it was written is left out. Raises StateError where a record is
    damaged that others follow.
    """
    records: list[dict[str, Any]] = []
    before, good = "", 0
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1]):  # what follows the last newline is torn
        head, _, rest = line.partition(b" ")
        text = rest.decode(errors="replace")
        if head.decode(errors="replace") != _digest(before, text):
            if number < len(lines) - 2 or lines[-1]:
                raise StateError(f"its record {number + 1} is damaged")
            break
        records.append(json.loads(text))
        before = head.decode()
        good += len(line) + 1
    return records, before, good


def _digest(before: str, text: str) -> str:
    return hashlib.blake2b(f"{before}\n{text}".encode(), digest_size=16).hexdigest()


def ledger_of(data: bytes) -> tuple[Ledger | None, str, int]:
    """A ledger as written, the digest of its last record, and how many bytes of it are whole.

    None where not even its head was written. Raises StateError where it is damaged.
    """
    records, last, good = decode(data)
    if not records:
        return None, "", 0
    try:
        head = Head.from_json(records[0])
        done = {d.receipt.chunk: d for d in map(Done.from_json, records[1:])}
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise StateError(f"it is damaged ({type(error).__name__}: {error})") from None
    if strange := done.keys() - {chunk.index for chunk in head.chunks}:
        raise StateError(f"it has chunks that are none of its own: {sorted(strange)}")
    return Ledger(head, done), last, good
