"""Reading by rowversion against recorded answers; Babelfish has no MIN_ACTIVE_ROWVERSION()."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sql.mssql.recorded import Recorded, session

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.errors import ConnectError, StateError, UnsupportedError
from hygge.core.watermark import Watermark, Window, freeze_upper, window
from hygge.sql.mssql import rowversion


def test_the_bound_is_taken_before_the_snapshot() -> None:
    link = Recorded()
    reading = session(link)
    field = reading.schema()["rv"]
    assert (str(field.type), str(reading.positions(field)), reading.settled(field)) == (
        "binary", "uint64", True,
    )  # fmt: skip
    assert not reading.settled(reading.schema()["id"])
    assert reading.maximum("rv") == 2000
    asked = next(n for n, sql in enumerate(link.said) if "MIN_ACTIVE_ROWVERSION" in sql)
    assert link.said[asked - 1 :] == ["COMMIT TRANSACTION", link.said[asked], "BEGIN TRANSACTION"]
    upper = freeze_upper(rowversion.NUMBER, maximum=2000, clock=None, last=1500)
    last = Watermark("rv", rowversion.NUMBER, 1500)
    span = window("rv", rowversion.NUMBER, last=last, lag=0, upper=upper)
    statement = reading.statement(ReadRequest(window=span), WHOLE)
    assert statement.endswith("WHERE ([rv] >= 0x00000000000005DC AND [rv] < 0x00000000000007D1)")


def test_a_restored_database_is_noticed() -> None:
    reading = session(Recorded())
    reading.maximum("rv")
    reading.check_position("rv", 2001)
    with pytest.raises(StateError, match=r"restored.* 0x00000000000007D2") as caught:
        reading.check_position("rv", 2002)
    assert caught.value.hint is not None and "--full-refresh" in caught.value.hint


def test_a_readable_secondary_is_refused() -> None:
    reading = session(Recorded(MIN_ACTIVE_ROWVERSION=[(2001, 2000, "READ_ONLY")]))
    with pytest.raises(UnsupportedError, match="read only"):
        reading.maximum("rv")


HELD = [(1500, 2000, "READ_WRITE")]


@pytest.mark.parametrize(
    ("bound", "holders", "told"),
    [
        (HELD, [(53, "app", "web1", "Import", 3661)],
         "0x00000000000005DC .* session 53 \\(app, web1, Import\\), 61 minutes old"),
        (HELD, [(53, "app", "web1", "Import", 12)], ""),
        (HELD, [], ""),
        (HELD, ConnectError("permission was denied"), "of which VIEW SERVER STATE"),
        ([(2001, 2000, "READ_WRITE")], [(53, "app", "web1", "Import", 3661)], ""),
    ],
)  # fmt: skip
def test_who_holds_the_bound_back_is_named(bound: Any, holders: Any, told: str) -> None:
    notes: list[str] = []
    link = Recorded(MIN_ACTIVE_ROWVERSION=bound, dm_tran_database_transactions=holders)
    session(link, notes).maximum("rv")
    if told:
        assert re.search(told, " ".join(notes))
    else:
        assert notes == []


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.lists(st.integers(0, 2**63)))
def test_windows_are_compared_as_bytes(low: int, high: int, versions: list[int]) -> None:
    """What SQL Server compares, byte by byte, is the order of the numbers."""
    span = Window("rv", rowversion.NUMBER, low, high)
    lower, upper = re.findall(r"0x([0-9A-F]{16})", rowversion.condition("[rv]", span))
    inside = [
        v for v in versions if bytes.fromhex(lower) <= v.to_bytes(8, "big") < bytes.fromhex(upper)
    ]
    assert inside == [v for v in versions if low <= v < high]
