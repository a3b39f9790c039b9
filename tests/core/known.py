"""What tests of secrets share, beside the fixture that parts every test from the others."""

from __future__ import annotations

from hygge.core import secrets


def forget() -> None:
    """Part an example from the others: Hypothesis runs one fixture for all of them."""
    secrets._known.clear()
    secrets._pattern = None
