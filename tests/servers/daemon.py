"""A server's process and its folder: made, started, stopped and removed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.base import ZONE, Broken, Database, Kind

PATIENCE = 60.0  # seconds until a server must be up


class Daemon:
    """A server that this process started, in a folder of its own."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the folder and an empty server in it."""
        self.folder.mkdir(mode=0o700)
        command = self.kind.prepare(self.folder)
        if user := who(self.kind.users):
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user["user"], user["group"])
        if self._run(command).wait():
            raise Broken(f"{self.kind.name} could not be set up\n{self.log()}")

    def start(self) -> Database:
        """Start it, and give its database once it answers."""
        for _ in range(3):
            self.process = self._run(self.kind.command(self.folder, self.port))
            admin = self.kind.admin(self.folder, self.port)
            if self._answers(admin):
                return admin
            self.port = free_port()  # somebody may have taken the other one meanwhile
        raise Broken(f"{self.kind.name} did not start\n{self.log()}")

    def _answers(self, admin: Database) -> bool:
        """Whether it comes up; no if it ends instead."""
        assert self.process is not None
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            try:
                admin.execute("SELECT 1;")
            except Broken:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return True
        return False

    def stop(self) -> None:
        """Stop it at once, as a crash would; what is in its folder is good for another start."""
        if self.process is None:
            return
        for how in (self.kind.stop_signal, "SIGKILL"):
            self.process.send_signal(signal.Signals[how])
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                continue
            self.process = None
            return

    def remove(self) -> None:
        """Stop it and remove all it wrote."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """The last of what the server said."""
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:])

    def _run(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ.get("PATH", os.defpath), "TZ": ZONE, "LC_ALL": "C"},
                **who(self.kind.users),
            )


def who(users: Sequence[str]) -> dict[str, Any]:
    """Whom a server runs as, as subprocess takes it: root is refused by some, so not as root."""
    if os.geteuid() != 0:
        return {}
    import pwd  # not on Windows, where this module is imported all the same

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = next(known[name] for name in users if name in known)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
