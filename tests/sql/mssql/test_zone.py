"""The server's own zone, as an offset."""

from __future__ import annotations

import pytest
from tests.sql.mssql.support import needs_server, url_of

from hygge import MSSQLHome
from hygge.core.context import Context, Surroundings
from hygge.sql.mssql.session import offset_of


@pytest.mark.parametrize(
    ("seconds", "offset"),
    [(0, "+00:00"), (1, "+00:00"), (-1, "+00:00"), (7200, "+02:00"), (-18_000, "-05:00"),
     (19_801, "+05:30"), (20_699, "+05:45"), (-12_599, "-03:30")],
)  # fmt: skip
def test_offsets(seconds: int, offset: str) -> None:
    assert offset_of(seconds) == offset


@needs_server
def test_the_server_tells_its_offset() -> None:
    home = MSSQLHome("t", url=url_of(), query="SELECT 1 AS one").bind(Surroundings())
    with home.open(Context()) as session:
        assert session.zone()[0] in "+-" and session.zone()[3] == ":"
