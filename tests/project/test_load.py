"""Every form of a project comes to the same model."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest
from tests.project.conftest import MakeProject

from hygge.core.errors import ConfigError
from hygge.core.secrets import redact
from hygge.project import EntitySpec, Project, find_project, load_project

FLOW = """
home: {type: parquet, path: data/in}
store: {type: parquet, path: data/out}
"""


def load(root: Path, **choices: object) -> Project:
    project = load_project(root, **choices)  # type: ignore[arg-type]
    project.check()
    return project


def only(project: Project) -> EntitySpec:
    (entity,) = project.entities
    return entity


def test_a_flow_folder_with_an_entity_file(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": "name: my-project\n",
            "flows/example_flow/flow.yml": """
                name: "example_flow"
                home:
                  type: "parquet"
                  path: "data/source"
                store:
                  type: "parquet"
                  path: "data/destination"

                defaults:
                  key_column: "id"
                  batch_size: 10000
                """,
            "flows/example_flow/entities/users.yml": """
                name: "users"
                columns:
                  - id
                  - name
                  - email
                  - created_at
                """,
        }
    )
    project = load(root)
    assert (project.name, project.root, project.problems) == ("my-project", root, ())
    users = only(project)
    assert users.full_name == "example_flow.users"
    assert users.settings.keys == ("id",)
    assert users.settings.columns == ("id", "name", "email", "created_at")
    assert users.home.config.path == "data/source/users"
    assert users.home.config.batch_size == users.settings.batch_size == 10_000
    assert users.store.config.path == "data/destination/users"
    where = {path: (Path(at.file).name, at.line) for path, at in users.provenance.items()}
    assert where["key_column"] == ("flow.yml", 11)
    assert where["columns"] == ("users.yml", 3)
    assert where["home.path"] == ("flow.yml", 5)


def test_a_single_file(make_project: MakeProject) -> None:
    root = make_project(
        {
            "custom_config.yml": """
                connections:
                  my_database:
                    type: sqlite
                    path: shop.db  # beside this file

                flows:
                  users_to_parquet:
                    home:
                      type: sqlite
                      connection: my_database
                      table: main.users
                    store:
                      type: parquet
                      path: data/users
                """,
            "flows/other/flow.yml": FLOW,
        }
    )
    project = load_project(config_path=root / "custom_config.yml")
    project.check()
    entity = only(project)
    assert entity.full_name == entity.name == "users_to_parquet"
    assert entity.home.config.table == "main.users"
    assert entity.store.config.path == "data/users"  # exact: the flow has no entities
    assert project.surroundings().connections["my_database"].path.endswith("shop.db")
    assert project.root == root


def test_entities_in_a_list(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": "",
            "flows/shop/flow.yml": FLOW
            + """
entities:
  - users
  - name: orders
    key_column: [order_id, line]
    store: {path: data/elsewhere}
""",
            "flows/shop/entities/items.yml": "mode: append\nfull_append: true\n",
        }
    )
    entities = {e.name: e for e in load(root).entities}
    assert list(entities) == ["users", "orders", "items"]
    assert entities["users"].store.config.path == "data/out/users"
    assert entities["orders"].store.config.path == "data/elsewhere"  # an entity's own is exact
    assert entities["orders"].settings.keys == ("order_id", "line")
    assert entities["items"].settings.mode == "append"


def test_layers(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": """
                defaults: {retries: 1, tags: [all], store: {type: parquet, path: data/out}}
                overrides:
                  "shop.tmp_*": {enabled: false, retries: 2}
                """,
            "flows/shop/flow.yml": """
                home: {type: parquet, path: data/in, batch_size: 7}
                batch_size: 100
                incremental: {column: updated_at, lag: 15m}
                tags: [flow]
                overrides:
                  tmp_big: {retries: 3}
                entities:
                  - users
                  - tmp_one
                  - name: tmp_big
                    retries: 4
                    incremental: {lag: 2d}
                  - name: whole
                    incremental: null
                    tags: null
                """,
        }
    )
    entities = {e.name: e for e in load(root).entities}
    assert {n: e.settings.retries for n, e in entities.items()} == {
        "users": 1, "tmp_one": 2, "tmp_big": 4, "whole": 1,
    }  # fmt: skip
    assert [n for n, e in entities.items() if not e.enabled] == ["tmp_one", "tmp_big"]
    assert entities["users"].tags == ("flow",)  # lists replace
    assert entities["users"].home.config.batch_size == 7  # its own, not the flow's
    big = entities["tmp_big"].settings.incremental
    assert big is not None
    assert (big.column, big.lag) == ("updated_at", "2d")
    assert entities["whole"].settings.incremental is None
    assert entities["whole"].tags == ()


@pytest.mark.parametrize(
    ("written", "policy"),
    [("null", "null"), ("~", "null"), ('"null"', "null"), ("fail", "fail"), ("", "fail")],
)
def test_null_is_a_word_of_on_bad_value(
    make_project: MakeProject, written: str, policy: str
) -> None:
    """With or without quotes, in any layer; nothing at all takes back what is set below."""
    flow = f"{FLOW}on_bad_value: quarantine\nentities:\n- name: a\n  on_bad_value: {written}\n"
    assert (
        only(
            load(make_project({"hygge.yml": "name: p\n", "flows/f/flow.yml": flow}))
        ).settings.on_bad_value
        == policy
    )
    default = f"defaults: {{on_bad_value: {written}}}\n"
    root = make_project({"hygge.yml": f"name: p\n{default}", "flows/f/flow.yml": FLOW})
    assert only(load(root)).settings.on_bad_value == policy


def test_another_type_in_an_entity_starts_afresh(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": "",
            "flows/shop/flow.yml": FLOW
            + """
entities:
  - name: users
    home: {type: sqlite, path: shop.db}
""",
        }
    )
    users = only(load(root))
    assert (users.home.type, users.home.config.path, users.home.config.table) == (
        "sqlite", "shop.db", "users",
    )  # fmt: skip


def test_templates_name_places(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": """
                environment: dev
                environments:
                  dev: {folder: data/dev, n: 3}
                  prod: {folder: /srv}
                """,
            "flows/shop/flow.yml": """
                home: {type: sqlite, path: "{env.folder}/shop.db"}
                store: {type: parquet, path: "{env.folder}/{run_date}/{flow}/{schema}/{table}"}
                entities:
                  - name: users
                    home: {table: main.Users}
                """,
        }
    )
    users = only(load(root, run_date=date(2026, 1, 31)))
    assert users.store.config.path == "data/dev/2026-01-31/shop/main/Users"
    assert only(load(root, env="prod")).home.config.path == "/srv/shop.db"


def test_which_environment_holds(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project(
        {
            "hygge.yml": "environment: a\nenvironments: {a: {}, b: {}, c: {}, d: {}}\n",
            ".env": "HYGGE_ENV=b\n",
        }
    )
    assert load(root).env == "b"
    monkeypatch.setenv("HYGGE_ENV", "c")
    assert load(root).env == "c"
    assert load(root, env="d").env == "d"
    monkeypatch.setenv("HYGGE_ENV", "")
    assert load(root).env == "a"


def test_dotenv_fills_but_does_not_override(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUT_FOLDER", "set/before")
    root = make_project(
        {
            "hygge.yml": "",
            ".env": "IN_FOLDER=from/dotenv\nOUT_FOLDER=not/this\nROWS=50\n",
            "flows/shop/flow.yml": """
                home: {type: parquet, path: "${IN_FOLDER}"}
                store: {type: parquet, path: "${OUT_FOLDER}/x"}
                batch_size: ${ROWS}
                """,
        }
    )
    entity = only(load(root))
    assert entity.home.config.path == "from/dotenv"
    assert entity.store.config.path == "set/before/x"
    assert entity.settings.batch_size == 50


def test_a_secret_is_carried_as_written(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "correct horse")
    root = make_project(
        {
            "hygge.yml": """
                environment: dev
                environments: {dev: {who: "reader:${SHOP_PASSWORD}"}}
                connections:
                  shop: {type: sql, url: "postgresql://{env.who}@db/shop"}
                """
        }
    )
    project = load(root)
    url = project.connections["shop"].url
    assert url.written == "postgresql://reader:${SHOP_PASSWORD}@db/shop"
    assert url.reveal() == "postgresql://reader:correct horse@db/shop"
    assert project.warnings[0].message.startswith("there are no flows") or not project.warnings
    assert "correct horse" not in repr(project)
    assert redact("correct horse") == "***"


def test_a_project_is_found_from_below(make_project: MakeProject) -> None:
    root = make_project({"hygge.yaml": "", "flows/shop/flow.yml": FLOW})
    assert find_project(root / "flows" / "shop") == root
    assert load_project(root / "flows" / "shop" / "flow.yml").file == root / "hygge.yaml"


def test_where_there_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no hygge\.yml in .*\n  hint: `hygge init"):
        find_project(tmp_path)
    with pytest.raises(ConfigError, match="there is no file"):
        load_project(config_path=tmp_path / "custom_config.yml")
    (tmp_path / "hygge.yml").touch()
    (tmp_path / "hygge.yaml").touch()
    with pytest.raises(ConfigError, match="side by side"):
        find_project(tmp_path)


def test_flows_dir_by_another_name(make_project: MakeProject) -> None:
    root = make_project({"hygge.yml": "flows_dir: pipelines\n", "pipelines/shop/flow.yml": FLOW})
    project = load(root)
    assert project.flows_dir == root / "pipelines"
    assert only(project).name == "shop"


def test_check_raises_every_error(make_project: MakeProject) -> None:
    root = make_project({"hygge.yml": "nmae: x\nconcurrency: 0\n"})
    with pytest.raises(ConfigError) as error:
        load_project(root).check()
    assert [p.location.line for p in error.value.problems if p.location] == [1, 2]


def test_an_address_that_is_none_is_taken_for_a_name_and_shows_no_password(
    make_project: MakeProject,
) -> None:
    root = make_project({"hygge.yml": """
flows:
  f:
    home: {type: sql, connection: "shop:hunter2@db/shop", table: t}
    store: {type: parquet, path: out}
"""})  # fmt: skip
    with pytest.raises(ConfigError, match=r"no connection '\*\*\*@db/shop'") as error:
        load_project(root).check()
    assert "hunter2" not in str(error.value)


def test_project_settings_survive_other_errors(make_project: MakeProject) -> None:
    root = make_project(
        {
            "hygge.yml": "concurrency: 3\njournal: {url: 'sqlite:///j.db'}\n"
            "defaults: {incremental: {lag: 1h}}\nfoo: 1\n"
        }
    )
    project = load_project(root)
    assert project.concurrency == 3
    assert project.journal.url is not None


def test_the_fingerprint_follows_what_is_written(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = "home: {type: parquet, path: '${IN}'}\nstore: {type: parquet, path: out}\n"
    monkeypatch.setenv("IN", "a")
    root = make_project({"hygge.yml": "", "flows/shop/flow.yml": flow})
    before = only(load(root)).fingerprint
    monkeypatch.setenv("IN", "b")
    assert only(load(root)).fingerprint == before
    (root / "flows/shop/flow.yml").write_text(flow + "mode: append\nfull_append: true\n")
    assert only(load(root)).fingerprint != before


def test_two_hundred_entity_files_load_quickly(make_project: MakeProject) -> None:
    entity = (
        "columns: [id, name, email]\nkey_column: id\ntags: [nightly]\nhome: {batch_size: 5000}\n"
    )
    files = {f"flows/shop/entities/table_{n:03}.yml": entity for n in range(200)}
    root = make_project(
        {"hygge.yml": "defaults: {retries: 2}\n", "flows/shop/flow.yml": FLOW} | files
    )
    load(root)
    began = time.process_time()  # of this process alone, however busy the machine is
    assert len(load(root).entities) == 200
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n"])
def test_an_empty_file_is_not_the_project_beside_it(make_project: MakeProject, text: str) -> None:
    root = make_project({"hygge.yml": "", "flows/a/flow.yml": FLOW, "other.yml": text})
    assert len(load(root).entities) == 1
    project = load_project(config_path=root / "other.yml")
    assert [p.message for p in project.errors] == ["this file is empty"]
    assert project.entities == ()
