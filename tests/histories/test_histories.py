"""Any history of changes and runs leaves what the modes' equations say, in every Store.

`HYGGE_HISTORIES` says how many histories of each mode there are, and `HYGGE_HISTORY_STEPS` how long
they are. Without them, as in CI, it is one of 8 steps; `make histories` runs many, side by side.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.histories.history import History
from tests.histories.kinds import KINDS, Kind
from tests.histories.scenarios import SCENARIOS, Scenario
from tests.servers import Server
from tests.servers.objects import Emulator
from tests.sql.mssql import support as mssql

HISTORIES = int(os.environ.get("HYGGE_HISTORIES", "1"))
STEPS = int(os.environ.get("HYGGE_HISTORY_STEPS", "8"))
MARKS = {"mssql": [mssql.needs_server, pytest.mark.timeout(900)]}


@pytest.fixture(scope="module")
def there(
    request: pytest.FixtureRequest, emulators: Callable[[str], Emulator]
) -> Iterator[Callable[[str], Any]]:
    """What a kind needs to be there, by its name."""
    with ExitStack() as stack:
        made: dict[str, Any] = {"": None}

        def of(name: str) -> Any:
            if name in ("postgres", "mysql") and name not in made:
                server: Server = request.getfixturevalue(f"{name}_server")
                made[name] = stack.enter_context(server.database())
            if name == "mssql":
                made[name] = mssql.is_babelfish()
            return made[name] if name in made else emulators(name)

        yield of


@pytest.fixture(params=[pytest.param(k, marks=MARKS.get(k, [])) for k in KINDS])
def kind(
    request: pytest.FixtureRequest, tmp_path: Path, there: Callable[[str], Any]
) -> Iterator[Kind]:
    kind = KINDS[request.param]
    with kind(tmp_path, there(kind.on)) as made:
        yield made


@pytest.mark.timeout(120 + 10 * HISTORIES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_any_history(kind: Kind, scenario: Scenario, tmp_path: Path) -> None:
    if scenario.unable(kind.type):
        pytest.skip("this Store says that it cannot")
    for seed in range(HISTORIES):
        name = f"{type(kind).__name__} {scenario.name} {seed}"
        History(scenario, tmp_path, kind.make(name), kind.read, seed).go(STEPS)
