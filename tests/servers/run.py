"""Servers for the length of a run: started when first asked for, shared by all of its processes.

A run is a folder with a pipe in it, held open by the process that began the run. Each server has a
keeper, a process that started it and reads from that pipe. When the pipe ends, because the run has
ended or was killed, however brutally, the keeper stops its server and removes what it wrote.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from tests.servers.base import Broken, Database, Kind
from tests.servers.daemon import PATIENCE, Daemon

ROOT = Path(__file__).parents[2]
POLL = 0.01

# A database is some 300 files: made in memory in 30 ms, on a disk in up to 250.
MEMORY = "/dev/shm"
ROOM = 4 << 30


class Run:
    """What the processes of a run share: a folder, and through it the servers."""

    def __init__(self, folder: Path, pipe: int | None = None) -> None:
        self.folder = folder
        self._pipe = pipe

    @classmethod
    def begin(cls, *, small: bool = False) -> Run:
        """A new run; end it, or use it in a `with`. A small one may be kept in memory."""
        if os.name != "posix":
            return cls(Path())  # no server is started there
        # Not in TMPDIR, which the servers' user may not be let into, and whose name may be too long
        # for a socket's.
        place = MEMORY if small and roomy(MEMORY) else "/tmp"
        folder = Path(tempfile.mkdtemp(prefix="hygge-", dir=place))
        folder.chmod(0o711)
        os.mkfifo(folder / "pipe", mode=0o600)
        # For reading too, since opening only for writing waits for a reader.
        return cls(folder, os.open(folder / "pipe", os.O_RDWR))

    @classmethod
    def join(cls, folder: str) -> Run:
        """The run that another process began in a folder."""
        return cls(Path(folder))

    def end(self) -> None:
        """Stop every server of the run, and wait until nothing is left of it."""
        if self._pipe is None:
            return
        os.close(self._pipe)
        self._pipe = None
        deadline = time.monotonic() + PATIENCE
        with suppress(FileNotFoundError):  # the last keeper removes the folder, perhaps as we look
            while any(self.folder.glob("*.claim")) and time.monotonic() < deadline:
                time.sleep(POLL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def server(self, kind: Kind, *, own: bool = False) -> Server:
        """The run's server, started if it is not up; with `own`, never one that others use too.

        Raises Missing where there is none, and Broken where it does not start.
        """
        if not own and (running := kind.running()):
            return Server(kind, running)
        kind.installed()
        state = self.folder / f"{kind.key}.json"
        claim = self.folder / f"{kind.key}.claim"
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            pass  # somebody else has it started
        else:
            try:
                self._keep(kind)
            except BaseException:
                claim.unlink(missing_ok=True)
                raise
        deadline = time.monotonic() + 1.5 * PATIENCE
        while not state.exists():
            if time.monotonic() > deadline or not claim.exists():
                raise Broken(f"{kind.name} did not start")
            time.sleep(POLL)
        told = json.loads(state.read_text())
        if "error" in told:
            raise Broken(told["error"])
        return Server(kind, kind.database(**told["admin"]), state)

    def _keep(self, kind: Kind) -> None:
        """Start a keeper, which detaches itself: neither Ctrl-C nor our end is its own."""
        with (self.folder / f"{kind.key}.log").open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "tests.servers", kind.key, "--keep", self.folder],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                start_new_session=True,
            )


def roomy(place: str) -> bool:
    """Whether a folder has room for servers, and programs may run from there."""
    try:
        state = os.statvfs(place)
    except OSError:
        return False
    may_run = not state.f_flag & getattr(os, "ST_NOEXEC", 0)
    return may_run and os.access(place, os.W_OK) and state.f_bavail * state.f_frsize > ROOM


def keep(kind: Kind, folder: Path) -> None:
    """Be the keeper of a server: start it, tell the run, and stop it when the run is over."""
    if os.fork():
        os._exit(0)
    state = folder / f"{kind.key}.json"
    daemon = Daemon(kind, folder / kind.key)
    starts = 0

    def tell(**what: object) -> None:
        fresh = state.with_suffix(".new")
        fresh.write_text(json.dumps({"keeper": os.getpid(), **what}))
        fresh.replace(state)

    def start() -> None:
        nonlocal starts
        try:
            if not starts:
                daemon.prepare()
            daemon.stop()
            admin = daemon.start()
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits to be told
            tell(error=str(error) if isinstance(error, Broken) else repr(error))
        else:
            starts += 1
            tell(admin=asdict(admin), starts=starts)

    signal.signal(signal.SIGHUP, lambda *_: start())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        # Not to wait for somebody to hold it: who began the run may have died already.
        pipe = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(pipe, True)
        start()
        os.read(pipe, 1)
    finally:
        daemon.remove()
        (folder / f"{kind.key}.claim").unlink(missing_ok=True)
    if not any(folder.glob("*.claim")):
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A server that is up, and the databases made on it."""

    def __init__(self, kind: Kind, admin: Database, state: Path | None = None) -> None:
        self.kind = kind
        self.admin = admin
        self._state = state  # of its keeper, if it is ours
        self._made: list[str] = []

    def new_database(self) -> Database:
        """A fresh, empty database, dropped when the server is closed."""
        name = f"hygge_{secrets.token_hex(6)}"
        self.admin.create(name)
        self._made.append(name)
        return replace(self.admin, database=name)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A fresh, empty database, dropped at the end of the `with`."""
        made = self.new_database()
        try:
            yield made
        finally:
            self.admin.drop(made.database)
            self._made.remove(made.database)

    def restart(self) -> None:
        """Crash it and start it again, on the same port and with the data it had.

        For a server of one's own: one that a run shares would be pulled from under other tests.
        """
        if self._state is None:
            raise Broken(f"{self.kind.name} was started by somebody else")
        told = json.loads(self._state.read_text())
        os.kill(told["keeper"], signal.SIGHUP)
        while json.loads(self._state.read_text()).get("starts") == told["starts"]:
            time.sleep(POLL)
        self.admin.execute("SELECT 1;")

    def close(self) -> None:
        """Drop the databases that are left."""
        while self._made:
            with suppress(Broken):
                self.admin.drop(self._made.pop())

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
