"""State: what a destination holds of an entity, and what proves that it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from hygge.core.errors import StateError
from hygge.core.fields import Schema
from hygge.core.watermark import Watermark, Window

Mode = Literal["replace", "append", "merge", "delete_insert", "scd2"]
STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a writer proves of what it wrote.

    Parameters
    ----------
    chunk: the index of the chunk it wrote.
    rows: rows written.
    bytes: bytes as they lie at the destination, where it can tell, else their Arrow size.
    files: what was written: per file its name, rows, bytes and digest (blake2b-128, hex).
    """

    chunk: int
    rows: int
    bytes: int
    files: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class State:
    """What a destination holds of an entity; committed with the data, never beside it.

    Parameters
    ----------
    entity: `flow.entity`, for people; the fingerprint is what is compared.
    fingerprint: what the data is of: source identity, table or query, watermark column, key, store.
    generation: counts commits, from 1.
    load_id: the load that committed it.
    watermark: how far an incremental read has come; None without one.
    rows: rows the destination holds after this commit; None where it cannot tell.
    loaded: rows this load brought.
    checksum: of the receipts' digests, in order.
    fields: the schema the destination holds.
    run_id, committed_at: who and when (ISO 8601, UTC); for people.
    extra: what the Store keeps for itself (file lists, bucket layout).
    memo: what the run remembers from load to load: when it last compared keys, for instance.
    """

    entity: str
    fingerprint: str
    generation: int
    load_id: str
    fields: Schema
    watermark: Watermark | None = None
    rows: int | None = None
    loaded: int = 0
    checksum: str = ""
    run_id: str = ""
    committed_at: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    memo: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """One JSON object, with `format_version`."""
        return json.dumps(
            {
                "format_version": STATE_VERSION,
                "entity": self.entity,
                "fingerprint": self.fingerprint,
                "generation": self.generation,
                "load_id": self.load_id,
                "watermark": self.watermark.to_json() if self.watermark else None,
                "rows": self.rows,
                "loaded": self.loaded,
                "checksum": self.checksum,
                "fields": self.fields.to_json(),
                "run_id": self.run_id,
                "committed_at": self.committed_at,
                "extra": dict(self.extra),
            }
            | ({"memo": dict(self.memo)} if self.memo else {}),
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str | bytes, *, place: str) -> State:
        """Read a stored state. Raises StateError, naming the place, if it is damaged or newer."""
        try:
            raw = json.loads(text)
            version = raw["format_version"]
            if version > STATE_VERSION:
                raise StateError(
                    f"{place}: its state has format {version}, this hygge reads to {STATE_VERSION}",
                    hint="use the newer hygge that wrote it",
                )
            return cls(
                entity=raw["entity"],
                fingerprint=raw["fingerprint"],
                generation=int(raw["generation"]),
                load_id=raw["load_id"],
                fields=Schema.from_json(raw["fields"]),
                watermark=Watermark.from_json(raw["watermark"]) if raw["watermark"] else None,
                rows=raw["rows"],
                loaded=raw["loaded"],
                checksum=raw["checksum"],
                run_id=raw["run_id"],
                committed_at=raw["committed_at"],
                extra=raw["extra"],
                memo={str(k): str(v) for k, v in raw.get("memo", {}).items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                f"{place}: its state is damaged ({type(error).__name__}: {error})",
                hint="restore the folder or table from a backup, or move it away and load anew",
            ) from None


def derive_load_id(fingerprint: str, generation: int, window: Window | None) -> str:
    """The name of a load: the same whatever run makes it, so that a repeat is recognised.

    Parameters
    ----------
    fingerprint: of the entity.
    generation: the destination's generation before the load; 0 where it is empty.
    window: the rows it reads; None for all.
    """
    text = f"{fingerprint}\n{generation}\n{window or 'all'}"
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def derive_fingerprint(parts: Mapping[str, Any]) -> str:
    """A digest of what identifies an entity's data; insensitive to the order of the mapping."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def checksum_of(receipts: Sequence[Receipt]) -> str:
    """One digest over what the receipts prove, in chunk order."""
    digest = hashlib.blake2b(digest_size=16)
    for receipt in sorted(receipts, key=lambda r: r.chunk):
        digest.update(json.dumps([receipt.rows, receipt.files], default=str).encode())
    return digest.hexdigest()


def with_store_facts(state: State, *, rows: int | None, extra: Mapping[str, Any]) -> State:
    """The state as a Store completes it at commit."""
    return replace(state, rows=rows, extra=dict(extra))


def next_generation(state: State) -> State:
    """The state of a generation that holds the same rows."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(state, generation=state.generation + 1, committed_at=now)
