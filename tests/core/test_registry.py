"""Which class a type names: one claim each, but a class defined anew replaces itself."""

from __future__ import annotations

import importlib.metadata
import pickle
import sys
import types
from typing import Any

import pytest

from hygge.core import registry
from hygge.core.errors import ConfigError, MissingDriver
from hygge.core.home import Home
from hygge.core.store import Store


@pytest.fixture(autouse=True)
def own_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests define is forgotten after each."""
    kept = {role: dict(names) for role, names in registry._defined.items()}
    monkeypatch.setattr(registry, "_defined", kept)


def entries(monkeypatch: pytest.MonkeyPatch, **values: tuple[str, ...]) -> None:
    points = [
        importlib.metadata.EntryPoint(name, value, "hygge.homes")
        for name, each in values.items()
        for value in each
    ]
    monkeypatch.setattr(
        registry, "entry_points",
        lambda group: [p for p in points if p.group == group],
    )  # fmt: skip
    registry._entries.cache_clear()
    monkeypatch.setattr(registry, "_entries", registry._entries.__wrapped__)


@pytest.mark.parametrize(
    ("name", "role", "expected"),
    [
        ("MyHome", "home", "my"), ("SQLHome", "home", "sql"), ("SQLiteHome", "home", "sqlite"),
        ("CSVStore", "store", "csv"), ("NDJSONStore", "store", "ndjson"), ("Home", "home", "home"),
        ("OpenMirroringStore", "store", "open_mirroring"), ("S3FilesHome", "home", "s3_files"),
        ("Readings", "home", "readings"), ("MyStore", "home", "my_store"),
        ("ABCDefHome", "home", "abc_def"), ("MySQLConnection", "connection", "mysql"),
    ],
)  # fmt: skip
def test_type_names(name: str, role: registry.Role, expected: str) -> None:
    assert registry.type_name(name, role) == expected


def test_a_class_is_known_when_its_body_has_run() -> None:
    class BarometerHome(Home):
        pass

    class BarometerStore(Store):
        pass

    assert registry.lookup("home", "barometer") is BarometerHome
    assert registry.lookup("store", "barometer") is BarometerStore
    assert "barometer" in registry.names("home")
    assert BarometerHome.type == "barometer"


def test_a_name_of_ones_own() -> None:
    class Whatever(Home, type="own_name"):
        pass

    assert registry.lookup("home", "own_name") is Whatever


def test_helpers_with_an_underscore_claim_nothing() -> None:
    class _BaseHome(Home):
        pass

    class ThingHome(_BaseHome):
        pass

    assert "_base" not in registry.names("home")
    assert registry.lookup("home", "thing") is ThingHome


CELL = "class CellHome(Home):\n    version = {}\n"


def run_cell(module: str, version: int) -> Any:
    space = {"Home": Home, "__name__": module}
    exec(CELL.format(version), space)
    return space["CellHome"]


def test_a_cell_run_again_replaces_its_class() -> None:
    run_cell("__main__", 1)
    second = run_cell("__main__", 2)
    assert registry.lookup("home", "cell") is second


def test_a_module_loaded_again_replaces_its_class() -> None:
    source = "from hygge.core.home import Home\n" + CELL.format(3)
    for _ in range(2):
        module = types.ModuleType("reloaded_module")
        exec(source, module.__dict__)
    assert registry.lookup("home", "cell") is module.CellHome


def test_two_claims_name_both_and_the_first_stays() -> None:
    first = run_cell("one_module", 1)
    with pytest.raises(ConfigError, match=r"one_module:CellHome and two_module:CellHome"):
        run_cell("two_module", 2)
    assert registry.lookup("home", "cell") is first


def test_a_claim_on_an_entry_points_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entries(monkeypatch, cell=("their_package.homes:CellHome",))
    with pytest.raises(
        ConfigError, match=r"their_package\.homes:CellHome and __main__:CellHome[\s\S]*type='...'"
    ):
        run_cell("__main__", 1)
    run_cell("their_package.homes", 1)


def test_two_packages_that_claim_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entries(monkeypatch, cell=("a.homes:CellHome", "b.homes:CellHome"))
    with pytest.raises(ConfigError, match=r"a\.homes:CellHome and b\.homes:CellHome"):
        registry.lookup("home", "cell")


def test_the_same_entry_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "hygge.core.home:Home"
    entries(monkeypatch, cell=(value, value))
    assert registry.lookup("home", "cell") is Home


def test_unknown_names_give_the_near_miss_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    entries(monkeypatch, parquet=("x:Y",))
    with pytest.raises(ConfigError, match="did you mean 'parquet'"):
        registry.lookup("home", "parqet")
    with pytest.raises(ConfigError, match=r"known types: .*parquet"):
        registry.lookup("home", "zzz")


def test_a_missing_driver_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("their_driverless_home")
    monkeypatch.setitem(sys.modules, "a_driver", None)
    entries(monkeypatch, fancy=("tests.core.needs_a_driver:FancyHome",))
    with pytest.raises(MissingDriver, match=r"'a_driver_that_is_not' .*[\s\S]*'hygge\[fancy\]'"):
        registry.lookup("home", "fancy")
    assert module.__name__ not in sys.modules


def test_a_broken_installation_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    entries(monkeypatch, lost=("hygge.core.home:NoSuchHome",))
    with pytest.raises(ConfigError, match=r"hygge\.core\.home:NoSuchHome"):
        registry.lookup("home", "lost")


def test_nothing_is_imported_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    entries(monkeypatch, fancy=("tests.core.no_such_module:FancyHome",))
    assert "fancy" in registry.names("home")
    assert "tests.core.no_such_module" not in sys.modules


class PickledHome(Home, type="test_pickled"):
    """At module level, where pickle finds it."""


def test_descriptions_pickle_and_compare() -> None:
    home = PickledHome("a", batch_size=5)
    again = pickle.loads(pickle.dumps(home))
    assert again == home
    assert again != PickledHome("a", batch_size=6)
    assert again != PickledHome("b", batch_size=5)


def test_settings_are_given_once_and_known() -> None:
    with pytest.raises(ConfigError, match="'batch_size' is given both"):
        PickledHome("a", options={"batch_size": 1}, batch_size=2)
    with pytest.raises(ConfigError) as caught:
        PickledHome("a", batchsize=1, batch_size=0)
    assert len(caught.value.problems) == 2
    assert "did you mean 'batch_size'" in str(caught.value)
    assert PickledHome("a", options={"batch_size": 7}).config.batch_size == 7
