"""The Python that was promised, call for call. Each case is a program of its own."""

from __future__ import annotations

import textwrap
from decimal import Decimal
from pathlib import Path

import pytest
from tests.acceptance.support import Parquet, python

CONNECTIONS = {
    "an SQLAlchemy engine": """
        from sqlalchemy import create_engine
        conn = create_engine("sqlite:///shop.db")
    """,
    "an SQLAlchemy connection": """
        from sqlalchemy import create_engine
        conn = create_engine("sqlite:///shop.db").connect()
    """,
    "a URL": """
        conn = "sqlite:///shop.db"
    """,
    "a DB-API connection": """
        import sqlite3
        conn = sqlite3.connect("shop.db", check_same_thread=False)
    """,
    "an ADBC connection": """
        from adbc_driver_sqlite import dbapi
        conn = dbapi.connect("shop.db")
    """,
}


def program(folder: Path, *parts: str, code: int = 0) -> str:
    """Run the parts as one program in a folder; returns all it said."""
    text = "\n".join(textwrap.dedent(part) for part in parts)
    (folder / "program.py").write_text(text, encoding="utf-8")
    done = python("program.py", cwd=folder, code=code)
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_reading_a_home(users: Path, kind: str) -> None:
    said = program(
        users,
        CONNECTIONS[kind],
        """
        import asyncio

        import polars as pl
        from hygge import SQLHome

        home = SQLHome(
            "users",
            connection=conn,
            options={'batch_size': 10_000}
        )

        async def main():
            heights = []
            async for df in home.read():
                assert isinstance(df, pl.DataFrame)
                heights.append(df.height)
            print(heights, df["balance"].dtype, df["created_at"].dtype)

        asyncio.run(main())
        """,
    )
    heights, _, types = said.strip().partition("] ")
    sizes = [int(n) for n in heights.lstrip("[").split(", ")]
    assert sum(sizes) == 25_000
    assert max(sizes) <= 10_000
    assert types == "Decimal(precision=10, scale=2) Datetime(time_unit='us', time_zone=None)"


def test_leaving_the_loop_early(users: Path) -> None:
    said = program(
        users,
        """
        import asyncio
        from hygge import SQLHome

        home = SQLHome("users", connection="sqlite:///shop.db", options={'batch_size': 100})

        async def main():
            async for df in home.read():
                break
            print(df.height, sum([df.height async for df in home.read()]))

        asyncio.run(main())
        """,
    )
    first, rows = map(int, said.split())
    assert 0 < first <= 100
    assert rows == 25_000


def test_a_live_connection_is_left_open(users: Path) -> None:
    said = program(
        users,
        CONNECTIONS["a DB-API connection"],
        """
        from hygge import SQLHome

        print(sum(df.height for df in SQLHome("users", connection=conn).read_sync()))
        print(conn.execute("SELECT count(*) FROM orders").fetchone()[0])
        """,
    )
    assert said.split() == ["25000", "100"]


def test_writing_to_a_store(tmp_path: Path) -> None:
    program(
        tmp_path,
        """
        import asyncio

        import polars as pl
        from hygge import ParquetStore

        store = ParquetStore(
            "users",
            path="data/users",
            options={'compression': 'snappy'}
        )

        async def main():
            for start in (0, 3):
                df = pl.DataFrame({"id": range(start, start + 3), "name": ["Åse", None, ""]})
                await store.write(df)

        asyncio.run(main())
        """,
    )
    copy = Parquet(tmp_path / "data" / "users")
    assert copy.ask("SELECT id, name FROM it ORDER BY id") == [
        (n, ["Åse", None, ""][n % 3]) for n in range(6)
    ]
    parts = copy.folder / "part-*.parquet"
    codecs = copy.ask(f"SELECT DISTINCT compression FROM parquet_metadata('{parts}')")
    assert codecs == [("SNAPPY",)]


def test_a_setting_given_twice(tmp_path: Path) -> None:
    said = program(
        tmp_path,
        """
        from hygge import ConfigError, ParquetStore

        try:
            ParquetStore("users", compression="zstd", options={'compression': 'snappy'})
        except ConfigError as error:
            print(error)
        """,
    )
    assert "'compression' is given both in options and as a keyword" in said


FLOW = """
    import asyncio
    from hygge import Flow, ParquetStore, SQLHome

    flow = Flow(
        home=SQLHome("users"),
        store=ParquetStore("users")
    )

    async def main():
        result = await flow.start()
        print(result.status, result.rows)

    asyncio.run(main())
"""


@pytest.mark.parametrize("route", ["variable", "only connection", "default connection"])
def test_a_flow(users: Path, route: str) -> None:
    """No connection is named: the project's only one, its `default`, or HYGGE_DATABASE_URL."""
    shop = "{type: sqlite, path: shop.db}"
    if route == "only connection":
        (users / "hygge.yml").write_text(f"connections:\n  shop: {shop}\n", encoding="utf-8")
    elif route == "default connection":
        text = f"connections:\n  default: {shop}\n  other: {{type: sqlite, path: other.db}}\n"
        (users / "hygge.yml").write_text(text, encoding="utf-8")
    else:
        (users / ".env").write_text("", encoding="utf-8")
    (users / "program.py").write_text(textwrap.dedent(FLOW), encoding="utf-8")
    env = {"HYGGE_DATABASE_URL": "sqlite:///shop.db"} if route == "variable" else {}
    done = python("program.py", cwd=users, env=env)
    assert done.stdout.split() == ["moved", "25000"]
    copy = Parquet(users / "data" / "users")
    assert copy.count == 25_000
    assert copy.ask("SELECT sum(balance) FROM it") == [(Decimal("3125125.00"),)]


def test_a_flow_with_nowhere_to_start(tmp_path: Path) -> None:
    done = program(
        tmp_path,
        """
        from hygge import ConfigError, Flow, ParquetStore, SQLHome

        try:
            Flow(home=SQLHome("users"), store=ParquetStore("users")).start_sync()
        except ConfigError as error:
            print(error)
        """,
    )
    assert "HYGGE_DATABASE_URL" in done


CONFIG = """\
connections:
  shop: {type: sqlite, path: shop.db}
flows:
  users: {home: {type: sqlite, connection: shop}, store: {type: parquet, path: data/users}}
  orders: {home: {type: sqlite, connection: shop}, store: {type: parquet, path: data/orders}}
"""


@pytest.mark.parametrize(
    ("file", "call"),
    [("hygge.yml", "Coordinator()"), ("custom.yml", 'Coordinator(config_path="custom.yml")')],
)
def test_a_coordinator(users: Path, file: str, call: str) -> None:
    (users / file).write_text(CONFIG, encoding="utf-8")
    said = program(
        users,
        f"""
        import asyncio
        from hygge import Coordinator

        async def main():
            coordinator = {call}
            result = await coordinator.run()
            print(result.status, result.rows, [e.entity for e in result.entities])

        asyncio.run(main())
        """,
    )
    assert said.strip() == "ok 25100 ['users', 'orders']"
    assert Parquet(users / "data" / "users").count == 25_000
    assert Parquet(users / "data" / "orders").count == 100


def test_a_coordinator_with_a_failure(users: Path) -> None:
    """The error carries all results, the successes too."""
    text = CONFIG.replace("  orders: {home: {", "  orders: {home: {table: gone, ")
    (users / "hygge.yml").write_text(text, encoding="utf-8")
    said = program(
        users,
        """
        import asyncio
        from hygge import Coordinator, RunFailed

        async def main():
            try:
                await Coordinator().run()
            except RunFailed as failed:
                print({e.entity: e.status for e in failed.result.entities})

        asyncio.run(main())
        """,
    )
    assert said.strip() == "{'users': 'moved', 'orders': 'failed'}"
    assert Parquet(users / "data" / "users").count == 25_000


CUSTOM = '''
    import polars as pl
    from hygge import Home, Store

    class MyHome(Home):
        """Three readings, one after the other."""
        async def read_batches(self):
            for day in (1, 2, 3):
                yield pl.DataFrame({"day": [day], "degrees": [day + 0.5]})

    class MyStore(Store):
        """Keeps what it is given in a file of lines."""
        async def write(self, df):
            with open("readings.ndjson", "ab") as file:
                df.write_ndjson(file)
'''
READINGS = '{"day":1,"degrees":1.5}\n{"day":2,"degrees":2.5}\n{"day":3,"degrees":3.5}\n'


def test_custom_connectors(tmp_path: Path) -> None:
    said = program(
        tmp_path,
        CUSTOM,
        """
        import asyncio
        from hygge import Flow

        result = asyncio.run(Flow(home=MyHome(), store=MyStore(), full_append=True).start())
        print(result.status, result.rows)
        """,
    )
    assert said.split() == ["moved", "3"]
    assert (tmp_path / "readings.ndjson").read_text(encoding="utf-8") == READINGS


def test_custom_connectors_read_and_write_alone(tmp_path: Path) -> None:
    said = program(
        tmp_path,
        CUSTOM,
        """
        import asyncio

        async def main():
            async for df in MyHome().read():
                await MyStore().write(df)
            print(df["day"].to_list())

        asyncio.run(main())
        """,
    )
    assert said.strip() == "[3]"
    assert (tmp_path / "readings.ndjson").read_text(encoding="utf-8") == READINGS


def test_custom_connectors_by_type(tmp_path: Path) -> None:
    """Kept beside the project's file, they are found by `type: my`."""
    home, _, store = textwrap.dedent(CUSTOM).partition("class MyStore")
    (tmp_path / "homes").mkdir()
    (tmp_path / "stores").mkdir()
    (tmp_path / "homes" / "my.py").write_text(home, encoding="utf-8")
    text = f"from hygge import Store\n\nclass MyStore{store}"
    (tmp_path / "stores" / "my.py").write_text(text, encoding="utf-8")
    flow = "{home: {type: my}, store: {type: my}, full_append: true}"
    (tmp_path / "hygge.yml").write_text(f"flows:\n  readings: {flow}\n", encoding="utf-8")
    python("-m", "hygge", "go", cwd=tmp_path)
    assert (tmp_path / "readings.ndjson").read_text(encoding="utf-8") == READINGS


def test_custom_connectors_with_nothing_in_them_yet(tmp_path: Path) -> None:
    said = program(
        tmp_path,
        """
        import asyncio
        from hygge import DataError, Flow, Home, Store

        class MyHome(Home):
            async def read_batches(self):
                pass

        class MyStore(Store):
            async def write(self, df):
                pass

        try:
            asyncio.run(Flow(home=MyHome(), store=MyStore(), full_append=True).start())
        except DataError as error:
            print(error)
        """,
    )
    assert "MyHome.read_batches() gave no batches" in said
    assert "hint: `yield` at least one DataFrame" in said
