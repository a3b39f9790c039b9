"""OpenSSH's server, for tests of tunnels: run by a test itself, never as the machine's own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.base import Broken, Missing
from tests.servers.daemon import PATIENCE, free_port


class SSH:
    """What `install` looks for and gets."""

    name = "OpenSSH's server"
    installers = (("apt-get", "install", "--no-install-recommends", "openssh-server"),)

    def find(self) -> None:
        """Nothing, if it is here. Raises Missing."""
        sshd()


def sshd() -> str:
    """The server's path. Raises Missing."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if found is None or shutil.which("ssh-keygen") is None:
        raise Missing(f"{SSH.name} is missing; to install it: apt-get install openssh-server")
    return found


@dataclass(frozen=True)
class SSHServer:
    """One that is up, for the user who runs the tests.

    Parameters
    ----------
    port: on this machine.
    user: whom it lets in.
    folder: with the key `user` that it lets in, and `known_hosts`.
    """

    port: int
    user: str
    folder: Path


@contextmanager
def ssh_server(folder: Path) -> Iterator[SSHServer]:
    """An sshd with keys of its own in a folder, until the end of the `with`. Raises Missing."""
    program, port = sshd(), free_port()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it insists on it as root
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
        f"PidFile none\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\n"
    )
    host_key = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise Broken((folder / "log").read_text())
            time.sleep(0.02)
        yield SSHServer(port, getpass.getuser(), folder)
    finally:
        server.terminate()
        server.wait(10)


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
