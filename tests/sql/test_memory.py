"""What the C library is told of memory."""

from __future__ import annotations

import pytest

from hygge.sql import memory


@pytest.mark.parametrize("first", ["give_back", "keep"])
def test_what_is_kept_stays_kept(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[int, int] = {}
    monkeypatch.setattr(memory, "_set", told.__setitem__)
    monkeypatch.setitem(memory._state, "keeps", False)
    calls = [memory.give_back.__wrapped__, memory.keep.__wrapped__]
    for call in calls if first == "give_back" else reversed(calls):
        call()
    assert told[memory._M_MMAP_THRESHOLD] == told[memory._M_TRIM_THRESHOLD] == memory._KEPT
