"""OpenSSH's server, for tests of tunnels: run by a test itself, never as the machine's own."""

from __future__ import annotations

import os
import shutil

from tests.servers.base import Missing


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
