"""Broken projects, and what their owners are told: each text is looked at as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.project.conftest import MakeProject

from hygge.project import load_project

HOME = "home: {type: parquet, path: data/in}\n"
STORE = "store: {type: parquet, path: data/out}\n"
FLOW = HOME + STORE


def one_flow(flow: str, project: str = "name: shop\n", **more: str) -> dict[str, str]:
    files = {"hygge.yml": project, "flows/shop/flow.yml": flow}
    return files | {name.replace("__", "/") + ".yml": text for name, text in more.items()}


GALLERY: dict[str, dict[str, str]] = {
    "nothing in it": {"hygge.yml": ""},
    "unknown keys, near and far": one_flow(
        HOME + "stroe: {type: parquet}\nbatchsize: 10\nfrobnicate: 1\n",
        "name: shop\nconections: {}\n",
    ),
    "a flow's setting in its home": one_flow(
        "home: {type: sqlite, path: a.db, table: t, chunks: auto}\n" + STORE
    ),
    "a flow's own settings in its home and store": one_flow(
        'home: {type: sqlite, path: a.db, tables: "*"}\n'
        "store: {type: parquet, path: data/out, entities: [a]}\n"
    ),
    "settings of other levels, which win over a near miss": one_flow(
        "home: {type: sqlite, path: a.db}\n" + STORE + "table: t\nconcurrency: 2\n"
        "entities:\n  - name: a\n    tables: [x]\n",
        "name: shop\nentities: [a]\nretries: 2\n"
        "flows:\n  two:\n    home: {type: sqlite, path: b.db}\n    table: t\n"
        "    store: {type: parquet, path: data/two}\n    incremental: {mode: merge}\n",
    ),
    "drivers that there are not": one_flow(
        "home: {type: sql, url: 'postgresql+foo://db/shop', table: t}\n" + STORE,
        "name: shop\nconnections:\n  w: {type: sql, url: 'mssql+foo://db/w'}\n"
        "  v: {type: sql, url: 'nonsense+foo://db/w'}\n"
        "  u: {type: sql, url: '${SCHEME}+foo://db/w'}\n",
    ),
    "unknown setting of a connector": one_flow(
        HOME + "store: {type: parquet, path: data/out, compresion: zstd}\n"
    ),
    "unknown type": one_flow(HOME + "store: {type: parqet, path: data/out}\n"),
    "no type": one_flow("home: {path: data/in}\n" + STORE),
    "no home": one_flow(STORE),
    "no store, told once for all entities": one_flow(HOME + "entities: [a, b, c]\n"),
    "home is a text": one_flow("home: data/in\n" + STORE),
    "wrong kinds of value": one_flow(
        FLOW
        + "batch_size: ten\nenabled: maybe\ncolumns: id\nretries: -1\nmode: repalce\n"
        + "incremental: updated_at\ntags: [1, two]\nchunks: many\nmax_shrink: 90\n"
    ),
    "wrong values": one_flow(
        FLOW
        + "columns: [id, name, id]\nrename: {a: x, b: x}\ncast: {price: decmal}\n"
        + "incremental: {column: id, lag: soon, timezone: Mars/Olympus}\n"
    ),
    "incremental without its column": one_flow(FLOW + "incremental: {lag: 15m}\n"),
    "one mistake in defaults, told once": one_flow(
        FLOW + "defaults: {mode: upsert}\nentities: [a, b, c]\n"
    ),
    "connection misspelt": one_flow(
        "home: {type: sqlite, connection: shopp}\n" + STORE,
        "connections:\n  shop: {type: sqlite, path: shop.db}\n",
    ),
    "connection misspelt, and more": one_flow(
        "home: {type: sqlite, connection: shopp, tabel: users}\n" + STORE,
        "connections:\n  shop: {type: sqlite, path: shop.db}\n",
    ),
    "a mistake of an inline flow, told once": {
        "hygge.yml": "flows:\n  shop:\n    home: {type: parquet, path: in}\n"
        "    store: {type: parquet, path: out}\n    incremental: {colum: id}\n"
    },
    "a URL that is none, of a flow with a telling name": {
        "flows/password_resets/flow.yml": "home:\n  type: postgres\n  url: localhost/x\n" + STORE,
        "hygge.yml": "",
    },
    "a connection's settings in a home and a store": one_flow(
        "home: {type: postgres, server: db, port: 5433, database: shop, password: Zq7secretXj9}\n"
        "store: {type: mssql, host: '${NO_SUCH_HOST:-w}', db: w, connection: wh}\n"
    ),
    "a database that is a file": one_flow("home: {type: duckdb, database: a.duckdb}\n" + STORE),
    "a bucket's settings in a store": one_flow(
        HOME + "store: {type: delta, path: 's3://b/x', aws_region: eu-west-1, secret_key: Zq7Xj9}\n"
    ),
    "home and store by the names of others": one_flow(
        "source: {type: sqlite, path: a.db}\nsink: {type: parquet, path: out}\n",
        "defaults: {destination: {type: parquet, path: out}}\n",
    ),
    "settings of a connection by the names of others": {
        "hygge.yml": "connections:\n"
        "  db: {type: postgres, hostname: h, dbname: d, pwd: '${X:-x}'}\n"
        "  ms: {type: mssql, host: h, username: u, database: d}\n"
    },
    "a connection that is wrong, told once": one_flow(
        "home: {type: postgres, connection: db}\n" + STORE + "entities: [a, b]\n",
        "connections:\n  db: {type: postgres, host: h, database: d, tunnel: {hots: b}}\n"
        "flows:\n  two:\n    home: {type: parquet, path: in}\n"
        "    store: {type: postgres, connection: db, tabel: t}\n"
        "  three:\n    home: {type: postgres, table: t}\n"
        "    store: {type: parquet, path: out}\n"
        "  four:\n    home: {type: postgres, connection: db}\n    tables: ['*']\n"
        "    store: {type: parquet, path: out4}\n",
    ),
    "credentials in the address of a bucket": one_flow(
        "home: {type: parquet, path: 's3://AKIA:Zq7/secretXj9@b/x'}\n"
        "store: {type: parquet, path: 'gs://Zq7secretXj9@b/x'}\n",
        "connections:\n  lake: {type: s3, url: 's3://AKIA:Zq7secretXj9@lake'}\n"
        "flows:\n  two:\n    home: {type: csv, path: 'sftp://u:Zq7secretXj9@h/x'}\n"
        "    store: {type: delta, path: 'abfss://c:Zq7secretXj9@a.dfs.core.windows.net/x'}\n",
    ),
    "no connections at all": one_flow("home: {type: sqlite, connection: shop}\n" + STORE),
    "connections that are wrong": {
        "hygge.yml": """
            connections:
              one: {type: sqlit, path: a.db}
              two: {type: sqlite}
              three: {path: a.db}
              four: shop.db
            """
    },
    "sqlite needs a path or a connection": one_flow("home: {type: sqlite}\n" + STORE),
    "environment misspelt": one_flow(
        FLOW, "environment: prd\nenvironments: {dev: {a: 1}, prod: {a: 2}}\n"
    ),
    "environment value unknown, or none chosen": one_flow(
        "home: {type: parquet, path: '{env.folder}/in'}\n"
        "store: {type: parquet, path: '{env.foldr}/out'}\n",
        "environments: {dev: {folder: data}}\n",
    ),
    "template names unknown": one_flow(
        "home: {type: parquet, path: 'data/{entty}'}\n"
        "store: {type: parquet, path: 'data/{schema}/{today}'}\n"
    ),
    "variables missing and malformed": one_flow(
        "home: {type: parquet, path: '${NO_SUCH_FOLDER}/in'}\n"
        "store: {type: parquet, path: '${1ST}/out'}\nbatch_size: ${NO_SUCH_SIZE}\n"
    ),
    "unquoted brace": one_flow("home: {type: parquet, path: {entity}}\n" + STORE),
    "unquoted variable": one_flow("home: {type: sql, url: pg://u:${PW}@h/d}\n" + STORE),
    "unquoted brace with more": one_flow("home:\n  type: parquet\n  path: {entity}/x\n" + STORE),
    "unquoted patterns": one_flow(FLOW + "tables: [main.*, !main.tmp_*]\n"),
    "entities in one place": one_flow(
        FLOW
        + """
entities:
  - users
  - name: people
    store: {path: data/out/users}
  - name: elsewhere
    store: {path: data/out/users/deeper}
"""
    ),
    "settling where it comes from": one_flow(
        HOME + "store: {type: parquet, path: ./data/in}\nentities: [users]\n"
    ),
    "lines in .env that are none": {".env": "A=1\nB='open\nC D\n", "hygge.yml": "name: ${A}\n"},
    "entities that differ by case": one_flow(FLOW + "entities: [Users, users]\n"),
    "entity twice, in list and folder": one_flow(
        FLOW + "entities: [users]\n", flows__shop__entities__users="columns: [id]\n"
    ),
    "names that reach outside": one_flow(
        FLOW + 'entities: ["../x", a/b, ".hidden", "nul", "x ", "tab\\there", "a:b", ""]\n'
    ),
    "entities without names": one_flow(FLOW + "entities:\n  - columns: [id]\n  - 2024\n  - [a]\n"),
    "no entities left": one_flow(FLOW + "entities:\n"),
    "flows of one name": {
        "hygge.yml": "flows:\n  shop:\n    home: {type: parquet, path: a}\n"
        "    store: {type: parquet, path: b}\n",
        "flows/shop/flow.yml": "home: {type: parquet, path: a}\nstore: {type: parquet, path: c}\n",
    },
    "flow with a dot": {"hygge.yml": "flows:\n  a.b:\n    name: c.d\n"},
    "setting given in flow and its defaults": one_flow(
        FLOW + "mode: replace\ndefaults:\n  mode: append\n  home: {path: data/other}\n"
    ),
    "overrides that match nothing": one_flow(
        FLOW + "overrides:\n  tmp_*: {enabled: false}\nentities: [a]\n",
        "overrides:\n  shp.*: {retries: 1}\n",
    ),
    "secrets in plain text": {
        "hygge.yml": """
            connections:
              shop: {type: sql, url: "postgresql://reader:hunter2hunter2@db/shop"}
              open: {type: sql, url: "sqlite:///shop.db"}
            journal: {url: "postgresql://reader:hunter2hunter2@db/shop"}
            """
    },
    "keys given twice": one_flow(FLOW + "mode: replace\nmode: append\n"),
    "a tab": one_flow("home:\n\ttype: parquet\n" + STORE),
    "a quotation mark not closed": one_flow('name: "shop\n' + FLOW),
    "two colons": one_flow("name: shop: two\n" + FLOW),
    "indentation": one_flow("home:\n  type: parquet\n path: data\n" + STORE),
    "merge keys and anchors": one_flow("defaults: &d {mode: replace}\n<<: *d\n" + FLOW),
    "a tag": one_flow("home: !!python/object:os.system {type: parquet}\n" + STORE),
    "two documents": one_flow(FLOW + "---\n" + FLOW),
    "a list where settings belong": one_flow("- home\n- store\n"),
    "flows folder gone": {"hygge.yml": "flows_dir: pipelines\n"},
    "folders that are no flows": {
        "hygge.yml": "",
        "flows/empty/readme.txt": "",
        "flows/_left/readme.txt": "",
    },
    "own connectors that fail": {
        "hygge.yml": "",
        "homes/broken.py": "def read(:\n",
        "homes/raising.py": "import hygge\n\n1 / 0\n",
        "stores/lacking.py": "import no_such_package_anywhere\n",
        "stores/taken.py": "from hygge import Store\n\nclass ParquetStore(Store):\n    pass\n",
    },
}


def told(root: Path) -> str:
    """All problems as they are printed, whatever folder the project lies in."""
    problems = load_project(root).problems
    text = "\n".join(f"[{p.severity}] {p}" for p in problems)
    text = text.replace(str(root), "<project>")
    return re.sub(r"known types: .*", "known types: ...", text)


@pytest.mark.parametrize("name", GALLERY)
def test_what_is_told(name: str, make_project: MakeProject, snapshot: SnapshotAssertion) -> None:
    assert told(make_project(GALLERY[name])) == snapshot
