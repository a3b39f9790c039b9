"""A project's own connectors, and the surroundings of Homes used on their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.project.conftest import MakeProject

import hygge
from hygge.core.context import Surroundings, surroundings
from hygge.core.errors import ConfigError
from hygge.project import load_project, nearest_surroundings

HOME = """
    from hygge import Home, HomeConfig
    from hygge_project.homes._shared import WORD

    class OwnHome(Home):
        class Config(HomeConfig):
            url: str = WORD

        async def read_batches(self):
            yield
    """
FILES = {
    "hygge.yml": "flows: {own: {home: {type: own}, store: {type: parquet, path: out}}}\n",
    "homes/_shared.py": "WORD = 'first'\n",
    "homes/own.py": HOME,
}


def test_loading_twice(make_project: MakeProject) -> None:
    root = make_project(FILES)
    first, second = (load_project(root).entities[0].home for _ in range(2))
    assert type(first) is type(second)
    assert first == second
    assert first.config.url == "first"


def test_a_changed_file_is_read_again(make_project: MakeProject) -> None:
    root = make_project(FILES)
    load_project(root).check()
    make_project({"homes/own.py": HOME.replace("= WORD", "= 'changed now'")})
    assert load_project(root).entities[0].home.config.url == "changed now"


def test_two_projects_of_one_process(make_project: MakeProject, tmp_path: Path) -> None:
    one = make_project({f"one/{name}": text for name, text in FILES.items()}) / "one"
    two = make_project({f"two/{name}": text for name, text in FILES.items()}) / "two"
    (two / "homes/_shared.py").write_text("WORD = 'second'\n")
    words = [load_project(root).entities[0].home.config.url for root in (one, two, one)]
    assert words == ["first", "second", "first"]


def test_place_entity_that_fails(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": "flows: {own: {home: {type: fragile}, store: {type: parquet, path: out}, "
            "entities: [a]}}\n",
            "homes/fragile.py": """
                from hygge import Home

                class FragileHome(Home):
                    @classmethod
                    def place_entity(cls, settings, entity, *, shared):
                        return settings["path"] / entity
                """,
        }
    )
    (problem,) = load_project(root).problems
    assert "FragileHome.place_entity() failed: KeyError: 'path'" in problem.message


def test_surroundings_are_those_of_the_nearest_project(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project(
        {
            # What is wrong elsewhere in the project does not matter to a Home used on its own.
            "hygge.yml": "connections: {shop: {type: sqlite, path: shop.db}}\nfoo: 1\n",
            "flows/shop/flow.yml": "not: [closed\n",
            "notebooks/readme.txt": "",
        }
    )
    monkeypatch.chdir(root / "notebooks")
    around = nearest_surroundings()
    assert around.root == root
    assert list(around.connections) == ["shop"]
    make_project({"hygge.yml": "connections: {shop: {type: sqlite, pth: shop.db}}\n"})
    with pytest.raises(ConfigError, match="did you mean 'path'"):
        nearest_surroundings()


def test_what_is_imported_from_hygge_knows_its_project(make_project: MakeProject) -> None:
    root = make_project({"hygge.yml": "connections: {shop: {type: sqlite, path: shop.db}}\n"})
    assert hygge.ParquetHome("users").name == "users"
    assert surroundings().root == root
    assert list(surroundings().connections) == ["shop"]


def test_surroundings_without_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert nearest_surroundings() == Surroundings(root=tmp_path)
