"""Installs the servers that the tests need and this machine lacks, where that can be done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.base import Kind, Missing
from tests.servers.mssql import MSSQLDriver
from tests.servers.objects import Azurite
from tests.servers.odbc import ODBC
from tests.servers.ssh import SSH

# Nothing is removed for it: a server of another make that somebody uses stays.
INSTALL = (
    "--yes", "--no-remove", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2",
    "-o", "Acquire::http::Timeout=30",
)  # fmt: skip
Wanted = Kind | MSSQLDriver | ODBC | SSH | Azurite
POLICY = Path("/usr/sbin/policy-rc.d")


def install(kinds: Iterable[Wanted]) -> None:
    """Install what is missing, or say what to install: the tests decide whether they need it."""
    for kind in kinds:
        if isinstance(kind, Azurite) and lacks(kind):
            kind.install()
        for program, *arguments in kind.installers:
            if lacks(kind) and program == "apt-get" and os.geteuid() == 0:
                apt_get(*arguments)
        if missing := lacks(kind):
            print(missing, file=sys.stderr)


def lacks(kind: Wanted) -> Missing | None:
    """What is missing, if anything is."""
    try:
        kind.find()
    except Missing as error:
        return error
    return None


def apt_get(*arguments: str) -> None:
    """Have Debian's packages installed; it says itself what goes wrong."""
    if program := shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        with without_services(POLICY):
            for command in (["update"], [*arguments, *INSTALL]):
                subprocess.run([program, "--quiet", *command], env=environment, timeout=600)


@contextmanager
def without_services(policy: Path) -> Iterator[None]:
    """Let no package start a service of the machine's (Debian Policy, 9.3.3.2: invoke-rc.d)."""
    ours = policy.parent.is_dir() and not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink()
