"""SSH tunnels to servers that are not reached directly: one `ssh` process for each, kept in this
process and shared by every connection through it.

The system's own OpenSSH is used, so that its configuration, agent and known hosts hold as they do
everywhere else: https://man.openbsd.org/ssh
"""

from __future__ import annotations

import atexit
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Self

from pydantic import Field

from hygge.core.errors import ConnectError, MissingDriver
from hygge.core.secrets import redact
from hygge.core.settings import Settings

HERE = "127.0.0.1"
TRIES = 3
"""Another process may take the port that was free a moment ago."""


class Tunnel(Settings):
    """A machine that reaches the server, and who may use it."""

    host: str = Field(
        pattern=r"^[^-\s]\S*$", description="The machine that is connected to, as for `ssh`",
        examples=["bastion.example.com"],
    )  # fmt: skip
    port: int | None = Field(default=None, ge=1, le=65535, description="Its port; 22 if left out")
    user: str | None = Field(
        default=None, pattern=r"^[^-\s]\S*$", description="Who connects", examples=["hygge"]
    )
    key_file: str | None = Field(
        default=None, description="The private key; what ssh itself finds if left out",
        examples=["~/.ssh/id_ed25519"],
    )  # fmt: skip
    known_hosts: str | None = Field(
        default=None, description="A file of host keys that are trusted, instead of ssh's own"
    )

    def bind(self, root: Path) -> Self:
        """With the paths of files resolved against a folder."""
        files = {n: getattr(self, n) for n in ("key_file", "known_hosts")}
        return self.model_copy(
            update={n: str(root / Path(f).expanduser()) for n, f in files.items() if f}
        )

    def command(self, local: int, host: str, port: int, timeout_s: float) -> list[str]:
        """What is run: nothing is asked, and an unknown host key is refused."""
        options = {
            "BatchMode": "yes", "ExitOnForwardFailure": "yes",
            "ConnectTimeout": str(max(1, round(timeout_s))),
            "ServerAliveInterval": "15", "ServerAliveCountMax": "4", "ControlPath": "none",
        }  # fmt: skip
        if self.known_hosts is not None:
            options["UserKnownHostsFile"] = self.known_hosts
            options["GlobalKnownHostsFile"] = "none"
        if self.key_file is not None:
            options["IdentitiesOnly"] = "yes"
        far = f"[{host}]" if ":" in host else host
        return [
            "ssh", "-N", "-T", "-L", f"{HERE}:{local}:{far}:{port}",
            *(part for name, value in options.items() for part in ("-o", f"{name}={value}")),
            *(("-p", str(self.port)) if self.port else ()),
            *(("-i", self.key_file) if self.key_file else ()),
            *(("-l", self.user) if self.user else ()), "--", self.host,
        ]  # fmt: skip


def through(tunnel: Tunnel, host: str, port: int, timeout_s: float) -> tuple[str, int]:
    """Where a server is reached through a tunnel, which is opened if it is not yet, or not any
    more.

    Parameters
    ----------
    tunnel: bound.
    host, port: the server, as the tunnel's machine sees it.
    timeout_s: how long opening may take.

    Raises
    ------
    ConnectError: it cannot be opened; with what ssh says.
    MissingDriver: there is no ssh.
    """
    with _lock:
        key = (tunnel, host, port)
        found = _open.get(key)
        if found is not None and found.process.poll() is not None:
            found.stop()
            found = None
        if found is None:
            found = _open[key] = _opened(tunnel, host, port, timeout_s)
        return HERE, found.port


class _Running:
    def __init__(self, command: list[str], port: int) -> None:
        self.port = port
        self.said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives with the process
        try:
            self.process = subprocess.Popen(  # noqa: S603 - made by `Tunnel.command`
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.said
            )
        except FileNotFoundError as error:
            self.said.close()
            missing = MissingDriver("ssh", "")
            missing.hint = "install OpenSSH's client"
            raise missing from error

    def words(self) -> str:
        self.said.seek(0)
        return redact(self.said.read().decode(errors="replace").strip())

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.said.close()


_open: dict[tuple[Tunnel, str, int], _Running] = {}
_lock = threading.Lock()


def _opened(tunnel: Tunnel, host: str, port: int, timeout_s: float) -> _Running:
    said = ""
    for _ in range(TRIES):
        local = _free_port()
        running = _Running(tunnel.command(local, host, port, timeout_s), local)
        deadline = time.monotonic() + timeout_s + 1
        while running.process.poll() is None and time.monotonic() < deadline:
            if _answers(local):
                return running
            time.sleep(0.05)
        late, said = running.process.poll() is None, running.words()
        running.stop()
        if late or "in use" not in said:
            break
    by_hand = " ".join(["ssh", *(["-l", tunnel.user] if tunnel.user else []), tunnel.host])
    raise ConnectError(
        f"the tunnel through {tunnel.host} cannot be opened: {said or 'it takes too long'}",
        hint=f"the same must work by hand: {by_hand}",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HERE, port)) == 0


def close_tunnels() -> None:
    """End every tunnel of this process."""
    with _lock:
        running = list(_open.values())
        _open.clear()
    for one in running:
        one.stop()


atexit.register(close_tunnels)
