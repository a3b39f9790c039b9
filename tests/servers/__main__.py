"""A server to try things on: `python -m tests.servers postgres`, or `mariadb`.

Prints the address of a fresh database and stays up until Ctrl-C.
"""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from pathlib import Path

from tests.servers import KINDS, Broken, Missing, server_of
from tests.servers.install import install
from tests.servers.mssql import MSSQLDriver
from tests.servers.objects import Azurite
from tests.servers.odbc import ODBC
from tests.servers.run import keep
from tests.servers.ssh import SSH


def main() -> str | None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("kind", choices=[*KINDS, "install"], help="what to start or do")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.kind == "install":
        install([*KINDS.values(), MSSQLDriver(), ODBC(), SSH(), Azurite()])
        return None
    kind = KINDS[given.kind]
    if given.keep:
        keep(kind, given.keep)
        return None
    try:
        with server_of(kind, own=True) as server, suppress(KeyboardInterrupt):
            print(server.new_database().url, flush=True)
            signal.pause()
    except (Missing, Broken) as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
