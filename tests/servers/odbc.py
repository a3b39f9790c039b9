"""The ODBC drivers of the servers: Debian's, with the driver manager that they need."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.servers.base import Missing

FOLDERS = ("/usr/lib/x86_64-linux-gnu/odbc", "/usr/lib/aarch64-linux-gnu/odbc", "/usr/lib/odbc",
           "/usr/lib64", "/opt/homebrew/lib")  # fmt: skip


class ODBC:
    """What `install` looks for and gets."""

    name = "ODBC's drivers"
    installers = (
        (
            "apt-get",
            "install",
            "libodbc2",
            "libltdl7",
            "odbcinst",
            "odbc-postgresql",
            "odbc-mariadb",
        ),
    )  # fmt: skip

    def find(self) -> None:
        """Nothing, if the drivers are here. Raises Missing."""
        for library in ("psqlodbcw.so", "libmaodbc.so"):
            driver(library)


def driver(library: str) -> str:
    """The path of a driver. Raises Missing."""
    for folder in FOLDERS:
        if (path := Path(folder, library)).is_file():
            return str(path)
    (program, _, *packages), *_ = ODBC.installers
    how = f"{program} install {' '.join(packages)}" if shutil.which(program) else "its package"
    raise Missing(f"{ODBC.name} are missing ({library}); to install them: {how}")
