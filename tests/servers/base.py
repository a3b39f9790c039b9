"""What every server for tests has in common: its kind, and a database on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

USER, PASSWORD = "hygge", "Quiet-Lantern-7"

# Where the servers live. It has daylight saving, so that who forgets about zones is found out.
ZONE = "Europe/Copenhagen"


class Missing(Exception):
    """There is no such server here; the message says how to get one."""


class Broken(Exception):
    """There is such a server, but it does not do as told."""


@dataclass(frozen=True)
class Database(ABC):
    """A database: where it is, and a way in through the server's own client, not through hygge."""

    host: str
    port: int
    user: str
    password: str
    database: str
    client: str  # the path of psql or mariadb
    socket: str | None = None  # for PostgreSQL the folder of it, as its drivers want

    scheme: ClassVar[str]
    default_port: ClassVar[int]
    default_database: ClassVar[str]

    @classmethod
    def at(cls, url: str, client: str) -> Database:
        """The database that a URL names."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or cls.default_port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.lstrip("/")) or cls.default_database,
            client=client,
        )

    @property
    def url(self) -> str:
        """The address, as SQLAlchemy and hygge take it."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{who}@{host}:{self.port}/{quote(self.database, safe='')}"

    def execute(self, script: str) -> str:
        """What the server answers to an SQL script, as its client prints it: a row a line.

        Stops at the first error, and raises Broken with what the client says.
        """
        return self._ask(script)

    @abstractmethod
    def rows(self, query: str) -> list[tuple[str | None, ...]]:
        """The rows of a query, each value as the server writes it and NULL as None."""

    @abstractmethod
    def kill_backends(self) -> None:
        """Cut every other connection to this database, as a server that goes down would."""

    @abstractmethod
    def create(self, name: str) -> None:
        """Make an empty database beside this one."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""

    @abstractmethod
    def arguments(self) -> Sequence[str]:
        """How the client is called."""

    @abstractmethod
    def secrets(self) -> Mapping[str, str]:
        """What the client finds in its environment."""

    def _ask(self, script: str, *options: str) -> str:
        # The developer's own settings (PGHOST, PGOPTIONS, MYSQL_HOST ...) are not for this server.
        clean = {
            k: v for k, v in os.environ.items() if not k.startswith(("PG", "MYSQL", "MARIADB"))
        }
        try:
            done = subprocess.run(
                [self.client, *self.arguments(), *options],
                input=script.encode(),
                env={**clean, **self.secrets()},
                capture_output=True,
                timeout=100,
            )
        except subprocess.TimeoutExpired as error:
            raise Broken(f"no answer in {error.timeout:g} s to: {script[:200]}") from None
        if done.returncode:
            raise Broken(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode()


class Kind(ABC):
    """A kind of server: where to find it, how to start it."""

    key: ClassVar[str]  # as the command line and the fixtures call it
    name: ClassVar[str]
    variable: ClassVar[str]  # the environment variable that names a running one
    users: ClassVar[tuple[str, ...]]  # who runs it when we are root; the first there is
    stop_signal: ClassVar[str]
    database: ClassVar[type[Database]]
    installers: ClassVar[tuple[tuple[str, ...], ...]]  # commands that get one, where they exist

    @abstractmethod
    def client(self) -> str:
        """The path of the server's own client. Raises Missing."""

    @abstractmethod
    def programs(self) -> Path:
        """Where the server's programs are. Raises Missing."""

    @abstractmethod
    def prepare(self, folder: Path) -> Sequence[str]:
        """The command that makes an empty server in a folder."""

    @abstractmethod
    def command(self, folder: Path, port: int) -> Sequence[str]:
        """The command that serves what is in a folder."""

    @abstractmethod
    def admin(self, folder: Path, port: int) -> Database:
        """The database to make others from."""

    def running(self) -> Database | None:
        """A server that is up already, if the environment names one."""
        url = os.environ.get(self.variable)
        return self.database.at(url, self.client()) if url else None

    def find(self) -> None:
        """Nothing, if there is one here or a running one is named. Raises Missing."""
        if not self.running():
            self.installed()

    def installed(self) -> None:
        """Nothing, if one can be started here. Raises Missing."""
        if os.name != "posix":
            raise self.missing()  # how to start one there has not been written
        self.programs()
        self.client()

    def hint(self) -> str:
        """The command that installs it."""
        for command in self.installers:
            if shutil.which(command[0]):
                return " ".join(command)
        return f"install the package of {self.name}"

    def missing(self) -> Missing:
        """What to raise where there is none."""
        return Missing(
            f"{self.name} is missing; to install it: {self.hint()} (or name a running one in "
            f"{self.variable})"
        )


def look_for(program: str, folders: Sequence[str] = ()) -> str | None:
    """The path of a program, in the PATH or in folders that are often not on it."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *folders]))
