"""Names of columns in another case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.names import cased


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("CustomerID", "customer_id"), ("customerId", "customer_id"), ("Order No.", "order_no"),
        ("HTTPServer2Name", "http_server2_name"), ("ÆbleKage", "æble_kage"), ("_Id", "_id"),
        ("created_At", "created_at"), ("...", "..."), ("already_so", "already_so"),
    ],
)  # fmt: skip
def test_snake(name: str, snake: str) -> None:
    assert cased(name, "snake") == snake


@given(st.text())
def test_keep_keeps_and_no_name_becomes_nothing(name: str) -> None:
    assert cased(name, "keep") == name
    assert cased(name, "lower") == name.lower()
    assert bool(cased(name, "snake")) == bool(name)
