"""What the driver of SQL Server needs of the system: libraries that its wheel does not carry."""

from __future__ import annotations

import ctypes
import shutil
import sys

from tests.servers.base import Missing

LIBRARIES = ("libltdl.so.7", "libkrb5.so.3", "libgssapi_krb5.so.2")
"""As the wheel's libmsodbcsql has them in its NEEDED entries."""


class MSSQLDriver:
    """What `install` looks for and gets."""

    name = "mssql-python's libraries"
    installers = (
        ("apt-get", "install", "--no-install-recommends", "libltdl7", "libkrb5-3",
         "libgssapi-krb5-2"),
    )  # fmt: skip

    def find(self) -> None:
        """Nothing, if they are here, or of no use on this system. Raises Missing."""
        if not sys.platform.startswith("linux"):
            return
        for library in LIBRARIES:
            try:
                ctypes.CDLL(library)
            except OSError:
                (program, _, _, *packages), *_ = self.installers
                how = f"{program} install {' '.join(packages)}"
                how = how if shutil.which(program) else "their packages"
                raise Missing(
                    f"{self.name} are missing ({library}); to install them: {how}"
                ) from None
