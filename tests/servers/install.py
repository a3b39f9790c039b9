"""Installs the servers that the tests need and this machine lacks, where that can be done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable

from tests.servers.base import Kind, Missing
from tests.servers.odbc import ODBC

# Nothing is removed for it: a server of another make that somebody uses stays.
INSTALL = (
    "--yes", "--no-remove", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2",
    "-o", "Acquire::http::Timeout=30",
)  # fmt: skip


def install(kinds: Iterable[Kind | ODBC]) -> None:
    """Install what is missing, or say what to install: the tests decide whether they need it."""
    for kind in kinds:
        for program, *arguments in kind.installers:
            if lacks(kind) and program == "apt-get" and os.geteuid() == 0:
                apt_get(*arguments)
        if missing := lacks(kind):
            print(missing, file=sys.stderr)


def lacks(kind: Kind | ODBC) -> Missing | None:
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
        for command in (["update"], [*arguments, *INSTALL]):
            subprocess.run([program, "--quiet", *command], env=environment, timeout=600)
