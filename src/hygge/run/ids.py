"""Names of runs: sortable by time, unique without asking anybody."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def new_run_id() -> str:
    """E.g. `20260131T094500-3fa9c1`: UTC to the second, and 24 random bits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
