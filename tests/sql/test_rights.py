"""Users that may read and not write are told so before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.support import hygge
from tests.servers import Database

from hygge import MySQLStore, PostgresHome, PostgresStore, SQLStore, Store
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConnectError
from hygge.testing._store_base import some_rows
from hygge.testing.loading import load_frames

PASSWORD = "quiet"


def as_reader(database: Database, scheme: str) -> str:
    return (
        f"{scheme}://reader_{database.database}:{PASSWORD}@{database.host}:{database.port}/"
        f"{database.database}"
    )


def rehearse(store: Store) -> None:
    with store.bind(Surroundings()).open(Context()) as session:
        session.rehearse("append")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_postgres(postgres: Database, scheme: str) -> None:
    user = f"reader_{postgres.database}"
    postgres.execute(
        f"CREATE USER {user} PASSWORD '{PASSWORD}'; CREATE TABLE t (k bigint, v text); "
        f"GRANT SELECT ON t TO {user}; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    try:
        store = SQLStore("t", url=as_reader(postgres, scheme))
        with pytest.raises(ConnectError, match=f"'{user}' may not load it") as caught:
            rehearse(store)
        hint = caught.value.hint or ""
        assert f'GRANT CREATE, USAGE ON SCHEMA "public" TO "{user}"' in hint
        assert f'GRANT SELECT, INSERT ON "t" TO "{user}"' in hint
        with pytest.raises(ConnectError, match="may not load it"):
            load_frames(store.bind(Surroundings()), [some_rows(0, 3)], "append")
        postgres.execute(
            f"GRANT CREATE, USAGE ON SCHEMA public TO {user}; GRANT SELECT, INSERT ON t TO {user}"
        )
        rehearse(store)
        load_frames(store.bind(Surroundings()), [some_rows(0, 3)], "append")
        with pytest.raises(ConnectError, match="takes no changes"):
            rehearse(PostgresStore("t", url=as_reader(postgres, "postgresql")
                                   + "?options=-cdefault_transaction_read_only%3Don"))  # fmt: skip
    finally:
        postgres.execute(f"DROP OWNED BY {user}; DROP USER {user}")


def test_rows_that_policies_hide_are_not_taken_for_gone(postgres: Database) -> None:
    user = f"reader_{postgres.database}"
    postgres.execute(
        f"CREATE USER {user} PASSWORD '{PASSWORD}'; GRANT CREATE, USAGE ON SCHEMA public TO {user}"
    )
    try:
        store = PostgresStore("t", url=as_reader(postgres, "postgresql")).bind(Surroundings())
        load_frames(store, [some_rows(0, 3)], "delete_insert", ("k",))
        postgres.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY; "
                         "CREATE POLICY few ON t USING (k < 2) WITH CHECK (true)")  # fmt: skip
        load_frames(store, [some_rows(0, 3)], "delete_insert", ("k",))  # its owner sees all
        postgres.execute("ALTER TABLE t FORCE ROW LEVEL SECURITY")
        with pytest.raises(ConnectError, match="row security may hide rows") as caught:
            load_frames(store, [some_rows(0, 3)], "delete_insert", ("k",))
        assert "BYPASSRLS" in (caught.value.hint or "")
        for url, told in ((as_reader(postgres, "postgresql"), 1), (postgres.url, 0)):
            notes: list[str] = []
            context = Context(note=lambda message, severity, notes=notes: notes.append(message))
            with PostgresHome("t", url=url).bind(Surroundings()).open(context) as reading:
                assert reading.schema().names == ["k", "v"]
            assert len([n for n in notes if "row security may hide" in n]) == told
        assert postgres.execute("SELECT count(*) FROM t").strip() == "3"
    finally:
        postgres.execute(f"DROP OWNED BY {user}; DROP USER {user}")


def test_mysql(mysql: Database) -> None:
    user = f"reader_{mysql.database}"
    mysql.execute(
        f"CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}'; CREATE TABLE t (k bigint, v text); "
        f"GRANT SELECT ON `{mysql.database}`.* TO {user}@'%'"
    )
    try:
        store = MySQLStore("t", url=as_reader(mysql, "mysql"))
        with pytest.raises(ConnectError, match="may not INSERT, UPDATE, DELETE") as caught:
            rehearse(store)
        assert f"ON `{mysql.database}`.* TO '{user}'@'%'" in (caught.value.hint or "")
        mysql.execute((caught.value.hint or "").partition("hint: ")[2] or str(caught.value.hint))
        rehearse(store)
        mysql.execute("SET GLOBAL read_only = 1")
        with pytest.raises(ConnectError, match="takes no changes"):
            rehearse(store)
    finally:
        mysql.execute(f"SET GLOBAL read_only = 0; DROP USER {user}@'%'")


def test_a_dry_run_says_so(postgres: Database, tmp_path: Path) -> None:
    """Not only a run that moves: `hygge go --dry-run --connect` asks the destination too."""
    user = f"reader_{postgres.database}"
    postgres.execute(
        f"CREATE USER {user} PASSWORD '{PASSWORD}'; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    (tmp_path / "rows.csv").write_text("k\n1\n")
    (tmp_path / "hygge.yml").write_text(
        "flows:\n  rows:\n    home: {type: csv, path: rows.csv}\n"
        f"    store: {{type: postgres, url: '{as_reader(postgres, 'postgresql')}', table: t}}\n"
    )
    try:
        for arguments in (("--dry-run", "--connect"), ()):
            ended = hygge("go", *arguments, cwd=tmp_path, code=1)
            text = " ".join(ended.text.split())
            assert f"'{user}' may not load it" in text
            assert f'GRANT CREATE, USAGE ON SCHEMA "public" TO "{user}"' in text
    finally:
        postgres.execute(f"DROP OWNED BY {user}; DROP USER {user}")
