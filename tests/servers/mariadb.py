"""MariaDB for tests, as installed. It stands for MySQL too: same protocol, same client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.servers.base import PASSWORD, USER, Broken, Database, Kind, look_for

# Where packages put the programs, off the PATH of ordinary users.
FOLDERS = (
    "/usr/sbin", "/usr/libexec", "/usr/local/sbin",
    "/opt/homebrew/opt/mariadb/bin", "/usr/local/opt/mariadb/bin",
)  # fmt: skip
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class MariaDatabase(Database):
    """A database in MariaDB or MySQL."""

    scheme = "mysql"
    default_port = 3306
    default_database = "mysql"

    def arguments(self) -> Sequence[str]:
        return [
            "--no-defaults", "--protocol=tcp", f"--host={self.host}", f"--port={self.port}",
            f"--user={self.user}", f"--database={self.database}", "--batch",
            "--skip-column-names", "--default-character-set=utf8mb4", "--binary-mode",
            "--unbuffered",
        ]  # fmt: skip

    def secrets(self) -> Mapping[str, str]:
        return {"MYSQL_PWD": self.password}

    def rows(self, query: str) -> list[tuple[str | None, ...]]:
        # Only as XML does the client tell NULL from the text 'NULL'. A reader of XML takes a bare
        # carriage return for a line's end, and takes no other control character at all.
        text = self._ask(query, "--xml").replace("\r", "&#13;")
        document = ElementTree.fromstring(text)
        return [
            tuple(None if NIL in value.attrib else value.text or "" for value in row)
            for row in document.iter("row")
        ]

    def kill_backends(self) -> None:
        self._kill(self.database)

    def create(self, name: str) -> None:
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")

    def drop(self, name: str) -> None:
        self._kill(name)  # or a transaction somebody left open would have us wait for its locks
        self.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def _kill(self, name: str) -> None:
        others = self.rows(
            "SELECT id FROM information_schema.processlist "
            f"WHERE db = '{name}' AND id <> connection_id()"
        )
        for (number,) in others:
            try:
                self.execute(f"KILL {number}")
            except Broken as error:
                if "Unknown thread" not in str(error):  # it went by itself meanwhile
                    raise


class MariaDB(Kind):
    """MariaDB, as installed."""

    key = "mariadb"
    name = "MariaDB"
    variable = "HYGGE_TEST_MYSQL_URL"
    users = ("mysql", "nobody")
    stop_signal = "SIGKILL"  # one process, and nothing of it is kept
    database = MariaDatabase
    # Debian's are the programs alone: no service that would be started, no configuration.
    installers = (
        ("apt-get", "install", "--no-install-recommends", "mariadb-server-core",
         "mariadb-client-core"),
        ("dnf", "install", "mariadb-server"),
        ("brew", "install", "mariadb"),
    )  # fmt: skip

    def programs(self) -> Path:
        server = look_for("mariadbd", FOLDERS)
        if server is None or look_for("mariadb-install-db", FOLDERS) is None:
            raise self.missing()
        return Path(server).parent

    def client(self) -> str:
        found = look_for("mariadb", FOLDERS) or look_for("mysql", FOLDERS)
        if found is None:
            raise self.missing()
        return found

    def prepare(self, folder: Path) -> Sequence[str]:
        statements = (
            f"CREATE OR REPLACE USER {USER}@'{host}' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO {USER}@'{host}' WITH GRANT OPTION;\n"
            for host in ("localhost", "%")
        )
        (folder / "users.sql").write_text("".join(statements))
        (folder / "tmp").mkdir()
        program = look_for("mariadb-install-db", FOLDERS)
        assert program is not None
        return [
            program, "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db",
            "--skip-name-resolve", *self._fast(),
        ]  # fmt: skip

    def command(self, folder: Path, port: int) -> Sequence[str]:
        return [
            str(self.programs() / "mariadbd"), "--no-defaults", f"--datadir={folder / 'data'}",
            f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}",
            "--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve",
            f"--init-file={folder / 'users.sql'}", "--character-set-server=utf8mb4",
            f"--tmpdir={folder / 'tmp'}",  # a server that starts clears it of all others' files
            "--max-connections=300", "--innodb-flush-log-at-trx-commit=2",
            "--innodb-doublewrite=0", "--skip-log-bin", *self._fast(),
        ]  # fmt: skip

    def admin(self, folder: Path, port: int) -> Database:
        return MariaDatabase(
            "127.0.0.1", port, USER, PASSWORD, "mysql", self.client(), str(folder / "socket")
        )

    def _fast(self) -> Sequence[str]:
        """Commits survive a crash of the server, but not a power cut, as nothing here need."""
        return ["--debug-no-sync", "--innodb-use-native-aio=0", "--innodb-log-file-size=64M"]


MARIADB = MariaDB()
