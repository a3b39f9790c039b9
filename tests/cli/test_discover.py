"""`hygge discover`: what it writes, shows and refuses."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.support import hygge
from tests.servers import Database

from hygge.cli.sample import write_sqlite
from hygge.project import load_project
from hygge.sql.postgres.wire.link import WireLink
from hygge.sql.sqlite.access import Database as SQLiteDatabase

DATA = os.environ.get("HYGGE_TEST_DATA")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a connection to the demo's shop."""
    write_sqlite(tmp_path / "shop.db")
    (tmp_path / "hygge.yml").write_text(
        "name: test\nconnections:\n  shop: {type: sqlite, path: shop.db}\n"
    )
    return tmp_path


def sql(root: Path, text: str) -> None:
    with closing(sqlite3.connect(root / "shop.db")) as db, db:
        db.executescript(text)


def files(root: Path) -> str:
    """Every file of the flow, as one text."""
    flow = root / "flows" / "shop"
    paths = sorted(p for p in flow.rglob("*") if p.is_file())
    return "\n".join(f"==> {p.relative_to(flow)}\n{p.read_text()}" for p in paths)


def test_a_flow_is_written_and_moves(shop: Path, snapshot: SnapshotAssertion) -> None:
    assert hygge("discover", "shop", cwd=shop).text == snapshot
    assert files(shop) == snapshot
    hygge("go", "--quiet", cwd=shop)
    moved = pl.read_parquet(shop / "data" / "shop" / "orders" / "*.parquet")
    assert moved.height == 2000
    assert moved.columns == ["id", "user_id", "ordered_at", "status", "total", "note"]


def test_again_there_is_nothing_to_write(shop: Path) -> None:
    hygge("discover", "shop", cwd=shop)
    before = files(shop)
    assert "nothing to write" in hygge("discover", "shop", "--check", cwd=shop).out
    hygge("discover", "shop", cwd=shop)
    assert files(shop) == before


def test_changes_are_shown_and_edit_only_their_lines(
    shop: Path, snapshot: SnapshotAssertion
) -> None:
    hygge("discover", "shop", cwd=shop)
    users = shop / "flows" / "shop" / "entities" / "users.yml"
    users.write_text(
        users.read_text().replace("# VARCHAR(120)", "# VARCHAR(120); never to the lake")
    )
    sql(shop, """
        ALTER TABLE orders ADD COLUMN channel VARCHAR(8) NOT NULL DEFAULT 'web';
        ALTER TABLE users DROP COLUMN newsletter;
        ALTER TABLE users DROP COLUMN email;
        ALTER TABLE users ADD COLUMN phone TEXT;
        DROP TABLE order_items;
        CREATE TABLE returns (id INTEGER PRIMARY KEY, updated_at DATETIME NOT NULL);
    """)  # fmt: skip
    before = files(shop)
    assert hygge("discover", "shop", "--check", cwd=shop, code=1).text == snapshot
    assert hygge("discover", "shop", "--dry-run", cwd=shop).out
    assert files(shop) == before
    assert hygge("discover", "shop", cwd=shop).text == snapshot
    assert files(shop) == snapshot
    left = hygge("discover", "shop", "--check", cwd=shop, code=1)
    assert "nothing to write, 1 to do by hand" in left.out
    (shop / "flows" / "shop" / "entities" / "order_items.yml").unlink()
    hygge("discover", "shop", "--check", cwd=shop)


def test_what_a_person_deleted_or_wrote_stays(shop: Path) -> None:
    entities = shop / "flows" / "shop" / "entities"
    entities.mkdir(parents=True)
    (entities / "people.yml").write_text("home: {table: users}\ncolumns: [id, name]\n")
    hygge("discover", "shop", cwd=shop)
    assert not (entities / "users.yml").exists()
    (entities / "products.yml").unlink()
    done = hygge("discover", "shop", "--check", cwd=shop)
    assert "1 left out, whose file was deleted" in done.out
    assert (entities / "people.yml").read_text() == "home: {table: users}\ncolumns: [id, name]\n"
    sql(shop, "ALTER TABLE users ADD COLUMN phone TEXT")
    told = hygge("discover", "shop", "--check", cwd=shop, code=1)
    assert "people.yml: add 'phone' to its `columns` by hand: TEXT" in told.out


def test_tables_are_chosen_and_stay_chosen(shop: Path) -> None:
    hygge("discover", "shop", "--include", "order*", "--exclude", "*items", cwd=shop)
    entities = shop / "flows" / "shop" / "entities"
    assert [p.name for p in entities.iterdir()] == ["orders.yml"]
    assert "1 table of shop" in hygge("discover", "shop", "--check", cwd=shop).out
    hygge("discover", "shop", "--include", "*", cwd=shop)
    assert len(list(entities.iterdir())) == 4
    done = hygge("discover", "shop", "--flow", "other", "--schema", "nowhere", cwd=shop)
    assert "'nowhere' matches no table of shop" in done.out


def test_dbt_sources_are_printed_and_nothing_written(
    shop: Path, snapshot: SnapshotAssertion
) -> None:
    assert hygge("discover", "shop", "--dbt-sources", cwd=shop).out == snapshot
    assert not (shop / "flows").exists()
    hygge("discover", "shop", cwd=shop)
    orders = shop / "flows" / "shop" / "entities" / "orders.yml"
    orders.write_text(orders.read_text() + "rename: {id: order_id}\n")
    said = hygge("discover", "shop", "--dbt-sources", cwd=shop).out
    assert "- name: order_id\n            data_tests: [unique, not_null]" in said


def test_files_and_urls_need_no_connection(shop: Path) -> None:
    with duckdb.connect(str(shop / "lake.duckdb")) as db:
        db.execute("CREATE SCHEMA raw; CREATE SEQUENCE s")
        db.execute("CREATE TABLE raw.visits (id BIGINT PRIMARY KEY DEFAULT nextval('s'), day DATE)")
    hygge("discover", "lake.duckdb", cwd=shop)
    flow = shop / "flows" / "lake"
    assert "home: {type: duckdb, path: lake.duckdb}" in (flow / "flow.yml").read_text()
    entity = (flow / "entities" / "visits.yml").read_text()
    assert "home: {table: visits, schema: raw}" in entity
    assert "- id  # BIGINT, key" in entity
    hygge("discover", "sqlite:///shop.db", cwd=shop)
    assert "path: shop.db" in (shop / "flows" / "shop" / "flow.yml").read_text()
    hygge("go", "--quiet", cwd=shop)


def test_awkward_names_are_safe_and_move(tmp_path: Path) -> None:
    (tmp_path / "hygge.yml").write_text("connections: {shop: {type: sqlite, path: shop.db}}\n")
    names = ["a/b", "con", "..", "Ærø", "{x}", "${y}", "a.b", "x y", "x_Y", "n" * 200, "null"]
    for name in names:
        sql(tmp_path, f'CREATE TABLE "{name}" ("a: b" INTEGER, "{{z}}" TEXT, "${{v}}" TEXT)')
        sql(tmp_path, f"INSERT INTO \"{name}\" VALUES (1, 'one', 'two')")
    hygge("discover", "shop", cwd=tmp_path)
    hygge("discover", "shop", "--check", cwd=tmp_path)
    project = load_project(tmp_path)
    assert not project.problems
    hygge("go", "--quiet", cwd=tmp_path)
    for spec in project.entities:
        moved = pl.read_parquet(tmp_path / "data" / "shop" / spec.name / "*.parquet")
        assert moved.rows() == [(1, "one", "two")]
    assert len(project.entities) == len(names)


def test_a_view_that_works_no_longer_is_written_without_columns(shop: Path) -> None:
    sql(shop, "CREATE VIEW broken AS SELECT nope FROM nowhere; CREATE VIEW well AS SELECT 1 AS one")
    hygge("discover", "shop", cwd=shop)
    entities = shop / "flows" / "shop" / "entities"
    assert "columns of this view could not be found" in (entities / "broken.yml").read_text()
    assert "- one" in (entities / "well.yml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ship"], "there is no connection 'ship', and it is no URL and no database file"),
        (["shop", "--flow", "a.b"], "'a.b' cannot be a flow's name"),
        (["gone.db"], "gone.db"),
        (["sqlite:///"], "path"),
    ],
)
def test_refusals(shop: Path, arguments: list[str], said: str) -> None:
    done = hygge("discover", *arguments, cwd=shop, code=None)
    assert done.code in (1, 2)
    assert said in done.err
    assert not (shop / "flows").exists()


def test_a_flow_of_another_source_or_in_the_projects_file_is_refused(shop: Path) -> None:
    hygge("discover", "shop", "--flow", "mine", cwd=shop)
    done = hygge("discover", "shop.db", "--flow", "mine", cwd=shop, code=2)
    assert "was discovered from shop, not from shop.db" in done.err
    (shop / "hygge.yml").write_text("flows: {shop: {home: {type: csv}, store: {type: csv}}}\n")
    done = hygge("discover", "shop.db", "--flow", "shop", cwd=shop, code=2)
    assert "is written in hygge.yml itself" in done.err


def test_a_damaged_record_says_what_to_do(shop: Path) -> None:
    hygge("discover", "shop", cwd=shop)
    record = shop / "flows" / "shop" / "discovered.json"
    known = json.loads(record.read_text())
    record.write_text(json.dumps({**known, "format_version": 99}))
    assert "newer hygge" in hygge("discover", "shop", cwd=shop, code=2).err
    record.write_text("{")
    done = hygge("discover", "shop", cwd=shop, code=2)
    assert "is damaged" in done.err
    assert "version control" in done.err
    record.unlink()
    hygge("discover", "shop", "--check", cwd=shop)


def test_a_secret_in_a_url_is_written_as_a_reference(shop: Path) -> None:
    from hygge.project.discovery.source import source_of

    source = source_of("postgresql://ida:hemmelig@db.example.com/crm", {}, shop)
    assert source.written == {"url": "${CRM_URL}"}
    assert "hemmelig" not in source.label
    assert source.name == "crm"
    plain = source_of("postgresql://db.example.com/crm?sslmode=require", {}, shop)
    assert plain.written == plain.settings
    assert not plain.variable


def test_a_variable_is_of_one_url_alone() -> None:
    from hygge.project.discovery.source import free_variable

    url, other = "mysql://ida:secret@one/Chinook", "postgresql://ida:secret@two/chinook"
    assert free_variable("chinook", url, {}, ["name: x"]) == "CHINOOK_URL"
    assert free_variable("chinook", url, {"CHINOOK_URL": url}, ["${CHINOOK_URL}"]) == "CHINOOK_URL"
    assert free_variable("chinook", other, {"CHINOOK_URL": url}, []) == "CHINOOK_URL_2"
    spoken = ["home: {url: '${CHINOOK_URL}'}", "${CHINOOK_URL_2:-none}"]
    assert free_variable("chinook", other, {}, spoken) == "CHINOOK_URL_3"


def test_a_flow_whose_name_differs_in_case_alone_is_refused(shop: Path) -> None:
    hygge("discover", "shop", "--flow", "Chinook", cwd=shop)
    done = hygge("discover", "shop", "--flow", "chinook", cwd=shop, code=2)
    assert "there is the flow 'Chinook' already" in done.err
    assert "'chinook' differs from it in case alone" in done.err
    assert [f.name for f in (shop / "flows").iterdir()] == ["Chinook"]
    hygge("discover", "shop", "--flow", "Chinook", "--check", cwd=shop)

    flow = shop / "flows" / "Chinook" / "flow.yml"
    flow.write_text(flow.read_text().replace("name: Chinook", "name: Music"))
    hygge("discover", "shop", "--flow", "music", cwd=shop, code=2)
    (shop / "hygge.yml").write_text(
        (shop / "hygge.yml").read_text() + "\nflows: {Inline: {home: {}, store: {}}}\n"
    )
    hygge("discover", "shop", "--flow", "inline", cwd=shop, code=2)
    hygge("discover", "shop", "--flow", "another", cwd=shop)


def test_a_thousand_tables_take_a_handful_of_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hygge.yml").write_text("name: many\n")
    tables = (f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT);" for n in range(1000))
    sql(tmp_path, "BEGIN;" + "".join(tables) + "COMMIT;")
    asked: list[str] = []
    ask = SQLiteDatabase.rows
    monkeypatch.setattr(
        SQLiteDatabase, "rows", lambda self, sql: asked.append(sql) or ask(self, sql)
    )
    done = hygge("discover", "shop.db", cwd=tmp_path)
    assert "1000 tables" in done.out or "1,000 tables" in done.out
    assert "... and 961 more" in done.out
    assert len(list((tmp_path / "flows" / "shop" / "entities").iterdir())) == 1000
    assert len(asked) <= 5


def test_a_thousand_tables_of_postgresql_take_as_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Database
) -> None:
    postgres.execute(
        "".join(
            f"CREATE TABLE t{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
            "name varchar(9) NOT NULL, at timestamptz);"
            for n in range(1000)
        )
        + "CREATE TABLE s (n serial, updated_at timestamp NOT NULL, PRIMARY KEY (n));"
    )
    (tmp_path / "hygge.yml").write_text(
        f"connections: {{crm: {{type: postgres, url: '{postgres.url}'}}}}\n"
    )
    asked: list[str] = []
    ask = WireLink.rows
    monkeypatch.setattr(WireLink, "rows", lambda self, sql: asked.append(sql) or ask(self, sql))
    hygge("discover", "crm", cwd=tmp_path)
    entities = tmp_path / "flows" / "crm" / "entities"
    assert len(list(entities.iterdir())) == 1001
    assert len(asked) <= 8  # the catalogue once; the rest is the clock and the snapshot
    assert (
        "incremental: {column: id}  # if rows are only added" in (entities / "t7.yml").read_text()
    )
    assert "incremental: {column: updated_at, lag: 15m}" in (entities / "s.yml").read_text()
    hygge("discover", "crm", "--check", cwd=tmp_path)


def test_what_a_server_numbers_new_rows_by_is_proposed(
    tmp_path: Path, postgres: Database, mysql: Database
) -> None:
    postgres.execute("CREATE TABLE visits (place text PRIMARY KEY, number bigserial)")
    mysql.execute(
        "CREATE TABLE visits (place varchar(9) PRIMARY KEY, number bigint AUTO_INCREMENT UNIQUE)"
    )
    (tmp_path / "hygge.yml").write_text(
        f"connections:\n  pg: {{type: postgres, url: '{postgres.url}'}}\n"
        f"  my: {{type: mysql, url: '{mysql.url}'}}\n"
    )
    for name in ("pg", "my"):
        hygge("discover", name, cwd=tmp_path)
        entity = (tmp_path / "flows" / name / "entities" / "visits.yml").read_text()
        assert "# mode: append\n# incremental: {column: number}" in entity
        assert "key_column: place" in entity
        hygge("discover", name, "--check", cwd=tmp_path)


@pytest.mark.skipif(DATA is None, reason="needs HYGGE_TEST_DATA")
def test_chinook(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    base = Path(str(DATA)) / "chinook" / "Chinook_Sqlite.sqlite"
    (tmp_path / "shop.db").write_bytes(base.read_bytes())
    (tmp_path / "hygge.yml").write_text("name: chinook\n")
    assert hygge("discover", "shop.db", cwd=tmp_path).text == snapshot
    sql(tmp_path, "ALTER TABLE Track ADD COLUMN Mood NVARCHAR(40)")
    assert hygge("discover", "shop.db", "--check", cwd=tmp_path, code=1).text == snapshot
    hygge("go", "--quiet", cwd=tmp_path)
