"""How a file Store settles: what its sessions, here and elsewhere, go by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hygge.core.upkeep import Optimize, due
from hygge.files.assembly import COMPACTED_AT
from hygge.files.format import Format
from hygge.files.manifest import Held
from hygge.files.rewrite import Sizes


@dataclass(frozen=True, slots=True)
class Manner:
    """How a file Store settles.

    Parameters
    ----------
    form: the format of its parts.
    sizes: how large they are.
    optimize: its upkeep.
    """

    form: Format
    sizes: Sizes
    optimize: Optimize

    def compaction_due(self, held: Held) -> bool:
        """Whether the next load that can is to join small parts."""
        last = held.state.extra.get(COMPACTED_AT) if held.state is not None else None
        at = datetime.fromisoformat(last) if last else None
        return due(at, self.optimize.compact_every, datetime.now(UTC))
